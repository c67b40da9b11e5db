package optdef

import (
	"fmt"
	"strings"
)

// appendName writes a domain name as labels with their lengths, uncompressed and
// ended by the root (RFC 1035 §3.1). A dot at the end changes nothing: every
// name is taken to be complete, as in Kea.
func appendName(b []byte, text string) ([]byte, string) {
	const want = "a domain name: labels of 1 to 63 octets, 255 in all"
	name := strings.TrimSuffix(text, ".")
	if text == "." {
		return append(b, 0), ""
	}
	if name == "" || len(name) > 253 {
		return b, want
	}
	mark := len(b)
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || !validLabel(label) {
			return b[:mark], want
		}
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0), ""
}

// validLabel refuses what could be taken for something else once the name is
// text again: dots cannot be in it, and spaces, controls and octets outside
// ASCII are refused here.
func validLabel(label string) bool {
	for i := range len(label) {
		if c := label[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == ',' {
			return false
		}
	}
	return true
}

// parseName reads a domain name from the beginning of v; n is how many octets it
// took. A name that is not ended by the root is partial and comes without a dot
// at its end.
func parseName(v []byte) (name string, n int, err error) {
	var b strings.Builder
	for n < len(v) {
		size := int(v[n])
		if n++; size == 0 {
			b.WriteByte('.')
			return b.String(), n, nil
		}
		if size > 63 || n+size > len(v) || n+size > 255 {
			return "", 0, fmt.Errorf("%w: domain name", ErrValue)
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		writeLabel(&b, v[n:n+size])
		n += size
	}
	return b.String(), n, nil
}

// writeLabel writes octets that are not printable, and dots, as \DDD (RFC 1035
// §5.1).
func writeLabel(b *strings.Builder, label []byte) {
	for _, c := range label {
		if c <= ' ' || c >= 0x7f || c == '.' || c == '\\' || c == ',' {
			fmt.Fprintf(b, `\%03d`, c)
			continue
		}
		b.WriteByte(c)
	}
}
