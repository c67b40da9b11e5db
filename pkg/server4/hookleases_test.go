package server4

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestSkippedOfferIsNotStored: with offer-lifetime an offer that LeaseSelect does not
// let pass leaves no lease behind, and a lease that the client has stays.
func TestSkippedOfferIsNotStored(t *testing.T) {
	for _, way := range ways {
		skip := false
		b := newBenchWith(t, compiled(t, `{"Dhcp4": {"dhcp4o6-port": 6767, "lease-database": {"type": "memfile", "persist": false}, `+idleConfigs["young leases stay, offers are stored"]+`}}`),
			Options{Interfaces: eth0(), Hooks: &Hooks{LeaseSelect: func(*Exchange, *lease.Lease, bool) NextStep {
				if skip {
					return Skip
				}
				return Continue
			}}})
		assigned := func() int64 { return b.table.Stats(lease.V4).Assigned }
		skip = true
		if m := way.ask(b, query{kind: dhcp4.Discover, hw: hwA}); m != nil || assigned() != 0 {
			t.Errorf("%s: %s, %d leases", way.name, say(m), assigned())
		}
		skip = false
		way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
		skip = true
		if m := way.ask(b, query{kind: dhcp4.Discover, hw: hwA}); m != nil || assigned() != 1 {
			t.Errorf("%s, with a lease: %s, %d leases", way.name, say(m), assigned())
		}
	}
}

// TestRenewalShowsContext: LeaseRenew sees the user context that the lease has, which
// stays when it is left alone.
func TestRenewalShowsContext(t *testing.T) {
	for _, way := range ways {
		var seen []string
		next := json.RawMessage(nil)
		note := func(l *lease.Lease) {
			var of struct{ Tier int }
			_ = json.Unmarshal(l.UserContext, &of) // over 4o6 the source stands there too
			seen = append(seen, fmt.Sprint(of.Tier))
			if next != nil {
				l.UserContext = next
			}
		}
		b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: &Hooks{
			LeaseSelect: func(_ *Exchange, l *lease.Lease, _ bool) NextStep { note(l); return Continue },
			LeaseRenew:  func(_ *Exchange, l *lease.Lease) NextStep { note(l); return Continue },
		}})
		next = json.RawMessage(`{"tier":1}`)
		way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
		renew := query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"}
		next = nil
		way.ask(b, renew)
		next = json.RawMessage(`{"tier":2}`)
		way.ask(b, renew)
		next = nil
		way.ask(b, renew)
		if got := strings.Join(seen, " "); got != "0 1 1 2" {
			t.Errorf("%s: seen %s", way.name, got)
		}
	}
}

// TestHookKeepsWhatIsOver: a lease that LeaseExpire does not let end stays, and so does
// a declined address that LeaseRecover holds back; they are asked about again a minute later.
func TestHookKeepsWhatIsOver(t *testing.T) {
	expire, recover := Skip, Skip
	asked := ""
	b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: &Hooks{
		LeaseExpire:  func(*lease.Lease, bool) NextStep { asked += "e"; return expire },
		LeaseRecover: func(*lease.Lease) NextStep { asked += "r"; return recover },
	}})
	at := resource(ip("192.0.2.100"))
	over := func(after time.Duration, wantAsked string, want lease.State) {
		t.Helper()
		b.now, asked = b.now.Add(after), ""
		b.table.Expire(b.now, 0)
		l, ok := b.table.ByResource(at)
		if !ok {
			l.State = lease.Reclaimed
		}
		if asked != wantAsked || l.State != want {
			t.Errorf("asked %q, state %v; want %q, %v", asked, l.State, wantAsked, want)
		}
	}
	ways[0].ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
	over(601*time.Second, "e", lease.Leased)
	over(30*time.Second, "", lease.Leased)
	over(31*time.Second, "e", lease.Leased)
	expire = Continue
	over(61*time.Second, "e", lease.Reclaimed)

	ways[0].ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
	ways[0].ask(b, query{kind: dhcp4.Decline, hw: hwA, opts: "50=c0000264"})
	over(25*time.Hour, "er", lease.Declined)
	over(30*time.Second, "", lease.Declined)
	recover = Continue
	over(31*time.Second, "er", lease.Reclaimed)
}

