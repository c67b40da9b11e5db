package clientd

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

// A request is what an operator asks of a seat; the machines of both families
// know them by the same numbers.
type request uint8

const (
	askRenew request = iota
	askRelease
	askInform
)

// A seat is one client on one interface.
type seat struct {
	program string // whose machine it is: dhcp4c, dhcp6c
	iface   string
	link    config.ClientLink // what it was opened with

	ask   func(request) bool // false: it has not got round to what it was asked before
	clock chan time.Duration
	run   func(context.Context) error // lives the client's life
	drop  func()                      // takes back what opening has opened, in place of run

	pair   *ipc.ClientConn // the end of dhcp4c, where both are in this process
	inside *seat           // of dhcp4c then, which has nowhere to go without this one
	door   *control.Server // nil: nobody may command it
	ctx    context.Context
	stop   context.CancelFunc

	mu      sync.Mutex
	now     picture
	settled chan struct{} // closed when there is a lease, or the configuration asked for
	ended   chan struct{} // closed when run has returned
	err     error         // of run; to be read when it has ended
}

// asks is how many requests may wait for a client.
const asks = 4

// A picture is how a client stands, as status-get tells it.
type picture struct {
	Client    string          `json:"client"`
	Version   string          `json:"version"`
	Interface string          `json:"interface"`
	PID       int             `json:"pid"`
	State     string          `json:"state"`
	Since     time.Time       `json:"since,omitzero"`
	Next      time.Time       `json:"next,omitzero"` // when something is due
	Lease     json.RawMessage `json:"lease,omitempty"`

	record any // what Lease is made of when somebody asks
}

func newSeat(program, iface string, link *config.ClientLink) *seat {
	s := &seat{program: program, iface: iface, link: *link, ask: func(request) bool { return false },
		clock: make(chan time.Duration, 1), settled: make(chan struct{}), ended: make(chan struct{})}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// offer puts v into a channel that has room.
func offer[T any](to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	default:
		return false
	}
}

// put asks something of the client; false when it has ended, or is busy.
func (s *seat) put(r request) bool {
	select {
	case <-s.ended:
		return false
	default:
		return s.ask(r)
	}
}

// live runs the client until it ends, ctx does, or stop is called. What was asked
// through the control socket meanwhile is still answered.
func (s *seat) live(ctx context.Context) {
	defer context.AfterFunc(ctx, s.stop)()
	s.err = say(s.iface, s.run(s.ctx))
	close(s.ended)
	s.shut()
	if s.inside != nil {
		s.inside.stop()
	}
}

// shut closes the control socket.
func (s *seat) shut() {
	s.stop()
	if s.door != nil {
		s.door.Close()
	}
}

// discard takes back a seat that has never lived.
func (s *seat) discard() {
	if s.drop != nil {
		s.drop()
	}
	s.shut()
}

// watch notes how the client stands, and reports whether the state is a new one.
func (s *seat) watch(state string, since, next time.Time, record any, settled bool) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = s.now.State != state
	s.now.State, s.now.Since, s.now.Next, s.now.record = state, since, next, record
	if settled {
		select {
		case <-s.settled:
		default:
			close(s.settled)
		}
	}
	return changed
}

// look returns how the client stands.
func (s *seat) look() (picture, error) {
	s.mu.Lock()
	p := s.now
	s.mu.Unlock()
	if p.record == nil {
		return p, nil
	}
	var err error
	p.Lease, err = json.Marshal(p.record)
	return p, err
}
