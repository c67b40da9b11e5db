package client4

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

func areNames(names []string) bool {
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return !hostconf.IsName(n) })
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
