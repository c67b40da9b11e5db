package optdef

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// maxNesting is how deep spaces may encapsulate one another; Kea stops there too.
const maxNesting = 10

// Assemble puts together the options of one scope: what it returns are the
// options of space, in order of their codes, each with the options of the space
// that it encapsulates behind its fields, and so on inwards. Vendor options (125
// of DHCPv4, 17 of DHCPv6) encapsulate the space of the enterprise that they
// name. Options that nothing encapsulates are left out.
func (s *Set) Assemble(space string, all []Value) ([]Value, error) {
	return s.assemble(space, all, 0)
}

func (s *Set) assemble(space string, all []Value, depth int) ([]Value, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("%w: spaces encapsulate one another more than %d deep", ErrForm, maxNesting)
	}
	var out []Value
	for _, v := range all {
		if v.Space != space {
			continue
		}
		inner, vendor := s.inner(&v)
		if inner != "" && inner != s.family.Space() { // an IA's options are the engine's business
			subs, err := s.assemble(inner, all, depth+1)
			if err != nil {
				return nil, err
			}
			fields, subs := s.join(&v, subs)
			if v.Bytes, err = s.enclose(fields, subs, vendor); err != nil {
				return nil, fmt.Errorf("code %d of space %s: %w", v.Code, v.Space, err)
			}
		}
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b Value) int { return cmp.Compare(a.Code, b.Code) })
	return out, nil
}

// inner returns the space that v encapsulates, and whether it is a vendor's.
func (s *Set) inner(v *Value) (space string, vendor bool) {
	if v.Space == s.family.Space() && v.Code == s.vendorCode() && len(v.Bytes) == 4 {
		return VendorSpace(binary.BigEndian.Uint32(v.Bytes)), true
	}
	if v.Def == nil {
		return "", false
	}
	return v.Def.Encapsulates, false
}

// join puts what is configured of the space that v encapsulates among the options
// that v itself was given as octets, as in Kea: in order of their codes, those of v
// going first, and without an End, which would hide what follows it (RFC 2132 §8.4).
// Octets that are no options stay ahead of all.
func (s *Set) join(v *Value, configured []Value) (fields []byte, subs []Value) {
	if s.family != V4 || v.Def == nil || v.Def.Type != Empty || len(v.Bytes) == 0 {
		return v.Bytes, configured
	}
	for rest := v.Bytes; len(rest) > 0; {
		if _, pad := s.ByCode(v.Def.Encapsulates, 0); rest[0] == 0 && !pad {
			rest = rest[1:]
			continue
		}
		if _, end := s.ByCode(v.Def.Encapsulates, 255); rest[0] == 255 && !end {
			break
		}
		code, value, after, ok := s.cut(rest)
		if !ok {
			return v.Bytes, configured
		}
		subs, rest = append(subs, Value{Space: v.Def.Encapsulates, Code: code, Bytes: value}), after
	}
	for _, c := range configured {
		if !slices.ContainsFunc(subs, func(own Value) bool { return own.Code == c.Code }) {
			subs = append(subs, c)
		}
	}
	slices.SortStableFunc(subs, func(a, b Value) int { return cmp.Compare(a.Code, b.Code) })
	return nil, subs
}

// vendorCode is the option that carries vendors' options.
func (s *Set) vendorCode() uint16 {
	if s.family == V6 {
		return 17
	}
	return 125
}

// enclose appends subs to fields. In DHCPv4 the options of each vendor have a
// length of their own in front (RFC 3925 §4).
func (s *Set) enclose(fields []byte, subs []Value, vendor bool) ([]byte, error) {
	b := slices.Clone(fields)
	mark := len(b)
	if vendor && s.family == V4 {
		b = append(b, 0)
	}
	for _, sub := range subs {
		if s.family == V6 {
			if len(sub.Bytes) > math.MaxUint16 {
				return nil, fmt.Errorf("%w: sub-option %d has %d octets", ErrLong, sub.Code, len(sub.Bytes))
			}
			b = binary.BigEndian.AppendUint16(b, sub.Code)
			b = binary.BigEndian.AppendUint16(b, uint16(len(sub.Bytes)))
		} else {
			if len(sub.Bytes) > math.MaxUint8 {
				return nil, fmt.Errorf("%w: sub-option %d has %d octets", ErrLong, sub.Code, len(sub.Bytes))
			}
			b = append(b, byte(sub.Code), byte(len(sub.Bytes)))
		}
		b = append(b, sub.Bytes...)
	}
	if vendor && s.family == V4 {
		n := len(b) - mark - 1
		if n > math.MaxUint8 {
			return nil, fmt.Errorf("%w: %d octets of vendor options", ErrLong, n)
		}
		b[mark] = byte(n)
	}
	if len(b) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: %d octets", ErrLong, len(b))
	}
	return b, nil
}
