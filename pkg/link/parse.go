package link

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

var be = binary.BigEndian

// Why a frame is not taken. A Receiver counts them and reads on.
var (
	errShort    = errors.New("link: packet cut short")
	errHeader   = errors.New("link: malformed IPv4 header")
	errFragment = errors.New("link: fragment")
	errProtocol = errors.New("link: not UDP")
	errLength   = errors.New("link: UDP length does not fit the packet")
	errChecksum = errors.New("link: wrong checksum")
	errSource   = errors.New("link: not an address that a host can have")
	errVLAN     = errors.New("link: frame of a VLAN")
)

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

const (
	sizeIPv4 = 20 // without options
	sizeUDP  = 8
	protoUDP = 17
)

// Decode takes apart what a packet socket of this package has read: an IPv4 packet
// that holds a whole UDP datagram, and what the kernel says of it, the tp_status of
// PACKET_AUXDATA (packet(7)). The checksum of a packet of this machine may have been
// left to hardware that it never came to (TP_STATUS_CSUMNOTREADY). A packet that is
// not what it should be is an error of this package. The payload shares memory
// with packet; nothing is allocated.
func Decode(packet []byte, status uint32) (src, dst netip.AddrPort, payload []byte, err error) {
	if status&unix.TP_STATUS_VLAN_VALID != 0 {
		return src, dst, nil, errVLAN
	}
	return parse(packet, status&unix.TP_STATUS_CSUMNOTREADY != 0)
}

// parse decodes an IPv4 packet that holds a whole UDP datagram. What stands
// behind the packet is the padding of the frame. unfinished is set for a packet of
// this machine whose UDP checksum was left to the hardware that it never came to.
// The payload shares memory with p.
func parse(p []byte, unfinished bool) (src, dst netip.AddrPort, payload []byte, err error) {
	head, udp, err := splitIPv4(p)
	if err != nil {
		return src, dst, nil, err
	}
	if len(udp) < sizeUDP {
		return src, dst, nil, errShort
	}
	n := int(be.Uint16(udp[4:]))
	if n < sizeUDP || n > len(udp) {
		return src, dst, nil, errLength
	}
	udp = udp[:n:n]
	if given := be.Uint16(udp[6:]); given != 0 && !unfinished { // 0: the sender made none (RFC 768)
		pseudo := uint32(protoUDP) + uint32(n)
		if checksum(head[12:20], uint32(checksum(udp, pseudo))) != 0xffff {
			return src, dst, nil, errChecksum
		}
	}
	src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(head[12:])), be.Uint16(udp))
	if a := src.Addr(); a.IsMulticast() || a.IsLoopback() || a == limitedBroadcast { // RFC 1122 §3.2.1.3
		return src, dst, nil, errSource
	}
	dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(head[16:])), be.Uint16(udp[2:]))
	return src, dst, udp[sizeUDP:], nil
}

// splitIPv4 checks an IPv4 header (RFC 791 §3.1) and returns it and what it is
// the header of.
func splitIPv4(p []byte) (head, rest []byte, err error) {
	if len(p) < sizeIPv4 {
		return nil, nil, errShort
	}
	size := int(p[0]&15) * 4
	total := int(be.Uint16(p[2:]))
	switch {
	case p[0]>>4 != 4, size < sizeIPv4, total < size:
		return nil, nil, errHeader
	case total > len(p):
		return nil, nil, errShort
	case be.Uint16(p[6:])&0x3fff != 0:
		return nil, nil, errFragment
	case checksum(p[:size], 0) != 0xffff:
		return nil, nil, errChecksum
	case p[9] != protoUDP:
		return nil, nil, errProtocol
	}
	return p[:size], p[size:total], nil
}

// checksum adds b to a sum in ones' complement (RFC 1071); 0xffff is what remains
// of octets with a checksum among them that holds.
func checksum(b []byte, start uint32) uint16 {
	s := uint64(start)
	for ; len(b) > 1; b = b[2:] {
		s += uint64(be.Uint16(b))
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
