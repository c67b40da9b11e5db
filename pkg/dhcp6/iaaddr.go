package dhcp6

import "net/netip"

// An IAAddr is the IA Address option (RFC 9915 §21.6). Lifetimes are in seconds.
type IAAddr struct {
	Addr             netip.Addr
	Preferred, Valid uint32
	Options          Options
}

// ParseIAAddr decodes the value of an IA Address option.
func ParseIAAddr(v []byte) (IAAddr, error) {
	if len(v) < 24 {
		return IAAddr{}, ErrShort
	}
	options, err := ParseOptions(v[24:])
	if err != nil {
		return IAAddr{}, err
	}
	return IAAddr{netip.AddrFrom16([16]byte(v)), be.Uint32(v[16:]), be.Uint32(v[20:]), options}, nil
}

// Append writes the whole option, header included, at the end of b.
func (a IAAddr) Append(b []byte) []byte {
	b, mark := Open(b, OptIAAddr)
	addr := a.Addr.As16()
	b = append(b, addr[:]...)
	b = be.AppendUint32(b, a.Preferred)
	b = be.AppendUint32(b, a.Valid)
	return Shut(append(b, a.Options...), mark)
}
