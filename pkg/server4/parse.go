package server4

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// parse reads the message, over 4o6 out of its envelope.
func (s *Server) parse(x *Exchange) Verdict {
	s.count.received.Inc()
	v := s.read(x)
	if x.hooks.BufferReceive != nil && v != DropEnvelope && v != DropNoRoom {
		v = s.bufferReceive(x, v)
	}
	if v != Next {
		return v
	}
	x.look()
	s.count.receivedType[min(int(x.Type), len(s.count.receivedType)-1)].Inc()
	return Next
}

// read is parse without the rest.
func (s *Server) read(x *Exchange) Verdict {
	if !x.over6 {
		if err := x.Query.Parse(x.data); err != nil {
			return DropMalformed
		}
		return Next
	}
	if err := x.packet.Envelope.Parse(x.data); err != nil {
		return DropEnvelope
	}
	err := x.packet.Open()
	switch {
	case err != nil && (x.hooks.BufferReceive == nil || !inner(err)):
		return DropEnvelope
	case x.packet.Room() < dhcp4.MinAccept:
		return DropNoRoom
	case err != nil:
		return DropMalformed
	}
	return Next
}

// accept turns away what is not for us: replies, BOOTP, message types that are
// not served, and messages that name another server.
func (s *Server) accept(x *Exchange) Verdict {
	if x.Query.Op != dhcp4.BootRequest {
		return DropReply
	}
	switch x.Type {
	case dhcp4.Discover, dhcp4.Request, dhcp4.Decline, dhcp4.Release, dhcp4.Inform:
	case 0:
		return DropBOOTP
	case dhcp4.LeaseQuery:
		if x.over6 { // RFC 4388 has relays ask, and they have ways of their own to (RFC 5007 over DHCPv6)
			return DropLeaseQuery
		}
		return DropType
	default:
		return DropType
	}
	if x.Type == dhcp4.Inform && !s.mayInform(x) {
		return DropNoReturn
	}
	if x.Type != dhcp4.Discover && !s.forUs(x) {
		return DropOtherServer
	}
	if x.Net.StashAgentOptions {
		s.recall(x)
	}
	return Next
}

// mayInform reports whether there is anywhere to send the answer to an INFORM:
// over 4o6 and through a relay there always is (RFC 2131 §4.3.5).
func (s *Server) mayInform(x *Exchange) bool {
	return x.over6 || given(x.Query.GIAddr) || given(x.Query.CIAddr) || given(x.peer.Addr())
}

// forUs reports whether the server that a message names is this one. A message
// that names none is for every server; over 4o6 so is a REQUEST that answers the
// OFFER of a server without the option.
func (s *Server) forUs(x *Exchange) bool {
	v, ok := x.Query.Option(dhcp4.OptServerID)
	if !ok || x.Net.Compatibility.IgnoreServerID {
		return true
	}
	if len(v) != 4 {
		return false
	}
	id := netip.AddrFrom4([4]byte(v))
	if given(id) && id == x.overriding() { // RFC 5107 §4
		return true
	}
	return !x.over6 && id == x.local || s.ids.Load().accepts(id, x.at)
}
