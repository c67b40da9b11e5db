package load

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// Every kind of conversation, straight and through relays, says what it has to
// in the right order, and the report adds up.
func TestConversations(t *testing.T) {
	names := map[Kind][]string{
		FourOverSix: {"DHCPDISCOVER", "DHCPREQUEST", "DHCPRELEASE"},
		V4:          {"DHCPDISCOVER", "DHCPREQUEST", "DHCPRELEASE"},
		V6:          {"SOLICIT", "REQUEST", "RENEW", "RELEASE"},
	}
	for _, k := range []Kind{FourOverSix, V4, V6} {
		for _, relays := range []int{0, 1, 3} {
			if k == V4 && relays > 0 {
				continue
			}
			t.Run(fmt.Sprintf("%v through %d", k, relays), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := &server{t: t, kind: k}
					n := newFakeNet(srv.serve)
					n.delay = time.Millisecond
					const count, renewals = 100, 2
					r := hold(t, Scenario{Kind: k, Count: count, InFlight: 8, Relays: relays, InterfaceID: "port7", Renewals: renewals, Release: true}, n)
					if r.Begun != count || r.Completed != count || r.Lost+r.Refused+r.Strays+r.Malformed+r.Unsent != 0 {
						t.Errorf("%+v", r)
					}
					total := map[string]int{}
					order := map[[6]byte]string{}
					for _, q := range srv.seen {
						total[q.name]++
						order[q.hw] += q.name + " "
						if q.relays != relays {
							t.Fatalf("%d relays", q.relays)
						}
					}
					want := names[k][0] + " " + names[k][1] + " "
					if k == V6 {
						want += "RENEW RENEW RELEASE "
					} else {
						want += "DHCPREQUEST DHCPREQUEST DHCPRELEASE "
					}
					if len(order) != count {
						t.Errorf("%d clients", len(order))
					}
					for hw, got := range order {
						if got != want {
							t.Errorf("%x said %s", hw, got)
						}
					}
					for i, s := range r.Steps {
						if wantSent := []int{count, count, renewals * count, count}[i]; s.Sent != wantSent || s.Answered != wantSent || s.Retransmitted+s.Lost+s.Refused != 0 {
							t.Errorf("%+v", s)
						}
						if s.Step != "RELEASE" && (s.Latency.P50 != time.Millisecond || s.Latency.Max != time.Millisecond) {
							t.Errorf("%s: %+v", s.Step, s.Latency)
						}
					}
				})
			})
		}
	}
}

// A message is sent again after one, two and four seconds, and given up eight
// seconds after that; it is lost in its step and nowhere else.
func TestLossesByStep(t *testing.T) {
	for _, k := range []Kind{FourOverSix, V4, V6} {
		synctest.Test(t, func(t *testing.T) {
			srv := &server{t: t, kind: k}
			first, second := "DHCPDISCOVER", "DHCPREQUEST"
			if k == V6 {
				first, second = "SOLICIT", "REQUEST"
			}
			srv.drop = func(q query) bool {
				return q.hw[5] == 3 && q.name == first || q.hw[5] == 5 && q.name == second
			}
			start := time.Now()
			r := hold(t, Scenario{Kind: k, Count: 10, InFlight: 10}, newFakeNet(srv.serve))
			if r.Completed != 8 || r.Lost != 2 || r.LossRate() != 0.2 {
				t.Errorf("%v: %+v", k, r)
			}
			for i, s := range r.Steps {
				if s.Lost != 1 || s.Retransmitted != 3 || s.Answered != []int{9, 8}[i] {
					t.Errorf("%v: %+v", k, s)
				}
			}
			var at []time.Duration
			var xid uint32
			for _, q := range srv.seen {
				if q.hw[5] == 3 {
					at = append(at, q.at.Sub(start))
					if xid != 0 && q.xid != xid {
						t.Errorf("%v: another xid in a retransmission", k)
					}
					xid = q.xid
				}
			}
			if fmt.Sprint(at) != "[0s 1s 3s 7s]" {
				t.Errorf("%v: sent at %v", k, at)
			}
			if took := time.Since(start); took != 15*time.Second {
				t.Errorf("%v: took %v", k, took)
			}
		})
	}
}

