package leasecmd

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// networksChanged is the answer to a change of a network.
func networksChanged(text, name string) control.Result {
	return control.Result{Text: text, Arguments: map[string]any{"shared-networks": []named{{name}}}}
}

func (c *Commands) networkAdd(ctx context.Context, args json.RawMessage) (control.Result, error) {
	command := "network" + c.digit() + "-add"
	a, err := c.arguments(args, command)
	if err != nil {
		return control.Result{}, err
	}
	if !a.has("shared-networks") {
		return control.Result{}, refusef("missing 'shared-networks' argument for the '%s' command", command)
	}
	text, n, ok := only(a["shared-networks"])
	switch {
	case !ok:
		return control.Result{}, refusef("'shared-networks' argument specified for the '%s' command is not a list", command)
	case n != 1:
		return control.Result{}, refusef("invalid number of networks specified for the '%s' command. Expected one network", command)
	}
	m, ok := mapOf(text)
	if !ok {
		return control.Result{}, refusef("invalid network information specified for the '%s' command. Expected a map", command)
	}
	name, _ := isText(m["name"])
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if slices.Contains(now.Networks(), name) {
			return Change{}, refusef("duplicate network '%s' found in the configuration", name)
		}
		d := now.Draft()
		d.AddNetwork(text)
		return compiled(d, networksChanged(fmt.Sprintf("A new %s shared network '%s' added", c.protocol(), name), name))
	})
}

func (c *Commands) networkDel(ctx context.Context, args json.RawMessage) (control.Result, error) {
	command := "network" + c.digit() + "-del"
	m, err := c.arguments(args, command)
	if err != nil {
		return control.Result{}, err
	}
	if !m.has("name") {
		return control.Result{}, refusef("network name ('name') is required for the '%s' command", command)
	}
	name, ok := isText(m["name"])
	if !ok {
		return control.Result{}, refusef("network name ('name') specified for the '%s' is not a string", command)
	}
	action := "keep"
	if m.has("subnets-action") {
		if action, ok = isText(m["subnets-action"]); !ok {
			return control.Result{}, refusef("subnets-action parameter for %s command must be a string. Supported values are: 'keep' and 'delete'.", command)
		}
	}
	if action != "keep" && action != "delete" {
		return control.Result{}, refusef("Invalid value for subnets-action parameter: %s, Supported values: 'keep' and 'delete'.", action)
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if !slices.Contains(now.Networks(), name) {
			return answered(control.Empty, fmt.Sprintf("no shared network with name '%s' found", name))
		}
		d := now.Draft()
		d.RemoveNetwork(name, action == "delete")
		return compiled(d, networksChanged(fmt.Sprintf("%s shared network '%s' deleted", c.protocol(), name), name))
	})
}

// membership reads the arguments of network4-subnet-add and -del.
func (c *Commands) membership(args json.RawMessage, command string) (name string, id int64, err error) {
	m, err := c.arguments(args, command)
	if err != nil {
		return "", 0, err
	}
	if !m.has("name") {
		return "", 0, refusef("missing 'name' argument for the '%s' command", command)
	}
	name, ok := isText(m["name"])
	if !ok {
		return "", 0, refusef("'name' argument specified for the '%s' command is not a string", command)
	}
	if !m.has("id") {
		return "", 0, refusef("missing 'id' argument for the '%s' command", command)
	}
	if id, ok = isInt(m["id"]); !ok {
		return "", 0, refusef("'id' argument specified for the '%s' command is not an integer", command)
	}
	return name, id, nil
}

func (c *Commands) networkSubnetAdd(ctx context.Context, args json.RawMessage) (control.Result, error) {
	name, id, err := c.membership(args, "network"+c.digit()+"-subnet-add")
	if err != nil {
		return control.Result{}, err
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if !slices.Contains(now.Networks(), name) {
			return answered(control.Empty, fmt.Sprintf("no %s shared network with name '%s' found", c.protocol(), name))
		}
		s := byID(now.Topology.Subnets, uint32(id))
		switch {
		case s == nil || int64(s.ID) != id:
			return answered(control.Empty, fmt.Sprintf("no %s subnet with id '%d' found", c.protocol(), id))
		case s.Network != nil && s.Network.Name == name:
			return Change{}, refusef("attempted to add subnet with a duplicated subnet identifier %d", id)
		case s.Network != nil:
			return Change{}, refusef("subnet %d being added to a shared network already belongs to a shared network", id)
		}
		d := now.Draft()
		d.MoveSubnet(s.ID, name)
		return compiled(d, control.Result{Text: fmt.Sprintf("%s subnet %s (id %d) is now part of shared network '%s'", c.protocol(), s.Prefix, id, name)})
	})
}

func (c *Commands) networkSubnetDel(ctx context.Context, args json.RawMessage) (control.Result, error) {
	name, id, err := c.membership(args, "network"+c.digit()+"-subnet-del")
	if err != nil {
		return control.Result{}, err
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if !slices.Contains(now.Networks(), name) {
			return answered(control.Empty, fmt.Sprintf("no %s shared network with name '%s' found", c.protocol(), name))
		}
		s := byID(now.Topology.Subnets, uint32(id))
		if s == nil || int64(s.ID) != id || s.Network == nil || s.Network.Name != name {
			return answered(control.Empty, fmt.Sprintf("The %s subnet with id %d is not part of the shared network with name '%s' found", c.protocol(), id, name))
		}
		d := now.Draft()
		d.MoveSubnet(s.ID, "")
		return compiled(d, control.Result{Text: fmt.Sprintf("%s subnet %s (id %d) is now removed from shared network '%s'", c.protocol(), s.Prefix, id, name)})
	})
}
