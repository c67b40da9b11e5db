package server4

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// batch is how many queries a worker answers with one commit and one write.
const batch = 64

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
}

// slot returns the exchange of the i-th query of a batch.
func (w *worker) slot(i int) *Exchange {
	if w.exchanges[i] == nil {
		w.exchanges[i] = newExchange(w.s, w)
	}
	return w.exchanges[i]
}

// Serve answers what comes to a DHCPv4 socket until ctx ends; the caller waits
// for it. Any number of sockets may be served at once.
func (s *Server) Serve(ctx context.Context, conn transport.Conn) {
	defer context.AfterFunc(ctx, conn.Stop)()
	w := &worker{s: s, in: make([]transport.Datagram, batch), out: make([]transport.Datagram, 0, batch)}
	socket := conn.Socket()
	for {
		n, err := conn.Read(w.in)
		if s.ended(err, socket.Iface) {
			return
		}
		for i := range n {
			w.slot(i).native(&w.in[i], &socket)
		}
		w.turn(n)
		if len(w.out) > 0 {
			n, err := conn.Write(w.out)
			s.sent(n, len(w.out), socket.Iface, err)
		}
	}
}

// Serve4o6 answers what comes over the loopback pair until ctx ends; the caller
// waits for it.
func (s *Server) Serve4o6(ctx context.Context, pair Pair) {
	defer context.AfterFunc(ctx, pair.Stop)()
	w := &worker{s: s, queries: make([]ipc.Message, batch), answers: make([]ipc.Message, 0, batch)}
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
		if len(w.answers) > 0 {
			n, err := pair.Write(w.answers)
			s.sent(n, len(w.answers), "4o6", err)
		}
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
// and takes what may leave through after.
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
	var seq lease.Seq
	for _, x := range w.exchanges[:n] {
		x.verdict = s.answer(x)
		if x.verdict <= Done {
			seq = max(seq, x.Seq)
		}
	}
	w.commit(n, seq)
	for _, x := range w.exchanges[:n] {
		if x.verdict == Next {
			if s.leases.Durable(x.Seq) {
				x.verdict = s.finish(x)
			} else {
				x.verdict = DropUnsynced
			}
		}
		switch {
		case x.verdict > Done:
			s.dropped(x, x.verdict)
		case x.verdict == Done:
			s.count.done.Inc()
		}
	}
}

// commit makes the leases of a batch durable. What could not be is dropped by turn,
// reply by reply: those that rest on nothing new may still leave.
func (w *worker) commit(n int, seq lease.Seq) {
	s := w.s
	answered := time.Now()
	s.count.batches.Observe(int64(n))
	s.count.answering.Since(w.exchanges[0].at, answered)
	if seq == 0 || s.leases.Durable(seq) {
		return
	}
	err := s.leases.Commit(seq)
	s.count.committing.Since(answered, time.Now())
	if err != nil {
		s.count.commitFailed.Inc()
		if n, ok := s.told.commit.Allow(); ok {
			s.log.Error("leases could not be made durable, replies withheld", zap.Error(err), zap.Uint64("missed", n))
		}
	}
}
