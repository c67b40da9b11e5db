package dhcp6

import "net/netip"

// An IAPrefix is the IA Prefix option (RFC 9915 §21.22). Lifetimes are in
// seconds. Bits behind the prefix's length stay as they came.
type IAPrefix struct {
	Preferred, Valid uint32
	Prefix           netip.Prefix
	Options          Options
}

// ParseIAPrefix decodes the value of an IA Prefix option.
func ParseIAPrefix(v []byte) (IAPrefix, error) {
	if len(v) < 25 {
		return IAPrefix{}, ErrShort
	}
	if v[8] > 128 {
		return IAPrefix{}, ErrLength
	}
	options, err := ParseOptions(v[25:])
	if err != nil {
		return IAPrefix{}, err
	}
	prefix := netip.PrefixFrom(netip.AddrFrom16([16]byte(v[9:])), int(v[8]))
	return IAPrefix{be.Uint32(v), be.Uint32(v[4:]), prefix, options}, nil
}

// Append writes the whole option, header included, at the end of b.
func (a IAPrefix) Append(b []byte) []byte {
	b, mark := Open(b, OptIAPrefix)
	b = be.AppendUint32(b, a.Preferred)
	b = be.AppendUint32(b, a.Valid)
	addr := a.Prefix.Addr().As16()
	b = append(b, byte(max(a.Prefix.Bits(), 0)))
	b = append(b, addr[:]...)
	return Shut(append(b, a.Options...), mark)
}
