package server4

import (
	"net/netip"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestOfferOfNoAddress: an offer of 0.0.0.0 goes to everybody on the link, since
// nobody can be reached by that address, and holds none back (RFC 8925 §3.3).
func TestOfferOfNoAddress(t *testing.T) {
	b := newBenchWith(t, net1(func(n *topology.Topology) { n.Subnets[0].Iface = "eth0" }, with(topology.Option{Code: 108, Value: []byte{0, 0, 0, 0}})), Options{Interfaces: eth0()})
	out := b.native(query{kind: dhcp4.Discover, opts: "55=6c"}.datagram(t))
	if len(out) != 1 {
		t.Fatalf("%d replies", len(out))
	}
	if out[0].Peer != netip.MustParseAddrPort("255.255.255.255:68") || !out[0].To.IsZero() {
		t.Errorf("to %v %v", out[0].Peer, out[0].To)
	}
	m := read(t, out[0].Data)
	if !m.YIAddr.IsUnspecified() || m.Has(dhcp4.OptLeaseTime) || !m.Has(dhcp4.OptIPv6OnlyPreferred) {
		t.Errorf("yiaddr %v, option 51 %v", m.YIAddr, m.Has(dhcp4.OptLeaseTime))
	}
	if n := b.s.leases.SubnetStats(1, lease.V4); n.Offers+n.Assigned != 0 {
		t.Errorf("%+v", n)
	}
	var pools int64
	for _, p := range b.s.net.Load().Subnets[0].Pools {
		pools += p.Lease.Stats().Offers
	}
	if pools != 0 {
		t.Errorf("%d offers are open", pools)
	}
}
