package optdef

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Text returns the value of an option as its configuration would be written:
// what Encode reads, where the value is well-formed. Sub-options follow in
// braces. An option that is not defined, a value that does not fit its
// definition, and text that is not printable come as hexadecimal digits behind
// 0x, so the result is safe in a log. An empty space is the family's own.
func (s *Set) Text(space string, code uint16, value []byte) string {
	return s.text(space, code, value, 0)
}

func (s *Set) text(space string, code uint16, value []byte, depth int) string {
	d, ok := s.ByCode(space, code)
	if !ok || depth > maxNesting {
		return hexText(value)
	}
	values, rest, err := d.decode(value)
	if err != nil {
		return hexText(value)
	}
	text := strings.Join(values, ", ")
	inner, vendor := s.inner(&Value{Space: d.Space, Code: code, Bytes: value[:len(value)-len(rest)], Def: d})
	if inner == "" || len(rest) == 0 {
		return text
	}
	subs, ok := s.subText(inner, rest, vendor, depth)
	if !ok {
		return hexText(value)
	}
	if text != "" {
		text += " "
	}
	return text + "{" + subs + "}"
}

// subText writes a run of sub-options as name=value.
func (s *Set) subText(space string, v []byte, vendor bool, depth int) (string, bool) {
	if vendor && s.family == V4 { // several vendors may follow one another: only the first is taken apart
		if int(v[0]) != len(v)-1 {
			return "", false
		}
		v = v[1:]
	}
	var parts []string
	for len(v) > 0 {
		code, value, rest, ok := s.cut(v)
		if !ok {
			return "", false
		}
		name := strconv.Itoa(int(code))
		if d, ok := s.ByCode(space, code); ok {
			name = d.Name
		}
		parts = append(parts, name+"="+s.text(space, code, value, depth+1))
		v = rest
	}
	return strings.Join(parts, "; "), true
}

// cut takes the first sub-option off v.
func (s *Set) cut(v []byte) (code uint16, value, rest []byte, ok bool) {
	header, n := 2, 0
	if s.family == V6 {
		header = 4
	}
	if len(v) < header {
		return 0, nil, nil, false
	}
	if s.family == V6 {
		code, n = binary.BigEndian.Uint16(v), int(binary.BigEndian.Uint16(v[2:]))
	} else {
		code, n = uint16(v[0]), int(v[1])
	}
	if len(v) < header+n {
		return 0, nil, nil, false
	}
	return code, v[header : header+n], v[header+n:], true
}

// Check reports whether value has a length and form that fit the definition.
func (d *Definition) Check(value []byte) error {
	_, _, err := d.decode(value)
	return err
}

// Text returns the option's own fields as Encode would read them; without a fit,
// hexadecimal digits. Sub-options are left out.
func (d *Definition) Text(value []byte) string {
	values, _, err := d.decode(value)
	if err != nil {
		return hexText(value)
	}
	return strings.Join(values, ", ")
}

// decode writes the fields of value as text. The rest is sub-options; there is
// one only where the definition encapsulates a space, or for vendor options.
func (d *Definition) decode(value []byte) (values []string, rest []byte, err error) {
	if d.Type == Internal {
		text, err := d.decodeInternal(value)
		return []string{text}, nil, err
	}
	if d.isVendorClass() && !wholeBlocks(value) {
		return nil, nil, fmt.Errorf("%w: vendor classes of %d octets (each an enterprise number, a length and data)", ErrLength, len(value))
	}
	if d.Family == V4 && d.isVendor() && len(value) != 4 && !wholeBlocks(value) {
		return nil, nil, fmt.Errorf("%w: vendor options of %d octets (each an enterprise number, a length and data)", ErrLength, len(value))
	}
	fields := d.fields()
	v := value
	for i := 0; i < len(fields) || d.Array && len(v) > 0; i++ {
		if len(v) == 0 && d.mayBeEmpty() {
			break
		}
		text, n, err := d.read(fields[min(i, len(fields)-1)], value, v)
		if err != nil {
			return nil, nil, err
		}
		values, v = append(values, text), v[n:]
	}
	if len(v) > 0 && d.Encapsulates == "" && !d.isVendor() {
		return nil, nil, fmt.Errorf("%w: %d octets, %d more than %s", ErrLength, len(value), len(v), d.form())
	}
	return values, v, nil
}

