package config

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// compileClient turns the tree into a Client. The loggers are compiled as those of
// a server are.
func (c *compiler) compileClient() *Client {
	c.defs = optdef.New(optdef.Family(c.cfg.Family))
	c.loggers()
	out := &Client{Family: c.cfg.Family, File: c.cfg.File, Loggers: c.cfg.Loggers}
	out.DUIDType = levels{c.root}.text("duid-type", "")
	out.top = c.clientLink(levels{c.root})
	for _, n := range c.root.list("interfaces") {
		if n.kind != kMap || n.text("name") == "" {
			continue
		}
		l := c.clientLink(levels{n, c.root})
		l.Name = n.text("name")
		if slices.ContainsFunc(out.Interfaces, func(o ClientLink) bool { return o.Name == l.Name }) {
			c.errorf(n.get("name"), "%s stands here a second time", l.Name)
		}
		if c.host != nil && !slices.Contains(c.host, l.Name) {
			c.warnf(n.get("name"), "there is no interface %s on this host now", l.Name)
		}
		out.Interfaces = append(out.Interfaces, l)
	}
	return out
}

// clientLink compiles the keys of one interface. A list is inherited whole.
func (c *compiler) clientLink(l levels) ClientLink {
	out := ClientLink{
		Request: c.requested(l.find("request")), Also: c.requested(l.find("request-also")),
		Server: c.clientServer(l.find("server")), Script: l.text("script", ""),
		Resolver: l.text("resolver", "auto"), Metric: int(l.uint32("route-metric", 0)), Stay: l.bool("keep-settings", true),
		FQDN: l.text("fqdn", ""), Over6: l.bool("4o6", false), Over6Port: uint16(l.uint32("4o6-port", 0)),

		HostName: l.text("host-name", ""), UserClass: l.text("user-class", ""),
		IAID: l.number("iaid"), LeaseTime: time.Duration(l.uint32("lease-time", 0)) * time.Second, NoDNS: !l.bool("dns-updates", true),
		SetHostName: l.bool("set-host-name", false), MinMTU: int(l.uint32("min-mtu", 0)), Shared: l.bool("shared-address", false),
		Probe: l.bool("probe", true), V6Only: l.bool("v6-only", false),
		NoHijack: l.bool("reject-hijacking-routes", false), KeepLast: l.bool("keep-last", false),

		IAs: c.clientIAs(l.find("ia")), RapidCommit: l.bool("rapid-commit", false), Reconfigure: l.bool("reconfigure", false),
		Unreachable: l.bool("unreachable-prefixes", false),
	}
	if m := l.find("vendor-class"); m != nil && m.kind == kString {
		out.VendorClass = m.str
	} else if m != nil {
		out.VendorClasses = vendorClasses(m)
	}
	out.ClientID, out.HWClientID = c.clientID(l.find("client-id"))
	if t := l.find("timing"); t != nil && t.kind == kMap {
		out.Timing = clientTimes(levels{t})
	}
	return out
}

func vendorClasses(m *node) (out []ClientVendorClass) {
	for _, e := range m.items {
		if e.kind != kMap {
			continue
		}
		v := ClientVendorClass{Enterprise: levels{e}.uint32("enterprise-id", 0)}
		for _, class := range e.list("classes") {
			v.Classes = append(v.Classes, class.str)
		}
		out = append(out, v)
	}
	return out
}

func clientTimes(l levels) ClientTiming {
	s := func(key string) time.Duration { return time.Duration(l.uint32(key, 0)) * time.Second }
	return ClientTiming{InitialDelay: s("initial-delay"), InitialInterval: s("initial-interval"), BackoffCutoff: s("backoff-cutoff"),
		SelectTimeout: s("select-timeout"), Requests: int(l.uint32("requests", 0)), Reboots: int(l.uint32("reboots", 0))}
}

// number is a number that may be absent, nil.
func (l levels) number(key string) *uint32 {
	m := l.find(key)
	if m == nil {
		return nil
	}
	v := uint32(m.num)
	return &v
}

