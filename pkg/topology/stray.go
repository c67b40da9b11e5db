package topology

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Stray returns how many of n leases that lie outside of all pools are not of reserved
// addresses either. held reports whether there is a lease of a resource in force.
func (t *Topology) Stray(n int, held func(lease.Resource) bool) int {
	if n == 0 {
		return 0
	}
	kind := lease.V4
	if t.Family == V6 {
		kind = lease.NA
	}
	seen := make(map[netip.Addr]bool)
	reserved := func(s *Subnet, a netip.Addr) {
		if seen[a] || s.inPool(a) || !s.Prefix.Contains(a) {
			return
		}
		seen[a] = true
		if held(lease.Resource{Kind: kind, Prefix: netip.PrefixFrom(a, a.BitLen())}) {
			n--
		}
	}
	for _, s := range t.Subnets {
		if s.ReserveIn {
			for a := range s.Reserved {
				reserved(s, a)
			}
		}
	}
	for a := range t.ix.reserved {
		x := &t.ix.byPrefix
		node := x.find(a)
		for i := x.after(node, 0); i != none; i = x.after(node, i+1) {
			if s := t.Subnets[i]; s.ReserveGlobal {
				reserved(s, a)
			}
		}
	}
	return max(n, 0)
}
