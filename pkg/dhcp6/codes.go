package dhcp6

// Codes is the value of an Option Request option (RFC 9915 §21.7) or an Echo
// Request option (RFC 4994 §4): a list of option codes.
type Codes []byte

// ParseCodes checks the value of an option that lists codes.
func ParseCodes(v []byte) (Codes, error) {
	if len(v)%2 != 0 {
		return nil, ErrLength
	}
	return Codes(v), nil
}

// All yields every code in wire order.
func (c Codes) All(yield func(Code) bool) {
	for ; len(c) > 0; c = c[2:] {
		if !yield(Code(be.Uint16(c))) {
			return
		}
	}
}

// Has reports whether code is in the list.
func (c Codes) Has(code Code) bool {
	for ; len(c) > 0; c = c[2:] {
		if Code(be.Uint16(c)) == code {
			return true
		}
	}
	return false
}

// Len returns how many codes there are.
func (c Codes) Len() int { return len(c) / 2 }
