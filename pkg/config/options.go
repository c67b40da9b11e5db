package config

import (
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// definitions adds the option-def of the operator to the standard ones.
func (c *compiler) definitions(n *node) {
	c.defs = optdef.New(optdef.Family(c.cfg.Family))
	for _, e := range n.list("option-def") {
		if e.kind == kMap {
			c.definition(e)
		}
	}
}

func (c *compiler) definition(n *node) {
	name, code, typ := n.get("name"), n.get("code"), n.get("type")
	if name == nil || code == nil || typ == nil {
		return
	}
	d := optdef.Definition{
		Space:        space(n),
		Name:         name.str,
		Code:         uint16(code.num),
		Array:        levels{n}.bool("array", false),
		Encapsulates: n.text("encapsulate"),
	}
	var ok bool
	if d.Type, ok = optdef.ParseType(typ.str); !ok {
		var all []string
		for t := optdef.Empty; t <= optdef.Record; t++ {
			all = append(all, t.String())
		}
		c.notOneOf(typ, all)
		return
	}
	if m := n.get("record-types"); m != nil && m.str != "" {
		types, err := optdef.ParseTypes(m.str)
		if err != nil {
			c.errorf(m, "%v", err)
			return
		}
		d.Record = types
	}
	if err := c.defs.Define(d); err != nil {
		c.errorf(n, "%v", err)
	}
}

// space returns the option space that a map names, "" for the family's own. The
// DOCSIS options go by two names in Kea.
func space(n *node) string {
	s := n.text("space")
	if s == "docsis3-v4" || s == "docsis3-v6" {
		return optdef.VendorSpace(4491)
	}
	return s
}

// A datum is an element of option-data with its place.
type datum struct {
	n     *node
	value optdef.Value
	guard topology.Guard
}

// options compiles the option-data of one scope: the options of the family's own
// space, each with its sub-options in it.
func (c *compiler) options(n *node) topology.Options {
	list := n.list("option-data")
	if len(list) == 0 {
		return nil
	}
	var data []datum
	for _, e := range list {
		if e.kind != kMap {
			continue
		}
		d, ok := c.option(e)
		if ok {
			e.value = &d.value
		}
		if d.guard = c.guard(e); ok && c.mayGuard(&d) {
			data = append(data, d)
		}
	}
	data = c.singles(data)
	return c.guarded(n, data)
}

// assembled puts together the options of one scope that are for everybody.
func (c *compiler) assembled(n *node, data []datum) topology.Options {
	if c.cfg.Family == v6 {
		return c.assemble(n, c.vendors(data), c.ownSpace())
	}
	out := c.enterprises(data)
	for _, space := range vendorSpaces(data) {
		out = append(out, c.assemble(n, data, space)...)
	}
	out = append(out, c.assemble(n, data, c.ownSpace())...)
	out.Sort()
	return out
}

// assemble compiles the options of one space, each with its sub-options in it.
func (c *compiler) assemble(n *node, data []datum, space string) topology.Options {
	values := make([]optdef.Value, len(data))
	for i := range data {
		values[i] = data[i].value
	}
	whole, err := c.defs.Assemble(space, values)
	if err != nil {
		c.errorf(n.get("option-data"), "%v", err)
		return nil
	}
	return c.flags(whole, data, space)
}

// option compiles one element of option-data.
func (c *compiler) option(n *node) (datum, bool) {
	d := optdef.Data{Space: space(n), Name: n.text("name"), Text: n.text("data")}
	for _, key := range []string{"name", "code", "space", "data", "csv-format"} {
		if n.has(key) && n.get(key) == nil {
			return datum{}, false // wrong, and reported
		}
	}
	if m := n.get("code"); m != nil {
		d.Code, d.HasCode = uint16(m.num), true
	}
	if m := n.get("csv-format"); m != nil {
		d.CSV = &m.bool
	}
	if v, ok := c.never(n, d); ok {
		return datum{n: n, value: v}, true
	}
	v, err := c.defs.Option(d)
	switch {
	case errors.Is(err, optdef.ErrSurplus):
		c.warnf(n.get("data"), "%v", err)
	case err != nil:
		c.badOption(n, &d, err)
		return datum{}, false
	}
	return datum{n: n, value: v}, true
}

// never returns an option that is there to hide the same one of an outer scope,
// for which it needs no value.
func (c *compiler) never(n *node, d optdef.Data) (v optdef.Value, ok bool) {
	if d.Text != "" || !(levels{n}).bool("never-send", false) {
		return v, false
	}
	if d.Space == "" {
		d.Space = c.ownSpace()
	}
	def, ok := c.defs.ByName(d.Space, d.Name)
	if d.Name == "" {
		def, ok = c.defs.ByCode(d.Space, d.Code)
	}
	if !ok || d.HasCode && d.Code != def.Code {
		return v, false
	}
	return optdef.Value{Space: d.Space, Code: def.Code, Def: def}, true
}

// badOption reports an option that does not fit, at the word that is wrong.
func (c *compiler) badOption(n *node, d *optdef.Data, err error) {
	var at *optdef.Error
	name, data := n.get("name"), n.get("data")
	switch {
	case errors.As(err, &at) && data != nil:
		p := data.at
		if p.off+1+at.Offset < len(p.src.text) && strings.HasPrefix(string(p.src.text[p.off+1:]), d.Text) {
			p.off += 1 + at.Offset // as it stands in the file, without escapes
		}
		c.add(Error, p, data.path(), "", "%v", err)
	case errors.Is(err, optdef.ErrUndefined) && name != nil:
		c.add(Error, name.at, name.path(), nearest(d.Name, c.defs.Names(d.Space)), "%v", err)
	case errors.Is(err, optdef.ErrMismatch) && name != nil:
		c.errorf(name, "%v", err)
	case data != nil && !errors.Is(err, optdef.ErrUndefined) && !errors.Is(err, optdef.ErrCode):
		c.errorf(data, "%v", err)
	default:
		c.errorf(n, "%v", err)
	}
}

// ownSpace is the space of the options that stand in the message itself.
func (c *compiler) ownSpace() string { return optdef.Family(c.cfg.Family).Space() }

// vendors puts the vendor option of DHCPv6 in front of vendors' options whose
// vendor option the scope does not name itself (RFC 9915 §21.17).
func (c *compiler) vendors(data []datum) []datum {
	own, code := c.ownSpace(), uint16(17)
	named := map[string]bool{}
	for _, d := range data {
		if d.value.Space == own && d.value.Code == code && len(d.value.Bytes) >= 4 {
			named[optdef.VendorSpace(be32(d.value.Bytes))] = true
		}
	}
	for _, d := range slices.Clone(data) {
		enterprise, ok := optdef.Vendor(d.value.Space)
		if !ok || named[d.value.Space] {
			continue
		}
		named[d.value.Space] = true
		def, _ := c.defs.ByCode(own, code)
		outer := optdef.Value{Space: own, Code: code, Def: def,
			Bytes: []byte{byte(enterprise >> 24), byte(enterprise >> 16), byte(enterprise >> 8), byte(enterprise)}}
		data = append(data, datum{n: d.n, value: outer, guard: d.guard})
	}
	return data
}

func be32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// singles leaves out what stands twice in one scope where the option may stand
// once; of a pair the last counts, but the first of what is within another option,
// as in Kea.
func (c *compiler) singles(data []datum) []datum {
	type key struct {
		space string
		code  uint16
	}
	at := map[key]int{}
	out := data[:0:0]
	for _, d := range data {
		k := key{d.value.Space, d.value.Code}
		if len(d.guard) > 0 { // another one may be for who does not get it
			out = append(out, d)
			continue
		}
		i, twice := at[k]
		if !twice || !c.once(k.space) || k.space == c.ownSpace() && c.many(k.code) {
			at[k] = len(out)
			out = append(out, d)
			continue
		}
		if !c.top(k.space) {
			c.warnf(d.n, "option %d stands here a second time and is not sent; the first is in line %d", k.code, out[i].n.line())
			continue
		}
		c.warnf(out[i].n, "option %d stands here a second time, in line %d, and is not sent", k.code, d.n.line())
		out[i] = d
	}
	return out
}

// top reports whether the options of a space stand by themselves and not in
// another option of their scope.
func (c *compiler) top(space string) bool {
	_, vendor := optdef.Vendor(space)
	return space == c.ownSpace() || vendor && c.cfg.Family == v4
}

// once reports whether each code stands once in a space: in DHCPv4 in any, as in
// Kea.
func (c *compiler) once(space string) bool {
	return space == c.ownSpace() || c.cfg.Family == v4
}

// many reports whether an option may stand several times in a message: vendor
// options, of one enterprise each, and the containers of softwires (RFC 7598).
func (c *compiler) many(code uint16) bool {
	if c.cfg.Family == v4 {
		return code == optVendorClass || code == optVendorOptions
	}
	return code == 17 || code == 16 || code >= 94 && code <= 96
}

// flags turns the assembled values of a space into options with their
// always-send and never-send.
func (c *compiler) flags(whole []optdef.Value, data []datum, space string) topology.Options {
	var out topology.Options
	enterprise, _ := optdef.Vendor(space)
	for _, v := range whole {
		o := topology.Option{Code: v.Code, Value: v.Bytes, Vendor: enterprise, Sub: enterprise != 0}
		if space == c.ownSpace() && c.cfg.Family == v4 && c.many(v.Code) {
			continue // made by enterprises
		}
		for _, d := range data {
			if d.value.Space == space && d.value.Code == v.Code {
				mark(&o, d.n)
				if o.Sub && len(o.Value) > math.MaxUint8 {
					c.errorf(d.n, "option of enterprise %d has %d octets: at most 255", enterprise, len(o.Value))
				}
			}
		}
		out = append(out, o)
	}
	out.Sort()
	return out
}
