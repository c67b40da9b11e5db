package hostconf

import (
	"fmt"
	"strings"
)

// Text writes octets of an option as dhclient gives text to its script: printable
// ASCII alone, the rest as \ooo, and a backslash before what means something between
// a shell's quotes. A NUL at the end is left out.
func Text(b []byte) string {
	var w strings.Builder
	for i, c := range b {
		switch {
		case c == 0 && i == len(b)-1:
		case c < ' ' || c > '~':
			fmt.Fprintf(&w, `\%03o`, c)
		case strings.IndexByte(special, c) >= 0:
			w.WriteByte('\\')
			w.WriteByte(c)
		default:
			w.WriteByte(c)
		}
	}
	return w.String()
}

// special is what Text puts a backslash before.
const special = "\"'$`\\|&"

// isText reports whether Text could have written s.
func isText(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c < ' ' || c > '~':
			return false
		case c == '\\':
			n := escaped(s[i+1:])
			if n == 0 {
				return false
			}
			i += n
		case strings.IndexByte(special, c) >= 0:
			return false
		}
	}
	return true
}

// escaped returns how much of s belongs to the backslash before it: a character
// that needs one, or three octal digits; 0: neither.
func escaped(s string) int {
	if s == "" {
		return 0
	}
	if strings.IndexByte(special, s[0]) >= 0 {
		return 1
	}
	if len(s) < 3 || s[0] > '3' {
		return 0
	}
	for i := range 3 {
		if s[i] < '0' || s[i] > '7' {
			return 0
		}
	}
	return 3
}

// IsName reports whether s is a domain name that a resolver, a shell and a file may
// be given: labels of letters, digits and hyphens (RFC 1035 §2.3.1), which may begin with a
// digit (RFC 1123 §2.1). An underscore is let through, as many networks have one. A
// dot at the end is allowed.
func IsName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// isNames reports whether s is one name or several with spaces between them.
func isNames(s string) bool {
	names := strings.Fields(s)
	for _, n := range names {
		if !IsName(n) {
			return false
		}
	}
	return len(names) > 0
}

// IsPath reports whether s is a path as dhclient takes one for its script.
func IsPath(s string) bool { return s != "" && only(s, `#%+-_:.,@~\/[]= `) }

// IsURI reports whether s begins with the scheme of a web page and has only what a URI
// may have (RFC 3986 §2).
func IsURI(s string) bool {
	return (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) && only(s, "-._~:/?#[]@!$&'()*+,;=%")
}

// only reports whether s has letters, digits and these alone.
func only(s, these string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte(these, c) >= 0:
		default:
			return false
		}
	}
	return true
}
