package client6

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// containers are the softwires of RFC 7598 §5, and the options that each may hold.
var containers = map[dhcp6.Code]hostconf.SoftwireKind{
	dhcp6.OptS46ContMAPE: hostconf.MAPE, dhcp6.OptS46ContMAPT: hostconf.MAPT, dhcp6.OptS46ContLW: hostconf.LW4o6,
}

// most bounds the parts of a softwire that may be many.
const most = 64

// softwireOf reads an S46 container. One of which a part makes no sense, or that lacks
// what its kind cannot do without, is left out as a whole: IPv4 would be sent astray.
func softwireOf(c dhcp6.Code, v []byte) (w hostconf.Softwire, ok bool) {
	w.Kind = containers[c]
	in, err := dhcp6.ParseOptions(v)
	if err != nil || in.Len() > most {
		return w, false
	}
	for c, v := range in.All {
		ok := true
		switch {
		case c == dhcp6.OptS46Rule && w.Kind != hostconf.LW4o6:
			var r hostconf.MappingRule
			if r, ok = ruleOf(v); ok {
				w.Rules = append(w.Rules, r)
			}
		case c == dhcp6.OptS46BR && w.Kind != hostconf.MAPT:
			ok = len(v) == 16
			if ok {
				w.BRs = append(w.BRs, netip.AddrFrom16([16]byte(v)))
			}
		case c == dhcp6.OptS46DMR && w.Kind == hostconf.MAPT:
			var rest []byte
			w.DMR, rest, ok = prefix6(v)
			ok = ok && len(rest) == 0
		case c == dhcp6.OptS46V4V6Bind && w.Kind == hostconf.LW4o6:
			var b hostconf.Binding
			if b, ok = bindOf(v); ok {
				w.Binds = append(w.Binds, b)
			}
		}
		if !ok {
			return w, false
		}
	}
	switch w.Kind {
	case hostconf.MAPE:
		return w, len(w.Rules) > 0 && len(w.BRs) > 0
	case hostconf.MAPT:
		return w, len(w.Rules) > 0 && w.DMR.IsValid()
	}
	return w, len(w.BRs) > 0 && len(w.Binds) <= 1
}

// ruleOf reads an S46 Rule (RFC 7598 §4.1): flags, EA length, then both prefixes.
func ruleOf(v []byte) (r hostconf.MappingRule, ok bool) {
	const fmr = 1
	if len(v) < 8 || v[1] > 48 || v[2] > 32 {
		return r, false
	}
	r.Forwarding, r.EALen = v[0]&fmr != 0, v[1]
	r.V4 = netip.PrefixFrom(netip.AddrFrom4([4]byte(v[3:7])), int(v[2])).Masked()
	v6, rest, ok := prefix6(v[7:])
	if !ok {
		return r, false
	}
	r.V6 = v6
	r.PortSet, ok = portsOf(rest)
	return r, ok
}

// bindOf reads an S46 IPv4/IPv6 Address Binding (RFC 7598 §4.4).
func bindOf(v []byte) (b hostconf.Binding, ok bool) {
	if len(v) < 5 {
		return b, false
	}
	b.V4 = netip.AddrFrom4([4]byte(v[:4]))
	v6, rest, ok := prefix6(v[4:])
	if !ok {
		return b, false
	}
	b.V6 = v6
	b.PortSet, ok = portsOf(rest)
	return b, ok
}

// prefix6 cuts off a length of prefix and as many octets as that takes.
func prefix6(v []byte) (p netip.Prefix, rest []byte, ok bool) {
	if len(v) < 1 || v[0] > 128 {
		return p, nil, false
	}
	n := (int(v[0]) + 7) / 8
	if len(v) < 1+n {
		return p, nil, false
	}
	var a [16]byte
	copy(a[:], v[1:1+n])
	return netip.PrefixFrom(netip.AddrFrom16(a), int(v[0])).Masked(), v[1+n:], true
}

// portsOf reads the S46 Port Parameters of a rule or a binding (RFC 7598 §4.5); where
// there are none, no ports are shared. The PSID stands in the upper bits of its field.
func portsOf(v []byte) (p softwire.PortSet, ok bool) {
	in, err := dhcp6.ParseOptions(v)
	if err != nil {
		return p, false
	}
	v, there := in.Option(dhcp6.OptS46PortParams)
	if !there {
		return p, true
	}
	if len(v) != 4 || v[0] > 15 || int(v[0])+int(v[1]) > 16 {
		return p, false
	}
	p = softwire.PortSet{Offset: v[0], Len: v[1]}
	if p.Len > 0 {
		p.ID = be.Uint16(v[2:]) >> (16 - p.Len)
	}
	return p, true
}
