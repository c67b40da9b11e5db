package server6

import (
	"bytes"
	"context"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// dhcpv4 is a DHCPv4 message of n octets with the cookie in its place.
func dhcpv4(xid byte, n int) []byte {
	m := make([]byte, n)
	m[0], m[7] = 1, xid
	copy(m[cookieAt:], cookie)
	return m
}

// query4 is a DHCPV4-QUERY with a DHCPv4 message in it.
func query4(xid byte) []byte {
	return append([]byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}, opt(dhcp6.OptDHCPv4Message, dhcpv4(xid, 300))...)
}

// answer4 is what the DHCPv4 daemon makes of a query.
func answer4(t testing.TB, q ipc.Message) ipc.Message {
	t.Helper()
	var e dhcp6.Envelope
	if err := e.Parse(q.Data); err != nil {
		t.Fatal(err)
	}
	m, _ := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
	reply := bytes.Clone(m)
	reply[0] = 2
	q.Data = e.AppendReply(nil, dhcp6.Message{Type: dhcp6.DHCPv4Response, Options: opt(dhcp6.OptDHCPv4Message, reply)})
	return q
}

// 4o6: exactly one option 87 of at least 240 octets with the cookie in place is
// handed over; nothing else is.
func TestQueriesThatAreHandedOver(t *testing.T) {
	l := newLab(t)
	m := func(options ...[]byte) []byte { return l.message(dhcp6.DHCPv4Query, options...) }
	good := opt(dhcp6.OptDHCPv4Message, dhcpv4(1, 300))
	badCookie := dhcpv4(1, 300)
	badCookie[cookieAt]++
	tests := []struct {
		name string
		wire []byte
		drop string // statistic; "": handed over
	}{
		{"plain", m(good), ""},
		{"240 octets", m(opt(dhcp6.OptDHCPv4Message, dhcpv4(1, 240))), ""},
		{"with client options", m(cid(), oro(dhcp6.OptDNSServers), good, opt(9999, []byte("x"))), ""},
		{"with our identifier", m(sid(), good), ""},
		{"with an IA", m(iaNA(1), good), ""},
		{"no option 87", m(cid()), "pkt6-drop-no-message"},
		{"empty", m(opt(dhcp6.OptDHCPv4Message, nil)), "pkt6-drop-no-message"},
		{"10 octets", m(opt(dhcp6.OptDHCPv4Message, make([]byte, 10))), "pkt6-drop-no-message"},
		{"239 octets", m(opt(dhcp6.OptDHCPv4Message, dhcpv4(1, 240)[:239])), "pkt6-drop-no-message"},
		{"bad cookie", m(opt(dhcp6.OptDHCPv4Message, badCookie)), "pkt6-drop-no-message"},
		{"two", m(good, good), "pkt6-drop-no-message"},
		{"for another server", m(opt(dhcp6.OptServerID, []byte{0, 9, 9}), good), "pkt6-drop-other-server"},
		{"type 21", append([]byte{21, 0, 0, 0}, good...), "pkt6-drop-message-type"},
	}
	for _, tt := range tests {
		for _, r := range roads {
			d := l.in(tt.wire)
			if r.levels != nil {
				d.Data, d.Peer, d.Local = relayed(tt.wire, r.levels...), relayAddr, ours
			}
			before := l.counted(tt.drop)
			if out := l.give(d); len(out) != 0 {
				t.Fatalf("%s: answered by us", tt.name)
			}
			got := l.pair.taken()
			if tt.drop != "" {
				if len(got) != 0 || l.counted(tt.drop) != before+1 {
					t.Errorf("%s, %s: %d handed over, %s %d", tt.name, r.name, len(got), tt.drop, l.counted(tt.drop)-before)
				}
				continue
			}
			if len(got) != 1 || !bytes.Equal(got[0].Data, d.Data) {
				t.Errorf("%s, %s: handed over %d", tt.name, r.name, len(got))
				continue
			}
			want := ipc.Origin{Iface: "eth0", Addr: d.Peer.Addr(), Port: d.Peer.Port()}
			if got[0].Origin != want {
				t.Errorf("%s, %s: origin %+v", tt.name, r.name, got[0].Origin)
			}
		}
	}
	if l.counted("pkt6-dhcpv4-query-received") == 0 || l.counted("4o6-forwarded") == 0 {
		t.Error("not counted")
	}
}

