package dhcp4

// SubOptions is the content of an option that is itself a run of options with
// one octet of code and one of length: relay agent information (RFC 3046 §2.0),
// vendor-specific information (RFC 2132 §8.4). ParseSubOptions checks it once.
type SubOptions []byte

// ParseSubOptions checks v and returns it as SubOptions. There is neither Pad
// nor End in it (RFC 3046 §2.0).
func ParseSubOptions(v []byte) (SubOptions, error) {
	for rest := v; len(rest) > 0; {
		if len(rest) < 2 || len(rest) < 2+int(rest[1]) {
			return nil, ErrOptions
		}
		rest = rest[2+int(rest[1]):]
	}
	return SubOptions(v), nil
}

// All yields every suboption in the order of the wire.
func (o SubOptions) All(yield func(Code, []byte) bool) {
	for len(o) > 0 {
		n := 2 + int(o[1])
		if !yield(Code(o[0]), o[2:n:n]) {
			return
		}
		o = o[n:]
	}
}

// Option returns the value of the first suboption c.
func (o SubOptions) Option(c Code) (value []byte, ok bool) {
	for code, v := range o.All {
		if code == c {
			return v, true
		}
	}
	return nil, false
}
