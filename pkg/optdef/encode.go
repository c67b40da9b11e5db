package optdef

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Encode turns text, values separated by commas (csv-format true), into the
// option's own fields in wire form, sub-options not included. Where there are
// more values than fields it gives the bytes and, with them, an error that wraps
// ErrSurplus, since Kea leaves the rest out in silence.
func (d *Definition) Encode(text string) ([]byte, error) {
	if d.Type == Internal {
		return d.encodeInternal(text)
	}
	values := split(text, ',')
	fields := d.fields()
	if len(values) < len(fields) && !d.mayBeEmpty() {
		return nil, fmt.Errorf("%w: %d of %d (%s)", ErrFew, len(values), len(fields), d.form())
	}
	b := []byte{}
	for i, v := range values {
		var t Type
		switch {
		case i < len(fields):
			t = fields[i]
		case d.Array:
			t = fields[len(fields)-1]
		case len(fields) == 0:
			return nil, &Error{Item: 1, Offset: v.offset, Got: v.text, Want: "nothing, as the option has no fields"}
		default:
			return b, fmt.Errorf("%w: %d values for %d fields (%s)", ErrSurplus, len(values), len(fields), d.form())
		}
		var want string
		if b, want = d.appendValue(b, t, v.text); want != "" {
			return nil, &Error{Item: i + 1, Offset: v.offset, Got: v.text, Want: want}
		}
	}
	if len(b) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: %d octets", ErrLong, len(b))
	}
	if d.isVendorClass() && !wholeBlocks(b) {
		return nil, fmt.Errorf("%w: behind the enterprise number come one octet of length and as many octets", ErrLength)
	}
	if d.compressed() {
		b = compressNames(b)
	}
	return b, nil
}

// fields returns the types of the option's fields.
func (d *Definition) fields() []Type {
	switch d.Type {
	case Empty:
		return nil
	case Record:
		return d.Record
	}
	return singles[d.Type : d.Type+1 : d.Type+1]
}

// singles is every type, to slice one out of.
var singles = func() (all []Type) {
	for t := Empty; t <= Record; t++ {
		all = append(all, t)
	}
	return all
}()

// mayBeEmpty reports whether the option is a list that Kea takes without entries
// too: option 88 without addresses sends clients to the multicast group
// (RFC 7341 §7.2). Lists of numbers it refuses then, and those of names in DHCPv4.
func (d *Definition) mayBeEmpty() bool {
	switch d.Type {
	case IPv4Address, IPv6Address, IPv6Prefix, PSID, Boolean, Tuple:
		return d.Array
	case FQDN:
		return d.Array && d.Family == V6
	}
	return false
}

// form describes what the option's text looks like.
func (d *Definition) form() string {
	var names []string
	for _, t := range d.fields() {
		names = append(names, t.String())
	}
	s := strings.Join(names, ", ")
	if d.Array {
		s += ", ..."
	}
	return s
}

// appendValue appends one value in wire form; want says what was expected when
// text is not that.
func (d *Definition) appendValue(b []byte, t Type, text string) (out []byte, want string) {
	switch t {
	case Binary:
		v, err := parseBytes(text)
		if err != nil {
			return b, err.Error()
		}
		if len(v) == 0 {
			return b, wantHex.Error()
		}
		return append(b, v...), ""
	case Boolean:
		return appendBool(b, text)
	case Int8, Int16, Int32, Uint8, Uint16, Uint32:
		return appendInt(b, t, text)
	case IPv4Address:
		a, err := netip.ParseAddr(text)
		if err != nil || !a.Is4() {
			return b, "an IPv4 address"
		}
		return append(b, a.AsSlice()...), ""
	case IPv6Address:
		a, err := netip.ParseAddr(text)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return b, "an IPv6 address"
		}
		return append(b, a.AsSlice()...), ""
	case IPv6Prefix:
		return appendPrefix(b, text)
	case PSID:
		return appendPSID(b, text)
	case String:
		if text == "" {
			return b, "text"
		}
		return append(b, text...), ""
	case Tuple:
		return d.appendTuple(b, text)
	case FQDN:
		return appendName(b, text)
	}
	return b, "nothing, as the type " + t.String() + " has no text"
}

func appendBool(b []byte, text string) ([]byte, string) {
	switch strings.ToLower(text) {
	case "true", "1":
		return append(b, 1), ""
	case "false", "0":
		return append(b, 0), ""
	}
	return b, "true or false"
}

// intRange is the bounds of the integer types and their widths in octets.
var intRange = map[Type]struct {
	low, high int64
	width     int
}{
	Int8:   {math.MinInt8, math.MaxInt8, 1},
	Int16:  {math.MinInt16, math.MaxInt16, 2},
	Int32:  {math.MinInt32, math.MaxInt32, 4},
	Uint8:  {0, math.MaxUint8, 1},
	Uint16: {0, math.MaxUint16, 2},
	Uint32: {0, math.MaxUint32, 4},
}

