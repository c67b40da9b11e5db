package client4

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// routes reads what leads out of the network: option 121 alone where it is there
// (RFC 3442), else options 33 and 3.
func (r *reader) routes(in *dhcp4.Message, network netip.Prefix) []hostconf.Route {
	all, ok := r.classless(in)
	if r.noHijack { // what is left of 121 has to be enough to leave the network by
		all = unhijacked(all)
		ok = len(all) > 0
	}
	if !ok {
		all = append(r.static(in), r.routers(in, network)...)
	}
	if r.noHijack {
		return unhijacked(all)
	}
	return all
}

// safeClassless is option 121 again, with what unhijacked leaves of it.
func (r *reader) safeClassless(in *dhcp4.Message) (v []byte) {
	all, _ := r.classless(in)
	for _, to := range unhijacked(all) {
		dest, via := to.Dest.Addr().As4(), [4]byte{}
		if to.Via.IsValid() {
			via = to.Via.As4()
		}
		v = append(v, byte(to.Dest.Bits()))
		v = append(append(v, dest[:(to.Dest.Bits()+7)/8]...), via[:]...)
	}
	return v
}

// classless reads option 121: the length of a prefix, its octets that count, the
// router; 0.0.0.0 is the link itself (RFC 3442). One that is not well-formed counts
// as missing.
func (r *reader) classless(in *dhcp4.Message) (all []hostconf.Route, ok bool) {
	v, ok := r.option(in, dhcp4.OptClasslessStaticRoute)
	if !ok {
		return nil, false
	}
	for len(v) > 0 {
		bits := int(v[0])
		n := (bits + 7) / 8
		if bits > 32 || len(v) < 1+n+4 {
			return nil, false
		}
		var dest [4]byte
		copy(dest[:], v[1:1+n])
		to, via := netip.PrefixFrom(netip.AddrFrom4(dest), bits).Masked(), netip.AddrFrom4([4]byte(v[1+n:]))
		v = v[1+n+4:]
		if via.IsUnspecified() {
			all = r.route(all, hostconf.Route{Dest: to})
		} else if isHost(via, r.loopback) {
			all = r.route(all, hostconf.Route{Dest: to, Via: via})
		}
	}
	return all, true
}

// static reads option 33: pairs of a destination and its router (RFC 2132 §5.8).
// What it leads to is a host, or a network of the class that the address is of.
func (r *reader) static(in *dhcp4.Message) (all []hostconf.Route) {
	v, ok := r.option(in, dhcp4.OptStaticRoute)
	if !ok || len(v)%8 != 0 {
		return nil
	}
	for ; len(v) > 0; v = v[8:] {
		dest, via := netip.AddrFrom4([4]byte(v)), netip.AddrFrom4([4]byte(v[4:]))
		to := netip.PrefixFrom(dest, classBits(dest))
		if to.Masked() != to {
			to = netip.PrefixFrom(dest, 32)
		}
		if !dest.IsUnspecified() && isHost(via, r.loopback) {
			all = r.route(all, hostconf.Route{Dest: to, Via: via})
		}
	}
	return all
}

// routers reads option 3: default routes, the first one before the others. One
// that is not on the network of the address is said to be on the link.
func (r *reader) routers(in *dhcp4.Message, network netip.Prefix) (all []hostconf.Route) {
	for i, via := range r.hosts(in, dhcp4.OptRouter) {
		if network.IsValid() && !network.Contains(via) {
			all = append(all, hostconf.Route{Dest: netip.PrefixFrom(via, 32), Metric: i})
		}
		all = append(all, hostconf.Route{Dest: defaultRoute, Via: via, Metric: i})
	}
	return all
}

var defaultRoute = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// route adds a route that leads to hosts, once.
func (r *reader) route(all []hostconf.Route, to hostconf.Route) []hostconf.Route {
	n := to.Dest.Addr().As4()[0]
	if to.Dest.Bits() > 3 && (n >= 224 || n == 127 && !r.loopback) {
		return all
	}
	for _, there := range all {
		if there.Dest == to.Dest {
			return all // the first one counts
		}
	}
	return append(all, to)
}

// unhijacked returns the default routes and the ways to their gateways: all that a
// host needs, and nothing by which a server could draw traffic away from another
// interface, whose routes are longer (a tunnel's, say).
func unhijacked(all []hostconf.Route) (safe []hostconf.Route) {
	gateways := make(map[netip.Addr]bool)
	for _, to := range all {
		if to.Dest.Bits() == 0 {
			gateways[to.Via] = true
		}
	}
	for _, to := range all {
		if to.Dest.Bits() == 0 || !to.Via.IsValid() && to.Dest.IsSingleIP() && gateways[to.Dest.Addr()] {
			safe = append(safe, to)
		}
	}
	return safe
}
