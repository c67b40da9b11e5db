package load

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A network carries datagrams; in tests it is made of memory.
type network interface {
	Read(in []transport.Datagram) (int, error)
	Write(out []transport.Datagram) (int, error)
	SetReadDeadline(t time.Time) error
	Close() error
}

// A wire is a socket of a run.
type wire struct{ *transport.Batch }

const (
	wireSlots  = 64
	wireBuffer = 8 << 20 // of receive buffer, as far as the host allows
)

// A place is where a line stands: the address that the server will see, and the
// number of the interface that everything leaves by, 0 for any.
type place struct {
	local   netip.AddrPort
	ifIndex int
}

// listen opens the socket for the messages of s that go to servers of a family.
func listen(s *Scenario, v4 bool) (*wire, place, error) {
	netName, server := "udp6", s.server(v4)
	if v4 {
		netName = "udp4"
	}
	var at place
	if s.Iface != "" {
		ifi, err := net.InterfaceByName(s.Iface)
		if err != nil {
			return nil, at, fmt.Errorf("load: interface %s: %w", s.Iface, err)
		}
		at.ifIndex = ifi.Index
		if !v4 {
			// by number: Go remembers names, and another namespace has others
			server = netip.AddrPortFrom(server.Addr().WithZone(strconv.Itoa(at.ifIndex)), server.Port())
		}
	}
	from, err := s.from(v4, netName, server)
	if err != nil {
		return nil, at, err
	}
	bind := from
	if each := s.source(0, v4).IsValid(); each || v4 && s.onLink() {
		bind = netip.AddrPortFrom(netip.IPv6Unspecified(), from.Port())
		if v4 {
			bind = netip.AddrPortFrom(netip.IPv4Unspecified(), from.Port())
		}
	}
	c, err := net.ListenUDP(netName, net.UDPAddrFromAddrPort(bind))
	if err != nil {
		return nil, at, refusal(bind, err)
	}
	at.local = netip.AddrPortFrom(from.Addr(), c.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	if err = prepare(c, v4); err != nil {
		c.Close()
		return nil, at, fmt.Errorf("load: open a socket: %w", err)
	}
	// No segmented sends: a server that reads from packet sockets, as Kea does
	// for DHCPv4, sees such a batch as one datagram where both are on one host.
	b, err := transport.NewBatch(c, transport.BatchOptions{Slots: wireSlots})
	if err != nil {
		return nil, at, fmt.Errorf("load: open a socket: %w", err)
	}
	return &wire{b}, at, nil
}

// refusal says what to do about a socket that cannot be had.
func refusal(bind netip.AddrPort, err error) error {
	advice := ""
	switch {
	case errors.Is(err, syscall.EACCES):
		advice = fmt.Sprintf(": port %d is for root and CAP_NET_BIND_SERVICE; a server that answers to other ports can be asked from one", bind.Port())
	case errors.Is(err, syscall.EADDRINUSE):
		advice = fmt.Sprintf(": a client, a relay or another load has port %d; end it, or give another local address", bind.Port())
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = ": the host has no such address"
	}
	return fmt.Errorf("load: open a socket: %w%s", err, advice)
}

// prepare makes room for answers that come at once, beyond the host's limit when
// we may, else as far as it goes; and has the socket tell what address each
// was sent to.
func prepare(c *net.UDPConn, v4 bool) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	level, option := syscall.IPPROTO_IPV6, syscall.IPV6_RECVPKTINFO
	if v4 {
		level, option = syscall.IPPROTO_IP, syscall.IP_PKTINFO
	}
	var forced, told error
	err = raw.Control(func(fd uintptr) {
		forced = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, wireBuffer)
		told = syscall.SetsockoptInt(int(fd), level, option, 1)
	})
	if err == nil && forced != nil {
		err = c.SetReadBuffer(wireBuffer)
	}
	return errors.Join(err, told)
}

// from returns the address to send from: the one that was given, the first of
// the sources, else the one that the host chooses for the server.
func (s *Scenario) from(v4 bool, netName string, server netip.AddrPort) (netip.AddrPort, error) {
	local := s.Local
	if v4 && s.Kind != V4 {
		local = s.Local4
	}
	if a := s.source(0, v4); a.IsValid() && !local.Addr().IsValid() {
		return netip.AddrPortFrom(a, local.Port()), nil
	}
	switch {
	case local.Addr().IsValid():
		return local, nil
	case v4 && s.onLink():
		return netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port()), nil
	}
	c, err := net.DialUDP(netName, nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("load: no way to server %v: %w", server, errors.Unwrap(err))
	}
	defer c.Close()
	a := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if a.Zone() != "" {
		a = a.WithZone(server.Addr().Zone())
	}
	return netip.AddrPortFrom(a, local.Port()), nil
}
