package topology

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// WithReservations returns a topology that is t but for the reservations of one
// subnet, or the global ones (0): m takes their place, which lacks those gone and has the
// fresh ones besides. Everything else is shared, pools and indexes among it, so
// that one reservation does not cost what the whole configuration does. It has to come
// into force after t and nothing in between; Settle tells its pools then.
func (t *Topology) WithReservations(subnet uint32, m map[Key]*Reservation, gone, fresh []*Reservation) *Topology {
	next := *t
	next.differ = append(addresses(gone), addresses(fresh)...)
	if subnet == 0 {
		next.Reservations = m
		kept := resources{t.ix.reserved, t.ix.reservedPD, t.ix.sharing}.patched(m, gone, fresh)
		next.ix.reserved, next.ix.reservedPD, next.ix.sharing = kept.addrs, kept.prefixes, kept.sharing
		return &next
	}
	i := slices.IndexFunc(t.Subnets, func(s *Subnet) bool { return s.ID == subnet })
	if i < 0 {
		return &next
	}
	s := *t.Subnets[i]
	kept := resources{s.Reserved, s.reservedPD, s.sharing}.patched(m, gone, fresh)
	s.Reservations, s.Reserved, s.reservedPD, s.sharing = m, kept.addrs, kept.prefixes, kept.sharing
	next.Subnets = slices.Clone(t.Subnets)
	next.Subnets[i] = &s
	if s.Network != nil {
		next.regroup(&s)
		s.Network.hosts = s.Network.hosts.with(s.ID, gone, fresh)
	}
	return &next
}

// patched is byResource of m, made of what it was before some reservations went and others
// came.
func (o resources) patched(m map[Key]*Reservation, gone, fresh []*Reservation) resources {
	shared := slices.ContainsFunc(gone, func(r *Reservation) bool { return len(r.Prefixes) > 0 })
	if len(o.sharing) > 0 || o.addrs == nil || shared {
		return byResource(m) // who is first of those that may share depends on all of them
	}
	o.addrs, o.prefixes = maps.Clone(o.addrs), maps.Clone(o.prefixes)
	for _, r := range gone {
		for _, a := range append(slices.Clip(r.Addrs), r.Addr) {
			delete(o.addrs, a)
		}
	}
	for _, r := range fresh {
		for _, a := range append(slices.Clip(r.Addrs), r.Addr) {
			if o.addrs[a] != nil {
				return byResource(m)
			}
			if given(a) {
				o.addrs[a] = r
			}
		}
		for _, p := range r.Prefixes {
			o.prefixes[p.Masked()] = r
		}
	}
	return o
}

// regroup gives s, which is new, and its neighbours a network of their own: who asks
// a subnet for its network finds this topology's subnets there.
func (t *Topology) regroup(s *Subnet) {
	net := *s.Network
	net.Subnets = slices.Clone(net.Subnets)
	s.Network = &net
	for i, old := range net.Subnets {
		fresh := s
		if old.ID != s.ID {
			c := *old
			c.Network, fresh = &net, &c
		}
		net.Subnets[i] = fresh
		if at := slices.Index(t.Subnets, old); at >= 0 {
			t.Subnets[at] = fresh
		}
	}
}

// Settle calls keep for the addresses in whose reservations t differs from the
// topology before it, once for each pool that they lie in: kept says whether
// they are reserved now. Who puts t in force passes it on to the lease table.
func (t *Topology) Settle(keep func(p *lease.Pool, r lease.Resource, kept bool)) {
	for _, a := range t.differ {
		r := lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(a, a.BitLen())}
		if !a.Is4() {
			r.Kind = lease.NA
		}
		for _, s := range t.Subnets {
			if p := s.PoolOf(r.Kind, a); p != nil {
				keep(p.Lease, r, t.Holder(s, a) != nil || t.excluded(s, a))
			}
		}
	}
}

// excluded reports whether no search is to find an address of a subnet, reserved or not.
func (t *Topology) excluded(s *Subnet, a netip.Addr) bool {
	if !t.Compatibility.ExcludeFirstLast24 || !a.Is4() || s.Prefix.Bits() > 24 {
		return false
	}
	last := a.As4()[3]
	return last == 0 || last == 255
}

// addresses are those that reservations keep.
func addresses(of []*Reservation) (all []netip.Addr) {
	for _, r := range of {
		if r.Addr.IsValid() {
			all = append(all, r.Addr)
		}
		all = append(all, r.Addrs...)
	}
	return all
}
