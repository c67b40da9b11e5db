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

// printable is text of a server's for the log.
func printable(v []byte) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == utf8.RuneError {
			return '?'
		}
		return c
	}, text(v))
}
