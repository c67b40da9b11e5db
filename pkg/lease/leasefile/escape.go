package leasefile

import "bytes"

// Kea's escapes stand for octets that would break a row: "&#x" and two digits.
// Kea 2.2 escapes the comma and the ampersand, newer ones all that is not
// printable ASCII, as we do. Both cases of the digits are read.
const (
	escapeTag = "&#x"
	lowerHex  = "0123456789abcdef"
)

// appendEscaped appends s to b so that it holds neither separator nor newline.
func appendEscaped[T ~string | ~[]byte](b []byte, s T) []byte {
	plain := 0 // from here on nothing has been appended
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < 0x20 || c > 0x7e || c == ',' || c == '&' {
			b = append(b, s[plain:i]...)
			b = append(b, '&', '#', 'x', lowerHex[c>>4], lowerHex[c&15])
			plain = i + 1
		}
	}
	return append(b, s[plain:]...)
}

// appendUnescaped appends to b what v stands for. A tag without two digits after
// it stands for itself, as in Kea.
func appendUnescaped(b, v []byte) []byte {
	for {
		i := bytes.Index(v, []byte(escapeTag))
		if i < 0 {
			return append(b, v...)
		}
		b = append(b, v[:i]...)
		v = v[i:]
		if len(v) < 5 || !isHex(v[3]) || !isHex(v[4]) {
			b = append(b, v[0])
			v = v[1:]
			continue
		}
		b = append(b, unhex(v[3])<<4|unhex(v[4]))
		v = v[5:]
	}
}

func isHex(c byte) bool {
	return c-'0' < 10 || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// unhex returns the value of a digit that isHex accepts.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
