package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// spreadWidth is how many send sockets stand by for one Conn. A destination
// that cannot be resolved fills the send buffer of one of them.
const spreadWidth = 16

// A spread is a set of sockets that send from the address of a Conn when the
// Conn's own send buffer is full. They are opened when that happens first.
//
// They are bound to the very address and port of the Conn, so that their
// datagrams leave with the right source, and must take none of its datagrams:
//
//   - Unicasts: all are one SO_REUSEPORT group, whose member the kernel chooses
//     by a program of one instruction: always the first, which is the Conn.
//   - Multicasts and broadcasts: every socket would get a copy; a socket filter
//     that accepts nothing drops it.
//
// SO_REUSEPORT is set on the Conn's socket only now, long after its bind has
// made sure that nobody else has the address. From then on a socket of the same
// user could join the group, of which it would get nothing; one of another user
// could not.
type spread struct {
	mu      sync.Mutex
	opened  bool
	sockets []*Batch
}

// write sends each datagram through the socket that its destination falls to.
func (s *spread) write(c *conn, out []Datagram) (sent int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened {
		s.opened = true
		if e := s.open(c); e != nil {
			c.report(fmt.Errorf("transport: send sockets: %w", e))
		}
	}
	if len(s.sockets) == 0 {
		return 0, unix.EAGAIN
	}
	for i := range out {
		n, e := s.sockets[slot(out[i].Peer, len(s.sockets))].Write(out[i : i+1])
		sent += n
		err = first(err, e)
	}
	return sent, err
}

// slot spreads destinations over n sockets (FNV-1a).
func slot(to netip.AddrPort, n int) int {
	h := uint32(2166136261)
	a := to.Addr().As16()
	for _, b := range a {
		h = (h ^ uint32(b)) * 16777619
	}
	return int((h ^ h>>16) % uint32(n))
}

// open makes the sockets. Between the bind of the first and the choice of the
// group's program the kernel may hand a datagram to the wrong one; it is lost
// as any datagram may be.
func (s *spread) open(c *conn) error {
	var fdErr error
	err := c.batch.Control(func(fd uintptr) {
		if fdErr = shareable(int(fd)); fdErr != nil {
			return
		}
		for len(s.sockets) < spreadWidth && fdErr == nil {
			fdErr = s.add(c)
			if len(s.sockets) == 1 && fdErr == nil {
				fdErr = chooseFirst(int(fd))
			}
		}
	})
	err = errors.Join(err, fdErr)
	if err != nil && len(s.sockets) < 2 {
		s.close() // the first without the program would take datagrams
	}
	return err
}

// add opens one more socket.
func (s *spread) add(c *conn) error {
	fd, err := boundSocket(c.key, &c.group.o, shareable, acceptNothing)
	if err != nil {
		return err
	}
	if err := setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, c.group.o.SendBuffer); err != nil {
		unix.Close(fd)
		return err
	}
	u, err := wrap(fd)
	if err != nil {
		return err
	}
	b, err := NewBatch(u.UDPConn, BatchOptions{Slots: 1, SendOnly: true})
	if err != nil {
		return err
	}
	s.sockets = append(s.sockets, b)
	return nil
}

func (s *spread) close() {
	for _, b := range s.sockets {
		b.Close()
	}
	s.sockets = nil
}

// end closes the sockets for good.
func (s *spread) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = true
	s.close()
}

// shareable lets sockets of the same user bind to the same address.
func shareable(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return fmt.Errorf("SO_REUSEPORT: %w", err)
	}
	return nil
}

// program is a classic BPF program that returns n.
func program(n uint32) *unix.SockFprog {
	return &unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: n}}
}

// chooseFirst has the kernel give every unicast to the first member of the
// SO_REUSEPORT group, the socket that was there before the others.
func chooseFirst(fd int) error {
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, program(0)); err != nil {
		return fmt.Errorf("SO_ATTACH_REUSEPORT_CBPF: %w", err)
	}
	return nil
}

// acceptNothing has the kernel drop whatever comes to the socket.
func acceptNothing(fd int) error {
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program(0)); err != nil {
		return fmt.Errorf("SO_ATTACH_FILTER: %w", err)
	}
	return nil
}
