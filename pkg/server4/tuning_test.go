package server4

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// TestTuning: the library ddns_tuning. Names come of an expression, the subnet's
// before the library's, and clients in SKIP_DDNS are left out of the DNS.
func TestTuning(t *testing.T) {
	const file = `{"Dhcp4": {
		"dhcp-ddns": {"enable-updates": true}, "ddns-qualifying-suffix": "example.org",
		"client-classes": [{"name": "SKIP_DDNS", "test": "option[60].text == 'skip'"}],
		"hooks-libraries": [{"library": "libdhcp_ddns_tuning.so"%s}],
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "eth0", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]%s}]}}`
	const (
		byAddr = `, "parameters": {"hostname-expr": "'host-' + hexstring(pkt4.mac, '-')"}`
		own    = `, "user-context": {"ddns-tuning": {"hostname-expr": "'Own.lab'"}}`
		none   = `, "user-context": {"ddns-tuning": {"hostname-expr": ""}}`
	)
	for _, tt := range []struct{ name, lib, sub, opts, told, lease string }{
		{"no expression", "", "", "81=010000" + text("a"), `81=01 "a.example.org."`, "11 a.example.org."},
		{"the library's", byAddr, "", "81=010000" + text("a"), `81=01 "host-02-00-5e-00-00-01.example.org."`, "11 host-02-00-5e-00-00-01.example.org."},
		{"for a host name", byAddr, "", "12=" + text("a"), `12="host-02-00-5e-00-00-01.example.org"`, "11 host-02-00-5e-00-00-01.example.org"},
		{"for a client without one", byAddr, "", "", "", "00 host-02-00-5e-00-00-01.example.org"},
		{"the subnet's, of two labels", byAddr, own, "81=010000" + text("a"), `81=01 "own.lab."`, "11 own.lab."},
		{"the subnet has none", byAddr, none, "81=010000" + text("a"), `81=01 "a.example.org."`, "11 a.example.org."},
		{"what it says is no name", `, "parameters": {"hostname-expr": "'a..b'"}`, "", "12=" + text("c"), `12="c.example.org"`, "11 c.example.org"},
		{"what it says has a blank in it", `, "parameters": {"hostname-expr": "'a b'"}`, "", "12=" + text("c"), `12="c.example.org"`, "11 c.example.org"},
		{"what it says leaves no room for the suffix", `, "parameters": {"hostname-expr": "'` + strings.Repeat("x", 63) + `'"}`,
			`, "ddns-qualifying-suffix": "` + strings.Repeat(strings.Repeat("y", 63)+".", 3) + `"`, "12=" + text("c"), "", "00 "},
		{"SKIP_DDNS", "", "", "60=" + text("skip") + " 81=010000" + text("a"), `81=0a "a.example.org."`, "00 a.example.org."},
		{"SKIP_DDNS, by its host name", byAddr, "", "60=" + text("skip") + " 12=" + text("a"), `12="host-02-00-5e-00-00-01.example.org"`, "00 host-02-00-5e-00-00-01.example.org"},
	} {
		cfg, problems := config.Load("tuning.json", topology.V4, config.Options{ReadFile: func(string) ([]byte, error) {
			return fmt.Appendf(nil, file, tt.lib, tt.sub), nil
		}})
		if cfg == nil {
			t.Fatal(problems)
		}
		for _, way := range ways {
			b := newNowhere(t, cfg.Topology)
			want := "DHCPACK"
			if tt.told != "" {
				want += " " + tt.told
			}
			if got := told(way.ask(b, query{kind: dhcp4.Request, opts: "50=c0000264 54=c0000201 " + tt.opts})); got != want {
				t.Errorf("%s, %s: told %s, want %s", tt.name, way.name, got, want)
			}
			l, ok := b.table.ByResource(resource(ip("192.0.2.100")))
			flag := map[bool]string{false: "0", true: "1"}
			if got := flag[l.FwdDNS] + flag[l.RevDNS] + " " + l.Hostname; !ok || got != tt.lease {
				t.Errorf("%s, %s: lease says %q, want %q", tt.name, way.name, got, tt.lease)
			}
			in := []transport.Datagram{query{kind: dhcp4.Request, giaddr: "192.0.2.9", ciaddr: "192.0.2.100", opts: tt.opts}.datagram(t)}
			if n := testing.AllocsPerRun(50, func() {
				b.now = b.now.Add(time.Second)
				b.native(in...)
			}); n != 0 {
				t.Errorf("%s: %v allocations", tt.name, n)
			}
		}
	}
}
