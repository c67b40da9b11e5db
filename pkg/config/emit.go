package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A writer renders the tree of a configuration that has been compiled, or a part
// of it.
type writer struct {
	family   Family
	hostless bool // reservations are left out
	b        []byte
}

// emit renders the whole configuration.
func (d *document) emit() []byte {
	w := &writer{family: d.family}
	w.b = append(w.b, '{')
	w.quote(root(d.family))
	w.b = append(w.b, ':')
	w.mapOf(d.root, global, levels{d.root})
	w.b = append(w.b, '}')
	return slices.Clone(w.b) // what has grown has room to spare
}

// An entry is one member of a map to be written: one of the file, or one that
// stands for what the file leaves out.
type entry struct {
	key  string
	n    *node
	of   *scope
	text string // where n is nil
}

// mapOf writes a map of a scope, nil where nobody knows its keys. l is the map
// and those around it, as far as values are inherited.
func (w *writer) mapOf(n *node, s *scope, l levels) {
	entries := make([]entry, 0, len(n.members)+8)
	for _, m := range n.members {
		if w.hostless && m.key == "reservations" {
			continue
		}
		e := entry{key: m.key, n: m}
		if s != nil {
			if r := s.find(w.family, m.key); r != nil && r.typ != tContext {
				e.of = r.of
			}
		}
		entries = append(entries, e)
	}
	if s != nil {
		entries = w.complete(entries, n, s, l)
	}
	w.entries(entries, l)
}

// entries writes the members of a map in alphabetical order.
func (w *writer) entries(entries []entry, l levels) {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	w.b = append(w.b, '{')
	for i, e := range entries {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.quote(e.key)
		w.b = append(w.b, ':')
		switch {
		case e.n != nil:
			w.value(e.n, e.of, l)
		case e.of != nil:
			w.mapOf(&node{kind: kMap}, e.of, l)
		default:
			w.b = append(w.b, e.text...)
		}
	}
	w.b = append(w.b, '}')
}

// value writes a value; of is what its maps are.
func (w *writer) value(n *node, of *scope, l levels) {
	switch n.kind {
	case kMap:
		w.mapOf(n, of, inner(n, of, l))
	case kList:
		w.b = append(w.b, '[')
		for i, e := range n.items {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.value(e, of, l)
		}
		w.b = append(w.b, ']')
	case kString:
		w.quote(n.str)
	case kInt:
		w.b = strconv.AppendInt(w.b, n.num, 10)
	case kFloat:
		w.float(n.float)
	case kBool:
		w.b = strconv.AppendBool(w.b, n.bool)
	case kNull, kBad:
		w.absent(n)
	}
}

// absent writes a value that the check has taken for absent: an empty address.
func (w *writer) absent(n *node) {
	if n.str == "" && n.from == kString {
		w.b = append(w.b, `""`...)
		return
	}
	w.b = append(w.b, "null"...)
}

// float writes a number so that it is read as one with a point again.
func (w *writer) float(v float64) {
	at := len(w.b)
	w.b = strconv.AppendFloat(w.b, v, 'g', -1, 64)
	if !strings.ContainsAny(string(w.b[at:]), ".e") {
		w.b = append(w.b, ".0"...)
	}
}

// inner is what the values of a map are inherited from: subnets and networks are
// levels, other maps are not.
func inner(n *node, of *scope, l levels) levels {
	if of != subnet && of != sharedNetwork {
		return l
	}
	return append(levels{n}, l...)
}

// quote writes a string as Kea does, octet by octet: what is read back are the
// same octets, be they UTF-8 or not.
func (w *writer) quote(s string) {
	w.b = append(w.b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			w.b = append(w.b, '\\', c)
		case c < 0x20 || c >= 0x7f:
			w.b = fmt.Appendf(w.b, `\u%04x`, c)
		default:
			w.b = append(w.b, c)
		}
	}
	w.b = append(w.b, '"')
}
