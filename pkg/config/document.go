package config

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"sync"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A document is the text of a configuration in force, as nodes: config-get shows the
// whole of it, subnet4-get a part, and commands change it. Nothing in it changes
// once it is made, so that configurations share what they have in common.
type document struct {
	family Family
	root   *node
	defs   *optdef.Set // with the operator's definitions
	hosts  []Host      // ascending by Number
	last   uint64      // the highest Number there ever was

	render sync.Once
	text   []byte
}

// document keeps what the compiler has worked on.
func (c *compiler) document() *document {
	return &document{family: c.cfg.Family, root: c.root, defs: c.defs, hosts: c.hosts, last: uint64(len(c.hosts))}
}

// JSON returns the configuration as Kea's config-get does: one map with the
// member Dhcp4 or Dhcp6, members in alphabetical order, what was included in its
// place, comments gone, and the values in force where the file was silent. What
// Load makes of it is the same configuration. It is rendered when it is first asked
// for; the caller must not change it.
func (c *Config) JSON() json.RawMessage {
	d := c.doc
	d.render.Do(func() { d.text = d.emit() })
	return d.text
}

// Hash is a SHA-256 of JSON in hexadecimal: two files that say the same, in
// whatever order, have the same hash.
func (c *Config) Hash() string { return fmt.Sprintf("%X", sha256.Sum256(c.JSON())) }

// A Host is a reservation with its place in the configuration.
type Host struct {
	*topology.Reservation
	Subnet uint32 // its id; 0: the reservation is a global one
	Number uint64 // ascending, and the host's own until the whole is compiled anew

	n *node
}

// Hosts yields all reservations, ascending by Number.
func (c *Config) Hosts() iter.Seq[*Host] {
	return func(yield func(*Host) bool) {
		for i := range c.doc.hosts {
			if !yield(&c.doc.hosts[i]) {
				return
			}
		}
	}
}

// UniqueReservations reports whether an address may be reserved for one host only
// (ip-reservations-unique).
func (c *Config) UniqueReservations() bool {
	return levels{c.doc.root}.bool("ip-reservations-unique", true)
}

// subnetsKey is the key that lists subnets.
func subnetsKey(f Family) string {
	if f == v6 {
		return "subnet6"
	}
	return "subnet4"
}

// subnet returns the way from the root to a subnet, both included: the last two nodes are
// its list and itself. nil: there is no such subnet.
func (d *document) subnet(id uint32) []*node {
	key := subnetsKey(d.family)
	if way := find(d.root, key, id); way != nil {
		return append([]*node{d.root}, way...)
	}
	for _, n := range d.root.list("shared-networks") {
		if way := find(n, key, id); way != nil {
			return append([]*node{d.root, d.root.get("shared-networks"), n}, way...)
		}
	}
	return nil
}

// find looks in one list of subnets.
func find(in *node, key string, id uint32) []*node {
	for _, n := range in.list(key) {
		if n.number == id && n.kind == kMap {
			return []*node{in.get(key), n}
		}
	}
	return nil
}

// around is what the values of the last node of a way are inherited from, itself first.
func around(way []*node) levels {
	l := levels{}
	for _, n := range way {
		if n.kind == kMap {
			l = append(levels{n}, l...)
		}
	}
	return l
}

// SubnetJSON returns a subnet as JSON shows it, but for its reservations, which
// are left out as in Kea; nil when there is no such subnet.
func (c *Config) SubnetJSON(id uint32) json.RawMessage {
	way := c.doc.subnet(id)
	if way == nil {
		return nil
	}
	w := &writer{family: c.Family, hostless: true}
	w.mapOf(way[len(way)-1], subnet, around(way))
	return w.b
}

// Networks returns the names of the shared networks.
func (c *Config) Networks() (names []string) {
	for _, n := range c.doc.root.list("shared-networks") {
		names = append(names, n.text("name"))
	}
	return names
}

// NetworkJSON is SubnetJSON for a shared network with its subnets.
func (c *Config) NetworkJSON(name string) json.RawMessage {
	for _, n := range c.doc.root.list("shared-networks") {
		if n.text("name") == name {
			w := &writer{family: c.Family, hostless: true}
			w.mapOf(n, sharedNetwork, levels{n, c.doc.root})
			return w.b
		}
	}
	return nil
}
