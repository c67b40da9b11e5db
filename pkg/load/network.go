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

// A wire is the one socket of a run.
type wire struct{ *transport.Batch }

const (
	wireSlots  = 64
	wireBuffer = 8 << 20 // of receive buffer, as far as the host allows
)

// listen opens the socket of s and returns the address that the server will
// see, and the number of the interface that everything leaves by, 0 for any.
func listen(s *Scenario) (w *wire, local netip.AddrPort, ifIndex int, err error) {
	netName := map[bool]string{true: "udp4", false: "udp6"}[s.Kind == V4]
	server := s.Server
	if s.Iface != "" {
		ifi, err := net.InterfaceByName(s.Iface)
		if err != nil {
			return nil, local, 0, fmt.Errorf("load: interface %s: %w", s.Iface, err)
		}
		ifIndex = ifi.Index
		if !server.Addr().Is4() {
			// by number: Go remembers names, and another namespace has others
			server = netip.AddrPortFrom(server.Addr().WithZone(strconv.Itoa(ifIndex)), server.Port())
		}
	}
	bind, err := source(s, netName, server)
	if err != nil {
		return nil, local, 0, err
	}
	c, err := net.ListenUDP(netName, net.UDPAddrFromAddrPort(bind))
	if err != nil {
		return nil, local, 0, fmt.Errorf("load: open a socket: %w", err)
	}
	local = netip.AddrPortFrom(bind.Addr(), c.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	if err = enlarge(c); err != nil {
		c.Close()
	} else {
		w = new(wire)
		// No segmented sends: a server that reads from packet sockets, as Kea does
		// for DHCPv4, sees such a batch as one datagram where both are on one host.
		w.Batch, err = transport.NewBatch(c, transport.BatchOptions{Slots: wireSlots})
	}
	if err != nil {
		return nil, local, 0, fmt.Errorf("load: open a socket: %w", err)
	}
	return w, local, ifIndex, nil
}

// enlarge makes room for answers that come at once: beyond the host's limit
// when we may, else as far as it goes.
func enlarge(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var forced error
	err = raw.Control(func(fd uintptr) {
		forced = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, wireBuffer)
	})
	if err == nil && forced != nil {
		err = c.SetReadBuffer(wireBuffer)
	}
	return err
}

// source returns what to bind: the address that was given, else the one that
// the host sends to the server from.
func source(s *Scenario, netName string, server netip.AddrPort) (netip.AddrPort, error) {
	if s.Local.Addr().IsValid() {
		return s.Local, nil
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
	return netip.AddrPortFrom(a, s.Local.Port()), nil
}
