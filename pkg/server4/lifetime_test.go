package server4

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// lasting is what a reply of net1 says with a lifetime of n seconds.
func lasting(n uint32) string {
	return fmt.Sprintf(" 54=c0000201 51=%08x 1=ffffff00 3=c0000201 6=c0000235", n)
}

func caching(c topology.Cache) func(*topology.Topology) {
	return func(n *topology.Topology) { n.Subnets[0].Policy.Cache = c }
}

// A lease that is young enough is given as it is: the client is told the rest of its
// time, and nothing is stored (Kea's cache-threshold and cache-max-age).
func TestCaching(t *testing.T) {
	discover := query{kind: dhcp4.Discover, hw: hwA}
	selecting := query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"}
	renew := query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"}
	named := query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "12=6e6577"}
	const ack, offer = "ACK 192.0.2.100", "OFFER 192.0.2.100"
	converse(t, []conversation{
		{"within the threshold, then beyond it", []func(*topology.Topology){caching(topology.Cache{Threshold: 0.25, MaxAge: 1<<32 - 1})}, []turn{
			{0, selecting, ack + lasting(600)},
			{100 * time.Second, renew, ack + lasting(500)},
			{50 * time.Second, renew, ack + lasting(450)},
			{time.Second, renew, ack + lasting(600)},
		}},
		{"the age counts too", []func(*topology.Topology){caching(topology.Cache{Threshold: 0.5, MaxAge: 60})}, []turn{
			{0, selecting, ack + lasting(600)},
			{60 * time.Second, renew, ack + lasting(540)},
			{1 * time.Second, renew, ack + lasting(600)},
		}},
		{"a DISCOVER is told the rest as well", []func(*topology.Topology){caching(topology.Cache{MaxAge: 60})}, []turn{
			{0, selecting, ack + lasting(600)},
			{20 * time.Second, discover, offer + lasting(580)},
			{50 * time.Second, discover, offer + lasting(600)},
		}},
		{"what is new is stored", []func(*topology.Topology){caching(topology.Cache{MaxAge: 60})}, []turn{
			{0, selecting, ack + lasting(600)},
			{20 * time.Second, named, ack + lasting(600) + " 12=6e6577"},
			{20 * time.Second, named, ack + lasting(580) + " 12=6e6577"},
		}},
		{"not configured", nil, []turn{
			{0, selecting, ack + lasting(600)},
			{20 * time.Second, renew, ack + lasting(600)},
		}},
	})
}

