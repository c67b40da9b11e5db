//go:build interop

package interop

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
)

// keaPool4 are the keys of ours and Kea's: T1 and T2 are short.
func keaPool4(who seat) func(*site, *testing.T) *dhcptest.Process {
	return func(s *site, t *testing.T) *dhcptest.Process {
		return s.run(t, who, 4, behind4("198.51.100.10 - 198.51.100.11", `"renew-timer": 4, "rebind-timer": 8, "valid-lifetime": 24,`))
	}
}

// rivals4 are the servers that dhcp4c has to get along with.
var rivals4 = map[string]rival{
	"dhcp4d": {start: keaPool4(ours), held: keaHolds(4, 9, 3)},
	"kea":    {start: keaPool4(kea), held: keaHolds(4, 9, 3)},
	"dhcpd": {held: iscHolds, start: func(s *site, t *testing.T) *dhcptest.Process {
		return s.isc(t, "-4", `ping-check off; authoritative; default-lease-time 24; max-lease-time 24;
			option dhcp-renewal-time 4; option dhcp-rebinding-time 8;
			subnet 198.51.100.0 netmask 255.255.255.0 { range 198.51.100.10 198.51.100.11; option routers 198.51.100.254; }`)
	}},
	"dnsmasq": {held: maskHolds, start: func(s *site, t *testing.T) *dhcptest.Process {
		return s.mask(t, "dhcp-range=198.51.100.10,198.51.100.11,255.255.255.0,2m", "dhcp-sequential-ip",
			"dhcp-option=option:router,198.51.100.254", "dhcp-option-force=option:T1,4s", "dhcp-option-force=option:T2,8s")
	}},
}

// own4 is which of the two addresses the client has, "" for none.
func (s *site) own4() string {
	for _, a := range []string{"198.51.100.10", "198.51.100.11"} {
		if s.has(a) {
			return a
		}
	}
	return ""
}

// TestOwnClient4: dhcp4c gets a lease from each server, renews it, has it again
// after a crash, rebinds to a server that came in the place of the first, and
// gives it back: by the client's word, by ip(8), and by the server's own file.
func TestOwnClient4(t *testing.T) {
	for name, r := range rivals4 {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := unlinked(t)
			s.lab.Wire(s.client, "c0", s.server, "s0")
			s.server.IP("addr add " + firstServer + "/24 dev s0")
			d := r.start(s, t)
			s.listening(t, ":67")
			c := s.own(t, "dhcp4c", quick)
			dhcptest.WaitFor(t, 30*time.Second, "a lease", func() bool { return s.own4() != "" })
			addr := s.own4()
			c.Said(5*time.Second, `"reason": "BOUND"`)
			dhcptest.WaitFor(t, 5*time.Second, "the default route", func() bool {
				return strings.Contains(s.client.Must("ip", "route"), "default via "+firstServer+" dev c0")
			})
			if !r.held(s, t, addr) {
				t.Errorf("the server's file does not have %s", addr)
			}
			if state := c.state(t); state != "BOUND" && state != "RENEWING" {
				t.Errorf("state %s", state)
			}
			c.Said(15*time.Second, `"reason": "RENEW"`)

			c.Kill()
			c.start()
			c.Said(15*time.Second, `"reason": "REBOOT"`)

			d.Stop()
			s.server.IP("addr del " + firstServer + "/24 dev s0")
			s.server.IP("addr add " + secondServer + "/24 dev s0")
			r.start(s, t)
			c.Said(25*time.Second, `"reason": "REBIND"`)
			if !s.has(addr) {
				t.Errorf("another address than %s", addr)
			}

			c.ask(t, "--release")
			s.loses(t, 5*time.Second, addr)
			c.ends(t, 0)
			dhcptest.WaitFor(t, 5*time.Second, "the release in the server's file", func() bool { return !r.held(s, t, addr) })
		})
	}
}

// TestOwnClient4Declines: somebody has the address that the server gives, which the
// probe finds out; the client declines it and gets the other one.
func TestOwnClient4Declines(t *testing.T) {
	for name, r := range rivals4 {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, third := bridged(t)
			s.server.IP("addr add " + firstServer + "/24 dev s0")
			third.IP("addr add 198.51.100.10/24 dev x0")
			r.start(s, t)
			s.listening(t, ":67")
			c := s.own(t, "dhcp4c", `{"dhcp4c": {"resolver": "none"}}`)
			s.gets(t, 60*time.Second, "198.51.100.11")
			if s.has("198.51.100.10") {
				t.Error("the taken address is used")
			}
			if !strings.Contains(c.Log(), "in use by another host, declined") { // the first one on offer may have been the free one
				t.Logf("%s offered the free address first", name)
			}
		})
	}
}

