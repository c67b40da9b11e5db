package client4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A Unicast is the Carrier to one server by UDP alone. It needs no privilege on a
// port above 1023 and no interface, and so serves on loopback and in tests. To the
// server it is a relay (RFC 2131 §4.1): giaddr is the address of its socket, so
// the answers come there, to the port of relays or, as dhcp4d does with -P 0, to
// the port that the query came from. It is safe for concurrent use.
type Unicast struct {
	server netip.AddrPort
	port   *transport.Port
	local  netip.Addr
	ready  *transport.Ready
}

// NewUnicast opens the carrier. A local address that is not given is the one by
// which the host reaches the server, and a port that is 0 is any.
func NewUnicast(server, local netip.AddrPort) (*Unicast, error) {
	if !server.Addr().Is4() || server.Port() == 0 {
		return nil, fmt.Errorf("client4: server %v: not an IPv4 address with a port", server)
	}
	if !local.Addr().IsValid() || local.Addr().IsUnspecified() {
		a, err := towards(server)
		if err != nil {
			return nil, fmt.Errorf("client4: server %v: %w", server, err)
		}
		local = netip.AddrPortFrom(a, local.Port())
	}
	p, err := transport.OpenPort(local, 0)
	if err != nil {
		return nil, fmt.Errorf("client4: server %v: %w", server, err)
	}
	u := &Unicast{server: server, port: p, local: local.Addr(), ready: transport.NewReady()}
	u.ready.Set(true)
	return u, nil
}

// towards returns the address by which the host reaches a server; nothing is sent.
func towards(server netip.AddrPort) (netip.Addr, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// Local returns the address and port of the socket.
func (u *Unicast) Local() netip.AddrPort { return u.port.Local() }

// Where the fields are that a relay fills in (RFC 2131 §2).
const (
	offsetHops   = 3
	offsetGIAddr = 24
	sizeFixed    = 236
)

var errShort = errors.New("client4: message cut short")

// Send sends a message to the server, whoever it is for.
func (u *Unicast) Send(s *Send) error {
	if len(s.Data) < sizeFixed {
		return errShort
	}
	b := append(make([]byte, 0, len(s.Data)), s.Data...)
	if binary.BigEndian.Uint32(b[offsetGIAddr:]) == 0 {
		b[offsetHops]++
		copy(b[offsetGIAddr:], u.local.AsSlice())
	}
	return u.port.Send(b, u.server, netip.Addr{})
}

// Recv waits for a message from the server; from elsewhere none is taken.
func (u *Unicast) Recv(buf []byte) (n int, from netip.Addr, err error) {
	for {
		n, peer, err := u.port.Receive(buf)
		if err != nil || peer.Addr() == u.server.Addr() {
			return n, peer.Addr(), err
		}
	}
}

// Bound has nothing to do: the host's address is its own.
func (u *Unicast) Bound(netip.Prefix) {}

// Probe finds nobody: there is no link to ask on.
func (u *Unicast) Probe(netip.Addr) (taken bool, err error) { return false, nil }

// Ready yields true.
func (u *Unicast) Ready() <-chan bool { return u.ready.C() }

// Close ends Recv.
func (u *Unicast) Close() error { return u.port.Close() }
