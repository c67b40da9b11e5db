//go:build interop

package interop

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

const (
	clientV4    = "198.51.100.0" // /24, the clients' link behind a DHCPv4 relay
	relayDownV4 = "198.51.100.254"
	relayUpV4   = "192.0.2.2"
)

// behind4 are the keys of a DHCPv4 server for the link behind the relay.
func behind4(pool, more string) string {
	return `"interfaces-config": {"interfaces": ["s0"]}, ` + more + `
		"subnet4": [{"id": 1, "subnet": "` + clientV4 + `/24", "pools": [{"pool": "` + pool + `"}],
			"option-data": [{"name": "routers", "data": "` + relayDownV4 + `"}]}]`
}

// TestClient4: dhcp4d alone, with ISC's client on its link. Lease by frames,
// renewal by unicast, release.
func TestClient4(t *testing.T) {
	t.Parallel()
	s := unlinked(t)
	s.lab.Wire(s.client, "c0", s.server, "s0")
	s.server.IP("addr add " + relayDownV4 + "/24 dev s0")
	s.clients4(t)
}

// TestClient4Relayed is the same behind ISC's relay, which adds option 82: lease
// by way of the relay, renewal and release by unicast past it.
func TestClient4Relayed(t *testing.T) {
	t.Parallel()
	need.Programs(t, "dhcrelay")
	s := unlinked(t)
	r := s.lab.Namespace("r")
	s.lab.Wire(s.client, "c0", r, "r0")
	s.lab.Wire(r, "u0", s.server, "s0")
	r.IP("addr add " + relayDownV4 + "/24 dev r0")
	r.IP("addr add " + relayUpV4 + "/24 dev u0")
	r.Must("sysctl", "-qw", "net.ipv4.ip_forward=1")
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	s.server.IP("route add " + clientV4 + "/24 via " + relayUpV4)
	r.Start(nil, "dhcrelay", "-4", "-d", "-a", "-id", "r0", "-iu", "u0", "-pf", filepath.Join(s.lab.Dir, "relay4.pid"), serverV4)
	s.clients4(t)
}

// clients4 has two clients share one address, one after the other.
func (s *site) clients4(t *testing.T) {
	t.Helper()
	d := s.run(t, ours, 4, behind4("198.51.100.10 - 198.51.100.10",
		`"renew-timer": 2, "rebind-timer": 20, "valid-lifetime": 30,`))
	s.listening(t, ":67")
	first := s.dhclient(t, "first", "", "-4")
	first.saw(t, 15*time.Second, "BOUND 198.51.100.10 pair= router="+relayDownV4)
	first.saw(t, 10*time.Second, "RENEW 198.51.100.10")
	first.release(t)
	s.client.IP("addr flush dev c0 scope global")
	second := s.dhclient(t, "second", "send dhcp-client-identifier \"second\";\n", "-4")
	second.saw(t, 15*time.Second, "BOUND 198.51.100.10")
	d.Stop()
	for _, never := range []string{`"pkt4-nak-sent"`, `"pkt4-parse-failed"`} {
		if strings.Contains(d.Log(), never) {
			t.Errorf("%s was counted:\n%s", never, d.Log())
		}
	}
}

// relayed4 is a server with the clients' host as the relay on its link.
func relayed4(t *testing.T, who seat, keys string) *site {
	t.Helper()
	s := bare(t, 0)
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	s.client.IP("addr add " + relayUpV4 + "/24 dev c0")
	s.client.IP("addr add " + relayDownV4 + "/24 dev c0")
	s.server.IP("route add " + clientV4 + "/24 via " + relayUpV4)
	s.run(t, who, 4, keys)
	s.listening(t, ":67")
	return s
}

// TestOption82: what the relay wrote comes back as it was, last of all options
// (RFC 3046 §2.2), from us as from Kea.
func TestOption82(t *testing.T) {
	for _, who := range []seat{ours, kea} {
		t.Run(string(who), func(t *testing.T) {
			s := relayed4(t, who, behind4("198.51.100.10 - 198.51.100.200", ""))
			r := s.relay4(t, netip.MustParseAddr(relayDownV4))
			info := []byte{1, 4, 'p', 'o', 'r', 't', 2, 3, 0, 1, 2, 200, 1, 9} // 200: unknown to anybody
			var m *dhcp4.Message
			dhcptest.WaitFor(t, 5*time.Second, "answer", func() bool {
				r.send(t, 1, r.giaddr, func(w *dhcp4.Builder) { w.Add(dhcp4.OptRelayAgentInfo, info) })
				m = r.answer(t, time.Second)
				return m != nil
			})
			if got, _ := m.Option(dhcp4.OptRelayAgentInfo); !bytes.Equal(got, info) {
				t.Errorf("option 82 is %x, want %x", got, info)
			}
		})
	}
}

// TestPerf4: Kea's load generator as a relay, 1000 exchanges a second.
func TestPerf4(t *testing.T) {
	need.Programs(t, "perfdhcp")
	s := relayed4(t, ours, `"interfaces-config": {"interfaces": ["s0"]},
		"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "relay": {"ip-addresses": ["`+relayDownV4+`"]}, "pools": [{"pool": "10.1.0.0/16"}]}]`)
	lossless(t, s.client, "-4", "-r", "1000", "-R", "100000", "-n", "3000", "-W", "1000000", "-l", relayDownV4, serverV4)
}
