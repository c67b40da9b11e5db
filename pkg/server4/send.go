package server4

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// The ports of DHCPv4 (RFC 2131 §4.1).
const (
	serverPort = 67
	clientPort = 68
)

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// address decides where the reply goes and how (RFC 2131 §4.1). Over 4o6 the
// query has brought its way home along.
func (s *Server) address(x *Exchange) Verdict {
	if x.over6 {
		return Next
	}
	q := x.Query
	a, port := broadcast, uint16(clientPort)
	switch {
	case x.pastRelay():
		a, x.ifIndex = q.CIAddr, 0
	case given(q.GIAddr):
		a, port = q.GIAddr, serverPort
		if _, ok := x.relay.Option(dhcp4.SubRelaySourcePort); ok { // RFC 8357 §5.1
			port = x.peer.Port()
		}
		x.ifIndex = 0 // the relay may be anywhere
	case x.Reply == dhcp4.Nak:
	case given(q.CIAddr):
		a = q.CIAddr
	case q.Flags&dhcp4.FlagBroadcast != 0:
	case x.Type == dhcp4.Inform:
		a = x.peer.Addr() // accept saw that it is there
	case !x.leased(): // an offer of 0.0.0.0 finds nobody by its address
	case x.framed():
		a = x.out.Header.YIAddr
		copy(x.mac[:], q.CHAddr())
	}
	switch {
	case s.opt.ReplyToSource:
		port = x.peer.Port()
	case s.opt.ReplyPort != 0:
		port = s.opt.ReplyPort
	}
	x.to = netip.AddrPortFrom(a, port)
	return Next
}

// pastRelay reports whether the reply to a relayed query goes straight to the
// client: that to an INFORM does, as far as the client says where it is (RFC 2131
// §4.3.5).
func (x *Exchange) pastRelay() bool {
	return x.Type == dhcp4.Inform && !x.over6 && given(x.Query.GIAddr) && given(x.Query.CIAddr)
}

// relayed reports whether a relay sees the reply, so that no client is shown what
// relays say of it. Who sends option 82 without being a relay gets it back (RFC
// 3046 §2.2), but in answer to an INFORM, as from Kea.
func (x *Exchange) relayed() bool {
	return x.Type != dhcp4.Inform || given(x.Query.GIAddr) && !x.pastRelay()
}

// committed is where the lease is known to be durable, and where a query that is
// not answered ends.
func (s *Server) committed(x *Exchange) Verdict {
	if !x.returning {
		s.say(x)
	}
	if v := s.tell(x); v != Next {
		return v
	}
	if x.Reply == 0 {
		return Done
	}
	return Next
}

// say logs what became of the client's address.
func (s *Server) say(x *Exchange) {
	switch x.Reply {
	case dhcp4.Offer:
		s.event(x, "address offered", x.out.Header.YIAddr)
	case dhcp4.Nak:
		s.event(x, "address refused", x.asked())
	case dhcp4.Ack:
		if x.Type == dhcp4.Request {
			s.event(x, "lease granted", x.Lease.Resource.Prefix.Addr())
		}
	}
}

// tell calls lease4_offer or leases4_committed.
func (s *Server) tell(x *Exchange) Verdict {
	if x.Reply == dhcp4.Offer {
		if x.hooks.LeaseOffer == nil || !x.leased() {
			return Next
		}
		if v := s.consult(x, x.hooks.LeaseOffer); v != Next {
			return v
		}
		if x.InUse {
			return s.serverDecline(x)
		}
		return Next
	}
	if h := x.hooks.LeasesCommitted; h != nil && (x.Reply == dhcp4.Ack && x.Type == dhcp4.Request || x.Reply == 0) {
		return s.consult(x, func(x *Exchange) NextStep { return h(x, s.changes(x)) })
	}
	return Next
}

// pack writes the reply, over 4o6 into its envelope.
func (s *Server) pack(x *Exchange) Verdict {
	skip := false
	if h := x.hooks.PacketSend; h != nil {
		n := h(x)
		if n == Drop {
			return DropHook
		}
		skip = n == Skip && x.written
		x.out.ToEnd(dhcp4.OptRelayAgentInfo)
	}
	x.wire = x.out.Bytes()
	if x.bootp {
		x.wire = padBOOTP(x.wire)
	}
	x.buf = x.wire[:0]
	if skip {
		x.wire = x.reply
	}
	if h := x.hooks.BufferSend; h != nil {
		x.written = false
		if n := h(x); n == Skip || n == Drop {
			return DropHook
		}
		if x.written {
			x.wire = x.reply
		}
	}
	if x.over6 {
		if len(x.wire) > x.packet.Room() {
			return DropNoRoom
		}
		x.seal = x.packet.Seal(x.seal[:0], x.wire)
		x.wire = x.seal
	}
	return Next
}

// send puts the reply into the batch that leaves together.
func (s *Server) send(x *Exchange) Verdict {
	w := x.w
	if x.over6 {
		w.answers = append(w.answers, ipc.Message{Data: x.wire, Origin: x.origin, Dialect: x.dialect, Echo: x.iscEcho})
	} else {
		w.out = append(w.out, transport.Datagram{Data: x.wire, Peer: x.to, Local: x.local, IfIndex: x.ifIndex, To: x.mac})
	}
	if c := s.count.sentType[x.Reply]; c != nil && !x.bootp {
		c.Inc()
	}
	return Next
}