func TestNoPair(t *testing.T) {
	l := newLab(t, func(_ *topology.Topology, o *Options) { o.Pair = nil })
	if l.give(l.in(query4(1))) != nil || l.counted("pkt6-drop-no-pair") != 1 {
		t.Error("a query without a DHCPv4 daemon")
	}
}

// A DHCPv4 daemon that is gone costs 4o6 queries and nothing else.
func TestDeadPeer(t *testing.T) {
	l := newLab(t)
	l.pair.err = syscall.ECONNREFUSED
	out := l.give(l.in(query4(1)), l.in(l.message(dhcp6.Solicit, cid(), iaNA(1))), l.in(query4(2)))
	if l.one(out).is(dhcp6.Advertise).addr(); l.counted("4o6-not-forwarded") != 2 {
		t.Errorf("not forwarded %d", l.counted("4o6-not-forwarded"))
	}
	l.pair.err = nil
	l.give(l.in(query4(3)))
	if len(l.pair.taken()) != 1 {
		t.Error("4o6 does not recover")
	}
}

// What a client can bring about, and what the pair tells itself, is no warning.
func TestWarningsOfTheHandOver(t *testing.T) {
	for err, want := range map[error]int{
		ipc.ErrOptionLength: 0, ipc.ErrOwner: 0, ipc.ErrClosed: 0, syscall.ECONNREFUSED: 0, syscall.ENOBUFS: 1,
	} {
		core, logs := observer.New(zap.WarnLevel)
		l := newLab(t, func(_ *topology.Topology, o *Options) { o.Log = zap.New(core) })
		l.pair.err = err
		l.give(l.in(query4(1)))
		if logs.Len() != want || l.counted("4o6-not-forwarded") != 1 {
			t.Errorf("%v: %d lines, %d counted", err, logs.Len(), l.counted("4o6-not-forwarded"))
		}
	}
}

// back has the server carry messages of the DHCPv4 daemon.
func (l *lab) back(m ...ipc.Message) []transport.Datagram {
	l.wire.out = nil
	l.s.carry(new(returner), m, l.wire)
	return l.wire.out
}

// ask4 hands a query over and returns it.
func (l *lab) ask4(d transport.Datagram) ipc.Message {
	l.t.Helper()
	l.give(d)
	q := l.pair.taken()
	if len(q) != 1 {
		l.t.Fatalf("%d queries handed over", len(q))
	}
	return q[0]
}

func TestAnswerGoesBackTheWayItCame(t *testing.T) {
	port := opt(dhcp6.OptRelayPort, []byte{0, 0})
	odd := netip.AddrPortFrom(relayAddr.Addr(), 1547)
	tests := []struct {
		name   string
		peer   netip.AddrPort
		levels []dhcp6.Relay
		want   uint16
	}{
		{"client", client, nil, 546},
		{"client on port 5000", netip.AddrPortFrom(client.Addr(), 5000), nil, 546},
		{"relay", relayAddr, []dhcp6.Relay{{Link: relayLink}}, 547},
		{"relay on port 1547", odd, []dhcp6.Relay{{Link: relayLink}}, 547},
		{"relay on port 1547 with option 135", odd, []dhcp6.Relay{{Link: relayLink, Options: port}}, 1547},
		{"option 135 at the inner relay only", odd, []dhcp6.Relay{{Hops: 1}, {Link: relayLink, Options: port}}, 547},
	}
	for _, tt := range tests {
		l := newLab(t)
		d := l.in(query4(9))
		d.Peer, d.Local = tt.peer, ours
		if tt.levels != nil {
			d.Data = relayed(d.Data, tt.levels...)
		}
		reply := answer4(t, l.ask4(d))
		out := l.back(reply)
		if len(out) != 1 {
			t.Fatalf("%s: %d answers left", tt.name, len(out))
		}
		if want := netip.AddrPortFrom(tt.peer.Addr(), tt.want); out[0].Peer != want || out[0].IfIndex != 7 || !bytes.Equal(out[0].Data, reply.Data) {
			t.Errorf("%s: to %v through %d", tt.name, out[0].Peer, out[0].IfIndex)
		}
		// One question, one answer.
		if len(l.back(reply)) != 0 || l.counted("4o6-no-receipt") != 1 {
			t.Errorf("%s: the same answer left twice", tt.name)
		}
		if l.counted("4o6-returned") != 1 || l.counted("pkt6-dhcpv4-response-sent") != 1 {
			t.Errorf("%s: not counted", tt.name)
		}
	}
}

