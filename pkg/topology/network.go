package topology

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// What is looked up within one link, however many subnets it has.

// A hostPlace tells in which subnets of a network a client has a reservation of its own.
type hostPlace struct {
	subnet  uint32
	several bool // in others besides
}

// freeze builds what is looked up within a network.
func (n *Network) freeze() {
	n.hosts = make(hostPlaces)
	for _, s := range n.Subnets {
		for k := range s.Reservations {
			n.hosts.add(k, s.ID)
		}
	}
	n.pools, n.first = nil, nil
	if len(n.Guard) > 0 {
		return
	}
	var all []*lease.Pool
	for _, s := range n.Subnets {
		n.first = append(n.first, len(all))
		for _, p := range s.Pools {
			if len(s.Guard) > 0 || len(p.Guard) > 0 || p.Lease == nil {
				return
			}
			all = append(all, p.Lease)
		}
	}
	n.pools = append(all, all...)
}

// EveryPool returns the pools of the Siblings of s, in their order, if they are for every
// client; nil otherwise. It is read only.
func (s *Subnet) EveryPool() []*lease.Pool {
	n := s.Network
	if n == nil || n.pools == nil {
		return nil
	}
	from := n.first[n.place(s)]
	to := from + len(n.pools)/2
	return n.pools[from:to:to]
}

type hostPlaces map[Key]hostPlace

func (m hostPlaces) add(k Key, subnet uint32) {
	p, ok := m[k]
	m[k] = hostPlace{subnet, ok && (p.several || p.subnet != subnet)}
}

// with returns the places with those of reservations of a subnet besides. What goes may stay
// there: who finds it looks into the subnet anyway.
func (m hostPlaces) with(subnet uint32, gone, fresh []*Reservation) hostPlaces {
	m = maps.Clone(m)
	for _, r := range gone {
		if p := m[r.Key]; p.subnet == subnet && !p.several {
			delete(m, r.Key)
		}
	}
	for _, r := range fresh {
		m.add(r.Key, subnet)
	}
	return m
}

// Reserving yields those of Siblings that may have a reservation of their own for a client.
func (s *Subnet) Reserving(ids []Identifier, c *classify.Set) iter.Seq[*Subnet] {
	return func(yield func(*Subnet) bool) { s.reserving(ids, c, yield) }
}

func (s *Subnet) reserving(ids []Identifier, c *classify.Set, yield func(*Subnet) bool) {
	if s.Network == nil || s.Network.hosts == nil {
		s.siblings(c, yield)
		return
	}
	var in uint32
	found := false
	for i := range ids {
		p, ok := s.Network.hosts[Key{Kind: ids[i].Kind, ID: string(ids[i].ID)}]
		if !ok {
			continue
		}
		if p.several || found && p.subnet != in {
			s.siblings(c, yield)
			return
		}
		in, found = p.subnet, true
	}
	if !found {
		return
	}
	if n := s.Sibling(in); n != nil && (n == s || n.Admits(c)) {
		yield(n)
	}
}

// OnLink returns the first of the Siblings of s whose prefix holds a, nil when none does.
func (t *Topology) OnLink(s *Subnet, a netip.Addr, c *classify.Set) *Subnet {
	switch {
	case s.Prefix.Contains(a):
		return s
	case s.Network == nil, !given(a):
		return nil
	}
	x := &t.ix.byPrefix
	node := x.find(a)
	var only *Subnet
	for i := x.after(node, 0); i != none; i = x.after(node, i+1) {
		n := t.Subnets[i]
		if n.Network != s.Network || !n.Admits(c) {
			continue
		}
		if only != nil { // prefixes of one link within each other: their order counts
			return s.firstHolding(a, c)
		}
		only = n
	}
	return only
}

func (s *Subnet) firstHolding(a netip.Addr, c *classify.Set) *Subnet {
	for n := range s.Siblings(c) {
		if n.Prefix.Contains(a) {
			return n
		}
	}
	return nil
}

// place returns where a subnet stands in its network.
func (n *Network) place(s *Subnet) int {
	i, _ := slices.BinarySearchFunc(n.Subnets, s.ID, func(s *Subnet, id uint32) int { return cmp.Compare(s.ID, id) })
	return i
}
