package server4

import (
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
