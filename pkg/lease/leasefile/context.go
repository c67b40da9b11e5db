package leasefile

import (
	"bytes"
	"math"
	"strconv"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Kea's v4 file has no column for the hardware type and means Ethernet. Another
// type stands in the user context, which Kea keeps, as the member
// "dhcp4o6":{"hwtype":N}. It goes in right behind a brace and is taken out from
// there, so that the rest of the context comes back octet for octet; only an
// empty object and no context at all are not told apart.
const (
	ourMember = "dhcp4o6"
	typeName  = "hwtype"
)

// appendContext4 appends the escaped user context of an IPv4 lease.
func appendContext4(b []byte, l *lease.Lease) []byte {
	ctx := []byte(l.UserContext)
	top := bytes.IndexByte(ctx, '{')
	if len(l.HWAddr) == 0 || top < 0 && len(ctx) > 0 || l.HWType == hwEthernet && !holdsHWType(ctx) {
		return appendEscaped(b, ctx)
	}
	if len(ctx) == 0 {
		b = appendHWType(append(b, '{'), l.HWType, false)
		return append(b, '}')
	}
	at, inside := top+1, false
	if m, ok := findMember(ctx[top:], ourMember); ok && ctx[top+m.value] == '{' {
		at, inside = top+m.value+1, true
	}
	b = appendEscaped(b, ctx[:at])
	b = appendHWType(b, l.HWType, inside)
	if rest := bytes.TrimLeft(ctx[at:], " \t\r\n"); len(rest) > 0 && rest[0] != '}' {
		b = appendEscaped(b, ",")
	}
	return appendEscaped(b, ctx[at:])
}

// appendHWType appends the member that holds the hardware type; inside: into an
// object of ours that is there already.
func appendHWType(b []byte, hwtype uint16, inside bool) []byte {
	if inside {
		b = append(b, `"hwtype":`...)
		return strconv.AppendUint(b, uint64(hwtype), 10)
	}
	b = append(b, `"dhcp4o6":{"hwtype":`...)
	b = strconv.AppendUint(b, uint64(hwtype), 10)
	return append(b, '}')
}

// findHWType finds the member that holds a hardware type: outer in the object at
// top, inner in the object that is outer's value.
func findHWType(ctx []byte) (top int, outer, inner member, hwtype uint16, ok bool) {
	if top = bytes.IndexByte(ctx, '{'); top < 0 || !bytes.Contains(ctx, []byte(typeName)) {
		return
	}
	if outer, ok = findMember(ctx[top:], ourMember); !ok || ctx[top+outer.value] != '{' {
		return top, outer, inner, 0, false
	}
	base := top + outer.value
	if inner, ok = findMember(ctx[base:], typeName); !ok {
		return
	}
	n, err := parseUint(ctx[base+inner.value:base+inner.end], math.MaxUint16)
	return top, outer, inner, uint16(n), err == nil
}

func holdsHWType(ctx []byte) bool {
	_, _, _, _, ok := findHWType(ctx)
	return ok
}

// cutHWType takes the hardware type out of a user context that holds one. The
// result shares memory with ctx, which is changed.
func cutHWType(ctx []byte) (rest []byte, hwtype uint16, ok bool) {
	top, outer, inner, hwtype, ok := findHWType(ctx)
	if !ok {
		return ctx, 0, false
	}
	if inner.only {
		ctx = cutMember(ctx, top, outer)
	} else {
		ctx = cutMember(ctx, top+outer.value, inner)
	}
	if len(bytes.Trim(ctx, "{} \t\r\n")) == 0 {
		ctx = nil
	}
	return ctx, hwtype, true
}

// member is where a member of an object stands, counted from the object's brace.
type member struct {
	name, value, end int  // first octet of the name, of the value, and behind the value
	after            int  // behind the comma that follows, or end
	before           int  // the comma in front, or name
	only             bool // the object has no other member
}

// cutMember removes a member of the object at base, and one comma with it.
func cutMember(ctx []byte, base int, m member) []byte {
	from, to := m.name, m.after
	if m.after == m.end {
		from = m.before
	}
	return append(ctx[:base+from], ctx[base+to:]...)
}

// findMember finds a member of the object that begins at obj[0]. It trusts the
// text to be JSON and finds nothing behind the point where it is not.
func findMember(obj []byte, name string) (member, bool) {
	comma := -1
	for i := 1; ; {
		m := member{name: skipSpace(obj, i)}
		nameEnd := skipString(obj, m.name)
		if nameEnd < 0 {
			return m, false
		}
		i = skipSpace(obj, nameEnd)
		if i >= len(obj) || obj[i] != ':' {
			return m, false
		}
		m.value = skipSpace(obj, i+1)
		m.end = skipValue(obj, m.value)
		if m.end < 0 {
			return m, false
		}
		m.before, m.after = m.name, m.end
		if comma >= 0 {
			m.before = comma
		}
		i = skipSpace(obj, m.end)
		more := i < len(obj) && obj[i] == ','
		if more {
			m.after = i + 1
		}
		m.only = comma < 0 && !more
		if string(obj[m.name+1:nameEnd-1]) == name {
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
