package server4

import "go.uber.org/zap"

// Disable has the server drop every query, native or over the pair, or answer
// again. A batch that a worker has at hand is finished as it was begun.
func (s *Server) Disable(off bool) { s.disabled.Store(off) }

// refuse counts the queries of a batch that are dropped unread.
func (s *Server) refuse(all []*Exchange) {
	s.count.received.Add(len(all))
	for _, x := range all {
		s.count.drop(DropDisabled)
		if ce := s.bad.Check(zap.DebugLevel, "query dropped"); ce != nil {
			ce.Write(zap.String("iface", x.iface), zap.String("reason", DropDisabled.Reason()))
		}
	}
}
