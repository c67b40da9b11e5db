package hostconf_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// lease4 is a lease of 192.0.2.7/24 that lasts an hour.
func lease4() *hostconf.Settings {
	end := time.Now().Add(time.Hour)
	return &hostconf.Settings{
		Addresses: []hostconf.Address{{Prefix: prefix("192.0.2.7/24"), Preferred: end, Valid: end}},
		Routes:    []hostconf.Route{{Dest: prefix("0.0.0.0/0"), Via: addr("192.0.2.1")}},
	}
}

// TestLeaseComesAndGoes: the life of a lease on a link that has other addresses and
// routes too, seen by iproute2.
func TestLeaseComesAndGoes(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	ip(t, "addr add 198.51.100.5/24 dev lan0")
	ip(t, "addr add 192.0.2.99/24 dev lan0")
	ip(t, "addr add 2001:db8::99/64 dev lan0 nodad")
	ip(t, "route add default via 198.51.100.1")
	_, others := addresses(t, "lan0")
	_, otherRoutes := routes(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, Metric: 100})
	check := func(what string, want []string, wantRoutes []string) {
		t.Helper()
		ours, now := addresses(t, "lan0")
		equal(t, what+": addresses", ours, want...)
		equal(t, what+": addresses of others", now, others...)
		ours, now = routes(t)
		equal(t, what+": routes", ours, wantRoutes...)
		equal(t, what+": routes of others", now, otherRoutes...)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	one := lease4()
	must(apply(t, s, hostconf.Preinit, nil, nil))
	must(apply(t, s, hostconf.Bound, nil, one))
	check("bound", []string{"192.0.2.7/24 brd 192.0.2.255"}, []string{"default dev lan0 via 192.0.2.1 src 192.0.2.7 metric 100"})

	other := lease4()
	other.Addresses[0].Prefix = prefix("192.0.2.8/24")
	must(apply(t, s, hostconf.Renew, one, other))
	check("another address of the network", []string{"192.0.2.8/24 brd 192.0.2.255"}, []string{"default dev lan0 via 192.0.2.1 src 192.0.2.8 metric 100"})

	wider := lease4()
	wider.Addresses[0].Prefix = prefix("192.0.2.8/23")
	wider.Routes = append(wider.Routes, hostconf.Route{Dest: prefix("0.0.0.0/0"), Via: addr("192.0.3.1"), Metric: 1})
	must(apply(t, s, hostconf.Rebind, other, wider))
	check("wider network", []string{"192.0.2.8/23 brd 192.0.3.255"},
		[]string{"default dev lan0 via 192.0.2.1 src 192.0.2.8 metric 100", "default dev lan0 via 192.0.3.1 src 192.0.2.8 metric 101"})

	must(apply(t, s, hostconf.Expire, wider, nil))
	check("expired", nil, nil)
	must(apply(t, s, hostconf.Expire, wider, nil))
	check("expired again", nil, nil)
}

// TestRoutesOfALease: what options 3, 33 and 121 say, as the kernel then has it.
func TestRoutesOfALease(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver})
	tests := []struct {
		name   string
		lease  string
		routes []hostconf.Route
		want   []string
		fails  bool
	}{
		{"router", "192.0.2.7/24", []hostconf.Route{{Dest: prefix("0.0.0.0/0"), Via: addr("192.0.2.1")}}, []string{"default dev lan0 via 192.0.2.1 src 192.0.2.7"}, false},
		{"classless routes", "192.0.2.7/24", []hostconf.Route{
			{Dest: prefix("10.0.0.0/8"), Via: addr("192.0.2.1")}, {Dest: prefix("10.17.0.0/16"), Via: addr("192.0.2.2")}, {Dest: prefix("203.0.113.0/24")},
		}, []string{"10.0.0.0/8 dev lan0 via 192.0.2.1 src 192.0.2.7", "10.17.0.0/16 dev lan0 via 192.0.2.2 src 192.0.2.7", "203.0.113.0/24 dev lan0 src 192.0.2.7"}, false},
		{"gateway behind a route on the link, named later (RFC 3442)", "192.0.2.7/32", []hostconf.Route{
			{Dest: prefix("0.0.0.0/0"), Via: addr("198.51.100.1")}, {Dest: prefix("198.51.100.0/24"), Via: addr("0.0.0.0")},
		}, []string{"default dev lan0 via 198.51.100.1 src 192.0.2.7", "198.51.100.0/24 dev lan0 src 192.0.2.7"}, false},
		{"lease of one address, as in 4o6", "192.0.2.7/32", []hostconf.Route{{Dest: prefix("0.0.0.0/0"), Via: addr("192.0.2.1")}},
			[]string{"default dev lan0 via 192.0.2.1 src 192.0.2.7 onlink"}, false},
		{"default on the link", "192.0.2.7/32", []hostconf.Route{{Dest: prefix("0.0.0.0/0")}}, []string{"default dev lan0 src 192.0.2.7"}, false},
		{"network of the address itself", "192.0.2.7/24", []hostconf.Route{{Dest: prefix("192.0.2.0/24")}}, nil, false},
		{"bits behind the prefix", "192.0.2.7/24", []hostconf.Route{{Dest: prefix("10.1.2.3/8"), Via: addr("192.0.2.1")}}, []string{"10.0.0.0/8 dev lan0 via 192.0.2.1 src 192.0.2.7"}, false},
		{"the same twice", "192.0.2.7/24", []hostconf.Route{{Dest: prefix("10.0.0.0/8"), Via: addr("192.0.2.1")}, {Dest: prefix("10.0.0.0/8"), Via: addr("192.0.2.1")}},
			[]string{"10.0.0.0/8 dev lan0 via 192.0.2.1 src 192.0.2.7"}, false},
		{"several routers", "192.0.2.7/24", []hostconf.Route{{Dest: prefix("0.0.0.0/0"), Via: addr("192.0.2.1")}, {Dest: prefix("0.0.0.0/0"), Via: addr("192.0.2.2"), Metric: 1}},
			[]string{"default dev lan0 via 192.0.2.1 src 192.0.2.7", "default dev lan0 via 192.0.2.2 src 192.0.2.7 metric 1"}, false},
		{"one that cannot be is told, the others are set", "192.0.2.7/24", []hostconf.Route{
			{Dest: prefix("10.0.0.0/8"), Via: addr("224.0.0.1")}, {Dest: prefix("224.0.0.0/4"), Via: addr("192.0.2.1")}, {Dest: prefix("127.0.0.0/8")}, {Dest: prefix("11.0.0.0/8"), Via: addr("127.0.0.1")}, {Dest: prefix("2001:db8::/32")},
			{Dest: prefix("12.0.0.0/8"), Via: addr("192.0.2.1")},
		}, []string{"12.0.0.0/8 dev lan0 via 192.0.2.1 src 192.0.2.7"}, true},
	}
	for _, tt := range tests {
		lease := &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix(tt.lease)}}, Routes: tt.routes}
		for range 2 { // a second time it changes nothing
			if err := apply(t, s, hostconf.Renew, nil, lease); (err != nil) != tt.fails {
				t.Errorf("%s: %v", tt.name, err)
			}
			ours, _ := routes(t)
			equal(t, tt.name, ours, tt.want...)
		}
	}
}

// TestRenewalTakesNothingAway: while a lease is renewed with the same address and routes, the
// kernel tells of no address and no route that went.
func TestRenewalTakesNothingAway(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, Unreachable: true})
	end := time.Now().Add(time.Hour)
	lease6 := &hostconf.Settings{
		Addresses: []hostconf.Address{{Prefix: prefix("2001:db8::7/128"), Preferred: end, Valid: end}},
		Prefixes:  []hostconf.Prefix{{Prefix: prefix("2001:db8:8::/48"), Valid: end}},
	}
	if err := errors.Join(apply(t, s, hostconf.Bound, nil, lease4()), apply(t, s, hostconf.Bound6, nil, lease6)); err != nil {
		t.Fatal(err)
	}
	told := watch(t)
	longer := lease4()
	longer.Addresses[0].Preferred, longer.Addresses[0].Valid = time.Now().Add(3*time.Hour), time.Now().Add(3*time.Hour)
	longer6 := *lease6
	longer6.Addresses = []hostconf.Address{{Prefix: prefix("2001:db8::7/128"), Preferred: time.Now().Add(2 * time.Hour), Valid: time.Now().Add(3 * time.Hour)}}
	if err := errors.Join(apply(t, s, hostconf.Renew, lease4(), longer), apply(t, s, hostconf.Renew6, lease6, &longer6)); err != nil {
		t.Fatal(err)
	}
	if said := told(); !strings.Contains(said, "192.0.2.7") || !strings.Contains(said, "2001:db8::7") || strings.Contains(strings.ToLower(said), "deleted") {
		t.Errorf("ip monitor says\n%s", said)
	}
	for _, want := range []string{"valid_lft 10800sec preferred_lft 10800sec", "valid_lft 10800sec preferred_lft 7200sec"} {
		if all := ip(t, "addr show dev lan0"); !strings.Contains(all, want) && !strings.Contains(strings.ReplaceAll(all, "99sec", "00sec"), want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

// TestOnlyItsOwnFamily: the two clients share a link and leave each other's alone.
func TestOnlyItsOwnFamily(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, Unreachable: true})
	lease6 := &hostconf.Settings{
		Addresses: []hostconf.Address{{Prefix: prefix("2001:db8::7/64")}, {Prefix: prefix("2001:db8::8/128")}},
		Prefixes:  []hostconf.Prefix{{Prefix: prefix("2001:db8:8::/48")}},
	}
	if err := errors.Join(apply(t, s, hostconf.Bound, nil, lease4()), apply(t, s, hostconf.Bound6, nil, lease6)); err != nil {
		t.Fatal(err)
	}
	if err := apply(t, s, hostconf.Expire, lease4(), nil); err != nil {
		t.Fatal(err)
	}
	ours, _ := addresses(t, "lan0")
	equal(t, "no prefix is on the link because of an address (RFC 9915 §18.2.10.1)", ours, "2001:db8::7/128", "2001:db8::8/128")
	ours, _ = routes(t)
	equal(t, "routes", ours, "7 2001:db8:8::/48 dev lo metric 2147483647") // 7: unreachable
	if all := ip(t, "-6 route show dev lan0"); strings.Contains(all, "2001:db8") {
		t.Errorf("routes of the kernel:\n%s", all)
	}
	if err := errors.Join(apply(t, s, hostconf.Bound, nil, lease4()), apply(t, s, hostconf.Release6, lease6, nil)); err != nil {
		t.Fatal(err)
	}
	ours, _ = addresses(t, "lan0")
	equal(t, "after the release of v6", ours, "192.0.2.7/24 brd 192.0.2.255")
	ours, _ = routes(t)
	equal(t, "routes", ours, "default dev lan0 via 192.0.2.1 src 192.0.2.7")
}

// TestAfterACrash: what an earlier run has left is kept until there is a lease, and
// then what is not of it goes.
func TestAfterACrash(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	o := hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, Unreachable: true, StateDir: t.TempDir()}
	first := lease4()
	first.MTU = 1400
	first6 := &hostconf.Settings{
		Addresses: []hostconf.Address{{Prefix: prefix("2001:db8::7/128")}},
		Prefixes:  []hostconf.Prefix{{Prefix: prefix("2001:db8:8::/48")}, {Prefix: prefix("2001:db8:9::/48")}},
	}
	run := newNetlink(t, o)
	if err := errors.Join(apply(t, run, hostconf.Bound, nil, first), apply(t, run, hostconf.Bound6, nil, first6)); err != nil {
		t.Fatal(err)
	}
	run = newNetlink(t, o) // which knows nothing of the lease
	if err := errors.Join(apply(t, run, hostconf.Preinit, nil, nil), apply(t, run, hostconf.Preinit6, nil, nil)); err != nil {
		t.Fatal(err)
	}
	ours, _ := addresses(t, "lan0")
	equal(t, "after PREINIT", ours, "192.0.2.7/24 brd 192.0.2.255", "2001:db8::7/128")
	next := &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix("198.51.100.7/24")}}}
	next6 := &hostconf.Settings{Prefixes: []hostconf.Prefix{{Prefix: prefix("2001:db8:9::/48")}}}
	if err := errors.Join(apply(t, run, hostconf.Bound, nil, next), apply(t, run, hostconf.Bound6, nil, next6)); err != nil {
		t.Fatal(err)
	}
	ours, _ = addresses(t, "lan0")
	equal(t, "after BOUND", ours, "198.51.100.7/24 brd 198.51.100.255")
	ours, _ = routes(t)
	equal(t, "routes", ours, "7 2001:db8:9::/48 dev lo metric 2147483647")
	if all := ip(t, "link show dev lan0"); !strings.Contains(all, "mtu 1500") {
		t.Errorf("MTU of the earlier run: %s", all)
	}
	if err := errors.Join(apply(t, newNetlink(t, o), hostconf.Stop, nil, nil), apply(t, newNetlink(t, o), hostconf.Stop6, nil, nil)); err != nil {
		t.Fatal(err)
	}
	ours, _ = addresses(t, "lan0")
	equal(t, "after STOP", ours)
	ours, _ = routes(t)
	equal(t, "routes", ours)
	if left, err := os.ReadDir(o.StateDir); err != nil || len(left) != 1 { // the lock
		t.Errorf("state left: %v, %v", left, err)
	}
}

