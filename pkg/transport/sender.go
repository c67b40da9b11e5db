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

// More is part of Conn; there never is anything.
func (s *sender) More([]Datagram) int { return 0 }

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
	sockets := s.group.sending.Load()
	for len(out) > 0 {
		c := sockets.choose(&out[0])
		n := 1
		for n < len(out) && sockets.choose(&out[n]) == c {
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

// A sending is the sockets that Senders choose from, at one time.
type sending struct {
	all      []*conn
	byLink   map[int][]*conn
	anywhere []*conn // those that are not bound to their link
}

func newSending(conns []*conn) *sending {
	s := &sending{all: append([]*conn(nil), conns...), byLink: make(map[int][]*conn)}
	for _, c := range s.all {
		if c.key.boundToLink() {
			s.byLink[c.key.index] = append(s.byLink[c.key.index], c)
		} else {
			s.anywhere = append(s.anywhere, c)
		}
	}
	return s
}

// choose picks the socket that d leaves through, nil when there is none.
func (s *sending) choose(d *Datagram) (best *conn) {
	score := 0
	consider := func(conns []*conn) {
		for _, c := range conns {
			if n := c.suits(d); n > score {
				best, score = c, n
			}
		}
	}
	if d.IfIndex == 0 {
		consider(s.all)
		return best
	}
	consider(s.byLink[d.IfIndex])
	consider(s.anywhere)
	return best
}

// suits rates c for sending d, which it can if its link allows; 0 means not at
// all. The source that the socket gives d must be one that the peer can answer
// to: a link-local one only on the link (RFC 4007 §9). A group's socket leaves
// the source to routing.
func (c *conn) suits(d *Datagram) int {
	if c.key.addr.Is4() != d.Peer.Addr().Is4() || c.key.kind == broadcast {
		return 0
	}
	if c.key.kind == unicast && c.key.addr == d.Local {
		return 5
	}
	near, onLink := d.Peer.Addr().IsLinkLocalUnicast(), c.key.index == d.IfIndex
	switch {
	case c.key.kind == group && near:
		return 2
	case c.key.kind == group:
		return 3
	case c.key.addr.IsLinkLocalUnicast() == near && (onLink || d.IfIndex == 0):
		return 4
	case c.key.addr.IsLinkLocalUnicast():
		return 1
	}
	return 2
}
