package classify

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// text pushes an option as Kea describes it in words: the bare text of an option
// of type string, and for any other a line that begins with its code and length.
func (m *machine) text(in *instr, v []byte) {
	last := &in.path[len(in.path)-1]
	if last.isText() {
		m.push(v)
		return
	}
	const most = 12 // octets of text for one of the value: " 255(uint8)"
	if !m.room(most*len(v) + 64) {
		return
	}
	mark := len(m.out)
	width := 3
	if in.family == optdef.V6 {
		width = 5
	}
	m.out = append(m.out, "type="...)
	m.out = appendPadded(m.out, int(last.code), width)
	m.out = append(m.out, ", len="...)
	m.out = appendPadded(m.out, len(v), width)
	m.out = append(m.out, ':')
	if out, ok := appendFields(m.out, last.def, v); ok {
		m.out = out
	} else {
		m.out = appendOctets(m.out, v)
	}
	m.since(mark)
}

// trimNULs leaves out what some clients end their strings with; Kea's codec does.
func trimNULs(v []byte) []byte {
	for len(v) > 0 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	return v
}

func appendPadded(b []byte, n, width int) []byte {
	limit := 1
	for range width - 1 {
		limit *= 10
	}
	for ; limit > 1 && n < limit; limit /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// appendFields writes values of the types whose size is fixed. It refuses, and
// what it wrote is void, when the value does not fit the definition or when the
// type has no such form.
func appendFields(b []byte, d *optdef.Definition, v []byte) (out []byte, ok bool) {
	if d == nil || d.Type == optdef.Record || d.Encapsulates != "" || typeLen(d.Type) <= 0 || d.Type == optdef.PSID {
		return nil, false
	}
	size := typeLen(d.Type)
	if len(v) < size || len(v)%size != 0 || !d.Array && len(v) != size {
		return nil, false
	}
	for ; len(v) > 0; v = v[size:] {
		b = appendField(append(b, ' '), d.Type, v[:size])
		if d.Type >= optdef.Int8 && d.Type <= optdef.Uint32 {
			if !d.Array {
				b = append(b, ' ') // Kea parts the type from a single number
			}
			b = append(append(append(b, '('), d.Type.String()...), ')')
		}
	}
	return b, true
}

func appendField(b []byte, t optdef.Type, v []byte) []byte {
	switch t {
	case optdef.Boolean:
		return strconv.AppendBool(b, v[0] != 0)
	case optdef.IPv4Address:
		return netip.AddrFrom4([4]byte(v)).AppendTo(b)
	case optdef.IPv6Address:
		return appendAddr6(b, [16]byte(v))
	case optdef.Int8, optdef.Int16, optdef.Int32:
		return appendInt(b, v, true)
	default:
		return strconv.AppendUint(b, unsigned(v), 10)
	}
}

func unsigned(v []byte) uint64 {
	switch len(v) {
	case 1:
		return uint64(v[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(v))
	default:
		return uint64(binary.BigEndian.Uint32(v))
	}
}

// appendOctets writes a value without a form of its own: hexadecimal digits, and
// the text behind them when all of it can be printed.
func appendOctets(b, v []byte) []byte {
	b = append(b, ' ')
	if len(v) == 0 {
		return append(b, "''"...)
	}
	printable := true
	for i, c := range v {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
		printable = printable && c >= ' ' && c <= '~'
	}
	if printable {
		b = append(append(append(b, " '"...), v...), '\'')
	}
	return b
}
