package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// names resolves the ddns- keys of a scope. The older ones stand in dhcp-ddns and
// are as good as global ones, which go before them.
func (c *compiler) names(l levels) *ddns.Params {
	if d := c.root.get("dhcp-ddns"); d != nil {
		l = append(slices.Clip(l), c.elder)
	}
	p := &ddns.Params{
		Send:                 c.cfg.DDNS.Enable && l.bool("ddns-send-updates", true),
		OverrideNoUpdate:     l.bool("ddns-override-no-update", false),
		OverrideClientUpdate: l.bool("ddns-override-client-update", false),
		UpdateOnRenew:        l.bool("ddns-update-on-renew", false),
		Replace:              ddns.Replace(index(ddns.ReplaceNames[:], l.text("ddns-replace-client-name", "never"))),
		Prefix:               l.text("ddns-generated-prefix", "myhost"),
		Suffix:               l.text("ddns-qualifying-suffix", ""),
		Clean:                c.cleaner(l),
		Mode:                 conflictMode(l),
		TTL:                  l.uint32("ddns-ttl", 0),
		TTLPercent:           l.float("ddns-ttl-percent", 0),
		TTLMin:               l.uint32("ddns-ttl-min", 0),
		TTLMax:               l.uint32("ddns-ttl-max", 0),
	}
	c.ttls(l[0])
	return p
}

// elder gives the keys of dhcp-ddns that say what ddns- keys do the names of
// those.
func elder(d *node) *node {
	if d == nil {
		return nil
	}
	n := &node{kind: kMap, at: d.at, parent: d.parent, key: d.key}
	for _, m := range d.members {
		k := *m
		switch k.key {
		case "hostname-char-set", "hostname-char-replacement":
		case "override-no-update", "override-client-update", "replace-client-name", "generated-prefix", "qualifying-suffix":
			k.key = "ddns-" + k.key
		default:
			continue
		}
		n.members = append(n.members, &k)
	}
	return n
}

// index is where a word stands in a list; one that was found wrong counts as the first.
func index(words []string, s string) int { return max(slices.Index(words, s), 0) }

// conflictMode is ddns-conflict-resolution-mode of the innermost scope that says
// anything of the kind.
func conflictMode(l levels) ddns.Mode {
	for _, n := range l {
		if m := n.get("ddns-conflict-resolution-mode"); m != nil {
			return ddns.Mode(index(ddns.ModeNames[:], m.str))
		}
		if m := n.get("ddns-use-conflict-resolution"); m != nil && !m.bool {
			return ddns.NoCheckWithDHCID
		} else if m != nil {
			return ddns.CheckWithDHCID
		}
	}
	return ddns.CheckWithDHCID
}

// cleaner compiles hostname-char-set. The same one serves all scopes that say the same.
func (c *compiler) cleaner(l levels) *ddns.Cleaner {
	set, with := l.text("hostname-char-set", "[^A-Za-z0-9.-]"), l.text("hostname-char-replacement", "")
	key := [2]string{set, with}
	if made, ok := c.cleaners[key]; ok {
		return made
	}
	made, err := ddns.NewCleaner(set, with)
	if m := l.find("hostname-char-set"); err != nil {
		c.errorf(m, "%q is no regular expression: %s", set, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	c.cleaners[key] = made
	return made
}

// ttls complains of times of one scope that do not go together.
func (c *compiler) ttls(n *node) {
	ttl := n.get("ddns-ttl")
	for _, key := range []string{"ddns-ttl-percent", "ddns-ttl-min", "ddns-ttl-max"} {
		if m := n.get(key); m != nil && ttl != nil {
			c.errorf(m, "says how ddns-ttl is worked out, and that is given; give one of them")
		}
	}
	least, most := n.get("ddns-ttl-min"), n.get("ddns-ttl-max")
	if least != nil && most != nil && most.num < least.num {
		c.errorf(most, "%d is less than ddns-ttl-min %d", most.num, least.num)
	}
	if m := n.get("ddns-conflict-resolution-mode"); m != nil && n.has("ddns-use-conflict-resolution") {
		c.errorf(m, "ddns-use-conflict-resolution says the same; give one of them")
	}
}

// namesOfPool is names for a pool that says anything of them, else nil.
func (c *compiler) namesOfPool(n *node, around levels) *ddns.Params {
	for i := range ddnsKeys {
		if n.has(ddnsKeys[i].name) {
			return c.names(append(levels{n}, around...))
		}
	}
	return nil
}

// updates reads dhcp-ddns.
func (c *compiler) updates() {
	n := c.root.get("dhcp-ddns")
	l := levels{n}
	c.elder = elder(n)
	c.cleaners = map[[2]string]*ddns.Cleaner{}
	d := DDNS{Enable: l.bool("enable-updates", false), Queue: int(l.uint32("max-queue-size", 1024))}
	server := c.addressOf(n, "server-ip", netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	any := netip.IPv4Unspecified()
	if server.Is6() {
		any = netip.IPv6Unspecified()
	}
	sender := c.addressOf(n, "sender-ip", any)
	d.Server = netip.AddrPortFrom(server, uint16(l.uint32("server-port", 53001)))
	d.Sender = netip.AddrPortFrom(sender, uint16(l.uint32("sender-port", 0)))
	switch {
	case server.Is4() != sender.Is4():
		c.errorf(n.get("sender-ip"), "%s is of another family than server-ip %s", sender, server)
	case d.Server == d.Sender:
		c.errorf(n.get("sender-ip"), "%s is server-ip with server-port, which is the daemon's", d.Sender)
	case d.Enable && d.Server.Port() == 0:
		c.errorf(n.get("server-port"), "nobody can be reached at port 0")
	}
	if m := n.get("ncr-protocol"); m != nil && strings.EqualFold(m.str, "TCP") {
		c.errorf(m, "%s is not to be had: kea-dhcp-ddns takes requests over UDP", m.str)
	}
	c.cfg.DDNS = d
}

// addressOf reads an address of either family.
func (c *compiler) addressOf(n *node, key string, def netip.Addr) netip.Addr {
	m := n.get(key)
	if m == nil || m.str == "" {
		return def
	}
	a, err := netip.ParseAddr(m.str)
	if err != nil || a.Zone() != "" {
		c.errorf(m, "%q is not an address", m.str)
		return def
	}
	return a.Unmap()
}

// hostnameExpr reads the hostname-expr of ddns_tuning; nil: there is none, or an
// empty one.
func (c *compiler) hostnameExpr(n *node) *classify.Expr {
	switch m := n.get("hostname-expr"); {
	case m == nil:
	case m.kind != kString:
		c.errorf(m, "has to be a string")
	case m.str != "":
		return c.value(m)
	}
	return nil
}

// tune notes what ddns_tuning makes the names in a subnet of: what stands in its
// user-context, where an empty expression stands for none, else the library's own.
func (c *compiler) tune(s *topology.Subnet, n *node) {
	lib := c.cfg.Topology.Tuning
	if lib == nil {
		return
	}
	own := n.get("user-context").get("ddns-tuning")
	if s.HostnameExpr = lib.Hostname; own.get("hostname-expr") != nil {
		s.HostnameExpr = c.hostnameExpr(own)
	}
}
