//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// filler is option data in hexadecimal, always sent, one option for each code.
func filler(first, n, octets int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"code": %d, "csv-format": false, "always-send": true, "data": %q}`,
			first+i, strings.Repeat(fmt.Sprintf("%02x", i+1), octets)))
	}
	return `, "option-data": [` + strings.Join(all, ", ") + `]`
}

// TestLargeDatagrams: queries and answers of 3000 octets cross links of 1500,
// direct and by relay, over 4o6 and as plain DHCPv6.
func TestLargeDatagrams(t *testing.T) {
	for relays, name := range []string{"direct", "one relay"} {
		t.Run(name, func(t *testing.T) {
			eachCouple(t, func(t *testing.T, who6, who4 seat) {
				s := bare(t, relays)
				s.server.IP("addr add " + serverV4 + "/24 dev s0")
				link := `"interface": "s0", `
				if relays > 0 {
					link = ""
				}
				s.run(t, who6, 6, fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0/%s"]}, "dhcp4o6-port": 786,
					"server-id": {"type": "LL", "persist": false},
					"subnet6": [{"id": 1, "subnet": "%s/64", %s"pools": [{"pool": "%s1000 - %s1fff"}]}]%s`,
					s.serverAddr(relays), clientNet, link, clientNet, clientNet, filler(60000, 6, 450)))
				s.run(t, who4, 4, over4o6(filler(224, 11, 250)))
				s.listening(t, "[::1]:786", "[::1]:787", ":547")

				c := s.dial(t, "ff02::1:2")
				lease4o6(t, c, 10*time.Second)
				c.Timeout = 2 * time.Second
				if who6 == ours { // Kea reads no more than 1500 octets of a datagram
					c.Extra = dhcp6.AppendOption(nil, 65001, bytes.Repeat([]byte{0xee}, 2900))
				}
				large4o6(t, c)
				plain := &client6{conn: c.Conn, to: c.To, duid: dhcp6.NewDUIDLL(1, c.HWAddr[:]), iaid: 1}
				m := plain.ask(t, 2*time.Second, dhcp6.Solicit, append(dhcp6.IANA{IAID: 1}.Append(nil), c.Extra...))
				if m == nil || m.Type != dhcp6.Advertise {
					t.Fatalf("large Solicit: %v", m)
				}
				for i := range 6 {
					if v, _ := m.Options.Option(dhcp6.Code(60000 + i)); len(v) != 450 {
						t.Errorf("option %d has %d octets", 60000+i, len(v))
					}
				}
			})
		})
	}
}

func large4o6(t *testing.T, c *dhcptest.Client4o6) {
	t.Helper()
	m, err := c.Ask(dhcp4.Discover, false, func(w *dhcp4.Builder) { w.Add(dhcp4.OptMaxMessageSize, []byte{0x10, 0}) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 11 {
		if v, _ := m.Option(dhcp4.Code(224 + i)); !bytes.Equal(v, bytes.Repeat([]byte{byte(i + 1)}, 250)) {
			t.Errorf("option %d has %d octets", 224+i, len(v))
		}
	}
}
