//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// TestBOOTP: queries without a message type, through a relay, to us and to Kea with
// its library bootp: the replies are alike, but for padding and the order of options.
func TestBOOTP(t *testing.T) {
	said := map[seat][]string{}
	for _, who := range []seat{ours, kea} {
		t.Run(string(who), func(t *testing.T) {
			library := "libdhcp_bootp.so"
			if who == kea {
				all, _ := filepath.Glob("/usr/lib/*/kea/hooks/" + library)
				if len(all) == 0 {
					t.Fatal("Debian's Kea has no library bootp")
				}
				library = all[0]
			}
			s := relayed4(t, who, behind4("198.51.100.10 - 198.51.100.99", fmt.Sprintf(`"hooks-libraries": [{"library": %q}],
				"next-server": "198.51.100.7", "boot-file-name": "boot.img",
				"option-data": [{"name": "ntp-servers", "data": "198.51.100.8", "always-send": true}, {"name": "log-servers", "data": "198.51.100.9"}],`, library)))
			r := s.relay4(t, netip.MustParseAddr(relayDownV4))
			ask := func(client byte, edit func(*dhcp4.Builder)) (m *dhcp4.Message) {
				dhcptest.WaitFor(t, 5*time.Second, "answer", func() bool {
					r.xid++
					var w dhcp4.Builder
					w.Header.XID, w.Header.HType, w.Header.Hops = r.xid, 1, 1
					w.Header.GIAddr = r.giaddr
					w.SetCHAddr([]byte{2, 0, 0x5e, 0x71, 0, client})
					w.Query(0, nil)
					if edit != nil {
						edit(&w)
					}
					b := append(w.Bytes(), make([]byte, 60)...)
					if _, err := r.conn.WriteToUDPAddrPort(b, r.to); err != nil {
						t.Fatal(err)
					}
					m = r.answer(t, time.Second)
					return m != nil
				})
				return m
			}
			for _, query := range []struct {
				client byte
				edit   func(*dhcp4.Builder)
			}{
				{1, nil}, {2, nil}, {1, nil},
				{1, func(w *dhcp4.Builder) { w.Header.Flags = dhcp4.FlagBroadcast }},
				{1, func(w *dhcp4.Builder) { w.Header.CIAddr = netip.MustParseAddr("198.51.100.10") }},
				{3, func(w *dhcp4.Builder) { w.Add(dhcp4.OptClientID, []byte{1, 2, 3}) }},
				{4, func(w *dhcp4.Builder) { w.Add(dhcp4.OptParameterRequestList, []byte{7, 42}) }},
				{5, func(w *dhcp4.Builder) { w.Add(dhcp4.OptHostName, []byte("box")) }},
				{6, func(w *dhcp4.Builder) { w.Add(dhcp4.OptRelayAgentInfo, []byte{1, 2, 'p', '7'}) }},
			} {
				m := ask(query.client, query.edit)
				var options [256]string
				for c, v := range m.All {
					options[c] = fmt.Sprintf(" %d=%x", c, v)
				}
				text := fmt.Sprintf("op %d flags %x ciaddr %v yiaddr %v siaddr %v giaddr %v file %.12q", m.Op, m.Flags, m.CIAddr, m.YIAddr, m.SIAddr, m.GIAddr, m.File())
				for _, o := range options {
					text += o
				}
				said[who] = append(said[who], text)
				if n := len(m.Bytes()); n < 300 {
					t.Errorf("a reply of %d octets", n)
				}
			}
		})
	}
	for i := range min(len(said[ours]), len(said[kea])) {
		if said[ours][i] != said[kea][i] {
			t.Errorf("query %d:\nours %s\nkea  %s", i, said[ours][i], said[kea][i])
		}
	}
}