// What comes over the pair leaves only as an answer to a question from where it
// goes: nobody who takes the DHCPv4 daemon's port speaks DHCPv6 for us.
func TestAnswersThatDoNotLeave(t *testing.T) {
	l := newLab(t)
	d := l.in(relayed(query4(9), dhcp6.Relay{Link: relayLink, Peer: client.Addr(), Options: opt(dhcp6.OptInterfaceID, []byte("p1"))}))
	d.Peer, d.Local = relayAddr, ours
	reply := answer4(t, l.ask4(d))
	change := func(f func(m *ipc.Message, e *dhcp6.Envelope)) ipc.Message {
		m := reply
		var e dhcp6.Envelope
		if err := e.Parse(bytes.Clone(m.Data)); err != nil {
			t.Fatal(err)
		}
		m.Data = nil
		f(&m, &e)
		if m.Data == nil {
			m.Data = e.Append(nil)
		}
		return m
	}
	option87, _ := answerOption(t, reply.Data)
	tests := []struct {
		name string
		m    ipc.Message
		stat string
	}{
		{"type 20", change(func(_ *ipc.Message, e *dhcp6.Envelope) { e.Message.Type = dhcp6.DHCPv4Query }), "4o6-bad-answer"},
		{"type 7", change(func(_ *ipc.Message, e *dhcp6.Envelope) { e.Message.Type = dhcp6.Reply }), "4o6-bad-answer"},
		{"type 200", change(func(_ *ipc.Message, e *dhcp6.Envelope) { e.Message.Type = 200 }), "4o6-bad-answer"},
		{"in a Relay-forward", change(func(_ *ipc.Message, e *dhcp6.Envelope) { e.Down = false }), "4o6-bad-answer"},
		{"no option 87", change(func(_ *ipc.Message, e *dhcp6.Envelope) { e.Message.Options = nil }), "4o6-bad-answer"},
		{"two options 87", change(func(_ *ipc.Message, e *dhcp6.Envelope) {
			e.Message.Options = append(bytes.Clone(option87), option87...)
		}), "4o6-bad-answer"},
		{"cut short", change(func(m *ipc.Message, e *dhcp6.Envelope) { m.Data = reply.Data[:30] }), "4o6-bad-answer"},
		{"empty", ipc.Message{Data: []byte{}, Origin: reply.Origin}, "4o6-bad-answer"},
		{"another interface", change(func(m *ipc.Message, _ *dhcp6.Envelope) { m.Origin.Iface = "eth1" }), "4o6-answer-no-link"},
		{"another address", change(func(m *ipc.Message, _ *dhcp6.Envelope) { m.Origin.Addr = ours }), "4o6-no-receipt"},
		{"another port", change(func(m *ipc.Message, _ *dhcp6.Envelope) { m.Origin.Port = 7 }), "4o6-no-receipt"},
		{"another peer-address", change(func(_ *ipc.Message, e *dhcp6.Envelope) { e.Relays[0].Peer = ours }), "4o6-no-receipt"},
		{"another link-address", change(func(_ *ipc.Message, e *dhcp6.Envelope) { e.Relays[0].Link = ours }), "4o6-no-receipt"},
		{"another hop count", change(func(_ *ipc.Message, e *dhcp6.Envelope) { e.Relays[0].Hops++ }), "4o6-no-receipt"},
		{"another interface-id", change(func(_ *ipc.Message, e *dhcp6.Envelope) {
			e.Relays[0].Options = opt(dhcp6.OptInterfaceID, []byte("p2"))
		}), "4o6-no-receipt"},
		{"without its relay", change(func(_ *ipc.Message, e *dhcp6.Envelope) { e.Relays = nil }), "4o6-no-receipt"},
		{"another xid", change(func(_ *ipc.Message, e *dhcp6.Envelope) {
			e.Message.Options = opt(dhcp6.OptDHCPv4Message, dhcpv4(10, 300))
		}), "4o6-no-receipt"},
	}
	for _, tt := range tests {
		before := l.counted(tt.stat)
		if out := l.back(tt.m); len(out) != 0 || l.counted(tt.stat) != before+1 {
			t.Errorf("%s: %d left, %s +%d", tt.name, len(out), tt.stat, l.counted(tt.stat)-before)
		}
	}
	if len(l.back(reply)) != 1 {
		t.Error("after all these the true answer does not leave")
	}
}

// answerOption returns the whole option 87 of an answer.
func answerOption(t testing.TB, b []byte) ([]byte, bool) {
	var e dhcp6.Envelope
	if err := e.Parse(b); err != nil {
		t.Fatal(err)
	}
	v, ok := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
	return opt(dhcp6.OptDHCPv4Message, v), ok
}

