package load

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A fakeNet is a network with a server in it, made of memory and of the clock
// that the test runs on.
type fakeNet struct {
	serve func(b []byte) (answers [][]byte)
	delay time.Duration // of an answer
	fail  error         // of sending

	answer func(d transport.Datagram) []transport.Datagram // instead of serve

	arrived  chan transport.Datagram
	wake     chan struct{}
	mu       sync.Mutex
	deadline time.Time
}

func newFakeNet(serve func([]byte) [][]byte) *fakeNet {
	return &fakeNet{serve: serve, arrived: make(chan transport.Datagram, 1<<16), wake: make(chan struct{})}
}

func (f *fakeNet) SetReadDeadline(t time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deadline = t
	return nil
}

func (f *fakeNet) Read(in []transport.Datagram) (int, error) {
	f.mu.Lock()
	until := time.Until(f.deadline)
	if f.deadline.IsZero() {
		until = 1 << 62
	}
	f.mu.Unlock()
	wait := time.NewTimer(until)
	defer wait.Stop()
	select {
	case in[0] = <-f.arrived:
	case <-f.wake:
		return 0, net.ErrClosed
	case <-wait.C:
		return 0, os.ErrDeadlineExceeded
	}
	for n := 1; n < len(in); n++ {
		select {
		case in[n] = <-f.arrived:
		default:
			return n, nil
		}
	}
	return len(in), nil
}

func (f *fakeNet) Write(out []transport.Datagram) (int, error) {
	if f.fail != nil {
		return 0, f.fail
	}
	for _, d := range out {
		for _, answer := range f.answers(d) {
			if f.delay == 0 {
				f.arrived <- answer
				continue
			}
			time.AfterFunc(f.delay, func() { f.arrived <- answer })
		}
	}
	return len(out), nil
}

func (f *fakeNet) answers(d transport.Datagram) (out []transport.Datagram) {
	if f.answer != nil {
		return f.answer(d)
	}
	for _, a := range f.serve(d.Data) {
		out = append(out, transport.Datagram{Data: a, Peer: d.Peer})
	}
	return out
}

// Close ends a Read that has no deadline.
func (f *fakeNet) Close() error {
	close(f.wake)
	return nil
}

// A server answers every question as a server does that has an address for
// everybody, and notes who asked what.
type server struct {
	t    testing.TB
	kind Kind
	seen []query
	drop func(q query) bool
	nak  func(q query) bool
	leap func(answers [][]byte) [][]byte // what becomes of the answers

	onLink bool // clients come without a relay
	free   bool // clients may ask for any address
}

// A query is what a test wants to know of a message.
type query struct {
	at     time.Time
	hw     [6]byte
	name   string
	xid    uint32
	relays int
	ciaddr netip.Addr
	state  string // what table 4 of RFC 2131 §4.3.6 tells by
	spent  time.Duration
}

func (s *server) serve(b []byte) (answers [][]byte) {
	var q query
	var a []byte
	if s.kind == V6 {
		q, a = s.serve6(b)
	} else {
		q, a = s.serve4(b)
	}
	q.at = time.Now()
	s.seen = append(s.seen, q)
	if s.drop != nil && s.drop(q) || a == nil {
		return nil
	}
	answers = [][]byte{a}
	if s.leap != nil {
		answers = s.leap(answers)
	}
	return answers
}

// count returns how many messages of that name came.
func (s *server) count(name string) (n int) {
	for _, q := range s.seen {
		if q.name == name {
			n++
		}
	}
	return n
}

var serverAddr = netip.MustParseAddr("192.0.2.1")

func (s *server) serve4(b []byte) (query, []byte) {
	var p pkt4o6.Packet
	m := &p.Query
	if s.kind == FourOverSix {
		if err := p.Parse(b); err != nil {
			s.t.Errorf("query: %v: %x", err, b)
			return query{}, nil
		}
	} else if err := m.Parse(b); err != nil || m.GIAddr.IsUnspecified() != s.onLink || (m.Flags == dhcp4.FlagBroadcast) != s.onLink {
		s.t.Errorf("query: %v, giaddr %v: %x", err, m.GIAddr, b)
		return query{}, nil
	}
	q := query{hw: [6]byte(m.CHAddr()), name: m.Type().String(), xid: m.XID, relays: len(p.Envelope.Relays), ciaddr: m.CIAddr,
		spent: time.Duration(m.Secs) * time.Second, state: state4(m, s.kind == FourOverSix && p.Unicast())}
	addr := netip.AddrFrom4([4]byte{10, q.hw[3], q.hw[4], q.hw[5]})
	var w dhcp4.Builder
	switch m.Type() {
	case dhcp4.Discover:
		w.Reply(m, dhcp4.Offer, nil)
	case dhcp4.Request:
		want, asked := m.Addr(dhcp4.OptRequestedAddress)
		if !asked {
			want = m.CIAddr
		}
		if want != addr && !s.free {
			s.t.Errorf("%v asks for %v, was offered %v", q.hw, want, addr)
		}
		w.Reply(m, dhcp4.Ack, nil)
	case dhcp4.Inform:
		w.Reply(m, dhcp4.Ack, nil)
		addr = netip.Addr{}
	default:
		return q, nil
	}
	if s.nak != nil && s.nak(q) {
		w.Reply(m, dhcp4.Nak, nil)
		addr = netip.Addr{}
	}
	w.Header.YIAddr = addr
	id := serverAddr.As4()
	w.Add(dhcp4.OptServerID, id[:])
	w.Add(dhcp4.OptLeaseTime, []byte{0, 0, 14, 16})
	if s.kind == FourOverSix {
		return q, p.Seal(nil, w.Bytes())
	}
	return q, w.Bytes()
}

