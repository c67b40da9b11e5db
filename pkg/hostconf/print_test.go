package hostconf_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// TestPrint: people read what would come, stay and go, programs read it as JSON.
func TestPrint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		was, is := lease4(), lease4()
		was.MTU, was.Domain = 1400, "old.example"
		is.Addresses[0].Preferred = is.Addresses[0].Valid.Add(-time.Minute)
		is.DNS, is.Search, is.HostName = append(is.DNS, addr("192.0.2.53")), []string{"a.example", "b.example\x1b[2J"}, "host"
		is.Routes = append(is.Routes, hostconf.Route{Dest: prefix("10.0.0.0/8"), Metric: 2})
		is.NTP, is.CaptivePortal, is.PortSet = is.DNS, "https://portal.example/?a=b&c", softwire.PortSet{Offset: 1, Len: 4, ID: 3}
		six := &hostconf.Settings{
			Addresses: []hostconf.Address{{Prefix: prefix("2001:db8::7/128")}},
			Prefixes:  []hostconf.Prefix{{Prefix: prefix("2001:db8:8::/56"), Valid: time.Now().Add(time.Hour), Terms: hostconf.Terms{IAID: 2}}},
			Softwires: []hostconf.Softwire{{Kind: hostconf.MAPT, DMR: prefix("64:ff9b::/96")}},
			Vars:      []hostconf.Var{{Name: "dhcp6_name_servers", Value: "2001:db8::53"}},
		}
		tests := []struct {
			name       string
			c          hostconf.Change
			text, json string
		}{
			{"renewal", hostconf.Change{Reason: hostconf.Renew, Iface: "lan0", Old: was, New: is}, `
RENEW lan0
  - mtu 1400
  - domain old.example
    address 192.0.2.7/24 for 1h0m0s, preferred for 59m0s
    route 0.0.0.0/0 via 192.0.2.1
  + route 10.0.0.0/8 metric 2
  + dns 192.0.2.53
  + search a.example b.example?[2J
  + host-name host
  + captive-portal https://portal.example/?a=b&c
  + ntp 192.0.2.53
  + psid-offset 1
  + psid-len 4
  + psid 3
  + port-ranges 38912-40959
`, `{"reason":"RENEW","iface":"lan0",` +
				`"old":{"addresses":[{"prefix":"192.0.2.7/24","preferred":3600,"valid":3600}],"routes":[{"dest":"0.0.0.0/0","via":"192.0.2.1"}],"mtu":1400,"domain":"old.example"},` +
				`"new":{"addresses":[{"prefix":"192.0.2.7/24","preferred":3540,"valid":3600}],"routes":[{"dest":"0.0.0.0/0","via":"192.0.2.1"},{"dest":"10.0.0.0/8","metric":2}],` +
				`"dns":["192.0.2.53"],"search":["a.example","b.example\u001b[2J"],"host-name":"host","ntp":["192.0.2.53"],"captive-portal":"https://portal.example/?a=b\u0026c",` +
				`"variables":{"port_ranges":"38912-40959","psid":"3","psid_len":"4","psid_offset":"1"}}}`},
			{"IPv6", hostconf.Change{Reason: hostconf.Bound6, Iface: "lan0", New: six}, `
BOUND6 lan0
  + address 2001:db8::7/128 for ever
  + prefix 2001:db8:8::/56 for 1h0m0s, preferred for ever
  + s46-count 1
  + s46-0-kind map-t
  + s46-0-dmr 64:ff9b::/96
`, `{"reason":"BOUND6","iface":"lan0","new":{"addresses":[{"prefix":"2001:db8::7/128"}],"prefixes":[{"prefix":"2001:db8:8::/56","valid":3600,"iaid":2}],` +
				`"variables":{"dhcp6_name_servers":"2001:db8::53","s46_0_dmr":"64:ff9b::/96","s46_0_kind":"map-t","s46_count":"1"}}}`},
			{"end", hostconf.Change{Reason: hostconf.Expire6, Iface: "lan0", Old: &hostconf.Settings{Addresses: six.Addresses}}, `
EXPIRE6 lan0
  - address 2001:db8::7/128
`, `{"reason":"EXPIRE6","iface":"lan0","old":{"addresses":[{"prefix":"2001:db8::7/128"}]}}`},
		}
		for _, tt := range tests {
			var text, json strings.Builder
			if err := errors.Join(hostconf.NewPrint(&text).Apply(t.Context(), &tt.c), hostconf.NewPrintJSON(&json).Apply(t.Context(), &tt.c)); err != nil {
				t.Error(err)
			}
			if "\n"+text.String() != tt.text {
				t.Errorf("%s:\n%s\nwant%s", tt.name, text.String(), tt.text)
			}
			if json.String() != tt.json+"\n" {
				t.Errorf("%s:\n%s\nwant\n%s", tt.name, json.String(), tt.json)
			}
		}
	})
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestPrintTellsItsErrors: nobody believes what was not written.
func TestPrintTellsItsErrors(t *testing.T) {
	if err := hostconf.NewPrint(full{}).Apply(t.Context(), &hostconf.Change{}); !errors.Is(err, errFull) {
		t.Error(err)
	}
}
