package transport

import (
	"net"
	"os"
	"sync/atomic"
)

// A sender writes through the sockets of a Group, for those who answer what
// they have not read there themselves. It has no socket of its own.
type sender struct {
	group   *Group
	stopped atomic.Bool
	closed  atomic.Bool
}

// Sender returns a Conn for writing only. It sends each datagram through a
// socket on the link that IfIndex names: the one bound to Local, else to a
// unicast address that suits the destination. IfIndex 0 leaves the link to
// routing. It is safe for concurrent use and follows the Group as its sockets
// change.
func (g *Group) Sender() Conn {
	return &sender{group: g}
}

// Read is part of Conn; it fails.
func (s *sender) Read([]Datagram) (int, error) {
	if s.stopped.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	return 0, ErrWriteOnly
}

// Stop is part of Conn.
func (s *sender) Stop() { s.stopped.Store(true) }

// Close is part of Conn. The sockets are the Group's and stay open.
func (s *sender) Close() error {
	s.stopped.Store(true)
	s.closed.Store(true)
	return nil
}

// Socket is part of Conn; a Sender is no socket.
func (s *sender) Socket() Socket { return Socket{} }

// Write is part of Conn.
func (s *sender) Write(out []Datagram) (sent int, err error) {
	if s.closed.Load() {
		return 0, net.ErrClosed
	}
	conns := *s.group.sending.Load()
	for len(out) > 0 {
		c := choose(conns, &out[0])
		n := 1
		for n < len(out) && choose(conns, &out[n]) == c {
			n++
		}
		if c == nil {
			err = first(err, ErrNoSocket)
		} else {
			k, e := c.Write(out[:n])
			sent, err = sent+k, first(err, e)
		}
		out = out[n:]
	}
	return sent, err
}

// choose picks the socket that d leaves through.
func choose(conns []*conn, d *Datagram) *conn {
	var best *conn
	score := 0
	for _, c := range conns {
		if n := c.suits(d); n > score {
			best, score = c, n
		}
	}
	return best
}

// suits rates c for sending d; 0 means not at all.
func (c *conn) suits(d *Datagram) int {
	if c.key.kind != unicast || c.key.addr.Is4() != d.Peer.Addr().Is4() {
		return 0
	}
	same := c.key.index == d.IfIndex
	if d.IfIndex != 0 && !same && (c.key.bound() || c.key.addr.IsLinkLocalUnicast()) {
		return 0
	}
	n := 1
	if same {
		n += 2
	}
	if c.key.addr.IsLinkLocalUnicast() == d.Peer.Addr().IsLinkLocalUnicast() {
		n++
	}
	if c.key.addr == d.Local {
		n += 4
	}
	return n
}
