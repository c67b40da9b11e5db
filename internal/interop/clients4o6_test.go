//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// Both clients against both servers, ours or Kea's, on real links. The DHCPv6
// servers have their clients renew every three seconds, so a change of option 88 is
// soon known; a DHCPv4 lease lasts twelve seconds and is renewed after six.

const (
	option88At    = `{"code": 88, "space": "dhcp6", "data": "%s"}`
	option88Empty = `{"code": 88, "space": "dhcp6", "csv-format": false, "data": ""}`
	option88None  = `{"name": "preference", "data": "7"}`

	leased4   = "192.0.2.100"
	lifetime4 = 12 * time.Second
)

// A household is a site with servers for short leases and a client host that runs
// our clients.
type household struct {
	*site
	t      *testing.T
	who    seat
	relays int
	conf6  string

	c6, c4 *dhcptest.Process
}

// living is how both clients are run.
type living struct {
	stateless bool
	inside    bool // both in one process
	v4First   bool
}

func newHousehold(t *testing.T, who seat, relays int, option88 string) *household {
	t.Helper()
	need.Programs(t, program(who, 6)[0], program(who, 4)[0], bin("dhcp6c"), bin("dhcp4c"))
	lab := dhcptest.NewLab(t)
	h := &household{site: &site{lab: lab, client: lab.Namespace("c"), server: lab.Namespace("s")}, t: t, who: who, relays: relays}
	h.wire(t, relays)
	h.server.IP("addr add " + serverV4 + "/24 dev s0")
	h.env = []string{"KEA_PIDFILE_DIR=" + lab.Dir, "KEA_LOCKFILE_DIR=none"}
	h.leases4 = filepath.Join(lab.Dir, "leases4.csv")
	conf4 := lab.Write("dhcp4.json", fmt.Sprintf(`{"Dhcp4": {"interfaces-config": {"interfaces": ["s0"]},
		"lease-database": {"type": "memfile", "name": %q}, "valid-lifetime": %d, "calculate-tee-times": true,
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "s0", "pools": [{"pool": "%s"}]}],
		"dhcp4o6-port": 786, %s}}`, h.leases4, int(lifetime4.Seconds()), pool4, loggerOf("kea-dhcp4")))
	h.offer(option88)
	h.v6Start = func() *dhcptest.Process {
		return h.server.Start(h.env, append(program(who, 6), "-c", h.conf6)...)
	}
	h.v4Start = func() *dhcptest.Process { return h.server.Start(h.env, append(program(who, 4), "-c", conf4)...) }
	h.v6, h.v4 = h.v6Start(), h.v4Start()
	h.ready(t)
	return h
}

func loggerOf(name string) string {
	return fmt.Sprintf(`"loggers": [{"name": %q, "severity": "DEBUG", "debuglevel": 55, "output_options": [{"output": "stdout"}]}]`, name)
}

// offer writes what the DHCPv6 server tells its clients, for its next reload. Behind a
// relay that is the relay's own address, since clients ask from link-local ones.
func (h *household) offer(option88 string) {
	at, link, own := clientNet+"1", `"interface": "s0",`, clientNet+"1"
	if h.relays > 0 {
		at, link, own = clientNet+"fe", "", uplinkNet+"1"
	}
	if strings.Contains(option88, "%s") {
		option88 = fmt.Sprintf(option88, at)
	}
	h.conf6 = h.lab.Write("dhcp6.json", fmt.Sprintf(`{"Dhcp6": {"interfaces-config": {"interfaces": ["s0/%s"]},
		"lease-database": {"type": "memfile", "name": "%s/leases6.csv"}, "server-id": {"type": "LL", "persist": false},
		"renew-timer": 3, "rebind-timer": 30, "preferred-lifetime": 60, "valid-lifetime": 90, "option-data": [%s],
		"subnet6": [{"id": 1, "subnet": "%s/64", %s "pools": [{"pool": "%s1000 - %s1fff"}]}],
		"dhcp4o6-port": 786, %s}}`, own, h.lab.Dir, option88, clientNet, link, clientNet, clientNet, loggerOf("kea-dhcp6")))
}

