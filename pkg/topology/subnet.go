package topology

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Over6 reports whether 4o6 queries may be led to the subnet at all: it has one
// of the 4o6 keys, or its network names IPv6 links.
func (s *Subnet) Over6() bool {
	return s.FourOSix.Any() || s.Network != nil && len(s.Network.Links) > 0
}

// A poolSpan is a pool by the addresses it covers.
type poolSpan struct {
	first, last netip.Addr
	pool        *Pool
}

// freeze builds what is looked up within one subnet.
func (s *Subnet) freeze() {
	s.spans, s.namedPools = nil, false
	for _, p := range s.Pools {
		s.namedPools = s.namedPools || p.Naming != nil
		if p.Lease != nil {
			s.spans = append(s.spans, poolSpan{p.Lease.First, p.Lease.Last, p})
		}
	}
	slices.SortStableFunc(s.spans, func(a, b poolSpan) int { return a.first.Compare(b.first) })
	kept := byResource(s.Reservations)
	if s.Reserved == nil {
		s.Reserved = kept.addrs
	}
	s.reservedPD, s.sharing = kept.prefixes, kept.sharing
}

// PoolOf returns the pool that gives away resource a of kind k, guarded
// ones included; nil when it lies in none. A delegated prefix is named
// by its first address.
func (s *Subnet) PoolOf(k lease.Kind, a netip.Addr) *Pool {
	lo, hi := 0, len(s.spans) // the last one that begins at or before a; several kinds may begin at one address
	for lo < hi {
		if m := (lo + hi) / 2; a.Less(s.spans[m].first) {
			hi = m
		} else {
			lo = m + 1
		}
	}
	for i := lo - 1; i >= 0; i-- {
		p := &s.spans[i]
		if p.pool.Lease.Kind == k {
			if a.Compare(p.last) <= 0 {
				return p.pool
			}
			return nil // pools of one kind do not overlap
		}
	}
	return nil
}

// LeasePools yields the subnet's pools of a kind, as the lease table has them.
func (s *Subnet) LeasePools(k lease.Kind) iter.Seq[*lease.Pool] {
	return func(yield func(*lease.Pool) bool) {
		for _, p := range s.Pools {
			if p.Lease != nil && p.Lease.Kind == k && !yield(p.Lease) {
				return
			}
		}
	}
}

// Admits reports whether a client in the classes c may be given from the pool.
func (p *Pool) Admits(c *classify.Set) bool { return p.Guard.Admits(c) }

// Siblings yields the subnets that a client of this link may be given from: s
// first, then the others of its shared network in order of id, beginning after s
// and going round, those that do not admit the client left out.
func (s *Subnet) Siblings(c *classify.Set) iter.Seq[*Subnet] {
	return func(yield func(*Subnet) bool) { s.siblings(c, yield) }
}

func (s *Subnet) siblings(c *classify.Set, yield func(*Subnet) bool) {
	if !yield(s) || s.Network == nil {
		return
	}
	all := s.Network.Subnets
	at := s.Network.place(s)
	for i := 1; i < len(all); i++ {
		n := all[(at+i)%len(all)]
		if n != s && n.Admits(c) && !yield(n) {
			return
		}
	}
}

// Shares reports whether both subnets are on one link: they are the same, or of
// one shared network.
func (s *Subnet) Shares(o *Subnet) bool {
	return s == o || s.Network != nil && s.Network == o.Network
}

// Mixed reports whether clients of this link are known by their identifier in
// some subnets and in others not (match-client-id).
func (s *Subnet) Mixed() bool { return s.Network != nil && s.Network.mixed }

// Sibling returns the subnet of this link that has a number, nil when none has.
func (s *Subnet) Sibling(id uint32) *Subnet {
	if s.ID == id {
		return s
	}
	if s.Network == nil {
		return nil
	}
	of := s.Network.Subnets
	if i, ok := slices.BinarySearchFunc(of, id, func(s *Subnet, id uint32) int { return cmp.Compare(s.ID, id) }); ok {
		return of[i]
	}
	return nil
}

// ByID returns the subnet that has a number, nil when none has.
func (t *Topology) ByID(id uint32) *Subnet {
	if i, ok := slices.BinarySearchFunc(t.Subnets, id, func(s *Subnet, id uint32) int { return cmp.Compare(s.ID, id) }); ok {
		return t.Subnets[i]
	}
	return nil
}

// Holding returns the subnet with the lowest number whose prefix holds an address,
// whoever it is for; nil when none does.
func (t *Topology) Holding(a netip.Addr) *Subnet {
	if !given(a) {
		return nil
	}
	if n := t.ix.byPrefix.after(t.ix.byPrefix.find(a), 0); n != none {
		return t.Subnets[n]
	}
	return nil
}