// TestOwnClient4Once: --once ends with a lease, and leaves it on the host; the next
// process gives it back. --dry-run changes nothing at all.
func TestOwnClient4Once(t *testing.T) {
	t.Parallel()
	s := unlinked(t)
	s.lab.Wire(s.client, "c0", s.server, "s0")
	s.server.IP("addr add " + firstServer + "/24 dev s0")
	rivals4["dhcp4d"].start(s, t)
	s.listening(t, ":67")
	before := s.client.Must("ip", "addr") + s.client.Must("ip", "route")
	c := s.own(t, "dhcp4c", quick, "--once", "--dry-run")
	c.ends(t, 0)
	if !strings.Contains(c.Log(), "+ address 198.51.100.10/24") {
		t.Errorf("nothing is told:\n%s", c.Log())
	}
	after := s.client.Must("ip", "addr") + s.client.Must("ip", "route")
	if lifetimes.ReplaceAllString(after, "") != lifetimes.ReplaceAllString(before, "") {
		t.Errorf("--dry-run has changed something:\n%s\n%s", before, after)
	}
	if files, _ := s.client.Run("ls", s.lab.Dir+"/clients"); !strings.Contains(files, "No such file") {
		t.Errorf("--dry-run has left files: %s", files)
	}

	c = s.own(t, "dhcp4c", quick, "--once")
	c.ends(t, 0)
	if s.own4() == "" {
		t.Error("no address after --once")
	}
	c.more = c.more[:2]
	c.ask(t, "--release")
	if addr := s.own4(); addr != "" {
		t.Errorf("%s is still there after --release without a running client", addr)
	}
	dhcptest.WaitFor(t, 5*time.Second, "the release in the server's file", func() bool {
		return !rivals4["dhcp4d"].held(s, t, "198.51.100.10") && !rivals4["dhcp4d"].held(s, t, "198.51.100.11")
	})
	c = s.own(t, "dhcp4c", quick, "--once", "--timeout", "2s", "--server", "198.51.100.77") // nobody
	c.ends(t, 1)
}

// TestOwnClient4Interfaces: one process serves two interfaces; a second process is
// kept off; a link that goes and comes does not lose the lease; SIGHUP leaves alone
// what has not changed.
func TestOwnClient4Interfaces(t *testing.T) {
	t.Parallel()
	s := unlinked(t)
	for i := range 2 {
		s.lab.Wire(s.client, fmt.Sprintf("c%d", i), s.server, fmt.Sprintf("s%d", i))
		s.server.IP(fmt.Sprintf("addr add 198.51.%d.254/24 dev s%d", 100+i, i))
	}
	s.run(t, ours, 4, `"interfaces-config": {"interfaces": ["s0", "s1"]}, "subnet4": [
		{"id": 1, "subnet": "198.51.100.0/24", "pools": [{"pool": "198.51.100.10 - 198.51.100.11"}]},
		{"id": 2, "subnet": "198.51.101.0/24", "pools": [{"pool": "198.51.101.10 - 198.51.101.11"}]}]`)
	s.listening(t, ":67")
	c := s.own(t, "dhcp4c", quick, "-i", "c1")
	dhcptest.WaitFor(t, 20*time.Second, "two leases", func() bool {
		out, _ := s.client.Run("ip", "-4", "addr")
		return strings.Contains(out, "198.51.100.1") && strings.Contains(out, "198.51.101.1")
	})
	second := s.own(t, "dhcp4c", quick)
	second.ends(t, 4)
	second.Said(time.Second, "another dhcp4c is running on this interface")

	s.client.IP("link set c1 down")
	c.Said(5*time.Second, "link not ready")
	s.client.IP("link set c1 up")
	c.Said(15*time.Second, `"reason": "REBOOT"`)

	s.lab.Write("clients.json", `{"dhcp4c": {"probe": false, "resolver": "none", "interfaces": [{"name": "c1", "host-name": "other"}]}}`)
	c.Signal(syscall.SIGHUP)
	c.Said(15*time.Second, "configuration read again")
	dhcptest.WaitFor(t, 15*time.Second, "a new beginning on c1", func() bool { return strings.Count(c.Log(), `"iface": "c1", "addr"`) > 2 })
	c.Stop()
	c.ends(t, 0)
	if s.own4() == "" {
		t.Error("stopping has taken the address")
	}
}
