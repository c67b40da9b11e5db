package leasecmd

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

type subnetEntry struct {
	ID      uint32  `json:"id"`
	Subnet  string  `json:"subnet"`
	Network *string `json:"shared-network-name"` // null: of none
}

func (c *Commands) subnetList(context.Context, json.RawMessage) (control.Result, error) {
	list := []subnetEntry{}
	for _, s := range c.o.Topology().Subnets {
		e := subnetEntry{ID: s.ID, Subnet: s.Prefix.String()}
		if s.Network != nil {
			e.Network = &s.Network.Name
		}
		list = append(list, e)
	}
	return c.listed("subnets", "subnet", len(list), list)
}

type named struct {
	Name string `json:"name"`
}

func (c *Commands) networkList(context.Context, json.RawMessage) (control.Result, error) {
	list := []named{}
	for _, name := range c.o.Config().Networks() {
		list = append(list, named{name})
	}
	return c.listed("shared-networks", "network", len(list), list)
}

// listed answers with a list of n things of one kind.
func (c *Commands) listed(member, noun string, n int, list any) (control.Result, error) {
	text := fmt.Sprintf("%d %s %s", n, c.protocol(), noun)
	if n != 1 {
		text += "s"
	}
	res := control.Result{Text: text + " found", Arguments: map[string]any{member: list}}
	if n == 0 {
		res = control.Result{Code: control.Empty, Text: res.Text}
	}
	return res, nil
}

// arguments reads the map of a command that needs one.
func (c *Commands) arguments(args json.RawMessage, command string) (members, error) {
	if args == nil {
		return nil, refusef("no arguments specified for the '%s' command", command)
	}
	m, isMap := mapOf(args)
	if !isMap {
		return nil, refusef("arguments specified for the '%s' command are not a map", command)
	}
	return m, nil
}

func (c *Commands) subnetGet(_ context.Context, args json.RawMessage) (control.Result, error) {
	command := "subnet" + c.digit() + "-get"
	m, err := c.arguments(args, command)
	if err != nil {
		return control.Result{}, err
	}
	if len(m) != 1 {
		return control.Result{}, refusef("invalid number of arguments %d for the '%s' command. Expecting 'id' or 'subnet'", len(m), command)
	}
	s, none, err := c.meant(m)
	switch {
	case err != nil:
		return control.Result{}, err
	case s == nil:
		return empty(none)
	}
	e := c.o.Config().SubnetJSON(s.ID)
	if e == nil {
		return control.Result{}, refusef("subnet %d was replaced by another configuration: ask again", s.ID)
	}
	return control.Result{
		Text:      fmt.Sprintf("Info about %s subnet %s (id %d) returned", c.protocol(), s.Prefix, s.ID),
		Arguments: map[string]any{"subnet" + c.digit(): []json.RawMessage{e}},
	}, nil
}

// meant returns the subnet that the one argument names, or what to say of none.
func (c *Commands) meant(m members) (s *topology.Subnet, none string, err error) {
	if m.has("subnet") {
		text, ok := isText(m["subnet"])
		if !ok {
			return nil, "", refusef("'subnet' parameter must be a string")
		}
		for _, s := range c.o.Topology().Subnets {
			if s.Prefix.String() == text {
				return s, "", nil
			}
		}
		return nil, "No " + text + " subnet found", nil
	}
	if !m.has("id") {
		return nil, "", refusef("'id' or 'subnet' parameter required")
	}
	id, ok := isInt(m["id"])
	if !ok {
		return nil, "", refusef("'id' parameter must be an integer")
	}
	if s = byID(c.o.Topology().Subnets, uint32(id)); s == nil || int64(s.ID) != id {
		return nil, fmt.Sprintf("No subnet with id %d found", id), nil
	}
	return s, "", nil
}

func (c *Commands) networkGet(_ context.Context, args json.RawMessage) (control.Result, error) {
	command := "network" + c.digit() + "-get"
	m, err := c.arguments(args, command)
	if err != nil {
		return control.Result{}, err
	}
	if !m.has("name") {
		return control.Result{}, refusef("invalid '%s': missing mandatory 'name' parameter", command)
	}
	name, ok := isText(m["name"])
	if !ok {
		return control.Result{}, refusef("'name' parameter must be a string")
	}
	n := c.o.Config().NetworkJSON(name)
	if n == nil {
		return empty(fmt.Sprintf("No '%s' shared network found", name))
	}
	return control.Result{
		Text:      fmt.Sprintf("Info about %s shared network '%s' returned", c.protocol(), name),
		Arguments: map[string]any{"shared-networks": []json.RawMessage{n}},
	}, nil
}
