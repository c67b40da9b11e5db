package server4

import (
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

const (
	macA = "\x02\x00\x5e\x00\x00\x0a" // hwA
	macB = "\x02\x00\x5e\x00\x00\x0b" // hwB
)

// shared makes one network of the first subnet and 198.51.100.0/24 besides.
func shared(n *topology.Topology) (first, second *topology.Subnet) {
	first, second = n.Subnets[0], subnet(2, "198.51.100.0/24", "198.51.100.10", "198.51.100.20")
	n.Subnets = append(n.Subnets, second)
	net := &topology.Network{Name: "link", Subnets: n.Subnets}
	first.Network, second.Network = net, net
	return first, second
}

// reserveGlobal is reserve at top level, and has it hold in all subnets.
func reserveGlobal(n *topology.Topology, kind topology.IdentifierKind, id, addr, name string) {
	var top topology.Subnet
	top.Reservations = n.Reservations
	reserve(&top, kind, id, addr, name)
	n.Reservations = top.Reservations
	for _, s := range n.Subnets {
		s.ReserveGlobal = true
	}
}

// TestWhereReservationsHold is Kea's order in which reservations are looked up
// and what each is worth.
func TestWhereReservationsHold(t *testing.T) {
	tests := []struct {
		name string
		net  func(*topology.Topology)
		q    query
		want string // prefix of the OFFER
	}{
		{"global, with an address of the subnet", func(n *topology.Topology) {
			reserveGlobal(n, topology.HWAddress, macA, "192.0.2.55", "")
		}, query{hw: hwA}, "OFFER 192.0.2.55 "},
		{"global, with an address of another network", func(n *topology.Topology) {
			reserveGlobal(n, topology.HWAddress, macA, "203.0.113.5", "everywhere")
		}, query{hw: hwA, opts: "55=0c"}, "OFFER 192.0.2.100 54=c0000201 51=00000258 1=ffffff00 12=65766572797768657265 "},
		{"global, with an address of the second subnet of the link", func(n *topology.Topology) {
			shared(n)
			reserveGlobal(n, topology.HWAddress, macA, "198.51.100.55", "")
		}, query{hw: hwA}, "OFFER 198.51.100.55 "},
		{"global, where the subnet has its own", func(n *topology.Topology) {
			reserveGlobal(n, topology.HWAddress, macA, "192.0.2.55", "")
			reserve(n.Subnets[0], topology.HWAddress, macA, "192.0.2.77", "")
		}, query{hw: hwA}, "OFFER 192.0.2.77 "},
		{"global, where the subnet does not ask", func(n *topology.Topology) {
			reserveGlobal(n, topology.HWAddress, macA, "192.0.2.55", "")
			n.Subnets[0].ReserveGlobal = false
		}, query{hw: hwA}, "OFFER 192.0.2.100 "},
		{"in a subnet that has none looked up", func(n *topology.Topology) {
			reserve(n.Subnets[0], topology.HWAddress, macA, "192.0.2.77", "")
			n.Subnets[0].ReserveIn = false
		}, query{hw: hwA}, "OFFER 192.0.2.100 "},
		{"out of pool, outside", func(n *topology.Topology) {
			reserve(n.Subnets[0], topology.HWAddress, macA, "192.0.2.77", "")
			n.Subnets[0].ReserveOut = true
		}, query{hw: hwA}, "OFFER 192.0.2.77 "},
		{"out of pool, inside: as if it were not there", func(n *topology.Topology) {
			reserve(n.Subnets[0], topology.HWAddress, macA, "192.0.2.150", "")
			n.Subnets[0].ReserveOut = true
		}, query{hw: hwA}, "OFFER 192.0.2.100 "},
		{"out of pool, inside, for whoever asks", func(n *topology.Topology) {
			reserve(n.Subnets[0], topology.HWAddress, macA, "192.0.2.150", "")
			n.Subnets[0].ReserveOut = true
		}, query{hw: hwB, opts: "50=c0000296"}, "OFFER 192.0.2.150 "},
		{"in the second subnet of the link", func(n *topology.Topology) {
			_, second := shared(n)
			reserve(second, topology.HWAddress, macA, "198.51.100.77", "")
		}, query{hw: hwA}, "OFFER 198.51.100.77 "},
		{"in both subnets of the link: the one of the query", func(n *topology.Topology) {
			first, second := shared(n)
			reserve(first, topology.HWAddress, macA, "192.0.2.77", "")
			reserve(second, topology.HWAddress, macA, "198.51.100.77", "")
		}, query{hw: hwA}, "OFFER 192.0.2.77 "},
		{"without an address in the second subnet: it is from there", func(n *topology.Topology) {
			_, second := shared(n)
			reserve(second, topology.HWAddress, macA, "", "there")
		}, query{hw: hwA}, "OFFER 198.51.100.10 "},
		{"by the first identifier in the operator's order", func(n *topology.Topology) {
			n.Identifiers = []topology.IdentifierKind{topology.ClientID, topology.HWAddress}
			reserve(n.Subnets[0], topology.HWAddress, macA, "192.0.2.77", "")
			reserve(n.Subnets[0], topology.ClientID, "\x01\x02", "192.0.2.78", "")
		}, query{hw: hwA, opts: "61=0102"}, "OFFER 192.0.2.78 "},
		{"by an identifier that is not in the operator's list", func(n *topology.Topology) {
			n.Identifiers = []topology.IdentifierKind{topology.HWAddress}
			reserve(n.Subnets[0], topology.ClientID, "\x01\x02", "192.0.2.78", "")
		}, query{hw: hwA, opts: "61=0102"}, "OFFER 192.0.2.100 "},
		{"by a short DUID", func(n *topology.Topology) {
			reserve(n.Subnets[0], topology.DUID, "\x07", "192.0.2.78", "")
		}, query{hw: hwA, opts: "61=ff0000000007"}, "OFFER 192.0.2.78 "},
		{"a host of which nothing is said is known", func(n *topology.Topology) {
			n.Subnets[0].Pools[0].Guard = topology.Guard{classify.Known}
			reserve(n.Subnets[0], topology.HWAddress, macA, "", "")
		}, query{hw: hwA}, "OFFER 192.0.2.100 "},
	}
	for _, tt := range tests {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				tt.q.kind = dhcp4.Discover
				if got := say(way.ask(newBench(t, net1(tt.net)), tt.q)); !strings.HasPrefix(got, tt.want) {
					t.Errorf("got %s\nwant %s", got, tt.want)
				}
			})
		}
	}
}

