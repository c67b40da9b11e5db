package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// network compiles a shared network and its subnets.
func (c *compiler) network(n *node, outer topology.Options) {
	if n.kind != kMap {
		return
	}
	net := &topology.Network{Name: n.text("name"), Links: c.links(n)}
	if m := n.get("name"); m != nil {
		if c.networks[m.str] != nil {
			c.errorf(m, "a network %q is there already, in line %d", m.str, c.networks[m.str].line())
		}
		c.networks[m.str] = m
	}
	c.modes(n)
	c.link(n.get("interface"), n.text("interface"))
	net.Guard, net.Additional = c.guard(n), c.additional(n)
	c.names(levels{n, c.root})
	options := topology.Merge(outer, c.options(n))
	for _, e := range n.list(c.subnets()) {
		s := c.subnet(e, levels{n, c.root}, options)
		if s == nil {
			continue
		}
		s.Network = net
		c.sameLink(e, n)
		net.Subnets = append(net.Subnets, s)
		c.cfg.Topology.Subnets = append(c.cfg.Topology.Subnets, s)
	}
}

// sameLink checks that a subnet does not name another interface than its network.
func (c *compiler) sameLink(e, n *node) {
	own, shared := e.get("interface"), n.text("interface")
	if own != nil && own.str != "" && shared != "" && own.str != shared {
		c.errorf(own, "%q is not the interface of the network, %q; the subnets of a network share a link", own.str, shared)
	}
}

