package classify

import (
	"net/netip"
	"strconv"
)

// match tries no value that would keep it busy for long: its time grows with the
// length of the value times that of the expression.
func (m *machine) match(in *instr) {
	v := m.pop()
	if len(v) > maxMatch {
		m.err = ErrLong
		return
	}
	m.truth = in.re.Match(v)
}

// substring cuts a value as Kea does: a negative start counts from the end, a
// negative length takes what stands ahead of the start.
func substring(v []byte, in *instr) []byte {
	start, n := in.n, in.length
	if in.whole {
		n = len(v)
	}
	if start < -len(v) || start >= len(v) {
		return nil
	}
	if start < 0 {
		start += len(v)
	}
	if n < 0 {
		n = min(-n, start)
		start -= n
	}
	return v[start : start+min(n, len(v)-start)]
}

// split returns the field-th part, from 1, of what stands between octets of the
// set. No set: the whole.
func split(v, set []byte, field int) []byte {
	if len(set) == 0 {
		return v
	}
	var cuts [256]bool
	for _, c := range set {
		cuts[c] = true
	}
	start, at := 0, 1
	for i, c := range v {
		if !cuts[c] {
			continue
		}
		if at == field {
			return v[start:i]
		}
		start, at = i+1, at+1
	}
	if at != field {
		return nil
	}
	return v[start:]
}

func (m *machine) concat(a, b []byte) {
	switch {
	case len(a) == 0:
		m.push(b)
	case len(b) == 0:
		m.push(a)
	case m.room(len(a) + len(b)):
		mark := len(m.out)
		m.out = append(append(m.out, a...), b...)
		m.since(mark)
	}
}

// mapped exchanges the case of the letters from low to high; others stay.
func (m *machine) mapped(low, high byte) {
	v := m.pop()
	if !m.room(len(v)) {
		return
	}
	mark := len(m.out)
	for _, c := range v {
		if c >= low && c <= high {
			c ^= 0x20
		}
		m.out = append(m.out, c)
	}
	m.since(mark)
}

const hexDigits = "0123456789abcdef"

func (m *machine) hexString(v, sep []byte) {
	if len(v) == 0 {
		m.push(nil)
		return
	}
	if !m.room(2*len(v) + (len(v)-1)*len(sep)) {
		return
	}
	mark := len(m.out)
	for i, c := range v {
		if i > 0 {
			m.out = append(m.out, sep...)
		}
		m.out = append(m.out, hexDigits[c>>4], hexDigits[c&15])
	}
	m.since(mark)
}

// addrText leaves an empty value as it is, as all conversions do.
func (m *machine) addrText() {
	v := m.pop()
	mark := len(m.out)
	switch len(v) {
	case 0:
		m.push(nil)
		return
	case 4:
		m.out = netip.AddrFrom4([4]byte(v)).AppendTo(m.out)
	case 16:
		m.out = appendAddr6(m.out, [16]byte(v))
	default:
		m.err = ErrAddress
	}
	m.since(mark)
}

// appendAddr6 writes an address as Kea does, the IPv4-compatible ones (RFC 4291
// §2.5.5.1) with dots.
func appendAddr6(b []byte, v [16]byte) []byte {
	if [12]byte(v[:]) == [12]byte{} && (v[12] != 0 || v[13] != 0) {
		b = append(b, "::"...)
		return netip.AddrFrom4([4]byte(v[12:])).AppendTo(b)
	}
	return netip.AddrFrom16(v).AppendTo(b)
}

func (m *machine) intText(in *instr) {
	v := m.pop()
	mark := len(m.out)
	switch len(v) {
	case 0:
		m.push(nil)
		return
	case in.n:
		m.out = appendInt(m.out, v, in.signed)
	default:
		m.err = ErrInteger
	}
	m.since(mark)
}

// appendInt writes an integer of at most four octets, the most significant first.
func appendInt(b, v []byte, signed bool) []byte {
	var n uint64
	for _, c := range v {
		n = n<<8 | uint64(c)
	}
	if signed {
		shift := 64 - 8*len(v)
		return strconv.AppendInt(b, int64(n<<shift)>>shift, 10)
	}
	return strconv.AppendUint(b, n, 10)
}
