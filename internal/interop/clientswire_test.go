//go:build interop

package interop

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/link"
)

// TestOwnClient4GivesUp: another host takes the address of a lease and does not let
// go of it; the client defends it once, declines it and gets the other one (RFC 5227
// §2.4 b).
func TestOwnClient4GivesUp(t *testing.T) {
	t.Parallel()
	s, third := bridged(t)
	s.server.IP("addr add " + firstServer + "/24 dev s0")
	rivals4["dhcp4d"].start(s, t)
	s.listening(t, ":67")
	c := s.own(t, "dhcp4c", quick)
	s.gets(t, 30*time.Second, "198.51.100.10")

	var other *link.ARP
	err := third.Do(func() error {
		i, err := net.InterfaceByName("x0")
		if err != nil {
			return err
		}
		other, err = link.OpenARP(i.Index, link.Addr(i.HardwareAddr), netip.MustParseAddr("198.51.100.10"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !strings.Contains(c.Log(), "in use by another host, declined") {
		// one announcement now, one in two seconds; until the client's defence comes twice
		if _, err := other.Guard(ctx); err != nil {
			break
		}
	}
	s.loses(t, 10*time.Second, "198.51.100.10")
	s.gets(t, 40*time.Second, "198.51.100.11")
	dhcptest.WaitFor(t, 5*time.Second, "the declined lease in the server's file", func() bool {
		row := s.lastRow(t, 4, "198.51.100.10")
		return len(row) > 9 && row[9] == "1"
	})
}

// TestOwnClientsFollowTheLink: a link that goes and comes back, under another name
// meanwhile, has its leases again, and they go on.
func TestOwnClientsFollowTheLink(t *testing.T) {
	t.Parallel()
	s := unlinked(t)
	s.lab.Wire(s.client, "c0", s.server, "s0")
	s.server.IP("addr add " + firstServer + "/24 dev s0")
	rivals4["dhcp4d"].start(s, t)
	s.listening(t, ":67")
	c := s.own(t, "dhcp4c", quick)
	s.gets(t, 30*time.Second, "198.51.100.10")
	verified := 0
	again := func(what string) {
		t.Helper()
		verified++
		dhcptest.WaitFor(t, 20*time.Second, "verified lease after "+what, func() bool {
			return strings.Count(c.Log(), `"reason": "REBOOT"`) == verified && s.has("198.51.100.10") && c.state(t) == "BOUND"
		})
	}
	s.client.IP("link set c0 down")
	time.Sleep(300 * time.Millisecond)
	s.client.IP("link set c0 up")
	again("down and up")
	s.client.IP("link set c0 down")
	s.client.IP("link set c0 name other0")
	s.client.IP("link set other0 up")
	time.Sleep(300 * time.Millisecond)
	s.client.IP("link set other0 down")
	s.client.IP("link set other0 name c0")
	s.client.IP("link set c0 up")
	again("another name")
	s.server.IP("link set s0 down") // the carrier goes
	time.Sleep(300 * time.Millisecond)
	s.server.IP("link set s0 up")
	again("no carrier")
}

// TestOwnClientsOnOneWire: a link and one that stands on it have a client each, a
// lease each, and renew it; neither hears what is the other's.
func TestOwnClientsOnOneWire(t *testing.T) {
	t.Parallel()
	s := unlinked(t)
	s.lab.Wire(s.client, "c0", s.server, "s0")
	s.server.IP("addr add " + firstServer + "/24 dev s0")
	rivals4["dhcp4d"].start(s, t)
	s.listening(t, ":67")
	s.client.IP("link add link c0 name mac0 type macvlan mode bridge")
	s.client.IP("link set mac0 up")
	c := s.own(t, "dhcp4c", quick, "-i", "mac0")
	on := func(iface string) string {
		out, _ := s.client.Run("ip", "-4", "-o", "addr", "show", "dev", iface)
		for _, a := range []string{"198.51.100.10", "198.51.100.11"} {
			if strings.Contains(out, a+"/") {
				return a
			}
		}
		return ""
	}
	dhcptest.WaitFor(t, 30*time.Second, "a lease on both", func() bool { return on("c0") != "" && on("mac0") != "" })
	if on("c0") == on("mac0") {
		t.Errorf("both have %s", on("c0"))
	}
	dhcptest.WaitFor(t, 30*time.Second, "renewals of both", func() bool {
		return renewed(c, "c0") && renewed(c, "mac0")
	})
	if strings.Contains(c.Log(), "answer ignored") {
		t.Errorf("one has heard what was the other's:\n%s", c.Log())
	}
}

// renewed reports whether the lease of a link was renewed.
func renewed(c *ownClient, iface string) bool {
	for line := range strings.Lines(c.Log()) {
		if strings.Contains(line, `"iface": "`+iface+`"`) && strings.Contains(line, `"reason": "RENEW"`) {
			return true
		}
	}
	return false
}
