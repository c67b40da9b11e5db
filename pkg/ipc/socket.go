package ipc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

const defaultReceiveBuffer = 4 << 20

// A socket is one UDP socket of the pair, bound and connected on loopback.
type socket struct {
	*net.UDPConn
	port uint16         // P, whichever side this is
	peer netip.AddrPort // the only source that counts
	past time.Time
}

// dial opens the socket of one side. Neither SO_REUSEADDR nor SO_REUSEPORT is
// set: with them another user could bind the same port.
func dial(side Side, port uint16, o Options) (*socket, error) {
	local := netip.AddrPortFrom(netip.IPv6Loopback(), side.local(port))
	peer := netip.AddrPortFrom(netip.IPv6Loopback(), side.remote(port))
	u, err := net.DialUDP("udp6", net.UDPAddrFromAddrPort(local), net.UDPAddrFromAddrPort(peer))
	if err != nil {
		return nil, fmt.Errorf("ipc: open %s side on port %d: %w", side, port, err)
	}
	return &socket{UDPConn: u, port: port, peer: peer}, nil
}

// wake makes a waiting read return.
func (s *socket) wake() { s.SetReadDeadline(time.Unix(1, 0)) }

// inbox
type inbox struct {
	buf  [65536]byte
	n    int
	from bool
	full bool
}

func (b *inbox) fill(s *socket) error {
	n, from, err := s.ReadFromUDPAddrPort(b.buf[:])
	if err != nil {
		return err
	}
	b.n, b.full, b.from = n, true, from == s.peer
	return nil
}

func (b *inbox) next() ([]byte, bool, bool) {
	if !b.full {
		return nil, false, false
	}
	b.full = false
	return b.buf[:b.n], b.from, true
}

type outbox struct {
	buf []byte
	end []int
}

func (b *outbox) reset()        { b.buf, b.end = b.buf[:0], b.end[:0] }
func (b *outbox) push(x []byte) { b.buf, b.end = x, append(b.end, len(x)) }
func (b *outbox) len() int      { return len(b.end) }
func (b *outbox) send(s *socket) (sent, refused int, first error) {
	at := 0
	for _, end := range b.end {
		_, err := s.Write(b.buf[at:end])
		if errors.Is(err, syscall.ECONNREFUSED) {
			refused++
		} else if err == nil {
			sent++
		}
		if first == nil {
			first = err
		}
		at = end
	}
	return
}
