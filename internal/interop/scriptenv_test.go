//go:build interop

package interop

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// told runs a client whose script writes down its environment for one reason, and
// returns the variables of the new lease. start runs it with that script.
func (s *site) told(t *testing.T, who, reason string, start func(script string) *dhcptest.Process) map[string]string {
	t.Helper()
	file := filepath.Join(s.lab.Dir, who+".env")
	script := s.lab.Write(who+".sh", `#!/bin/sh
[ "$reason" = "`+reason+`" ] || exit 0
/usr/bin/env > `+file+`.new && /bin/mv `+file+`.new `+file+`
`)
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	p := start(script)
	dhcptest.WaitFor(t, 20*time.Second, "a lease of "+who, func() bool { _, err := os.Stat(file); return err == nil })
	p.Kill()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	vars := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if strings.HasPrefix(name, "new_") || strings.HasPrefix(name, "requested_") {
			vars[name] = value
		}
	}
	return vars
}

// same compares what two clients have told their scripts of one server's answer,
// but for the variables that depend on when and who.
func same(t *testing.T, isc, ours map[string]string, but ...string) {
	t.Helper()
	names := maps.Clone(isc)
	maps.Copy(names, ours)
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if slices.Contains(but, strings.TrimPrefix(name, "new_")) {
			continue
		}
		a, inISC := isc[name]
		b, inOurs := ours[name]
		if a != b || inISC != inOurs {
			t.Errorf("%s: dhclient says %q (%v), we say %q (%v)", name, a, inISC, b, inOurs)
		}
		compared++
	}
	if compared < 5 {
		t.Errorf("%d variables: dhclient %v, ours %v", compared, isc, ours)
	}
}

// TestScriptIsToldAsByDhclient4: from one server's answers dhclient and dhcp4c make the same
// variables for their script, of options of every type and of text that means harm.
func TestScriptIsToldAsByDhclient4(t *testing.T) {
	t.Parallel()
	need.Programs(t, "dhclient")
	s := unlinked(t)
	s.lab.Wire(s.client, "c0", s.server, "s0")
	s.server.IP("addr add " + firstServer + "/24 dev s0")
	s.run(t, ours, 4, behind4("198.51.100.10 - 198.51.100.99", `"valid-lifetime": 600, "renew-timer": 300, "rebind-timer": 525, "next-server": "198.51.100.9",
		"boot-file-name": "/boot/x", "server-hostname": "boot.example.org",
		"option-def": [{"name": "odd", "code": 224, "type": "binary"}, {"name": "odder", "code": 225, "type": "binary"}],
		"option-data": [
			{"name": "time-offset", "data": "-3600"}, {"name": "domain-name-servers", "data": "198.51.100.53, 198.51.100.54"},
			{"name": "domain-name", "data": "example.org"}, {"name": "domain-search", "data": "a.example.org, b.example.org"}, {"name": "host-name", "data": "leased"},
			{"name": "interface-mtu", "data": "1400"}, {"name": "ntp-servers", "data": "198.51.100.123"}, {"name": "default-ip-ttl", "data": "64"},
			{"name": "ip-forwarding", "data": "false"}, {"name": "netbios-name-servers", "data": "198.51.100.42, 198.51.100.43"}, {"name": "netbios-node-type", "data": "8"},
			{"name": "static-routes", "data": "10.0.0.1, 198.51.100.2"}, {"name": "root-path", "data": "198.51.100.9:/srv/root"},
			{"name": "tftp-server-name", "data": "$(reboot) \"x\" \\ | & done"}, {"name": "classless-static-route", "data": "10.1.0.0/16 - 198.51.100.3"},
			{"name": "odd", "always-send": true, "csv-format": false, "data": "010203ff"}, {"name": "odder", "always-send": true, "csv-format": false, "data": "6f6e65202474776f"},
			{"code": 43, "csv-format": false, "data": "0a0b0c"}],`))
	s.listening(t, ":67")
	names := []string{"subnet-mask", "time-offset", "routers", "domain-name-servers", "domain-name", "domain-search", "host-name", "interface-mtu", "ntp-servers", "default-ip-ttl",
		"ip-forwarding", "netbios-name-servers", "netbios-node-type", "static-routes", "root-path", "tftp-server-name", "vendor-encapsulated-options"}
	// dhclient breaks down when it is to request an option that it has no name for
	isc := s.told(t, "dhclient", "BOUND", func(script string) *dhcptest.Process {
		conf := s.lab.Write("dhclient.conf", "option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;\nrequest "+
			strings.Join(names, ", ")+", rfc3442-classless-static-routes;\n")
		return s.client.Start(nil, "dhclient", "-4", "-d", "-v", "-sf", script, "-cf", conf, "-lf", filepath.Join(s.lab.Dir, "isc.leases"), "-pf", filepath.Join(s.lab.Dir, "isc.pid"), "c0")
	})
	s.client.IP("link set c0 up")
	mine := s.told(t, "dhcp4c", "BOUND", func(script string) *dhcptest.Process {
		conf := s.lab.Write("dhcp4c.json", `{"dhcp4c": {"probe": false, "client-id": "hw", "request": ["`+strings.Join(names, `", "`)+`", "classless-static-route", "224", "225"]}}`)
		return s.client.Start(nil, bin("dhcp4c"), "-i", "c0", "-v", "-c", conf, "--script", script, "--state-dir", s.lab.Dir, "--run-dir", filepath.Join(s.lab.Dir, "state"))
	})
	same(t, isc, mine, "ip_address", "expiry", "dhcp_client_identifier", "requested_unknown_224", "requested_unknown_225")
}

