package server6

import (
	"encoding/hex"
	"fmt"
	"runtime/debug"

	"go.uber.org/zap"
)

// A step does one thing to a query.
type step struct {
	name string
	step func(*Server, *Exchange) Verdict
}

// path is the life of a DHCPv6 query up to the commit, in order.
var path = [...]step{
	{"parse", (*Server).parse},
	{"accept", (*Server).accept},
	{"classify", (*Server).classify},
	{"divert", (*Server).divert},
	{"select-subnet", (*Server).selectSubnet},
	{"identify", (*Server).identify},
	{"allocate", (*Server).allocate},
	{"build", (*Server).build},
	{"address", (*Server).address},
}

// restart is the step at which a query begins anew under another topology: the
// first that looks at the configuration.
const restart = 2

// after is the life of an answer behind the commit, in order.
var after = [...]step{
	{"committed", (*Server).committed},
	{"pack", (*Server).pack},
	{"send", (*Server).send},
}

// restartLimit bounds how often one query is answered anew because the
// configuration was replaced under it.
const restartLimit = 3

// answer walks x through path. A panic is a fault of ours that must cost one
// query only; the client asks again.
func (s *Server) answer(x *Exchange) (v Verdict) {
	defer s.caught(x, &v)
	x.begin()
	x.Net = s.net.Load()
	for i := 0; i < len(path); i++ {
		x.step = path[i].name
		v = path[i].step(s, x)
		if s.trace != nil {
			s.trace(Event{Exchange: x, Step: x.step, Verdict: v})
		}
		if v == again {
			if x.restarts++; x.restarts > restartLimit {
				return DropStale
			}
			x.Net = s.current()
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
	for i := range after {
		x.step = after[i].name
		v = after[i].step(s, x)
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
		if n, ok := s.told.fault.Allow(); ok {
			s.log.Error("fault in a step, query dropped", zap.String("step", x.step), zap.String("iface", x.Link.Iface),
				zap.Any("reason", r), zap.String("query", hex.EncodeToString(x.In.Data)), zap.ByteString("stack", debug.Stack()), zap.Uint64("missed", n))
		}
	}
}

// dropped counts and logs a query that gets no answer.
func (s *Server) dropped(x *Exchange, v Verdict) {
	s.count.drop(v)
	if ce := s.bad.Check(zap.DebugLevel, "query dropped"); ce != nil {
		ce.Write(append(x.fields(), zap.String("reason", v.Reason()), zap.String("step", x.step))...)
	}
}

// fields describes the query for a log line.
func (x *Exchange) fields() []zap.Field {
	f := []zap.Field{zap.String("iface", x.Link.Iface), zap.Stringer("peer", x.In.Peer)}
	if n := len(x.Query.Relays); n > 0 {
		f = append(f, zap.Int("relays", n))
	}
	if m := &x.Query.Message; m.Type != 0 {
		f = append(f, zap.Stringer("type", m.Type), zap.String("xid", fmt.Sprintf("0x%06x", m.XID[:])))
	}
	if x.ClientID != nil {
		f = append(f, zap.Stringer("client", x.ClientID))
	}
	return f
}
