package dhcp6

import "encoding/binary"

var be = binary.BigEndian

// Options is a run of options as it stands on the wire (RFC 9915 §21.1).
// ParseOptions checks it once; every method after that cannot fail. It shares
// memory with what was parsed.
type Options []byte

// ParseOptions checks that b is a run of whole options.
func ParseOptions(b []byte) (Options, error) {
	if whole(b) != len(b) {
		return nil, ErrOptionLength
	}
	return Options(b[:len(b):len(b)]), nil
}

// whole returns how many octets at the beginning of b are whole options.
func whole(b []byte) int {
	n := 0
	for len(b)-n >= 4 {
		size := 4 + int(be.Uint16(b[n+2:]))
		if size > len(b)-n {
			break
		}
		n += size
	}
	return n
}

// All yields every option in wire order: for code, v := range opts.All.
func (o Options) All(yield func(Code, []byte) bool) {
	for len(o) > 0 {
		n := 4 + int(be.Uint16(o[2:]))
		if !yield(Code(be.Uint16(o)), o[4:n:n]) {
			return
		}
		o = o[n:]
	}
}

// Option returns the value of the first option of that code.
func (o Options) Option(c Code) (value []byte, ok bool) {
	for len(o) > 0 {
		n := 4 + int(be.Uint16(o[2:]))
		if Code(be.Uint16(o)) == c {
			return o[4:n:n], true
		}
		o = o[n:]
	}
	return nil, false
}

// Has reports whether there is an option of that code.
func (o Options) Has(c Code) bool {
	_, ok := o.Option(c)
	return ok
}

// Count returns how many options of that code there are.
func (o Options) Count(c Code) int {
	count := 0
	for code := range o.All {
		if code == c {
			count++
		}
	}
	return count
}

// Len returns how many options there are.
func (o Options) Len() int {
	count := 0
	for range o.All {
		count++
	}
	return count
}

// split returns the options before the first one of code c, that option's
// value, and the options after it. Without one, everything is before it.
func (o Options) split(c Code) (before Options, value []byte, after Options, ok bool) {
	for at := 0; at < len(o); {
		end := at + 4 + int(be.Uint16(o[at+2:]))
		if Code(be.Uint16(o[at:])) == c {
			return o[:at:at], o[at+4 : end : end], o[end:], true
		}
		at = end
	}
	return o, nil, nil, false
}

// AppendOption writes a whole option at the end of b. The value is at most
// 65,535 octets long.
func AppendOption(b []byte, c Code, v []byte) []byte {
	b = be.AppendUint16(b, uint16(c))
	b = be.AppendUint16(b, uint16(len(v)))
	return append(b, v...)
}

// Open writes the header of an option at the end of out whose value follows; the
// mark is where the value begins and is handed to Shut when the value is whole.
// Options may be opened inside one another.
func Open(b []byte, c Code) (out []byte, mark int) {
	b = be.AppendUint16(b, uint16(c))
	b = be.AppendUint16(b, 0)
	return b, len(b)
}

// Shut sets the length of the option that Open began at mark: its value is all
// that was appended since.
func Shut(b []byte, mark int) []byte {
	be.PutUint16(b[mark-2:], uint16(len(b)-mark))
	return b
}
