package config

import (
	"net/netip"
	"time"
)

// ourMetrics is where Prometheus may read.
var ourMetrics = &scope{name: "metrics of dhcp4o6", keys: []rule{
	{name: "address", typ: tString, def: "::1", note: "where to listen; whoever reaches it may read, so it is loopback unless told otherwise"},
	{name: "port", typ: tInt, in: v4, min: 1, max: 65535, def: "9067", note: "TCP port"},
	{name: "port", typ: tInt, in: v6, min: 1, max: 65535, def: "9547", note: "TCP port"},
}}

// metrics reads where metrics are to be had, and returns the invalid AddrPort for
// nowhere.
func (c *compiler) metrics() netip.AddrPort {
	n := c.root.ours().get("metrics")
	if n == nil || n.kind != kMap {
		return netip.AddrPort{}
	}
	addr, l := netip.IPv6Loopback(), levels{n}
	if m := n.get("address"); m != nil && m.kind == kString {
		var err error
		if addr, err = netip.ParseAddr(m.str); err != nil || addr.IsMulticast() {
			c.errorf(m, "%q is not a unicast address of this host, nor :: or 0.0.0.0 for all of them", m.str)
			return netip.AddrPort{}
		}
	}
	port := uint32(9067)
	if c.cfg.Family == v6 {
		port = 9547
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(l.uint32("port", port)))
}

// Statistics is "statistic-default-sample-count" and "-age": how much of the past
// the statistic commands tell.
type Statistics struct {
	Samples int
	Age     time.Duration // 0: Samples is the limit
	Asked   bool          // the limit is not the default: somebody wants samples
}

// statistics reads them as Kea does: the age counts where the number is 0.
func (c *compiler) statistics() Statistics {
	const usual = 20
	l := levels{c.root}
	s := Statistics{Samples: int(l.uint32("statistic-default-sample-count", usual))}
	if s.Samples == 0 {
		s.Samples, s.Age = 1, l.seconds("statistic-default-sample-age", 0)
	}
	s.Asked = s.Age > 0 || s.Samples > 1 && s.Samples != usual
	return s
}
