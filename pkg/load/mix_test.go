package load

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// Every act says what it has to, in the words that tell the states apart: RFC
// 2131 §4.3.6 by ciaddr (c), requested address (r), server (s), and over 4o6 the
// unicast flag (u) of RFC 7341 §8; RFC 9915 §18.2 by type and Server Identifier.
func TestActs(t *testing.T) {
	tests := []struct {
		kind Kind
		act  Act
		want string
	}{
		{FourOverSix, ActRenew, "DHCPREQUEST cu"},
		{FourOverSix, ActRebind, "DHCPREQUEST c"},
		{FourOverSix, ActReturn, "DHCPREQUEST r"},
		{FourOverSix, ActRelease, "DHCPRELEASE csu"},
		{FourOverSix, ActDecline, "DHCPDECLINE rs"},
		{FourOverSix, ActInform, "DHCPINFORM cu"},
		{V4, ActRenew, "DHCPREQUEST c"},
		{V4, ActReturn, "DHCPREQUEST r"},
		{V4, ActRelease, "DHCPRELEASE cs"},
		{V4, ActDecline, "DHCPDECLINE rs"},
		{V4, ActInform, "DHCPINFORM "}, // by way of the relay only without ciaddr
		{V6, ActRenew, "RENEW server"},
		{V6, ActRebind, "REBIND "},
		{V6, ActReturn, "CONFIRM "},
		{V6, ActRelease, "RELEASE server"},
		{V6, ActDecline, "DECLINE server"},
		{V6, ActInform, "INFORMATION-REQUEST "},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v %v", tt.kind, tt.act), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := &server{t: t, kind: tt.kind}
				r := hold(t, Scenario{Kind: tt.kind, Mix: []Share{{tt.kind, tt.act, 1}}, Clients: 5, Prepare: 5}, newFakeNet(srv.serve))
				if r.Completed != 5 || r.Lost+r.Refused+r.Strays+r.Malformed != 0 || r.Prepared == nil || r.Prepared.Completed != 5 {
					t.Fatalf("%+v", r)
				}
				for _, q := range srv.seen[10:] {
					if got := q.name + " " + q.state; got != tt.want {
						t.Errorf("said %q, want %q", got, tt.want)
					}
				}
				if len(srv.seen) != 15 || len(r.Acts) != 1 || r.Acts[0].Act != tt.act.String() || r.Acts[0].Kind != tt.kind.String() {
					t.Errorf("%d messages, %+v", len(srv.seen), r.Acts)
				}
			})
		})
	}
}

// An act needs what an earlier one has left: who has no lease takes one, who
// gave one back has none.
func TestActsFollowFromEachOther(t *testing.T) {
	for _, k := range []Kind{FourOverSix, V4, V6} {
		synctest.Test(t, func(t *testing.T) {
			srv := &server{t: t, kind: k}
			n := newFakeNet(srv.serve)
			n.delay = time.Millisecond
			mix, err := ParseMix("lease=3,renew=3,rebind,return,release=2,decline,inform", k)
			if err != nil {
				t.Fatal(err)
			}
			r := hold(t, Scenario{Kind: k, Mix: mix, Clients: 50, Count: 3000, InFlight: 20, Seed: 7}, n)
			if r.Completed != 3000 || r.Lost+r.Refused+r.Strays != 0 {
				t.Fatalf("%+v", r)
			}
			holds := map[[6]byte]bool{}
			for _, q := range srv.seen {
				had := holds[q.hw]
				switch q.name {
				case "DHCPREQUEST", "REQUEST", "RENEW", "REBIND", "CONFIRM":
					if q.state != "rs" && q.name != "REQUEST" && !had {
						t.Fatalf("%x: %s %s without a lease", q.hw, q.name, q.state)
					}
					holds[q.hw] = true
				case "DHCPRELEASE", "DHCPDECLINE", "RELEASE", "DECLINE":
					if !had {
						t.Fatalf("%x: %s without a lease", q.hw, q.name)
					}
					holds[q.hw] = false
				}
			}
			if len(r.Acts) != acts {
				t.Errorf("%d kinds of act: %+v", len(r.Acts), r.Acts)
			}
		})
	}
}

// The shares of a mix come out as they are weighted.
func TestWeights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		mix := []Share{{FourOverSix, ActLease, 1}, {FourOverSix, ActRenew, 8}, {FourOverSix, ActInform, 1}, {FourOverSix, ActRelease, 0}}
		r := hold(t, Scenario{Mix: mix, Prepare: 1000, Count: 10000, InFlight: 50}, newFakeNet(srv.serve))
		for i, want := range []int{1000, 8000, 1000} {
			if got := r.Acts[i].Begun; got < want*8/10 || got > want*12/10 {
				t.Errorf("%s: %d of 10000", r.Acts[i].Act, got)
			}
		}
		if len(r.Acts) != 3 {
			t.Errorf("%+v", r.Acts)
		}
	})
}

// One seed makes one run: same clients, same acts, same transaction ids.
func TestSeed(t *testing.T) {
	run := func(seed uint64) (seen []query) {
		synctest.Test(t, func(t *testing.T) {
			srv := &server{t: t}
			n := newFakeNet(srv.serve)
			n.delay = time.Millisecond
			mix, _ := ParseMix("lease,renew,release,inform", FourOverSix)
			r := hold(t, Scenario{Mix: mix, Count: 300, InFlight: 1, Seed: seed}, n)
			if seed != 0 && r.Seed != seed || r.Seed == 0 {
				t.Errorf("seed %d, reported %d", seed, r.Seed)
			}
			for _, q := range srv.seen {
				q.at = time.Time{}
				seen = append(seen, q)
			}
		})
		return seen
	}
	if !slices.Equal(run(5), run(5)) {
		t.Error("the same seed makes another run")
	}
	if slices.Equal(run(5), run(6)) {
		t.Error("another seed makes the same run")
	}
}

