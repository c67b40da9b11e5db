package leasecmd

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A clue is a parameter of subnet4-select-test and its kin: an address of a family, or
// with 0 a text.
type clue struct {
	family topology.Family
	set    func(w *topology.Where, a netip.Addr, text string) error
}

var (
	ifaceClue       = clue{0, func(w *topology.Where, _ netip.Addr, s string) error { w.Iface = s; return nil }}
	interfaceIDClue = clue{0, func(w *topology.Where, _ netip.Addr, s string) (err error) {
		w.InterfaceID, err = interfaceID(s)
		return err
	}}
	// the option of the relay (82.5) goes before that of the client (118)
	linkSelection   = func(w *topology.Where, a netip.Addr, _ string) error { w.Selected = a; return nil }
	subnetSelection = func(w *topology.Where, a netip.Addr, _ string) error {
		if !w.Selected.IsValid() {
			w.Selected = a
		}
		return nil
	}
	link    = func(w *topology.Where, a netip.Addr, _ string) error { w.Link = a; return nil }
	relay   = func(w *topology.Where, a netip.Addr, _ string) error { w.GIAddr = a; return nil }
	own     = func(w *topology.Where, a netip.Addr, _ string) error { w.Local = a; return nil }
	source  = func(w *topology.Where, a netip.Addr, _ string) error { w.Source = a; return nil }
	ciaddr4 = func(w *topology.Where, a netip.Addr, _ string) error { w.CIAddr, w.Unicast = a, true; return nil }
	source4 = func(w *topology.Where, a netip.Addr, _ string) error { w.Source, w.Unicast = a, true; return nil }
)

// clues are the parameters of each command, besides "classes".
var (
	clues4 = map[string]clue{
		"interface": ifaceClue, "address": {4, ciaddr4}, "relay": {4, relay}, "local": {4, own}, "remote": {4, source4},
		"link": {4, linkSelection}, "subnet": {4, subnetSelection},
	}
	clues4o6 = map[string]clue{
		"interface": ifaceClue, "interface-id": interfaceIDClue, "address": {4, ciaddr4}, "relay": {4, relay}, "local": {6, own},
		"remote": {6, source}, "link": {6, link}, "subnet": {4, subnetSelection},
	}
	clues6 = map[string]clue{"interface": ifaceClue, "interface-id": interfaceIDClue, "remote": {6, source}, "link": {6, link}}
)

// selectTest tells to which subnet a query would be led.
func (c *Commands) selectTest(_ context.Context, args json.RawMessage) (control.Result, error) {
	if c.o.Family == topology.V6 {
		return c.selected(args, clues6, &topology.Where{}, (*topology.Topology).Subnet6)
	}
	clues := clues4
	if c.o.Topology().Compatibility.IgnoreLinkSelection {
		clues = maps.Clone(clues4)
		clues["link"] = clue{4, func(*topology.Where, netip.Addr, string) error { return nil }}
	}
	return c.selected(args, clues, &topology.Where{}, c.native)
}

// native finds the subnet of a query that comes by IPv4. Said to have come to everybody it
// is not placed by where the client says it is; by a link alone it is placed as a
// broadcast on it would be, by the address that is answered from.
func (c *Commands) native(t *topology.Topology, w *topology.Where, classes *classify.Set) *topology.Subnet {
	if w.Local == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		w.Local, w.Unicast = netip.Addr{}, false
	}
	if !w.Local.IsValid() && w.Iface != "" && c.o.Local != nil {
		w.Local = c.o.Local(w.Iface)
	}
	return t.Subnet4(w, classes)
}

// selectTest4o6 is selectTest for a query that came over DHCPv6.
func (c *Commands) selectTest4o6(_ context.Context, args json.RawMessage) (control.Result, error) {
	return c.selected(args, clues4o6, &topology.Where{In6: true}, (*topology.Topology).Subnet4o6)
}

func (c *Commands) selected(args json.RawMessage, clues map[string]clue, w *topology.Where,
	subnet func(*topology.Topology, *topology.Where, *classify.Set) *topology.Subnet) (control.Result, error) {
	if args == nil {
		return control.Result{}, refusef("empty arguments")
	}
	m, isMap := mapOf(args)
	if !isMap {
		return control.Result{}, refusef("arguments must be a map")
	}
	t := c.o.Topology()
	var classes classify.Set
	classes.Add(classify.All)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		err := error(nil)
		switch clue, known := clues[name]; {
		case name == "classes":
			err = readClasses(&classes, t.Classes.Names(), m[name])
		case !known:
			err = refusef("unknown entry '%s'", name)
		default:
			err = clue.read(w, name, m[name])
		}
		if err != nil {
			return control.Result{}, err
		}
	}
	s := subnet(t, w, &classes)
	if s == nil {
		return empty("no subnet selected")
	}
	text := fmt.Sprintf("selected subnet '%s' id %d", s.Prefix, s.ID)
	if s.Network != nil {
		text = fmt.Sprintf("selected shared network '%s' starting with subnet '%s' id %d", s.Network.Name, s.Prefix, s.ID)
	}
	return control.Result{Text: text}, nil
}

func (c *clue) read(w *topology.Where, name string, v json.RawMessage) error {
	s, ok := isText(v)
	if !ok {
		return refusef("'%s' entry must be a string", name)
	}
	if c.family == 0 {
		return c.set(w, netip.Addr{}, s)
	}
	a, err := address(s)
	if err != nil {
		return refusef("bad '%s' entry: %s", name, err)
	}
	if a.Is4() != (c.family == topology.V4) {
		return refusef("bad '%s' entry: not IPv%d", name, c.family)
	}
	return c.set(w, a, s)
}

// interfaceID reads the text of an interface-id: in single quotes as it is, else
// octets in hexadecimal.
func interfaceID(s string) ([]byte, error) {
	if t := strings.TrimSpace(s); len(t) > 1 && t[0] == '\'' && t[len(t)-1] == '\'' {
		s = t[1 : len(t)-1]
		if s != "" {
			return []byte(s), nil
		}
	}
	b, err := formatted(s)
	if err != nil {
		return nil, refusef("value of 'interface-id' was not recognized")
	}
	if len(b) == 0 {
		return nil, refusef("'interface-id' must be not empty")
	}
	return b, nil
}

// readClasses adds the classes that a command names.
func readClasses(to *classify.Set, names *classify.Names, v json.RawMessage) error {
	var all []json.RawMessage
	if v[0] != '[' || json.Unmarshal(v, &all) != nil {
		return refusef("'classes' entry must be a list")
	}
	for _, e := range all {
		s, ok := isText(e)
		if !ok {
			return refusef("'classes' entry must be a list of strings")
		}
		to.AddName(names, []byte(s))
	}
	return nil
}
