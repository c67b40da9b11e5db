package config

import (
	"cmp"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// mayGuard reports whether an option can be for some clients only. One within
// another option cannot: what encapsulates it is put together here, once.
func (c *compiler) mayGuard(d *datum) bool {
	if len(d.guard) == 0 || c.top(d.value.Space) {
		return true
	}
	c.unserved(d.n.get("client-classes"), "is not served for an option of space "+d.value.Space+": it is not sent to anybody")
	return false
}

// guarded puts together the options of one scope: those for everybody, and each
// one that is for some clients by itself, since it may stand beside others of its
// code. Options of one code keep the order of the file, in which the first that
// admits a client is the client's.
func (c *compiler) guarded(n *node, data []datum) topology.Options {
	open, inner := data[:0:0], data[:0:0]
	for _, d := range data {
		if len(d.guard) == 0 {
			open = append(open, d)
		}
		if !c.top(d.value.Space) {
			inner = append(inner, d)
		}
	}
	out := c.assembled(n, open)
	if len(open) == len(data) {
		return out
	}
	all := make([]placed, 0, len(data))
	for _, o := range out {
		all = append(all, placed{o, slices.IndexFunc(data, func(d datum) bool { return len(d.guard) == 0 && c.makes(&d, &o) })})
	}
	for i, d := range data {
		if len(d.guard) > 0 {
			for _, o := range c.alone(n, d, inner) {
				o.Guard = d.guard
				all = append(all, placed{o, i})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	out = make(topology.Options, len(all))
	for i := range all {
		out[i] = all[i].Option
	}
	out.Sort()
	return out
}

// A placed option has its place in the file.
type placed struct {
	topology.Option
	at int
}

// makes reports whether an option comes of an element of option-data.
func (c *compiler) makes(d *datum, o *topology.Option) bool {
	enterprise, vendor := optdef.Vendor(d.value.Space)
	return d.value.Code == o.Code && vendor == o.Sub && (!vendor || enterprise == o.Vendor)
}

// alone compiles one option with those that it encapsulates.
func (c *compiler) alone(n *node, d datum, inner []datum) topology.Options {
	one := []datum{d}
	if c.cfg.Family == v4 && d.value.Space == c.ownSpace() && c.many(d.value.Code) {
		return c.enterprises(one)
	}
	return c.assemble(n, append(one, inner...), d.value.Space)
}
