package client4

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// isName reports whether s may be the name of a host or a domain: letters, digits,
// hyphens and underscores in labels of 1 to 63, 253 octets at most, a dot at the
// end or none. Nothing that means anything to a shell or a resolver is among them.
func isName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func areNames(names []string) bool {
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return !isName(n) })
}

// domainList is the names in an option 15. Spaces part them, and nothing else does.
func domainList(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ' ' })
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// isURI reports whether s has only what a URI may have (RFC 3986 §2) and begins
// with the scheme of a web page.
func isURI(s string) bool {
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return false
	}
	for _, c := range []byte(s) {
		if !isLetter(c) && !isDigit(c) && !strings.ContainsRune("-._~:/?#[]@!$&'()*+,;=%", rune(c)) {
			return false
		}
	}
	return true
}

// isPath reports whether s has only what dhclient lets through in the name of a
// file.
func isPath(s string) bool {
	for _, c := range []byte(s) {
		if !isLetter(c) && !isDigit(c) && !strings.ContainsRune(`#%+-_:.,@~\/[]= `, rune(c)) {
			return false
		}
	}
	return s != ""
}

// printable is text of a server's for the log.
func printable(v []byte) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == utf8.RuneError {
			return '?'
		}
		return c
	}, text(v))
}