// Conversations begin when the rate says, whatever the server does.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		n := newFakeNet(srv.serve)
		n.delay = 300 * time.Millisecond
		start := time.Now()
		r := hold(t, Scenario{Rate: 200, Duration: 5 * time.Second}, n)
		if r.Begun != 1000 || r.Completed != 1000 || r.Late != 0 {
			t.Errorf("%d begun, %d completed, %d late", r.Begun, r.Completed, r.Late)
		}
		i := 0
		for _, q := range srv.seen {
			if q.name != "DHCPDISCOVER" {
				continue
			}
			want := time.Duration(i) * 5 * time.Millisecond
			if off := q.at.Sub(start) - want; off < 0 || off > time.Millisecond {
				t.Errorf("number %d begins at %v, not %v", i, q.at.Sub(start), want)
			}
			i++
		}
	})
}

// When too many are in flight for the rate, what does not begin is counted.
func TestRateLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		n := newFakeNet(srv.serve)
		n.delay = 500 * time.Millisecond // a conversation takes a second
		r := hold(t, Scenario{Rate: 100, InFlight: 10, Duration: 10 * time.Second}, n)
		if r.Begun+r.Late < 980 || r.Begun < 90 || r.Begun > 110 {
			t.Errorf("%d begun, %d late", r.Begun, r.Late)
		}
	})
}

// A closed loop keeps as many conversations in flight as it is told, and ends
// with its duration.
func TestClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		n := newFakeNet(srv.serve)
		n.delay = 5 * time.Millisecond
		r := hold(t, Scenario{InFlight: 7, Duration: time.Second}, n)
		if r.Completed != 700 || r.Begun != 700 { // 10 ms each, seven at a time
			t.Errorf("%d completed, %d begun", r.Completed, r.Begun)
		}
		if r.PerSecond != 700 {
			t.Errorf("%v a second", r.PerSecond)
		}
	})
}

// A fixed set of clients takes turns, and none holds two conversations.
func TestClientsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		slow := [6]byte{2, 0, 0, 0, 0, 6}
		srv.drop = func(q query) bool { return q.hw == slow && len(srv.seen) < 30 }
		r := hold(t, Scenario{Clients: 3, First: 5, Count: 60, HWAddr: [6]byte{2}}, newFakeNet(srv.serve))
		if r.Completed != 60 {
			t.Errorf("%+v", r)
		}
		open := map[[6]byte]uint32{}
		for _, q := range srv.seen {
			if q.name == "DHCPDISCOVER" && open[q.hw] != 0 && open[q.hw] != q.xid {
				t.Errorf("%x begins again before its end", q.hw)
			}
			open[q.hw] = q.xid
			if q.name == "DHCPREQUEST" {
				open[q.hw] = 0
			}
			if q.hw[5] < 5 || q.hw[5] > 7 {
				t.Errorf("client %x", q.hw)
			}
		}
	})
}

// A refusal ends a conversation and is no loss.
func TestRefusals(t *testing.T) {
	for _, k := range []Kind{FourOverSix, V6} {
		synctest.Test(t, func(t *testing.T) {
			srv := &server{t: t, kind: k}
			srv.nak = func(q query) bool { return q.hw[5]%4 == 1 && (q.name == "DHCPREQUEST" || q.name == "REQUEST") }
			r := hold(t, Scenario{Kind: k, Count: 20}, newFakeNet(srv.serve))
			if r.Completed != 15 || r.Refused != 5 || r.Lost != 0 || r.Steps[1].Refused != 5 {
				t.Errorf("%v: %+v", k, r)
			}
		})
	}
}

// Answers that nobody waits for, or that cannot be read, are counted and do
// no harm.
func TestStrays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		srv.leap = func(a [][]byte) [][]byte {
			again := append([]byte(nil), a[0]...)
			other := append([]byte(nil), a[0]...)
			other[len(other)-40] ^= 0xff
			other[8+4] ^= 0xff // the xid
			chaddr := append([]byte(nil), a[0]...)
			chaddr[8+28] ^= 0xff
			return [][]byte{{}, {21}, other, chaddr, a[0], again}
		}
		r := hold(t, Scenario{Count: 50}, newFakeNet(srv.serve))
		if r.Completed != 50 || r.Lost != 0 || r.Malformed != 200 || r.Strays != 300 {
			t.Errorf("%d completed, %d lost, %d malformed, %d strays", r.Completed, r.Lost, r.Malformed, r.Strays)
		}
	})
}

