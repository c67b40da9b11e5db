package server6

import (
	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// Disable has the server drop every query, those for the DHCPv4 daemon too, or
// answer again. A batch that a worker has at hand is finished as it was begun, and
// answers to what went over the pair before still come back.
func (s *Server) Disable(off bool) { s.disabled.Store(off) }

// refuse counts the queries of a batch that are dropped unread.
func (s *Server) refuse(in []transport.Datagram, iface string) {
	for i := range in {
		s.count.drop(DropDisabled)
		if ce := s.bad.Check(zap.DebugLevel, "query dropped"); ce != nil {
			ce.Write(zap.String("iface", iface), zap.Stringer("peer", in[i].Peer), zap.String("reason", DropDisabled.Reason()))
		}
	}
}
