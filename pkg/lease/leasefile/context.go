package leasefile

import (
	"bytes"
	"math"
	"strconv"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/internal/member"
)

// Kea's v4 file has no column for the hardware type and means Ethernet. Another
// type stands in the user context, which Kea keeps, as the member
// "dhcp4o6":{"hwtype":N}. It goes in right behind a brace and is taken out from
// there, so that the rest of the context comes back octet for octet; only an
// empty object and no context at all are not told apart.
const (
	ourMember = "dhcp4o6"
	typeName  = "hwtype"
)

// appendContext4 appends the escaped user context of an IPv4 lease.
func appendContext4(b []byte, l *lease.Lease) []byte {
	ctx := []byte(l.UserContext)
	top := bytes.IndexByte(ctx, '{')
	if len(l.HWAddr) == 0 || top < 0 && len(ctx) > 0 || l.HWType == hwEthernet && !holdsHWType(ctx) {
		return appendEscaped(b, ctx)
	}
	if len(ctx) == 0 {
		b = appendHWType(append(b, '{'), l.HWType, false)
		return append(b, '}')
	}
	at, inside := top+1, false
	if m, ok := member.Find(ctx[top:], ourMember); ok && ctx[top+m.Value] == '{' {
		at, inside = top+m.Value+1, true
	}
	b = appendEscaped(b, ctx[:at])
	b = appendHWType(b, l.HWType, inside)
	if rest := bytes.TrimLeft(ctx[at:], " \t\r\n"); len(rest) > 0 && rest[0] != '}' {
		b = appendEscaped(b, ",")
	}
	return appendEscaped(b, ctx[at:])
}

// appendHWType appends the member that holds the hardware type; inside: into an
// object of ours that is there already.
func appendHWType(b []byte, hwtype uint16, inside bool) []byte {
	if inside {
		b = append(b, `"hwtype":`...)
		return strconv.AppendUint(b, uint64(hwtype), 10)
	}
	b = append(b, `"dhcp4o6":{"hwtype":`...)
	b = strconv.AppendUint(b, uint64(hwtype), 10)
	return append(b, '}')
}

// findHWType finds the member that holds a hardware type: outer in the object at
// top, inner in the object that is outer's value.
func findHWType(ctx []byte) (top int, outer, inner member.Member, hwtype uint16, ok bool) {
	if top = bytes.IndexByte(ctx, '{'); top < 0 || !bytes.Contains(ctx, []byte(typeName)) {
		return
	}
	if outer, ok = member.Find(ctx[top:], ourMember); !ok || ctx[top+outer.Value] != '{' {
		return top, outer, inner, 0, false
	}
	base := top + outer.Value
	if inner, ok = member.Find(ctx[base:], typeName); !ok {
		return
	}
	n, err := parseUint(ctx[base+inner.Value:base+inner.End], math.MaxUint16)
	return top, outer, inner, uint16(n), err == nil
}

func holdsHWType(ctx []byte) bool {
	_, _, _, _, ok := findHWType(ctx)
	return ok
}

// cutHWType takes the hardware type out of a user context that holds one. The
// result shares memory with ctx, which is changed.
func cutHWType(ctx []byte) (rest []byte, hwtype uint16, ok bool) {
	top, outer, inner, hwtype, ok := findHWType(ctx)
	if !ok {
		return ctx, 0, false
	}
	if inner.Only {
		ctx = cutMember(ctx, top, outer)
	} else {
		ctx = cutMember(ctx, top+outer.Value, inner)
	}
	if len(bytes.Trim(ctx, "{} \t\r\n")) == 0 {
		ctx = nil
	}
	return ctx, hwtype, true
}

// cutMember removes a member of the object at base, and one comma with it.
func cutMember(ctx []byte, base int, m member.Member) []byte {
	from, to := m.Name, m.After
	if m.After == m.End {
		from = m.Before
	}
	return append(ctx[:base+from], ctx[base+to:]...)
}