// What the host does not take is lost, and the report says why.
func TestUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet(nil)
		n.fail = syscall.ENETUNREACH
		r := hold(t, Scenario{Count: 2, Retries: 1}, n)
		if r.Unsent != 4 || r.Lost != 2 || r.Problem != syscall.ENETUNREACH.Error() {
			t.Errorf("%+v", r)
		}
	})
}

// A client comes back in another run and renews what it had.
func TestRenewAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		hw := [6]byte{2, 0, 0x5e, 7, 8, 9}
		r := hold(t, Scenario{Clients: 1, HWAddr: hw, Renew: netip.MustParseAddr("10.7.8.9")}, newFakeNet(srv.serve))
		if r.Completed != 1 || len(srv.seen) != 1 || srv.seen[0].name != "DHCPREQUEST" || srv.seen[0].ciaddr != netip.MustParseAddr("10.7.8.9") {
			t.Errorf("%+v %+v", r, srv.seen)
		}
		six := &server{t: t, kind: V6}
		r = hold(t, Scenario{Kind: V6, Clients: 1, HWAddr: hw, Renew: netip.MustParseAddr("2001:db8::200:5e07:809")}, newFakeNet(six.serve))
		if six.count("REBIND") != 1 || r.Refused != 0 {
			t.Errorf("%+v %+v", r, six.seen)
		}
	})
}

// A context that ends stops a run at once; the report tells how far it came.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		srv := &server{t: t}
		n := newFakeNet(srv.serve)
		n.delay = time.Second
		r, err := holdOn(ctx, Scenario{Server: serverOf(FourOverSix), Duration: time.Hour, InFlight: 1}, n)
		if err != context.DeadlineExceeded || !r.Interrupted || r.Completed != 1 || r.Lost != 0 {
			t.Errorf("%v %+v", err, r)
		}
	})
}

// Progress is told twice a second and once at the end.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		n := newFakeNet(srv.serve)
		n.delay = 10 * time.Millisecond
		var all []Progress
		hold(t, Scenario{Duration: 2 * time.Second, InFlight: 2, Progress: func(p Progress) { all = append(all, p) }}, n)
		if len(all) != 5 || !all[4].Done || all[4].Completed != 200 || all[0].InFlight != 2 {
			t.Errorf("%d calls: %v", len(all), all)
		}
		if all[0].PerSecond < 80 || all[0].PerSecond > 120 {
			t.Errorf("%v a second", all[0].PerSecond)
		}
	})
}

// What cannot be run is refused with a reason.
func TestCheck(t *testing.T) {
	six, four := netip.MustParseAddrPort("[2001:db8::1]:547"), netip.MustParseAddrPort("192.0.2.1:67")
	good := []Scenario{
		{Server: six, Count: 1}, {Server: six, Clients: 1}, {Server: six, Duration: 1}, {Kind: V4, Server: four, Count: 1},
		{Server: netip.MustParseAddrPort("[ff02::1:2%eth0]:547"), Count: 1}, {Server: netip.MustParseAddrPort("[ff02::1:2]:547"), Iface: "eth0", Count: 1},
	}
	for i, s := range good {
		if err := s.Check(); err != nil {
			t.Errorf("good %d: %v", i, err)
		}
	}
	bad := []Scenario{
		{}, {Server: six}, {Server: four, Count: 1}, {Kind: V4, Server: six, Count: 1}, {Kind: 7, Server: six, Count: 1},
		{Server: netip.MustParseAddrPort("[ff02::1:2]:547"), Count: 1}, {Server: netip.MustParseAddrPort("[fe80::1]:547"), Count: 1},
		{Kind: V4, Server: four, Count: 1, Relays: 17}, {Server: six, Count: 1, Relays: 33}, {Server: six, Count: -1},
		{Server: six, Count: 1, InFlight: 1 << 21}, {Server: six, Count: 1, Renew: netip.MustParseAddr("::1")},
		{Kind: V6, Server: six, Count: 1, Renew: serverAddr}, {Server: six, Count: 1, Rate: -1},
	}
	for i, s := range bad {
		if s.Check() == nil {
			t.Errorf("bad %d is taken: %+v", i, s)
		}
	}
}

