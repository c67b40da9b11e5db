package server6

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// The ports (RFC 9915 §7.2).
const (
	clientPort = 546
	serverPort = 547
)

// address says where the answer goes: back to where the datagram came from, on
// the interface that it came in on (RFC 9915 §18.3.10).
func (s *Server) address(x *Exchange) Verdict {
	peer := x.In.Peer
	port := s.portTo(x.relayed(), x.Query.OuterSourcePort(), peer.Port())
	x.Out = transport.Datagram{Peer: netip.AddrPortFrom(peer.Addr(), port), IfIndex: x.In.IfIndex}
	if x.Out.IfIndex == 0 {
		x.Out.IfIndex = x.Link.IfIndex
	}
	if to := x.In.Local; to.IsValid() && !to.IsMulticast() {
		x.Out.Local = to
	}
	return Next
}

// portTo returns the port of the party that a query came from: a client listens
// on 546, a relay on 547 or, with the Relay Source Port option in the outermost
// level, on the port that it sent from (RFC 8357 §5.2).
func (s *Server) portTo(relayed, ownPort bool, source uint16) uint16 {
	switch {
	case s.toSource:
		return source
	case s.port != 0:
		return s.port
	case !relayed:
		return clientPort
	case ownPort:
		return source
	}
	return serverPort
}
