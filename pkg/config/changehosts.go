package config

import (
	"encoding/json"
	"io/fs"
	"maps"
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// wire is what the text of a command is called where a file has its name, as in Kea.
const wire = "<wire>"

// fragment reads a part of a configuration that came by command into n, which knows
// where it will stand; nil when it could not be read.
func (r *report) fragment(text json.RawMessage, n *node) *node {
	s := newScanner(r, func(string) ([]byte, error) { return nil, fs.ErrPermission }, wire, text)
	if len(text) > maxText {
		s.fail(place{s.stack[0].src, 0}, "is longer than %d octets", maxText)
		return nil
	}
	n.at = place{s.stack[0].src, 0}
	p := &parser{scanner: s}
	p.advance()
	p.value(n, 1)
	if p.dead || p.tok.kind == 'w' {
		return nil
	}
	if p.tok.kind != 0 {
		p.fail(p.tok.at, "%s stands after the end", p.tok.name())
		return nil
	}
	return n
}

// ChangeHosts returns the configuration that c is without the reservations gone and with the
// one of text, if there is one; all are those of one subnet, or global ones (0). The
// reservation is checked and compiled as Load does it, and everything else stays what it
// was and is shared with c: this costs little, however large the configuration is,
// unless the reservation names a class that nobody has named before. The Config is nil when
// one of the problems is an Error.
func (c *Config) ChangeHosts(subnet uint32, gone []*Host, text json.RawMessage) (*Config, []Problem) {
	way := []*node{c.doc.root}
	if subnet != 0 {
		way = c.doc.subnet(subnet)
	}
	if way == nil {
		return nil, []Problem{{File: wire, Severity: Error, Text: "no such subnet"}}
	}
	r := &report{}
	next := *c
	next.Unserved, next.Refuse = slices.Clip(c.Unserved), slices.Clip(c.Refuse)
	e := hostEdit{compiler: &compiler{report: r, cfg: &next, root: c.doc.root, defs: c.doc.defs}, subnet: subnet, scope: way[len(way)-1]}
	e.list(gone)
	var fresh *Host
	if text != nil {
		n := e.read(text)
		if n != nil && e.newClass(n) {
			d := c.Draft()
			d.changeHosts(way, gone, text)
			return d.Compile()
		}
		if fresh = e.compile(n, c, gone); fresh == nil || r.errs > 0 {
			return nil, r.problems()
		}
	}
	next.doc = c.doc.with(way, e.items, gone, fresh)
	next.Topology = e.topology(c.Topology, gone, fresh)
	return &next, r.problems()
}

// A hostEdit is one change of the reservations of a scope.
type hostEdit struct {
	*compiler
	subnet uint32
	scope  *node // subnet or root, as it was
	items  *node // its new list
}

// list makes the list of the scope without what goes.
func (e *hostEdit) list(gone []*Host) {
	e.items = &node{kind: kList, key: "reservations", parent: e.scope}
	if old := e.scope.get("reservations"); old != nil {
		*e.items = *old
		e.items.items = slices.DeleteFunc(slices.Clone(old.items), func(n *node) bool {
			return slices.ContainsFunc(gone, func(h *Host) bool { return h.n == n })
		})
	}
	e.items.items = slices.Clip(e.items.items)
}

// read reads and checks the text of a reservation.
func (e *hostEdit) read(text json.RawMessage) *node {
	n := e.fragment(text, &node{parent: e.items, index: len(e.items.items)})
	if n == nil {
		return nil
	}
	e.items.at = n.at
	if n.kind != kMap {
		e.errorf(n, "has to be a map, not %s", n.kind)
		return nil
	}
	e.check(n, reservation)
	return n
}

// newClass reports whether a reservation names a class without a number: those that
// there are are being read by packets.
func (e *hostEdit) newClass(n *node) bool {
	for _, m := range n.list("client-classes") {
		if _, ok := e.cfg.Topology.Classes.Names().Find([]byte(m.str)); m.kind == kString && !ok {
			return true
		}
	}
	return slices.ContainsFunc(n.list("option-data"), e.newClass)
}

// changeHosts is ChangeHosts in a draft.
func (d *Draft) changeHosts(way []*node, gone []*Host, text json.RawMessage) {
	scope := d.root
	if len(way) > 1 {
		scope = d.subnet(way[len(way)-1].number)
	}
	list := listIn(scope, "reservations")
	if old := way[len(way)-1].get("reservations"); old != nil {
		for i, n := range slices.Backward(old.items) {
			if slices.ContainsFunc(gone, func(h *Host) bool { return h.n == n }) {
				list.items[i].cut()
			}
		}
	}
	if n := d.read(text, list, len(list.items)); n != nil {
		list.add(n)
	}
}

// compile makes a host of what was read and compares it with those that stay.
func (e *hostEdit) compile(n *node, c *Config, gone []*Host) *Host {
	if n == nil {
		return nil
	}
	h := hosts{c: e.compiler, keys: map[topology.Key]*node{}, addrs: map[netip.Addr]*node{}, prefixes: map[netip.Prefix]*node{}}
	h.unique = levels{e.root}.bool("ip-reservations-unique", true)
	if e.scope != e.root {
		h.prefix, _ = netip.ParsePrefix(e.scope.text("subnet"))
		h.prefix = h.prefix.Masked()
	}
	res := h.host(n)
	if res == nil {
		return nil
	}
	for o := range c.Hosts() {
		if o.Subnet == e.subnet && !slices.ContainsFunc(gone, func(g *Host) bool { return g.n == o.n }) {
			e.beside(o, n, res, h.unique)
		}
	}
	e.items.items = append(e.items.items, n)
	return &Host{Reservation: res, Subnet: e.subnet, Number: c.doc.last + 1, n: n}
}

// beside complains of a reservation that cannot be where another one is.
func (e *hostEdit) beside(o *Host, n *node, r *topology.Reservation, unique bool) {
	if o.Key == r.Key {
		e.errorf(n, "this host has a reservation here already")
	}
	if !unique {
		return
	}
	for _, a := range append(slices.Clip(r.Addrs), r.Addr) {
		if a.IsValid() && (a == o.Addr || slices.Contains(o.Addrs, a)) {
			e.errorf(n, "%s is kept for another host already", a)
		}
	}
	for _, p := range r.Prefixes {
		if slices.Contains(o.Prefixes, p) {
			e.errorf(n, "%s is kept for another host already", p)
		}
	}
}

// topology is t with the change in it.
func (e *hostEdit) topology(t *topology.Topology, gone []*Host, fresh *Host) *topology.Topology {
	old := t.Reservations
	if e.subnet != 0 {
		i := slices.IndexFunc(t.Subnets, func(s *topology.Subnet) bool { return s.ID == e.subnet })
		old = t.Subnets[i].Reservations
	}
	m := maps.Clone(old)
	if m == nil {
		m = map[topology.Key]*topology.Reservation{}
	}
	var less, more []*topology.Reservation
	for _, h := range gone {
		delete(m, h.Key)
		less = append(less, h.Reservation)
	}
	if fresh != nil {
		m[fresh.Key] = fresh.Reservation
		more = append(more, fresh.Reservation)
	}
	return t.WithReservations(e.subnet, m, less, more)
}

// with returns the document with another list of reservations at the end of a way.
func (d *document) with(way []*node, list *node, gone []*Host, fresh *Host) *document {
	next := &document{family: d.family, defs: d.defs, last: d.last}
	next.hosts = slices.DeleteFunc(slices.Clone(d.hosts), func(h Host) bool {
		return slices.ContainsFunc(gone, func(g *Host) bool { return g.n == h.n })
	})
	if fresh != nil {
		next.hosts = append(next.hosts, *fresh)
		next.last = fresh.Number
	}
	scope := way[len(way)-1]
	n := scope.with(scope.member("reservations"), list)
	for i := len(way) - 2; i >= 0; i-- {
		n = way[i].with(way[i+1], n)
	}
	next.root = n
	return next
}

// member returns the member of this name, right or wrong.
func (n *node) member(key string) *node {
	for _, m := range n.members {
		if m.key == key {
			return m
		}
	}
	return nil
}

// with returns a copy of a map or a list in which another node stands in the place of
// one; nil: a member more.
func (n *node) with(old, fresh *node) *node {
	c := *n
	swap := func(list []*node) []*node {
		list = slices.Clone(list)
		if i := slices.Index(list, old); i >= 0 {
			list[i] = fresh
			return list
		}
		return append(list, fresh)
	}
	if n.kind == kMap {
		c.members = swap(n.members)
	} else {
		c.items = swap(n.items)
	}
	return &c
}

// HostKey reads by what the host of a reservation's text is known.
func (c *Config) HostKey(text json.RawMessage) (topology.Key, []Problem) {
	r := &report{}
	e := &compiler{report: r, cfg: &Config{Family: c.Family}, root: c.doc.root, defs: c.doc.defs}
	n := r.fragment(text, &node{parent: &node{kind: kList, key: "reservations"}})
	if n == nil {
		return topology.Key{}, r.problems()
	}
	if n.kind != kMap {
		e.errorf(n, "has to be a map, not %s", n.kind)
		return topology.Key{}, r.problems()
	}
	e.check(n, reservation)
	h := hosts{c: e, keys: map[topology.Key]*node{}}
	k, ok := h.key(n)
	if ok {
		return k, nil
	}
	return k, r.problems()
}
