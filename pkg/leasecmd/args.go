package leasecmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"unicode/utf8"
)

// members are the arguments of a command, or a map among them.
type members map[string]json.RawMessage

// mapOf reads a map; ok is false for anything else.
func mapOf(v json.RawMessage) (m members, ok bool) {
	if len(v) == 0 || v[0] != '{' {
		return nil, false
	}
	return m, json.Unmarshal(v, &m) == nil
}

// given reads the map of a command that needs one.
func given(args json.RawMessage) (members, error) {
	if args == nil {
		return nil, errNoArguments
	}
	m, isMap := mapOf(args)
	if !isMap {
		return nil, errNotMap
	}
	return m, nil
}

// has reports whether there is a member of that name; null is one.
func (m members) has(name string) bool { return m[name] != nil }

// isText reads a string as Kea does: octets as they are, \u00e9 for the octet e9.
func isText(v json.RawMessage) (string, bool) {
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	v = v[1 : len(v)-1]
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v), true
	}
	b := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' {
			b = append(b, v[i])
			continue
		}
		i++
		switch c := v[i]; c {
		case 'u':
			n, err := strconv.ParseUint(string(v[i+1:i+5]), 16, 16)
			switch {
			case err != nil:
				return "", false
			case n < 256:
				b = append(b, byte(n))
			default:
				b = utf8.AppendRune(b, rune(n))
			}
			i += 4
		case 'b', 'f', 'n', 'r', 't':
			b = append(b, "\b\f\n\r\t"[bytes.IndexByte([]byte("bfnrt"), c)])
		default: // a quotation mark or a stroke
			b = append(b, c)
		}
	}
	return string(b), true
}

// isInt reads an integer: no point, no exponent, as in Kea.
func isInt(v json.RawMessage) (n int64, ok bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil
}

func isBool(v json.RawMessage) (b, ok bool) {
	return string(v) == "true", string(v) == "true" || string(v) == "false"
}

// address reads the text of an address.
func address(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, refusef("Failed to convert string to address '%s': Invalid argument", s)
	}
	return a, nil
}

// A reader takes the parameters of a lease out of a map. The first thing that is
// wrong stays in err, and what is read after it means nothing.
type reader struct {
	m   members
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = refusef(format, args...)
	}
}

// need complains when a mandatory parameter is not there.
func (r *reader) need(name string) {
	if !r.m.has(name) {
		r.fail("missing parameter '%s'", name)
	}
}

func wrong[T any](r *reader, name string, v T, ok bool) T {
	if !ok {
		r.fail("invalid type specified for parameter '%s'", name)
	}
	return v
}

// text reads an optional text.
func (r *reader) text(name string) string {
	if !r.m.has(name) {
		return ""
	}
	s, ok := isText(r.m[name])
	return wrong(r, name, s, ok)
}

func (r *reader) flag(name string) bool {
	if !r.m.has(name) {
		return false
	}
	b, ok := isBool(r.m[name])
	return wrong(r, name, b, ok)
}

// number reads a number from 0 to most, otherwise where there is none.
func (r *reader) number(name string, most, otherwise int64) int64 {
	if !r.m.has(name) {
		return otherwise
	}
	n := r.integer(name)
	if n < 0 || n > most {
		r.fail("out of range value (%d) specified for parameter '%s'", n, name)
	}
	return n
}

func (r *reader) integer(name string) int64 {
	n, ok := isInt(r.m[name])
	return wrong(r, name, n, ok)
}

// address reads the mandatory address.
func (r *reader) address(name string) netip.Addr {
	r.need(name)
	s := r.text(name)
	a, err := address(s)
	if err != nil {
		r.fail("Failed to convert '%s' to address: %v", s, err)
	}
	return a
}

// keep notes the error of another step.
func keep[T any](r *reader, v T, err error) T {
	if err != nil && r.err == nil {
		r.err = err
	}
	return v
}

var errNoArguments = refusef("no parameters specified for the command")

// A refusal is an error in Kea's words, which are not those of Go's errors.
type refusal string

func (r refusal) Error() string { return string(r) }

func refusef(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }
