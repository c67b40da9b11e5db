package topology

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
)

func addr(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, addr(s))
	}
	return out
}

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func id(s *Subnet) uint32 {
	if s == nil {
		return 0
	}
	return s.ID
}

func TestSubnet4(t *testing.T) {
	top := &Topology{Family: V4, Subnets: []*Subnet{
		{ID: 1, Prefix: pfx("192.0.2.0/24")},
		{ID: 2, Prefix: pfx("198.51.100.0/24"), Iface: "eth0"},
		{ID: 3, Prefix: pfx("203.0.113.0/24"), Relays: addrs("192.0.2.9", "10.0.0.9")},
		{ID: 4, Prefix: pfx("192.0.2.0/25")}, // within 1, and never chosen by address
		{ID: 5, Prefix: pfx("10.5.0.0/16"), Guard: Guard{red}},
		{ID: 6, Prefix: pfx("10.0.0.0/8")},
		{ID: 7, Prefix: pfx("172.16.0.0/16"), Guard: Guard{blue}},
	}}
	top.Freeze()
	inRed := in(red)
	tests := []struct {
		name    string
		where   Where
		classes *classify.Set
		want    uint32
	}{
		{"giaddr by prefix (RFC 2131)", Where{GIAddr: addr("198.51.100.1")}, nil, 2},
		{"giaddr among the relays, before prefixes", Where{GIAddr: addr("192.0.2.9")}, nil, 3},
		{"giaddr leads nowhere, and nothing else is asked", Where{GIAddr: addr("8.8.8.8"), Iface: "eth0"}, nil, 0},
		{"the lowest id, not the longest prefix", Where{GIAddr: addr("192.0.2.1")}, nil, 1},
		{"82.5 or 118 before giaddr (RFC 3527, RFC 3011)", Where{Selected: addr("198.51.100.0"), GIAddr: addr("192.0.2.1")}, nil, 2},
		{"82.5 is the last word", Where{Selected: addr("8.8.8.8"), GIAddr: addr("192.0.2.1")}, nil, 0},
		{"the interface of a broadcast", Where{Iface: "eth0", CIAddr: addr("192.0.2.1"), Source: addr("192.0.2.1"), Local: addr("192.0.2.1")}, nil, 2},
		{"our address on the interface", Where{Iface: "eth1", Local: addr("192.0.2.1")}, nil, 1},
		{"ciaddr of a unicast query", Where{Iface: "eth0", CIAddr: addr("192.0.2.1"), Unicast: true}, nil, 1},
		{"the source of a unicast query", Where{Iface: "eth0", Source: addr("192.0.2.1"), Unicast: true}, nil, 1},
		{"a guard refuses, the next in order is asked", Where{GIAddr: addr("10.5.0.1")}, nil, 6},
		{"a guard lets in", Where{GIAddr: addr("10.5.0.1")}, inRed, 5},
		{"a subnet for others is never chosen", Where{GIAddr: addr("172.16.0.1")}, nil, 0},
		{"nothing is known", Where{}, nil, 0},
		{"0.0.0.0 is nothing", Where{Selected: addr("0.0.0.0"), GIAddr: addr("0.0.0.0"), CIAddr: addr("0.0.0.0"), Unicast: true, Local: addr("192.0.2.1")}, nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := id(top.Subnet4(&tt.where, tt.classes)); got != tt.want {
				t.Errorf("subnet %d, want %d", got, tt.want)
			}
		})
	}
}

