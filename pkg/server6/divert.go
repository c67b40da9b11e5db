package server6

import (
	"errors"
	"syscall"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

// The DHCPv4 message that a query carries is looked at no further than this: it
// has the fixed header, and the magic cookie behind it (RFC 2131 §2, §3).
const (
	minDHCPv4 = 240
	cookieAt  = 236
	cookie    = "\x63\x82\x53\x63"
)

// divert sets a DHCPV4-QUERY aside for the DHCPv4 daemon (RFC 7341 §11). Exactly
// one DHCPv4 message is in it, or it goes no further.
func (s *Server) divert(x *Exchange) Verdict {
	m := &x.Query.Message
	if m.Type != dhcp6.DHCPv4Query {
		return Next
	}
	inner, _ := m.Options.Option(dhcp6.OptDHCPv4Message)
	switch {
	case s.pair == nil:
		return DropNoPair
	case m.Options.Count(dhcp6.OptDHCPv4Message) != 1,
		len(inner) < minDHCPv4,
		string(inner[cookieAt:minDHCPv4]) != cookie:
		return DropNoMessage
	}
	o := ipc.Origin{Iface: x.Link.Iface, Addr: x.In.Peer.Addr(), Port: x.In.Peer.Port()}
	s.receipts.Note(o, &x.Query)
	x.w.diverted = append(x.w.diverted, ipc.Message{Data: x.In.Data, Origin: o})
	if ce := s.packets.Check(zap.DebugLevel, "query handed to the DHCPv4 daemon"); ce != nil {
		ce.Write(x.fields()...)
	}
	return Diverted
}

// handOver sends what a batch has set aside. A daemon that is not there costs
// these queries and nothing else; the clients ask again. That it is gone, or that
// a message was refused, is told by the pair itself (ipc.Options.OnPeer, OnRefused).
func (s *Server) handOver(queries []ipc.Message) {
	if len(queries) == 0 {
		return
	}
	n, err := s.pair.Write(queries)
	s.count.forwarded.Add(n)
	if n == len(queries) {
		return
	}
	s.count.notForwarded.Add(len(queries) - n)
	var refused ipc.Fault
	if errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &refused) {
		return // told by the pair, which knows more; a client must not fill the log with bad queries
	}
	if missed, ok := s.told.pair.Allow(); ok {
		s.log.Warn("4o6 queries cannot be handed over", zap.Error(err), zap.Int("lost", len(queries)-n), zap.Uint64("missed", missed))
	}
}