// The flags of an answer are reserved and leave as zero (RFC 7341 §6.4), whatever
// the DHCPv4 daemon made of them: Kea's copies those of the query.
func TestFlagsOfAnAnswerAreZero(t *testing.T) {
	id := opt(dhcp6.OptInterfaceID, []byte("p1"))
	for _, levels := range [][]dhcp6.Relay{nil, {{Link: relayLink, Options: id}}, {{Hops: 1, Options: id}, {Link: relayLink}}} {
		l := newLab(t)
		d := l.in(query4(1))
		if levels != nil {
			d.Peer, d.Local, d.Data = relayAddr, ours, relayed(d.Data, levels...)
		}
		reply := answer4(t, l.ask4(d))
		want := bytes.Clone(reply.Data)
		var e dhcp6.Envelope
		if err := e.Parse(reply.Data); err != nil {
			t.Fatal(err)
		}
		copy(reply.Data[e.Inner+1:], "\x80\x12\xff")
		if out := l.back(reply); len(out) != 1 || !bytes.Equal(out[0].Data, want) {
			t.Errorf("%d levels: % x\nwant % x", len(levels), out[0].Data, want)
		}
	}
}

// Serve and Return over a pipe and a pair in memory: a query in, its answer out;
// both end when the context does.
func TestServeAndReturn(t *testing.T) {
	l := newLab(t, func(n *topology.Topology, _ *Options) { n.Subnets[0].Iface = "pipe" })
	near, far := transport.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { l.s.Serve(ctx, near) })
	wg.Go(func() { l.s.Return(ctx, l.pair, near) })
	in := make([]transport.Datagram, 8)
	send := func(m []byte) { far.Write([]transport.Datagram{l.in(m)}) }
	read := func() dhcp6.MessageType {
		t.Helper()
		n, err := far.Read(in)
		if err != nil || n != 1 {
			t.Fatalf("read %d %v", n, err)
		}
		var e dhcp6.Envelope
		if err := e.Parse(in[0].Data); err != nil {
			t.Fatal(err)
		}
		return e.Message.Type
	}
	send(query4(5))
	send(l.message(dhcp6.InformationRequest)) // its answer tells that the query has been handed over
	if got := read(); got != dhcp6.Reply {
		t.Fatalf("%v", got)
	}
	q := l.pair.taken()
	if len(q) != 1 {
		t.Fatalf("%d queries handed over", len(q))
	}
	l.pair.answers <- []ipc.Message{answer4(t, q[0])}
	if got := read(); got != dhcp6.DHCPv4Response {
		t.Errorf("%v", got)
	}
	cancel()
	wg.Wait()
	if _, ok := l.s.ifIndex("pipe"); ok {
		t.Error("the socket is still known")
	}
}

// Answers leave by the link as it is now: one that was made anew has another
// index, whichever of its sockets is left first.
func TestAnswersFollowALinkMadeAnew(t *testing.T) {
	l := newLab(t)
	was := transport.Socket{Iface: "veth1", IfIndex: 21}
	is := transport.Socket{Iface: "veth1", IfIndex: 34}
	l.s.serves(was, +1)
	l.s.serves(is, +1)
	l.s.serves(was, -1)
	if index, ok := l.s.ifIndex("veth1"); index != 34 || !ok {
		t.Errorf("index %d, %v", index, ok)
	}
	l.s.serves(is, -1)
	if _, ok := l.s.ifIndex("veth1"); ok {
		t.Error("a link without sockets is served")
	}
}

// What the way back meets on the network or in itself costs one answer.
func TestAnswersThatCannotBeSent(t *testing.T) {
	l := newLab(t, loud)
	l.wire.refuse = 1
	l.back(answer4(t, l.ask4(l.in(query4(1)))))
	if l.counted("4o6-answer-unsent") != 1 || l.counted("4o6-returned") != 0 {
		t.Errorf("unsent %d, returned %d", l.counted("4o6-answer-unsent"), l.counted("4o6-returned"))
	}
	l.wire.refuse = 0
	reply := answer4(t, l.ask4(l.in(query4(1))))
	kept := l.s.receipts
	l.s.receipts = nil // the fault to be injected
	l.back(reply)
	l.s.receipts = kept
	if l.counted("pkt6-drop-panic") != 1 {
		t.Error("a fault on the way back is not counted")
	}
	if len(l.back(reply)) != 1 {
		t.Error("the next answer does not leave")
	}
}