func appendInt(b []byte, t Type, text string) ([]byte, string) {
	r := intRange[t]
	n, err := parseInt(text)
	if err != nil || n < r.low || n > r.high {
		return b, fmt.Sprintf("a number from %d to %d", r.low, r.high)
	}
	var wide [4]byte
	binary.BigEndian.PutUint32(wide[:], uint32(n))
	return append(b, wide[4-r.width:]...), ""
}

// parseInt reads a decimal number, or a hexadecimal one: behind 0x, and, as Kea
// does, without it where the digits cannot be decimal.
func parseInt(text string) (int64, error) {
	digits, minus := strings.CutPrefix(strings.ToLower(text), "-")
	digits, hexadecimal := strings.CutPrefix(digits, "0x")
	if !hexadecimal {
		n, err := strconv.ParseInt(text, 10, 64)
		if !errors.Is(err, strconv.ErrSyntax) {
			return n, err
		}
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if minus {
		return -int64(n), err
	}
	return int64(n), err
}

var blanks = strings.NewReplacer(" ", "", "\t", "") // Kea takes a prefix that is spaced

// appendPrefix writes the prefix length and as many octets as it covers.
func appendPrefix(b []byte, text string) ([]byte, string) {
	p, err := netip.ParsePrefix(blanks.Replace(text))
	if err != nil || !p.Addr().Is6() {
		return b, "an IPv6 prefix such as 2001:db8::/48"
	}
	a := p.Masked().Addr().As16()
	return append(append(b, byte(p.Bits())), a[:(p.Bits()+7)/8]...), ""
}

// appendPSID writes the PSID length and the PSID, which stands at the left of
// its 16 bits (RFC 7598 §4.5).
func appendPSID(b []byte, text string) ([]byte, string) {
	const want = "a PSID and its length such as 3/4, the length at most 16 and the PSID within it"
	id, length, ok := strings.Cut(text, "/")
	n, err := strconv.ParseUint(strings.TrimSpace(id), 10, 16)
	k, err2 := strconv.ParseUint(strings.TrimSpace(length), 10, 8)
	if !ok || err != nil || err2 != nil || k > 16 || n >= 1<<k {
		return b, want
	}
	b = append(b, byte(k))
	return binary.BigEndian.AppendUint16(b, uint16(n<<(16-k))), ""
}

// tupleLen returns how many octets the length of a tuple takes: one in DHCPv4 and
// two in DHCPv6, but two in the list of bootstrap servers (RFC 8572 §8.1).
func (d *Definition) tupleLen() int {
	if d.Family == V6 || d.Space == "dhcp4" && d.Code == 143 {
		return 2
	}
	return 1
}

func (d *Definition) appendTuple(b []byte, text string) ([]byte, string) {
	if text == "" {
		return b, "text"
	}
	if d.tupleLen() == 2 {
		if len(text) > math.MaxUint16 {
			return b, "at most 65535 octets"
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	} else {
		if len(text) > math.MaxUint8 {
			return b, "at most 255 octets"
		}
		b = append(b, byte(len(text)))
	}
	return append(b, text...), ""
}

// Raw turns text with csv-format false into octets: hexadecimal digits, bare or
// behind 0x, or in groups parted by colons or single spaces; or any text in
// single quotes, which stands for itself. Empty text is an empty value.
func Raw(text string) ([]byte, error) {
	trimmed := strings.Trim(text, spaces)
	if trimmed == "" {
		return []byte{}, nil
	}
	v, err := parseBytes(trimmed)
	if err != nil {
		return nil, &Error{Offset: strings.Index(text, trimmed), Got: trimmed, Want: err.Error()}
	}
	return v, nil
}

// wantError is what was expected instead of some text.
type wantError string

func (w wantError) Error() string { return string(w) }

const wantHex = wantError("hexadecimal digits, or text in single quotes")

func parseBytes(text string) ([]byte, error) {
	if n := len(text); n >= 2 && text[0] == '\'' && text[n-1] == '\'' {
		return []byte(text[1 : n-1]), nil
	}
	for _, sep := range []string{":", " "} {
		if strings.Contains(text, sep) {
			return parseGroups(text, sep)
		}
	}
	if strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X") {
		text = text[2:]
	}
	if len(text)%2 != 0 {
		text = "0" + text
	}
	v, err := hex.DecodeString(text)
	if err != nil {
		return nil, wantHex
	}
	return v, nil
}

// parseGroups reads octets of one or two digits each.
func parseGroups(text, sep string) ([]byte, error) {
	groups := strings.Split(text, sep)
	v := make([]byte, 0, len(groups))
	for _, g := range groups {
		n, err := strconv.ParseUint(g, 16, 8)
		if err != nil || len(g) > 2 {
			return nil, wantError(fmt.Sprintf("groups of one or two hexadecimal digits parted by %q", sep))
		}
		v = append(v, byte(n))
	}
	return slices.Clip(v), nil
}
