package server4

import (
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// Where and why no address could be found is counted as Kea 2.2.0 was seen to do
// it: in a subnet alone or in a network, with full pools or with none, and always
// in classes.
func TestExhausted(t *testing.T) {
	one := func(n *topology.Topology) {
		n.Subnets = []*topology.Subnet{subnet(1, "192.0.2.0/24", "192.0.2.100", "192.0.2.100")}
	}
	none := func(n *topology.Topology) { one(n); n.Subnets[0].Pools = nil }
	network := func(n *topology.Topology) {
		one(n)
		n.Subnets[0].Network = &topology.Network{Name: "n", Subnets: n.Subnets}
	}
	tests := []struct {
		name    string
		net     func(*topology.Topology)
		counted []string
	}{
		{"a full pool", one, []string{"v4-allocation-fail", "v4-allocation-fail-subnet", "v4-allocation-fail-classes"}},
		{"no pool", none, []string{"v4-allocation-fail-no-pools", "v4-allocation-fail-subnet", "v4-allocation-fail-classes"}},
		{"a full network", network, []string{"v4-allocation-fail", "v4-allocation-fail-shared-network", "v4-allocation-fail-classes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, net1(tt.net))
			ways[1].ask(b, query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"})
			if m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hwB}); m != nil {
				t.Error(say(m))
			}
			want := map[string]int64{"pkt4-drop-no-address": 1}
			for _, name := range troubleNames {
				want[name], want["subnet[1]."+name] = 0, 0
			}
			for _, name := range tt.counted {
				want[name], want["subnet[1]."+name] = 1, 1
			}
			for name, want := range want {
				if got := b.count(name); got != want {
					t.Errorf("%s is %d, want %d", name, got, want)
				}
			}
		})
	}
}

// Leases are counted for the server, each subnet and each pool id, and what was
// counted of a subnet that is taken out stays in the sums.
func TestStatisticsOfLeases(t *testing.T) {
	b := newBench(t, net1(func(n *topology.Topology) {
		n.Subnets = []*topology.Subnet{subnet(1, "192.0.2.0/24", "192.0.2.100", "192.0.2.119")}
		n.Subnets[0].Pools = append(n.Subnets[0].Pools, subnet(1, "192.0.2.0/24", "192.0.2.10", "192.0.2.19").Pools...)
	}))
	for _, hw := range []string{hwA, hwB} {
		ways[0].ask(b, query{kind: dhcp4.Discover, hw: hw})
	}
	ways[0].ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
	ways[0].ask(b, query{kind: dhcp4.Decline, hw: hwA, opts: "50=c0000264 54=c0000201"})
	want := map[string]int64{
		"subnet[1].total-addresses": 30, "subnet[1].assigned-addresses": 1, "subnet[1].cumulative-assigned-addresses": 1,
		"subnet[1].declined-addresses": 1, "subnet[1].offered-addresses": 1, "subnet[1].pool[0].total-addresses": 30,
		"subnet[1].pool[0].assigned-addresses": 1, "subnet[1].pool[0].offered-addresses": 1, "declined-addresses": 1, "cumulative-assigned-addresses": 1,
		"subnet[1].v4-reservation-conflicts": 0, "subnet[1].reclaimed-leases": 0,
	}
	for name, want := range want {
		if m, ok := b.set.Find(name); !ok || m.Value != want {
			t.Errorf("%s is %d, want %d", name, m.Value, want)
		}
	}
	b.s.Replace(net1(func(n *topology.Topology) {
		n.Subnets = []*topology.Subnet{subnet(2, "192.0.2.0/24", "192.0.2.200", "192.0.2.200")}
	}))
	if _, ok := b.set.Find("subnet[1].total-addresses"); ok {
		t.Error("a subnet that is no more is counted")
	}
	if n := b.count("cumulative-assigned-addresses"); n != 1 {
		t.Errorf("%d leases given since the start", n)
	}
}

// One observation for each batch, of the time since it was read and of its size.
func TestHistograms(t *testing.T) {
	b := newBench(t, net1())
	b.now = time.Now()
	ways[0].ask(b, query{kind: dhcp4.Discover, hw: hwA})
	ways[0].ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
	c := b.s.count
	if a, k, n := c.answering.Count(), c.committing.Count(), c.batches.Count(); a != 2 || k != 1 || n != 2 {
		t.Errorf("%d batches answered, %d committed, %d sizes", a, k, n)
	}
}

// TestKeasReasons: under which of Kea 3's statistics a query without an answer is counted.
// What a client does wrong is a violation, what is for another server is that; only
// faults of the server count as failed, since operators are woken by those.
func TestKeasReasons(t *testing.T) {
	for name, tt := range map[string]struct {
		q      query
		reason string // ours
		kea    string
	}{
		"a reply":                       {query{kind: dhcp4.Offer}, "message-type", "pkt4-rfc-violation"},
		"BOOTP":                         {query{kind: 0}, "bootp", "pkt4-rfc-violation"},
		"LEASEQUERY":                    {query{kind: dhcp4.LeaseQuery, ciaddr: "192.0.2.100"}, "message-type", "pkt4-rfc-violation"},
		"a type that nobody knows":      {query{kind: 200}, "message-type", "pkt4-rfc-violation"},
		"for another server":            {query{kind: dhcp4.Request, opts: "50=c0000264 54=0a000001"}, "other-server", "pkt4-not-for-us"},
		"known to another server":       {query{kind: dhcp4.Request, opts: "50=c0000264"}, "unknown-client", "pkt4-not-for-us"},
		"REQUEST without an address":    {query{kind: dhcp4.Request}, "incomplete", "pkt4-rfc-violation"},
		"DECLINE without an address":    {query{kind: dhcp4.Decline}, "incomplete", "pkt4-rfc-violation"},
		"RELEASE of what nobody has":    {query{kind: dhcp4.Release, ciaddr: "192.0.2.100"}, "not-holder", ""},
		"DECLINE of what nobody has":    {query{kind: dhcp4.Decline, opts: "50=c0000264"}, "not-holder", ""},
		"neither identifier nor chaddr": {query{kind: dhcp4.Discover, hw: "-"}, "no-identity", "pkt4-rfc-violation"},
		"a link that is not served":     {query{kind: dhcp4.Discover, giaddr: "10.9.9.9"}, "no-subnet", "pkt4-not-for-us"},
	} {
		b := newBench(t, net1())
		if m := ways[0].ask(b, tt.q); m != nil {
			t.Errorf("%s: answered by %s", name, say(m))
			continue
		}
		for _, s := range []string{"pkt4-rfc-violation", "pkt4-not-for-us", "pkt4-processing-failed", "pkt4-parse-failed"} {
			if got := b.count(s); (got == 1) != (s == tt.kea) || got > 1 {
				t.Errorf("%s: %s is %d", name, s, got)
			}
		}
		if b.count("pkt4-receive-drop") != 1 || b.count("pkt4-drop-"+tt.reason) != 1 {
			t.Errorf("%s: not counted as dropped for %s", name, tt.reason)
		}
	}
}
