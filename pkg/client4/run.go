package client4

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// RunOptions are what Run works with. All but System may be left out.
type RunOptions struct {
	System hostconf.System
	Store  Store
	Log    *zap.Logger
	Ask    <-chan Request       // what the operator wants
	Clock  <-chan time.Duration // for how long the host slept; 0: the wall clock was set
	Watch  func(Status)         // called after each step; it must not wait

	// Release has the lease of the record given up, and nothing else done.
	Release bool
}

// A Request is what an operator asks of a running client.
type Request uint8

// The requests.
const (
	AskRenew   Request = iota // extend the lease now, or try at once to get one
	AskRelease                // give it up; Run ends
	AskInform                 // ask for the configuration anew
)

// Status is how a client stands.
type Status struct {
	State  State
	Since  time.Time // of the state
	Next   time.Time // when something is due; zero: nothing
	Record *Record   // the lease in force; nil: none
}

// Run lives the life of m until it has ended: when ctx ends, with the lease kept,
// or when the lease has been released. It closes c, and returns when nothing that
// it started goes on any more.
func Run(ctx context.Context, m *Machine, c Carrier, o RunOptions) error {
	r := &runner{m: m, c: c, o: o, log: o.Log, events: make(chan Event), done: make(chan struct{}), timer: time.NewTimer(0)}
	if r.log == nil {
		r.log = zap.NewNop()
	}
	r.timer.Stop()
	r.ready = c.Ready()
	if g, ok := c.(Guard); ok {
		r.conflicts = g.Conflicts()
	}
	r.wait.Go(r.receive)
	defer func() {
		close(r.done)
		_ = c.Close() // there is nothing more to send
		r.timer.Stop()
		r.wait.Wait()
	}()
	r.ctx = context.WithoutCancel(ctx) // the last change has to be carried out as well
	if o.Release {
		r.step(Release{})
	} else {
		r.step(Start{})
	}
	for !r.ended {
		r.step(r.next(ctx))
	}
	return r.err
}

// A runner drives one machine. Its own goroutine is Run's; one receives, and one
// may wait for a probe.
type runner struct {
	m   *Machine
	c   Carrier
	o   RunOptions
	log *zap.Logger
	ctx context.Context

	timer     *time.Timer
	ready     <-chan bool
	conflicts <-chan netip.Addr
	events    chan Event // of the other goroutines
	done      chan struct{}
	wait      sync.WaitGroup

	since []Event // what came of the actions themselves, to be told next
	ended bool
	err   error
}

// next waits for what happens.
func (r *runner) next(ctx context.Context) Event {
	if len(r.since) > 0 {
		e := r.since[0]
		r.since = r.since[1:]
		return e
	}
	for {
		select {
		case <-ctx.Done():
			return Stop{}
		case e := <-r.events:
			return e
		case <-r.timer.C:
			return Timer{}
		case up, ok := <-r.ready:
			if !ok {
				r.ready = nil
			}
			return Ready{Up: up}
		case a, ok := <-r.conflicts:
			if ok {
				return Probed{Addr: a, Taken: true}
			}
			r.conflicts = nil
		case slept, ok := <-r.o.Clock:
			if ok {
				return Clock{Slept: slept}
			}
			r.o.Clock = nil
		case ask, ok := <-r.o.Ask:
			if !ok {
				r.o.Ask = nil
				continue
			}
			return [...]Event{AskRenew: Renew{}, AskRelease: Release{}, AskInform: Inform{}}[ask]
		}
	}
}

// step tells the machine, and does what it says.
func (r *runner) step(e Event) {
	now := time.Now()
	for _, a := range r.m.Step(now, e) {
		r.do(a)
	}
	if r.o.Watch != nil {
		r.o.Watch(Status{State: r.m.state, Since: r.m.since, Next: r.m.timer, Record: r.m.record})
	}
}

func (r *runner) do(a Action) {
	switch a := a.(type) {
	case Send:
		if err := r.c.Send(&a); err != nil {
			r.since = append(r.since, Refused{err})
		}
	case Arm:
		r.timer.Stop()
		if !a.At.IsZero() {
			r.timer.Reset(time.Until(a.At))
		}
	case Probe:
		r.wait.Go(func() { r.probe(a.Addr) })
	case Apply:
		r.apply(&a.Change)
	case Save:
		if r.o.Store == nil {
			return
		}
		if err := r.o.Store.Save(a.Record); err != nil {
			r.log.Error("lease not saved", zap.Error(err))
		}
	case Note:
		a.write(r.log)
	case Done:
		r.ended, r.err = true, a.Err
	}
}

// apply has the host changed. The carrier is told of an address when the host has
// it, and before it goes. A script may find that somebody else has the address.
func (r *runner) apply(c *hostconf.Change) {
	c.PID = os.Getpid()
	is, was := addressOf(c.New), addressOf(c.Old)
	if was.IsValid() && !is.IsValid() {
		r.c.Bound(netip.Prefix{})
	}
	err := r.o.System.Apply(r.ctx, c)
	if errors.Is(err, hostconf.ErrTaken) && is.IsValid() {
		r.since = append(r.since, refusal(c.Reason, is.Addr()))
		return
	}
	if err != nil {
		r.log.Error("host not changed", zap.String("reason", string(c.Reason)), zap.Error(err))
	}
	if is.IsValid() {
		r.c.Bound(is)
	}
}

// refusal is what it means when a script refuses an address: after TIMEOUT that the
// network is another one, else that somebody has it.
func refusal(why hostconf.Reason, a netip.Addr) Event {
	if why == hostconf.Timeout {
		return Rejected{Addr: a}
	}
	return Probed{Addr: a, Taken: true}
}

func addressOf(s *hostconf.Settings) netip.Prefix {
	if s == nil || len(s.Addresses) == 0 {
		return netip.Prefix{}
	}
	return s.Addresses[0].Prefix
}

// probe waits for the carrier to find out about an address. What it cannot find
// out does not keep the client from its lease, unless the link has gone: the news of
// that are on their way, and when it comes back the address is probed anew.
func (r *runner) probe(a netip.Addr) {
	taken, err := r.c.Probe(a)
	if errors.Is(err, ErrLink) {
		return
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		r.log.Warn("address not probed", zap.Stringer("addr", a), zap.Error(err))
	}
	r.tell(Probed{Addr: a, Taken: taken})
}

// again is how long receiving rests after an error, ENETDOWN say.
const again = time.Second

// receive reads until the carrier is closed.
func (r *runner) receive() {
	buf := make([]byte, dhcp4.MaxLen)
	for {
		n, from, err := r.c.Recv(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			if !r.rest() {
				return
			}
		case !r.tell(Received{Data: bytes.Clone(buf[:n]), From: from}):
			return
		}
	}
}

// tell hands an event of another goroutine to Run; false when Run has ended.
func (r *runner) tell(e Event) bool {
	select {
	case r.events <- e:
		return true
	case <-r.done:
		return false
	}
}

// rest waits a moment; false when Run has ended.
func (r *runner) rest() bool {
	t := time.NewTimer(again)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.done:
		return false
	}
}
