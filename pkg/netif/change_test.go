package netif_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

const proto = 46

// ip runs iproute2, which tells what the kernel has without our code.
func ip(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// shown is one address as iproute2 shows it.
type shown struct {
	Local     string `json:"local"`
	Len       int    `json:"prefixlen"`
	Broadcast string `json:"broadcast"`
	Metric    int    `json:"metric"`
	Preferred int64  `json:"preferred_life_time"`
	Valid     int64  `json:"valid_life_time"`
	NoRoute   bool   `json:"noprefixroute"`
	Proto     string `json:"protocol"`
}

func addrs(t *testing.T, link string) []shown {
	t.Helper()
	var links []struct {
		Info []shown `json:"addr_info"`
	}
	if err := json.Unmarshal([]byte(ip(t, "-j", "-N", "addr", "show", "dev", link)), &links); err != nil {
		t.Fatal(err)
	}
	var all []shown
	for _, l := range links {
		all = append(all, slices.DeleteFunc(l.Info, func(s shown) bool { return strings.HasPrefix(s.Local, "fe80") })...)
	}
	return all
}

// index makes a link that is up and returns its number.
func index(t *testing.T, name string) int {
	t.Helper()
	need.Programs(t, "ip")
	ip(t, "link", "add", name, "type", "veth", "peer", "name", name+"p")
	ip(t, "link", "set", name+"p", "up")
	ip(t, "link", "set", name, "up")
	all, err := netif.List()
	if err != nil {
		t.Fatal(err)
	}
	return named(all, name).Index
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }

// TestAssign: the kernel has of an address what was asked, as iproute2 shows it, and
// new lifetimes come in place.
func TestAssign(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	on := index(t, "lan0")
	tests := []struct {
		name string
		a    netif.Assigned
		want shown
	}{
		{"v4", netif.Assigned{Prefix: prefix("192.0.2.7/24"), Broadcast: addr("192.0.2.255"), Preferred: 50 * time.Second, Valid: 100 * time.Second, Metric: 7, Proto: proto},
			shown{Local: "192.0.2.7", Len: 24, Broadcast: "192.0.2.255", Metric: 7, Preferred: 50, Valid: 100}},
		{"v4 for ever", netif.Assigned{Prefix: prefix("192.0.2.7/24"), Preferred: netif.Forever, Valid: netif.Forever, Proto: proto},
			shown{Local: "192.0.2.7", Len: 24, Broadcast: "192.0.2.255", Preferred: 1<<32 - 1, Valid: 1<<32 - 1}},
		{"host alone", netif.Assigned{Prefix: prefix("198.51.100.1/32"), Preferred: time.Hour, Valid: time.Hour, Proto: proto},
			shown{Local: "198.51.100.1", Len: 32, Preferred: 3600, Valid: 3600}},
		{"v6", netif.Assigned{Prefix: prefix("2001:db8::7/128"), Preferred: 20 * time.Second, Valid: time.Minute, NoPrefixRoute: true, Proto: proto},
			shown{Local: "2001:db8::7", Len: 128, Preferred: 20, Valid: 60, NoRoute: true}},
		{"v6 not preferred", netif.Assigned{Prefix: prefix("2001:db8::7/128"), Valid: time.Minute, NoPrefixRoute: true, Proto: proto},
			shown{Local: "2001:db8::7", Len: 128, Valid: 60, NoRoute: true}},
		{"preferred longer than valid", netif.Assigned{Prefix: prefix("2001:db8::7/128"), Preferred: time.Hour, Valid: time.Minute, NoPrefixRoute: true, Proto: proto},
			shown{Local: "2001:db8::7", Len: 128, Preferred: 60, Valid: 60, NoRoute: true}},
	}
	for _, tt := range tests {
		if err := netif.Assign(on, tt.a); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		all := addrs(t, "lan0")
		at := slices.IndexFunc(all, func(s shown) bool { return s.Local == tt.want.Local })
		if at < 0 {
			t.Fatalf("%s: not there: %+v", tt.name, all)
		}
		got := all[at]
		got.Proto = ""
		if got.Valid < 1<<32-1 { // a second may have passed
			got.Valid, got.Preferred = max(got.Valid, tt.want.Valid), max(got.Preferred, tt.want.Preferred)
		}
		if got != tt.want {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, got, tt.want)
		}
		ours, err := netif.Assignments(on)
		if err != nil || !slices.ContainsFunc(ours, func(a netif.Assigned) bool {
			return a.Prefix == tt.a.Prefix && a.Proto == proto && a.NoPrefixRoute == tt.a.NoPrefixRoute
		}) {
			t.Errorf("%s: %+v, %v", tt.name, ours, err)
		}
	}
	if err := netif.Assign(on, netif.Assigned{Prefix: prefix("192.0.2.9/24")}); err == nil {
		t.Error("an address whose lifetime is over was taken")
	}
}

