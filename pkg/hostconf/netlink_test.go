package hostconf_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }

// tb is what the helpers need of a test, or of a run of a model.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// ip runs iproute2, the witness that shares no code with us.
func ip(t tb, args string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
	return string(out)
}

// shownAddr and shownRoute are what iproute2 shows of the link under test.
type shownAddr struct {
	Local     string `json:"local"`
	Len       int    `json:"prefixlen"`
	Broadcast string `json:"broadcast"`
}

type shownRoute struct {
	Type    string   `json:"type"`
	Dest    string   `json:"dst"`
	Gateway string   `json:"gateway"`
	Dev     string   `json:"dev"`
	Proto   string   `json:"protocol"`
	Source  string   `json:"prefsrc"`
	Metric  int      `json:"metric"`
	Flags   []string `json:"flags"`
}

// foreign are addresses that somebody else has put on the link; iproute2 of Debian
// does not yet show who has.
var foreign = []string{"198.51.100.5", "192.0.2.99", "2001:db8::99"}

// addresses returns the addresses of a link, link-local ones left out, as
// "192.0.2.7/24 brd 192.0.2.255", ours apart from those of others.
func addresses(t tb, link string) (ours, others []string) {
	t.Helper()
	var all []struct {
		Info []shownAddr `json:"addr_info"`
	}
	if err := json.Unmarshal([]byte(ip(t, "-j -N addr show dev "+link)), &all); err != nil {
		t.Fatalf("%v", err)
	}
	for _, l := range all {
		for _, a := range l.Info {
			s := fmt.Sprintf("%s/%d", a.Local, a.Len)
			if a.Broadcast != "" {
				s += " brd " + a.Broadcast
			}
			switch {
			case strings.HasPrefix(a.Local, "fe80:"):
			case slices.Contains(foreign, a.Local):
				others = append(others, s)
			default:
				ours = append(ours, s)
			}
		}
	}
	slices.Sort(ours)
	slices.Sort(others)
	return ours, others
}

// routes returns the routes of the main table, those of ours apart; the kernel's own
// are left out.
func routes(t tb) (ours, others []string) {
	t.Helper()
	for _, family := range []string{"-4", "-6"} {
		var all []shownRoute
		if err := json.Unmarshal([]byte(ip(t, "-j -N "+family+" route show table main")), &all); err != nil {
			t.Fatalf("%v", err)
		}
		for _, r := range all {
			s := r.Dest + " dev " + r.Dev
			if r.Type != "" && r.Type != "1" { // 1: unicast
				s = r.Type + " " + s
			}
			if r.Gateway != "" {
				s += " via " + r.Gateway
			}
			if r.Source != "" {
				s += " src " + r.Source
			}
			if r.Metric != 0 {
				s += " metric " + strconv.Itoa(r.Metric)
			}
			if slices.Contains(r.Flags, "onlink") {
				s += " onlink"
			}
			switch r.Proto {
			case "2": // kernel
			case strconv.Itoa(hostconf.Proto):
				ours = append(ours, s)
			default:
				others = append(others, s)
			}
		}
	}
	slices.Sort(ours)
	slices.Sort(others)
	return ours, others
}

// link makes lan0, which is up.
func link(t testing.TB) {
	t.Helper()
	need.Programs(t, "ip")
	ip(t, "link add lan0 type veth peer name far0")
	ip(t, "link set far0 up")
	ip(t, "link set lan0 up")
}

func apply(t testing.TB, s hostconf.System, reason hostconf.Reason, was, is *hostconf.Settings) error {
	t.Helper()
	return s.Apply(t.Context(), &hostconf.Change{Reason: reason, Iface: "lan0", Old: was, New: is})
}

func newNetlink(t testing.TB, o hostconf.NetlinkOptions) hostconf.System {
	t.Helper()
	s, err := hostconf.NewNetlink(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func equal(t tb, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

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

// watch has iproute2 follow what the kernel tells about addresses and routes, and
// returns how to read what it was until then. Marks on the loopback link show that it
// listens, and that it has read all.
func watch(t *testing.T) (told func() string) {
	t.Helper()
	var said locked
	monitor := exec.Command("ip", "monitor", "address", "route")
	monitor.Stdout = &said
	if err := monitor.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = monitor.Process.Kill()
		_ = monitor.Wait()
	})
	mark := func(a string) {
		for i := 0; !strings.Contains(said.String(), a); i++ {
			if i == 500 {
				t.Fatalf("ip monitor does not see %s: %s", a, said.String())
			}
			ip(t, "addr replace "+a+"/32 dev lo valid_lft 1000 preferred_lft 1000")
			time.Sleep(20 * time.Millisecond)
		}
	}
	mark("198.18.0.1")
	return func() string { mark("198.18.0.2"); return said.String() }
}

// locked is text that one writes while another reads.
type locked struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *locked) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(b) }
func (l *locked) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

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