// TestWithoutLink: a link that has gone takes nothing with it but itself, and one that is down is
// set up by PREINIT.
func TestWithoutLink(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, Unreachable: true})
	for _, r := range []hostconf.Reason{hostconf.Preinit, hostconf.Bound, hostconf.Renew} {
		if err := apply(t, s, r, nil, lease4()); !errors.Is(err, hostconf.ErrNoLink) {
			t.Errorf("%s: %v", r, err)
		}
	}
	link(t)
	ip(t, "link set lan0 down")
	if err := apply(t, s, hostconf.Bound, nil, lease4()); err == nil {
		t.Error("a route through a link that is down: no word of it")
	}
	ours, _ := addresses(t, "lan0")
	equal(t, "what can be done is done", ours, "192.0.2.7/24 brd 192.0.2.255")
	if err := errors.Join(apply(t, s, hostconf.Preinit, nil, nil), apply(t, s, hostconf.Reboot, nil, lease4())); err != nil {
		t.Error(err)
	}
	ours, _ = routes(t)
	equal(t, "routes", ours, "default dev lan0 via 192.0.2.1 src 192.0.2.7")

	delegated := &hostconf.Settings{Prefixes: []hostconf.Prefix{{Prefix: prefix("2001:db8:8::/48")}}}
	if err := apply(t, s, hostconf.Bound6, nil, delegated); err != nil {
		t.Error(err)
	}
	ip(t, "link del lan0")
	if err := errors.Join(apply(t, s, hostconf.Expire, lease4(), nil), apply(t, s, hostconf.Expire6, delegated, nil)); err != nil {
		t.Error(err)
	}
	ours, _ = routes(t)
	equal(t, "routes", ours)
	if err := s.Apply(t.Context(), &hostconf.Change{Reason: hostconf.NBI}); err != nil {
		t.Error(err)
	}
}

// TestOneFamilyMissing: a host without IPv6 says so, and has its IPv4 lease.
func TestOneFamilyMissing(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/lan0/disable_ipv6", []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver})
	if err := apply(t, s, hostconf.Bound6, nil, &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix("2001:db8::7/128")}}}); err == nil {
		t.Error("an IPv6 address without IPv6: no word of it")
	}
	if err := apply(t, s, hostconf.Bound, nil, lease4()); err != nil {
		t.Error(err)
	}
	if err := apply(t, s, hostconf.Expire6, nil, nil); err != nil {
		t.Error(err)
	}
	ours, _ := addresses(t, "lan0")
	equal(t, "addresses", ours, "192.0.2.7/24 brd 192.0.2.255")
}

// TestBroadcastAddressChanges: the kernel keeps the one an address came with, so the
// address is set anew, and the routes with it.
func TestBroadcastAddressChanges(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver})
	old := lease4()
	odd := lease4()
	odd.Addresses[0].Broadcast = addr("192.0.2.0")
	for _, l := range []*hostconf.Settings{old, odd} {
		if err := apply(t, s, hostconf.Renew, old, l); err != nil {
			t.Fatal(err)
		}
	}
	ours, _ := addresses(t, "lan0")
	equal(t, "addresses", ours, "192.0.2.7/24 brd 192.0.2.0")
	ours, _ = routes(t)
	equal(t, "routes", ours, "default dev lan0 via 192.0.2.1 src 192.0.2.7")
}