func TestSubnet4o6(t *testing.T) {
	shared := &Network{Name: "map", Links: []netip.Prefix{pfx("2001:db8:cafe::/48")}}
	top := &Topology{Family: V4, Subnets: []*Subnet{
		{ID: 1, Prefix: pfx("10.1.0.0/16")}, // no key of 4o6
		{ID: 2, Prefix: pfx("10.2.0.0/16"), FourOSix: FourOSix{Iface: "eth0"}, Guard: Guard{red}},
		{ID: 3, Prefix: pfx("10.3.0.0/16"), FourOSix: FourOSix{InterfaceID: []byte("port1"), Prefix: pfx("2001:db8:3::/48")}},
		{ID: 4, Prefix: pfx("10.4.0.0/16"), FourOSix: FourOSix{Prefix: pfx("2001:db8::/32")}},
		{ID: 5, Prefix: pfx("10.5.0.0/16"), FourOSix: FourOSix{Iface: "eth1"}, Relays: addrs("10.4.9.9")},
		{ID: 6, Prefix: pfx("10.6.0.0/16"), FourOSix: FourOSix{Prefix: pfx("::/0")}},
		{ID: 7, Prefix: pfx("10.7.0.0/16"), Network: shared},
		{ID: 8, Prefix: pfx("10.8.0.0/16"), FourOSix: FourOSix{Prefix: pfx("2001:db8:8::/48"), LinkFirst: true}},
		{ID: 9, Prefix: pfx("10.9.0.0/16"), FourOSix: FourOSix{Prefix: pfx("fd00::/8"), Iface: "eth2"}, Guard: Guard{blue}},
	}}
	shared.Subnets = []*Subnet{top.Subnets[6]}
	top.Freeze()
	inRed := in(red)
	tests := []struct {
		name    string
		where   Where
		classes *classify.Set
		want    uint32
	}{
		{"the source in 4o6-subnet", Where{Source: addr("2001:db8::99")}, nil, 4},
		{"the interface", Where{Iface: "eth1", Source: addr("fe80::1")}, nil, 5},
		{"the interface-id of the nearest relay", Where{InterfaceID: []byte("port1"), Source: addr("fe80::1")}, nil, 3},
		{"a lower id by interface-id beats a higher one by prefix", Where{InterfaceID: []byte("port1"), Source: addr("2001:db8::99")}, nil, 3},
		{"a lower id by prefix beats a higher one by interface", Where{Iface: "eth1", Source: addr("2001:db8::99")}, nil, 4},
		{"the lowest id, not the longest prefix", Where{Source: addr("2001:db8:8::1")}, nil, 4},
		{"a guard that refuses leaves it to the next", Where{Iface: "eth0", Source: addr("2001:db8::99")}, nil, 4},
		{"a guard that lets in", Where{Iface: "eth0", Source: addr("2001:db8::99")}, inRed, 2},
		{"::/0 matches nothing", Where{Source: addr("2001:470::1")}, nil, 0},
		{"Kea's rule before the link-address", Where{Iface: "eth1", Source: addr("fe80::1"), Link: addr("2001:db8:3::1")}, nil, 5},
		{"the link-address when Kea's rule finds nothing", Where{Source: addr("fe80::1"), Link: addr("2001:db8:3::1")}, nil, 3},
		{"the link-address on a link of the network", Where{Source: addr("2001:470::1"), Link: addr("2001:db8:cafe::1")}, nil, 4},
		{"the link-address first where a subnet says so", Where{Iface: "eth1", Source: addr("2001:db8::99"), Link: addr("2001:db8:8::1")}, nil, 8},
		{"82.5 or 118 after the link-address", Where{Source: addr("fe80::1"), Selected: addr("10.5.0.1"), Link: addr("2001:470::1")}, nil, 5},
		{"giaddr among the relays", Where{Source: addr("fe80::1"), GIAddr: addr("10.4.9.9")}, nil, 5},
		{"giaddr by prefix", Where{Source: addr("fe80::1"), GIAddr: addr("10.4.0.1")}, nil, 4},
		{"giaddr after an option that leads nowhere", Where{Source: addr("fe80::1"), Selected: addr("8.8.8.8"), GIAddr: addr("10.4.0.1")}, nil, 4},
		{"a subnet without keys of 4o6 is for native clients", Where{Source: addr("fe80::1"), Selected: addr("10.1.0.1"), GIAddr: addr("10.1.0.1")}, nil, 0},
		{"a subnet of a network with links is reached by all of it", Where{Source: addr("fe80::1"), Selected: addr("10.7.0.1")}, nil, 7},
		{"a subnet for others is never chosen", Where{Iface: "eth2", Source: addr("fd00::1"), GIAddr: addr("10.9.0.1")}, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.where.In6 = true
			if got := id(top.Subnet4(&tt.where, tt.classes)); got != tt.want {
				t.Errorf("subnet %d, want %d", got, tt.want)
			}
		})
	}
}

func TestSubnet6(t *testing.T) {
	top := &Topology{Family: V6, Subnets: []*Subnet{
		{ID: 1, Prefix: pfx("2001:db8:1::/48"), Iface: "eth0"},
		{ID: 2, Prefix: pfx("2001:db8:2::/48"), Relays: addrs("2001:db8:1::9")},
		{ID: 3, Prefix: pfx("2001:db8:3::/48"), InterfaceID: []byte("port1")},
	}}
	top.Freeze()
	tests := []struct {
		name  string
		where Where
		want  uint32
	}{
		{"direct, by interface", Where{Iface: "eth0", Source: addr("fe80::1")}, 1},
		{"direct, by interface before the source", Where{Iface: "eth0", Source: addr("2001:db8:2::1")}, 1},
		{"direct, by the source", Where{Iface: "eth1", Source: addr("2001:db8:2::1")}, 2},
		{"relayed, by link-address", Where{Iface: "eth0", Link: addr("2001:db8:3::1")}, 3},
		{"relayed, the link-address among the relays before prefixes", Where{Link: addr("2001:db8:1::9")}, 2},
		{"relayed, by interface-id before the link-address", Where{Link: addr("2001:db8:1::9"), InterfaceID: []byte("port1")}, 3},
		{"relayed, an unknown link is no link of ours", Where{Iface: "eth0", Link: addr("2001:470::1")}, 0},
		{"relayed on layer 2 only, by interface (RFC 6221)", Where{Iface: "eth0", InterfaceID: []byte("port1"), Link: addr("::")}, 1},
		{"relayed on layer 2 only, by interface-id", Where{Iface: "eth9", InterfaceID: []byte("port1"), Link: addr("::")}, 3},
		{"nothing is known", Where{}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := id(top.Subnet6(&tt.where, nil)); got != tt.want {
				t.Errorf("subnet %d, want %d", got, tt.want)
			}
		})
	}
}

