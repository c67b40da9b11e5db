package server6

import (
	"errors"
	"net"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// batch is how many datagrams a worker takes at a time: as many as one commit
// and one call to send are shared by.
const batch = 128

// A worker serves one socket. It owns its buffers and shares nothing.
type worker struct {
	conn      transport.Conn
	socket    transport.Socket
	in        [batch]transport.Datagram
	exchanges [batch]*Exchange

	// of the batch at hand
	answered []*Exchange // they have an answer, and wait for the commit
	diverted []ipc.Message
	out      []transport.Datagram
	types    []dhcp6.MessageType // of out, the innermost
	seq      lease.Seq           // the highest that an answer rests on
	unsynced error               // why the commit failed

	more func([]transport.Datagram) int // what has come meanwhile; nil: nothing does
}

func newWorker(conn transport.Conn) *worker {
	w := &worker{
		conn: conn, socket: conn.Socket(),
		answered: make([]*Exchange, 0, batch),
		diverted: make([]ipc.Message, 0, batch),
		out:      make([]transport.Datagram, 0, batch),
		types:    make([]dhcp6.MessageType, 0, batch),
	}
	for i := range w.exchanges {
		w.exchanges[i] = newExchange(w)
	}
	return w
}

// work serves datagrams until conn is stopped. Nothing else ends it: what goes
// wrong with one datagram, one peer or one commit is counted, and it reads on.
func (s *Server) work(conn transport.Conn) {
	w := newWorker(conn)
	w.more = conn.More
	for {
		n, err := conn.Read(w.in[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return
		case err != nil: // ENETDOWN and its kin pass
			s.readFailed(w.socket.Iface, err)
			continue
		}
		s.serve(w, w.in[:n])
	}
}

// readFailed counts and tells what keeps a worker from a datagram.
func (s *Server) readFailed(iface string, err error) {
	s.count.readFailed.Inc()
	if n, ok := s.told.read.Allow(); ok {
		s.log.Warn("reading failed", zap.String("iface", iface), zap.Error(err), zap.Uint64("missed", n))
	}
}

// serve takes a batch from bytes in to bytes out, and what comes meanwhile with it, as
// far as in has room behind it.
func (s *Server) serve(w *worker, in []transport.Datagram) {
	w.answered, w.diverted, w.out, w.types = w.answered[:0], w.diverted[:0], w.out[:0], w.types[:0]
	w.seq, w.unsynced = 0, nil
	s.count.received.Add(len(in))
	if len(in) == 0 {
		return
	}
	if s.disabled.Load() {
		s.refuse(in, w.socket.Iface)
		return
	}
	for i := 0; i < len(in); {
		s.one(w, w.exchanges[i], &in[i])
		if i++; i == len(in) && w.more != nil && s.owes(w.seq) {
			// who came while others were answered shares the commit and the hop
			n := w.more(in[i:cap(in)])
			s.count.received.Add(n)
			in = in[:i+n]
		}
	}
	s.handOver(w.diverted)
	s.commit(w, len(in))
	for _, x := range w.answered {
		if v := s.finish(x); v != Next {
			s.dropped(x, v)
		}
	}
	s.write(w)
}

// one takes a datagram up to the commit.
func (s *Server) one(w *worker, x *Exchange, d *transport.Datagram) {
	x.In, x.Link = *d, w.socket
	if x.In.At.IsZero() {
		x.In.At = time.Now()
	}
	switch v := s.answer(x); v {
	case Next:
		w.answered = append(w.answered, x)
		w.seq = max(w.seq, x.Seq)
	case Diverted:
	default:
		s.dropped(x, v)
	}
}

// owes reports whether a commit is due before an answer that rests on seq leaves.
func (s *Server) owes(seq lease.Seq) bool { return seq > 0 && !s.leases.Durable(seq) }

// commit makes the leases of a batch of n durable.
func (s *Server) commit(w *worker, n int) {
	answered := time.Now()
	s.count.batches.Observe(int64(n))
	s.count.answering.Since(w.exchanges[0].In.At, answered)
	if !s.owes(w.seq) {
		return
	}
	w.unsynced = s.leases.Commit(w.seq)
	s.count.committing.Since(answered, time.Now())
	if w.unsynced == nil {
		return
	}
	s.count.commitFailed.Inc()
	if n, ok := s.told.commit.Allow(); ok {
		s.log.Error("leases cannot be made durable", zap.Error(w.unsynced), zap.Uint64("missed", n))
	}
}

// write sends what the batch has come to.
func (s *Server) write(w *worker) {
	if len(w.out) == 0 {
		return
	}
	n, err := w.conn.Write(w.out)
	for _, t := range w.types[:n] {
		s.count.wentOut(t)
	}
	if n == len(w.out) {
		return
	}
	s.count.reason[DropSend].Add(len(w.out) - n)
	if ce := s.packets.Check(zap.DebugLevel, "answers not sent"); ce != nil {
		ce.Write(zap.String("iface", w.socket.Iface), zap.Int("lost", len(w.out)-n), zap.Error(err))
	}
}
