//go:build interop

package interop

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// appears waits until the pair serves everything: DHCPv6 by multicast, 4o6,
// and DHCPv4 by relay.
func (s *site) appears(t *testing.T, when string) {
	t.Helper()
	c := s.dial(t, "ff02::1:2")
	defer c.Conn.Close()
	plain := &client6{conn: c.Conn, to: c.To, duid: []byte{0, 3, 0, 1, 2, 0, 0x5e, 0x60, 0, 1}, iaid: 1}
	dhcptest.WaitFor(t, 8*time.Second, "Advertise "+when, func() bool { return plain.solicit(t, 200*time.Millisecond) })
	lease4o6(t, c, 8*time.Second)
	r := s.relay4(t, netip.MustParseAddr(relayUpV4))
	defer r.conn.Close()
	dhcptest.WaitFor(t, 8*time.Second, "OFFER "+when, func() bool {
		r.send(t, 1, r.giaddr, nil)
		return r.answer(t, 200*time.Millisecond) != nil
	})
}

// plug lays the link between client and server host, addresses last.
func (s *site) plug() {
	s.lab.Wire(s.client, "c0", s.server, "s0")
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	s.client.IP("addr add " + relayUpV4 + "/24 dev c0")
}

// TestLinks starts both daemons before their interface exists. They serve when
// it comes up, when it has been down, when it was made anew under the old name,
// and when its IPv4 address has changed; nobody restarts them.
func TestLinks(t *testing.T) {
	for _, named := range []string{"s0", "*"} {
		t.Run("interfaces "+named, func(t *testing.T) {
			t.Parallel()
			s := unlinked(t)
			// no link has a hardware address yet that an identifier of type LL could hold
			keys6 := strings.Replace(whole6(786), `"server-id": {"type": "LL", "persist": false},`, "", 1)
			v6 := s.run(t, ours, 6, strings.Replace(keys6, `["s0"]`, `["`+named+`"]`, 1))
			v4 := s.run(t, ours, 4, strings.Replace(whole4(786), `["s0"]`, `["`+named+`"]`, 1))
			s.listening(t, "[::1]:786", "[::1]:787")
			s.comeAndGo(t)
			if !v6.Running() || !v4.Running() {
				t.Error("a daemon has ended")
			}
		})
	}
}

func (s *site) comeAndGo(t *testing.T) {
	t.Helper()
	s.plug()
	s.appears(t, "when the interface has come")

	s.server.IP("link set s0 down")
	s.gone(t, "a link that is down", ":547")
	s.server.IP("link set s0 up")
	s.appears(t, "when the interface was down")

	s.server.IP("link del s0")
	s.gone(t, "a link that is gone", ":547", ":67")
	s.plug()
	s.appears(t, "when the interface was made anew")

	s.server.IP("addr del " + serverV4 + "/24 dev s0")
	s.gone(t, "an address that is gone", ":67")
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	s.appears(t, "when the address was gone")
}

// gone waits until nothing is bound to the ports any more.
func (s *site) gone(t *testing.T, of string, ports ...string) {
	t.Helper()
	for _, p := range ports {
		dhcptest.WaitFor(t, 5*time.Second, "end of the sockets of "+of, func() bool { return !s.server.Bound(p) })
	}
}

// TestNamedAddress starts dhcp6d on an address that its interface gets later.
func TestNamedAddress(t *testing.T) {
	t.Parallel()
	s := unlinked(t)
	s.run(t, ours, 6, `"interfaces-config": {"interfaces": ["s0/`+clientNet+`1"]}, "dhcp4o6-port": 786`)
	s.run(t, ours, 4, over4o6(""))
	s.lab.Wire(s.client, "c0", s.server, "s0")
	s.listening(t, "[::1]:786", "[::1]:787", ":547")
	s.client.IP("-6 route add " + clientNet + "/64 dev c0")
	s.server.IP("addr add " + clientNet + "1/64 dev s0 nodad")
	lease4o6(t, s.dial(t, clientNet+"1"), 5*time.Second)
}

// TestServerIDLater: a server host without any IPv4 address says so and goes by
// a dummy identifier. When an address appears, clients with a lease from the
// time before renew it, by the old identifier too, also after a restart.
func TestServerIDLater(t *testing.T) {
	t.Parallel()
	s := bare(t, 0)
	s.run(t, ours, 6, whole6(786))
	v4 := s.run(t, ours, 4, whole4(786))
	s.listening(t, "[::1]:786", "[::1]:787", ":547")
	v4.Said(2*time.Second, "no IPv4 address on this host")
	c := s.dial(t, "ff02::1:2")
	before := lease4o6(t, c, 5*time.Second)
	if got, _ := netip.AddrFromSlice(before.Server); got != netip.MustParseAddr("192.0.0.8") {
		t.Errorf("server identifier %v, want 192.0.0.8", got)
	}
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	s.listening(t, ":67")
	again := func(when string) {
		t.Helper()
		if _, err := c.Renew(before); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		m, err := c.Ask(dhcp4.Request, false, func(w *dhcp4.Builder) {
			w.Add(dhcp4.OptRequestedAddress, before.Addr.AsSlice())
			w.Add(dhcp4.OptServerID, before.Server)
		})
		if err != nil || m.Type() != dhcp4.Ack || m.YIAddr != before.Addr {
			t.Errorf("%s, by the identifier of before: %v, %v", when, m, err)
		}
	}
	again("with the address")
	v4.Stop()
	s.run(t, ours, 4, whole4(786))
	s.listening(t, "[::1]:787")
	again("restarted with the address")
	other := *c
	other.HWAddr[5]++
	if l := lease4o6(t, &other, 5*time.Second); netip.AddrFrom4([4]byte(l.Server)) != netip.MustParseAddr(serverV4) {
		t.Errorf("server identifier %v after a restart, want %s", l.Server, serverV4)
	}
}
