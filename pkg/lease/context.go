package lease

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/internal/member"
)

// context settles the user context of a grant: a client's stays over renewals,
// since it may be somebody else's (Kea's, a hook's), and of a client behind IPv6 it tells
// the source besides. had is what the resource was, nil for nothing. The text
// is put together in the request's memory.
func (g *given) context(had *record) {
	if g.settled {
		return
	}
	g.settled = true
	r := g.r
	ctx := []byte(r.Lease.UserContext)
	if len(ctx) == 0 && had != nil && g.owns(g.s(), had) {
		ctx = g.s().arena.read(had).ctx
	}
	to := &r.context[0]
	if r.RelayInfo != nil {
		*to = appendInner((*to)[:0], ctx, "ISC", "relay-agent-info", r.RelayInfo)
		ctx, to = *to, &r.context[1]
	}
	switch {
	case r.Over6.IsValid():
		*to = appendSource((*to)[:0], ctx, r.Over6)
	case len(ctx) > 0:
		*to = append((*to)[:0], ctx...)
	default:
		return
	}
	r.Lease.UserContext = *to
}

// empty is the user context of a lease that has none.
var empty = []byte("{}")

// What the context is made of when it says nothing but the source.
const (
	sourceBegin = `{"dhcp4o6":{"source":"`
	sourceEnd   = `"}}`
)

// onlySource reports whether ctx is what appendSource makes of no context.
func onlySource(ctx []byte) bool {
	n := len(ctx) - len(sourceEnd)
	return n >= len(sourceBegin) && string(ctx[:len(sourceBegin)]) == sourceBegin && string(ctx[n:]) == sourceEnd &&
		bytes.IndexByte(ctx[len(sourceBegin):n], '"') < 0
}

// appendSource appends the user context ctx with our member, "dhcp4o6":{"source":a}, in it.
// What else stands in ctx stays as it is; a context that is no object stays whole.
func appendSource(b, ctx []byte, a netip.Addr) []byte {
	if len(ctx) == 0 || onlySource(ctx) {
		b = append(a.AppendTo(append(b, sourceBegin...)), sourceEnd...)
		return b
	}
	var text [64]byte
	value := append(a.AppendTo(append(text[:0], '"')), '"')
	return appendInner(b, ctx, "dhcp4o6", "source", value)
}

// appendInner appends the user context ctx with the member "outer":{"inner":value} in it,
// in the manner of appendSource. An outer that is no object is replaced.
func appendInner(b, ctx []byte, outer, inner string, value []byte) []byte {
	if len(ctx) == 0 {
		ctx = empty
	}
	top := len(ctx) - len(bytes.TrimLeft(ctx, " \t\r\n"))
	if top == len(ctx) || ctx[top] != '{' {
		return append(b, ctx...)
	}
	from, to := top+1, top+1 // what the new text stands in for
	depth := 2               // names to be written
	if m, ok := member.Find(ctx[top:], outer); ok {
		from, to, depth = top+m.Value, top+m.End, 1
		if at := from; ctx[at] == '{' {
			from, to = at+1, at+1
			if m, ok := member.Find(ctx[at:], inner); ok {
				from, to, depth = at+m.Value, at+m.End, 0
			}
		} else {
			depth = 3 // a brace, then the inner name
		}
	}
	b = append(b, ctx[:from]...)
	switch depth {
	case 2:
		b = appendName(append(appendName(b, outer), '{'), inner)
		b = append(append(b, value...), '}')
	case 3:
		b = appendName(append(b, '{'), inner)
		b = append(append(b, value...), '}')
	case 1:
		b = append(appendName(b, inner), value...)
	default:
		b = append(b, value...)
	}
	if rest := bytes.TrimLeft(ctx[to:], " \t\r\n"); from == to && len(rest) > 0 && rest[0] != '}' {
		b = append(b, ',')
	}
	return append(b, ctx[to:]...)
}

// appendName appends the name of a member and its colon.
func appendName(b []byte, name string) []byte {
	return append(append(append(b, '"'), name...), '"', ':')
}

// Context appends the user context of a lease that is in force and held by whom by
// names to b, unless it has none. by is as for Release.
func (t *Table) Context(res Resource, now time.Time, b []byte, by ...Identity) (ctx []byte, ok bool) {
	k := res.key()
	h := t.hashKey(&k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	_, r := s.lease(uint32(h), &k)
	if r == nil || r.state != Leased || r.ctxLen == 0 || remain(r, seconds(now)) == 0 {
		return b, false
	}
	me := who(k.kind(), by)
	if !me.owns(s, r) {
		return b, false
	}
	return append(b, s.arena.read(r).ctx...), true
}

// Member returns the value of a member of the JSON object that obj is, as it stands
// there; nil when there is none, or obj is no object.
func Member(obj []byte, name string) []byte {
	top := len(obj) - len(bytes.TrimLeft(obj, " \t\r\n"))
	if top == len(obj) || obj[top] != '{' {
		return nil
	}
	m, ok := member.Find(obj[top:], name)
	if !ok {
		return nil
	}
	return obj[top+m.Value : top+m.End]
}
