package topology

import (
	"cmp"
	"encoding/binary"
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

// Own returns what is kept for a client in subnet s by the subnet's own
// reservations, nil for nothing.
func (t *Topology) Own(s *Subnet, ids []Identifier) *Reservation {
	if !s.ReserveIn {
		return nil
	}
	return find(s.Reservations, t.Identifiers, ids)
}

// Global returns what is kept for a client by the global reservations, nil for
// nothing. Whether they hold in a subnet is for its ReserveGlobal to say.
func (t *Topology) Global(ids []Identifier) *Reservation {
	return find(t.Reservations, t.Identifiers, ids)
}

// Keeps returns the IPv4 address that r keeps in subnet s. With
// reservations-out-of-pool one inside a pool is an address like any other, as in
// Kea.
func (s *Subnet) Keeps(r *Reservation) (netip.Addr, bool) {
	if r == nil || !given(r.Addr) || !s.Prefix.Contains(r.Addr) || s.ReserveOut && s.inPool(r.Addr) {
		return netip.Addr{}, false
	}
	return r.Addr, true
}

// KeptFromOthers reports whether address a is kept in subnet s for hosts of which
// r, which may be nil, is none.
func (t *Topology) KeptFromOthers(s *Subnet, a netip.Addr, r *Reservation) bool {
	h := t.Holder(s, a)
	if h == nil || h == r {
		return false
	}
	return r == nil || !slices.Contains(s.sharing[a], r) && !slices.Contains(t.ix.sharing[a], r)
}

// sharers are the reservations of one scope by address, where there are several
// for one address (ip-reservations-unique false).
type sharers map[netip.Addr][]*Reservation

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
			if t.Compatibility.ExcludeFirstLast24 && s.Prefix.Addr().Is4() && s.Prefix.Bits() <= 24 {
				keepEnds(p.Lease)
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

// keepEnds takes the addresses ending in .0 and .255 out of what a search of a pool
// finds. Who has or asks for one may have it, as with Kea.
func keepEnds(p *lease.Pool) {
	first, last := be.Uint32(p.First.AsSlice()), be.Uint32(p.Last.AsSlice())
	for n := uint64(first) &^ 0xff; n <= uint64(last); n += 256 {
		for _, end := range [...]uint64{n, n + 255} {
			if end < uint64(first) || end > uint64(last) {
				continue
			}
			var b [4]byte
			be.PutUint32(b[:], uint32(end))
			p.Keep(lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.AddrFrom4(b), 32)})
		}
	}
}

var be = binary.BigEndian

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

// A resources is reservations turned round: by the addresses and the prefixes
// that they keep.
type resources struct {
	addrs    map[netip.Addr]*Reservation
	prefixes map[netip.Prefix]*Reservation
	sharing  sharers
}

func byResource(m map[Key]*Reservation) (out resources) {
	if len(m) == 0 {
		return out
	}
	out.addrs, out.prefixes = map[netip.Addr]*Reservation{}, map[netip.Prefix]*Reservation{}
	keys := slices.SortedFunc(maps.Keys(m), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	for _, k := range keys {
		r := m[k]
		if given(r.Addr) {
			out.keep(r.Addr, r)
		}
		for _, a := range r.Addrs {
			out.keep(a, r)
		}
		for _, p := range r.Prefixes {
			out.prefixes[p.Masked()] = r
		}
	}
	return out
}

func (o *resources) keep(a netip.Addr, r *Reservation) {
	first := o.addrs[a]
	if first == nil {
		o.addrs[a] = r
		return
	}
	if o.sharing == nil {
		o.sharing = sharers{}
	}
	if len(o.sharing[a]) == 0 {
		o.sharing[a] = []*Reservation{first}
	}
	o.sharing[a] = append(o.sharing[a], r)
}
