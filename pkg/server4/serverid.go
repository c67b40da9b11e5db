package server4

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// noAddress is the server identifier of a host that has no IPv4 address at all:
// the dummy address of RFC 7600 §4.8, which no client can mistake for a server of
// its own network. It can only be of use over 4o6, where nothing is sent to it.
var noAddress = netip.AddrFrom4([4]byte{192, 0, 0, 8})

// identifiers are the values of option 54 that this server goes by. Immutable.
type identifiers struct {
	byIface map[string]netip.Addr // for queries that came in on an interface
	rest    netip.Addr            // for all others
	own     map[netip.Addr]bool   // all that are ours now: addresses of the host, and those configured
	past    map[netip.Addr]time.Time
}

// identifier returns option 54 of the reply: what the relay has put in our place
// (RFC 5107 §4), what option-data says at any scope, the address that the query
// came to, or the choice made at load.
func (s *Server) identifier(x *Exchange) netip.Addr {
	if a := x.overriding(); given(a) {
		return a
	}
	if o := x.option(dhcp4.OptServerID); o != nil && len(o.Value) == 4 {
		return netip.AddrFrom4([4]byte(o.Value))
	}
	if x.Subnet != nil && given(x.Subnet.ServerID) {
		return x.Subnet.ServerID
	}
	if given(x.local) {
		return x.local
	}
	ids := s.ids.Load()
	if a, ok := ids.byIface[x.iface]; ok {
		return a
	}
	return ids.rest
}

// overriding is the address that the relay has put in our place (RFC 5107 §4).
// 0.0.0.0, which no client could send anything to, is none.
func (x *Exchange) overriding() netip.Addr {
	if v, ok := x.relay.Option(dhcp4.SubServerIDOverride); ok && len(v) == 4 {
		return netip.AddrFrom4([4]byte(v))
	}
	return netip.Addr{}
}

// accepts reports whether a client that names id means this server. Identifiers
// of before are good for one lifetime.
func (d *identifiers) accepts(id netip.Addr, now time.Time) bool {
	if d.own[id] || id == d.rest {
		return true
	}
	until, ok := d.past[id]
	return ok && now.Before(until)
}

// chooseIdentifiers chooses at load, keeping earlier choices where they still
// hold, and writes down what has changed.
func (s *Server) chooseIdentifiers(t *topology.Topology, now time.Time) {
	file, err := readIdentifiers(s.opt.ServerIDFile)
	if err != nil {
		s.log.Error("server identifiers of before are lost", zap.Error(err))
	}
	next := choose(s.links, t, file, now)
	s.kept = next
	if next.Default == noAddress {
		s.log.Warn("no IPv4 address on this host, server identifier is a dummy", zap.Stringer("addr", noAddress))
	}
	if !next.equal(file) {
		if err := writeIdentifiers(s.opt.ServerIDFile, next); err != nil {
			s.log.Error("server identifiers are not kept", zap.Error(err))
		}
	}
	s.ids.Store(next.identifiers().extend(s.links))
}

// keepLate writes down what interfaces were given by extend that had no address at
// load, so that it is accepted after a restart too.
func (s *Server) keepLate(d *identifiers) {
	if maps.Equal(s.kept.Interfaces, d.byIface) {
		return
	}
	next := *s.kept
	next.Interfaces = maps.Clone(d.byIface)
	inUse := next.all()
	next.Earlier = slices.DeleteFunc(slices.Clone(next.Earlier), func(e earlierID) bool { return slices.Contains(inUse, e.Addr) })
	s.kept = &next
	if err := writeIdentifiers(s.opt.ServerIDFile, &next); err != nil {
		s.log.Error("server identifiers are not kept", zap.Error(err))
	}
}

// choose makes the choice: for each interface its IPv4 address, else for all the
// lowest global one, else the dummy. What was chosen before and is still there
// stays, so that clients find their server again.
func choose(links []netif.Interface, t *topology.Topology, before *identifierFile, now time.Time) *identifierFile {
	next := &identifierFile{Interfaces: make(map[string]netip.Addr), Configured: configured54(t), Lifetime: longest(t)}
	for i := range links {
		l := &links[i]
		if a := before.Interfaces[l.Name]; a.IsValid() && l.Has(a) {
			next.Interfaces[l.Name] = a
		} else if a := l.IPv4(); a.IsValid() {
			next.Interfaces[l.Name] = a
		}
	}
	next.Default = lowestGlobal(links)
	if given(before.Default) && before.Default != noAddress && slices.ContainsFunc(links, func(l netif.Interface) bool { return l.Has(before.Default) }) {
		next.Default = before.Default
	}
	lasting := max(before.Lifetime, next.Lifetime) // leases of before may be longer than they would be now
	next.retire(before, now, now.Add(time.Duration(lasting)*time.Second))
	return next
}

// extend returns d with the addresses of the host as they are now: each is
// accepted, and an interface without a choice gets one. Choices made stay.
func (d *identifiers) extend(links []netif.Interface) *identifiers {
	e := &identifiers{byIface: make(map[string]netip.Addr), rest: d.rest, own: make(map[netip.Addr]bool), past: d.past}
	for a := range d.own {
		e.own[a] = true
	}
	for name, a := range d.byIface {
		e.byIface[name] = a
	}
	for i := range links {
		for _, p := range links[i].Addrs {
			if p.Addr().Is4() {
				e.own[p.Addr()] = true
			}
		}
		if a := links[i].IPv4(); a.IsValid() && !e.byIface[links[i].Name].IsValid() {
			e.byIface[links[i].Name] = a
		}
	}
	return e
}

// lowestGlobal returns the lowest IPv4 address of the host that is more than
// loopback or link-local, else the dummy.
func lowestGlobal(links []netif.Interface) netip.Addr {
	lowest := noAddress
	for i := range links {
		for _, p := range links[i].Addrs {
			a := p.Addr()
			if a.Is4() && a.IsGlobalUnicast() && (lowest == noAddress || a.Less(lowest)) {
				lowest = a
			}
		}
	}
	return lowest
}

// configured54 lists the server identifiers that option-data names at any scope,
// in order.
func configured54(t *topology.Topology) (all []netip.Addr) {
	note := func(o topology.Options) {
		for _, o := range o.Of(uint16(dhcp4.OptServerID)) {
			if len(o.Value) == 4 {
				all = append(all, netip.AddrFrom4([4]byte(o.Value)))
			}
		}
	}
	hosts := func(m map[topology.Key]*topology.Reservation) {
		for _, r := range m {
			note(r.Options)
		}
	}
	for _, c := range t.ByClass {
		if c != nil {
			note(c.Options)
		}
	}
	note(t.Options)
	hosts(t.Reservations)
	for _, sub := range t.Subnets {
		if given(sub.ServerID) {
			all = append(all, sub.ServerID)
		}
		note(sub.Options)
		hosts(sub.Reservations)
		for _, p := range sub.Pools {
			note(p.Options)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// longest is the longest lifetime that any client may be given, in seconds.
func longest(t *topology.Topology) uint32 {
	n := lifetimeOf(&t.Policy)
	for _, c := range t.ByClass {
		if c != nil && c.Valid != nil {
			n = max(n, c.Valid.Default, c.Valid.Max)
		}
	}
	for _, sub := range t.Subnets {
		n = max(n, lifetimeOf(&sub.Policy))
	}
	return cmp.Or(n, math.MaxUint32)
}

func lifetimeOf(p *topology.Policy) uint32 { return max(p.Valid.Default, p.Valid.Max) }
