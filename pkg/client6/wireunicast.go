package client6

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A Unicast is the Carrier to one server alone, a link-local one if its zone is given. It needs no privilege on a port above
// 1023 and no interface, and so serves on loopback and in tests. It is safe for
// concurrent use.
type Unicast struct {
	server netip.AddrPort
	port   *transport.Port
	ready  *transport.Ready
}

// NewUnicast opens the carrier. A local address that is not given is any; a port that
// is 0 is 546 where that can be had, else any: dhcp6d answers to it with -P 0.
func NewUnicast(server, local netip.AddrPort) (*Unicast, error) {
	if !server.Addr().Is6() || server.Addr().Is4In6() || server.Port() == 0 {
		return nil, fmt.Errorf("client6: server %v: not an IPv6 address with a port", server)
	}
	a := local.Addr()
	if !a.IsValid() {
		a = netip.IPv6Unspecified()
	}
	first := local.Port()
	if first == 0 {
		first = clientPort
	}
	ifindex := 0
	if zone := server.Addr().Zone(); zone != "" {
		i, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, fmt.Errorf("client6: server %v: %w", server, err)
		}
		ifindex = i.Index
	}
	p, err := transport.OpenPort(netip.AddrPortFrom(a, first), ifindex)
	if local.Port() == 0 && (errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EADDRINUSE)) {
		p, err = transport.OpenPort(netip.AddrPortFrom(a, 0), ifindex)
	}
	if err != nil {
		return nil, fmt.Errorf("client6: server %v: %w", server, err)
	}
	u := &Unicast{server: server, port: p, ready: transport.NewReady()}
	u.ready.Set(true)
	return u, nil
}

// Local returns the address and port of the socket.
func (u *Unicast) Local() netip.AddrPort { return u.port.Local() }

// Send sends a message to the server, whoever it is for.
func (u *Unicast) Send(msg []byte, _ netip.AddrPort) error {
	return u.port.Send(msg, u.server, netip.Addr{})
}

// Recv waits for a message from the server; from elsewhere none is taken.
func (u *Unicast) Recv(buf []byte) (n int, from netip.AddrPort, err error) {
	for {
		n, from, err = u.port.Receive(buf)
		if err != nil || from.Addr() == u.server.Addr().WithZone("") {
			return n, from, err
		}
	}
}

// DAD finds nobody: there is no link to ask on.
func (u *Unicast) DAD([]netip.Addr) (taken []netip.Addr, err error) { return nil, nil }

// Ready yields true.
func (u *Unicast) Ready() <-chan bool { return u.ready.C() }

// Close ends Recv.
func (u *Unicast) Close() error { return u.port.Close() }
