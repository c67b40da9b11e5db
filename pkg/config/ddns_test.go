package config

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestNamesAreInherited: each ddns- key by itself, from pool to subnet to network to
// the global scope; what stands in dhcp-ddns, as in older files, comes last.
func TestNamesAreInherited(t *testing.T) {
	cfg, problems := Load("f", v4, Options{ReadFile: func(string) ([]byte, error) {
		return []byte(`{"Dhcp4": {
			"dhcp-ddns": {"enable-updates": true, "qualifying-suffix": "elder.org", "generated-prefix": "elder", "replace-client-name": "always"},
			"ddns-qualifying-suffix": "global.org", "ddns-ttl": 100, "ddns-use-conflict-resolution": false,
			"shared-networks": [{"name": "n", "ddns-override-no-update": true, "subnet4": [
				{"id": 1, "subnet": "192.0.2.0/24", "ddns-qualifying-suffix": "subnet.org", "ddns-conflict-resolution-mode": "check-exists-with-dhcid", "pools": [
					{"pool": "192.0.2.0/28"}, {"pool": "192.0.2.16/28", "ddns-qualifying-suffix": "pool.org", "ddns-send-updates": false}]}]}],
			"subnet4": [{"id": 2, "subnet": "198.51.100.0/24", "ddns-replace-client-name": "never", "hostname-char-set": "[^a-z]", "hostname-char-replacement": "x"}]
		}}`), nil
	}})
	if cfg == nil {
		t.Fatal(show(problems))
	}
	one, two := cfg.Topology.Subnets[0], cfg.Topology.Subnets[1]
	own := one.Names(one.Pools[1])
	if one.Names(one.Pools[0]) != one.Naming || own == one.Naming {
		t.Error("a pool without ddns- keys has its own, or one with them has not")
	}
	for _, tt := range []struct {
		name string
		p    *ddns.Params
		want ddns.Params
	}{
		{"subnet in a network", one.Naming, ddns.Params{Send: true, OverrideNoUpdate: true, Replace: ddns.Always, Prefix: "elder", Suffix: "subnet.org", Mode: ddns.CheckExistsWithDHCID, TTL: 100}},
		{"pool", own, ddns.Params{OverrideNoUpdate: true, Replace: ddns.Always, Prefix: "elder", Suffix: "pool.org", Mode: ddns.CheckExistsWithDHCID, TTL: 100}},
		{"subnet alone", two.Naming, ddns.Params{Send: true, Prefix: "elder", Suffix: "global.org", Mode: ddns.NoCheckWithDHCID, TTL: 100}},
	} {
		got := *tt.p
		got.Clean = nil
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if one.Naming.Clean != own.Clean || two.Naming.Clean == own.Clean {
		t.Error("the same characters are compiled twice, or others not")
	}
	if cfg.DDNS != (DDNS{Enable: true, Server: netip.MustParseAddrPort("127.0.0.1:53001"), Sender: netip.MustParseAddrPort("0.0.0.0:0"), Queue: 1024}) {
		t.Errorf("%+v", cfg.DDNS)
	}
}

// TestNamesWithoutUpdates: names are cleaned and completed whether or not the DNS is
// to know.
func TestNamesWithoutUpdates(t *testing.T) {
	cfg, problems := Load("f", v6, Options{ReadFile: func(string) ([]byte, error) {
		return []byte(`{"Dhcp6": {"ddns-qualifying-suffix": "example.org", "subnet6": [{"id": 1, "subnet": "2001:db8::/64"}]}}`), nil
	}})
	if cfg == nil {
		t.Fatal(show(problems))
	}
	p := cfg.Topology.Subnets[0].Naming
	if p.Send || p.Suffix != "example.org" || p.Prefix != "myhost" || p.Clean == nil || cfg.DDNS.Enable {
		t.Errorf("%+v", p)
	}
}

// TestNamesGoneWrong: what does not go together is an error with its place.
func TestNamesGoneWrong(t *testing.T) {
	for _, tt := range []struct{ keys, want string }{
		{`"hostname-char-set": "[a-"`, `f:1:32: hostname-char-set: "[a-" is no regular expression: `},
		{`"dhcp-ddns": {"hostname-char-set": "("}`, `dhcp-ddns.hostname-char-set: "(" is no regular expression`},
		{`"ddns-ttl": 1, "ddns-ttl-min": 1`, `ddns-ttl-min: says how ddns-ttl is worked out`},
		{`"ddns-ttl-min": 2, "ddns-ttl-max": 1`, `ddns-ttl-max: 1 is less than ddns-ttl-min 2`},
		{`"ddns-use-conflict-resolution": true, "ddns-conflict-resolution-mode": "check-with-dhcid"`, `ddns-conflict-resolution-mode: ddns-use-conflict-resolution says the same`},
		{`"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.0/28", "ddns-ttl": 1, "ddns-ttl-percent": 0.5}]}]`, `subnet4[0].pools[0].ddns-ttl-percent: says how`},
		{`"shared-networks": [{"name": "n", "ddns-ttl": 1, "ddns-ttl-max": 5, "subnet4": []}]`, `shared-networks[0].ddns-ttl-max: says how`},
		{`"hooks-libraries": [{"library": "libdhcp_ddns_tuning.so", "parameters": {"hostname-expr": 7}}]`, `hooks-libraries[0].parameters.hostname-expr: has to be a string`},
		{`"hooks-libraries": [{"library": "libdhcp_ddns_tuning.so", "parameters": {"hostname-expr": "'a' +"}}]`, `hooks-libraries[0].parameters.hostname-expr: `},
		{`"hooks-libraries": [{"library": "libdhcp_ddns_tuning.so"}], "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "user-context": {"ddns-tuning": {"hostname-expr": "("}}}]`, `subnet4[0].user-context.ddns-tuning.hostname-expr: `},
		{`"dhcp-ddns": {"server-ip": "2001:db8::1", "sender-ip": "127.0.0.1"}`, `dhcp-ddns.sender-ip: 127.0.0.1 is of another family than server-ip 2001:db8::1`},
		{`"dhcp-ddns": {"sender-ip": "127.0.0.1", "sender-port": 53001}`, `dhcp-ddns.sender-ip: 127.0.0.1:53001 is server-ip with server-port`},
		{`"dhcp-ddns": {"server-ip": "nowhere"}`, `dhcp-ddns.server-ip: "nowhere" is not an address`},
		{`"dhcp-ddns": {"ncr-protocol": "TCP"}`, `dhcp-ddns.ncr-protocol: TCP is not to be had`},
		{`"dhcp-ddns": {"max-queue-size": 0}`, `dhcp-ddns.max-queue-size: 0 is`},
		{`"dhcp-ddns": {"enable-updates": true, "server-port": 0}`, `dhcp-ddns.server-port: nobody can be reached at port 0`},
	} {
		cfg, problems := Load("f", topology.V4, Options{ReadFile: func(string) ([]byte, error) { return []byte(`{"Dhcp4":{` + tt.keys + `}}`), nil }})
		if cfg != nil || !strings.Contains(show(problems), tt.want) {
			t.Errorf("%s: want %s\n%s", tt.keys, tt.want, show(problems))
		}
	}
}
