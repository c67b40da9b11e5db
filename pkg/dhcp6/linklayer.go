package dhcp6

// A ClientLinkLayer is the Client Link-Layer Address option that the relay
// nearest the client may put in (RFC 6939 §4).
type ClientLinkLayer struct {
	HWType uint16
	Addr   []byte // shares memory with the parsed message
}

// ParseClientLinkLayer decodes the value of a Client Link-Layer Address option.
func ParseClientLinkLayer(v []byte) (ClientLinkLayer, error) {
	if len(v) < 3 {
		return ClientLinkLayer{}, ErrShort
	}
	return ClientLinkLayer{be.Uint16(v), v[2:]}, nil
}

// Append writes the whole option, header included, at the end of b.
func (c ClientLinkLayer) Append(b []byte) []byte {
	b, mark := Open(b, OptClientLinkLayerAddr)
	b = be.AppendUint16(b, c.HWType)
	return Shut(append(b, c.Addr...), mark)
}