// change has the DHCPv6 server tell its clients something else.
func (h *household) change(option88 string) {
	h.offer(option88)
	h.v6.Signal(syscall.SIGHUP)
}

// run starts the clients.
func (h *household) run(l living) {
	ia := `"ia": [{"type": "na"}]`
	if l.stateless {
		ia = `"ia": []`
	}
	h.lab.Write("clients.json", fmt.Sprintf(`{"dhcp6c": {"resolver": "none", %s}, "dhcp4c": {"resolver": "none"}}`, ia))
	switch {
	case l.inside:
		h.start6("--4o6")
	case l.v4First:
		h.start4()
		time.Sleep(500 * time.Millisecond)
		h.start6("--4o6", "--4o6-port", "846")
	default:
		h.start6("--4o6", "--4o6-port", "846")
		h.settles(l.stateless)
		h.start4()
	}
}

func (h *household) args(name string, more ...string) []string {
	return append([]string{bin(name), "-i", "c0", "-c", filepath.Join(h.lab.Dir, "clients.json"), "-v",
		"--state-dir", filepath.Join(h.lab.Dir, "client"), "--run-dir", filepath.Join(h.lab.Dir, "client")}, more...)
}

func (h *household) start6(more ...string) { h.c6 = h.client.Start(nil, h.args("dhcp6c", more...)...) }

func (h *household) start4() {
	h.c4 = h.client.Start(nil, h.args("dhcp4c", "--4o6", "--4o6-port", "846")...)
}

// settles waits for the IPv6 address, or for what comes without.
func (h *household) settles(stateless bool) {
	h.t.Helper()
	if stateless {
		time.Sleep(3 * time.Second)
		return
	}
	dhcptest.WaitFor(h.t, 15*time.Second, "IPv6 address", h.has6)
}

func (h *household) has6() bool {
	out, _ := h.client.Run("ip", "-6", "addr", "show", "dev", "c0", "scope", "global")
	return strings.Contains(out, clientNet+"1")
}

func (h *household) has4() bool {
	out, _ := h.client.Run("ip", "-4", "addr", "show", "dev", "c0")
	return strings.Contains(out, leased4+"/24")
}

// gets waits until the client host has the address; loses until it has it no more.
func (h *household) gets(within time.Duration) {
	h.t.Helper()
	dhcptest.WaitFor(h.t, within, "IPv4 address", h.has4)
}

func (h *household) loses(within time.Duration) {
	h.t.Helper()
	dhcptest.WaitFor(h.t, within, "end of the IPv4 address", func() bool { return !h.has4() })
}

// keeps fails the test when the address goes within that time.
func (h *household) keeps(during time.Duration) {
	h.t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if !h.has4() {
			h.t.Fatal("the IPv4 address has gone")
		}
	}
}

// A row of the lease file says that the client holds the address; the others, that it
// has given it up or let it end, are the server's own way of saying so.
var grant = regexp.MustCompile(`^192\.0\.2\.100,[^,]*,[^,]*,12,\d+,1,\d,\d,[^,]*,0`)

// granted is how often the DHCPv4 server has written down that the client holds the
// address, and whether that is the last that it has written of it.
func (h *household) granted() (times int, holds bool) {
	b, _ := os.ReadFile(h.leases4)
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, leased4+",") {
			if holds = grant.MatchString(line); holds {
				times++
			}
		}
	}
	return times, holds
}

func (h *household) grants() int {
	n, _ := h.granted()
	return n
}

// fits fails the test when a client has ever taken more memory than a small daemon may.
func (h *household) fits() {
	h.t.Helper()
	const most = 15 << 10 // KiB
	for _, p := range []*dhcptest.Process{h.c6, h.c4} {
		if p == nil {
			continue
		}
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
		var kib int
		if _, after, ok := strings.Cut(string(b), "VmHWM:"); ok {
			fmt.Sscan(after, &kib)
		}
		if kib == 0 || kib > most {
			h.t.Errorf("process %d has taken %d KiB, want up to %d", p.PID(), kib, most)
		}
	}
}