// links reads "links" of our keys of a network.
func (c *compiler) links(n *node) []netip.Prefix {
	var out []netip.Prefix
	for _, e := range n.ours().list("links") {
		if e.kind != kString {
			continue
		}
		if p, err := c.prefix(e, v6); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// line is the line of a node, for messages.
func (n *node) line() int { return n.at.line() }

// subnet compiles one subnet; nil when not even its prefix can be read.
func (c *compiler) subnet(n *node, around levels, outer topology.Options) *topology.Subnet {
	if n.kind != kMap {
		return nil
	}
	l := append(levels{n}, around...)
	m := n.get("subnet")
	if m == nil {
		return nil
	}
	prefix, err := c.prefix(m, c.cfg.Family)
	if err != nil {
		return nil
	}
	s := &topology.Subnet{ID: c.id(n), Prefix: prefix, Policy: c.policy(l), Naming: c.names(l)}
	if first := c.prefixes[prefix]; first != nil {
		c.errorf(m, "a subnet %s is there already, in line %d", prefix, first.line())
	} else {
		c.prefixes[prefix] = m
		c.placed = append(c.placed, located{m, prefix})
	}
	c.modes(n)
	c.tune(s, n)
	c.access(s, n, l)
	s.Options = topology.Merge(outer, c.options(n))
	c.serverIdentifier(s)
	s.ReserveGlobal, s.ReserveIn, s.ReserveOut = c.reservationFlags(l)
	s.Reservations = c.reservations(n, prefix)
	for i, p := range n.list("pools") {
		if pool := c.pool(p, s, l, i); pool != nil {
			pool.Lease.Use(allocators[l.text("allocator", "")])
			s.Pools = append(s.Pools, pool)
		}
	}
	for _, p := range n.list("pd-pools") {
		c.pdPool(p)
	}
	s.Guard, s.Additional = c.guard(n), c.additional(n)
	return s
}

// id returns the id of a subnet, or gives it one as Kea 2.2 does.
func (c *compiler) id(n *node) uint32 {
	m := n.get("id")
	if m != nil && m.num != 0 {
		id := uint32(m.num)
		if first := c.ids[id]; first != nil {
			c.errorf(m, "%d is already the id of %s, line %d", id, first.path(), first.line())
		} else {
			c.ids[id] = n
		}
		n.number = id
		return id
	}
	if n.has("id") && m == nil {
		return 0 // wrong, and reported
	}
	c.auto++
	c.nameless = append(c.nameless, n)
	if first := c.ids[c.auto]; first != nil {
		c.errorf(n, "has no id; its number in order, %d, is already the id of %s, line %d", c.auto, first.path(), first.line())
	} else {
		c.ids[c.auto] = n
	}
	n.number = c.auto
	return c.auto
}

// access reads how a client's link leads to a subnet.
func (c *compiler) access(s *topology.Subnet, n *node, l levels) {
	s.Iface = l.first("interface")
	c.link(n.get("interface"), n.text("interface"))
	if id := l.first("interface-id"); id != "" {
		s.InterfaceID = interfaceID(id)
		if own := n.get("interface-id"); own != nil && own.str != "" && n.text("interface") != "" {
			c.errorf(own, "goes with relays, interface with clients on a link of this host; give one of them")
		}
	}
	s.Relays = c.relays(l)
	if c.cfg.Family == v6 {
		return
	}
	f := &s.FourOSix
	f.Iface = n.text("4o6-interface")
	c.link(n.get("4o6-interface"), f.Iface)
	f.InterfaceID = []byte(n.text("4o6-interface-id"))
	if m := n.get("4o6-subnet"); m != nil && m.kind == kString {
		f.Prefix, _ = netip.ParsePrefix(m.str)
		f.Prefix = f.Prefix.Masked()
		if f.Prefix.Addr().IsUnspecified() {
			c.warnf(m, "matches nothing, as in Kea: a prefix of :: counts as none")
		}
	}
	if m := n.ours().get("link-address-first"); m != nil && m.bool {
		f.LinkFirst = true
		if !f.Prefix.IsValid() && len(l[1].ours().list("links")) == 0 {
			c.warnf(m, "changes nothing without 4o6-subnet, or links of the network")
		}
	}
}

// first returns the innermost string of this name that is not empty: with "" a
// scope leaves it to those around it.
func (l levels) first(key string) string {
	for _, n := range l {
		if v := n.text(key); v != "" {
			return v
		}
	}
	return ""
}

// interfaceID reads an interface-id of DHCPv6: hexadecimal after 0x, or else
// the octets as they stand, as in Kea.
func interfaceID(s string) []byte {
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		if b, err := parseHex(digits); err == nil {
			return b
		}
	}
	return []byte(s)
}

// relays returns the relays of the innermost scope that names any.
func (c *compiler) relays(l levels) []netip.Addr {
	for i, n := range l {
		r := n.get("relay")
		var out []netip.Addr
		for _, e := range r.list("ip-addresses") {
			if e.kind != kString {
				continue
			}
			a, ok := parseAddr(e.str, c.cfg.Family)
			switch {
			case i > 0: // has been complained of where it stands
			case !ok:
				c.errorf(e, "%q is not an %s address", e.str, ipName(c.cfg.Family))
			case slices.Contains(out, a):
				c.errorf(e, "%s stands here twice", a)
			}
			if ok {
				out = append(out, a)
			}
		}
		if m := r.get("ip-address"); m != nil && m.kind == kString {
			a, _ := parseAddr(m.str, c.cfg.Family)
			out = append(out, a)
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// serverIdentifier notes option 54 of a subnet's options.
func (c *compiler) serverIdentifier(s *topology.Subnet) {
	if c.cfg.Family == v6 {
		return
	}
	if o := s.Options.Find(optServerID); o != nil && len(o.Value) == 4 {
		s.ServerID = netip.AddrFrom4([4]byte(o.Value))
	}
}

const optServerID = 54 // Server Identifier (RFC 2132 §9.7)

// reservationFlags reads which reservations hold; reservation-mode is the older
// word for the three flags and speaks for all of them.
func (c *compiler) reservationFlags(l levels) (global, in, out bool) {
	in = true
	for _, n := range slices.Backward(l) {
		switch n.text("reservation-mode") {
		case "disabled":
			global, in, out = false, false, false
		case "out-of-pool":
			global, in, out = false, true, true
		case "global":
			global, in, out = true, false, false
		case "all":
			global, in, out = false, true, false
		}
		one := levels{n}
		global = one.bool("reservations-global", global)
		in = one.bool("reservations-in-subnet", in)
		out = one.bool("reservations-out-of-pool", out)
	}
	return global, in, out && in
}

// modes complains of a scope that says both the flags and the mode.
func (c *compiler) modes(n *node) {
	m := n.get("reservation-mode")
	if m == nil {
		return
	}
	for _, key := range []string{"reservations-global", "reservations-in-subnet", "reservations-out-of-pool"} {
		if n.has(key) {
			c.errorf(m, "%s says the same; give one of them", key)
			return
		}
	}
}
