package ipc

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A Memory is the loopback interface of a pair in memory, for tests and for a pair
// in one process: what goes through it is read, checked and edited as on sockets. Either side may close
// and be dialled again; while it is away the other finds nobody there. Its ends
// wait only on sync.Cond, so time stands still for testing/synctest. The zero
// value is ready.
type Memory struct {
	mu   sync.Mutex
	ends [2]*memoryEnd // by Side; nil: never dialled
}

// memoryPort is the port P that ends of a Memory say they are on.
const memoryPort = 786

// Dial opens side of the pair in memory.
func (m *Memory) Dial(side Side, o Options) *Conn {
	c := newConn(side, o)
	e := &memoryEnd{m: m, side: side, peer: netip.AddrPortFrom(netip.IPv6Loopback(), side.remote(memoryPort))}
	e.arrived.L = &m.mu
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ends[side] = e
	c.socket = &socket{batch: e, port: memoryPort, peer: e.peer}
	return c
}

// A memoryEnd is the socket of one side.
type memoryEnd struct {
	m       *Memory
	side    Side
	peer    netip.AddrPort
	room    int       // for messages that wait; 0: for all there are
	arrived sync.Cond // of waiting, woken and closed
	waiting [][]byte
	woken   bool
	closed  bool
}

func (e *memoryEnd) Read(in []transport.Datagram) (int, error) {
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	for {
		switch {
		case e.closed:
			return 0, net.ErrClosed
		case e.woken:
			return 0, os.ErrDeadlineExceeded
		case len(e.waiting) > 0:
			n := min(len(in), len(e.waiting))
			for i, data := range e.waiting[:n] {
				in[i] = transport.Datagram{Data: data, Peer: e.peer}
			}
			e.waiting = e.waiting[n:]
			return n, nil
		}
		e.arrived.Wait()
	}
}

func (e *memoryEnd) Write(out []transport.Datagram) (int, error) {
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	to := e.m.ends[1-e.side]
	if to == nil || to.closed {
		return 0, unix.ECONNREFUSED
	}
	defer to.arrived.Broadcast()
	for i, d := range out {
		if to.room > 0 && len(to.waiting) == to.room {
			return i, unix.ENOBUFS
		}
		to.waiting = append(to.waiting, bytes.Clone(d.Data))
	}
	return len(out), nil
}

// SetReadDeadline is only ever asked for one in the past.
func (e *memoryEnd) SetReadDeadline(time.Time) error {
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	e.woken = true
	e.arrived.Broadcast()
	return nil
}

func (e *memoryEnd) Close() error {
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	e.closed = true
	e.arrived.Broadcast()
	return nil
}

// Drained is only asked for where somebody else could take the port.
func (e *memoryEnd) Drained() bool { return true }

// Release has no buffers to give back.
func (e *memoryEnd) Release() {}

// Overflows is 0: who finds no room is told.
func (e *memoryEnd) Overflows() uint64 { return 0 }
