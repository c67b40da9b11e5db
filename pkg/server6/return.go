package server6

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime/debug"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A returner carries the DHCPv4 daemon's answers to the wire.
type returner struct {
	in       [batch]ipc.Message
	out      [batch]transport.Datagram
	envelope dhcp6.Envelope
}

// Return sends the DHCPv4 daemon's answers where their queries came from until
// ctx ends; the caller waits for it. The answer says itself where that is; the
// receipts say that somebody there has asked.
func (s *Server) Return(ctx context.Context, from Pair, to transport.Conn) {
	defer context.AfterFunc(ctx, from.Stop)()
	r := new(returner)
	for {
		n, err := from.Read(r.in[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.count.readFailed.Inc()
			continue
		}
		s.carry(r, r.in[:n], to)
	}
}

// carry sends one batch of answers.
func (s *Server) carry(r *returner, in []ipc.Message, to transport.Conn) {
	out := r.out[:0]
	for i := range in {
		if d, ok := s.release(r, &in[i]); ok {
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		return
	}
	n, err := to.Write(out)
	s.count.returned.Add(n)
	for range n {
		s.count.wentOut(dhcp6.DHCPv4Response)
	}
	if n < len(out) {
		s.count.answerUnsent.Add(len(out) - n)
		if ce := s.packets.Check(zap.DebugLevel, "4o6 answers not sent"); ce != nil {
			ce.Write(zap.Int("lost", len(out)-n), zap.Error(err))
		}
	}
}

// release addresses one answer, if it may leave: it is a DHCPV4-RESPONSE in
// nothing but Relay-reply levels, with exactly one DHCPv4 message, and there is a
// receipt for its query.
func (s *Server) release(r *returner, m *ipc.Message) (d transport.Datagram, ok bool) {
	defer s.recoveredAnswer(m)
	e, o := &r.envelope, &m.Origin
	index, served := s.ifIndex(o.Iface)
	switch {
	case e.Parse(m.Data) != nil,
		e.Message.Type != dhcp6.DHCPv4Response,
		len(e.Relays) > 0 && !e.Down,
		e.Message.Options.Count(dhcp6.OptDHCPv4Message) != 1:
		return d, s.hold(s.count.badAnswer, "not a proper answer", o)
	case !served:
		return d, s.hold(s.count.answerNoLink, "interface is not served", o)
	case len(m.Data) > dhcp6.MaxMessage:
		return d, s.hold(s.count.answerTooLong, "too long", o)
	}
	switch after, ok := s.receipts.Redeem(*o, e); {
	case ok:
		s.count.roundTrip.Observe(int64(after))
	case after > 0:
		return d, s.hold(s.count.receiptExpired, "it comes too late", o)
	default:
		return d, s.hold(s.count.noReceipt, "nobody asked for it", o)
	}
	// Reserved, zero from who sends it (RFC 7341 §6.4): to the client that is us,
	// and Kea's DHCPv4 daemon gives back the flags of the query.
	clear(m.Data[e.Inner+1 : e.Inner+4])
	port := s.portTo(len(e.Relays) > 0, e.OuterSourcePort(), o.Port)
	if ce := s.packets.Check(zap.DebugLevel, "4o6 answer returned"); ce != nil {
		ce.Write(zap.String("iface", o.Iface), zap.Stringer("to", o.Addr), zap.Uint16("port", port), zap.Int("relays", len(e.Relays)))
	}
	d = transport.Datagram{Data: m.Data, Peer: netip.AddrPortFrom(o.Addr, port), IfIndex: index}
	if s.trace != nil {
		s.trace(Event{Step: "return", Answer: d})
	}
	return d, true
}

// hold counts an answer that does not leave; it returns false.
func (s *Server) hold(c *metrics.Counter, reason string, o *ipc.Origin) bool {
	c.Inc()
	if s.trace != nil {
		s.trace(Event{Step: "return", Held: reason})
	}
	if ce := s.bad.Check(zap.DebugLevel, "4o6 answer held back"); ce != nil {
		ce.Write(zap.String("reason", reason), zap.String("iface", o.Iface), zap.Stringer("to", o.Addr))
	}
	return false
}

// recoveredAnswer turns a panic into one lost answer.
func (s *Server) recoveredAnswer(m *ipc.Message) {
	p := recover()
	if p == nil {
		return
	}
	s.count.reason[DropPanic].Inc()
	if n, ok := s.told.fault.Allow(); ok {
		s.log.Error("fault on the way back, answer dropped", zap.Any("reason", p), zap.Stringer("to", m.Origin.Addr),
			zap.String("message", hex.EncodeToString(m.Data)), zap.ByteString("stack", debug.Stack()), zap.Uint64("missed", n))
	}
}