// state4 tells how a DHCPv4 message names address and server, and how it went:
// "cru" is ciaddr, requested address, unicast; "s" the server.
func state4(m *dhcp4.Message, unicast bool) (state string) {
	for _, f := range []struct {
		is   bool
		name string
	}{{!m.CIAddr.IsUnspecified(), "c"}, {m.Has(dhcp4.OptRequestedAddress), "r"}, {m.Has(dhcp4.OptServerID), "s"}, {unicast, "u"}} {
		if f.is {
			state += f.name
		}
	}
	return state
}

func (s *server) serve6(b []byte) (query, []byte) {
	var e dhcp6.Envelope
	if err := e.Parse(b); err != nil {
		s.t.Errorf("query: %v: %x", err, b)
		return query{}, nil
	}
	m := &e.Message
	id, _ := m.Options.Option(dhcp6.OptClientID)
	q := query{hw: [6]byte(id[4:]), name: m.Type.String(), relays: len(e.Relays),
		xid: uint32(m.XID[0])<<16 | uint32(m.XID[1])<<8 | uint32(m.XID[2])}
	if v, ok := m.Options.Option(dhcp6.OptElapsedTime); ok {
		q.spent = time.Duration(be.Uint16(v)) * 10 * time.Millisecond
	}
	if _, named := m.Options.Option(dhcp6.OptServerID); named {
		q.state = "server"
	}
	o := dhcp6.AppendOption(nil, dhcp6.OptClientID, id)
	o = dhcp6.AppendOption(o, dhcp6.OptServerID, []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1})
	r := dhcp6.Message{Type: dhcp6.Reply, XID: m.XID}
	if m.Type == dhcp6.Solicit {
		r.Type = dhcp6.Advertise
	}
	switch m.Type {
	case dhcp6.Release, dhcp6.Decline, dhcp6.Confirm:
		status := dhcp6.Success
		if s.nak != nil && s.nak(q) {
			status = dhcp6.NotOnLink
		}
		o = dhcp6.AppendStatus(o, status, "")
	case dhcp6.InformationRequest:
	default:
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
		copy(a[10:], q.hw[:])
		var mark int
		o, mark = dhcp6.OpenIANA(o, 1, 0, 0)
		if s.nak != nil && s.nak(q) {
			o = dhcp6.AppendStatus(o, dhcp6.NoAddrsAvail, "none")
		} else {
			o = dhcp6.IAAddr{Addr: netip.AddrFrom16(a), Preferred: 10, Valid: 20}.Append(o)
		}
		o = dhcp6.Shut(o, mark)
	}
	r.Options = o
	return q, e.AppendReply(nil, r)
}

// local is the address that the runs of these tests have.
func local(k Kind) netip.AddrPort {
	if k == V4 {
		return netip.MustParseAddrPort("192.0.2.2:67")
	}
	return netip.MustParseAddrPort("[2001:db8::2]:1546")
}

func serverOf(k Kind) netip.AddrPort {
	if k == V4 {
		return netip.MustParseAddrPort("192.0.2.1:67")
	}
	return netip.MustParseAddrPort("[2001:db8::1]:547")
}

// hold runs s against a server in memory.
func hold(t testing.TB, s Scenario, n *fakeNet) Report {
	t.Helper()
	s.Server = serverOf(s.Kind)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	r, err := holdOn(t.Context(), s, n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func holdOn(ctx context.Context, s Scenario, n network) (Report, error) {
	s.complete()
	r := runnerOn(s, n)
	return r.run(ctx)
}

// runnerOn makes a runner with one line, in memory.
func runnerOn(s Scenario, n network) *runner {
	v4 := s.Kind == V4
	var lines [2]*line
	lines[lineOf(s.Kind)] = newLine(&s, v4, n, place{local: local(s.Kind)})
	src, _ := sourceOf(lines)
	return newRunner(s, lines, src)
}
