package config

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// errReported stands for an error that has been reported at its place.
var errReported = errors.New("config: reported")

// prefix reads a prefix of one family. Bits beyond its length are cleared, with
// a warning: Kea passes them over.
func (c *compiler) prefix(m *node, f Family) (netip.Prefix, error) {
	addr, length, found := strings.Cut(m.str, "/")
	if !found {
		c.errorf(m, "%q has no /; a prefix is written address/length", m.str)
		return netip.Prefix{}, errReported
	}
	if _, ok := parseAddr(addr, f); !ok {
		c.errorf(m, "%q is not an %s address", addr, ipName(f))
		return netip.Prefix{}, errReported
	}
	p, err := netip.ParsePrefix(m.str)
	if err != nil {
		c.errorf(m, "%q is not a length of a prefix, 0..%d", length, bitsOf(f))
		return netip.Prefix{}, errReported
	}
	if p != p.Masked() && m.key != "pool" {
		c.warnf(m, "%s has bits beyond its length; taken as %s", p, p.Masked())
	}
	return p.Masked(), nil
}

func bitsOf(f Family) int {
	if f == v6 {
		return 128
	}
	return 32
}

// parseHex reads hexadecimal digits, with or without colons.
func parseHex(s string) ([]byte, error) { return hex.DecodeString(strings.ReplaceAll(s, ":", "")) }

// pool compiles one pool of addresses.
func (c *compiler) pool(n *node, s *topology.Subnet, around levels, index int) *topology.Pool {
	if n.kind != kMap {
		return nil
	}
	p := &topology.Pool{Options: topology.Merge(s.Options, c.options(n)), Guard: c.guard(n), Additional: c.additional(n), Naming: c.namesOfPool(n, around)}
	m := n.get("pool")
	if m == nil {
		return nil
	}
	first, last, ok := c.poolRange(m)
	if !ok {
		return nil
	}
	if !s.Prefix.Contains(first) || !s.Prefix.Contains(last) {
		c.errorf(m, "outside %s", s.Prefix)
		return nil
	}
	kind, bits := lease.V4, uint8(32)
	if c.cfg.Family == v6 {
		kind, bits = lease.NA, 128
	}
	c.spans = append(c.spans, span{n: m, kind: kind, first: first, last: last, subnet: s.Prefix})
	var err error
	p.Lease, err = lease.NewPool(kind, s.ID, levels{n}.uint32("pool-id", 0), first, last, bits)
	if err != nil {
		c.errorf(m, "%v", err)
		return nil
	}
	return p
}

// poolRange reads "first - last" or a prefix.
func (c *compiler) poolRange(m *node) (first, last netip.Addr, ok bool) {
	f := c.cfg.Family
	from, to, dash := strings.Cut(m.str, "-")
	if !dash {
		if !strings.Contains(m.str, "/") {
			c.errorf(m, "%q is neither two addresses with - between them nor a prefix", m.str)
			return first, last, false
		}
		trimmed := *m
		trimmed.str = strings.ReplaceAll(m.str, " ", "")
		p, err := c.prefix(&trimmed, f)
		return p.Addr(), lastOf(p), err == nil
	}
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	if first, ok = parseAddr(from, f); !ok {
		c.errorf(m, "%q is not an %s address", from, ipName(f))
		return first, last, false
	}
	if last, ok = parseAddr(to, f); !ok {
		c.errorf(m, "%q is not an %s address", to, ipName(f))
		return first, last, false
	}
	if last.Less(first) {
		c.errorf(m, "ends before it begins")
		return first, last, false
	}
	return first, last, true
}

// lastOf returns the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	if !p.IsValid() {
		return netip.Addr{}
	}
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// pdPool checks a pool of prefixes. None are delegated, so nothing comes of it.
func (c *compiler) pdPool(n *node) {
	if n.kind != kMap {
		return
	}
	c.options(n)
	prefix, length, delegated := n.get("prefix"), n.get("prefix-len"), n.get("delegated-len")
	if prefix == nil || prefix.kind != kString || length == nil || delegated == nil {
		return
	}
	a, _ := netip.ParseAddr(prefix.str)
	p := netip.PrefixFrom(a, int(length.num))
	if p != p.Masked() {
		c.warnf(prefix, "%s has bits beyond its length; taken as %s", p, p.Masked())
		p = p.Masked()
	}
	if delegated.num < length.num {
		c.errorf(delegated, "%d is shorter than the prefix of the pool, %d", delegated.num, length.num)
		return
	}
	if m := n.get("excluded-prefix-len"); m != nil && m.num != 0 && m.num <= delegated.num {
		c.errorf(m, "%d is not longer than the prefixes that are delegated, %d (RFC 6603 §4.2)", m.num, delegated.num)
	}
	c.spans = append(c.spans, span{n: prefix, kind: lease.PD, first: p.Addr(), last: lastOf(p)})
}

// overlaps complains of pools that share addresses, wherever they stand, and
// warns of subnets within subnets, which Kea allows.
func (c *compiler) overlaps() {
	slices.SortStableFunc(c.spans, func(a, b span) int {
		if a.kind != b.kind {
			return int(a.kind) - int(b.kind)
		}
		return a.first.Compare(b.first)
	})
	for i, wide := 1, 0; i < len(c.spans); i++ {
		a, b := &c.spans[wide], &c.spans[i]
		if a.kind == b.kind && b.first.Compare(a.last) <= 0 {
			one, other := a.n, b.n
			if b.n.at.before(a.n.at) {
				one, other = other, one
			}
			c.errorf(other, "overlaps the pool %s of line %d", one.str, one.line())
		}
		if a.kind != b.kind || a.last.Less(b.last) {
			wide = i
		}
	}
	slices.SortStableFunc(c.placed, func(a, b located) int { return a.prefix.Compare(b.prefix) })
	for i, wide := 1, 0; i < len(c.placed); i++ {
		a, b := &c.placed[wide], &c.placed[i]
		if !a.prefix.Overlaps(b.prefix) {
			wide = i // prefixes lie within one another or apart
			continue
		}
		c.warnf(b.n, "lies within the subnet %s of line %d", a.prefix, a.n.line())
	}
}
