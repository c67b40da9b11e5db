package leasefile

import "bytes"

// arena is the memory of one lease at a time.
type arena struct{ buf, free []byte }

// reset takes back what was handed out.
func (m *arena) reset() { m.free = m.buf }

func (m *arena) take(n int) []byte {
	if n > len(m.free) {
		m.buf = make([]byte, 2*(len(m.buf)+n))
		m.free = m.buf
	}
	b := m.free[:0:n]
	m.free = m.free[n:]
	return b
}

// unescape returns what v stands for, nil for nothing.
func (m *arena) unescape(v []byte) []byte {
	if len(v) == 0 {
		return nil
	}
	return appendUnescaped(m.take(len(v)), v)
}

// octets reads hexadecimal as Kea does: one or two digits between colons or
// blanks, or digits in one run. Nothing gives nil.
func (m *arena) octets(v []byte) ([]byte, error) {
	if len(v) == 0 {
		return nil, nil
	}
	separator := byte(':')
	if bytes.IndexByte(v, separator) < 0 {
		separator = ' '
		if len(v) > 2 && bytes.IndexByte(v, separator) < 0 {
			return m.plain(v)
		}
	}
	b := m.take(len(v)/2 + 1)
	for digits := 0; ; v = v[1:] {
		switch {
		case len(v) == 0 && digits > 0:
			return b, nil
		case len(v) == 0, v[0] == separator && digits == 0:
			return nil, errOctets
		case v[0] == separator:
			digits = 0
		case !isHex(v[0]) || digits == 2:
			return nil, errOctets
		case digits == 0:
			b = append(b, unhex(v[0]))
			digits = 1
		default:
			b[len(b)-1] = b[len(b)-1]<<4 | unhex(v[0])
			digits = 2
		}
	}
}

// plain reads digits in one run; an odd count has a zero in front.
func (m *arena) plain(v []byte) ([]byte, error) {
	if v[0] == '0' && v[1] == 'x' {
		v = v[2:]
	}
	b := m.take(len(v)/2 + 1)
	for i, c := range v {
		if !isHex(c) {
			return nil, errOctets
		}
		if (len(v)-i)%2 == 0 || i == 0 {
			b = append(b, unhex(c))
			continue
		}
		b[len(b)-1] = b[len(b)-1]<<4 | unhex(c)
	}
	return b, nil
}
