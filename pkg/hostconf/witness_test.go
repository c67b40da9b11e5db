package hostconf_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
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
