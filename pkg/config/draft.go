package config

import (
	"encoding/json"
	"slices"
)

// A Draft is a configuration in force with changes that are not: a copy of its text.
// Compile checks the whole of it, as Load does, and makes a Config of it. It
// is for changes of subnets, networks and classes, on which other parts depend; for
// reservations there is Config.ChangeHosts.
type Draft struct {
	was    *Config
	root   *node
	report *report
}

// Draft begins a change of the configuration. Subnets that were numbered for want of
// an id keep their number.
func (c *Config) Draft() *Draft {
	d := &Draft{was: c, report: &report{}}
	d.root = c.doc.root.copy(c.doc.root.parent, c.doc.root.index)
	return d
}

// copy returns a copy of a node and all in it, as it was before the check.
func (n *node) copy(parent *node, index int) *node {
	c := *n
	c.parent, c.index, c.meant, c.value = parent, index, nil, nil
	if c.kind == kNull && c.from != kBad { // an empty address
		c.kind, c.from = c.from, kBad
	}
	c.members, c.items = nil, nil
	for _, m := range n.members {
		c.members = append(c.members, m.copy(&c, 0))
	}
	for i, e := range n.items {
		c.items = append(c.items, e.copy(&c, i))
	}
	if n.number != 0 {
		c.setID(n.number)
	}
	return &c
}

// setID writes the id of a subnet into it.
func (n *node) setID(id uint32) {
	m := n.member("id")
	if m == nil {
		m = &node{key: "id", parent: n, at: n.at}
		n.members = append(n.members, m)
	}
	m.kind, m.num, m.float = kInt, int64(id), float64(id)
	n.number = id
}

// Compile checks the draft and makes the configuration of it. Of what is worth a warning
// only what the changes have brought is told. The Config is nil when one of the
// problems is an Error; they have a path, and places in the text of the change.
func (d *Draft) Compile() (*Config, []Problem) {
	if d.report.errs > 0 {
		return nil, d.report.problems()
	}
	cfg := &Config{Family: d.was.Family, File: d.was.File, Includes: d.was.Includes}
	c := &compiler{report: d.report, cfg: cfg, root: d.root}
	c.check(c.root, global)
	c.compile()
	problems := slices.DeleteFunc(c.problems(), func(p Problem) bool { return p.Severity == Warning && p.File != wire })
	if c.errs > 0 {
		return nil, problems
	}
	return cfg, problems
}

// listIn returns the list of a name in a map, made where there is none.
func listIn(n *node, key string) *node {
	if m := n.member(key); m != nil && m.kind == kList {
		return m
	}
	m := &node{kind: kList, key: key, parent: n, at: n.at, keyAt: n.at}
	n.members = append(slices.DeleteFunc(n.members, func(m *node) bool { return m.key == key }), m)
	return m
}

// add puts a node at the end of a list.
func (n *node) add(e *node) {
	e.parent, e.index, e.key = n, len(n.items), ""
	n.items = append(n.items, e)
}

// cut takes an item out of its list.
func (e *node) cut() {
	l := e.parent
	l.items = slices.Delete(l.items, e.index, e.index+1)
	for i, o := range l.items {
		o.index = i
	}
}

// read reads the text of an item that comes into a list.
func (d *Draft) read(text json.RawMessage, list *node, index int) *node {
	return d.report.fragment(text, &node{parent: list, index: index})
}

func (d *Draft) doc() *document { return &document{family: d.was.Family, root: d.root} }

// subnet returns a subnet, nil for none.
func (d *Draft) subnet(id uint32) *node {
	if way := d.doc().subnet(id); way != nil {
		return way[len(way)-1]
	}
	return nil
}

// named returns the item of a list at top level that has this name.
func (d *Draft) named(list, name string) *node {
	for _, n := range d.root.list(list) {
		if n.kind == kMap && n.text("name") == name {
			return n
		}
	}
	return nil
}

// AddSubnet adds a subnet at top level. Without an id it gets one above all others.
func (d *Draft) AddSubnet(text json.RawMessage) {
	list := listIn(d.root, subnetsKey(d.was.Family))
	n := d.read(text, list, len(list.items))
	if n == nil {
		return
	}
	list.add(n)
	d.numbered(n)
}

// numbered gives a fresh subnet an id where it has none.
func (d *Draft) numbered(n *node) {
	if n.kind != kMap {
		return
	}
	if m := n.member("id"); m != nil && (m.kind != kInt || m.num != 0) {
		return
	}
	n.setID(d.highest() + 1)
}

// highest is the highest id of a subnet.
func (d *Draft) highest() (id uint32) {
	for _, s := range d.was.Topology.Subnets {
		id = max(id, s.ID)
	}
	return id
}

// ReplaceSubnet puts another text in the place of a subnet, which keeps its reservations.
func (d *Draft) ReplaceSubnet(id uint32, text json.RawMessage) {
	old := d.subnet(id)
	n := d.read(text, old.parent, old.index)
	if n == nil || n.kind != kMap {
		return
	}
	old.parent.items[old.index] = n
	if m := old.member("reservations"); m != nil {
		m.parent = n
		n.members = append(n.members, m)
	}
}

// RemoveSubnet takes a subnet out, with its reservations.
func (d *Draft) RemoveSubnet(id uint32) { d.subnet(id).cut() }

// MoveSubnet has a subnet belong to a shared network; "": to none.
func (d *Draft) MoveSubnet(id uint32, network string) {
	n := d.subnet(id)
	n.cut()
	to := d.root
	if network != "" {
		to = d.named("shared-networks", network)
	}
	listIn(to, subnetsKey(d.was.Family)).add(n)
}

// AddNetwork adds a shared network with its subnets. Those without an id get ids above
// all others, those of the network among them.
func (d *Draft) AddNetwork(text json.RawMessage) {
	list := listIn(d.root, "shared-networks")
	n := d.read(text, list, len(list.items))
	if n == nil {
		return
	}
	list.add(n)
	highest := d.highest()
	for _, s := range n.list(subnetsKey(d.was.Family)) {
		if m := s.get("id"); m != nil && m.kind == kInt && m.num > 0 && m.num < maxU32 {
			highest = max(highest, uint32(m.num))
		}
	}
	for _, s := range n.list(subnetsKey(d.was.Family)) {
		if m := s.member("id"); s.kind == kMap && (m == nil || m.kind == kInt && m.num == 0) {
			highest++
			s.setID(highest)
		}
	}
}

// RemoveNetwork takes a shared network out, with its subnets, or leaves them each for
// itself.
func (d *Draft) RemoveNetwork(name string, subnets bool) {
	n := d.named("shared-networks", name)
	n.cut()
	if subnets {
		return
	}
	list := listIn(d.root, subnetsKey(d.was.Family))
	for _, s := range n.list(subnetsKey(d.was.Family)) {
		list.add(s)
	}
}

// AddClass adds a client class behind all others.
func (d *Draft) AddClass(text json.RawMessage) {
	list := listIn(d.root, "client-classes")
	if n := d.read(text, list, len(list.items)); n != nil {
		list.add(n)
	}
}

// ReplaceClass puts another text in the place of a class.
func (d *Draft) ReplaceClass(name string, text json.RawMessage) {
	old := d.named("client-classes", name)
	if n := d.read(text, old.parent, old.index); n != nil {
		old.parent.items[old.index] = n
	}
}

// RemoveClass takes a class out.
func (d *Draft) RemoveClass(name string) { d.named("client-classes", name).cut() }
