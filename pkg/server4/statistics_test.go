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