// Ports follow the role that is played, where the server has its standard one.
func TestLocalPort(t *testing.T) {
	tests := []struct {
		s    Scenario
		want uint16
	}{
		{Scenario{Server: netip.MustParseAddrPort("[::1]:547")}, 546},
		{Scenario{Server: netip.MustParseAddrPort("[::1]:547"), Relays: 1}, 547},
		{Scenario{Server: netip.MustParseAddrPort("[::1]:1547")}, 0},
		{Scenario{Kind: V4, Server: netip.MustParseAddrPort("127.0.0.1:67")}, 67},
		{Scenario{Kind: V4, Server: netip.MustParseAddrPort("127.0.0.1:1067")}, 0},
		{Scenario{Kind: V6, Server: netip.MustParseAddrPort("[::1]:0")}, 546},
		{Scenario{Server: netip.MustParseAddrPort("[::1]:547"), Local: netip.MustParseAddrPort("[::1]:7")}, 7},
	}
	for _, tt := range tests {
		tt.s.complete()
		if got := tt.s.Local.Port(); got != tt.want {
			t.Errorf("%v relays %d to %v: port %d, want %d", tt.s.Kind, tt.s.Relays, tt.s.Server, got, tt.want)
		}
	}
}

// Nobody reuses a transaction id that is in flight, and 0 is none.
func TestTransactionIDs(t *testing.T) {
	r := runnerOn(Scenario{Kind: V6, Server: serverOf(V6), InFlight: 1}, nil)
	r.nextXID = 1<<24 - 3
	r.byXID[V6][1<<24-1], r.byXID[V6][1] = 0, 0
	if a, b := r.newXID(V6), r.newXID(V6); a != 1<<24-2 || b != 2 {
		t.Errorf("%x, %x", a, b)
	}
}

// Types of messages and answers that do not belong together are strays.
func TestJudge4(t *testing.T) {
	s := Scenario{HWAddr: [6]byte{2}}
	for _, tt := range []struct {
		step Step
		kind dhcp4.MessageType
		want verdict
	}{
		{Discover, dhcp4.Offer, answered}, {Discover, dhcp4.Ack, stray}, {Discover, dhcp4.Nak, stray},
		{Request, dhcp4.Ack, answered}, {Request, dhcp4.Nak, refused}, {Request, dhcp4.Offer, stray},
		{Renew, dhcp4.Ack, answered}, {Renew, dhcp4.Nak, refused}, {Renew, 0, stray},
		{Rebind, dhcp4.Ack, answered}, {Reboot, dhcp4.Nak, refused}, {Reboot, dhcp4.Ack, answered},
		{Inform, dhcp4.Ack, answered}, {Inform, dhcp4.Nak, stray}, {Inform, dhcp4.Offer, stray},
	} {
		known := newServers()
		c := newScript4(&s, &known, newWay(&s, local(FourOverSix)), local(FourOverSix))
		var q dhcp4.Message
		var w dhcp4.Builder
		w.Header.HType = 1
		w.Query(dhcp4.Discover, nil)
		w.SetCHAddr(s.HWAddr[:])
		if err := q.Parse(w.Bytes()); err != nil {
			t.Fatal(err)
		}
		w.Reply(&q, tt.kind, nil)
		w.Header.YIAddr = serverAddr
		if err := c.reply.Parse(w.Bytes()); err != nil {
			t.Fatal(err)
		}
		if got := c.judge(&talk{step: tt.step, addr: serverAddr}); got != tt.want {
			t.Errorf("%v after step %d: %v, want %v", tt.kind, tt.step, got, tt.want)
		}
	}
}

