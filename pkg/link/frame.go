package link

import "net/netip"

// A Framer writes the IPv4 and UDP headers before a payload. It is called by one
// goroutine at a time.
type Framer interface {
	// Frame returns the packet from the IPv4 header on; it is valid until the next
	// call. Both addresses are IPv4.
	Frame(src, dst netip.AddrPort, payload []byte) ([]byte, error)
}

// Headers is the Framer of clients. Servers have that of package layered, by
// gopacket, whose tables of all protocols there are take up 7 MB of memory, more
// than all of a client; the tests there hold one against the other.
type Headers struct{ buf []byte }

const (
	dontFragment = 0x4000 // an atomic datagram; its ID has no meaning (RFC 6864 §4.1)
	ttl          = 64
)

// Frame is part of Framer.
func (f *Headers) Frame(src, dst netip.AddrPort, payload []byte) ([]byte, error) {
	from, to := src.Addr().As4(), dst.Addr().As4()
	size := sizeUDP + len(payload)

	b := append(f.buf[:0], 4<<4|sizeIPv4/4, 0)
	b = be.AppendUint16(b, uint16(sizeIPv4+size))
	b = be.AppendUint32(b, dontFragment) // ID 0, flags, offset 0
	b = append(b, ttl, protoUDP, 0, 0)   // checksum to come
	b = append(append(b, from[:]...), to[:]...)
	be.PutUint16(b[10:], ^checksum(b, 0))

	b = be.AppendUint16(b, src.Port())
	b = be.AppendUint16(b, dst.Port())
	b = be.AppendUint16(b, uint16(size))
	b = append(append(b, 0, 0), payload...)
	pseudo := checksum(b[12:sizeIPv4], protoUDP+uint32(size))
	sum := ^checksum(b[sizeIPv4:], uint32(pseudo))
	if sum == 0 {
		sum = 0xffff // 0 would say that there is none (RFC 768)
	}
	be.PutUint16(b[sizeIPv4+6:], sum)
	f.buf = b
	return b, nil
}
