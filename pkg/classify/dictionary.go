package classify

import (
	"fmt"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// A Definition is a client class as the configuration states it, as far as
// deciding who is in it goes.
type Definition struct {
	Name       string
	Test       *string // "test"; nil: none
	Template   *string // "template-test"
	Additional bool    // "only-in-additional-list", formerly "only-if-required"
}

// A Class is a compiled Definition. It is not changed any more.
type Class struct {
	Name       string
	ID         ID
	Test       *Expr // nil: the class is assigned by reservations, lists and hooks
	Template   bool  // the test is a value, which names the class SPAWN_Name_value
	Additional bool  // evaluated only when a list asks for it
	OnKnown    bool  // depends on KNOWN or UNKNOWN, so it is evaluated once those are decided
}

// A Dictionary is the classes of a configuration, in its order. Define fills it;
// after that it is only read, by many goroutines at once.
type Dictionary struct {
	scope   Scope
	classes []*Class
	byID    map[ID]*Class
}

// NewDictionary returns a dictionary of the built-in classes alone. The option
// definitions are the operator's; nil: the standard ones.
func NewDictionary(f optdef.Family, options *optdef.Set) *Dictionary {
	if options == nil {
		options = optdef.New(f)
	}
	return &Dictionary{scope: Scope{Family: f, Options: options, Names: NewNames()}, byID: make(map[ID]*Class)}
}

// Names returns the numbers of the classes. Guards and lists intern theirs there.
func (d *Dictionary) Names() *Names { return d.scope.Names }

// Classes returns the classes in the order of their definition. The caller leaves
// the slice unchanged.
func (d *Dictionary) Classes() []*Class { return d.classes }

// Class returns the definition of a class; ok is false for one that has none, as
// built-in classes usually have.
func (d *Dictionary) Class(id ID) (c *Class, ok bool) {
	c, ok = d.byID[id]
	return c, ok
}

// BuiltIn reports whether a class exists without a definition.
func BuiltIn(name string) bool {
	switch name {
	case "ALL", "KNOWN", "UNKNOWN", "BOOTP":
		return true
	}
	for _, prefix := range [...]string{"VENDOR_CLASS_", "HA_", "AFTER_", "EXTERNAL_"} {
		if len(name) > len(prefix) && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Define adds a class, in the order of the configuration: a test may ask only for
// classes that are built in or were defined before it. An error of the test is an
// *Error; the others wrap ErrName, ErrDuplicate, ErrBuiltIn, ErrSpecial or
// ErrTwoTests.
func (d *Dictionary) Define(x Definition) (*Class, error) {
	if err := d.check(x); err != nil {
		return nil, err
	}
	c := &Class{Name: x.Name, Additional: x.Additional, Template: x.Template != nil}
	if err := d.compile(c, x); err != nil {
		return nil, err
	}
	c.ID = d.scope.Names.Intern(x.Name)
	d.classes = append(d.classes, c)
	d.byID[c.ID] = c
	return c, nil
}

func (d *Dictionary) check(x Definition) error {
	tested := x.Template != nil || x.Test != nil
	switch x.Name {
	case "":
		return ErrName
	case "ALL", "KNOWN", "UNKNOWN", "BOOTP":
		if tested || x.Additional {
			return fmt.Errorf("%w: %s", ErrBuiltIn, x.Name)
		}
	case "DROP", "REJECT":
		if x.Additional {
			return fmt.Errorf("%w: %s", ErrSpecial, x.Name)
		}
	}
	if x.Test != nil && x.Template != nil {
		return fmt.Errorf("%w: %s", ErrTwoTests, x.Name)
	}
	if _, ok := d.named(x.Name); ok {
		return fmt.Errorf("%w: %s", ErrDuplicate, x.Name)
	}
	return nil
}

func (d *Dictionary) named(name string) (*Class, bool) {
	id, ok := d.scope.Names.Find([]byte(name))
	if !ok {
		return nil, false
	}
	return d.Class(id)
}

// compile compiles the test and decides in which of the two passes it is
// evaluated. A template may ask for any class, since classes that templates spawn
// have no definition.
func (d *Dictionary) compile(c *Class, x Definition) (err error) {
	scope := d.scope
	scope.Defined = func(name string) bool {
		if name == "KNOWN" || name == "UNKNOWN" {
			c.OnKnown = true
		}
		if c.Template || BuiltIn(name) {
			return true
		}
		other, ok := d.named(name)
		if ok && other.OnKnown {
			c.OnKnown = true
		}
		return ok
	}
	switch {
	case x.Template != nil:
		c.Test, err = scope.CompileValue(*x.Template)
	case x.Test != nil:
		c.Test, err = scope.Compile(*x.Test)
	}
	return err
}

// Classify begins with a packet: it puts p into ALL, into the classes that it
// names itself as its vendor, and into those whose tests it passes without asking
// for reservations. The messages must be set, and p.Classes, which the caller has
// reset and may have put classes in that need no test.
func (d *Dictionary) Classify(p *Packet, s *Scratch) {
	s.Failed = s.Failed[:0]
	p.Classes.Add(All)
	d.vendors(p, s)
	d.pass(p, s, false)
}

// Assign puts p into the classes of its reservation and decides those of
// Classify anew, since their tests may ask for one another: what a test had
// put p into is forgotten.
func (d *Dictionary) Assign(p *Packet, s *Scratch, reserved []ID) {
	p.Classes.keep(d.untested)
	for _, id := range reserved {
		p.Classes.Add(id)
	}
	d.pass(p, s, false)
}

// untested reports whether a class is not decided by a test.
func (d *Dictionary) untested(id ID) bool {
	c, ok := d.byID[id]
	return !ok || c.Test == nil
}

// Reserved goes on when it is known whether there is a reservation: it puts p into
// KNOWN or UNKNOWN, and into the classes whose tests depend on that. The classes of
// the reservation come before it (Assign).
func (d *Dictionary) Reserved(p *Packet, s *Scratch, known bool) {
	if known {
		p.Classes.Add(Known)
	} else {
		p.Classes.Add(Unknown)
	}
	d.pass(p, s, true)
}

func (d *Dictionary) pass(p *Packet, s *Scratch, onKnown bool) {
	for _, c := range d.classes {
		if c.Test != nil && !c.Additional && c.OnKnown == onKnown {
			d.assign(c, p, s)
		}
	}
}

// Evaluate decides one class that an evaluate-additional-classes list names, and
// reports whether p is in it then. A class without a test is assigned at once; one
// without a definition never is.
func (d *Dictionary) Evaluate(id ID, p *Packet, s *Scratch) bool {
	c, ok := d.byID[id]
	if !ok {
		return p.Classes.Has(id)
	}
	if c.Test == nil {
		p.Classes.Add(id)
	} else {
		d.assign(c, p, s)
	}
	return p.Classes.Has(id)
}

// assign evaluates a class's test and puts the packet into the class if it holds.
func (d *Dictionary) assign(c *Class, p *Packet, s *Scratch) {
	if c.Template {
		d.spawn(c, p, s)
		return
	}
	ok, err := c.Test.Match(p, s)
	if err != nil {
		s.Failed = append(s.Failed, Failure{c, err})
	}
	if ok {
		p.Classes.Add(c.ID)
	}
}

// spawn puts the packet into the class that the template's value names, and then
// into the template's own. An empty value names none.
func (d *Dictionary) spawn(c *Class, p *Packet, s *Scratch) {
	v, err := c.Test.Value(p, s)
	if err != nil {
		s.Failed = append(s.Failed, Failure{c, err})
	}
	if len(v) == 0 {
		return
	}
	name := append(append(append(s.name[:0], "SPAWN_"...), c.Name...), '_')
	s.name = appendEscaped(name, v)
	p.Classes.AddName(d.scope.Names, s.name)
	p.Classes.Add(c.ID)
}

// vendors puts the packet into VENDOR_CLASS_ and what it calls its vendor's class:
// option 60 of DHCPv4; in DHCPv6 the first string of each Vendor Class option, or
// one of the two DOCSIS names anywhere in it.
func (d *Dictionary) vendors(p *Packet, s *Scratch) {
	if d.scope.Family == optdef.V4 {
		const vendorClassID = 60
		if v, _ := option4(p, vendorClassID); len(trimNULs(v)) > 0 {
			d.vendor(trimNULs(v), p, s)
		}
		return
	}
	if p.V6 == nil {
		return
	}
	for o := p.V6.Message.Options; len(o) > 0; {
		code, v, rest := next6(o)
		o = rest
		if code != vendorClass6 {
			continue
		}
		if c, err := dhcp6.ParseVendorClass(v); err == nil && len(c.Classes) > 0 {
			d.vendor(vendorName(c.Classes), p, s)
		}
	}
}

// vendorName returns the string of a Vendor Class option that names the class.
func vendorName(o dhcp6.Opaques) []byte {
	for _, docsis := range [...]string{"docsis3.0", "eRouter1.0"} {
		for v := range o.All {
			if string(v) == docsis {
				return v
			}
		}
	}
	return nth6(o, 0)
}

func (d *Dictionary) vendor(v []byte, p *Packet, s *Scratch) {
	s.name = appendEscaped(append(s.name[:0], "VENDOR_CLASS_"...), v)
	p.Classes.AddName(d.scope.Names, s.name)
}

// plain are the octets that a class's name is made of, besides letters and digits.
const plain = "!#$%&*+-./:?@^_|~"

// appendEscaped writes what a packet said as a part of a name: other octets become
// % and two digits, % itself is doubled.
func appendEscaped(b, v []byte) []byte {
	for _, c := range v {
		switch {
		case c == '%':
			b = append(b, "%%"...)
		case isLetter(c) || isDigit(c) || strings.IndexByte(plain, c) >= 0:
			b = append(b, c)
		default:
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}
