package topology

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// indexes are the rungs of the ladder of subnet selection. Each leads to
// ordinals in Topology.Subnets.
type indexes struct {
	byPrefix      prefixIndex                 // the subnet's own prefix
	byRelay       map[netip.Addr]list         // "relay": {"ip-addresses"}
	byIface       map[string]list             // "interface"
	byInterfaceID map[string]list             // "interface-id"
	reserved      map[netip.Addr]*Reservation // of Topology.Reservations, by address
	reservedPD    map[netip.Prefix]*Reservation
	sharing       sharers

	// of subnets with a 4o6 key
	by4o6Prefix      prefixIndex
	by4o6InterfaceID map[string]list
	by4o6Iface       map[string]list
	by4o6Link        prefixIndex // 4o6-subnet, and Network.Links
	by4o6LinkFirst   prefixIndex // the same of the subnets that say LinkFirst
	by4o6Own         prefixIndex // the subnet's own prefix
	by4o6Relay       map[netip.Addr]list
}

// Freeze sorts the subnets and builds the indexes. It is called once, when
// everything has been put in; after it the topology is read only, and safe for
// concurrent use.
func (t *Topology) Freeze() {
	if t.Classes == nil {
		t.Classes = classify.NewDictionary(optdef.Family(t.Family), nil)
	}
	byID := func(a, b *Subnet) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortStableFunc(t.Subnets, byID)
	t.ix = indexes{
		byRelay:          map[netip.Addr]list{},
		byIface:          map[string]list{},
		byInterfaceID:    map[string]list{},
		by4o6InterfaceID: map[string]list{},
		by4o6Iface:       map[string]list{},
		by4o6Relay:       map[netip.Addr]list{},
	}
	kept := byResource(t.Reservations)
	t.ix.reserved, t.ix.reservedPD, t.ix.sharing = kept.addrs, kept.prefixes, kept.sharing
	var rows []prefixRow
	for i, s := range t.Subnets {
		s.freeze()
		if s.Network != nil {
			slices.SortStableFunc(s.Network.Subnets, byID)
			s.Network.mixed = s.Network.mixed || s.Policy.MatchClientID != s.Network.Subnets[0].Policy.MatchClientID
		}
		n := uint32(i)
		rows = append(rows, prefixRow{s.Prefix, n})
		for _, a := range s.Relays {
			put(t.ix.byRelay, a, n)
		}
		if s.Iface != "" {
			put(t.ix.byIface, s.Iface, n)
		}
		if len(s.InterfaceID) > 0 {
			put(t.ix.byInterfaceID, string(s.InterfaceID), n)
		}
	}
	t.ix.byPrefix = newPrefixIndex(rows)
	networks := make(map[*Network]bool)
	for _, s := range t.Subnets {
		if n := s.Network; n != nil && !networks[n] {
			networks[n] = true
			n.freeze()
		}
	}
	t.freeze4o6()
	t.keep()
}

// freeze4o6 indexes the subnets that 4o6 queries may reach. One without any key
// of 4o6 is for native clients only, as in Kea: the client writes most of the
// query itself and could otherwise pick any subnet by giaddr or option 118.
func (t *Topology) freeze4o6() {
	var prefix, link, first, own []prefixRow
	for i, s := range t.Subnets {
		if !s.Over6() {
			continue
		}
		n := uint32(i)
		f := &s.FourOSix
		own = append(own, prefixRow{s.Prefix, n})
		for _, a := range s.Relays {
			put(t.ix.by4o6Relay, a, n)
		}
		if f.Iface != "" {
			put(t.ix.by4o6Iface, f.Iface, n)
		}
		if len(f.InterfaceID) > 0 {
			put(t.ix.by4o6InterfaceID, string(f.InterfaceID), n)
		}
		var links []prefixRow
		if f.Prefix.IsValid() && !f.Prefix.Addr().IsUnspecified() { // Kea reads :: as "not set", whatever the length
			prefix = append(prefix, prefixRow{f.Prefix, n})
			links = append(links, prefixRow{f.Prefix, n})
		}
		if s.Network != nil {
			for _, p := range s.Network.Links {
				links = append(links, prefixRow{p, n})
			}
		}
		link = append(link, links...)
		if f.LinkFirst {
			first = append(first, links...)
		}
	}
	t.ix.by4o6Prefix = newPrefixIndex(prefix)
	t.ix.by4o6Link = newPrefixIndex(link)
	t.ix.by4o6LinkFirst = newPrefixIndex(first)
	t.ix.by4o6Own = newPrefixIndex(own)
}

// put adds n, which is no lower than what was put before, to the list at k.
func put[K comparable](m map[K]list, k K, n uint32) {
	if l := m[k]; len(l) == 0 || l[len(l)-1] != n {
		m[k] = append(l, n)
	}
}

// A rung is the subnets that one rule leads to: all prefixes around an address,
// and up to two lists.
type rung struct {
	prefixes *prefixIndex // nil: none
	node     int32
	lists    [2]list
}

func (r *rung) after(n uint32) uint32 {
	best := min(r.lists[0].after(n), r.lists[1].after(n))
	if r.prefixes != nil {
		best = min(best, r.prefixes.after(r.node, n))
	}
	return best
}

// first returns the lowest subnet on the rung that admits a client in the
// classes c. The lists are merged as far as guards refuse, no further.
func (t *Topology) first(r *rung, c *classify.Set) *Subnet {
	for n := r.after(0); n != none; n = r.after(n + 1) {
		if s := t.Subnets[n]; s.Admits(c) {
			return s
		}
	}
	return nil
}

// holding returns the lowest admitting subnet with a prefix in x around a.
func (t *Topology) holding(x *prefixIndex, a netip.Addr, c *classify.Set) *Subnet {
	if !given(a) {
		return nil
	}
	return t.first(&rung{prefixes: x, node: x.find(a)}, c)
}

// of returns the lowest admitting subnet of one list.
func (t *Topology) of(l list, c *classify.Set) *Subnet {
	if len(l) == 0 {
		return nil
	}
	return t.first(&rung{lists: [2]list{l}}, c)
}