// TestNameUpdateByLease: NameUpdate is asked again where the lease is not out of the subnet
// that the query led to, and what it says of updates leaves the name that of the lease's own
// subnet.
func TestNameUpdateByLease(t *testing.T) {
	config := `{"Dhcp4": {"dhcp4o6-port": 6767, "lease-database": {"type": "memfile", "persist": false}, "dhcp-ddns": {"enable-updates": true},
		"shared-networks": [{"name": "n", "interface": "eth0", "subnet4": [
		{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "eth0", "pools": [{"pool": "192.0.2.100 - 192.0.2.101"}], "ddns-qualifying-suffix": "a.example.org"},
		{"id": 2, "subnet": "198.51.100.0/24", "4o6-interface": "eth0", "pools": [{"pool": "198.51.100.100 - 198.51.100.101"}], "ddns-qualifying-suffix": "b.example.org"}]}]}}`
	for _, tt := range []struct {
		name, addr string
		edit       func(*NameUpdate)
		seen, want string
	}{
		{"in the first subnet", "192.0.2.100", func(n *NameUpdate) { n.Forward = false }, "host.a.example.org", "host.a.example.org"},
		{"looking on", "198.51.100.100", func(*NameUpdate) {}, "host.a.example.org host.b.example.org", "host.b.example.org"},
		{"no A record", "198.51.100.100", func(n *NameUpdate) { n.Forward = false }, "host.a.example.org host.b.example.org", "host.b.example.org"},
		{"another name", "198.51.100.100", func(n *NameUpdate) { n.Hostname = "x-" + n.Hostname }, "host.a.example.org host.b.example.org", "x-host.b.example.org"},
	} {
		for _, way := range ways {
			var seen []string
			b := newBenchWith(t, compiled(t, config), Options{Interfaces: eth0(), Hooks: &Hooks{NameUpdate: func(_ *Exchange, n *NameUpdate) {
				seen = append(seen, n.Hostname)
				tt.edit(n)
			}}})
			v := ip(tt.addr).As4()
			for _, q := range []query{{kind: dhcp4.Discover, hw: hwA, opts: "12=686f7374 50=" + hexOf(v[:])}, {kind: dhcp4.Request, hw: hwA, opts: "12=686f7374 54=c0000201 50=" + hexOf(v[:])}} {
				seen = nil
				m := way.ask(b, q)
				if told, _ := m.Option(dhcp4.OptHostName); string(told) != tt.want || strings.Join(seen, " ") != tt.seen {
					t.Errorf("%s, %s, %v: the client is told %q, the function %v", tt.name, way.name, q.kind, told, seen)
				}
			}
			if l, _ := b.table.ByResource(resource(ip(tt.addr))); l.Hostname != tt.want || !l.RevDNS {
				t.Errorf("%s, %s: the lease has %q, %v", tt.name, way.name, l.Hostname, l.RevDNS)
			}
		}
	}
}

// TestRenewalAfterTheEnd: a lease whose time is over and that nobody has ended goes on when
// its client asks, which is a renewal; with Skip nothing is left of it.
func TestRenewalAfterTheEnd(t *testing.T) {
	for _, next := range []NextStep{Continue, Skip} {
		for _, way := range ways {
			r := new(register)
			h := r.hooks()
			h.LeaseRenew = func(*Exchange, *lease.Lease) NextStep { r.note("lease4_renew"); return next }
			b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: h})
			way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
			b.now = b.now.Add(time.Hour)
			r.take()
			m := way.ask(b, query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"})
			want, points := dhcp4.Ack, "lease4_renew leases4_committed+192.0.2.100"
			if next == Skip {
				want, points = dhcp4.Nak, "lease4_renew pkt4_send"
			}
			if got := r.take(); m == nil || m.Type() != want || !strings.Contains(got, points) || strings.Contains(got, "lease4_expire") {
				t.Errorf("%s, %v: %s, %s", way.name, next, say(m), got)
			}
		}
	}
}

