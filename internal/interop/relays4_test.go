//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// TestRelays4: through the relays of others a client gets an address of its own link, is
// told when it asks for a wrong one, and sees nothing of option 82. ISC's relay with -U
// names the client's link in option 82.5 (RFC 3527) and writes the address of another
// link, which is served as well, into giaddr.
func TestRelays4(t *testing.T) {
	for name, relay := range map[string][]string{
		"dhcrelay":                 {"dhcrelay", "-4", "-d", "-id", "r0", "-iu", "u0", "--no-pid", serverV4},
		"dhcrelay, option 82":      {"dhcrelay", "-4", "-d", "-a", "-id", "r0", "-iu", "u0", "--no-pid", serverV4},
		"dhcrelay, link selection": {"dhcrelay", "-4", "-d", "-a", "-i", "r0", "-i", "u0", "-U", "u0", "--no-pid", serverV4},
		"dnsmasq":                  {"dnsmasq", "-k", "-p", "0", "-C", "/dev/null", "--user=root", "--pid-file=", "--dhcp-relay=" + relayDownV4 + "," + serverV4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need.Programs(t, relay[0])
			s := unlinked(t)
			r := s.betweenNets(t)
			s.run(t, ours, 4, fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0"]}, "valid-lifetime": 600, "subnet4": [
				{"id": 1, "subnet": "%s/24", "pools": [{"pool": "198.51.100.10 - 198.51.100.99"}]},
				{"id": 2, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]`, clientV4))
			s.listening(t, ":67")
			p := r.Start(nil, relay...)
			c := s.caster(t)
			var offers map[string]*dhcp4.Message
			dhcptest.WaitFor(t, 10*time.Second, "an offer", func() bool {
				offers = c.ask(t, 1, dhcp4.Discover, nil)
				return len(offers) == 1
			})
			got := offers[serverV4].YIAddr
			if net := netip.MustParsePrefix(clientV4 + "/24"); !net.Contains(got) {
				t.Errorf("offered %v, of another link", got)
			}
			id := netip.MustParseAddr(serverV4).As4()
			ask := func(a netip.Addr) string {
				all := c.ask(t, 1, dhcp4.Request, func(w *dhcp4.Builder) {
					w.Add(dhcp4.OptServerID, id[:])
					w.Add(dhcp4.OptRequestedAddress, a.AsSlice())
				})
				for _, m := range all {
					if m.Has(dhcp4.OptRelayAgentInfo) {
						t.Errorf("the client sees option 82 in its %v", m.Type())
					}
				}
				return kinds(all)
			}
			if got, want := ask(got), fmt.Sprintf("[%s DHCPACK]", serverV4); got != want {
				t.Errorf("REQUEST: %s, want %s", got, want)
			}
			if got, want := ask(netip.MustParseAddr("192.0.2.150")), fmt.Sprintf("[%s DHCPNAK]", serverV4); got != want {
				t.Errorf("REQUEST for an address of another link: %s, want %s", got, want)
			}
			p.Kill()
		})
	}
}
