package link

import "net/netip"

// A framer writes the IPv4 and UDP headers before a payload, into one buffer that
// it reuses. The two headers are written here and not by gopacket, whose tables of
// all protocols there are take up 7 MB of memory, more than all of a client; the
// tests hold what is written against what it reads.
type framer struct{ buf []byte }

const (
	dontFragment = 0x4000 // an atomic datagram; its ID has no meaning (RFC 6864 §4.1)
	ttl          = 64
)

// frame returns the packet from the IPv4 header on; it is valid until the next
// call.
func (f *framer) frame(src, dst netip.AddrPort, payload []byte) []byte {
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
	return b
}
