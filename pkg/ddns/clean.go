package ddns

import (
	"regexp"
	"strings"
)

// A Cleaner replaces what must not stand in a name: hostname-char-set and
// hostname-char-replacement.
type Cleaner struct {
	// A set that is one bracket expression is worked out for each octet. That is
	// what everybody has, and it costs a look into a table.
	single  bool
	bad     [256]bool
	with    string
	pattern *regexp.Regexp
	expand  []byte // with, in the words of package regexp
}

// standard is Kea's default.
var standard = func() *Cleaner {
	c, err := NewCleaner("[^A-Za-z0-9.-]", "")
	if err != nil {
		panic(err)
	}
	return c
}()

// NewCleaner compiles a set, a POSIX extended regular expression as in Kea. nil is
// returned for an empty one: nothing is cleaned.
func NewCleaner(set, with string) (*Cleaner, error) {
	if set == "" {
		return nil, nil
	}
	set = string(latin([]byte(set))) // an octet is a character
	if _, err := regexp.CompilePOSIX(set); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(set) // as CompilePOSIX has it a set never holds the end of a line
	if err != nil {
		return nil, err
	}
	re.Longest()
	c := &Cleaner{with: with, pattern: re, expand: expansion(with)}
	if c.single = bracket(set) && !strings.Contains(with, "$"); c.single {
		for i := range c.bad {
			c.bad[i] = re.MatchString(string(rune(i)))
		}
	}
	return c, nil
}

// bracket reports whether a pattern is one bracket expression and nothing else.
func bracket(s string) bool {
	if !strings.HasPrefix(s, "[") {
		return false
	}
	at := 1
	if at < len(s) && s[at] == '^' {
		at++
	}
	if at < len(s) && s[at] == ']' { // the first one is a member
		at++
	}
	for at < len(s) {
		switch {
		case strings.HasPrefix(s[at:], "[:"):
			end := strings.Index(s[at:], ":]")
			if end < 0 {
				return false
			}
			at += end + 2
		case s[at] == '\\': // package regexp takes what follows as it stands
			at += 2
		case s[at] == ']':
			return at == len(s)-1
		default:
			at++
		}
	}
	return false
}

// expansion turns a replacement in the words of C++, which Kea uses, into those of
// package regexp.
func expansion(s string) []byte {
	var b []byte
	for i := 0; i < len(s); i++ {
		next := byte(0)
		if i+1 < len(s) {
			next = s[i+1]
		}
		switch {
		case s[i] != '$':
			b = append(b, string(rune(s[i]))...)
		case next == '$':
			b = append(b, "$$"...)
			i++
		case next == '&':
			b = append(b, "${0}"...)
			i++
		case '0' <= next && next <= '9':
			b = append(b, '$', '{', next, '}')
			i++
		default:
			b = append(b, "$$"...)
		}
	}
	return b
}

// append appends the octets of s to b, cleaned. Octets beyond ASCII are
// characters of their own, as they are for Kea. It allocates only where the set
// is more than one bracket expression and finds something.
func (c *Cleaner) append(b, s []byte) []byte {
	if c == nil {
		return append(b, s...)
	}
	if c.single {
		for _, o := range s {
			if c.bad[o] {
				b = append(b, c.with...)
			} else {
				b = append(b, o)
			}
		}
		return b
	}
	text := s
	for _, o := range s {
		if o >= 0x80 {
			text = latin(s)
			break
		}
	}
	if !c.pattern.Match(text) {
		return append(b, s...)
	}
	for _, r := range string(c.pattern.ReplaceAll(text, c.expand)) {
		b = append(b, byte(r))
	}
	return b
}

// latin makes one character of each octet.
func latin(s []byte) []byte {
	var b []byte
	for _, o := range s {
		b = append(b, string(rune(o))...)
	}
	return b
}
