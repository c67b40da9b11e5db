package transport

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// pipeDepth is how many datagrams wait in one direction of a Pipe before
// further ones are dropped.
const pipeDepth = 1024

// Pipe returns two ends in memory, for tests: near is the socket of what is
// tested, far is the network around it. A datagram crosses as it is, Peer,
// Local, IfIndex and To unchanged: Peer always is the party beyond near, so one
// far end plays any number of clients and relays. Data is copied.
//
// Each direction holds 1024 datagrams and drops what comes beyond, as a full
// socket buffer does. Both ends are safe for concurrent use by many writers and
// wait only on sync.Cond, so time stands still for testing/synctest.
func Pipe() (near, far Conn) {
	a, b := newPipeQueue(), newPipeQueue()
	s := Socket{Iface: "pipe", IfIndex: 1, Addr: netip.IPv6Loopback()}
	return &pipeEnd{in: a, out: b, socket: s}, &pipeEnd{in: b, out: a, socket: s}
}

// A pipeQueue is one direction.
type pipeQueue struct {
	mu      sync.Mutex
	arrived sync.Cond
	waiting []Datagram
	spare   [][]byte // buffers to be used again
	lent    [][]byte // buffers behind what the last Read, and More since, returned
	stopped bool
	closed  bool
}

func newPipeQueue() *pipeQueue {
	q := new(pipeQueue)
	q.arrived.L = &q.mu
	return q
}

func (q *pipeQueue) read(in []Datagram) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = append(q.spare, q.lent...)
	q.lent = q.lent[:0]
	for {
		switch {
		case q.closed:
			return 0, net.ErrClosed
		case q.stopped:
			return 0, os.ErrDeadlineExceeded
		case len(in) == 0:
			return 0, nil
		case len(q.waiting) > 0:
			return q.lend(in), nil
		}
		q.arrived.Wait()
	}
}

func (q *pipeQueue) more(in []Datagram) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.stopped {
		return 0
	}
	return q.lend(in)
}

// lend hands out what waits, under the lock.
func (q *pipeQueue) lend(in []Datagram) int {
	n := copy(in, q.waiting)
	q.waiting = q.waiting[:copy(q.waiting, q.waiting[n:])]
	at := time.Now()
	for i := range in[:n] {
		in[i].At = at
		q.lent = append(q.lent, in[i].Data)
	}
	return n
}

// write takes as many datagrams as there is room for. A closed end swallows
// them, as the network does with what nobody listens to.
func (q *pipeQueue) write(out []Datagram) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.stopped {
		return len(out)
	}
	n := min(len(out), pipeDepth-len(q.waiting))
	for _, d := range out[:n] {
		var b []byte
		if k := len(q.spare); k > 0 {
			b, q.spare = q.spare[k-1], q.spare[:k-1]
		}
		d.Data = append(b[:0], d.Data...)
		q.waiting = append(q.waiting, d)
	}
	q.arrived.Broadcast()
	return n
}

func (q *pipeQueue) end(closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.closed = q.closed || closed
	q.arrived.Broadcast()
}

// A pipeEnd is one end of a Pipe.
type pipeEnd struct {
	in, out *pipeQueue
	socket  Socket
	mu      sync.Mutex
	closed  bool
}

func (p *pipeEnd) Read(in []Datagram) (int, error) { return p.in.read(in) }

func (p *pipeEnd) More(in []Datagram) int { return p.in.more(in) }

func (p *pipeEnd) Write(out []Datagram) (int, error) {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	if n := p.out.write(out); n < len(out) {
		return n, errPipeFull
	}
	return len(out), nil
}

func (p *pipeEnd) Stop()          { p.in.end(false) }
func (p *pipeEnd) Socket() Socket { return p.socket }

func (p *pipeEnd) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.in.end(true)
	return nil
}
