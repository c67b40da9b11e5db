package ipc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

const (
	defaultReceiveBuffer = 4 << 20

	// Slots hold 64 KiB, since the kernel may coalesce that much into one, and
	// there are 32 of them: with a few only, a mixed load makes small batches.
	slots = 32
)

// A socket is one UDP socket of the pair, bound and connected on loopback, or an
// end of a Memory.
type socket struct {
	batch interface {
		Read([]transport.Datagram) (int, error)
		Write([]transport.Datagram) (int, error)
		SetReadDeadline(time.Time) error
		Drained() bool
		Release()
		Overflows() uint64
		Close() error
	}
	port  uint16         // P, whichever side this is
	peer  netip.AddrPort // the only source that counts
	guard guard          // of the peer's port
}

// dial opens the socket of one side. Neither SO_REUSEADDR nor SO_REUSEPORT is
// set: with them another user could bind the same port.
func (c *Conn) dial(port uint16) (*socket, error) {
	side, o := c.side, &c.options
	local := netip.AddrPortFrom(netip.IPv6Loopback(), side.local(port))
	peer := netip.AddrPortFrom(netip.IPv6Loopback(), side.remote(port))
	u, err := net.DialUDP("udp6", net.UDPAddrFromAddrPort(local), net.UDPAddrFromAddrPort(peer))
	if err != nil {
		return nil, fmt.Errorf("ipc: open the %s side of port %d: %w", side, port, err)
	}
	s := &socket{port: port, peer: peer}
	if err = enlarge(u, o.ReceiveBuffer); err != nil {
		u.Close()
	} else {
		s.batch, err = transport.NewBatch(u, transport.BatchOptions{Slots: slots, GRO: true, GSO: true})
	}
	if err != nil {
		return nil, fmt.Errorf("ipc: open the %s side of port %d: %w", side, port, err)
	}
	s.guard.watch(&c.owners, local, peer)
	c.greet(s)
	return s, nil
}

// greet has the v4 side, when it is there, look at our new socket before the first
// query comes: an empty datagram, which every peer drops.
func (c *Conn) greet(s *socket) {
	if c.side != V6Side || !s.guard.strict || c.signs.Load().mode == AuthRequire {
		return
	}
	if st, _ := s.guard.judge(s.guard.writes); st == trusted {
		s.batch.Write([]transport.Datagram{{}}) // lost, it costs the first query
	}
}

// close gives the port back; whoever reads or writes finds out.
func (s *socket) close() error {
	s.guard.close()
	return s.batch.Close()
}

// enlarge makes room for n octets in the queue: beyond the host's limit when
// we may, else as far as it goes. What finds no room all the same is counted.
func enlarge(c *net.UDPConn, n int) error {
	if n <= 0 {
		n = defaultReceiveBuffer
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var forced, countErr error
	err = raw.Control(func(fd uintptr) {
		countErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
		forced = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n)
	})
	if err == nil && forced != nil {
		err = c.SetReadBuffer(n)
	}
	return errors.Join(err, countErr)
}

// wake makes a waiting read return, and every later one.
func (s *socket) wake() { s.batch.SetReadDeadline(time.Unix(1, 0)) }

// An inbox holds the datagrams of one read until they have been handed out.
type inbox struct {
	batch [slots * 2]transport.Datagram
	peer  netip.AddrPort // of the socket that they were read from
	from  standing       // who held the peer's port then
	next  int
	n     int
}

// fill waits for datagrams; those before are no longer valid.
func (b *inbox) fill(s *socket) (err error) {
	b.next, b.peer = 0, s.peer
	if b.n, err = s.batch.Read(b.batch[:]); err != nil {
		s.guard.seen = 0 // it may have cut the read before short
		return err
	}
	b.from = s.guard.judgeBatch(s.batch.Drained())
	return nil
}

// pop returns a datagram and whether it comes from the peer. The kernel of a
// connected socket lets no other through, except for what came in between bind
// and connect.
func (b *inbox) pop() (data []byte, genuine, ok bool) {
	if b.next == b.n {
		return nil, false, false
	}
	d := &b.batch[b.next]
	b.next++
	return d.Data, d.Peer == b.peer, true
}

// An outbox gathers messages and sends them together. They stand one behind
// the other in one buffer, which is kept.
type outbox struct {
	buf   []byte
	ends  []int
	batch []transport.Datagram
}

func (b *outbox) reset() { b.buf, b.ends = b.buf[:0], b.ends[:0] }

func (b *outbox) len() int { return len(b.ends) }

// push takes buf with one more message at its end.
func (b *outbox) push(buf []byte) { b.buf, b.ends = buf, append(b.ends, len(buf)) }

// send sends everything and returns how many messages left, and the first
// error.
func (b *outbox) send(s *socket) (int, error) {
	if len(b.ends) == 0 {
		return 0, nil
	}
	b.batch = b.batch[:0]
	at := 0
	for _, end := range b.ends {
		b.batch = append(b.batch, transport.Datagram{Data: b.buf[at:end]})
		at = end
	}
	return s.batch.Write(b.batch)
}

// refused reports whether err says that nobody holds the peer's port.
func refused(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }
