package server4

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// vendorConfig has options of several enterprises, at several scopes.
var vendorConfig = fmt.Sprintf(keaConfig, `"option-def": [
		{"space": "vendor-25167", "code": 2, "name": "tftp", "type": "string"},
		{"space": "vendor-25167", "code": 3, "name": "outer", "type": "uint8", "encapsulate": "inner"},
		{"space": "inner", "code": 1, "name": "deep", "type": "ipv4-address"},
		{"space": "APC", "code": 1, "name": "cookie", "type": "string"}, {"space": "APC", "code": 2, "name": "ports", "type": "uint16", "array": true},
		{"space": "vendor-encapsulated-options-space", "code": 1, "name": "sub", "type": "uint16"},
		{"code": 222, "name": "holder", "type": "record", "record-types": "uint8, ipv4-address", "encapsulate": "inner"}],
	"client-classes": [
		{"name": "APC", "test": "option[60].text == 'APC'",
			"option-def": [{"name": "vendor-encapsulated-options", "code": 43, "type": "empty", "encapsulate": "APC"}],
			"option-data": [{"name": "vendor-encapsulated-options"}, {"name": "cookie", "space": "APC", "data": "1APC"}, {"name": "ports", "space": "APC", "data": "1, 2"}]},
		{"name": "blob", "test": "option[60].text == 'blob'",
			"option-def": [{"name": "vendor-encapsulated-options", "code": 43, "type": "binary"}, {"name": "site", "code": 230, "type": "string"}],
			"option-data": [{"name": "vendor-encapsulated-options", "data": "01 02 ff"}, {"name": "site", "data": "here", "always-send": true}]},
		{"name": "genexis", "test": "substring(option[60].hex, 0, 7) == 'HMC1000'",
			"option-data": [{"name": "vivso-suboptions", "data": "25167", "always-send": true}]}]`,
	`, {"name": "tftp-servers", "space": "vendor-4491", "data": "192.0.2.4"}, {"code": 5, "space": "vendor-4491", "csv-format": false, "data": "0102"},
	{"name": "tftp", "space": "vendor-25167", "data": "tftp://192.0.2.1/a.img", "always-send": true},
	{"name": "outer", "space": "vendor-25167", "data": "7"}, {"name": "deep", "space": "inner", "data": "192.0.2.9"},
	{"name": "vendor-encapsulated-options"}, {"name": "sub", "space": "vendor-encapsulated-options-space", "data": "258"},
	{"name": "deep", "space": "inner", "data": "192.0.2.10"}, {"name": "tftp", "space": "vendor-25167", "data": "tftp://192.0.2.1/b.img", "always-send": true},
	{"name": "vivco-suboptions", "data": "4491, 00"}, {"name": "holder", "data": "1, 192.0.2.2"}, {"name": "vivco-suboptions", "data": "4491, 02aabb"}`,
	`, "option-data": [{"name": "tftp-servers", "space": "vendor-4491", "data": "192.0.2.44"}]`)

// TestVendorOptionsAgainstKea gives the same file to both and compares what comes
// back to clients of one vendor or another. Kea 2.2 looks at one enterprise only, and
// puts nothing into the options of one (3 does).
func TestVendorOptionsAgainstKea(t *testing.T) {
	p := besideKea(t)
	if p == nil {
		return
	}
	for _, r := range roads {
		t.Run(r.name, func(t *testing.T) {
			conn := startKea(t, &r, p, vendorConfig)
			b := newBench(t, compiled(t, strings.ReplaceAll(vendorConfig, `"4o6-interface": "s0"`, `"4o6-interface": "eth0"`))) // as the bench calls it
			for i, opts := range []string{
				"", "55=7c", "55=7d", "55=2b", "55=de", "125=0000118b03010102", "125=0000118b0401020502", "125=0000118b0401020509", "125=0000118b00",
				"125=0000000903010102", "125=0000622f00", "125=0000622f00 55=7d", "125=0000118b03010102 55=7c2b", "60=434d 55=2b3c",
				"60=415043 55=2b", "60=415043", "60=626c6f62 55=2be6", "60=626c6f62", "60=484d4331303030 55=7d", "60=484d433130303061", "60=415043 55=2b3c 43=0101ff",
			} {
				q := query{kind: dhcp4.Discover, xid: uint32(2000 + i), hw: fmt.Sprintf("02005e0002%02x", i), opts: opts}
				theirs, ours := gist(r.ask(t, conn, q)), gist(ways[r.ours].ask(b, q))
				if ours != theirs {
					t.Errorf("%s:\n got %s\n Kea %s", opts, ours, theirs)
				}
			}
		})
	}
}

// compiled is the topology of a configuration.
func compiled(t testing.TB, text string) *topology.Topology {
	t.Helper()
	name := filepath.Join(t.TempDir(), "dhcp4.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load(name, topology.V4, config.Options{})
	if cfg == nil {
		t.Fatalf("%v", problems)
	}
	return cfg.Topology
}
