package config

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// MergeSubnet writes what text says into a subnet: what is there is replaced, pools
// and options are found by what names them, what is not there is added (Kea's
// subnet4-delta-add).
func (d *Draft) MergeSubnet(id uint32, text json.RawMessage) {
	old := d.subnet(id)
	if n := d.read(text, old.parent, old.index); n != nil && n.kind == kMap {
		d.merge(old, n)
	}
}

// PruneSubnet takes out of a subnet what text names; of a pool or an option of which no
// more than what names it is given, the whole (Kea's subnet4-delta-del). A value need
// not be the one that is there.
func (d *Draft) PruneSubnet(id uint32, text json.RawMessage) {
	old := d.subnet(id)
	n := d.read(text, old.parent, old.index)
	if n == nil || n.kind != kMap {
		return
	}
	c := &compiler{report: d.report, cfg: &Config{Family: d.was.Family}, root: d.root}
	c.check(n.copy(n.parent, n.index), subnet) // a word misspelt would take out nothing, unseen
	d.prune(old, n)
}

// keysOf are the members by which an element of a list is known from the others.
var keysOf = map[string][]string{
	"subnet4": {"id", "subnet"}, "subnet6": {"id", "subnet"}, "pools": {"pool"},
	"pd-pools": {"prefix", "prefix-len", "delegated-len"}, "option-data": {"code", "name", "space"},
}

// merge writes the members of a map into another.
func (d *Draft) merge(to, from *node) {
	for _, m := range from.members {
		old := to.member(m.key)
		switch {
		case m.kind == kNull:
		case old == nil:
			m.parent = to
			to.members = append(to.members, m)
		case old.kind == kMap && m.kind == kMap:
			d.merge(old, m)
		case old.kind == kList && m.kind == kList:
			d.mergeList(old, m)
		default:
			m.parent = to
			to.members[slices.Index(to.members, old)] = m
		}
	}
}

// mergeList adds the items that are not there, and merges the others.
func (d *Draft) mergeList(to, from *node) {
	there := slices.Clone(to.items)
	for _, e := range from.items {
		found := false
		for _, old := range there {
			if keysOf[to.key] != nil && d.same(to.key, old, e) {
				found = true
				d.merge(old, e)
			}
		}
		if !found {
			to.add(e)
		}
	}
}

// prune takes out of a map what another one names. What a map is known by stays.
func (d *Draft) prune(from, what *node) {
	keys := keysOf[from.parent.key]
	for _, m := range what.members {
		old := from.member(m.key)
		if old == nil || m.kind == kNull || slices.Contains(keys, m.key) {
			continue
		}
		empty := true
		switch {
		case old.kind == kMap && m.kind == kMap:
			d.prune(old, m)
			empty = len(old.members) == 0
		case old.kind == kList && m.kind == kList:
			d.pruneList(old, m)
			empty = len(old.items) == 0
		}
		if empty {
			from.members = slices.DeleteFunc(from.members, func(o *node) bool { return o == old })
		}
	}
}

// pruneList takes items out of a list.
func (d *Draft) pruneList(from, what *node) {
	keys := keysOf[from.key]
	for _, e := range what.items {
		for _, old := range slices.Clone(from.items) {
			switch {
			case keys == nil && equal(old, e), keys != nil && d.same(from.key, old, e) && (from.key == "option-data" || bare(e, keys)):
				old.cut()
			case keys != nil && d.same(from.key, old, e):
				d.prune(old, e)
			}
		}
	}
}

// bare reports whether a map says nothing but what it is known by.
func bare(n *node, keys []string) bool {
	return !slices.ContainsFunc(n.members, func(m *node) bool {
		return !slices.Contains(keys, m.key) && !(m.kind == kList && len(m.items) == 0)
	})
}

// same reports whether two elements of a list mean the same thing.
func (d *Draft) same(list string, a, b *node) bool {
	if a.kind != kMap || b.kind != kMap {
		return false
	}
	switch list {
	case "pools":
		c := &compiler{report: &report{}, cfg: &Config{Family: d.was.Family}}
		p, q := a.get("pool"), b.get("pool")
		if p == nil || q == nil || p.kind != kString || q.kind != kString {
			return false
		}
		first, last, ok := c.poolRange(p)
		other, end, also := c.poolRange(q)
		return ok && also && first == other && last == end
	case "option-data":
		return d.option(a) == d.option(b) && d.option(a) != ""
	}
	for _, key := range keysOf[list] {
		if p, q := a.get(key), b.get(key); p == nil || q == nil || !equal(p, q) {
			return false
		}
	}
	return true
}

// option is the space and the code of an element of option-data, its name when nobody
// knows the code.
func (d *Draft) option(n *node) string {
	own := "dhcp4"
	if d.was.Family == v6 {
		own = "dhcp6"
	}
	in := space(n)
	if in == "" {
		in = own
	}
	if m := n.get("code"); m != nil && m.kind == kInt {
		return in + " " + strconv.FormatInt(m.num, 10)
	}
	name := n.text("name")
	if def, ok := d.was.doc.defs.ByName(in, name); ok {
		return in + " " + strconv.Itoa(int(def.Code))
	}
	if name == "" {
		return ""
	}
	return in + " " + strings.ToLower(name)
}

// equal reports whether two values are the same, whatever the order of members.
func equal(a, b *node) bool {
	if a.kind != b.kind || a.str != b.str || a.num != b.num || a.float != b.float || a.bool != b.bool ||
		len(a.members) != len(b.members) || len(a.items) != len(b.items) {
		return false
	}
	for _, m := range a.members {
		if o := b.member(m.key); o == nil || !equal(m, o) {
			return false
		}
	}
	for i, e := range a.items {
		if !equal(e, b.items[i]) {
			return false
		}
	}
	return true
}
