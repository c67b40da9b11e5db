// Package member finds members of JSON objects in the text itself, so that a lease's
// user context, which may be somebody else's, can be changed in one place and stay
// octet for octet what it was in all others. It allocates nothing.
package member

// A Member is where a member of an object stands, counted from the object's brace.
type Member struct {
	Name, Value, End int  // first octet of the name, of the value, and behind the value
	After            int  // behind the comma that follows, or End
	Before           int  // the comma in front, or Name
	Only             bool // the object has no other member
}

// Find finds a member of the object that begins at obj[0]. It trusts the
// text to be JSON and finds nothing behind the point where it is not.
func Find(obj []byte, name string) (Member, bool) {
	comma := -1
	for i := 1; ; {
		m := Member{Name: skipSpace(obj, i)}
		nameEnd := skipString(obj, m.Name)
		if nameEnd < 0 {
			return m, false
		}
		i = skipSpace(obj, nameEnd)
		if i >= len(obj) || obj[i] != ':' {
			return m, false
		}
		m.Value = skipSpace(obj, i+1)
		m.End = skipValue(obj, m.Value)
		if m.End < 0 {
			return m, false
		}
		m.Before, m.After = m.Name, m.End
		if comma >= 0 {
			m.Before = comma
		}
		i = skipSpace(obj, m.End)
		more := i < len(obj) && obj[i] == ','
		if more {
			m.After = i + 1
		}
		m.Only = comma < 0 && !more
		if string(obj[m.Name+1:nameEnd-1]) == name {
			return m, true
		}
		if !more {
			return m, false
		}
		comma = i
		i++
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// skipString returns the index behind the string at i, -1 when there is none.
func skipString(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// skipValue returns the index behind the value at i, -1 when there is none.
func skipValue(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			i--
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}
