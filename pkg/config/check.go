package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// check compares a map with what the schema says of it, all the way down. A
// value that is wrong is reported once and marked kBad: the compiler then takes
// it for absent.
func (c *compiler) check(n *node, s *scope) {
	for _, m := range n.members {
		r := s.find(c.cfg.Family, m.key)
		if r == nil {
			c.unknownKey(n, m, s)
			m.kind = kBad
			continue
		}
		if r.newer != "" && n.has(r.newer) {
			c.errorf(m, "%s says the same; give one of them", r.newer)
			m.kind = kBad
			continue
		}
		if m.kind == kBad {
			continue
		}
		if !c.checkValue(m, r) {
			m.kind = kBad
			continue
		}
		if r.state == Later && !r.silent(m) {
			c.later(m, r)
		}
	}
	for i := range s.keys {
		if r := &s.keys[i]; r.need && (r.in == 0 || r.in == c.cfg.Family) && !n.has(r.name) && !slices.Contains(n.meant, r.name) {
			c.errorf(n, "%q is missing in this %s", r.name, s.name)
		}
	}
}

// has reports whether a map has a member of this name, right or wrong.
func (n *node) has(key string) bool {
	return slices.ContainsFunc(n.members, func(m *node) bool { return m.key == key })
}

// unknownKey reports a key that may not stand where it does, and notes on n what
// was probably meant, so that nobody complains that it is missing.
func (c *compiler) unknownKey(n, m *node, s *scope) {
	f := c.cfg.Family
	text := "is not a key of " + c.called(s)
	meant := nearest(m.key, s.names(f))
	other := v4 + v6 - f
	switch where := c.homes(m.key); {
	case s.find(other, m.key) != nil:
		if s != c.outermost() {
			text += " in " + c.rootOf(f)
		}
		text += ", only in " + c.rootOf(other)
	case meant != "":
	case len(where) > 0:
		text += "; it may stand in " + strings.Join(where, ", ")
	}
	if meant != "" {
		n.meant = append(n.meant, meant)
	}
	c.add(Error, m.keyAt, m.path(), meant, "%s", text)
}

// called is how messages call a scope.
func (c *compiler) called(s *scope) string {
	if s == c.outermost() {
		return c.rootOf(c.cfg.Family)
	}
	return s.name
}

// homes returns the names of the scopes that know a key.
func (c *compiler) homes(key string) []string {
	var out []string
	f := c.cfg.Family
	seen := map[*scope]bool{}
	var walk func(s *scope)
	walk = func(s *scope) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		if name := c.called(s); s.find(f, key) != nil && !slices.Contains(out, name) {
			out = append(out, name)
		}
		for i := range s.keys {
			if s.keys[i].in == 0 || s.keys[i].in == f {
				walk(s.keys[i].of)
			}
		}
	}
	walk(c.outermost())
	return out
}

// checkValue checks the value of one key, and everything in it. It reports
// whether the value itself can be used.
func (c *compiler) checkValue(m *node, r *rule) bool {
	switch r.typ {
	case tBool:
		return c.isA(m, r, kBool)
	case tInt:
		return c.isA(m, r, kInt) && c.checkRange(m, r)
	case tFloat, tShare:
		return c.checkFloat(m, r)
	case tString, tName:
		return c.isA(m, r, kString) && c.checkString(m, r)
	case tAddr, tAddr4, tAddr6, tPrefix6:
		return c.isA(m, r, kString) && c.checkAddr(m, r)
	case tMap:
		if !c.isA(m, r, kMap) {
			return false
		}
		c.check(m, r.of)
	case tMaps:
		return c.checkMaps(m, r)
	case tStrings:
		return c.checkStrings(m, r)
	case tContext:
		if !c.isA(m, r, kMap) {
			return false
		}
		c.checkOurs(m, r)
	}
	return true
}

// isA reports whether a value is of the kind k, and says so when it is not.
func (c *compiler) isA(m *node, r *rule, k kind) bool {
	if m.kind == k {
		return true
	}
	c.errorf(m, "has to be %s, not %s", r.article(), m.kind)
	return false
}

// article is the type of a rule as it reads in a sentence.
func (r *rule) article() string {
	t := r.typ.String()
	if strings.IndexByte("aeiouI", t[0]) >= 0 {
		return "an " + t
	}
	return "a " + t
}

func (c *compiler) checkRange(m *node, r *rule) bool {
	if m.num >= r.min && m.num <= r.max {
		return true
	}
	c.errorf(m, "%d is out of range, %d..%d", m.num, r.min, r.max)
	return false
}

