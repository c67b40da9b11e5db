package server4

import (
	"encoding/hex"
	"fmt"
	"net"
	"runtime/debug"

	"go.uber.org/zap"
)

type step struct {
	name string
	step func(*Server, *Exchange) Verdict
}

// path is the life of a DHCPv4 query up to the commit, in order.
var path = [...]step{
	{"parse", (*Server).parse},
	{"accept", (*Server).accept},
	{"classify", (*Server).classify},
	{"select-subnet", (*Server).selectSubnet},
	{"identify", (*Server).identify},
	{"allocate", (*Server).allocate},
	{"build", (*Server).build},
	{"address", (*Server).address},
}

// restart is the step at which a query begins anew under another topology.
const restart = 2

// after is the life of a reply behind the commit, in order.
var after = [...]step{
	{"committed", (*Server).committed},
	{"pack", (*Server).pack},
	{"send", (*Server).send},
}

// restartLimit bounds how often one query is answered anew because the
// configuration was replaced under it.
const restartLimit = 3

// answer walks x through path. A panic is a fault of ours that must cost one
// query only (RFC 2131 clients ask again).
func (s *Server) answer(x *Exchange) (v Verdict) {
	defer s.caught(x, &v)
	x.begin()
	if x.hooks = s.hooks.Load(); x.hooks != &unhooked {
		x.show()
	}
	x.Net = s.net.Load()
	return s.walk(x, 0)
}

// walk takes x through path from a step on. When that is parked, x is another's.
func (s *Server) walk(x *Exchange, from int) (v Verdict) {
	for i := from; i < len(path); i++ {
		x.step, x.place = path[i].name, place{step: i}
		v = path[i].step(s, x)
		if v == parked {
			return v
		}
		if s.trace != nil {
			s.trace(Event{Exchange: x, Step: x.step, Verdict: v})
		}
		if v == again {
			if x.restarts++; x.restarts > restartLimit {
				return DropStale
			}
			x.Net = s.current()
			x.Subnet, x.Host, x.Pool, x.Reply, x.Seq = nil, nil, nil, 0, 0
			x.global, x.nids = nil, 0
			x.spot.known = false
			x.anew()
			i = restart - 1
			continue
		}
		if v != Next {
			return v
		}
	}
	return Next
}

// finish walks x through after.
func (s *Server) finish(x *Exchange) (v Verdict) {
	defer s.caught(x, &v)
	for i := x.from; i < len(after); i++ {
		x.step, x.place = after[i].name, place{behind: true, step: i}
		v = after[i].step(s, x)
		if v == parked {
			return v
		}
		if s.trace != nil {
			s.trace(Event{Exchange: x, Step: x.step, Verdict: v})
		}
		if v != Next {
			return v
		}
	}
	return Next
}

// caught turns a panic of a step into a verdict. It has to be deferred itself.
func (s *Server) caught(x *Exchange, v *Verdict) {
	if r := recover(); r != nil {
		*v = DropPanic
		s.lot.cancel(x)
		n, ok := s.told.fault.Allow()
		if !ok { // whoever found it may send it again and again
			return
		}
		s.log.Error("fault in a step, query dropped", zap.String("step", x.step), zap.String("iface", x.iface),
			zap.Any("reason", r), zap.String("query", hex.EncodeToString(x.data)), zap.ByteString("stack", debug.Stack()), zap.Uint64("missed", n))
	}
}

// dropped counts and logs a query that gets no reply.
func (s *Server) dropped(x *Exchange, v Verdict) {
	s.count.drop(v)
	if v == DropNoSubnet && x.over6 {
		s.count.noSubnet4o6.Inc()
	}
	if ce := s.bad.Check(zap.DebugLevel, "query dropped"); ce != nil {
		ce.Write(append(x.fields(), zap.String("reason", v.Reason()), zap.String("step", x.step))...)
	}
}

// fields describes the query for a log line.
func (x *Exchange) fields() []zap.Field {
	f := append(make([]zap.Field, 0, 8), zap.String("iface", x.iface))
	q := x.Query
	read := len(q.Bytes()) > 0
	switch {
	case x.over6 && len(x.packet.Envelope.Relays) > 0:
		f = append(f, zap.Stringer("relay", x.origin.Addr))
	case x.over6:
		f = append(f, zap.Stringer("peer", x.origin.Addr))
	case read && given(q.GIAddr):
		f = append(f, zap.Stringer("relay", q.GIAddr))
	default:
		f = append(f, zap.Stringer("peer", x.peer))
	}
	if read {
		f = append(f, zap.String("xid", fmt.Sprintf("0x%08x", q.XID)), zap.Stringer("type", x.Type),
			zap.String("client", net.HardwareAddr(q.CHAddr()).String()))
	}
	return f
}