// TestClients4o6: lease, renewal and release by every road.
func TestClients4o6(t *testing.T) {
	for _, who := range []seat{ours, kea} {
		for _, tt := range []struct {
			name     string
			relays   int
			option88 string
			living
		}{
			{"direct", 0, option88At, living{}},
			{"direct, v4 side first", 0, option88At, living{v4First: true}},
			{"direct, empty option 88", 0, option88Empty, living{v4First: true}},
			{"direct, stateless", 0, option88At, living{stateless: true}},
			{"direct, one process", 0, option88At, living{inside: true}},
			{"relay", 1, option88At, living{}},
			{"relay, empty option 88", 1, option88Empty, living{inside: true}},
		} {
			t.Run(fmt.Sprintf("%s/%s", who, tt.name), func(t *testing.T) {
				t.Parallel()
				h := newHousehold(t, who, tt.relays, tt.option88)
				h.run(tt.living)
				h.gets(20 * time.Second)
				before := h.grants()
				h.keeps(lifetime4 + 2*time.Second)
				if n := h.grants() - before; n < 2 {
					t.Errorf("%d renewals while it would have ended", n)
				}
				h.fits()
				name := "dhcp4c"
				if tt.inside {
					name = "dhcp6c" // which has both leases given back
				}
				if out, err := h.client.Run(h.args(name, "--release")...); err != nil {
					t.Fatalf("--release: %v\n%s", err, out)
				}
				h.loses(5 * time.Second)
				dhcptest.WaitFor(t, 5*time.Second, "release at the server", func() bool { _, holds := h.granted(); return !holds })
				if tt.inside && (h.c6.Wait(5*time.Second) != 0 || h.has6()) {
					t.Error("the IPv6 lease is still there, or the exit code is not 0")
				}
			})
		}
	}
}

// TestClients4o6Option88: without option 88 DHCPv4 goes quiet and keeps its lease to
// the end, no longer; with it, it begins anew.
func TestClients4o6Option88(t *testing.T) {
	for _, who := range []seat{ours, kea} {
		t.Run(string(who), func(t *testing.T) {
			t.Parallel()
			h := newHousehold(t, who, 0, option88At)
			h.run(living{v4First: true})
			h.gets(20 * time.Second)
			h.change(option88None)
			time.Sleep(5 * time.Second) // the next Renew, and whatever was under way
			granted := h.grants()
			h.loses(lifetime4 + 2*time.Second)
			time.Sleep(3 * time.Second)
			if h.has4() || h.grants() != granted {
				t.Errorf("without option 88: address %v, %d grants", h.has4(), h.grants()-granted)
			}
			h.change(option88Empty)
			h.gets(10 * time.Second)
			h.change(option88At)
			h.keeps(lifetime4)
		})
	}
}

// TestClients4o6Killed: each of the four is killed and started again; the others run on.
func TestClients4o6Killed(t *testing.T) {
	for _, who := range []seat{ours, kea} {
		t.Run(string(who), func(t *testing.T) {
			t.Parallel()
			h := newHousehold(t, who, 0, option88At)
			h.run(living{})
			h.gets(20 * time.Second)

			h.v6.Kill()
			h.v4.Kill()
			h.keeps(2 * time.Second)
			h.v6, h.v4 = h.v6Start(), h.v4Start()
			h.ready(t)
			h.renews("after the servers' restart")

			h.c6.Kill()
			h.keeps(2 * time.Second)
			h.start6("--4o6", "--4o6-port", "846")
			h.renews("after the DHCPv6 client's restart")

			h.c4.Kill()
			time.Sleep(time.Second)
			h.start4()
			h.gets(5 * time.Second)
			h.renews("after the DHCPv4 client's restart")
		})
	}
}

// renews waits for a renewal, and fails the test when the address has gone meanwhile.
func (h *household) renews(when string) {
	h.t.Helper()
	granted := h.grants()
	dhcptest.WaitFor(h.t, lifetime4, "renewal "+when, func() bool { return h.grants() > granted })
	h.keeps(time.Second)
}
