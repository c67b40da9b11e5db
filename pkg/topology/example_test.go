package topology_test

import (
	"fmt"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// Of the subnets that a 4o6 query fits, the lowest id wins; the link-address of
// a relay counts when nothing else fits.
func ExampleTopology_Subnet4o6() {
	t := &topology.Topology{Family: topology.V4, Subnets: []*topology.Subnet{
		{ID: 1, Prefix: netip.MustParsePrefix("192.0.2.0/24"), FourOSix: topology.FourOSix{Iface: "eth0"}},
		{ID: 2, Prefix: netip.MustParsePrefix("198.51.100.0/24"), FourOSix: topology.FourOSix{Prefix: netip.MustParsePrefix("2001:db8::/32")}},
	}}
	t.Freeze()
	source := netip.MustParseAddr("2001:db8::99")
	direct := topology.Where{In6: true, Iface: "eth0", Source: source}
	routed := topology.Where{In6: true, Iface: "eth1", Source: source}
	relay := topology.Where{In6: true, Iface: "eth1", Source: netip.MustParseAddr("fe80::1"), Link: source}
	for _, w := range []topology.Where{direct, routed, relay} {
		fmt.Println(t.Subnet4o6(&w, nil).Prefix)
	}
	// Output:
	// 192.0.2.0/24
	// 198.51.100.0/24
	// 198.51.100.0/24
}
