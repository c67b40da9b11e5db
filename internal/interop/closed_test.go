//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// TestClosedHost: a server whose host lets no datagram in and checks where senders
// are. With packet sockets, the default, a client gets its lease, renews it by
// unicast and gives it back, as with Kea's; with UDP sockets it gets nothing.
func TestClosedHost(t *testing.T) {
	need.Programs(t, "nft", "udhcpc")
	for _, tt := range []struct {
		who     seat
		sockets string
		served  bool
	}{{ours, "raw", true}, {kea, "raw", true}, {ours, "udp", false}, {kea, "udp", false}} {
		t.Run(string(tt.who)+" "+tt.sockets, func(t *testing.T) {
			t.Parallel()
			s := unlinked(t)
			s.lab.Wire(s.client, "c0", s.server, "s0")
			s.server.IP("addr add " + relayDownV4 + "/24 dev s0")
			s.server.Must("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1")
			s.server.Must("nft", "add table ip closed; add chain ip closed in { type filter hook input priority 0; policy drop; }")
			d := s.run(t, tt.who, 4, `"interfaces-config": {"interfaces": ["s0"], "dhcp-socket-type": "`+tt.sockets+`"},
				"renew-timer": 2, "rebind-timer": 20, "valid-lifetime": 30,
				"subnet4": [{"id": 1, "subnet": "`+clientV4+`/24", "pools": [{"pool": "198.51.100.10 - 198.51.100.99"}]}]`)
			s.listening(t, ":67")
			c := s.client4(t, "udhcpc")
			if !tt.served {
				time.Sleep(4 * time.Second) // as long as the others take
				if state := s.state(t, "198.51.100.10"); state != "" {
					t.Errorf("a lease in state %s", state)
				}
				return
			}
			c.saw(t, 20*time.Second, 1, c.words.bound+" 198.51.100.10")
			c.saw(t, 20*time.Second, 1, c.words.renewed+" 198.51.100.10")
			c.words.release(c, t)
			dhcptest.WaitFor(t, 10*time.Second, "release", func() bool {
				return s.state(t, "198.51.100.10") == released || strings.Contains(d.Log(), "DHCP4_RELEASE") // Kea 2 forgets a released lease
			})
		})
	}
}
