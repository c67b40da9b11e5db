package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// reservations compiles the "reservations" of a subnet, or the global ones, when
// prefix is invalid.
func (c *compiler) reservations(n *node, prefix netip.Prefix) map[topology.Key]*topology.Reservation {
	list := n.list("reservations")
	if len(list) == 0 {
		return nil
	}
	out := make(map[topology.Key]*topology.Reservation, len(list))
	h := hosts{c: c, prefix: prefix, keys: map[topology.Key]*node{}, addrs: map[netip.Addr]*node{}, prefixes: map[netip.Prefix]*node{}}
	h.unique = levels{c.root}.bool("ip-reservations-unique", true)
	for _, e := range list {
		if e.kind != kMap {
			continue
		}
		if r := h.host(e); r != nil {
			out[r.Key] = r
			c.hosts = append(c.hosts, Host{Reservation: r, Subnet: n.number, Number: uint64(len(c.hosts) + 1), n: e})
		}
	}
	return out
}

// hosts compiles the reservations of one scope.
type hosts struct {
	c        *compiler
	prefix   netip.Prefix // of the subnet; invalid: global
	unique   bool         // an address is for one host
	keys     map[topology.Key]*node
	addrs    map[netip.Addr]*node
	prefixes map[netip.Prefix]*node
}

func (h *hosts) host(n *node) *topology.Reservation {
	c := h.c
	l := levels{n}
	r := &topology.Reservation{
		Hostname:       n.text("hostname"),
		NextServer:     l.nextServer(),
		ServerHostname: n.text("server-hostname"),
		BootFileName:   n.text("boot-file-name"),
		Options:        c.options(n),
	}
	for _, e := range n.list("client-classes") {
		if e.kind == kString && e.str != "" {
			r.Classes = append(r.Classes, c.reservedClass(e))
		}
	}
	if m := n.get("ip-address"); m != nil && m.kind == kString {
		r.Addr = h.addr(m)
	}
	for _, e := range n.list("ip-addresses") {
		if a := h.addr(e); a.IsValid() {
			r.Addrs = append(r.Addrs, a)
		}
	}
	for _, e := range n.list("prefixes") {
		if p := h.delegated(e); p.IsValid() {
			r.Prefixes = append(r.Prefixes, p)
		}
	}
	key, ok := h.key(n)
	if !ok {
		return nil
	}
	r.Key = key
	return r // one that keeps nothing makes its host KNOWN
}

// key reads by what the host is known.
func (h *hosts) key(n *node) (topology.Key, bool) {
	c := h.c
	names := []string{"hw-address", "duid", "client-id", "circuit-id", "flex-id"}
	if c.cfg.Family == v6 {
		names = []string{"hw-address", "duid", "flex-id"}
	}
	var found *node
	for _, name := range names {
		m := n.get(name)
		if m == nil {
			if n.has(name) {
				return topology.Key{}, false // wrong, and reported
			}
			continue
		}
		if found != nil {
			c.errorf(m, "a host is known by one identifier, and %s is given", found.key)
			return topology.Key{}, false
		}
		found = m
	}
	if found == nil {
		if slices.ContainsFunc(n.meant, func(s string) bool { return slices.Contains(names, s) }) {
			return topology.Key{}, false
		}
		c.errorf(n, "does not say which host: one of %s is missing", strings.Join(names, ", "))
		return topology.Key{}, false
	}
	id, problem := parseIdentifier(found.key, found.str)
	if problem != "" {
		c.errorf(found, "%s", problem)
		return topology.Key{}, false
	}
	k := topology.Key{Kind: identifierKinds[found.key], ID: string(id)}
	if first := h.keys[k]; first != nil {
		c.errorf(found, "this host has a reservation here already, in line %d", first.line())
		return k, false
	}
	h.keys[k] = found
	return k, true
}

// parseIdentifier reads a host identifier: hexadecimal digits, with colons or
// spaces between octets or not, or with 0x before them; or text in single quotes.
func parseIdentifier(kind, s string) (id []byte, problem string) {
	switch {
	case len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' && kind != "hw-address":
		id = []byte(s[1 : len(s)-1])
	default:
		var ok bool
		if id, ok = parseOctets(s); !ok {
			return nil, "\"" + s + "\" is not hexadecimal, as 00:0c:01:02:03:04"
		}
	}
	limit := 255
	switch kind {
	case "hw-address":
		limit = 20
	case "duid":
		limit = 130
	}
	switch {
	case len(id) == 0:
		return nil, "must not be empty"
	case len(id) > limit:
		return nil, "is longer than a " + kind + " can be"
	}
	return id, ""
}

// parseOctets reads hexadecimal octets. Between colons one digit will do; of
// digits without separators an odd number stands for a zero before them, as in Kea.
func parseOctets(s string) ([]byte, bool) {
	for _, sep := range []string{":", " "} {
		if !strings.Contains(s, sep) {
			continue
		}
		var digits strings.Builder
		for part := range strings.SplitSeq(s, sep) {
			switch len(part) {
			case 1:
				digits.WriteByte('0')
			case 2:
			default:
				return nil, false
			}
			digits.WriteString(part)
		}
		s = digits.String()
		break
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := parseHex(s)
	return b, err == nil
}

// addr reads an address that is kept for a host.
func (h *hosts) addr(m *node) netip.Addr {
	if m.kind != kString {
		return netip.Addr{}
	}
	c := h.c
	a, ok := parseAddr(m.str, c.cfg.Family)
	switch {
	case !ok:
		c.errorf(m, "%q is not an %s address", m.str, ipName(c.cfg.Family))
	case a.IsUnspecified(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}), a.IsMulticast():
		c.errorf(m, "%s is no address that a host can have", a)
		ok = false
	case h.prefix.IsValid() && !h.prefix.Contains(a):
		c.errorf(m, "%s is outside %s", a, h.prefix)
	case h.addrs[a] != nil && h.unique:
		c.errorf(m, "%s is kept for another host already, in line %d", a, h.addrs[a].line())
	}
	if !ok {
		return netip.Addr{}
	}
	h.addrs[a] = m
	return a
}

// delegated reads a prefix that is kept for a host.
func (h *hosts) delegated(m *node) netip.Prefix {
	if m.kind != kString {
		return netip.Prefix{}
	}
	p, err := h.c.prefix(m, v6)
	if err != nil {
		return netip.Prefix{}
	}
	if first := h.prefixes[p]; first != nil && h.unique {
		h.c.errorf(m, "%s is kept for another host already, in line %d", p, first.line())
	}
	h.prefixes[p] = m
	return p
}
