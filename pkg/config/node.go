package config

import (
	"strconv"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// A kind is what a JSON value is.
type kind uint8

const (
	kBad kind = iota // an error has been reported for it; nothing more is said
	kNull
	kBool
	kInt
	kFloat
	kString
	kMap
	kList
)

// String is how the kind is called in messages.
func (k kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "an integer", "a number", "a string", "a map", "a list"}[k]
}

// A node is one value of the file with its place.
type node struct {
	kind    kind
	from    kind // what it was before the check took it to be absent
	at      place
	key     string // of the member it is the value of
	keyAt   place
	parent  *node
	index   int // in the parent's list
	str     string
	num     int64
	float   float64 // of kInt as well
	bool    bool
	members []*node // of a map, in order
	items   []*node // of a list

	meant []string // what keys of a map that are not known were probably meant to be

	// set by the compiler
	number uint32        // the id that a subnet goes by
	value  *optdef.Value // of an element of option-data
}

// get returns the member of a map by name; nil when it is not there or has been
// found to be wrong.
func (n *node) get(key string) *node {
	if n == nil || n.kind != kMap {
		return nil
	}
	for _, m := range n.members {
		if m.key == key {
			if m.kind == kBad {
				return nil
			}
			return m
		}
	}
	return nil
}

// list returns the items of the member of a map, none when it is not a list.
func (n *node) list(key string) []*node {
	m := n.get(key)
	if m == nil || m.kind != kList {
		return nil
	}
	return m.items
}

// text returns the string member of a map, "" when there is none.
func (n *node) text(key string) string {
	if m := n.get(key); m != nil && m.kind == kString {
		return m.str
	}
	return ""
}

// path says where in the tree n stands: "subnet4[2].pools[0].pool". The map of
// the daemon itself is not written, unless it is n.
func (n *node) path() string {
	var parts []string
	for n != nil && n.parent != nil {
		switch {
		case n.parent.kind == kList:
			parts = append(parts, "["+strconv.Itoa(n.index)+"]")
		case n.parent.parent == nil: // Dhcp4, Dhcp6
			if len(parts) == 0 {
				parts = append(parts, name(n.key))
			}
		default:
			parts = append(parts, name(n.key))
		}
		n = n.parent
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		if b.Len() > 0 && parts[i][0] != '[' {
			b.WriteByte('.')
		}
		b.WriteString(parts[i])
	}
	return b.String()
}

// name is a key as a path shows it: in quotes where it is no plain word.
func name(key string) string {
	for i := range len(key) {
		if c := key[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '.' || c == '[' {
			return strconv.Quote(key)
		}
	}
	if key == "" {
		return `""`
	}
	return key
}
