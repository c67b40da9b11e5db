package topology

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// An Identifier is one way in which a client can be looked up; ID shares memory
// with the packet.
type Identifier struct {
	Kind IdentifierKind
	ID   []byte
}

// Reservation returns what is kept for a client in subnet s, nil for nothing.
// The identifiers are tried in the order of t.Identifiers; those of the subnet
// come before the global ones, as far as the subnet says that they hold
// (reservations-in-subnet, reservations-global). A nil s has global ones only.
func (t *Topology) Reservation(s *Subnet, ids []Identifier) *Reservation {
	if s == nil {
		return find(t.Reservations, t.Identifiers, ids)
	}
	if s.ReserveIn {
		if r := find(s.Reservations, t.Identifiers, ids); r != nil {
			return r
		}
	}
	if s.ReserveGlobal {
		return find(t.Reservations, t.Identifiers, ids)
	}
	return nil
}

func find(m map[Key]*Reservation, order []IdentifierKind, ids []Identifier) *Reservation {
	if len(m) == 0 {
		return nil
	}
	for _, kind := range order {
		for i := range ids {
			if ids[i].Kind != kind {
				continue
			}
			if r := m[Key{Kind: kind, ID: string(ids[i].ID)}]; r != nil {
				return r
			}
		}
	}
	return nil
}

// Holder returns the reservation that keeps address a in subnet s, nil for
// none. With reservations-out-of-pool an address inside a pool is not kept for
// anybody, as in Kea.
func (t *Topology) Holder(s *Subnet, a netip.Addr) *Reservation {
	if s.ReserveOut && s.inPool(a) {
		return nil
	}
	if s.ReserveIn {
		if r := s.Reserved[a]; r != nil {
			return r
		}
	}
	if s.ReserveGlobal {
		return t.ix.reserved[a]
	}
	return nil
}

// keep takes the addresses that are reserved out of what a search of their
// pools finds: with thousands of them in a row every search would go through
// them all, one question to Holder each.
func (t *Topology) keep() {
	global := slices.SortedFunc(maps.Keys(t.ix.reserved), netip.Addr.Compare)
	for _, s := range t.Subnets {
		own := slices.SortedFunc(maps.Keys(s.Reserved), netip.Addr.Compare)
		for _, p := range s.Pools {
			if p.Lease == nil || p.Lease.Kind != lease.V4 && p.Lease.Kind != lease.NA {
				continue
			}
			for _, all := range [][]netip.Addr{own, global} {
				i, _ := slices.BinarySearchFunc(all, p.Lease.First, netip.Addr.Compare)
				for ; i < len(all) && !p.Lease.Last.Less(all[i]); i++ {
					if t.Holder(s, all[i]) != nil {
						p.Lease.Keep(lease.Resource{Kind: p.Lease.Kind, Prefix: netip.PrefixFrom(all[i], all[i].BitLen())})
					}
				}
			}
		}
	}
}

// inPool reports whether a single address lies in a pool.
func (s *Subnet) inPool(a netip.Addr) bool {
	if a.Is4() {
		return s.PoolOf(lease.V4, a) != nil
	}
	return s.PoolOf(lease.NA, a) != nil || s.PoolOf(lease.TA, a) != nil
}

// HolderPD is Holder for a delegated prefix.
func (t *Topology) HolderPD(s *Subnet, p netip.Prefix) *Reservation {
	if s.ReserveIn {
		if r := s.reservedPD[p]; r != nil {
			return r
		}
	}
	if s.ReserveGlobal {
		return t.ix.reservedPD[p]
	}
	return nil
}

// byResource turns reservations round: by the addresses and the prefixes they
// keep.
func byResource(m map[Key]*Reservation) (map[netip.Addr]*Reservation, map[netip.Prefix]*Reservation) {
	if len(m) == 0 {
		return nil, nil
	}
	addrs, prefixes := map[netip.Addr]*Reservation{}, map[netip.Prefix]*Reservation{}
	for _, r := range m {
		if r.Addr.IsValid() && !r.Addr.IsUnspecified() {
			addrs[r.Addr] = r
		}
		for _, a := range r.Addrs {
			addrs[a] = r
		}
		for _, p := range r.Prefixes {
			prefixes[p.Masked()] = r
		}
	}
	return addrs, prefixes
}
