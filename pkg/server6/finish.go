package server6

import (
	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// committed lets through what rests on durable leases only: no address is
// promised that a crash could take back (RFC 9915 §18.3.1 demands as much).
func (s *Server) committed(x *Exchange) Verdict {
	if x.w.unsynced != nil && x.Seq > 0 && !s.leases.Durable(x.Seq) {
		return DropUnsynced
	}
	return Next
}

// pack puts the answer into its relay levels (RFC 9915 §19.3).
func (s *Server) pack(x *Exchange) Verdict {
	x.packed = x.Query.AppendReply(x.packed[:0], x.Reply)
	if len(x.packed) > dhcp6.MaxMessage {
		return DropNoRoom
	}
	x.Out.Data = x.packed
	return Next
}

// send queues the answer; the batch leaves in one write.
func (s *Server) send(x *Exchange) Verdict {
	x.w.out = append(x.w.out, x.Out)
	x.w.types = append(x.w.types, x.Reply.Type)
	if ce := s.packets.Check(zap.DebugLevel, "answer sent"); ce != nil {
		ce.Write(append(x.fields(), zap.Stringer("answer", x.Reply.Type), zap.Stringer("to", x.Out.Peer))...)
	}
	return Next
}