// requested turns a list of options into their codes.
func (c *compiler) requested(m *node) []uint16 {
	if m == nil || m.kind != kList {
		return nil
	}
	out := make([]uint16, 0, len(m.items))
	for _, e := range m.items {
		if e.kind != kString {
			continue
		}
		code, err := OptionCode(c.defs, e.str)
		if err != nil {
			c.add(Error, e.at, e.path(), nearest(e.str, c.defs.Names("")), "%v", err)
			e.kind = kBad // it is inherited, and told once
			continue
		}
		if !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	return out
}

// OptionCode returns the code of an option that is named, or is a number, as
// command line and file of a client write them.
func OptionCode(defs *optdef.Set, name string) (uint16, error) {
	if d, ok := defs.ByName("", name); ok {
		return d.Code, nil
	}
	most := uint64(65535)
	if optdef.Family(v4) == defs.Family() {
		most = 254
	}
	if n, err := strconv.ParseUint(name, 10, 16); err == nil && n >= 1 && n <= most {
		return uint16(n), nil
	}
	return 0, fmt.Errorf("%q is neither the name nor the number of an option", name)
}

func (c *compiler) clientServer(m *node) netip.AddrPort {
	if m == nil || m.str == "" {
		return netip.AddrPort{}
	}
	s, err := ParseServer(m.str)
	if err == nil && s.Addr().Is4() != (c.cfg.Family == v4) {
		err = fmt.Errorf("%q is not an %s address", m.str, ipName(c.cfg.Family))
	}
	if err != nil {
		c.errorf(m, "%v", err)
		m.kind = kBad
	}
	return s
}

// ParseServer reads an address, or an address and a port: 192.0.2.1,
// 192.0.2.1:6767, 2001:db8::1, [2001:db8::1]:5547. The port is 0 where there is
// none.
func ParseServer(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(a, 0), nil
	}
	p, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is neither an address nor an address and a port", s)
	}
	return p, nil
}

// clientID reads "client-id".
func (c *compiler) clientID(m *node) (id []byte, hw bool) {
	if m == nil || m.str == "duid" || m.str == "" {
		return nil, false
	}
	if m.str == "hw" {
		return nil, true
	}
	id, err := hex.DecodeString(strings.ReplaceAll(m.str, ":", ""))
	switch {
	case err != nil:
		c.errorf(m, "%q is neither duid nor hw nor octets in hexadecimal", m.str)
	case len(id) < 2 || len(id) > 255: // RFC 2132 §9.14
		c.errorf(m, "a client identifier has 2 to 255 octets, not %d", len(id))
	default:
		return id, false
	}
	m.kind = kBad
	return nil, false
}

// clientIAs reads "ia"; nil where there is none, empty where the list is.
func (c *compiler) clientIAs(m *node) []ClientIA {
	if m == nil || m.kind != kList {
		return nil
	}
	out := make([]ClientIA, 0, len(m.items))
	for _, e := range m.items {
		if e.kind != kMap {
			continue
		}
		l := levels{e}
		ia := ClientIA{Type: l.text("type", "na"), IAID: l.number("iaid")}
		ia.Hint = c.clientHint(e.get("hint"), ia.Type)
		if ia.IAID != nil && slices.ContainsFunc(out, func(o ClientIA) bool { return o.Type == ia.Type && o.IAID != nil && *o.IAID == *ia.IAID }) {
			c.errorf(e.get("iaid"), "%d is that of another ia of type %s", *ia.IAID, ia.Type)
			e.kind = kBad
		}
		out = append(out, ia)
	}
	return out
}

// clientHint reads an address, or of an IA_PD a prefix.
func (c *compiler) clientHint(m *node, typ string) netip.Prefix {
	if m == nil || m.str == "" {
		return netip.Prefix{}
	}
	if typ != "pd" {
		a, ok := parseAddr(m.str, v6)
		if !ok {
			c.errorf(m, "%q is not an IPv6 address", m.str)
			m.kind = kBad
			return netip.Prefix{}
		}
		return netip.PrefixFrom(a, 128)
	}
	p, err := netip.ParsePrefix(m.str)
	if err != nil || !p.Addr().Is6() || p != p.Masked() {
		c.errorf(m, "%q is not an IPv6 prefix", m.str)
		m.kind = kBad
		return netip.Prefix{}
	}
	return p
}
