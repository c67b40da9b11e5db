package optdef

import (
	"fmt"
	"strconv"
	"strings"
)

// A Set is the definitions of one family: the standard ones and those added by
// Define. It is safe for concurrent use once nothing is added any more.
type Set struct {
	family Family
	outer  *Set // of a layer: what it lies on
	byCode map[codeKey]*Definition
	byName map[nameKey]*Definition
}

type codeKey struct {
	space string
	code  uint16
}

type nameKey struct{ space, name string }

// New returns a set of the family's standard options.
func New(f Family) *Set {
	std := standard(f)
	s := &Set{family: f, byCode: make(map[codeKey]*Definition, len(std)), byName: make(map[nameKey]*Definition, len(std))}
	for i := range std {
		s.put(&std[i])
	}
	return s
}

// Layer returns a set that has the definitions of s and, above them, those that
// Define adds to the layer alone. The definitions of a client class are one: of
// DHCPv4's own space they may hold option 43 and the site-specific codes, which
// each vendor fills otherwise, and hide what s says of these.
func (s *Set) Layer() *Set {
	return &Set{family: s.family, outer: s, byCode: map[codeKey]*Definition{}, byName: map[nameKey]*Definition{}}
}

// Family returns the family of the set.
func (s *Set) Family() Family { return s.family }

func (s *Set) put(d *Definition) {
	s.byCode[codeKey{d.Space, d.Code}] = d
	s.byName[nameKey{d.Space, d.Name}] = d
}

// Define adds an operator's definition. An empty space is the family's own. What
// Kea refuses is refused: a bad name or code, an impossible combination of types,
// a second definition of a code or name, and a standard option, but for those
// that Kea leaves open: 43 and the site-specific codes 224-254 of DHCPv4, and
// whatever is marked weak.
func (s *Set) Define(d Definition) error {
	d.Family, d.Weak, d.standard = s.family, false, false
	if d.Space == "" {
		d.Space = s.family.Space()
	}
	if err := d.check(); err != nil {
		return err
	}
	if s.outer != nil && !(s.family == V4 && d.Space == "dhcp4" && (d.Code == 43 || siteSpecific(d.Code))) {
		return fmt.Errorf("%w: %s: a class defines code 43 and codes 224 to 254 only", ErrCode, d.where())
	}
	old := s.byCode[codeKey{d.Space, d.Code}]
	if old != nil && !s.open(old) {
		if old.standard {
			return fmt.Errorf("%w: %s is %q", ErrStandard, old.where(), old.Name)
		}
		return fmt.Errorf("%w: %s is %q", ErrDuplicate, old.where(), old.Name)
	}
	if same := s.byName[nameKey{d.Space, d.Name}]; same != nil && same != old {
		if same.standard && !same.Weak {
			return fmt.Errorf("%w: name %q is %s", ErrStandard, d.Name, same.where())
		}
		if !same.Weak {
			return fmt.Errorf("%w: name %q is %s", ErrDuplicate, d.Name, same.where())
		}
		delete(s.byCode, codeKey{same.Space, same.Code})
	}
	if old != nil {
		delete(s.byName, nameKey{old.Space, old.Name})
	}
	s.put(&d)
	return nil
}

// open reports whether the operator may put a definition in the place of d.
func (s *Set) open(d *Definition) bool {
	return d.Weak || d.standard && s.family == V4 && d.Space == "dhcp4" && d.Code == 43
}

// siteSpecific reports whether DHCPv4 leaves the code to the site (RFC 3942 §4).
func siteSpecific(code uint16) bool { return code >= 224 && code <= 254 }

func (d *Definition) where() string { return fmt.Sprintf("code %d of space %s", d.Code, d.Space) }

// ByName returns the definition of an option by its name; an empty space is the
// family's own.
func (s *Set) ByName(space, name string) (*Definition, bool) {
	if space == "" {
		space = s.family.Space()
	}
	for ; s != nil; s = s.outer {
		if d, ok := s.byName[nameKey{space, name}]; ok {
			return d, true
		}
	}
	return nil, false
}

// ByCode returns the definition of an option by its code; an empty space is the
// family's own.
func (s *Set) ByCode(space string, code uint16) (*Definition, bool) {
	if space == "" {
		space = s.family.Space()
	}
	for ; s != nil; s = s.outer {
		if d, ok := s.byCode[codeKey{space, code}]; ok {
			return d, true
		}
	}
	return nil, false
}

// Names returns the names of all options in a space, in no order. A misspelt
// name can be compared with them.
func (s *Set) Names(space string) []string {
	if space == "" {
		space = s.family.Space()
	}
	var names []string
	for ; s != nil; s = s.outer {
		for k := range s.byName {
			if k.space == space {
				names = append(names, k.name)
			}
		}
	}
	return names
}

// VendorSpace returns the name of the space of an enterprise's options.
func VendorSpace(enterprise uint32) string {
	return "vendor-" + strconv.FormatUint(uint64(enterprise), 10)
}

// Vendor returns the enterprise whose options stand in space; ok is false when
// it is no vendor's space.
func Vendor(space string) (enterprise uint32, ok bool) {
	number, ok := strings.CutPrefix(space, "vendor-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(number, 10, 32)
	return uint32(n), err == nil
}
