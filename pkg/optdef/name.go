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

// parseName reads the domain name at offset in value; n is how many octets it
// takes there. Names may point back to the tail of an earlier one, as DHCPv4
// allows in lists of them (RFC 3397 §2). A name that is not ended by the root is
// partial and comes without a dot at its end.
func parseName(value []byte, offset int) (name string, n int, err error) {
	var b strings.Builder
	at, limit, total := offset, len(value), 0
	for at < limit {
		size := int(value[at])
		switch {
		case size == 0:
			b.WriteByte('.')
			return b.String(), max(n, at+1-offset), nil
		case size >= 0xc0:
			to := size&0x3f<<8 | int(value[min(at+1, limit-1)])
			if at+1 == limit || to >= at {
				return "", 0, errName
			}
			n = max(n, at+2-offset)
			at, limit = to, at // every pointer leads before the one before, so there is an end
			continue
		}
		if total += 1 + size; size > 63 || at+1+size > limit || total > 254 {
			return "", 0, errName
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		writeLabel(&b, value[at+1:at+1+size])
		at += 1 + size
	}
	if n > 0 { // only a name that is written in one piece can be partial
		return "", 0, errName
	}
	return b.String(), at - offset, nil
}

var errName = fmt.Errorf("%w: domain name", ErrValue)

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