// TestOneAddressForSeveral: with ip-reservations-unique off the first to come has
// the address, the other gets one of the pool until then, and nobody else has it.
func TestOneAddressForSeveral(t *testing.T) {
	b := newBench(t, net1(func(n *topology.Topology) {
		reserve(n.Subnets[0], topology.HWAddress, macA, "192.0.2.100", "")
		reserve(n.Subnets[0], topology.HWAddress, macB, "192.0.2.100", "")
	}))
	for i, tt := range []struct {
		q    query
		want string
	}{
		{query{kind: dhcp4.Discover, hw: "02005e00000c", opts: "50=c0000264"}, "OFFER 192.0.2.101 "},
		{query{kind: dhcp4.Discover, hw: hwB}, "OFFER 192.0.2.100 "},
		{query{kind: dhcp4.Request, hw: hwB, opts: "50=c0000264 54=c0000201"}, "ACK 192.0.2.100 "},
		{query{kind: dhcp4.Discover, hw: hwA}, "OFFER 192.0.2.102 "},
		{query{kind: dhcp4.Release, hw: hwB, ciaddr: "192.0.2.100"}, "silence"},
		{query{kind: dhcp4.Discover, hw: hwA}, "OFFER 192.0.2.100 "},
		{query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"}, "ACK 192.0.2.100 "},
		{query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"}, "ACK 192.0.2.100 "},
	} {
		if got := say(ways[i%2].ask(b, tt.q)); !strings.HasPrefix(got, tt.want) {
			t.Fatalf("turn %d: got %s, want %s", i, got, tt.want)
		}
	}
}

// TestHostSays: what is configured for a host goes before what is for its subnet.
func TestHostSays(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		s := n.Subnets[0]
		s.Policy.NextServer, s.Policy.ServerHostname, s.Policy.BootFileName = ip("192.0.2.2"), "subnet", "subnet.img"
		reserve(s, topology.HWAddress, macA, "", "")
		*s.Reservations[topology.Key{Kind: topology.HWAddress, ID: macA}] = topology.Reservation{
			Key: topology.Key{Kind: topology.HWAddress, ID: macA}, NextServer: ip("192.0.2.3"), ServerHostname: "host", BootFileName: "host.img",
			Options: topology.Options{{Code: 6, Value: []byte{9, 9, 9, 9}}}}
	})
	for _, way := range ways {
		m := way.ask(newBench(t, n), query{kind: dhcp4.Discover, hw: hwA})
		if got := say(m); !strings.Contains(got, " 6=09090909") {
			t.Errorf("%s: %s", way.name, got)
		}
		if m.SIAddr != ip("192.0.2.3") || !strings.HasPrefix(string(m.SName()), "host\x00") || !strings.HasPrefix(string(m.File()), "host.img\x00") {
			t.Errorf("%s: boots from %v %q %q", way.name, m.SIAddr, m.SName(), m.File())
		}
	}
}

