package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// The groups that DHCPv6 servers listen to (RFC 9915 §7.1).
var (
	allAgentsAndServers = netip.MustParseAddr("ff02::1:2")
	allServers          = netip.MustParseAddr("ff05::1:3")
)

// openSocket opens, binds and prepares the socket that k describes, and the tap if
// there is one. The problems it returns besides are not fatal.
//
// The net package cannot bind to a group: it binds to the wildcard address
// instead and sets SO_REUSEADDR. So the socket is made here and handed over.
func openSocket(k key, o *Options, tap *os.File) (*net.UDPConn, []error, error) {
	fd, err := boundSocket(k, o)
	if err != nil {
		return nil, nil, err
	}
	var problems []error
	note := func(what string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("transport: %s: %w", what, err))
		}
	}
	read := []int{fd}
	if tap != nil {
		read = append(read, int(tap.Fd()))
	}
	for _, in := range read {
		note("receive buffer", setBuffer(in, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, o.ReceiveBuffer))
		note("overflow count", unix.SetsockoptInt(in, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1))
	}
	note("send buffer", setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, o.SendBuffer))
	c, err := wrap(fd)
	if err != nil {
		return nil, nil, err
	}
	if err := c.packetInfo(k); err != nil {
		c.Close()
		return nil, nil, fmt.Errorf("transport: packet information: %w", err)
	}
	if k.kind == group {
		note("join "+k.addr.String(), ipv6.NewPacketConn(c).JoinGroup(
			&net.Interface{Index: k.index, Name: k.iface}, &net.UDPAddr{IP: k.addr.AsSlice()}))
	}
	return c.UDPConn, problems, nil
}

// boundSocket returns a descriptor bound as k says, after each of before has
// been done with it.
//
// No SO_REUSEADDR: on Linux it would let a socket of another user take our
// datagrams. IPV6_V6ONLY keeps the IPv4 side of the port free.
func boundSocket(k key, o *Options, before ...func(fd int) error) (fd int, err error) {
	domain := unix.AF_INET6
	if k.addr.Is4() {
		domain = unix.AF_INET
	}
	fd, err = unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return -1, fmt.Errorf("transport: open socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	for _, do := range before {
		if err = do(fd); err != nil {
			return -1, err
		}
	}
	if err = k.prepare(fd, k.bound() && !(o.UseRouting && k.kind == unicast && k.addr.Is4())); err != nil {
		return -1, fmt.Errorf("transport: prepare socket: %w", err)
	}
	if err = unix.Bind(fd, k.sockaddr(o.Port)); err != nil {
		return -1, fmt.Errorf("transport: bind %v port %d: %w", k, o.Port, err)
	}
	return fd, nil
}

// prepare sets what has to be set before bind.
func (k key) prepare(fd int, toDevice bool) error {
	if toDevice {
		if err := unix.BindToDevice(fd, k.iface); err != nil {
			return fmt.Errorf("bind to device %s: %w", k.iface, err)
		}
	}
	if k.addr.Is4() {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
}

// sockaddr is what k is bound to. A link-local address or group names its link
// by the scope, which binds the socket to it without any privilege.
func (k key) sockaddr(port uint16) unix.Sockaddr {
	if k.kind == broadcast {
		return &unix.SockaddrInet4{Port: int(port), Addr: limitedBroadcast.As4()}
	}
	if k.addr.Is4() {
		return &unix.SockaddrInet4{Port: int(port), Addr: k.addr.As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(port), Addr: k.addr.As16()}
	if k.addr.IsLinkLocalUnicast() || k.addr.IsLinkLocalMulticast() {
		sa.ZoneId = uint32(k.index)
	}
	return sa
}

// A udpConn is a UDPConn with what x/net does for it.
type udpConn struct{ *net.UDPConn }

// wrap hands fd to the net package; fd is closed in any case.
func wrap(fd int) (udpConn, error) {
	f := os.NewFile(uintptr(fd), "udp")
	c, err := net.FilePacketConn(f) // works on a copy of the descriptor
	err = errors.Join(err, f.Close())
	u, ok := c.(*net.UDPConn)
	if err == nil && !ok {
		err = errors.New("not a UDP socket")
	}
	if err != nil {
		if c != nil {
			c.Close()
		}
		return udpConn{}, fmt.Errorf("transport: hand over socket: %w", err)
	}
	return udpConn{u}, nil
}

// packetInfo asks for destination and interface of each datagram.
func (c udpConn) packetInfo(k key) error {
	if k.addr.Is4() {
		return ipv4.NewPacketConn(c).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
	}
	return ipv6.NewPacketConn(c).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
}

// setBuffer asks for a socket buffer of n octets, past the system's limit if
// that is allowed. Without the privilege the kernel grants what it may.
func setBuffer(fd, force, plain, n int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, n) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, n)
}

// granted tells how large the receive buffer of b is. The kernel doubles what
// was asked for, to pay for its own headers; here it is as it was asked for.
func granted(b *Batch) int {
	n, err := unix.GetsockoptInt(b.socket.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return n / 2
}
