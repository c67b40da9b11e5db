package hostconf

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// defaultMetric6 is the metric that the kernel gives an IPv6 route without one.
const defaultMetric6 = 1024

// routes sets those of the lease that are not there, then takes away ours that are
// not of it any more.
func (w *work) routes() error {
	if w.link == nil {
		return nil
	}
	have, err := netif.Routes(w.link.Index, w.v6, Proto)
	if err != nil {
		return fmt.Errorf("hostconf: %s: %w", w.c.Iface, err)
	}
	want, errs := w.wanted()
	for _, r := range want {
		if slices.Contains(have, r) {
			continue
		}
		if err := netif.AddRoute(r); err != nil {
			errs = append(errs, fmt.Errorf("hostconf: %s: route to %v: %w", w.c.Iface, r.Dest, err))
		}
	}
	for _, r := range have {
		if r.Unreachable || slices.Contains(want, r) {
			continue
		}
		if err := netif.DeleteRoute(r); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("hostconf: %s: %w", w.c.Iface, err))
		}
	}
	return errors.Join(errs...)
}

// wanted are the lease's routes as the kernel is to have them, those on the link
// before those whose gateways they lead to. A route to the network of an address
// itself is the kernel's.
func (w *work) wanted() (all []netif.Route, errs []error) {
	for _, r := range w.want.Routes {
		if r.Via.IsUnspecified() { // on the link, in option 121's words (RFC 3442)
			r.Via = netip.Addr{}
		}
		if !w.leads(r) {
			errs = append(errs, fmt.Errorf("hostconf: route to %v by %v: %w", r.Dest, r.Via, ErrAddress))
			continue
		}
		k := netif.Route{Index: w.link.Index, Dest: r.Dest.Masked(), Via: r.Via, Metric: metric(w.o.Metric, r.Metric), Proto: Proto}
		if w.v6 && k.Metric == 0 {
			k.Metric = defaultMetric6
		}
		if !w.v6 && len(w.leased) > 0 {
			k.Source = w.leased[0].Prefix.Addr()
		}
		if !k.Via.IsValid() && w.onLink(k.Dest.Addr(), k.Dest.Bits(), nil) || slices.Contains(all, k) {
			continue
		}
		all = append(all, k)
	}
	slices.SortStableFunc(all, func(a, b netif.Route) int {
		switch {
		case a.Via.IsValid() == b.Via.IsValid():
			return 0
		case a.Via.IsValid():
			return 1
		}
		return -1
	})
	for i := range all {
		all[i].OnLink = all[i].Via.IsValid() && !w.v6 && !w.onLink(all[i].Via, -1, all)
	}
	return all, errs
}

// leads reports whether a route is of the family, and leads to hosts by one.
func (w *work) leads(r Route) bool {
	dest := r.Dest.Addr()
	return r.Dest.IsValid() && dest.Is6() == w.v6 && !dest.IsMulticast() && !dest.IsLoopback() && !dest.Is4In6() &&
		(!r.Via.IsValid() || r.Via.Is6() == w.v6 && isHost(r.Via))
}

// metric adds what a setting says to what the lease says, within what the kernel
// takes.
func metric(setting, own int) int { return min(setting+max(own, 0), math.MaxInt32) }

// onLink reports whether an address is of a network on the link: that of a leased
// address (of so many bits, where bits is not negative), or one that a route of the
// lease puts there. A gateway that is not, as where the lease is of one address alone,
// is on the link all the same.
func (w *work) onLink(a netip.Addr, bits int, routes []netif.Route) bool {
	if slices.ContainsFunc(w.leased, func(s netif.Assigned) bool {
		return s.Prefix.Bits() < s.Prefix.Addr().BitLen() && s.Prefix.Contains(a) && (bits < 0 || s.Prefix.Bits() == bits)
	}) {
		return true
	}
	return slices.ContainsFunc(routes, func(r netif.Route) bool {
		return !r.Via.IsValid() && r.Dest.Bits() > 0 && r.Dest.Contains(a)
	})
}

// unreachable has the kernel refuse what is sent into a delegated prefix and has no
// route of its own, lest it goes back to who sent it (RFC 7084 §4.2 WPD-5).
func (w *work) unreachable() error {
	if !w.v6 {
		return nil
	}
	var want []netip.Prefix
	for _, p := range w.want.Prefixes {
		if w.o.Unreachable && p.Prefix.IsValid() && p.Prefix.Addr().Is6() && p.Prefix.Bits() > 0 && left(p.Valid, w.now) > 0 {
			want = append(want, p.Prefix.Masked())
		}
	}
	var errs []error
	for _, p := range want {
		switch err := netif.AddRoute(refusal(p)); {
		case errors.Is(err, os.ErrExist) && w.hasRefusal(p): // of an earlier run
		case err != nil:
			errs = append(errs, fmt.Errorf("hostconf: refuse the rest of %v: %w", p, err))
		}
	}
	for _, p := range w.kept.Unreachable {
		if slices.Contains(want, p) {
			continue
		}
		if err := netif.DeleteRoute(refusal(p)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("hostconf: %w", err))
		}
	}
	w.kept.Unreachable = want
	return errors.Join(errs...)
}

// refusal is the route that leads nowhere. Its metric lets a link that has the same
// prefix go first.
func refusal(p netip.Prefix) netif.Route {
	return netif.Route{Dest: p, Metric: math.MaxInt32, Unreachable: true, Proto: Proto}
}

func (w *work) hasRefusal(p netip.Prefix) bool {
	all, err := netif.Routes(0, true, Proto)
	return err == nil && slices.Contains(all, refusal(p))
}
