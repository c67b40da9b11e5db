//go:build interop

package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// victim is an address of the client's host that asks for nothing.
const victim = clientNet + "bad"

// forged is a Vendor-specific Information option as only the pair itself should
// write it: answers shall go to the victim.
func forged(iface string) []byte {
	b := binary.BigEndian.AppendUint32(nil, 2495)
	b = dhcp6.AppendOption(b, 60000, []byte(iface))
	b = dhcp6.AppendOption(b, 60001, netip.MustParseAddr(victim).AsSlice())
	b = dhcp6.AppendOption(b, 60002, []byte{0x02, 0x22})
	return dhcp6.AppendOption(nil, dhcp6.OptVendorOpts, b)
}

// forgery is one way to smuggle the option in.
type forgery struct {
	name   string
	levels int  // relay levels that the client makes up itself
	inner  bool // forge in the query
	at     int  // forge in this level, counted from outside; -1: in none
	iface  string
}

var forgeries = []forgery{
	{"in the query", 0, true, -1, "s0"},
	{"in the query, another interface", 0, true, -1, "lo"},
	{"in the query behind one relay", 1, true, -1, "s0"},
	{"in the only relay level", 1, false, 0, "s0"},
	{"in the outer of two levels", 2, false, 0, "s0"},
	{"in the inner of two levels", 2, false, 1, "s0"},
	{"everywhere", 2, true, 1, "s0"},
}

// wrap puts a query into the relay levels of a forgery.
func (f forgery) wrap(query []byte) []byte {
	for level := f.levels - 1; level >= 0; level-- {
		b := []byte{byte(dhcp6.RelayForw), byte(f.levels - 1 - level)}
		b = append(b, netip.MustParseAddr(clientNet+"fe").AsSlice()...)
		b = append(b, netip.MustParseAddr("fe80::1").AsSlice()...)
		if f.at == level {
			b = append(b, forged(f.iface)...)
		}
		query = dhcp6.AppendOption(b, dhcp6.OptRelayMessage, query)
	}
	return query
}

// attack sends one forged query and reports who got an answer.
func attack(t *testing.T, s *site, f forgery) (client, target bool) {
	t.Helper()
	port := 546
	if f.levels > 0 {
		port = 547
	}
	var asker, prey net.PacketConn
	err := s.client.Do(func() (err error) {
		if prey, err = net.ListenPacket("udp6", fmt.Sprintf("[%s]:546", victim)); err != nil {
			return err
		}
		asker, err = net.ListenPacket("udp6", fmt.Sprintf("[%s77]:%d", clientNet, port))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer prey.Close()
	defer asker.Close()

	c := &dhcptest.Client4o6{HWAddr: [6]byte{2, 0, 0x5e, 0x10, 1, byte(f.levels)}}
	if f.inner {
		c.Extra = forged(f.iface)
	}
	query := f.wrap(c.Query(dhcp4.Discover, false, nil))
	to := &net.UDPAddr{IP: net.ParseIP(clientNet + "1"), Port: 547}
	if _, err := asker.WriteTo(query, to); err != nil {
		t.Fatal(err)
	}
	return answered(asker), answered(prey)
}

func answered(c net.PacketConn) bool {
	c.SetReadDeadline(time.Now().Add(700 * time.Millisecond))
	_, _, err := c.ReadFrom(make([]byte, 65536))
	var timeout net.Error
	return err == nil || !errors.As(err, &timeout)
}

func forgeSite(t *testing.T, who seat) *site {
	t.Helper()
	s := build(t, plan{v6: who, v4: who, pool: "192.0.2.100 - 192.0.2.199"})
	s.client.IP("addr add " + clientNet + "77/64 dev c0 nodad")
	s.client.IP("addr add " + victim + "/64 dev c0 nodad")
	s.ready(t)
	return s
}

// TestForgedOrigin: a client that writes the pair's own suboptions, at any
// level, gains nothing. The answer goes where the query came from.
func TestForgedOrigin(t *testing.T) {
	s := forgeSite(t, ours)
	for _, f := range forgeries {
		t.Run(f.name, func(t *testing.T) {
			client, target := attack(t, s, f)
			if !client {
				t.Error("the asker got no answer")
			}
			if target {
				t.Error("the victim was sent an answer")
			}
		})
	}
}

// TestForgedOriginHitsKea shows that the attack of TestForgedOrigin is a real
// one: against Kea's pair the first forgery reaches the victim.
func TestForgedOriginHitsKea(t *testing.T) {
	s := forgeSite(t, kea)
	if client, target := attack(t, s, forgeries[0]); client || !target {
		t.Errorf("asker answered: %v, victim hit: %v; want false, true", client, target)
	}
}
