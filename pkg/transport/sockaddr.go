package transport

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A controlBuf holds the control messages of one datagram. What we ask for and
// send takes 88 octets at most.
type controlBuf struct {
	_ [0]uint64 // aligned as struct cmsghdr is
	b [128]byte
}

// limitedBroadcast is the address that clients without one send to.
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// sockaddr decodes the source that recvmmsg has written. Zones are left out,
// since Datagram.IfIndex says the link.
func sockaddr(sa *unix.RawSockaddrInet6, n int) netip.AddrPort {
	switch {
	case n >= unix.SizeofSockaddrInet4 && sa.Family == unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), ntohs(v4.Port))
	case n >= unix.SizeofSockaddrInet6 && sa.Family == unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), ntohs(sa.Port))
	}
	return netip.AddrPort{}
}

// putSockaddr encodes the destination of a datagram and returns its length. A
// link-local destination needs the link it is on (RFC 4007 §6).
func putSockaddr(sa *unix.RawSockaddrInet6, to netip.AddrPort, ifIndex int, v4 bool) (int, bool) {
	a := to.Addr()
	if v4 {
		if !a.Is4() {
			return 0, false
		}
		s := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		s.Family, s.Port, s.Addr = unix.AF_INET, ntohs(to.Port()), a.As4()
		return unix.SizeofSockaddrInet4, true
	}
	if !a.Is6() {
		return 0, false
	}
	sa.Family, sa.Port, sa.Flowinfo, sa.Addr, sa.Scope_id = unix.AF_INET6, ntohs(to.Port()), 0, a.As16(), 0
	if a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() {
		sa.Scope_id = uint32(ifIndex)
	}
	return unix.SizeofSockaddrInet6, true
}

// A control is what the control messages of a datagram say.
type control struct {
	local    netip.Addr
	ifIndex  int
	segment  int    // length of each coalesced datagram, 0 when there is one
	status   uint32 // of a packet, as link.Decode takes it
	drops    uint32
	hasDrops bool
}

// parseControl reads the control messages that we ask for and skips others. A
// length that does not fit ends the walk.
func parseControl(b []byte) (c control) {
	const header = unix.SizeofCmsghdr
	for len(b) >= header {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
		n := int(h.Len)
		if n < header || n > len(b) {
			return c
		}
		v := b[header:n]
		switch {
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(v) >= unix.SizeofInet6Pktinfo:
			c.local = netip.AddrFrom16([16]byte(v[:16])).Unmap()
			c.ifIndex = int(binary.NativeEndian.Uint32(v[16:]))
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(v) >= unix.SizeofInet4Pktinfo:
			c.ifIndex = int(binary.NativeEndian.Uint32(v))
			c.local = netip.AddrFrom4([4]byte(v[8:12])) // ipi_addr: as in the header
		case h.Level == unix.SOL_UDP && h.Type == unix.UDP_GRO && len(v) >= 4:
			c.segment = int(binary.NativeEndian.Uint32(v))
		case h.Level == unix.SOL_PACKET && h.Type == unix.PACKET_AUXDATA && len(v) >= 4:
			c.status = binary.NativeEndian.Uint32(v)
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(v) >= 4:
			c.drops, c.hasDrops = binary.NativeEndian.Uint32(v), true
		}
		b = b[min(unix.CmsgSpace(n-header), len(b)):]
	}
	return c
}

// putPacketInfo writes the control message that sets source address and
// outgoing link; it returns the octets used, 0 when there is nothing to say.
func putPacketInfo(b []byte, src netip.Addr, ifIndex int, v4 bool) int {
	switch {
	case v4 && (ifIndex != 0 || src.Is4()):
		v := putCmsg(b, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		binary.NativeEndian.PutUint32(v, uint32(ifIndex))
		if src.Is4() {
			a := src.As4()
			copy(v[4:8], a[:]) // ipi_spec_dst: the source, on sending
		}
		return unix.CmsgSpace(unix.SizeofInet4Pktinfo)
	case !v4 && (ifIndex != 0 || src.Is6()):
		v := putCmsg(b, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		if src.Is6() {
			a := src.As16()
			copy(v[:16], a[:])
		}
		binary.NativeEndian.PutUint32(v[16:], uint32(ifIndex))
		return unix.CmsgSpace(unix.SizeofInet6Pktinfo)
	}
	return 0
}

// putSegment writes the control message that has the kernel cut a send into
// datagrams of size octets.
func putSegment(b []byte, size int) int {
	binary.NativeEndian.PutUint16(putCmsg(b, unix.SOL_UDP, unix.UDP_SEGMENT, 2), uint16(size))
	return unix.CmsgSpace(2)
}

// putCmsg writes the header of a control message and returns its n octets of
// value, zeroed.
func putCmsg(b []byte, level, kind int32, n int) []byte {
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(n))
	v := b[unix.SizeofCmsghdr:unix.CmsgSpace(n)]
	clear(v)
	return v[:n]
}

// ntohs turns a port between host and network order.
func ntohs(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