// Both families in one run: three kinds, two sockets.
func TestBothFamilies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := map[Kind]*server{}
		for _, k := range []Kind{FourOverSix, V4, V6} {
			servers[k] = &server{t: t, kind: k}
		}
		six := newFakeNet(func(b []byte) [][]byte {
			if b[0] == 20 { // DHCPV4-QUERY
				return servers[FourOverSix].serve(b)
			}
			return servers[V6].serve(b)
		})
		four := newFakeNet(servers[V4].serve)
		six.delay, four.delay = time.Millisecond, 2*time.Millisecond
		mix, err := ParseMix("4o6/lease=2,4o6/renew=2,v4/lease=2,v4/release,v6/lease=2,v6/information-request=2", FourOverSix)
		if err != nil {
			t.Fatal(err)
		}
		s := Scenario{Mix: mix, Server: serverOf(V6), Server4: serverOf(V4), Count: 4000, InFlight: 30, Seed: 3}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		s.complete()
		lines := [2]*line{newLine(&s, false, six, place{local: local(V6)}), newLine(&s, true, four, place{local: local(V4)})}
		src, done := sourceOf(lines)
		r, err := newRunner(s, lines, src).run(t.Context())
		six.Close()
		four.Close()
		done()
		if err != nil || r.Completed != 4000 || r.Lost+r.Refused+r.Strays+r.Malformed != 0 || r.Scenario != "mix" {
			t.Fatalf("%v %+v", err, r)
		}
		seen := map[string]bool{}
		for _, a := range r.Acts {
			seen[a.Kind] = true
			if a.Begun != a.Completed {
				t.Errorf("%+v", a)
			}
		}
		if len(seen) != 3 || len(servers[V4].seen) == 0 {
			t.Errorf("%+v", r.Acts)
		}
	})
}

// A client that gave its lease back comes again in the same way only: a
// DHCPRELEASE by way of dhcp6d may take longer than the next DISCOVER to dhcp4d.
func TestOneKind(t *testing.T) {
	c := clients{fixed: 2, keep: true}
	take := func(k Kind, want int, there bool) {
		t.Helper()
		if client, holds, ok := c.take(k); ok != there || holds || ok && client != want {
			t.Errorf("%v: client %d, %v, %v", k, client, holds, ok)
		}
	}
	take(FourOverSix, 0, true)
	take(V4, 1, true)
	c.give(0, FourOverSix, false)
	take(V4, 0, false)
	take(V6, 0, false)
	take(FourOverSix, 0, true)
}

// Clients that have an address each send from it, and an answer that goes to
// another one is not theirs.
func TestSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		n := newFakeNet(nil)
		from := map[netip.Addr]int{}
		turn := 0
		n.answer = func(d transport.Datagram) []transport.Datagram {
			from[d.Local]++
			a := srv.serve(d.Data)
			if turn++; len(a) > 0 && turn%4 == 0 {
				return []transport.Datagram{{Data: a[0], Local: d.Local.Next()}, {Data: a[0], Local: d.Local}}
			}
			return []transport.Datagram{{Data: a[0], Local: d.Local}}
		}
		first := netip.MustParseAddr("2001:db8::c:1")
		r := hold(t, Scenario{Sources: [2]netip.Addr{first, netip.MustParseAddr("2001:db8::c:4")}, Clients: 8}, n)
		if r.Completed != 8 || r.Strays != 4 {
			t.Errorf("%+v", r)
		}
		for a, i := first, 0; i < 4; a, i = a.Next(), i+1 {
			if from[a] != 4 {
				t.Errorf("%d messages from %v", from[a], a)
			}
		}
	})
}

// DHCPv4 clients on the link send to everybody and ask for an answer to
// everybody: they have no address yet (RFC 2131 §4.1).
func TestOnLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t, kind: V4, onLink: true}
		s := Scenario{Kind: V4, Server: netip.AddrPortFrom(limitedBroadcast, 67), Iface: "eth0", Clients: 4, Storm: 0}
		r, err := holdOn(t.Context(), s, newFakeNet(srv.serve))
		if err != nil || r.Completed != 4 || r.Relays != 0 {
			t.Errorf("%v %+v", err, r)
		}
	})
	s := Scenario{Kind: V4, Server: netip.AddrPortFrom(limitedBroadcast, 67), Iface: "eth0", Clients: 4}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	s.complete()
	if s.Local.Port() != 68 {
		t.Errorf("port %d", s.Local.Port())
	}
	s.Renewals = 1
	if s.Check() == nil {
		t.Error("a renewal would never be answered, and is taken")
	}
}

// What stands in --mix is read, and what is wrong with it said.
func TestParseMix(t *testing.T) {
	got, err := ParseMix(" lease=6, v4/renew ,v6/confirm=2,4o6/reboot=0", FourOverSix)
	want := []Share{{FourOverSix, ActLease, 6}, {V4, ActRenew, 1}, {V6, ActReturn, 2}, {FourOverSix, ActReturn, 0}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"", ",", "lease=", "lease=-1", "lease=1000001", "v7/lease", "4o6/", "4o6", "lease=1=2"} {
		if got, err := ParseMix(bad, V6); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}
