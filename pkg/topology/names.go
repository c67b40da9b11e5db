package topology

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Tuning is the library ddns_tuning: names by expression, and no updates for clients
// in the class SKIP_DDNS.
type Tuning struct{ Hostname *classify.Expr } // of subnets without one of their own; nil: none

// Names returns what holds for the names of clients with a lease out of pool p, nil
// when it is out of none.
func (s *Subnet) Names(p *Pool) *ddns.Params {
	switch {
	case p != nil && p.Naming != nil:
		return p.Naming
	case s.Naming != nil:
		return s.Naming
	}
	return &ddns.Default
}

// NamesOf returns what holds for the name of a lease; nil when there is no such subnet.
func (t *Topology) NamesOf(l *lease.Lease) *ddns.Params {
	at, ok := slices.BinarySearchFunc(t.Subnets, l.Subnet, func(s *Subnet, id uint32) int { return cmp.Compare(s.ID, id) })
	if !ok {
		return nil
	}
	return t.Subnets[at].NamesAt(l.Resource.Kind, l.Resource.Prefix.Addr())
}

// NamesAt is Names for the pool that gives away resource a of kind k.
func (s *Subnet) NamesAt(k lease.Kind, a netip.Addr) *ddns.Params {
	if !s.namedPools { // which few have
		return s.Names(nil)
	}
	return s.Names(s.PoolOf(k, a))
}
