package optdef

import "strings"

// A token is one of the values of an option's text.
type token struct {
	text   string // trimmed, escapes resolved
	offset int    // of the first character that is not a space
}

// split cuts text at sep as Kea does: `\,` stands for the separator itself, `\\`
// for a backslash, a backslash before anything else for itself, and values that
// are empty are not there at all.
func split(text string, sep byte) []token {
	var out []token
	var b strings.Builder
	start, escaped := -1, false
	flush := func() {
		if start >= 0 && b.Len() > 0 {
			out = append(out, trim(b.String(), start))
		}
		b.Reset()
		start = -1
	}
	for i := range len(text) {
		c := text[i]
		if c == sep && !escaped {
			flush()
			continue
		}
		if start < 0 {
			start = i
		}
		switch {
		case c == '\\' && !escaped:
			escaped = true
			continue
		case escaped && c != sep && c != '\\':
			b.WriteByte('\\')
		}
		escaped = false
		b.WriteByte(c)
	}
	if escaped {
		b.WriteByte('\\')
	}
	flush()
	return out
}

const spaces = " \t\n\r\v\f"

func trim(s string, offset int) token {
	left := strings.TrimLeft(s, spaces)
	return token{strings.TrimRight(left, spaces), offset + len(s) - len(left)}
}

// escape writes s so that split gives it back as one value.
func escape(s string) string {
	return escaper.Replace(s)
}

var escaper = strings.NewReplacer(`\`, `\\`, `,`, `\,`)
