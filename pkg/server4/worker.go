package server4

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// batch is how many queries a worker answers with one commit and one write.
const batch = 128

// A Pair is the v4 side of the loopback pair; *ipc.Conn is one.
type Pair interface {
	Read(in []ipc.Message) (int, error)
	Write(out []ipc.Message) (int, error)
	Stop()
}

// A worker serves one socket. It owns its buffers and shares nothing.
type worker struct {
	s         *Server
	exchanges [batch]*Exchange // made as batches first reach them

	in      []transport.Datagram
	out     []transport.Datagram
	queries []ipc.Message
	answers []ipc.Message
	more    func(n int) int // readies exchanges behind the first n for what has come meanwhile; nil: nobody shares

	// where answers leave, for parked packets too
	conn    transport.Conn // nil over 4o6
	pair    Pair
	name    string     // of the interface, for logs
	writing sync.Mutex // held while a batch is written
	home    *worker    // of a resumed packet: the one that it came by; else nil
	busy    int        // resumed packets on their way out, under the lock of the lot
}

// root returns the worker of the socket.
func (w *worker) root() *worker {
	if w.home != nil {
		return w.home
	}
	return w
}

// slot returns the exchange of the i-th query of a batch.
func (w *worker) slot(i int) *Exchange {
	if w.exchanges[i] == nil {
		w.exchanges[i] = newExchange(w.s, w)
		w.exchanges[i].slot = i
	}
	return w.exchanges[i]
}

// replace lets the worker go on without an exchange of its own.
func (w *worker) replace(x *Exchange) {
	if w.home != nil { // it ends with this packet
		w.exchanges[x.slot] = new(Exchange)
		return
	}
	w.exchanges[x.slot] = nil
	w.slot(x.slot)
}

// Serve answers what comes to a DHCPv4 socket until ctx ends; the caller waits
// for it. Any number of sockets may be served at once.
func (s *Server) Serve(ctx context.Context, conn transport.Conn) {
	defer context.AfterFunc(ctx, conn.Stop)()
	w := &worker{s: s, in: make([]transport.Datagram, batch), out: make([]transport.Datagram, 0, batch), conn: conn, name: conn.Socket().Iface}
	defer s.lot.leave(w)
	var socket transport.Socket
	ready := func(from, n int) int {
		for i := from; i < from+n; i++ {
			w.slot(i).native(&w.in[i], &socket)
		}
		return n
	}
	w.more = func(n int) int { return ready(n, conn.More(w.in[n:])) }
	for {
		n, err := conn.Read(w.in)
		socket = conn.Socket() // what it answers from changes with the addresses of the link
		if s.ended(err, socket.Iface) {
			return
		}
		w.turn(ready(0, n))
		w.write()
	}
}

// Serve4o6 answers what comes over the loopback pair until ctx ends; the caller
// waits for it.
func (s *Server) Serve4o6(ctx context.Context, pair Pair) {
	defer context.AfterFunc(ctx, pair.Stop)()
	w := &worker{s: s, queries: make([]ipc.Message, batch), answers: make([]ipc.Message, 0, batch), pair: pair, name: "4o6"}
	defer s.lot.leave(w)
	for {
		n, err := pair.Read(w.queries)
		if s.ended(err, "4o6") {
			return
		}
		now := time.Now()
		for i := range n {
			w.slot(i).tunnelled(&w.queries[i], now)
		}
		w.turn(n)
		w.write()
	}
}

// write sends what turn has answered.
func (w *worker) write() {
	if len(w.out)+len(w.answers) == 0 {
		return
	}
	lock := &w.root().writing
	lock.Lock()
	defer lock.Unlock()
	if len(w.out) > 0 {
		n, err := w.conn.Write(w.out)
		w.s.sent(n, len(w.out), w.name, err)
	}
	if len(w.answers) > 0 {
		n, err := w.pair.Write(w.answers)
		w.s.sent(n, len(w.answers), w.name, err)
	}
}

// ended reports whether Stop or Close ended a socket. Any other error passes.
func (s *Server) ended(err error, iface string) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return true
	}
	s.count.readFailed.Inc()
	if n, ok := s.told.read.Allow(); ok {
		s.log.Warn("reading failed", zap.String("iface", iface), zap.Error(err), zap.Uint64("missed", n))
	}
	return false
}