// TestScriptIsToldAsByDhclient6: likewise of IPv6, for an address and a prefix.
func TestScriptIsToldAsByDhclient6(t *testing.T) {
	t.Parallel()
	need.Programs(t, "dhclient")
	for _, kind := range []struct{ name, flag, ia string }{{"address", "-N", "na"}, {"prefix", "-P", "pd"}} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := unlinked(t)
			s.lab.Wire(s.client, "c0", s.server, "s0")
			s.run(t, kea, 6, `"interfaces-config": {"interfaces": ["s0"]}, "server-id": {"type": "LL", "persist": false},
				"preferred-lifetime": 500, "valid-lifetime": 600, "renew-timer": 200, "rebind-timer": 400,
				"subnet6": [{"id": 1, "subnet": "2001:db8:1::/64", "interface": "s0", "pools": [{"pool": "2001:db8:1::1000 - 2001:db8:1::1fff"}],
					"pd-pools": [{"prefix": "2001:db8:8000::", "prefix-len": 34, "delegated-len": 56}]}],
				"option-data": [{"name": "dns-servers", "data": "2001:db8::53, fe80::53"}, {"name": "domain-search", "data": "a.example.org, b.example.org"},
					{"name": "sntp-servers", "data": "2001:db8::123"}, {"name": "nis-domain-name", "data": "nis.example.org"}, {"name": "information-refresh-time", "data": "7200"}]`)
			s.listening(t, "[ff02::1:2]%s0:547")
			isc := s.told(t, "dhclient", "BOUND6", func(script string) *dhcptest.Process {
				conf := s.lab.Write("dhclient.conf", "also request dhcp6.name-servers, dhcp6.domain-search, dhcp6.sntp-servers, dhcp6.nis-domain-name;\n")
				return s.client.Start(nil, "dhclient", "-6", "-d", "-v", kind.flag, "-sf", script, "-cf", conf, "-lf", filepath.Join(s.lab.Dir, "isc.leases"), "-pf", filepath.Join(s.lab.Dir, "isc.pid"), "c0")
			})
			mine := s.told(t, "dhcp6c", "BOUND6", func(script string) *dhcptest.Process {
				conf := s.lab.Write("dhcp6c.json", `{"dhcp6c": {"ia": [{"type": "`+kind.ia+`"}], "request": ["dns-servers", "domain-search", "sntp-servers", "nis-domain-name"]}}`)
				return s.client.Start(nil, bin("dhcp6c"), "-i", "c0", "-v", "-c", conf, "--script", script, "--state-dir", s.lab.Dir, "--run-dir", filepath.Join(s.lab.Dir, "state"))
			})
			same(t, isc, mine, "ip6_address", "ip6_prefix", "life_starts", "starts", "iaid", "dhcp6_client_id")
		})
	}
}
