package config

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// JSON returns the configuration as Kea's config-get does: one map with the
// member Dhcp4 or Dhcp6, members in alphabetical order, what was included in its
// place, comments gone, and the values in force where the file was silent. What
// Load makes of it is the same configuration. The caller must not change it.
func (c *Config) JSON() json.RawMessage { return c.json }

// Hash is a SHA-256 of JSON in hexadecimal: two files that say the same, in
// whatever order, have the same hash.
func (c *Config) Hash() string { return fmt.Sprintf("%X", sha256.Sum256(c.json)) }

// A writer renders the tree of a configuration that has been compiled.
type writer struct {
	*compiler
	b       []byte
	options map[*node]optdef.Value // elements of option-data
	numbers map[*node]uint32       // ids of subnets that have none of their own
}

// emit renders the whole configuration.
func (c *compiler) emit() []byte {
	w := &writer{compiler: c, options: c.values, numbers: make(map[*node]uint32, len(c.nameless))}
	for id, n := range c.ids {
		w.numbers[n] = id
	}
	w.b = append(w.b, '{')
	w.quote(root(c.cfg.Family))
	w.b = append(w.b, ':')
	w.mapOf(c.root, global, levels{c.root})
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
		e := entry{key: m.key, n: m}
		if s != nil {
			if r := s.find(w.cfg.Family, m.key); r != nil && r.typ != tContext {
				e.of = r.of
			}
		}
		entries = append(entries, e)
	}
	if s != nil {
		entries = w.complete(entries, n, s, l)
	}
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
