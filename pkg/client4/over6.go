package client4

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
)

// An Over6 is the [Carrier] of IPv4 inside DHCPv6 (RFC 7341): each message goes, in a
// DHCPV4-QUERY, to the DHCPv6 client at the other end of a clients' pair, which knows
// the servers. It may send when that one has said START, and asks it by POLL until
// then. It retransmits nothing: that is the machine's, as on a link.
type Over6 struct {
	conn    *ipc.ClientConn
	ready   chan bool // the newest word, unless it was taken
	options Over6Options

	mu      sync.Mutex
	started bool
	closed  bool
	unheard bool          // a query has left, and nothing was heard since
	heard   chan struct{} // the answer to the POLL of Close
	poll    *time.Timer
	packet  pkt4o6.Packet
	out     []byte
}

// Over6Options are what an [Over6] can be told.
type Over6Options struct {
	Rand *rand.Rand // for the times of POLLs, nobody else's; nil: the one of the runtime
}

// Times of the dialect. A POLL goes every 60 to 61 seconds, as dhclient's; and on the
// way out the DHCPv6 side is waited for, see Close.
const (
	pollEvery  = time.Minute
	pollSpread = time.Second
	farewell   = 500 * time.Millisecond
)

// ErrNotStarted is what Send returns before START and after STOP.
var ErrNotStarted = errors.New("client4: the DHCPv6 client has not said START")

// NewOver6 returns the v4 side's carrier over c, which it closes, and sends the first
// POLL.
func NewOver6(c *ipc.ClientConn, o Over6Options) *Over6 {
	v := &Over6{conn: c, options: o, ready: make(chan bool, 1), heard: make(chan struct{}, 1)}
	v.ready <- false
	v.mu.Lock()
	defer v.mu.Unlock()
	v.poll = time.AfterFunc(pollEvery, v.ask)
	v.askLocked()
	return v
}

// ask is what the timer does.
func (v *Over6) ask() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.started && !v.closed {
		v.askLocked()
	}
}

// askLocked sends a POLL and sees to the next. Nobody there is no trouble: who comes
// hears the next, or says START first.
func (v *Over6) askLocked() {
	v.conn.Poll()
	v.await()
}

// await has the next POLL go in a minute.
func (v *Over6) await() {
	spread := rand.Int64N
	if v.options.Rand != nil {
		spread = v.options.Rand.Int64N
	}
	v.poll.Reset(pollEvery + time.Duration(spread(int64(pollSpread))))
}

// Send sends s in a DHCPV4-QUERY. The unicast flag says that DHCPv4 would have sent it
// by unicast (RFC 7341 §6.3), whichever way the DHCPv6 side sends it.
func (v *Over6) Send(s *Send) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.started {
		return ErrNotStarted
	}
	v.out = v.packet.Wrap(v.out[:0], s.Data, s.Unicast)
	err := v.conn.Query(v.out)
	switch {
	case err == nil:
		v.unheard = true
	case errors.Is(err, syscall.ECONNREFUSED):
		v.lost()
	}
	return err
}

// Recv waits for an answer. From is the server's IPv6 address.
func (v *Over6) Recv(buf []byte) (n int, from netip.Addr, err error) {
	for {
		m, err := v.conn.Recv()
		if err != nil {
			return 0, from, err
		}
		v.hear(m.Word)
		if m.Word == ipc.Answer && len(m.Data) <= len(buf) {
			return copy(buf, m.Data), m.Server, nil
		}
	}
}

// hear follows what the DHCPv6 side says of itself.
func (v *Over6) hear(w ipc.Word) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unheard = false
	switch {
	case v.closed:
		if w != ipc.Answer {
			v.leave()
		}
	case w == ipc.Gone:
		v.lost()
	case w == ipc.Start && !v.started:
		v.poll.Stop()
		v.turn(true)
	case w == ipc.Stop && v.started:
		v.turn(false)
		v.askLocked()
	}
}

// leave has Close wait no longer.
func (v *Over6) leave() {
	select {
	case v.heard <- struct{}{}:
	default: // it has been told
	}
}

// lost: without a DHCPv6 side nothing can be carried until one says START. It does
// when it comes, or is asked in a minute.
func (v *Over6) lost() {
	if v.started {
		v.turn(false)
		v.await()
	}
}

// turn changes whether messages can be carried, and tells it.
func (v *Over6) turn(up bool) {
	v.started = up
	select {
	case <-v.ready: // nobody has taken the word before; it is no longer true
	default:
	}
	v.ready <- up
}

// Ready yields whether the DHCPv6 side carries messages.
func (v *Over6) Ready() <-chan bool { return v.ready }

// Bound does nothing: the way of a message does not depend on the host's addresses.
func (v *Over6) Bound(netip.Prefix) {}

// Probe finds nobody: the address is not one of the link that DHCPv6 runs on.
func (v *Over6) Probe(netip.Addr) (bool, error) { return false, nil }

// Close closes the pair. What was sent last may still wait to be read by the DHCPv6
// side, which then asks the host who had sent it, and does not believe one that has
// gone. So when nothing was heard since, as after a DHCPRELEASE, it is asked a last
// time: its word says that it has read all there was.
func (v *Over6) Close() error {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return nil
	}
	v.closed = true
	v.poll.Stop()
	wait := v.unheard && v.conn.Poll() == nil
	v.mu.Unlock()
	if wait {
		late := time.NewTimer(farewell)
		defer late.Stop()
		select {
		case <-v.heard:
		case <-late.C:
		}
	}
	return v.conn.Close()
}
