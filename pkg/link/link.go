// Package link is for DHCPv4 where the kernel's UDP does not reach: it sends
// datagrams to and from hosts that have no address yet, and finds out whether an
// address is free.
//
// A DHCP client that asks for its first address cannot answer ARP, so the
// kernel's UDP cannot reach it by unicast (RFC 2131 §4.1). A Sender writes the
// IPv4 and UDP headers itself and names the client's hardware address; the
// kernel puts the link's own header in front, so the frame carries the
// interface's current source address and the right header for its kind of link.
//
//	s, err := link.Open(nil)
//	err = s.Send(ifindex, client, server, netip.AddrPortFrom(offered, 68), reply)
//
// On the client's side a Receiver reads what comes for the port of DHCP, and an
// ARP probes the address before it is used and guards it afterwards (RFC 5227).
// Both wait in the kernel: what is not for them is sorted out by a filter there.
//
//	r, err := link.Listen(ifindex, 68)
//	n, src, dst, err := r.Read(buf)
//	c, err := link.OpenARP(ifindex, mac, offered)
//	by, taken, err := c.Probe(ctx, link.ProbeTimes{})
package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// An Addr is an Ethernet address. The zero Addr means "no frame asked for".
type Addr [6]byte

// Broadcast is the Ethernet broadcast address.
var Broadcast = Addr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// String returns a as six groups of hex digits separated by colons.
func (a Addr) String() string { return net.HardwareAddr(a[:]).String() }

// IsZero reports whether a is the zero Addr.
func (a Addr) IsZero() bool { return a == Addr{} }

// Errors that Send returns besides those of the kernel.
var (
	ErrFamily = errors.New("link: not an IPv4 address")
	ErrMTU    = errors.New("link: datagram does not fit the MTU of the link")
)

// maxPayload is what an IPv4 datagram can carry behind its two headers.
const maxPayload = 65535 - 20 - 8

// A Sender sends frames on every interface of the host. It is safe for
// concurrent use and allocates nothing per frame.
type Sender struct {
	mu     sync.Mutex
	fd     int // -1 when closed
	to     unix.SockaddrLinklayer
	framer Framer
}

// Open opens the packet socket; it needs CAP_NET_RAW. The socket takes no
// frames in: its protocol is 0. The framer is the Sender's from now on; nil:
// Headers.
func Open(f Framer) (*Sender, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("link: open packet socket: %w", err)
	}
	if f == nil {
		f = new(Headers)
	}
	return &Sender{fd: fd, framer: f}, nil
}

// Send frames payload as one UDP datagram from src to dst and sends it to the
// hardware address to on the interface ifindex. It never blocks: what the
// interface cannot take now is an error. A datagram that does not fit the MTU
// is ErrMTU; it is not fragmented, since a client at this stage may not be able
// to put fragments together.
func (s *Sender) Send(ifindex int, to Addr, src, dst netip.AddrPort, payload []byte) error {
	if !src.Addr().Is4() || !dst.Addr().Is4() {
		return ErrFamily
	}
	if len(payload) > maxPayload {
		return ErrMTU
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	packet, err := s.framer.Frame(src, dst, payload)
	if err != nil {
		return err
	}
	s.to.Protocol = htons(unix.ETH_P_IP)
	s.to.Ifindex = ifindex
	s.to.Halen = uint8(len(to))
	copy(s.to.Addr[:], to[:])
	switch err := unix.Sendto(s.fd, packet, unix.MSG_DONTWAIT, &s.to); err {
	case unix.EMSGSIZE:
		return ErrMTU
	default:
		return err
	}
}

// Close closes the socket; Send fails with net.ErrClosed from then on.
func (s *Sender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return nil
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return err
}

// htons puts v in network order, as sockaddr_ll wants its protocol.
func htons(v uint16) uint16 { return v<<8 | v>>8 }