// TestEarlyGlobal: who is reserved globally is known when the subnet is chosen, so
// that its guard can ask for it.
func TestEarlyGlobal(t *testing.T) {
	for _, early := range []bool{false, true} {
		n := net1(func(n *topology.Topology) {
			n.EarlyGlobal = early
			n.Subnets[0].Guard = topology.Guard{classify.Known}
			reserveGlobal(n, topology.HWAddress, macA, "", "")
		})
		for _, way := range ways {
			for hw, known := range map[string]bool{hwA: true, hwB: false} {
				m := way.ask(newBench(t, n), query{kind: dhcp4.Discover, hw: hw})
				if got := m != nil; got != (known && early) {
					t.Errorf("early %v, %s, client %s: %s", early, way.name, hw, say(m))
				}
			}
		}
	}
}

// TestCompatibility: what departs from the RFCs does so when it is asked for only.
func TestCompatibility(t *testing.T) {
	tests := []struct {
		name        string
		c           topology.Compatibility
		q           query
		plain, lean string
	}{
		{"ignore-dhcp-server-identifier", topology.Compatibility{IgnoreServerID: true},
			query{kind: dhcp4.Request, opts: "50=c0000264 54=0a000001"}, "silence", "ACK 192.0.2.100 "},
		{"ignore-rai-link-selection", topology.Compatibility{IgnoreLinkSelection: true},
			query{kind: dhcp4.Discover, opts: "82=0504c6336401"}, "OFFER 198.51.100.10 ", "OFFER 192.0.2.100 "},
		{"ignore-rai-link-selection leaves option 118", topology.Compatibility{IgnoreLinkSelection: true},
			query{kind: dhcp4.Discover, opts: "118=c6336401"}, "OFFER 198.51.100.10 ", "OFFER 198.51.100.10 "},
		{"exclude-first-last-24", topology.Compatibility{ExcludeFirstLast24: true},
			query{kind: dhcp4.Discover, giaddr: "203.0.113.1"}, "OFFER 203.0.113.0 ", "OFFER 203.0.113.1 "},
		{"exclude-first-last-24, asked for", topology.Compatibility{ExcludeFirstLast24: true},
			query{kind: dhcp4.Discover, giaddr: "203.0.113.1", opts: "50=cb0071ff"}, "OFFER 203.0.113.255 ", "OFFER 203.0.113.255 "},
	}
	for _, tt := range tests {
		for _, lean := range []bool{false, true} {
			n := net1(func(n *topology.Topology) {
				n.Subnets = append(n.Subnets, subnet(2, "198.51.100.0/24", "198.51.100.10", "198.51.100.20"),
					subnet(3, "203.0.113.0/24", "203.0.113.0", "203.0.113.255"))
				if lean {
					n.Compatibility = tt.c
				}
			})
			want := tt.plain
			if lean {
				want = tt.lean
			}
			if got := say(ways[0].ask(newBench(t, n), tt.q)); !strings.HasPrefix(got, want) {
				t.Errorf("%s, %v: got %s, want %s", tt.name, lean, got, want)
			}
		}
	}
}

// TestLeaseQueryOver4o6: it is refused with a reason of its own.
func TestLeaseQueryOver4o6(t *testing.T) {
	b := newBench(t, net1())
	q := query{kind: dhcp4.LeaseQuery, giaddr: "192.0.2.9", ciaddr: "192.0.2.100"}
	for i, reason := range []string{"pkt4-drop-message-type", "pkt4-drop-lease-query-4o6"} {
		if m := ways[i].ask(b, q); m != nil {
			t.Errorf("answered: %s", say(m))
		}
		if b.count(reason) != 1 {
			t.Errorf("%s is %d", reason, b.count(reason))
		}
	}
}
