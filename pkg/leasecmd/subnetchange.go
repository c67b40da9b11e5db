package leasecmd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// oneSubnet reads the list of one subnet that a command has for its argument.
func (c *Commands) oneSubnet(args json.RawMessage, command string) (text json.RawMessage, m members, err error) {
	a, err := c.arguments(args, command)
	if err != nil {
		return nil, nil, err
	}
	key := "subnet" + c.digit()
	if len(a) != 1 {
		return nil, nil, refusef("invalid number of arguments %d for the '%s' command. Expecting '%s' list", len(a), command, key)
	}
	if !a.has(key) {
		return nil, nil, refusef("missing '%s' argument for the '%s' command", key, command)
	}
	text, n, ok := only(a[key])
	switch {
	case !ok:
		return nil, nil, refusef("'%s' argument specified for the '%s' command is not a list", key, command)
	case n != 1:
		return nil, nil, refusef("invalid number of subnets specified for the '%s' command. Expected one subnet", command)
	}
	if m, ok = mapOf(text); !ok {
		return nil, nil, refusef("invalid subnet information specified for the '%s' command. Expected a map", command)
	}
	return text, m, nil
}

// subnetsChanged is the answer to a change of a subnet.
func subnetsChanged(text string, id uint32, prefix netip.Prefix) control.Result {
	return control.Result{Text: text, Arguments: map[string]any{"subnets": []any{map[string]any{"id": id, "subnet": prefix.String()}}}}
}

func (c *Commands) subnetAdd(ctx context.Context, args json.RawMessage) (control.Result, error) {
	command := "subnet" + c.digit() + "-add"
	text, m, err := c.oneSubnet(args, command)
	if err != nil {
		return control.Result{}, err
	}
	if m.has("reservations") {
		return control.Result{}, refusef("must not specify host reservations with '%s'. Use 'reservation-add' to add a reservation to a subnet", command)
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if err := c.free(now.Topology, m); err != nil {
			return Change{}, err
		}
		d := now.Draft()
		d.AddSubnet(text)
		ch, err := compiled(d, control.Result{})
		if ch.Next != nil {
			s := added(now.Topology, ch.Next.Topology)
			ch.Result = subnetsChanged(c.protocol()+" subnet added", s.ID, s.Prefix)
		}
		return ch, err
	})
}

// free says in Kea's words that a subnet is there already.
func (c *Commands) free(t *topology.Topology, m members) error {
	if id, ok := isInt(m["id"]); ok && id == int64(uint32(id)) && byID(t.Subnets, uint32(id)) != nil {
		return refusef("ID of the new %s subnet '%d' is already in use", c.protocol(), id)
	}
	text, _ := isText(m["subnet"])
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil
	}
	for _, s := range t.Subnets {
		if s.Prefix == p.Masked() {
			return refusef("subnet with the prefix of '%s' already exists", s.Prefix)
		}
	}
	return nil
}

// added is the subnet that one topology has and the other has not.
func added(was, is *topology.Topology) *topology.Subnet {
	for _, s := range is.Subnets {
		if byID(was.Subnets, s.ID) == nil {
			return s
		}
	}
	return nil
}

// subnetEdit is a change of a subnet that is there.
func (c *Commands) subnetEdit(verb string, edit func(*config.Draft, uint32, json.RawMessage)) func(context.Context, json.RawMessage) (control.Result, error) {
	command := "subnet" + c.digit() + "-" + verb
	return func(ctx context.Context, args json.RawMessage) (control.Result, error) {
		text, m, err := c.oneSubnet(args, command)
		if err != nil {
			return control.Result{}, err
		}
		switch {
		case m.has("reservations"):
			return control.Result{}, refusef("must not specify host reservations with '%s'.", command)
		case !m.has("id"):
			return control.Result{}, refusef("must specify subnet id with '%s' command.", command)
		case !m.has("subnet"):
			return control.Result{}, refusef("mandatory 'subnet' parameter is missing for a subnet being configured")
		}
		r := &reader{m: m}
		id := r.integer("id")
		if r.err == nil && (id < 1 || id > maxSubnet) {
			r.fail("out of range value (%d) specified for parameter 'id'", id)
		}
		if r.err != nil {
			return control.Result{}, r.err
		}
		return c.change(ctx, func(now *config.Config) (Change, error) {
			if byID(now.Topology.Subnets, uint32(id)) == nil {
				return Change{}, refusef("Can't find subnet '%d' to update", id)
			}
			d := now.Draft()
			edit(d, uint32(id), text)
			ch, err := compiled(d, control.Result{})
			if ch.Next != nil {
				s := byID(ch.Next.Topology.Subnets, uint32(id))
				ch.Result = subnetsChanged(c.protocol()+" subnet updated", s.ID, s.Prefix)
			}
			return ch, err
		})
	}
}

func (c *Commands) subnetUpdate(ctx context.Context, args json.RawMessage) (control.Result, error) {
	return c.subnetEdit("update", (*config.Draft).ReplaceSubnet)(ctx, args)
}

func (c *Commands) subnetDeltaAdd(ctx context.Context, args json.RawMessage) (control.Result, error) {
	return c.subnetEdit("delta-add", (*config.Draft).MergeSubnet)(ctx, args)
}

func (c *Commands) subnetDeltaDel(ctx context.Context, args json.RawMessage) (control.Result, error) {
	return c.subnetEdit("delta-del", (*config.Draft).PruneSubnet)(ctx, args)
}

func (c *Commands) subnetDel(ctx context.Context, args json.RawMessage) (control.Result, error) {
	command := "subnet" + c.digit() + "-del"
	m, err := c.arguments(args, command)
	if err != nil {
		return control.Result{}, err
	}
	switch {
	case len(m) != 1:
		return control.Result{}, refusef("invalid number of arguments specified for the '%s' command. Expected subnet identifier", command)
	case !m.has("id"):
		return control.Result{}, refusef("subnet identifier is required for the '%s' command", command)
	}
	id, ok := isInt(m["id"])
	if !ok {
		return control.Result{}, refusef("subnet identifier specified for the '%s' is not a number", command)
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		s := byID(now.Topology.Subnets, uint32(id))
		if s == nil || int64(s.ID) != id {
			return answered(control.Empty, fmt.Sprintf("no subnet with id %d found", id))
		}
		d := now.Draft()
		d.RemoveSubnet(s.ID)
		return compiled(d, subnetsChanged(fmt.Sprintf("%s subnet %s (id %d) deleted", c.protocol(), s.Prefix, s.ID), s.ID, s.Prefix))
	})
}
