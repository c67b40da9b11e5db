//go:build interop

package interop

import (
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// TestFront is dhcp6d without subnets, with Kea's DHCPv4 server behind it. It
// tells clients that ask for information where to send DHCPv4, if it has been
// given anything to tell, carries their queries, and is silent otherwise.
func TestFront(t *testing.T) {
	for _, test := range []struct {
		name, options string
		informs       bool
	}{
		{"with options", `, "option-data": [{"code": 88, "csv-format": false, "data": ""}]`, true},
		{"without", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			need.Programs(t, "kea-dhcp4")
			s := hosted(t)
			s.run(t, ours, 6, `"interfaces-config": {"interfaces": ["s0"]}, "dhcp4o6-port": 786`+test.options)
			s.run(t, kea, 4, over4o6(""))
			s.listening(t, "[::1]:786", "[::1]:787", ":547")
			c := s.dial(t, "ff02::1:2")
			l := lease4o6(t, c, 10*time.Second)
			if _, err := c.Renew(l); err != nil {
				t.Error(err)
			}

			plain := &client6{conn: c.Conn, to: c.To, duid: dhcp6.NewDUIDLL(1, c.HWAddr[:]), iaid: 1}
			if m := plain.ask(t, 300*time.Millisecond, dhcp6.Solicit, dhcp6.IANA{IAID: 1}.Append(nil)); m != nil {
				t.Errorf("a Solicit got %v", m.Type)
			}
			m := plain.ask(t, 500*time.Millisecond, dhcp6.InformationRequest, dhcp6.AppendOption(nil, dhcp6.OptORO, []byte{0, 88}))
			if (m != nil) != test.informs {
				t.Fatalf("an Information-request got %v", m)
			}
			if m == nil {
				return
			}
			if v, ok := m.Options.Option(dhcp6.OptDHCP4oDHCP6Server); m.Type != dhcp6.Reply || !ok || len(v) != 0 {
				t.Errorf("%v with option 88 %t, %x; want a Reply and the empty list", m.Type, ok, v)
			}
		})
	}
}
