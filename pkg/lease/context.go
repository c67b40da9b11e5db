package lease

import (
	"bytes"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/internal/member"
)

// context settles the user context of a grant: a client's stays over renewals,
// since it may be somebody else's (Kea's, a hook's), and of a client behind IPv6 it tells
// the source besides. had is what the resource was, nil for nothing. The text
// is put together in the request's memory.
func (g *given) context(had *record) {
	r := g.r
	ctx := []byte(r.Lease.UserContext)
	if len(ctx) == 0 && had != nil && g.me.owns(g.s(), had) {
		ctx = g.s().arena.read(had).ctx
	}
	switch {
	case r.Over6.IsValid():
		r.context = appendSource(r.context[:0], ctx, r.Over6)
	case len(ctx) > 0:
		r.context = append(r.context[:0], ctx...)
	default:
		return
	}
	r.Lease.UserContext = r.context
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
	top := len(ctx) - len(bytes.TrimLeft(ctx, " \t\r\n"))
	if top == len(ctx) || ctx[top] != '{' {
		return append(b, ctx...)
	}
	from, to := top+1, top+1 // what the new text stands in for
	begin, end := `"dhcp4o6":{"source":"`, `"}`
	if m, ok := member.Find(ctx[top:], "dhcp4o6"); ok {
		from, to = top+m.Value, top+m.End
		begin = `{"source":"`
		if inner := from; ctx[inner] == '{' {
			from, to = inner+1, inner+1
			begin, end = `"source":"`, `"`
			if m, ok := member.Find(ctx[inner:], "source"); ok {
				from, to = inner+m.Value, inner+m.End
				begin = `"`
			}
		}
	}
	b = append(append(b, ctx[:from]...), begin...)
	b = append(a.AppendTo(b), end...)
	if rest := bytes.TrimLeft(ctx[to:], " \t\r\n"); from == to && len(rest) > 0 && rest[0] != '}' {
		b = append(b, ',')
	}
	return append(b, ctx[to:]...)
}
