package leasecmd

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// classArguments reads the map of a command about classes, in which one member is
// expected.
func classArguments(args json.RawMessage, command, want, shape string) (members, error) {
	switch m, isMap := mapOf(args); {
	case args == nil:
		return nil, refusef("invalid command '%s': no arguments specified", command)
	case !isMap:
		return nil, refusef("invalid command '%s': expected 'arguments' to be a map, got %s instead", command, typeName(args))
	case len(m) == 0:
		return nil, refusef("invalid command '%s': 'arguments' is empty", command)
	case len(m) != 1:
		return nil, refusef("invalid number of arguments %d for the '%s' command. Expecting '%s' %s", len(m), command, want, shape)
	case !m.has(want):
		return nil, refusef("missing '%s' argument for the '%s' command", want, command)
	default:
		return m, nil
	}
}

// oneClass reads the list of one class that a command has for its argument.
func oneClass(args json.RawMessage, command string) (text json.RawMessage, name string, err error) {
	m, err := classArguments(args, command, "client-classes", "list")
	if err != nil {
		return nil, "", err
	}
	text, n, ok := only(m["client-classes"])
	switch {
	case !ok:
		return nil, "", refusef("'client-classes' argument specified for the '%s' command is not a list", command)
	case n != 1:
		return nil, "", refusef("invalid number of classes specified for the '%s' command. Expected one class", command)
	}
	c, ok := mapOf(text)
	if !ok {
		return nil, "", refusef("invalid class definition specified for the '%s' command. Expected a map", command)
	}
	if !c.has("name") {
		return nil, "", refusef("missing parameter 'name'")
	}
	if name, ok = isText(c["name"]); !ok {
		return nil, "", refusef("invalid type specified for parameter 'name'")
	}
	return text, name, nil
}

// className reads the one argument of class-get and class-del.
func className(args json.RawMessage, command string) (string, error) {
	m, err := classArguments(args, command, "name", "string")
	if err != nil {
		return "", err
	}
	name, ok := isText(m["name"])
	if !ok {
		return "", refusef("'name' argument specified for the '%s' command is not a string", command)
	}
	return name, nil
}

func (c *Commands) classAdd(ctx context.Context, args json.RawMessage) (control.Result, error) {
	text, name, err := oneClass(args, "class-add")
	if err != nil {
		return control.Result{}, err
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if slices.Contains(now.ClassNames(), name) {
			return Change{}, refusef("Client Class: %s has already been defined", name)
		}
		d := now.Draft()
		d.AddClass(text)
		return compiled(d, control.Result{Text: "Class '" + name + "' added"})
	})
}

func (c *Commands) classUpdate(ctx context.Context, args json.RawMessage) (control.Result, error) {
	text, name, err := oneClass(args, "class-update")
	if err != nil {
		return control.Result{}, err
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if !slices.Contains(now.ClassNames(), name) {
			return answered(control.Empty, "Class '"+name+"' is not found")
		}
		d := now.Draft()
		d.ReplaceClass(name, text)
		ch, err := compiled(d, control.Result{Text: "Class '" + name + "' updated"})
		if ch.Next != nil && ch.Next.ClassOnKnown(name) != now.ClassOnKnown(name) {
			return Change{}, refusef("modification of the class '%s' would affect its dependency on the KNOWN and/or UNKNOWN built-in classes. "+
				"Such modification is not allowed because there may be other classes depending on those built-ins via the updated class", name)
		}
		return ch, err
	})
}

func (c *Commands) classDel(ctx context.Context, args json.RawMessage) (control.Result, error) {
	name, err := className(args, "class-del")
	if err != nil {
		return control.Result{}, err
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if !slices.Contains(now.ClassNames(), name) {
			return answered(control.Empty, "Class '"+name+"' not found")
		}
		if user := now.ClassUser(name); user != "" {
			return Change{}, refusef("Class '%s' is used by class '%s'", name, user)
		}
		d := now.Draft()
		d.RemoveClass(name)
		return compiled(d, control.Result{Text: "Class '" + name + "' deleted"})
	})
}

func (c *Commands) classGet(_ context.Context, args json.RawMessage) (control.Result, error) {
	name, err := className(args, "class-get")
	if err != nil {
		return control.Result{}, err
	}
	text := c.o.Config().ClassJSON(name)
	if text == nil {
		return empty("Class '" + name + "' not found")
	}
	return control.Result{
		Text:      "Class '" + name + "' definition returned",
		Arguments: map[string]any{"client-classes": []json.RawMessage{text}},
	}, nil
}

func (c *Commands) classList(context.Context, json.RawMessage) (control.Result, error) {
	list := []named{}
	for _, name := range c.o.Config().ClassNames() {
		list = append(list, named{name})
	}
	plural := "es"
	if len(list) == 1 {
		plural = ""
	}
	res := control.Result{Text: fmt.Sprintf("%d class%s found", len(list), plural), Arguments: map[string]any{"client-classes": list}}
	if len(list) == 0 {
		res.Code = control.Empty
	}
	return res, nil
}
