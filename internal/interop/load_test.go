//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
)

// TestLoad4o6 has 500 clients a second go through lease, renewal and release
// over 4o6, without one message sent twice, direct and behind two relays.
func TestLoad4o6(t *testing.T) {
	for _, relays := range []int{0, 2} {
		t.Run(fmt.Sprintf("%d relays", relays), func(t *testing.T) {
			s := hosted(t)
			s.client.IP("addr add " + onLink + "/64 dev c0 nodad")
			s.run(t, ours, 6, unicast6(786))
			s.run(t, ours, 4, `"interfaces-config": {"interfaces": ["s0"]}, "dhcp4o6-port": 786,
				"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "s0", "pools": [{"pool": "10.1.0.0/16"}]}]`)
			s.listening(t, "[::1]:786", "[::1]:787", ":547")
			c := s.dial(t, clientNet+"1")
			lease4o6(t, c, 5*time.Second)
			c.Conn.Close()
			args := []string{"timeout", "30", bin("dhcpload"), "4o6", "--server", clientNet + "1", "--local", onLink,
				"--rate", "500", "--count", "1000", "--renewals", "1", "--release", "--retries", "0", "--relays", fmt.Sprint(relays)}
			if out, err := s.client.Run(args...); err != nil {
				t.Errorf("%v\n%s", err, out)
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
