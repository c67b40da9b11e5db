package optdef

import (
	"errors"
	"fmt"
	"strings"
)

// Family is 4 or 6. It decides how wide codes and lengths are on the wire.
type Family uint8

// The two families.
const (
	V4 Family = 4
	V6 Family = 6
)

// Space returns the name of the family's own option space: dhcp4 or dhcp6.
func (f Family) Space() string {
	if f == V6 {
		return "dhcp6"
	}
	return "dhcp4"
}

// Type is the type of an option, or of a field of one.
type Type uint8

// The types, named as in configuration by their String.
const (
	Empty Type = iota
	Binary
	Boolean
	Int8
	Int16
	Int32
	Uint8
	Uint16
	Uint32
	IPv4Address
	IPv6Address
	IPv6Prefix
	PSID
	String
	Tuple
	FQDN
	Internal // has a syntax of its own: classless routes, encrypted resolvers
	Record
)

var typeNames = [...]string{
	"empty", "binary", "boolean", "int8", "int16", "int32", "uint8", "uint16", "uint32",
	"ipv4-address", "ipv6-address", "ipv6-prefix", "psid", "string", "tuple", "fqdn", "internal", "record",
}

// String returns the name of the type as configuration writes it.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// ParseType returns the type that configuration calls name.
func ParseType(name string) (Type, bool) {
	for i, n := range typeNames {
		if n == name {
			return Type(i), true
		}
	}
	return 0, false
}

// ParseTypes returns the types of a "record-types" list.
func ParseTypes(list string) ([]Type, error) {
	var types []Type
	for name := range strings.SplitSeq(list, ",") {
		t, ok := ParseType(strings.TrimSpace(name))
		if !ok {
			return nil, fmt.Errorf("%w %q", ErrType, strings.TrimSpace(name))
		}
		types = append(types, t)
	}
	return types, nil
}

// size returns how many octets a value of the type takes, 0 when that varies.
func (t Type) size() int {
	switch t {
	case Boolean, Int8, Uint8:
		return 1
	case Int16, Uint16:
		return 2
	case PSID:
		return 3
	case Int32, Uint32, IPv4Address:
		return 4
	case IPv6Address:
		return 16
	}
	return 0
}

// open reports whether a value of the type reaches to the end of the option, so
// that nothing can follow it.
func (t Type) open() bool { return t == Binary || t == String }

// A Definition says what an option's value looks like.
type Definition struct {
	Family       Family
	Space        string
	Code         uint16
	Name         string
	Type         Type
	Array        bool   // the value, or the last field of a record, is repeated
	Record       []Type // the fields, with Record only
	Encapsulates string // space of the options that follow the fields; "": none

	// Weak marks a standard option that Kea came to know late or does not know:
	// the operator's own definition of the code replaces it.
	Weak bool

	standard bool
}

// What can be wrong with a definition or the way to one.
var (
	ErrType      = errors.New("unknown option type")
	ErrName      = errors.New("bad name")
	ErrCode      = errors.New("bad option code")
	ErrForm      = errors.New("impossible combination of types")
	ErrDuplicate = errors.New("defined already")
	ErrStandard  = errors.New("standard option cannot be redefined")
	ErrUndefined = errors.New("no such option is defined")
	ErrMismatch  = errors.New("name and code are of different options")
)

// check reports what Kea would refuse in an operator's definition.
func (d *Definition) check() error {
	if !validName(d.Name) {
		return fmt.Errorf("%w %q: letters, digits, hyphens and underscores", ErrName, d.Name)
	}
	if !validName(d.Space) {
		return fmt.Errorf("%w of space %q", ErrName, d.Space)
	}
	if d.Encapsulates != "" && !validName(d.Encapsulates) {
		return fmt.Errorf("%w of encapsulated space %q", ErrName, d.Encapsulates)
	}
	switch {
	case reserved(d.Family, d.Space, d.Code):
		return fmt.Errorf("%w %d: reserved", ErrCode, d.Code)
	case d.Family == V4 && d.Code > 255:
		return fmt.Errorf("%w %d: at most 255", ErrCode, d.Code)
	case d.Encapsulates != "" && d.Encapsulates == d.Space:
		return fmt.Errorf("%w: option encapsulates the space it is in", ErrForm)
	}
	return d.checkForm()
}

// reserved reports whether the code cannot be an option's: 0 in the family's own
// space, and End of DHCPv4.
func reserved(f Family, space string, code uint16) bool {
	return space == f.Space() && (code == 0 || f == V4 && code == 255)
}

// checkForm checks the types alone.
func (d *Definition) checkForm() error {
	switch {
	case d.Array && d.Encapsulates != "":
		return fmt.Errorf("%w: array that encapsulates a space", ErrForm)
	case d.Type > Record:
		return ErrType
	case d.Type == Record:
		return d.checkRecord()
	case d.Type == Internal:
		return fmt.Errorf("%w: internal is not for definitions", ErrType)
	case len(d.Record) > 0:
		return fmt.Errorf("%w: record-types with type %s", ErrForm, d.Type)
	case d.Array && (d.Type == Empty || d.Type.open()):
		return fmt.Errorf("%w: array of %s", ErrForm, d.Type)
	}
	return nil
}

func (d *Definition) checkRecord() error {
	if len(d.Record) < 2 {
		return fmt.Errorf("%w: a record has two or more fields", ErrForm)
	}
	last := len(d.Record) - 1
	for i, t := range d.Record {
		switch {
		case t == Empty || t >= Internal:
			return fmt.Errorf("%w: %s in a record", ErrForm, t)
		case t.open() && i < last:
			return fmt.Errorf("%w: %s before the last field", ErrForm, t)
		case t.open() && d.Array:
			return fmt.Errorf("%w: array of %s", ErrForm, t)
		}
	}
	return nil
}

// validName reports whether s is letters, digits, hyphens and underscores, with
// neither of the latter two at its ends.
func validName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-' || c == '_':
			if i == 0 || i == len(s)-1 {
				return false
			}
		default:
			return false
		}
	}
	return s != ""
}
