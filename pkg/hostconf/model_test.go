package hostconf_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// TestAnyChanges: after whatever changes of both families, on whatever link, and
// with clients that crash in between, the link has what the last leases say, and
// everything of others is as it was. The witness is iproute2.
func TestAnyChanges(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	ip(t, "addr add 198.51.100.5/24 dev lan0")
	promote(t, "0")
	ip(t, "addr add 2001:db8::99/64 dev lan0 nodad")
	ip(t, "route add default via 198.51.100.1 metric 1")
	ip(t, "route add 10.0.0.0/8 via 198.51.100.1")
	ip(t, "-6 route add 2001:db8:f00::/48 via 2001:db8::1 dev lan0")
	ip(t, "-6 route add unreachable 2001:db8:f01::/48")
	_, others := addresses(t, "lan0")
	_, otherRoutes := routes(t)
	rapid.Check(t, func(r *rapid.T) {
		w := &world{t: t, r: r, o: hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, Unreachable: true, Metric: rapid.IntRange(0, 2).Draw(r, "metric"), StateDir: t.TempDir()}}
		w.s = newNetlink(t, w.o)
		defer w.end()
		for range rapid.IntRange(1, 6).Draw(r, "changes") {
			w.change()
			ours, now := addresses(r, "lan0")
			equal(r, "addresses of others", now, append(slices.Clone(others), w.guest...)...)
			equal(r, "addresses", ours, w.addresses()...)
			ours, now = routes(r)
			equal(r, "routes of others", now, otherRoutes...)
			equal(r, "routes", ours, w.routes()...)
		}
	})
}

// promote says what the kernel does with the other addresses of a network when the
// first goes.
func promote(t *testing.T, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/lan0/promote_secondaries", []byte(value), 0o644); err != nil {
		t.Fatal(err)
	}
}

// world is what the model knows: the leases in force.
type world struct {
	t      *testing.T
	r      *rapid.T
	o      hostconf.NetlinkOptions
	s      hostconf.System
	v4, v6 *hostconf.Settings
	guest  []string // an address that somebody else has put behind ours
}

// visit has somebody else's address come, or go. Who takes it away takes care of
// ours, which may be behind it by then.
func (w *world) visit() {
	if w.guest != nil {
		promote(w.t, "1")
		ip(w.r, "addr del 192.0.2.99/24 dev lan0")
		promote(w.t, "0")
		w.guest = nil
		return
	}
	ip(w.r, "addr add 192.0.2.99/24 dev lan0")
	w.guest = []string{"192.0.2.99/24"}
}

// change draws one change of one family and applies it.
func (w *world) change() {
	if rapid.IntRange(0, 4).Draw(w.r, "crash") == 0 {
		w.s = newNetlink(w.t, w.o)
	}
	if rapid.IntRange(0, 2).Draw(w.r, "visit") == 0 {
		w.visit()
	}
	if rapid.Bool().Draw(w.r, "v6") {
		next := w.draw6()
		w.apply(hostconf.Renew6, w.v6, next)
		w.v6 = next
		return
	}
	next := w.draw4()
	w.apply(hostconf.Renew, w.v4, next)
	w.v4 = next
}

// apply applies one change; a client that has just begun knows of no lease before.
func (w *world) apply(reason hostconf.Reason, was, is *hostconf.Settings) {
	if rapid.Bool().Draw(w.r, "forgotten") {
		was = nil
	}
	if err := w.s.Apply(w.t.Context(), &hostconf.Change{Reason: reason, Iface: "lan0", Old: was, New: is}); err != nil {
		w.r.Errorf("%s: %v", reason, err)
	}
}

// end leaves the link as it was.
func (w *world) end() {
	if w.guest != nil {
		w.visit()
	}
	w.apply(hostconf.Stop, w.v4, nil)
	w.apply(hostconf.Stop6, w.v6, nil)
}

// lasting draws a lifetime, which may be over.
func (w *world) lasting() time.Time {
	return []time.Time{{}, time.Now().Add(time.Hour), time.Now().Add(100 * time.Hour), time.Now().Add(-time.Minute)}[rapid.IntRange(0, 3).Draw(w.r, "valid")]
}