// What is given as it is costs no line of the lease file, and is counted.
func TestCachingStoresNothing(t *testing.T) {
	for _, way := range ways {
		b := newBench(t, net1(caching(topology.Cache{MaxAge: 300})))
		way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
		first, _ := b.table.ByResource(resource(ip("192.0.2.100")))
		for range 3 {
			b.now = b.now.Add(30 * time.Second)
			way.ask(b, query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"})
		}
		if l, _ := b.table.ByResource(resource(ip("192.0.2.100"))); !l.Start.Equal(first.Start) {
			t.Errorf("%s: the lease was extended", way.name)
		}
		if n, m := b.count("v4-lease-reuses"), b.subnetCount("v4-lease-reuses"); n != 3 || m != 3 {
			t.Errorf("%s: %d reuses counted, %d in the subnet", way.name, n, m)
		}
	}
}

// subnetCount returns a statistic of subnet 1.
func (b *bench) subnetCount(name string) int64 { return b.count("subnet[1]." + name) }

// A lease that never ends is given as it is, caching or not, as by Kea.
func TestInfiniteLeases(t *testing.T) {
	forever := func(n *topology.Topology) {
		n.Subnets[0].Policy.Valid = topology.Lifetime{Min: 60, Default: 600, Max: 1<<32 - 1}
		n.Subnets[0].Policy.T1.Percent, n.Subnets[0].Policy.T2.Percent = 0.5, 0.875
	}
	const want = "ACK 192.0.2.100 54=c0000201 51=ffffffff 1=ffffff00 3=c0000201 6=c0000235"
	converse(t, []conversation{{"asked for by option 51", []func(*topology.Topology){forever}, []turn{
		{0, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201 51=ffffffff"}, want},
		{1e6 * time.Second, query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "51=ffffffff"}, want},
		{time.Second, query{kind: dhcp4.Request, hw: hwB, opts: "50=c0000264 54=c0000201"}, "NAK 54=c0000201 56=61646472657373"},
	}}})
}

// The client's wish for a lifetime is kept within min- and max-valid-lifetime.
func TestLifetimeBounds(t *testing.T) {
	bounds := func(n *topology.Topology) {
		n.Subnets[0].Policy.Valid = topology.Lifetime{Min: 300, Default: 600, Max: 900}
	}
	ask := func(opts string) query {
		return query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201" + opts}
	}
	var turns []turn
	for opts, want := range map[string]uint32{"": 600, " 51=00000001": 300, " 51=0000012c": 300, " 51=000002bc": 700, " 51=00010000": 900, " 51=00000000": 600} {
		turns = append(turns, turn{0, ask(opts), "ACK 192.0.2.100" + lasting(want)})
	}
	converse(t, []conversation{{"option 51", []func(*topology.Topology){bounds}, turns}})
}

func storing(seconds uint32) func(*topology.Topology) {
	return func(n *topology.Topology) { n.Subnets[0].Policy.OfferLifetime = seconds }
}

// With offer-lifetime an offer is a lease that lasts so long, told as the one that it will be.
func TestStoredOffers(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := newBench(t, net1(storing(60)))
			addr := resource(ip("192.0.2.100"))
			ask := func(q query, want string) {
				t.Helper()
				if got := say(way.ask(b, q)); !strings.HasPrefix(got, want) {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			stored := func(state lease.State, valid time.Duration) {
				t.Helper()
				l, _ := b.table.ByResource(addr)
				if l.State != state || l.Valid != valid {
					t.Errorf("stored: state %d, for %v", l.State, l.Valid)
				}
			}
			discover := query{kind: dhcp4.Discover, hw: hwA}
			ask(discover, "OFFER 192.0.2.100"+lasting(600))
			stored(lease.Leased, time.Minute)
			if n := b.subnetCount("assigned-addresses"); n != 1 {
				t.Errorf("%d addresses assigned", n)
			}
			if _, unsynced := b.store.Replay(), b.store.PowerCut(); len(unsynced.Replay()) != 1 {
				t.Error("the offer was sent before it was durable")
			}
			ask(query{kind: dhcp4.Discover, hw: hwB}, "OFFER 192.0.2.101")
			b.now = b.now.Add(30 * time.Second)
			ask(discover, "OFFER 192.0.2.100"+lasting(600))
			ask(query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"}, "ACK 192.0.2.100"+lasting(600))
			stored(lease.Leased, 10*time.Minute)
			ask(discover, "OFFER 192.0.2.100"+lasting(600)) // a lease that lasts longer stays
			stored(lease.Leased, 10*time.Minute)
			if n := b.subnetCount("cumulative-assigned-addresses"); n != 2 {
				t.Errorf("%d addresses assigned since the start", n)
			}
			b.now = b.now.Add(31 * time.Second)
			b.table.Expire(b.now, 0)
			if n := b.subnetCount("reclaimed-leases"); n != 1 { // that of B, who did not come back
				t.Errorf("%d leases reclaimed", n)
			}
		})
	}
}

// A client whose lease may not be kept has it until it takes what it was offered.
func TestStoredOfferBesideALease(t *testing.T) {
	for _, way := range ways {
		net := func(edit ...func(*topology.Topology)) *topology.Topology {
			return net1(append(edit, storing(60))...)
		}
		b := newBench(t, net())
		way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
		b.table.Adopt(nil)
		b.s.Replace(net(func(n *topology.Topology) {
			n.Subnets[0].Pools = nil
			addPool(n.Subnets[0], 0, "192.0.2.150", "192.0.2.199")
		}))
		states := func(want string) {
			t.Helper()
			var got []string
			for _, a := range []string{"192.0.2.100", "192.0.2.150"} {
				l, _ := b.table.ByResource(resource(ip(a)))
				got = append(got, fmt.Sprint(l.State, " ", l.Valid))
			}
			if s := strings.Join(got, ", "); s != want {
				t.Errorf("%s: %s, want %s", way.name, s, want)
			}
		}
		if got := say(way.ask(b, query{kind: dhcp4.Discover, hw: hwA})); !strings.HasPrefix(got, "OFFER 192.0.2.150") {
			t.Errorf("%s: %s", way.name, got)
		}
		states("0 10m0s, 0 1m0s")
		if got := say(way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000296 54=c0000201"})); !strings.HasPrefix(got, "ACK 192.0.2.150") {
			t.Errorf("%s: %s", way.name, got)
		}
		states("3 1s, 0 10m0s")
	}
}

// From the threshold on new leases are short, and those renewed keep what they have.
func TestAdaptiveLifetimes(t *testing.T) {
	adaptive := func(a lease.Allocator) func(*topology.Topology) {
		return func(n *topology.Topology) {
			s := n.Subnets[0]
			s.Pools = nil
			addPool(s, 0, "192.0.2.100", "192.0.2.103").Lease.Use(a)
			s.Policy.Valid = topology.Lifetime{Min: 100, Default: 600, Max: 600}
			s.Policy.AdaptiveThreshold = 0.75
		}
	}
	request := func(n byte) query {
		return query{kind: dhcp4.Request, hw: fmt.Sprintf("02005e0000%02x", n), opts: fmt.Sprintf("50=c00002%02x 54=c0000201", 99+n)}
	}
	renew := func(n byte) query {
		return query{kind: dhcp4.Request, hw: fmt.Sprintf("02005e0000%02x", n), ciaddr: fmt.Sprintf("192.0.2.%d", 99+n)}
	}
	ack := func(n int, valid uint32) string { return fmt.Sprintf("ACK 192.0.2.%d", 99+n) + lasting(valid) }
	converse(t, []conversation{
		{"flq", []func(*topology.Topology){adaptive(lease.FLQ)}, []turn{
			{0, request(1), ack(1, 600)},
			{0, request(2), ack(2, 600)},
			{0, request(3), ack(3, 100)},
			{10 * time.Second, renew(1), ack(1, 590)},
			{0, renew(3), ack(3, 100)},
		}},
		{"others do not look", []func(*topology.Topology){adaptive(lease.Random)}, []turn{
			{0, request(1), ack(1, 600)},
			{0, request(2), ack(2, 600)},
			{0, request(3), ack(3, 600)},
		}},
	})
}
