package config

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A compiler turns a tree that has been checked against the schema into a
// Config. It takes what is absent or was found wrong to be the default, so that
// one pass finds all that is wrong with the rest.
type compiler struct {
	*report
	cfg  *Config
	root *node    // Dhcp4 or Dhcp6
	host []string // its interfaces; nil: not known
	defs *optdef.Set

	client bool // the file is that of a client

	ids      map[uint32]*node       // subnets by id
	prefixes map[netip.Prefix]*node // and by prefix
	networks map[string]*node
	auto     uint32    // the last id given to a subnet without one
	nameless []*node   // subnets without an id
	spans    []span    // pools of the whole configuration
	placed   []located // subnets by where they are in the file
	hosts    []Host    // reservations, as they are compiled

	elder    *node // what dhcp-ddns says of names, under the names of today
	cleaners map[[2]string]*ddns.Cleaner

	named    map[classify.ID]*node // classes of guards and lists, where the first stands
	assigned map[classify.ID]bool  // classes that reservations name
	told     map[*node]bool        // what atOdds has complained of
}

// outermost is the scope of the daemon's map.
func (c *compiler) outermost() *scope {
	if c.client {
		return clientGlobal
	}
	return global
}

// rootOf is the key of the map that is the family's.
func (c *compiler) rootOf(f Family) string {
	if c.client {
		return clientRoot(f)
	}
	return root(f)
}

// A located subnet is one with its place, for comparison with the others.
type located struct {
	n      *node
	prefix netip.Prefix
}

// A levels is a scope and those around it, innermost first, by which scalars are
// inherited.
type levels []*node

// find returns the innermost member of this name.
func (l levels) find(key string) *node {
	for _, n := range l {
		if m := n.get(key); m != nil && m.kind != kNull {
			return m
		}
	}
	return nil
}

func (l levels) bool(key string, def bool) bool {
	if m := l.find(key); m != nil {
		return m.bool
	}
	return def
}

func (l levels) uint32(key string, def uint32) uint32 {
	if m := l.find(key); m != nil {
		return uint32(m.num)
	}
	return def
}

func (l levels) float(key string, def float64) float64 {
	if m := l.find(key); m != nil {
		return m.float
	}
	return def
}

func (l levels) text(key, def string) string {
	if m := l.find(key); m != nil {
		return m.str
	}
	return def
}

// addr returns an address that checkAddr has accepted; invalid when there is none.
func (l levels) addr(key string) netip.Addr {
	if m := l.find(key); m != nil {
		if a, err := netip.ParseAddr(m.str); err == nil {
			return a
		}
	}
	return netip.Addr{}
}

// given is text of the innermost level that has some: as in Kea, empty text hides
// no outer one.
func (l levels) given(key string) string {
	for _, n := range l {
		if m := n.get(key); m != nil && m.str != "" {
			return m.str
		}
	}
	return ""
}

