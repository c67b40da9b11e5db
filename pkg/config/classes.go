package config

import (
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// classes compiles the definitions of "client-classes", in their order: a test
// may ask only for classes above it.
func (c *compiler) classes() {
	t := c.cfg.Topology
	t.Classes = classify.NewDictionary(optdef.Family(c.cfg.Family), c.defs)
	c.named, c.assigned = map[classify.ID]*node{}, map[classify.ID]bool{}
	for _, n := range c.root.list("client-classes") {
		if n.kind == kMap {
			c.class(n)
		}
	}
}

// class compiles one definition and what goes with the class.
func (c *compiler) class(n *node) {
	name := n.get("name")
	if name == nil {
		return
	}
	l := levels{n}
	x := classify.Definition{Name: name.str, Additional: l.bool("only-in-additional-list", l.bool("only-if-required", false))}
	if m := n.get("test"); m != nil {
		x.Test = &m.str
	}
	if m := n.get("template-test"); m != nil {
		x.Template = &m.str
	}
	if wrong := (n.has("test") && x.Test == nil) || (n.has("template-test") && x.Template == nil); wrong {
		x.Test, x.Template = nil, nil // has been reported; the name at least is defined
	}
	def, err := c.cfg.Topology.Classes.Define(x)
	body := c.body(n)
	if err != nil {
		c.badClass(n, err)
		return
	}
	if x.Additional && (body.Valid != nil || body.Preferred != nil || body.OfferLifetime != nil) {
		c.warnf(n, "has lifetimes, which have been chosen when it is evaluated: they have no effect")
	}
	c.cfg.Topology.Put(def.ID, body)
}

// badClass reports a definition that cannot be, at the word that is wrong.
func (c *compiler) badClass(n *node, err error) {
	at := n.get("name")
	var x *classify.Error
	switch test := n.get("test"); {
	case errors.As(err, &x):
		if test == nil {
			test = n.get("template-test")
		}
		c.badExpression(test, err)
		return
	case errors.Is(err, classify.ErrTwoTests):
		at = n.get("template-test")
	case errors.Is(err, classify.ErrDuplicate):
		c.errorf(at, "class %q is defined twice", at.str)
		return
	}
	c.errorf(at, "%v", err)
}

// body compiles what goes with a class. Its option definitions hold for its own
// options alone.
func (c *compiler) body(n *node) *topology.Class {
	l := levels{n}
	b := &topology.Class{
		NextServer:     l.nextServer(),
		ServerHostname: n.text("server-hostname"),
		BootFileName:   n.text("boot-file-name"),
		Valid:          c.triplet(n, "valid-lifetime"),
		Preferred:      c.triplet(n, "preferred-lifetime"),
	}
	if m := n.get("offer-lifetime"); m != nil {
		v := uint32(m.num)
		b.OfferLifetime = &v
	}
	outer := c.defs
	if list := n.list("option-def"); len(list) > 0 {
		c.defs = outer.Layer()
		for _, e := range list {
			if e.kind == kMap && c.deferred(e) {
				c.definition(e)
			}
		}
	}
	b.Options = c.options(n)
	c.defs = outer
	return b
}

// deferred reports whether a class may define an option, which it may only where
// it takes the class to know what the option holds, as in Kea: 43 and the codes
// that sites use for themselves.
func (c *compiler) deferred(n *node) bool {
	m := n.get("code")
	if m == nil {
		return false
	}
	if s := space(n); (s == "" || s == c.ownSpace()) && (m.num == 43 || m.num >= 224 && m.num <= 254) {
		return true
	}
	c.errorf(m, "a class may define options 43 and 224 to 254 of space dhcp4 only")
	return false
}

// triplet reads a lifetime with its bounds where a class states one; those that
// it leaves out are not inherited.
func (c *compiler) triplet(n *node, key string) *topology.Lifetime {
	def, low, high := n.get(key), n.get("min-"+key), n.get("max-"+key)
	if def == nil && low == nil && high == nil {
		return nil
	}
	if def == nil {
		if low != nil && high != nil {
			c.errorf(low, "min-%s and max-%s want a %s between them", key, key, key)
			return nil
		}
		if def = low; def == nil {
			def = high
		}
	}
	or := func(m *node) uint32 {
		if m == nil {
			m = def
		}
		return uint32(min(m.num, math.MaxUint32))
	}
	v := &topology.Lifetime{Min: or(low), Default: or(def), Max: or(high)}
	switch {
	case v.Min > v.Default:
		c.errorf(low, "min-%s %d is more than %s %d", key, v.Min, key, v.Default)
	case v.Max < v.Default:
		c.errorf(high, "max-%s %d is less than %s %d", key, v.Max, key, v.Default)
	}
	return v
}

// guard reads which clients a scope or an option is for; nil: for everybody.
func (c *compiler) guard(n *node) (g topology.Guard) {
	if m := n.get("client-class"); m != nil && m.kind == kString && m.str != "" {
		g = append(g, c.classNamed(m))
	}
	g = append(g, c.classList(n, "client-classes")...)
	if slices.Contains(g, classify.All) {
		return nil
	}
	return g
}

// additional reads the classes that a scope has evaluated.
func (c *compiler) additional(n *node) []classify.ID {
	if n.has("require-client-classes") {
		return c.classList(n, "require-client-classes")
	}
	return c.classList(n, "evaluate-additional-classes")
}

func (c *compiler) classList(n *node, key string) (ids []classify.ID) {
	for _, e := range n.list(key) {
		if e.kind == kString && e.str != "" {
			ids = append(ids, c.classNamed(e))
		}
	}
	return ids
}

// classNamed numbers a class that stands in a guard or a list, and remembers where.
func (c *compiler) classNamed(m *node) classify.ID {
	id := c.cfg.Topology.Classes.Names().Intern(m.str)
	if c.named != nil && c.named[id] == nil {
		c.named[id] = m
	}
	return id
}

// reservedClass numbers a class that a reservation puts its client into.
func (c *compiler) reservedClass(m *node) classify.ID {
	id := c.cfg.Topology.Classes.Names().Intern(m.str)
	if c.assigned != nil {
		c.assigned[id] = true
	}
	return id
}

// strangers warns of classes that nobody can be in: a name misspelt, mostly.
func (c *compiler) strangers() {
	var defined []string
	for _, n := range c.root.list("client-classes") {
		defined = append(defined, n.text("name"))
	}
	for id, m := range c.named {
		name := m.str
		if slices.Contains(defined, name) || c.assigned[id] || classify.BuiltIn(name) || strings.HasPrefix(name, "SPAWN_") {
			continue
		}
		c.add(Warning, m.at, m.path(), nearest(name, defined), "class %q is neither defined nor built in, nor does a reservation name it: nobody is in it", name)
	}
}
