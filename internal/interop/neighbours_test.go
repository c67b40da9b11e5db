//go:build interop

package interop

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// dead is how many neighbours do not answer; as many stop Kea for three seconds.
const dead = 168

// prompt has one live client ask again and again while answers to the dead wait
// for their neighbours, and fails when one takes as long as a second.
func prompt(t *testing.T, what string, ask func() bool) {
	t.Helper()
	var took []time.Duration
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		begin := time.Now()
		if !ask() {
			t.Fatalf("%s: a live client got no answer within a second", what)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	t.Logf("%s: %d answers, median %v, longest %v", what, len(took), took[len(took)/2], took[len(took)-1])
}

// TestDeadRelays4 sends DISCOVERs that name dead relays on the server's own
// link. A relay that lives gets its answers all the same.
func TestDeadRelays4(t *testing.T) {
	s := bare(t, 0)
	s.server.IP("addr add 10.0.0.1/8 dev s0")
	s.client.IP("addr add 10.0.0.2/8 dev c0")
	s.run(t, ours, 4, `"interfaces-config": {"interfaces": ["s0"]},
		"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "pools": [{"pool": "10.1.0.0/16"}]}]`)
	s.listening(t, ":67")
	r := s.relay4(t, netip.MustParseAddr("10.0.0.2"))
	r.to = netip.MustParseAddrPort("10.0.0.1:67")
	for range 5 {
		for i := range dead {
			r.send(t, uint16(i), netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), nil)
		}
	}
	if n := s.server.Must("ip", "neigh", "show", "dev", "s0"); !strings.Contains(n, "10.0.1.") {
		t.Errorf("no answer was on its way to the dead:\n%s", n)
	}
	prompt(t, "DHCPv4 by relay", func() bool {
		r.send(t, 1000, r.giaddr, nil)
		m := r.answer(t, time.Second)
		return m != nil && m.Type() == dhcp4.Offer
	})
}

// TestDeadRelays6 is the same for what came over IPv6, DHCPv6 and 4o6, with
// either side of the pair ours.
func TestDeadRelays6(t *testing.T) {
	for _, v4 := range []seat{ours, kea} {
		t.Run("v4="+string(v4), func(t *testing.T) {
			s := bare(t, 0)
			s.server.IP("addr add 10.0.0.1/8 dev s0")
			s.run(t, ours, 6, unicast6(786))
			s.run(t, v4, 4, `"interfaces-config": {"interfaces": ["s0"]}, "dhcp4o6-port": 786,
				"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "s0", "pools": [{"pool": "10.1.0.0/16"}]}]`)
			s.listening(t, "[::1]:786", "[::1]:787", ":547")
			c := s.dial(t, "ff02::1:2")
			lease4o6(t, c, 5*time.Second)
			haunt(t, s)
			if n := s.server.Must("ip", "-6", "neigh", "show", "dev", "s0"); !strings.Contains(n, "dead:") {
				t.Errorf("no answer was on its way to the dead:\n%s", n)
			}
			c.Timeout = time.Second
			prompt(t, "4o6", func() bool {
				_, err := c.Ask(dhcp4.Discover, false, nil)
				return err == nil
			})
			haunt(t, s)
			plain := &client6{conn: c.Conn, to: c.To, duid: dhcp6.NewDUIDLL(1, c.HWAddr[:]), iaid: 1}
			prompt(t, "DHCPv6", func() bool { return plain.solicit(t, time.Second) })
		})
	}
}

// haunt sends queries from relays, and a client, that are not there to take the
// answers.
func haunt(t *testing.T, s *site) {
	t.Helper()
	c := &dhcptest.Client4o6{}
	for i := range dead {
		from := netip.MustParseAddr(clientNet + "dead:0").As16()
		from[15] = byte(i)
		conn := s.listenAs(t, netip.AddrFrom16(from), 547)
		c.Conn, c.To = conn, udp(clientNet+"1", 547)
		c.HWAddr = [6]byte{2, 0, 0x5e, 0x66, 0, byte(i)}
		solicit := []byte{byte(dhcp6.Solicit), 1, 2, byte(i)}
		solicit = dhcp6.AppendOption(solicit, dhcp6.OptClientID, dhcp6.NewDUIDLL(1, c.HWAddr[:]))
		solicit = dhcp6.IANA{IAID: 1}.Append(solicit)
		for range 3 {
			for _, q := range [][]byte{c.Query(dhcp4.Discover, false, nil), solicit} {
				if err := c.Send(relayed(q, clientNet+"fe", "port")); err != nil {
					t.Fatal(err)
				}
			}
		}
		conn.Close()
		c.Conn = s.listenAs(t, netip.AddrFrom16(from), 5460) // a client: the answer goes to 546 all the same
		if err := c.Send(c.Query(dhcp4.Discover, false, nil)); err != nil {
			t.Fatal(err)
		}
		c.Conn.Close()
	}
}