// nextServer is next-server; 0.0.0.0, its default in Kea, says that there is none.
func (l levels) nextServer() netip.Addr {
	a := l.addr("next-server")
	if a.IsValid() && a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// seconds returns a time in seconds, ms one in milliseconds.
func (l levels) seconds(key string, def uint32) time.Duration {
	return time.Duration(l.uint32(key, def)) * time.Second
}

func (l levels) ms(key string, def uint32) time.Duration {
	return time.Duration(l.uint32(key, def)) * time.Millisecond
}

// compile makes the Config. It is of use only when no error was reported.
func (c *compiler) compile() {
	c.ids = map[uint32]*node{}
	c.prefixes = map[netip.Prefix]*node{}
	c.networks = map[string]*node{}
	g := levels{c.root}
	c.interfaces()
	c.leaseDatabase()
	c.serverID()
	c.loggers()
	c.controlSockets()
	c.ours()
	c.cfg.ServerTag = g.text("server-tag", "")
	c.cfg.DataDir = g.text("data-directory", "")
	c.cfg.DHCP4o6Port = uint16(g.uint32("dhcp4o6-port", 0))
	c.cfg.DeclineProbation = g.seconds("decline-probation-period", 86400)
	c.cfg.LeaseChecks = levels{c.root.get("sanity-checks")}.text("lease-checks", "warn")
	c.cfg.Expired = expired(c.root.get("expired-leases-processing"))
	c.updates()
	c.refusals()

	t := &topology.Topology{Family: c.cfg.Family}
	c.cfg.Topology = t
	c.definitions(c.root)
	c.classes()
	c.modes(c.root)
	t.Options = c.options(c.root)
	for i := range t.Options {
		t.Options[i].Global = true
	}
	t.Policy = c.policy(g)
	c.names(g)
	t.Identifiers = c.identifiers()
	c.leniency(t)
	c.libraries(t)
	for _, n := range c.root.list("shared-networks") {
		c.network(n, t.Options)
	}
	for _, n := range c.root.list(c.subnets()) {
		if s := c.subnet(n, g, t.Options); s != nil {
			t.Subnets = append(t.Subnets, s)
		}
	}
	c.number()
	c.overlaps()
	c.pair()
	t.Reservations = c.reservations(c.root, netip.Prefix{})
	c.strangers()
	if c.errs == 0 {
		t.Freeze()
		c.cfg.doc = c.document()
	}
}

// subnets is the key that lists them.
func (c *compiler) subnets() string {
	return subnetsKey(c.cfg.Family)
}

// number tells of subnets that were numbered for want of an id.
func (c *compiler) number() {
	if len(c.nameless) == 0 {
		return
	}
	others := ""
	switch n := len(c.nameless) - 1; n {
	case 0:
	case 1:
		others = ", nor has another one"
	default:
		others = fmt.Sprintf(", nor have %d others", n)
	}
	c.warnf(c.nameless[0], "has no id%s: subnets without one are numbered from 1 in the order of the file, shared networks first. "+
		"Leases belong to these numbers: write them into the file before it changes. Kea 3 demands it", others)
}

// pair warns of a pair that leads nowhere.
func (c *compiler) pair() {
	if c.cfg.Family == v6 {
		return
	}
	over6 := slices.ContainsFunc(c.cfg.Topology.Subnets, (*topology.Subnet).Over6)
	m := c.root.get("dhcp4o6-port")
	switch {
	case over6 && c.cfg.DHCP4o6Port == 0:
		c.warnf(c.root, "subnets have keys of 4o6, but dhcp4o6-port is not set: no 4o6 query gets here")
	case !over6 && c.cfg.DHCP4o6Port != 0:
		c.warnf(m, "no subnet has a key of 4o6: no 4o6 query finds a subnet")
	}
}

// identifiers is host-reservation-identifiers.
func (c *compiler) identifiers() []topology.IdentifierKind {
	m := c.root.get("host-reservation-identifiers")
	if m == nil {
		if c.cfg.Family == v6 {
			return []topology.IdentifierKind{topology.HWAddress, topology.DUID}
		}
		return []topology.IdentifierKind{topology.HWAddress, topology.DUID, topology.CircuitID, topology.ClientID}
	}
	var out []topology.IdentifierKind
	for _, e := range m.items {
		if e.kind != kString {
			continue
		}
		k := identifierKinds[e.str]
		if slices.Contains(out, k) {
			c.errorf(e, "%q stands here twice", e.str)
			continue
		}
		out = append(out, k)
	}
	if len(m.items) == 0 {
		c.errorf(m, "must name one identifier at least")
	}
	return out
}

// leniency reads what departs from the RFCs, and when reservations are looked up.
func (c *compiler) leniency(t *topology.Topology) {
	t.StashAgentOptions = levels{c.root}.bool("stash-agent-options", false)
	t.EarlyGlobal = levels{c.root}.bool("early-global-reservations-lookup", false)
	l := levels{c.root.get("compatibility")}
	t.Compatibility = topology.Compatibility{
		IgnoreServerID:      l.bool("ignore-dhcp-server-identifier", false),
		IgnoreLinkSelection: l.bool("ignore-rai-link-selection", false),
		ExcludeFirstLast24:  l.bool("exclude-first-last-24", false),
	}
}

var identifierKinds = map[string]topology.IdentifierKind{
	"hw-address": topology.HWAddress,
	"duid":       topology.DUID,
	"circuit-id": topology.CircuitID,
	"client-id":  topology.ClientID,
	"flex-id":    topology.FlexID,
}

// policy resolves the scalars of a scope.
func (c *compiler) policy(l levels) topology.Policy {
	p := topology.Policy{
		Valid:          c.lifetime(l, "valid-lifetime", 7200),
		Authoritative:  l.bool("authoritative", false),
		MatchClientID:  l.bool("match-client-id", true),
		EchoClientID:   l.bool("echo-client-id", true),
		NextServer:     l.nextServer(),
		ServerHostname: l.given("server-hostname"),
		BootFileName:   l.given("boot-file-name"),
		RapidCommit:    l.bool("rapid-commit", false),
	}
	if c.cfg.Family == v4 {
		c.leasing(l, &p)
	}
	p.T1.Seconds = l.uint32("renew-timer", 0)
	p.T2.Seconds = l.uint32("rebind-timer", 0)
	if t1, t2 := p.T1.Seconds, p.T2.Seconds; t2 > 0 && t1 > t2 && len(l) > 1 { // of subnets, as in Kea
		c.atOdds(l, []string{"renew-timer", "rebind-timer"}, "renew-timer %d is more than rebind-timer %d", t1, t2)
	}
	t2 := 0.875
	if c.cfg.Family == v6 {
		t2 = 0.8
		p.Preferred = c.preferred(l, p.Valid)
		p.MatchClientID, p.EchoClientID = false, false
	}
	if l.bool("calculate-tee-times", c.cfg.Family == v6) {
		p.T1.Percent = l.float("t1-percent", 0.5)
		p.T2.Percent = l.float("t2-percent", t2)
		if p.T1.Percent >= p.T2.Percent {
			c.atOdds(l, []string{"t1-percent", "t2-percent"}, "t1-percent %v is not less than t2-percent %v", p.T1.Percent, p.T2.Percent)
		}
	}
	return p
}

// lifetime reads a lifetime with its bounds. Each of the three is inherited by
// itself.
func (c *compiler) lifetime(l levels, key string, def uint32) topology.Lifetime {
	v := topology.Lifetime{Default: l.uint32(key, def)}
	v.Min = l.uint32("min-"+key, v.Default)
	v.Max = l.uint32("max-"+key, v.Default)
	switch {
	case v.Min > v.Default:
		c.atOdds(l, []string{"max-" + key, "min-" + key, key}, "min-%s %d is more than %s %d", key, v.Min, key, v.Default)
	case v.Max < v.Default:
		c.atOdds(l, []string{"max-" + key, "min-" + key, key}, "max-%s %d is less than %s %d", key, v.Max, key, v.Default)
	}
	return v
}

// atOdds complains of keys that do not go together: once for each place, where the innermost
// of them stands, however many subnets inherit it.
func (c *compiler) atOdds(l levels, keys []string, format string, args ...any) {
	for _, n := range l {
		for _, key := range keys {
			m := n.get(key)
			if m == nil || m.kind == kNull {
				continue
			}
			if c.told == nil {
				c.told = make(map[*node]bool)
			}
			if !c.told[m] {
				c.told[m] = true
				c.errorf(m, format, args...)
			}
			return
		}
	}
}

// preferred reads the preferred lifetime: five eighths of the valid one where it
// is not given, as in Kea.
func (c *compiler) preferred(l levels, valid topology.Lifetime) topology.Lifetime {
	share := func(v uint32) uint32 {
		if v == maxU32 {
			return v
		}
		return uint32(uint64(v) * 5 / 8)
	}
	if l.find("preferred-lifetime") != nil {
		p := c.lifetime(l, "preferred-lifetime", 0)
		if m := l[0].get("preferred-lifetime"); m != nil && p.Default > valid.Default {
			c.warnf(m, "%d is more than the valid lifetime, %d, which it cannot be", p.Default, valid.Default)
		}
		return p
	}
	p := topology.Lifetime{Default: share(valid.Default), Min: share(valid.Min), Max: share(valid.Max)}
	if m := l.find("min-preferred-lifetime"); m != nil {
		p.Min = uint32(m.num)
	}
	if m := l.find("max-preferred-lifetime"); m != nil {
		p.Max = uint32(m.num)
	}
	p.Default = min(max(p.Default, p.Min), max(p.Max, p.Min))
	return p
}

// span is the addresses of one pool.
type span struct {
	n           *node
	kind        lease.Kind
	first, last netip.Addr
	subnet      netip.Prefix
}