// isVendor reports whether the option carries an enterprise number and then that
// vendor's options.
func (d *Definition) isVendor() bool {
	return d.Family == V4 && d.Space == "dhcp4" && d.Code == 125 || d.Family == V6 && d.Space == "dhcp6" && d.Code == 17
}

// isVendorClass reports whether the option is a list of enterprise numbers, each
// with a length and the vendor's class (RFC 3925 §3). The length is part of the
// text, as it is in Kea.
func (d *Definition) isVendorClass() bool {
	return d.Family == V4 && d.Space == "dhcp4" && d.Code == 124
}

// wholeBlocks reports whether v is enterprise numbers, each with a length and as
// many octets.
func wholeBlocks(v []byte) bool {
	for len(v) >= 5 && len(v) > 5+int(v[4]) {
		v = v[5+int(v[4]):]
	}
	return len(v) >= 5 && len(v) == 5+int(v[4])
}

// read takes one value of type t off v, the tail of value; n is how many octets
// it took.
func (d *Definition) read(t Type, value, v []byte) (text string, n int, err error) {
	if n = t.size(); len(v) < n {
		return "", 0, fmt.Errorf("%w: %d octets left for %s", ErrLength, len(v), t)
	}
	switch t {
	case Binary:
		return hexText(v), len(v), nil
	case Boolean:
		if v[0] > 1 {
			return "", 0, fmt.Errorf("%w: boolean is %d", ErrValue, v[0])
		}
		return strconv.FormatBool(v[0] == 1), 1, nil
	case Int8, Int16, Int32, Uint8, Uint16, Uint32:
		return strconv.FormatInt(readInt(t, v), 10), n, nil
	case IPv4Address, IPv6Address:
		a, _ := netip.AddrFromSlice(v[:n])
		return a.String(), n, nil
	case IPv6Prefix:
		return readPrefix(v)
	case PSID:
		return readPSID(v)
	case String:
		if len(v) == 0 {
			return "", 0, fmt.Errorf("%w: string is empty", ErrLength)
		}
		return stringText(v), len(v), nil
	case Tuple:
		return d.readTuple(v)
	case FQDN:
		if len(v) == 0 {
			return "", 0, fmt.Errorf("%w: domain name is empty", ErrLength)
		}
		return parseName(value, len(value)-len(v))
	}
	return "", 0, fmt.Errorf("%w: type %s", ErrValue, t)
}

func readInt(t Type, v []byte) int64 {
	switch t {
	case Int8:
		return int64(int8(v[0]))
	case Int16:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case Int32:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case Uint8:
		return int64(v[0])
	case Uint16:
		return int64(binary.BigEndian.Uint16(v))
	}
	return int64(binary.BigEndian.Uint32(v))
}

func readPrefix(v []byte) (string, int, error) {
	if len(v) == 0 || v[0] > 128 || len(v) < 1+(int(v[0])+7)/8 {
		return "", 0, fmt.Errorf("%w: IPv6 prefix", ErrLength)
	}
	var a [16]byte
	n := 1 + (int(v[0])+7)/8
	copy(a[:], v[1:n])
	return netip.PrefixFrom(netip.AddrFrom16(a), int(v[0])).Masked().String(), n, nil
}

func readPSID(v []byte) (string, int, error) {
	if v[0] > 16 {
		return "", 0, fmt.Errorf("%w: PSID of %d bits", ErrValue, v[0])
	}
	id := binary.BigEndian.Uint16(v[1:]) >> (16 - v[0]) // a shift by 16 leaves 0
	return fmt.Sprintf("%d/%d", id, v[0]), 3, nil
}

func (d *Definition) readTuple(v []byte) (string, int, error) {
	header := d.tupleLen()
	if len(v) < header {
		return "", 0, fmt.Errorf("%w: tuple", ErrLength)
	}
	n := int(v[0])
	if header == 2 {
		n = int(binary.BigEndian.Uint16(v))
	}
	if len(v) < header+n {
		return "", 0, fmt.Errorf("%w: tuple of %d octets", ErrLength, n)
	}
	return stringText(v[header : header+n]), header + n, nil
}

// stringText writes text as one value. What is not printable ASCII would not be
// safe in a log, and comes as hexadecimal digits.
func stringText(v []byte) string {
	for _, c := range v {
		if c < ' ' || c >= 0x7f {
			return hexText(v)
		}
	}
	return escape(string(v))
}

func hexText(v []byte) string {
	if len(v) == 0 {
		return ""
	}
	return "0x" + hex.EncodeToString(v)
}