func (w *world) draw4() *hostconf.Settings {
	if rapid.IntRange(0, 4).Draw(w.r, "none") == 0 {
		return nil
	}
	end := w.lasting()
	s := &hostconf.Settings{Addresses: []hostconf.Address{{
		Prefix:    prefix(rapid.SampledFrom([]string{"192.0.2.7/24", "192.0.2.8/24", "192.0.2.7/32", "192.0.2.7/23", "203.0.113.1/24", "198.51.100.6/24"}).Draw(w.r, "address")),
		Preferred: end, Valid: end,
	}}}
	if rapid.IntRange(0, 4).Draw(w.r, "odd broadcast") == 0 {
		s.Addresses[0].Broadcast = addr("255.255.255.255")
	}
	if !end.IsZero() && end.Before(time.Now()) {
		return s // with no address there are no routes either
	}
	for range rapid.IntRange(0, 3).Draw(w.r, "routes") {
		s.Routes = append(s.Routes, hostconf.Route{
			Dest:   prefix(rapid.SampledFrom([]string{"0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.0.2.0/24", "198.18.0.0/15"}).Draw(w.r, "dest")),
			Via:    rapid.SampledFrom([]netip.Addr{{}, addr("192.0.2.1"), addr("198.18.0.1")}).Draw(w.r, "via"),
			Metric: rapid.IntRange(0, 1).Draw(w.r, "own metric"),
		})
	}
	return s
}

func (w *world) draw6() *hostconf.Settings {
	if rapid.IntRange(0, 4).Draw(w.r, "none") == 0 {
		return nil
	}
	s := new(hostconf.Settings)
	for _, a := range []string{"2001:db8::7/128", "2001:db8::8/128", "2001:db8:1::7/128"} {
		if rapid.Bool().Draw(w.r, a) {
			end := w.lasting()
			s.Addresses = append(s.Addresses, hostconf.Address{Prefix: prefix(a), Preferred: end, Valid: end})
		}
	}
	for _, p := range []string{"2001:db8:8::/48", "2001:db8:9::/56"} {
		if rapid.Bool().Draw(w.r, p) {
			s.Prefixes = append(s.Prefixes, hostconf.Prefix{Prefix: prefix(p), Valid: w.lasting()})
		}
	}
	return s
}

// over reports whether a lifetime is.
func over(end time.Time) bool { return !end.IsZero() && end.Before(time.Now()) }

// addresses is what iproute2 has to show of ours.
func (w *world) addresses() (all []string) {
	for _, s := range []*hostconf.Settings{w.v4, w.v6} {
		if s == nil {
			continue
		}
		for _, a := range s.Addresses {
			if over(a.Valid) {
				continue
			}
			text := a.Prefix.String()
			switch {
			case a.Broadcast.IsValid():
				text += " brd " + a.Broadcast.String()
			case a.Prefix.Addr().Is4() && a.Prefix.Bits() < 31:
				text += " brd " + map[string]string{"192.0.2.0/24": "192.0.2.255", "192.0.2.0/23": "192.0.3.255", "203.0.113.0/24": "203.0.113.255", "198.51.100.0/24": "198.51.100.255"}[a.Prefix.Masked().String()]
			}
			all = append(all, text)
		}
	}
	return all
}

// routes is what iproute2 has to show of our routes.
func (w *world) routes() (all []string) {
	if w.v6 != nil {
		for _, p := range w.v6.Prefixes {
			if !over(p.Valid) {
				all = append(all, fmt.Sprintf("7 %v dev lo metric 2147483647", p.Prefix))
			}
		}
	}
	if w.v4 == nil {
		return all
	}
	from := w.v4.Addresses[0].Prefix
	reach := []netip.Prefix{}
	if from.Bits() < 32 {
		reach = append(reach, from.Masked())
	}
	for _, r := range w.v4.Routes {
		if !r.Via.IsValid() && r.Dest.Bits() > 0 {
			reach = append(reach, r.Dest)
		}
	}
	for _, r := range w.v4.Routes {
		if !r.Via.IsValid() && from.Bits() < 32 && r.Dest == from.Masked() {
			continue // the kernel's
		}
		text := r.Dest.String()
		if r.Dest.Bits() == 0 {
			text = "default"
		}
		text += " dev lan0"
		if r.Via.IsValid() {
			text += " via " + r.Via.String()
		}
		text += " src " + from.Addr().String()
		if m := w.o.Metric + r.Metric; m > 0 {
			text += fmt.Sprint(" metric ", m)
		}
		if r.Via.IsValid() && !slices.ContainsFunc(reach, func(p netip.Prefix) bool { return p.Contains(r.Via) }) {
			text += " onlink"
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}