// sent counts the n of so many replies that the socket took, and those that it
// did not take.
func (s *Server) sent(n, of int, iface string, err error) {
	s.count.sent.Add(n)
	if n >= of {
		return
	}
	for range of - n {
		s.count.drop(DropSend)
	}
	if ce := s.packets.Check(zap.DebugLevel, "replies not sent"); ce != nil {
		ce.Write(zap.String("iface", iface), zap.Int("lost", of-n), zap.Error(err))
	}
}

// native readies an exchange for a datagram.
func (x *Exchange) native(d *transport.Datagram, socket *transport.Socket) {
	x.data, x.at, x.peer, x.over6 = d.Data, d.At, d.Peer, false
	if x.at.IsZero() {
		x.at = time.Now()
	}
	x.iface, x.ifIndex = socket.Iface, d.IfIndex
	x.unicast = !socket.Multicast && d.Local.Is4() && d.Local != broadcast
	x.local = netip.Addr{}
	switch {
	case x.unicast && given(d.Local):
		x.local = d.Local
	case socket.Addr.Is4():
		x.local = socket.Addr
	}
}

// tunnelled readies an exchange for a query that came over the pair.
func (x *Exchange) tunnelled(m *ipc.Message, now time.Time) {
	x.data, x.at, x.over6 = m.Data, now, true
	x.origin, x.dialect, x.iscEcho, x.iface = m.Origin, m.Dialect, m.Echo, m.Origin.Iface
	x.peer, x.local, x.ifIndex, x.unicast = netip.AddrPort{}, netip.Addr{}, 0, false
}

// turn takes the first n exchanges through path, commits once for all of them,
// and takes what may leave through after. A commit costs as much as several
// exchanges: where one is due, who came while others were answered shares it.
func (w *worker) turn(n int) {
	s := w.s
	w.out, w.answers = w.out[:0], w.answers[:0]
	if n == 0 {
		return
	}
	if s.disabled.Load() {
		s.refuse(w.exchanges[:n])
		return
	}
	begin := w.exchanges[0].at
	seq := w.answer(0, n)
	for w.more != nil && n < batch && s.owes(seq) {
		more := w.more(n)
		if more == 0 {
			break
		}
		seq = max(seq, w.answer(n, n+more))
		n += more
	}
	answered := time.Now()
	s.count.batches.Observe(int64(n))
	s.count.answering.Since(begin, answered)
	w.commit(seq, answered)
	w.conclude(n)
}

// answer takes some of the exchanges through path and returns the last change that
// a reply to them rests on.
func (w *worker) answer(from, to int) (seq lease.Seq) {
	for i := from; i < to; i++ {
		x := w.exchanges[i]
		v := w.s.answer(x)
		w.exchanges[i].verdict = v // parked: x is no longer ours
		if v <= Done {
			seq = max(seq, x.Seq)
		}
	}
	return seq
}

// conclude takes what has been answered and committed through after.
func (w *worker) conclude(n int) {
	s := w.s
	for _, x := range w.exchanges[:n] {
		v := x.verdict
		switch {
		case v > Done:
		case !s.leases.Durable(x.Seq):
			if v == Next {
				v = DropUnsynced
			}
		case v == Next, x.Seq > 0 && x.hooks.LeasesCommitted != nil:
			v = s.finish(x)
		}
		if v == parked {
			continue // x is no longer ours
		}
		switch x.verdict = v; {
		case v > Done:
			s.dropped(x, v)
		case v == Done:
			s.count.done.Inc()
		}
	}
}

// owes reports whether a commit is due before a reply that rests on seq leaves.
func (s *Server) owes(seq lease.Seq) bool { return seq > 0 && !s.leases.Durable(seq) }

// commit makes the leases of a batch durable. What could not be is dropped by
// conclude, reply by reply: those that rest on nothing new may still leave.
func (w *worker) commit(seq lease.Seq, begin time.Time) {
	s := w.s
	if !s.owes(seq) {
		return
	}
	err := s.leases.Commit(seq)
	s.count.committing.Since(begin, time.Now())
	if err != nil {
		s.count.commitFailed.Inc()
		if n, ok := s.told.commit.Allow(); ok {
			s.log.Error("leases could not be made durable, replies withheld", zap.Error(err), zap.Uint64("missed", n))
		}
	}
}
