package topology

import "github.com/dhcp4o6/dhcp4o6/pkg/classify"

// Subnet4 returns the subnet of a DHCPv4 query's link, nil when no subnet is
// meant or none admits the client. The rungs are Kea's: what option 82.5 or 118
// names is the last word; else the relay's address among the "relay" addresses
// and then among the prefixes; else, when the query came to an address of ours,
// the client's own; else the interface and our address on it (RFC 2131 §4.3.1,
// RFC 3046, RFC 3011, RFC 3527). Where several subnets fit the lowest id wins.
func (t *Topology) Subnet4(w *Where, c *classify.Set) *Subnet {
	if w.In6 {
		return t.Subnet4o6(w, c)
	}
	x := &t.ix
	if given(w.Selected) {
		return t.holding(&x.byPrefix, w.Selected, c)
	}
	if given(w.GIAddr) {
		if s := t.of(x.byRelay[w.GIAddr], c); s != nil {
			return s
		}
		return t.holding(&x.byPrefix, w.GIAddr, c)
	}
	if w.Unicast {
		if given(w.CIAddr) {
			return t.holding(&x.byPrefix, w.CIAddr, c)
		}
		if given(w.Source) {
			return t.holding(&x.byPrefix, w.Source, c)
		}
	}
	if s := t.of(x.byIface[w.Iface], c); s != nil {
		return s
	}
	return t.holding(&x.byPrefix, w.Local, c)
}

// Subnet4o6 returns the subnet of a DHCPv4 query that came over DHCPv6, nil for
// none. First of all the link-address leads to subnets that ask for it first.
// Then Kea's rule: of the subnets whose 4o6-subnet holds the source, whose
// 4o6-interface-id is that of the relay nearest the client, or whose
// 4o6-interface is the one the query came in on, the lowest that admits the
// client. Only when there is none: the link-address among the 4o6-subnets and
// the links of the shared networks, option 82.5 or 118, and giaddr, the first of
// these that leads to a subnet (RFC 7341 §11 leaves the choice to the server).
func (t *Topology) Subnet4o6(w *Where, c *classify.Set) *Subnet {
	x := &t.ix
	if len(x.by4o6LinkFirst.nodes) > 0 {
		if s := t.holding(&x.by4o6LinkFirst, w.Link, c); s != nil {
			return s
		}
	}
	kea := rung{lists: [2]list{x.by4o6Iface[w.Iface]}}
	if len(w.InterfaceID) > 0 {
		kea.lists[1] = x.by4o6InterfaceID[string(w.InterfaceID)]
	}
	if given(w.Source) {
		kea.prefixes, kea.node = &x.by4o6Prefix, x.by4o6Prefix.find(w.Source)
	}
	if s := t.first(&kea, c); s != nil {
		return s
	}
	if s := t.holding(&x.by4o6Link, w.Link, c); s != nil {
		return s
	}
	if s := t.holding(&x.by4o6Own, w.Selected, c); s != nil {
		return s
	}
	if !given(w.GIAddr) {
		return nil
	}
	if s := t.of(x.by4o6Relay[w.GIAddr], c); s != nil {
		return s
	}
	return t.holding(&x.by4o6Own, w.GIAddr, c)
}

// Subnet6 returns the subnet of a DHCPv6 message's link, nil for none. A relayed
// message is placed by the interface-id, by the link-address among the "relay"
// addresses, and by the prefix that holds it; one without a global link-address
// by the interface, the source, and the interface-id of a relay that works on
// layer 2 (RFC 6221), which names no link-address (RFC 9915 §13.1).
func (t *Topology) Subnet6(w *Where, c *classify.Set) *Subnet {
	x := &t.ix
	if given(w.Link) {
		if s := t.byInterfaceID(w, c); s != nil {
			return s
		}
		if s := t.of(x.byRelay[w.Link], c); s != nil {
			return s
		}
		return t.holding(&x.byPrefix, w.Link, c)
	}
	if s := t.of(x.byIface[w.Iface], c); s != nil {
		return s
	}
	if s := t.holding(&x.byPrefix, w.Source, c); s != nil {
		return s
	}
	return t.byInterfaceID(w, c)
}

func (t *Topology) byInterfaceID(w *Where, c *classify.Set) *Subnet {
	if len(w.InterfaceID) == 0 {
		return nil
	}
	return t.of(t.ix.byInterfaceID[string(w.InterfaceID)], c)
}