// TestMTU: within its bounds the MTU of the lease is set, and put back.
func TestMTU(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver})
	lease := func(mtu int) *hostconf.Settings { l := lease4(); l.MTU = mtu; return l }
	tests := []struct {
		name   string
		before string // run by ip
		is     *hostconf.Settings
		want   string
		err    error
	}{
		{"smaller", "", lease(1400), "mtu 1400", nil},
		{"another", "", lease(1450), "mtu 1450", nil},
		{"none any more", "", lease(0), "mtu 1500", nil},
		{"larger", "", lease(9000), "mtu 9000", nil},
		{"end", "", nil, "mtu 1500", nil},
		{"too small for IPv4", "", lease(500), "mtu 1500", hostconf.ErrMTU},
		{"too small for the link's IPv6 (RFC 8200 §5)", "", lease(1279), "mtu 1500", hostconf.ErrMTU},
		{"without IPv6 on the link", "addr flush dev lan0 scope link", lease(600), "mtu 600", nil},
		{"refused: as it was", "", lease(67), "mtu 1500", hostconf.ErrMTU},
		{"somebody else's", "link set lan0 mtu 1480", lease(1480), "mtu 1480", nil},
		{"stays somebody else's", "", nil, "mtu 1480", nil},
		{"ours", "", lease(1300), "mtu 1300", nil},
		{"changed by somebody since", "link set lan0 mtu 1444", nil, "mtu 1444", nil},
	}
	for _, tt := range tests {
		if tt.before != "" {
			ip(t, tt.before)
		}
		if err := apply(t, s, hostconf.Renew, nil, tt.is); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if all := ip(t, "link show dev lan0"); !strings.Contains(all, tt.want+" ") {
			t.Errorf("%s: no %q in %s", tt.name, tt.want, all)
		}
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

// TestAddressesNoHostMayHave: a server cannot have the host take them.
func TestAddressesNoHostMayHave(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver})
	for _, p := range []string{"0.0.0.0/0", "127.0.0.1/8", "224.0.0.1/32", "255.255.255.255/32", "2001:db8::1/128", "::ffff:192.0.2.1/128"} {
		if err := apply(t, s, hostconf.Bound, nil, &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix(p)}}}); !errors.Is(err, hostconf.ErrAddress) {
			t.Errorf("%s: %v", p, err)
		}
	}
	for _, p := range []string{"::/128", "::1/128", "ff02::1/128", "192.0.2.1/24"} {
		if err := apply(t, s, hostconf.Bound6, nil, &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix(p)}}}); !errors.Is(err, hostconf.ErrAddress) {
			t.Errorf("%s: %v", p, err)
		}
	}
	over := &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix("192.0.2.7/24"), Valid: time.Now().Add(-time.Second)}}}
	if err := apply(t, s, hostconf.Renew, nil, over); err != nil {
		t.Error(err)
	}
	ours, _ := addresses(t, "lan0")
	equal(t, "addresses", ours)
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

// TestOptionsAreChecked: settings that cannot be are refused before anything is done.
func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []hostconf.NetlinkOptions{{Metric: -1}, {MinMTU: 67}, {Resolver: 99}} {
		if _, err := hostconf.NewNetlink(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// TestShareOfAnAddress: the kernel would use the ports of others, so it is given the
// address only by those who see to that (RFC 7618).
func TestShareOfAnAddress(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	share := lease4()
	share.PortSet = softwire.PortSet{Offset: 6, Len: 8, ID: 0x34}
	for _, tt := range []struct {
		may  bool
		err  error
		want []string
	}{{false, hostconf.ErrShared, nil}, {true, nil, []string{"192.0.2.7/24 brd 192.0.2.255"}}, {false, hostconf.ErrShared, nil}} {
		s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, Shared: tt.may})
		if err := apply(t, s, hostconf.Bound, nil, share); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%v: %v", tt.may, err)
		}
		ours, _ := addresses(t, "lan0")
		equal(t, fmt.Sprint(tt.may), ours, tt.want...)
	}
	ours, _ := routes(t)
	equal(t, "routes", ours)
}

// TestTooMuch: what a hostile server gives without end is bounded, and told.
func TestTooMuch(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver})
	lease := lease4()
	for i := range 13000 { // what the largest message has room for
		lease.Routes = append(lease.Routes, hostconf.Route{Dest: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24), Via: addr("192.0.2.1")})
	}
	six := new(hostconf.Settings)
	for i := range 2000 {
		six.Addresses = append(six.Addresses, hostconf.Address{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb9, 14: byte(i >> 8), 15: byte(i)}), 128)})
		six.Prefixes = append(six.Prefixes, hostconf.Prefix{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 2, 0xd, 0xb8, byte(i >> 8), byte(i)}), 56)})
	}
	begin := time.Now()
	for range 2 {
		if err := apply(t, s, hostconf.Renew, nil, lease); !errors.Is(err, hostconf.ErrMany) {
			t.Error(err)
		}
		if err := apply(t, s, hostconf.Renew6, nil, six); !errors.Is(err, hostconf.ErrMany) {
			t.Error(err)
		}
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	ours, _ := addresses(t, "lan0")
	has, _ := routes(t)
	if len(ours) != 257 || len(has) != 1024 {
		t.Errorf("%d addresses, %d routes", len(ours), len(has))
	}
}

// TestStateCannotBeKept: without its folder a lease is put on the host all the same,
// and what is missing is told.
func TestStateCannotBeKept(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a folder"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, StateDir: filepath.Join(file, "state")})
	lease := lease4()
	lease.MTU = 1400
	if err := apply(t, s, hostconf.Bound, nil, lease); !errors.Is(err, syscall.ENOTDIR) {
		t.Error(err)
	}
	ours, _ := addresses(t, "lan0")
	equal(t, "addresses", ours, "192.0.2.7/24 brd 192.0.2.255")

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hostconf.lan0.dhcp4.json"), []byte("{broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	s = newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, StateDir: dir})
	if err := apply(t, s, hostconf.Renew, nil, lease); err == nil {
		t.Error("a broken file: no word of it")
	}
	if err := apply(t, s, hostconf.Renew, nil, lease4()); err != nil {
		t.Error("the file was not written anew:", err)
	}
}
