package config

import (
	"encoding/json"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// ClassNames returns the names of the client classes in their order.
func (c *Config) ClassNames() (names []string) {
	for _, n := range c.doc.root.list("client-classes") {
		names = append(names, n.text("name"))
	}
	return names
}

// class returns the text of a client class, nil for none.
func (d *document) class(name string) *node {
	for _, n := range d.root.list("client-classes") {
		if n.text("name") == name {
			return n
		}
	}
	return nil
}

// ClassJSON returns a client class as JSON shows it; nil when there is no such class.
func (c *Config) ClassJSON(name string) json.RawMessage {
	n := c.doc.class(name)
	if n == nil {
		return nil
	}
	w := &writer{family: c.Family}
	w.mapOf(n, clientClass, levels{n, c.doc.root})
	return w.b
}

// ClassOnKnown reports whether the test of a class depends on KNOWN or UNKNOWN.
func (c *Config) ClassOnKnown(name string) bool {
	id, ok := c.Topology.Classes.Names().Find([]byte(name))
	if !ok {
		return false
	}
	class, ok := c.Topology.Classes.Class(id)
	return ok && class.OnKnown
}

// ClassUser returns the name of a class whose test asks for another one, "" when none
// does.
func (c *Config) ClassUser(name string) string {
	for _, n := range c.doc.root.list("client-classes") {
		asks := false
		s := classify.Scope{
			Family: optdef.Family(c.Family), Options: c.doc.defs, Names: classify.NewNames(),
			Defined: func(other string) bool { asks = asks || other == name; return true },
		}
		if m := n.get("test"); m != nil {
			_, _ = s.Compile(m.str) // it has been compiled before
		}
		if m := n.get("template-test"); m != nil {
			_, _ = s.CompileValue(m.str)
		}
		if asks && n.text("name") != name {
			return n.text("name")
		}
	}
	return ""
}
