package dhcp6

// Opaques is a run of octet strings, each behind its 16-bit length: the value of
// a User Class option (RFC 9915 §21.15), the classes of a Vendor Class option
// (§21.16), the parameters of a Boot File Parameters option (RFC 5970 §3.2).
type Opaques []byte

// ParseOpaques checks that v is a run of whole strings.
func ParseOpaques(v []byte) (Opaques, error) {
	for rest := v; len(rest) > 0; {
		if len(rest) < 2 || len(rest)-2 < int(be.Uint16(rest)) {
			return nil, ErrLength
		}
		rest = rest[2+int(be.Uint16(rest)):]
	}
	return Opaques(v), nil
}

// All yields every string in wire order.
func (o Opaques) All(yield func([]byte) bool) {
	for len(o) > 0 {
		n := 2 + int(be.Uint16(o))
		if !yield(o[2:n:n]) {
			return
		}
		o = o[n:]
	}
}
