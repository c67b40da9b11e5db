package config

import (
	"cmp"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// What an entry of flex_option, and one of its sub-options, may say.
var (
	flexKeys = map[string]kind{"code": kInt, "name": kString, "space": kString, "csv-format": kBool, "add": kString, "supersede": kString,
		"remove": kString, "sub-options": kList, "client-class": kString, "source": kString, "destination": kString, "comment": kString}
	flexSubKeys = map[string]kind{"code": kInt, "name": kString, "space": kString, "csv-format": kBool, "add": kString, "supersede": kString,
		"remove": kString, "container-add": kBool, "container-remove": kBool, "client-class": kString, "comment": kString}
)

// flexOptions reads the parameters of flex_option: entries first, then sub-options,
// each in order of codes, as Kea carries them out.
func (c *compiler) flexOptions(n *node) (all []topology.FlexOption) {
	list := n.get("parameters").get("options")
	if list == nil || list.kind != kList {
		c.errorf(n, `the library flex_option needs a parameter "options", a list`)
		return nil
	}
	for _, e := range list.items {
		if c.flexMap(e, flexKeys) {
			all = c.flexEntry(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b topology.FlexOption) int {
		if a.Sub != b.Sub {
			if b.Sub {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.SubCode, b.SubCode))
	})
	return all
}

// flexMap checks the form of an entry.
func (c *compiler) flexMap(e *node, keys map[string]kind) bool {
	if e.kind != kMap {
		c.errorf(e, "has to be a map")
		return false
	}
	good := true
	for _, m := range e.members {
		want, known := keys[m.key]
		switch {
		case !known:
			c.errorf(m, "is not a key of flex_option")
		case m.kind != want:
			c.errorf(m, "has to be %v", want)
		default:
			continue
		}
		good = false
	}
	return good
}

func (c *compiler) flexEntry(all []topology.FlexOption, e *node) []topology.FlexOption {
	space := cmp.Or(e.text("space"), c.ownSpace())
	code, def, ok := c.flexCode(e, space)
	if !ok {
		return all
	}
	if space != c.ownSpace() {
		c.unserved(e.get("space"), "is not served: an option of the message is in "+c.ownSpace()+"; the entry is left out")
		return all
	}
	o := topology.FlexOption{Code: code}
	if !c.flexWay(&o, e) {
		return all
	}
	switch code {
	case 52, 53, 54, 82: // overload, message type, server identifier, what a relay put in
		c.unserved(e, "is not served: this option is the server's own; the entry is left out")
		return all
	}
	c.flexClass(&o, e)
	if subs := e.get("sub-options"); subs != nil {
		for _, key := range []string{"add", "supersede", "remove"} {
			if m := e.get(key); m != nil {
				c.errorf(m, "does not go with sub-options")
			}
		}
		if def != nil && def.Type != optdef.Empty && code != optVendorOptions {
			c.unserved(subs, "is not served: the option has fields of its own; the entry is left out")
			return all
		}
		for _, s := range subs.items {
			if c.flexMap(s, flexSubKeys) {
				all = c.flexSub(all, o, s, def)
			}
		}
		return all
	}
	o.Def = c.flexText(e, space, code, def)
	if c.flexAction(&o, e) {
		all = append(all, o)
	}
	return all
}

// flexWay reads which message an entry looks at and which it changes.
func (c *compiler) flexWay(o *topology.FlexOption, e *node) bool {
	from, to := e.get("source"), e.get("destination")
	for _, m := range []*node{from, to} {
		if m != nil && m.str != "query" && m.str != "response" {
			c.notOneOf(m, []string{"query", "response"})
			return false
		}
	}
	o.Answer = from != nil && from.str == "response"
	if to != nil && to.str == "query" {
		c.unserved(to, "is not served yet: queries stay as they came; the entry is left out")
		return false
	}
	return true
}

// flexSub reads one of the sub-options of outer.
func (c *compiler) flexSub(all []topology.FlexOption, outer topology.FlexOption, e *node, container *optdef.Definition) []topology.FlexOption {
	space := e.text("space")
	if space == "" && container != nil {
		space = container.Encapsulates
	}
	if space == "" {
		c.errorf(e, "the option has no space of its own: which one is meant?")
		return all
	}
	code, def, ok := c.flexCode(e, space)
	if !ok {
		return all
	}
	o := outer
	o.Classes = slices.Clone(outer.Classes)
	o.Sub, o.SubCode, o.Whole = true, code, true
	if outer.Code == optVendorOptions {
		if o.Vendor, _ = optdef.Vendor(space); o.Vendor == 0 {
			c.errorf(e, "what is in option %d is of an enterprise: a space vendor-N is needed", outer.Code)
			return all
		}
	}
	for i := range all {
		if all[i].Sub && all[i].Code == o.Code && all[i].SubCode == code && all[i].Vendor == o.Vendor {
			c.errorf(e, "sub-option %d of option %d stands here a second time", code, o.Code)
			return all
		}
	}
	c.flexClass(&o, e)
	o.Def = c.flexText(e, space, code, def)
	if !c.flexAction(&o, e) {
		return all
	}
	key := "container-add"
	if o.Action == topology.FlexRemove {
		key = "container-remove"
	}
	if m := e.get(key); m != nil {
		o.Whole = m.bool
	}
	return append(all, o)
}

// flexCode finds out which option an entry is about.
func (c *compiler) flexCode(e *node, space string) (code uint16, def *optdef.Definition, ok bool) {
	name, number := e.get("name"), e.get("code")
	if number != nil {
		if number.num < 0 || number.num > 255 || space == c.ownSpace() && (number.num == 0 || number.num == 255) {
			c.errorf(number, "%d is no code of an option", number.num)
			return 0, nil, false
		}
		code = uint16(number.num)
		def, _ = c.defs.ByCode(space, code)
	}
	switch {
	case name == nil && number == nil:
		c.errorf(e, "needs a code or a name")
		return 0, nil, false
	case name != nil:
		if def, ok = c.defs.ByName(space, name.str); !ok {
			c.add(Error, name.at, name.path(), nearest(name.str, c.defs.Names(space)), "no such option is defined in space %s", space)
			return 0, nil, false
		}
		if number != nil && code != def.Code {
			c.errorf(number, "option %q has the code %d", name.str, def.Code)
			return 0, nil, false
		}
		code = def.Code
	}
	return code, def, true
}

// flexText returns the definition that an entry's value is text for, nil when it
// is octets.
func (c *compiler) flexText(e *node, space string, code uint16, def *optdef.Definition) *optdef.Definition {
	m := e.get("csv-format")
	if m == nil || !m.bool {
		return nil
	}
	if def == nil {
		c.errorf(m, "option %d of space %s is not defined, which csv-format needs", code, space)
	}
	return def
}

func (c *compiler) flexClass(o *topology.FlexOption, e *node) {
	if name := e.text("client-class"); name != "" {
		o.Classes = append(o.Classes, c.cfg.Topology.Classes.Names().Intern(name))
	}
}

// flexAction reads the one thing that an entry does.
func (c *compiler) flexAction(o *topology.FlexOption, e *node) bool {
	var found *node
	for i, key := range []string{"add", "supersede", "remove"} {
		m := e.get(key)
		if m == nil || m.str == "" {
			continue
		}
		if found != nil {
			c.errorf(m, "only one of add, supersede and remove may stand here")
			return false
		}
		found, o.Action = m, topology.FlexAction(i)
	}
	if found == nil {
		c.errorf(e, "one of add, supersede and remove has to stand here")
		return false
	}
	if o.Action == topology.FlexRemove {
		o.Expr = c.condition(found)
	} else {
		o.Expr = c.value(found)
	}
	return o.Expr != nil
}