// TestHookOrderWithEarlyLookup: with early-global-reservations-lookup the client is
// identified before the subnet is selected, whatever it says.
func TestHookOrderWithEarlyLookup(t *testing.T) {
	for _, way := range ways {
		r := new(register)
		b := newBenchWith(t, net1(func(n *topology.Topology) { n.EarlyGlobal = true }), Options{Interfaces: eth0(), Hooks: r.hooks()})
		way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
		if got, want := r.take(), read4+"host4_identifier subnet4_select ddns4_update"; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", way.name, got)
		}
		way.ask(b, query{kind: dhcp4.Release, hw: hwA, ciaddr: "192.0.2.100"})
		if got, want := r.take(), read4+"host4_identifier lease4_release(192.0.2.100) leases4_committed-192.0.2.100"; got != want {
			t.Errorf("%s: %s", way.name, got)
		}
	}
}

// TestHookContextIsAnObject: nor a user context that makes a row a damaged one.
func TestHookContextIsAnObject(t *testing.T) {
	for ctx, want := range map[string]string{`{"a":1}`: `{"a":1}`, ` {} `: ` {} `, `[1]`: "", `{"a"`: "", `"x"`: "", "": ""} {
		b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: &Hooks{LeaseSelect: func(_ *Exchange, l *lease.Lease, _ bool) NextStep {
			l.UserContext = json.RawMessage(ctx)
			return Continue
		}}})
		ways[0].ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
		if l, _ := b.table.ByResource(resource(ip("192.0.2.100"))); string(l.UserContext) != want {
			t.Errorf("%q: the lease has %q", ctx, l.UserContext)
		}
	}
}

// TestHookLifetimeIsBounded: no function makes a lease that the lease file could not hold.
func TestHookLifetimeIsBounded(t *testing.T) {
	for valid, want := range map[time.Duration]uint32{0: 1, -time.Hour: 1, time.Millisecond: 1, time.Minute: 60, lease.Infinite: 1<<32 - 1, 1 << 62: 1<<32 - 1} {
		for _, way := range ways {
			b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: &Hooks{LeaseSelect: func(_ *Exchange, l *lease.Lease, _ bool) NextStep {
				l.Valid = valid
				return Continue
			}}})
			for _, q := range []query{{kind: dhcp4.Discover, hw: hwA}, {kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"}} {
				if got, _ := way.ask(b, q).Uint32(dhcp4.OptLeaseTime); got != want {
					t.Errorf("%s, %v, %v: told %d, want %d", way.name, q.kind, valid, got, want)
				}
			}
			if l, _ := b.table.ByResource(resource(ip("192.0.2.100"))); l.Valid != time.Duration(want)*time.Second {
				t.Errorf("%s, %v: the lease has %v", way.name, valid, l.Valid)
			}
		}
	}
}

// TestHookNameIsOne: a name that LeaseSelect gives, or NameUpdate, is the same in the answer
// and in the lease; "" of LeaseSelect, and what is no name, is none at all.
func TestHookNameIsOne(t *testing.T) {
	for given, want := range map[string]string{"": "", "other": "other", "Other": "other", "a b": "", "a..b": "", "a\nb": "", strings.Repeat("x", 300): "", "host": "host"} {
		for point, h := range map[string]*Hooks{
			"lease4_select": {LeaseSelect: func(_ *Exchange, l *lease.Lease, _ bool) NextStep { l.Hostname = given; return Continue }},
			"ddns4_update":  {NameUpdate: func(_ *Exchange, n *NameUpdate) { n.Hostname = given }},
		} {
			want := want
			if given == "" && point == "ddns4_update" {
				want = "myhost-192-0-2-100" // one is made
			}
			for _, way := range ways {
				b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: h})
				for _, q := range []query{{kind: dhcp4.Discover, hw: hwA, opts: "12=686f7374"}, {kind: dhcp4.Request, hw: hwA, opts: "12=686f7374 50=c0000264 54=c0000201"}} {
					m := way.ask(b, q)
					if told, has := m.Option(dhcp4.OptHostName); string(told) != want || has != (want != "") {
						t.Errorf("%s, %s, %v, %q: told %q, %v", point, way.name, q.kind, given, told, has)
					}
				}
				if l, _ := b.table.ByResource(resource(ip("192.0.2.100"))); l.Hostname != want {
					t.Errorf("%s, %s, %q: the lease has %q", point, way.name, given, l.Hostname)
				}
			}
		}
	}
}