// TestUnassignKeepsOthers: others of the network stay when the first of it goes,
// whatever the kernel's setting, which is as before then.
func TestUnassignKeepsOthers(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	on := index(t, "lan0")
	const setting = "/proc/sys/net/ipv4/conf/lan0/promote_secondaries"
	for _, promote := range []string{"0", "1"} {
		if err := os.WriteFile(setting, []byte(promote), 0o644); err != nil {
			t.Fatal(err)
		}
		first := netif.Assigned{Prefix: prefix("192.0.2.7/24"), Preferred: time.Hour, Valid: time.Hour, Proto: proto}
		if err := netif.Assign(on, first); err != nil {
			t.Fatal(err)
		}
		ip(t, "addr", "add", "192.0.2.8/24", "dev", "lan0")
		if err := netif.Unassign(on, first.Prefix); err != nil {
			t.Fatal(err)
		}
		if all := addrs(t, "lan0"); len(all) != 1 || all[0].Local != "192.0.2.8" {
			t.Errorf("promote_secondaries %s: %+v", promote, all)
		}
		if now, err := os.ReadFile(setting); err != nil || strings.TrimSpace(string(now)) != promote {
			t.Errorf("promote_secondaries: %s, was %s: %v", now, promote, err)
		}
		ip(t, "addr", "flush", "dev", "lan0", "to", "192.0.2.0/24")
	}
	for _, p := range []string{"192.0.2.7/24", "2001:db8::1/128"} {
		if err := netif.Unassign(on, prefix(p)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s, which is not there: %v", p, err)
		}
	}
	if err := netif.Unassign(on+100, prefix("192.0.2.7/24")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of a link that is not there: %v", err)
	}
}

// TestRoutes: routes are as iproute2 shows them, stand beside those of others, and
// only ours go.
func TestRoutes(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	on := index(t, "lan0")
	if err := netif.Assign(on, netif.Assigned{Prefix: prefix("192.0.2.7/24"), Preferred: time.Hour, Valid: time.Hour, Proto: proto}); err != nil {
		t.Fatal(err)
	}
	ip(t, "route", "add", "default", "via", "192.0.2.1", "metric", "5")
	routes := []netif.Route{
		{Index: on, Dest: prefix("0.0.0.0/0"), Via: addr("192.0.2.1"), Source: addr("192.0.2.7"), Metric: 5, Proto: proto},
		{Index: on, Dest: prefix("198.51.100.0/24"), Source: addr("192.0.2.7"), Proto: proto},
		{Index: on, Dest: prefix("203.0.113.0/24"), Via: addr("198.18.0.1"), OnLink: true, Proto: proto},
		{Dest: prefix("2001:db8:8::/48"), Metric: 2000, Unreachable: true, Proto: proto},
	}
	shows := []string{
		"default via 192.0.2.1 dev lan0 proto 46 src 192.0.2.7 metric 5",
		"198.51.100.0/24 dev lan0 proto 46 scope link src 192.0.2.7",
		"203.0.113.0/24 via 198.18.0.1 dev lan0 proto 46 onlink",
		"unreachable 2001:db8:8::/48 dev lo proto 46 metric 2000",
	}
	for i, r := range routes {
		if err := netif.AddRoute(r); err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		if err := netif.AddRoute(r); !errors.Is(err, os.ErrExist) {
			t.Errorf("a second time: %v", err)
		}
		if all := ip(t, "route", "show") + ip(t, "-6", "route", "show"); !strings.Contains(all, shows[i]) {
			t.Errorf("no %q in\n%s", shows[i], all)
		}
	}
	for _, v6 := range []bool{false, true} {
		got, err := netif.Routes(on, v6, proto)
		want := slices.DeleteFunc(slices.Clone(routes), func(r netif.Route) bool { return r.Dest.Addr().Is6() != v6 })
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("routes:\n got %+v\nwant %+v\n%v", got, want, err)
		}
	}
	for _, r := range routes {
		if err := netif.DeleteRoute(r); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
		if err := netif.DeleteRoute(r); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%+v, a second time: %v", r, err)
		}
	}
	if all := ip(t, "route", "show"); !strings.Contains(all, "default via 192.0.2.1 dev lan0 metric 5") || strings.Contains(all, "proto 46") {
		t.Errorf("what is left:\n%s", all)
	}
}

// TestLinks: MTU and state are set, and the kernel's bounds hold.
func TestLinks(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	on := index(t, "lan0")
	ip(t, "link", "set", "lan0", "down")
	if err := errors.Join(netif.SetUp(on), netif.SetMTU(on, 1400)); err != nil {
		t.Fatal(err)
	}
	all, err := netif.List()
	if err != nil {
		t.Fatal(err)
	}
	if l := named(all, "lan0"); !l.Up || l.MTU != 1400 {
		t.Errorf("%+v", l)
	}
	if netif.SetMTU(on, 1<<20) == nil || netif.SetMTU(on+100, 1400) == nil || netif.SetUp(on+100) == nil {
		t.Error("nonsense was taken")
	}
}
