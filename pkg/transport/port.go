package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A Port is a UDP socket of a client: one datagram at a time, from a port of its
// own. Reading is for one goroutine at a time, the rest is safe for concurrent use.
type Port struct {
	c    *net.UDPConn
	six  bool
	link int
}

// OpenPort binds a socket to local: its address may be unspecified, its port 0.
// With a link, the socket takes what comes in on that link alone and sends there;
// sockets of other links, or of none, do not disturb it, and on a port that takes a
// privilege others that say so too may hold the same. What is sent to a group that the host has
// joined is not taken.
func OpenPort(local netip.AddrPort, ifindex int) (*Port, error) {
	domain, sa := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(local.Port()), Addr: local.Addr().As16(), ZoneId: zoneOf(local.Addr(), ifindex)})
	if local.Addr().Is4() {
		domain, sa = unix.AF_INET, &unix.SockaddrInet4{Port: int(local.Port()), Addr: local.Addr().As4()}
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return nil, fmt.Errorf("transport: open socket: %w", err)
	}
	if err = preparePort(fd, domain, local.Port(), ifindex); err == nil {
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("transport: bind %v: %w", local, err)
	}
	c, err := wrap(fd)
	if err != nil {
		return nil, err
	}
	return &Port{c.UDPConn, domain == unix.AF_INET6, ifindex}, nil
}

// portBuffer is the receive buffer asked for: answers of a few servers. What comes
// while nobody reads must not pile up.
const portBuffer = 1 << 16

// preparePort sets what has to be set before bind.
func preparePort(fd, domain int, port uint16, ifindex int) error {
	type option struct{ level, name, value int }
	all := []option{{unix.SOL_SOCKET, unix.SO_RCVBUF, portBuffer}}
	if domain == unix.AF_INET6 {
		all = append(all, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1}, option{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0})
	} else {
		all = append(all, option{unix.SOL_SOCKET, unix.SO_BROADCAST, 1})
	}
	if ifindex != 0 {
		all = append(all, option{unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, ifindex})
		if port > 0 && port < 1024 { // nobody takes a port by it who may not have it
			all = append(all, option{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1})
		}
	}
	for _, o := range all {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}

// zoneOf is the scope of a link-local address or group.
func zoneOf(a netip.Addr, ifindex int) uint32 {
	if a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() {
		return uint32(ifindex)
	}
	return 0
}

// Local returns the address and port that the socket is bound to.
func (p *Port) Local() netip.AddrPort {
	a := p.c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// Receive waits for a datagram. The sender's address has no zone. The error after
// Close is net.ErrClosed.
func (p *Port) Receive(b []byte) (n int, from netip.AddrPort, err error) {
	n, from, err = p.c.ReadFromUDPAddrPort(b)
	return n, netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port()), err
}

// SetReadDeadline ends a Receive that waits, or lets it wait for ever (the zero
// time).
func (p *Port) SetReadDeadline(t time.Time) error { return p.c.SetReadDeadline(t) }

// Send sends b and does not wait: what the socket cannot take now is an error. An
// address that is given as from is the source, and has to be the host's.
func (p *Port) Send(b []byte, to netip.AddrPort, from netip.Addr) error {
	var sa unix.Sockaddr
	var oob []byte
	switch {
	case to.Addr().Is4() == p.six:
		return fmt.Errorf("transport: send to %v: wrong family", to)
	case p.six:
		sa = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16(), ZoneId: zoneOf(to.Addr(), p.link)}
		if given(from) {
			oob = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: from.As16()})
		}
	default:
		sa = &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
		if given(from) {
			oob = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: from.As4()})
		}
	}
	raw, err := p.c.SyscallConn()
	if err != nil {
		return net.ErrClosed
	}
	var failed error
	if raw.Control(func(fd uintptr) { _, failed = unix.SendmsgN(int(fd), b, oob, sa, unix.MSG_DONTWAIT) }) != nil {
		return net.ErrClosed
	}
	if failed != nil {
		return fmt.Errorf("transport: send to %v: %w", to, failed)
	}
	return nil
}

// Drain waits until what was sent has left the host, at most for limit. A datagram
// to a neighbour whose hardware address is not known waits in the kernel until it
// is, and is lost when the host's address goes meanwhile.
func (p *Port) Drain(limit time.Duration) {
	for end := time.Now().Add(limit); p.waiting() && time.Now().Before(end); {
		time.Sleep(drainStep)
	}
}

// drainStep is how long it takes to look again: a neighbour answers within less.
const drainStep = 2 * time.Millisecond

// waiting reports whether something that was sent is still in the kernel.
func (p *Port) waiting() bool {
	raw, err := p.c.SyscallConn()
	if err != nil {
		return false
	}
	var n int
	err2 := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return err == nil && err2 == nil && n > 0
}

// given reports whether a is an address that says something.
func given(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() }

// Close ends a Receive that waits, and all later ones.
func (p *Port) Close() error {
	if err := p.c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
