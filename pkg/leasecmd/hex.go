package leasecmd

import "strings"

// Limits of Kea on identifiers.
const (
	maxHWAddr   = 20
	maxDUID     = 130 // RFC 9915 §11.1: a type of two octets and up to 128
	maxClientID = 128 // of Kea 2.2, which could not load the lease file otherwise
	minClientID = 2
)

// hwAddr reads a hardware address, octets of one or two digits with colons between.
func hwAddr(s string) ([]byte, error) {
	b, err := separated(s, ":")
	if err == nil && len(b) > maxHWAddr {
		return nil, refusef("address vector size exceeds MAX_HWADDR_LEN")
	}
	return b, err
}

// clientID reads a client identifier.
func clientID(s string) ([]byte, error) {
	b, err := identifier(s, maxClientID)
	if err == nil && len(b) < minClientID {
		return nil, refusef("client-id is too short (%d), at least %d is required", len(b), minClientID)
	}
	return b, err
}

// duid reads a DUID.
func duid(s string) ([]byte, error) { return identifier(s, maxDUID) }

func identifier(s string, most int) ([]byte, error) {
	b, err := formatted(s)
	switch {
	case err != nil:
		return nil, err
	case len(b) == 0:
		return nil, refusef("Empty DUIDs are not allowed")
	case len(b) > most:
		return nil, refusef("DUID size is %d bytes, exceeds maximum of %d", len(b), most)
	}
	return b, nil
}

// formatted reads octets with colons or blanks between, or digits in a row, with or
// without 0x in front.
func formatted(s string) ([]byte, error) {
	for _, sep := range []string{":", " "} {
		if strings.Contains(s, sep) {
			return separated(s, sep)
		}
	}
	digits := strings.TrimPrefix(s, "0x")
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	b := make([]byte, 0, len(digits)/2)
	for i := 0; i < len(digits); i += 2 {
		hi, lo := digit(digits[i]), digit(digits[i+1])
		if hi > 15 || lo > 15 {
			return nil, refusef("'%s' is not a valid string of hexadecimal digits", s)
		}
		b = append(b, hi<<4|lo)
	}
	return b, nil
}

func separated(s, sep string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	var b []byte
	for part := range strings.SplitSeq(s, sep) {
		switch {
		case part == "":
			return nil, refusef("two consecutive separators ('%s') specified in a decoded string '%s'", sep, s)
		case len(part) > 2:
			return nil, refusef("invalid format of the decoded string '%s'", s)
		}
		octet := byte(0)
		for i := range len(part) {
			d := digit(part[i])
			if d > 15 {
				return nil, refusef("'%c' is not a valid hexadecimal digit in decoded string '%s'", part[i], s)
			}
			octet = octet<<4 | d
		}
		b = append(b, octet)
	}
	return b, nil
}

// digit returns the value of a hexadecimal digit, 255 for anything else.
func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