// An answer has to come the way of its query: as many relays, the same hop
// counts, links and Interface-Id.
func TestWay(t *testing.T) {
	s := Scenario{Relays: 2, InterfaceID: "port7", Link: netip.MustParseAddr("2001:db8::9")}
	w := newWay(&s, local(V6))
	sent := w.append(nil, dhcp6.Message{Type: dhcp6.Solicit}, [6]byte{2})
	answer := func(change func(e *dhcp6.Envelope)) []byte {
		var e dhcp6.Envelope
		if err := e.Parse(sent); err != nil {
			t.Fatal(err)
		}
		change(&e)
		return e.AppendReply(nil, dhcp6.Message{Type: dhcp6.Advertise})
	}
	for name, tt := range map[string]struct {
		b  []byte
		ok bool
	}{
		"the same":             {answer(func(e *dhcp6.Envelope) {}), true},
		"another peer":         {answer(func(e *dhcp6.Envelope) { e.Relays[1].Peer = netip.MustParseAddr("fe80::1") }), true},
		"one relay less":       {answer(func(e *dhcp6.Envelope) { e.Relays = e.Relays[1:] }), false},
		"another hop count":    {answer(func(e *dhcp6.Envelope) { e.Relays[0].Hops = 7 }), false},
		"another link":         {answer(func(e *dhcp6.Envelope) { e.Relays[1].Link = netip.IPv6Unspecified() }), false},
		"no interface-id":      {answer(func(e *dhcp6.Envelope) { e.Relays[1].Options = nil }), false},
		"not an answer":        {sent, false},
		"no message":           {nil, false},
		"cut":                  {sent[:50], false},
		"direct":               {[]byte{2, 0, 0, 0}, false},
		"the innermost is cut": {answer(func(e *dhcp6.Envelope) {})[:80], false},
	} {
		if _, err := w.parse(tt.b); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a DHCPv6 answer means follows from its type, its ids and its status.
func TestJudge6(t *testing.T) {
	s := Scenario{Kind: V6, HWAddr: [6]byte{2}}
	addr := netip.MustParseAddr("2001:db8::5")
	id := dhcp6.NewDUIDLL(1, s.HWAddr[:])
	server := []byte{0, 3, 0, 1, 9}
	ia := func(valid uint32, status dhcp6.Status) []byte {
		b, mark := dhcp6.OpenIANA(nil, 1, 0, 0)
		b = dhcp6.IAAddr{Addr: addr, Valid: valid}.Append(b)
		return dhcp6.Shut(dhcp6.AppendStatus(b, status, ""), mark)
	}
	ids := dhcp6.AppendOption(dhcp6.AppendOption(nil, dhcp6.OptClientID, id), dhcp6.OptServerID, server)
	with := func(o ...[]byte) []byte { return slices.Concat(append([][]byte{ids}, o...)...) }
	tests := []struct {
		name string
		step Step
		kind dhcp6.MessageType
		o    []byte
		want verdict
	}{
		{"advertise", Discover, dhcp6.Advertise, with(ia(10, dhcp6.Success)), answered},
		{"reply to a solicit", Discover, dhcp6.Reply, with(ia(10, dhcp6.Success)), stray},
		{"advertise to a request", Request, dhcp6.Advertise, with(ia(10, dhcp6.Success)), stray},
		{"reply", Request, dhcp6.Reply, with(ia(10, dhcp6.Success)), answered},
		{"no address", Request, dhcp6.Reply, with(), refused},
		{"lifetime of zero", Renew, dhcp6.Reply, with(ia(0, dhcp6.Success)), refused},
		{"status in the IA", Renew, dhcp6.Reply, with(ia(10, dhcp6.NoBinding)), refused},
		{"status of the message", Renew, dhcp6.Reply, with(dhcp6.AppendStatus(nil, dhcp6.UnspecFail, "")), refused},
		{"released", Release, dhcp6.Reply, with(dhcp6.AppendStatus(nil, dhcp6.Success, "")), answered},
		{"no server", Request, dhcp6.Reply, dhcp6.AppendOption(ia(10, dhcp6.Success), dhcp6.OptClientID, id), stray},
		{"another client", Request, dhcp6.Reply, dhcp6.AppendOption(nil, dhcp6.OptClientID, server), stray},
	}
	for _, tt := range tests {
		known := newServers()
		c := newScript6(&s, &known, newWay(&s, local(V6)))
		c.reply = &dhcp6.Message{Type: tt.kind, Options: tt.o}
		if got := c.judge(&talk{step: tt.step, addr: addr}); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
