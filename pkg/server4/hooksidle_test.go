package server4

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// idleConfigs are configurations of all that has a say in what a lease is.
var idleConfigs = map[string]string{
	"plain": `"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "interface": "eth0", "4o6-interface": "eth0", "pools": [{"pool": "192.0.2.100 - 192.0.2.103"}],
		"reservations": [{"hw-address": "02:00:5e:00:00:01", "ip-address": "192.0.2.102", "hostname": "one"}]}]`,
	"a full pool shortens leases": `"min-valid-lifetime": 60, "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "interface": "eth0", "4o6-interface": "eth0", "allocator": "flq",
		"adaptive-lease-time-threshold": 0.5, "pools": [{"pool": "192.0.2.100 - 192.0.2.102"}]}]`,
	"young leases stay, offers are stored": `"cache-threshold": 0.5, "offer-lifetime": 30, "store-extended-info": true, "subnet4": [{"id": 1, "subnet": "192.0.2.0/24",
		"interface": "eth0", "4o6-interface": "eth0", "pools": [{"pool": "192.0.2.100 - 192.0.2.103"}]}]`,
	"a network whose subnets differ": `"shared-networks": [{"name": "n", "interface": "eth0", "subnet4": [
		{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "eth0", "pools": [{"pool": "192.0.2.100 - 192.0.2.101"}], "match-client-id": false, "ddns-qualifying-suffix": "a.example.org"},
		{"id": 2, "subnet": "198.51.100.0/24", "4o6-interface": "eth0", "pools": [{"pool": "198.51.100.100 - 198.51.100.101"}], "valid-lifetime": 300, "min-valid-lifetime": 300, "max-valid-lifetime": 300,
			"ddns-qualifying-suffix": "b.example.org", "ddns-replace-client-name": "always"}]}]`,
	"BOOTP and names": `"hooks-libraries": [{"library": "libdhcp_bootp.so"}], "ddns-replace-client-name": "when-not-present", "hostname-char-set": "[^a-z]", "hostname-char-replacement": "x",
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "interface": "eth0", "4o6-interface": "eth0", "pools": [{"pool": "192.0.2.100 - 192.0.2.103"}]}]`,
}

// watching are functions at every point that change nothing. It counts how often they
// are told that a lease is made or extended.
func watching(told *int) *Hooks {
	h := idle()
	h.LeaseSelect = func(_ *Exchange, _ *lease.Lease, offer bool) NextStep {
		if !offer {
			*told++
		}
		return Continue
	}
	h.LeaseRenew = func(*Exchange, *lease.Lease) NextStep { *told++; return Continue }
	h.LeasesCommitted = func(*Exchange, *Committed) NextStep { return Continue }
	h.LeaseExpire = func(*lease.Lease, bool) NextStep { return Continue }
	h.LeaseRecover = func(*lease.Lease) NextStep { return Continue }
	return h
}

// TestIdleHooksChangeNothing: functions that only look on change neither an answer nor
// a lease, whatever is configured and whatever clients do.
func TestIdleHooksChangeNothing(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(idleConfigs)) {
		t.Run(name, func(t *testing.T) {
			net := func() string {
				return `{"Dhcp4": {"dhcp4o6-port": 6767, "lease-database": {"type": "memfile", "persist": false}, "valid-lifetime": 600, "max-valid-lifetime": 900, "calculate-tee-times": true,
				"dhcp-ddns": {"enable-updates": true}, ` + idleConfigs[name] + `}}`
			}
			plain, hooked := compiled(t, net()), compiled(t, net())
			rapid.Check(t, func(rt *rapid.T) {
				told := 0
				a := newBenchWith(t, plain, Options{Interfaces: eth0()})
				b := newBenchWith(t, hooked, Options{Interfaces: eth0(), Hooks: watching(&told)})
				a.now = a.now.Add(300 * time.Millisecond)
				b.now = a.now
				var said []string
				rt.Repeat(map[string]func(*rapid.T){
					"ask": func(rt *rapid.T) {
						q, way := anyQuery(rt), rapid.SampledFrom(ways).Draw(rt, "way")
						if flq := strings.Contains(net(), `"flq"`); flq && q.kind == dhcp4.Discover {
							q.kind = dhcp4.Request // which address is free first is left to chance there
						}
						q.xid = uint32(len(said))
						told = 0
						want, got := whole(way.ask(a, q)), whole(way.ask(b, q))
						said = append(said, fmt.Sprintf("%s %+v: %s", way.name, q, want))
						if got != want {
							rt.Fatalf("%s\n    with hooks %s", strings.Join(said, "\n"), got)
						}
						if granted := strings.Contains(got, " ACK ") || q.kind == 0 && got != "silence"; granted != (told == 1) || told > 1 {
							rt.Fatalf("%s\n    hooks were told of %d leases", strings.Join(said, "\n"), told)
						}
						if got, want := kept(b), kept(a); got != want {
							rt.Fatalf("%s\n    with hooks leases are\n%s\n    not\n%s", strings.Join(said, "\n"), got, want)
						}
					},
					"wait": func(rt *rapid.T) {
						a.now = a.now.Add(time.Duration(rapid.SampledFrom([]int{1, 9, 40, 200, 500}).Draw(rt, "seconds")) * time.Second)
						b.now = a.now
						said = append(said, fmt.Sprint("at ", a.now.Sub(start)))
						if n, m := a.table.Expire(a.now, 0), b.table.Expire(b.now, 0); n != m {
							rt.Fatalf("%s\n    with hooks %d end, not %d", strings.Join(said, "\n"), m, n)
						}
					},
				})
			})
		})
	}
}

// anyQuery is something that a client may say. Addresses are named rather than left to
// the allocator where that has no order.
func anyQuery(rt *rapid.T) query {
	c := rapid.IntRange(1, 5).Draw(rt, "client")
	q := query{hw: fmt.Sprintf("02005e0000%02x", c)}
	addr := rapid.SampledFrom([]string{"192.0.2.100", "192.0.2.101", "192.0.2.102", "198.51.100.100", "198.51.100.101", "10.0.0.1"}).Draw(rt, "address")
	v := ip(addr).As4()
	named := " 50=" + hexOf(v[:])
	q.opts = rapid.SampledFrom([]string{"", "", "12=486f7374", "81=010000" + "616c706861", "61=0102030405", "51=00000078", "82=0104706f7274"}).Draw(rt, "options")
	switch rapid.IntRange(0, 9).Draw(rt, "kind") {
	case 0, 1:
		q.kind, q.opts = dhcp4.Discover, q.opts+named
	case 2, 3:
		q.kind, q.opts = dhcp4.Request, q.opts+named+" 54=c0000201"
	case 4:
		q.kind, q.opts = dhcp4.Request, q.opts+named
	case 5, 6:
		q.kind, q.ciaddr = dhcp4.Request, addr
	case 7:
		q.kind, q.ciaddr = dhcp4.Release, addr
	case 8:
		q.kind, q.opts = dhcp4.Decline, q.opts+named
	case 9:
		q.ciaddr = rapid.SampledFrom([]string{"", addr}).Draw(rt, "ciaddr") // BOOTP
	}
	return q
}

func whole(m *dhcp4.Message) string {
	if m == nil {
		return "silence"
	}
	return fmt.Sprintf("%x %s", m.Bytes()[:44], say(m))
}

// kept is what the table of b has put into its store.
func kept(b *bench) string {
	var all []string
	for _, l := range b.store.Replay() {
		all = append(all, leasetest.Text(&l))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

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
