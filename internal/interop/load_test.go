//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

// TestLoad4o6 has 500 clients a second go through lease, renewal and release
// over 4o6, without one message sent twice: direct, behind two relays, with
// datagrams of the pair padded, with a MAC in each, and while both daemons reload
// again and again.
func TestLoad4o6(t *testing.T) {
	const padded = `, "user-context": {"dhcp4o6": {"pad-ipc": true}}`
	signed := fmt.Sprintf(`, "user-context": {"dhcp4o6": {"pad-ipc": true, "pair-hmac": "require", "pair-key-file": %q}}`, keyFile(t))
	for _, test := range []struct {
		name    string
		relays  int
		more    string
		reloads bool
	}{
		{"direct", 0, "", false},
		{"two relays", 2, "", false},
		{"padded", 1, padded, false},
		{"padded, with a MAC", 1, signed, true},
		{"reloads", 0, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := hosted(t)
			s.client.IP("addr add " + onLink + "/64 dev c0 nodad")
			both := []*dhcptest.Process{
				s.run(t, ours, 6, unicast6(786)+test.more),
				s.run(t, ours, 4, `"interfaces-config": {"interfaces": ["s0"]}, "dhcp4o6-port": 786,
				"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "s0", "pools": [{"pool": "10.1.0.0/16"}]}]`+test.more),
			}
			s.listening(t, "[::1]:786", "[::1]:787", ":547")
			c := s.dial(t, clientNet+"1")
			lease4o6(t, c, 5*time.Second)
			c.Conn.Close()
			run := s.client.Start(nil, "timeout", "30", bin("dhcpload"), "4o6", "--server", clientNet+"1", "--local", onLink,
				"--rate", "500", "--count", "1000", "--renewals", "1", "--release", "--retries", "0", "--relays", fmt.Sprint(test.relays))
			for test.reloads && run.Running() {
				for _, d := range both {
					d.Signal(syscall.SIGHUP)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if code := run.Wait(30 * time.Second); code != 0 {
				t.Errorf("dhcpload: exit code %d\n%s", code, run.Log())
			}
			if !test.reloads {
				return
			}
			for _, d := range both {
				if n := strings.Count(d.Log(), "dynamic server reconfiguration succeeded"); n < 3 {
					t.Errorf("%d reloads", n)
				}
			}
		})
	}
}

// TestRestartStorm has both daemons crash while 5,000 clients hold leases, and
// all of them come back in the moment in which the daemons are up again. Nobody
// gets another address, nobody is refused, nobody is left without an answer: over
// 4o6 they ask for what they had (INIT-REBOOT); over DHCPv6 they confirm, and
// renew, which only who has the lease can grant.
func TestRestartStorm(t *testing.T) {
	const clients = 5000
	for _, test := range []struct {
		name     string
		relays   int
		scenario load.Scenario
	}{
		{"4o6", 0, load.Scenario{Kind: load.FourOverSix}},
		{"4o6 through two relays", 2, load.Scenario{Kind: load.FourOverSix}},
		{"v6", 0, load.Scenario{Kind: load.V6, Renewals: 1}},
		{"both at once", 0, load.Scenario{Mix: []load.Share{{Kind: load.FourOverSix, Weight: 1}, {Kind: load.V6, Weight: 1}}, Renewals: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := hosted(t)
			start := func() []*dhcptest.Process {
				both := []*dhcptest.Process{
					s.run(t, ours, 6, strings.ReplaceAll(unicast6(786), clientNet+"1fff", clientNet+"ffff")),
					s.run(t, ours, 4, `"interfaces-config": {"interfaces": ["s0"]}, "dhcp4o6-port": 786,
					"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "s0", "pools": [{"pool": "10.1.0.0/16"}]}]`),
				}
				s.listening(t, "[::1]:786", "[::1]:787", ":547")
				return both
			}
			both := start()
			c := s.dial(t, clientNet+"1")
			lease4o6(t, c, 5*time.Second)
			c.Conn.Close()
			l := test.scenario
			l.Server, l.Iface = netip.MustParseAddrPort("[ff02::1:2]:547"), "c0"
			l.Storm, l.Relays, l.Patience, l.TimeScale = clients, test.relays, load.Standard, 0.25
			crashed := false
			l.Progress = func(p load.Progress) {
				if p.Phase != "prepare" || p.Completed < clients || crashed {
					return
				}
				crashed = true
				for _, d := range both {
					d.Kill()
				}
				both = start()
			}
			var r load.Report
			if err := s.client.Do(func() (err error) { r, err = load.Run(t.Context(), l); return err }); err != nil {
				t.Fatal(err)
			}
			if !crashed || r.Storm.Held != clients || r.Storm.Back != clients || r.Refused+r.Lost+r.Malformed != 0 {
				var text strings.Builder
				r.Text(&text)
				t.Errorf("not everybody is back:\n%s", &text)
			}
		})
	}
}

// TestReload adds an interface and a subnet by reload, and takes the first one
// away by another; a configuration with an error changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	s := hosted(t)
	next := s.lab.Namespace("n")
	s.lab.Wire(next, "c1", s.server, "s1")
	keys := func(iface, net string) string {
		return fmt.Sprintf(`"interfaces-config": {"interfaces": [%q]},
			"subnet6": [{"id": 1, "subnet": "%s/64", "interface": %q, "pools": [{"pool": "%s1000 - %s1fff"}]}]`, iface, net, iface, net, net)
	}
	d := s.run(t, ours, 6, keys("s0", clientNet))
	s.listening(t, ":547")
	on := map[string]*client6{}
	for iface, host := range map[string]*dhcptest.Namespace{"c0": s.client, "c1": next} {
		c, err := host.Dial(iface, netip.MustParseAddr("ff02::1:2"))
		if err != nil {
			t.Fatal(err)
		}
		on[iface] = &client6{conn: c.Conn, to: c.To, duid: []byte{0, 3, 0, 1, 2, 0, 0x5e, 0x60, 0, 1}, iaid: 1}
	}
	serves := func(when, yes, no string) {
		t.Helper()
		dhcptest.WaitFor(t, 5*time.Second, "Advertise on "+yes+" "+when, func() bool { return on[yes].solicit(t, 200*time.Millisecond) })
		if on[no].solicit(t, 200*time.Millisecond) {
			t.Errorf("%s: an Advertise on %s", when, no)
		}
	}
	serves("at the start", "c0", "c1")
	s.configure(6, keys("s1", otherNet)+`, "valid-lifetme": 5`)
	d.Signal(syscall.SIGHUP)
	d.Said(3*time.Second, "valid-lifetme")
	serves("after a reload that failed", "c0", "c1")
	s.configure(6, keys("s1", otherNet))
	d.Signal(syscall.SIGHUP)
	serves("after a reload", "c1", "c0")
}