func TestGuardOfTheNetworkIsAskedToo(t *testing.T) {
	n := &Network{Guard: Guard{red}}
	s := &Subnet{ID: 1, Network: n, Guard: Guard{blue}, Prefix: pfx("192.0.2.0/24")}
	for _, tt := range []struct {
		classes *classify.Set
		want    bool
	}{
		{nil, false}, {in(red), false}, {in(blue), false}, {in(red, blue), true},
	} {
		if got := s.Admits(tt.classes); got != tt.want {
			t.Errorf("%v: %v", tt.classes, got)
		}
	}
}

func TestKnown(t *testing.T) {
	for class, want := range map[classify.ID][3]bool{ // nil, known, unknown
		classify.All: {true, true, true}, classify.Known: {false, true, false}, classify.Unknown: {false, false, true}, red: {},
	} {
		g := Guard{class}
		if got := [3]bool{g.Admits(nil), g.Admits(in(classify.Known)), g.Admits(in(classify.Unknown))}; got != want {
			t.Errorf("%d: %v, want %v", class, got, want)
		}
	}
}

func TestEmptyTopologyAnswers(t *testing.T) {
	for _, top := range []*Topology{{}, func() *Topology { t := &Topology{Subnets: []*Subnet{{ID: 1}}}; t.Freeze(); return t }()} {
		w := &Where{Iface: "eth0", GIAddr: addr("192.0.2.1"), Link: addr("2001:db8::1"), Source: addr("fe80::1"), InterfaceID: []byte("x")}
		if top.Subnet4(w, nil) != nil || top.Subnet4o6(w, nil) != nil || top.Subnet6(w, nil) != nil {
			t.Error("found a subnet")
		}
	}
}

// many is a topology of n subnets of every kind of access; the query that the
// worst rung answers meets n prefixes, n interface-ids, and three prefixes that
// all have in common.
func many(n int) (*Topology, *Where, *Where, *Where) {
	top := &Topology{}
	for i := range n {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0})
		b := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, byte(i >> 8), byte(i)})
		s := &Subnet{ID: uint32(i + 1), Prefix: netip.PrefixFrom(a, 24), Relays: []netip.Addr{a.Next()}}
		s.FourOSix.InterfaceID = fmt.Appendf(nil, "port%d", i)
		s.FourOSix.Prefix = netip.PrefixFrom(b, 64)
		if i%100 == 99 {
			s.FourOSix.Prefix = netip.PrefixFrom(b, 32).Masked()
		}
		top.Subnets = append(top.Subnets, s)
	}
	top.Freeze()
	last := top.Subnets[n-1]
	source := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, byte((n / 2) >> 8), byte(n / 2), 15: 1})
	return top,
		&Where{GIAddr: last.Prefix.Addr().Next().Next()},
		&Where{Iface: "eth0", Source: source, In6: true},
		&Where{Iface: "eth0", Source: addr("fe80::1"), InterfaceID: last.FourOSix.InterfaceID, In6: true}
}

func TestSelectionAllocatesNothing(t *testing.T) {
	top, native, bySource, byID := many(1000)
	classes := in(classify.Known)
	for _, w := range []*Where{native, bySource, byID} {
		if top.Subnet4(w, classes) == nil {
			t.Fatal("found nothing")
		}
		if n := testing.AllocsPerRun(100, func() { top.Subnet4(w, classes); top.Subnet4(w, nil) }); n != 0 {
			t.Errorf("Subnet4: %v allocations", n)
		}
		if n := testing.AllocsPerRun(100, func() { top.Subnet6(w, classes) }); n != 0 {
			t.Errorf("Subnet6: %v allocations", n)
		}
	}
}

func BenchmarkSubnet(b *testing.B) {
	for _, n := range []int{1, 1000, 5000} {
		top, native, bySource, byID := many(n)
		for name, w := range map[string]*Where{"giaddr": native, "4o6-source": bySource, "4o6-interface-id": byID} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					top.Subnet4(w, nil)
				}
			})
		}
	}
}
