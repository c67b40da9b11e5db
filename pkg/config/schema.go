package config

import (
	"fmt"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// State is what becomes of a key.
type State uint8

// The states of a key.
const (
	Served   State = iota // it does what Kea's documentation says
	Accepted              // it is read and checked; there is nothing here that it could change
	Later                 // it is read and checked, and a warning names it: not done yet
)

// String is the word that documentation uses.
func (s State) String() string {
	return [...]string{"served", "no effect", "not yet"}[s]
}

// A Key is one key of the configuration, for documentation.
type Key struct {
	Path    string // "subnet4[].pools[].pool"
	Type    string // "integer", "list of maps", ...
	Range   string // "0..4294967295", "raw, udp"; "" when the type says it all
	Default string // as it would be written; "" for none
	State   State
	Note    string // what a Later key would change, why an Accepted one does not, what to mind
	NewName string // of an older key: the one that took its place
	Ours    bool   // not a key of Kea's: stands in user-context
}

// A valueType is what the value of a key has to be.
type valueType uint8

const (
	tAny     valueType = iota // anything, kept for somebody else to understand
	tBool                     // boolean
	tInt                      // integer in min..max
	tFloat                    // number in 0..1; integers are taken too
	tShare                    // number between 0 and 1, which it is neither of
	tString                   // string, one of enum if there is one
	tName                     // string that is not empty
	tAddr                     // address of the server's family; "" is as good as absent
	tAddr4                    // IPv4 address; "" is as good as absent
	tAddr6                    // IPv6 address
	tPrefix6                  // IPv6 prefix; "" is as good as absent
	tMap                      // map with the keys of "of"
	tMaps                     // list of such maps
	tStrings                  // list of strings, each one of enum if there is one
	tContext                  // user-context: anything, but ours has to be as "of" says
)

// String is how the type is called in messages and documentation.
func (t valueType) String() string {
	return [...]string{"any value", "boolean", "integer", "number", "number", "string", "string", "address", "IPv4 address", "IPv6 address",
		"IPv6 prefix", "map", "list of maps", "list of strings", "map"}[t]
}

// toldElsewhere is the "quiet" of a key about whose elements the compiler says
// more than that they are not served.
const toldElsewhere = "*"

// A rule is one row of the schema: what may stand at a key and what it does.
type rule struct {
	name  string
	typ   valueType
	in    topology.Family // the only family that has the key; 0: both
	max   int64           // of an integer, which begins at min
	min   int64
	enum  []string
	def   string // default, as it would be written; "" for none
	quiet string // a Later key with this value, or its default, changes nothing: no warning
	state State
	note  string
	of    *scope
	need  bool   // has to be there
	newer string // name of the key that took the place of this one
}

// A scope is a kind of map and the keys that it may hold.
type scope struct {
	name string // how messages call it: "subnet", "pool"
	keys []rule
}

// find returns the rule of a key in a family, nil when the scope has no such key.
func (s *scope) find(f Family, key string) *rule {
	for i := range s.keys {
		if r := &s.keys[i]; r.name == key && (r.in == 0 || r.in == f) {
			return r
		}
	}
	return nil
}

// names returns all keys of the scope in a family.
func (s *scope) names(f Family) []string {
	var out []string
	for i := range s.keys {
		if r := &s.keys[i]; r.in == 0 || r.in == f {
			out = append(out, r.name)
		}
	}
	return out
}

// with returns a scope of several groups of rules. user-context and comment may
// stand in every map; what of ours may stand in the former is "ours", nil when
// nothing may.
func with(name string, ours *scope, groups ...[]rule) *scope {
	s := &scope{name: name}
	for _, g := range groups {
		s.keys = append(s.keys, g...)
	}
	s.keys = append(s.keys,
		rule{name: "user-context", typ: tContext, state: Accepted, of: ours, note: "anything; what stands in its member dhcp4o6 is ours and checked"},
		rule{name: "comment", typ: tString, state: Accepted},
	)
	return s
}

// whole says the range of a rule, "" when its type says it all.
func (r *rule) whole() string {
	switch {
	case len(r.enum) > 0:
		return strings.Join(r.enum, ", ")
	case r.typ == tInt:
		return fmt.Sprintf("%d..%d", r.min, r.max)
	case r.typ == tFloat:
		return "0..1"
	case r.typ == tShare:
		return "between 0 and 1"
	}
	return ""
}

// Keys returns every key that the daemon of a family knows, in the order of the
// schema, each map before what may stand in it.
func Keys(f Family) []Key {
	return appendKeys(nil, f, "", global, Served, false)
}

// appendKeys appends the keys of a scope. In a map that is not served nothing is.
func appendKeys(out []Key, f Family, prefix string, s *scope, outer State, ours bool) []Key {
	for i := range s.keys {
		r := &s.keys[i]
		if r.in != 0 && r.in != f || prefix != "" && r.name == "comment" || r.typ == tContext && r.of == nil {
			continue
		}
		path, state := prefix+r.name, r.state
		if state == Served || outer == Later {
			state = outer
		}
		out = append(out, Key{Path: path, Type: r.typ.String(), Range: r.whole(), Default: r.def, State: state,
			Note: r.note, NewName: r.newer, Ours: ours})
		switch r.typ {
		case tMap:
			out = appendKeys(out, f, path+".", r.of, state, ours)
		case tMaps:
			out = appendKeys(out, f, path+"[].", r.of, state, ours)
		case tContext:
			out = appendKeys(out, f, path+".dhcp4o6.", r.of, outer, true)
		}
	}
	return out
}

// root returns the key of the map that is the family's.
func root(f Family) string {
	if f == topology.V6 {
		return "Dhcp6"
	}
	return "Dhcp4"
}