func (c *compiler) checkFloat(m *node, r *rule) bool {
	if m.kind != kInt && !c.isA(m, r, kFloat) {
		return false
	}
	switch v := m.float; {
	case r.typ == tShare && (v <= 0 || v >= 1):
		c.errorf(m, "%v is not between 0 and 1", v)
		return false
	case v < 0 || v > 1:
		c.errorf(m, "%v is out of range, 0..1", v)
		return false
	}
	return true
}

func (c *compiler) checkString(m *node, r *rule) bool {
	switch {
	case len(r.enum) > 0 && !slices.Contains(r.enum, m.str):
		c.notOneOf(m, r.enum)
		return false
	case r.typ == tName && m.str == "":
		c.errorf(m, "must not be empty")
		return false
	case r.max > 0 && int64(len(m.str)) > r.max:
		c.errorf(m, "is %d octets long, %d more than fit", len(m.str), int64(len(m.str))-r.max)
		return false
	}
	return true
}

// notOneOf reports a string that is none of those allowed.
func (c *compiler) notOneOf(m *node, enum []string) {
	c.add(Error, m.at, m.path(), nearest(m.str, enum), "%q is not one of %s", m.str, strings.Join(enum, ", "))
}

// checkAddr checks an address or a prefix. An empty one is as good as none,
// where Kea takes it so.
func (c *compiler) checkAddr(m *node, r *rule) bool {
	if m.str == "" {
		m.kind, m.from = kNull, kString
		return true
	}
	if r.typ == tPrefix6 {
		_, err := c.prefix(m, v6)
		return err == nil
	}
	f := c.cfg.Family
	switch r.typ {
	case tAddr4:
		f = v4
	case tAddr6:
		f = v6
	}
	if _, ok := parseAddr(m.str, f); !ok {
		c.errorf(m, "%q is not an %s address", m.str, ipName(f))
		return false
	}
	return true
}

func ipName(f Family) string {
	if f == v6 {
		return "IPv6"
	}
	return "IPv4"
}

// parseAddr reads an address of one family. A zone is no part of it.
func parseAddr(s string, f Family) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.Is4() != (f == v4) {
		return netip.Addr{}, false
	}
	return a, true
}

func (c *compiler) checkMaps(m *node, r *rule) bool {
	if !c.isA(m, r, kList) {
		return false
	}
	for _, e := range m.items {
		switch e.kind {
		case kMap:
			c.check(e, r.of)
		case kBad:
		default:
			c.errorf(e, "has to be a map, not %s", e.kind)
			e.kind = kBad
		}
	}
	return true
}

func (c *compiler) checkStrings(m *node, r *rule) bool {
	if !c.isA(m, r, kList) {
		return false
	}
	for _, e := range m.items {
		switch {
		case e.kind == kBad:
		case e.kind != kString:
			c.errorf(e, "has to be a string, not %s", e.kind)
			e.kind = kBad
		case len(r.enum) > 0 && !slices.Contains(r.enum, e.str):
			c.notOneOf(e, r.enum)
			e.kind = kBad
		}
	}
	return true
}

// checkOurs checks what stands in the dhcp4o6 member of a user-context.
func (c *compiler) checkOurs(m *node, r *rule) {
	ours := m.get("dhcp4o6")
	switch {
	case ours == nil:
	case ours.kind != kMap:
		c.errorf(ours, "has to be a map, not %s", ours.kind)
		ours.kind = kBad
	case r.of == nil:
		c.errorf(ours, "no keys of dhcp4o6 are known here")
		ours.kind = kBad
	default:
		c.check(ours, r.of)
	}
}

// silent reports whether a key that is not served yet says what would be done
// anyway.
func (r *rule) silent(m *node) bool {
	v := m.plain()
	return r.quiet == toldElsewhere || r.quiet != "" && v == r.quiet || r.def != "" && v == r.def && r.quiet == r.def
}

// plain is a value as the schema's defaults are written; maps are no defaults.
func (n *node) plain() string {
	switch n.kind {
	case kBool:
		return strconv.FormatBool(n.bool)
	case kInt, kFloat:
		return strconv.FormatFloat(n.float, 'g', -1, 64)
	case kString:
		if n.str == "" {
			return `""`
		}
		return n.str
	case kList:
		var parts []string
		for _, e := range n.items {
			parts = append(parts, strconv.Quote(e.str))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return ""
}

// later notes a key that is not served yet.
func (c *compiler) later(m *node, r *rule) {
	text := "is not served yet"
	if r.note != "" {
		text += ": " + r.note
	}
	c.unserved(m, text)
}

// unserved notes that something the configuration asks for is not done.
func (c *compiler) unserved(m *node, text string) {
	at := m.at
	if m.keyAt.src != nil {
		at = m.keyAt
	}
	c.add(Warning, at, m.path(), "", "%s", text)
	c.cfg.Unserved = append(c.cfg.Unserved, m.path()+" "+text)
}
