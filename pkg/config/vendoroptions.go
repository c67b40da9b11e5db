package config

import (
	"encoding/binary"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// The options of DHCPv4 that hold what is of several enterprises (RFC 3925).
const (
	optVendorClass   = 124
	optVendorOptions = 125
)

// mark takes over always-send and never-send.
func mark(o *topology.Option, n *node) {
	l := levels{n}
	o.Always = o.Always || l.bool("always-send", false)
	o.Never = o.Never || l.bool("never-send", false)
}

// enterprises makes an instance of 124 or 125 for each enterprise that option-data
// names there. Of an enterprise that stands twice in one scope the last counts.
func (c *compiler) enterprises(data []datum) (out topology.Options) {
	for _, d := range data {
		v := d.value
		if v.Space != c.ownSpace() || !c.many(v.Code) {
			continue
		}
		blocks := v.Bytes
		if len(blocks) == 0 { // never-send without a value is meant for all
			o := topology.Option{Code: v.Code}
			mark(&o, d.n)
			out = append(out, o)
		}
		for len(blocks) >= 4 {
			o := topology.Option{Code: v.Code, Vendor: binary.BigEndian.Uint32(blocks)}
			mark(&o, d.n)
			n := 4
			if len(blocks) > n { // an enterprise number alone is one without anything of its own
				n += 1 + int(blocks[4])
				o.Value = blocks[5:n:n]
			}
			blocks = blocks[n:]
			if i := standing(out, &o); i >= 0 {
				c.warnf(d.n, "option %d of enterprise %d stands here a second time; the first is not sent", o.Code, o.Vendor)
				out[i] = o
				continue
			}
			out = append(out, o)
		}
	}
	return out
}

// standing returns the index of the option of the same code and enterprise, -1 if
// there is none.
func standing(all topology.Options, o *topology.Option) int {
	return slices.IndexFunc(all, func(p topology.Option) bool { return p.Code == o.Code && p.Vendor == o.Vendor })
}

// vendorSpaces returns the spaces of enterprises that options stand in, each
// once.
func vendorSpaces(data []datum) (spaces []string) {
	seen := map[string]bool{}
	for _, d := range data {
		space := d.value.Space
		if n, ok := optdef.Vendor(space); ok && n != 0 && !seen[space] {
			seen[space] = true
			spaces = append(spaces, space)
		}
	}
	return spaces
}
