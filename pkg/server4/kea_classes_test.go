package server4

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// classesConfig has every rule about classes that Kea 2.2 knows: the order of
// scopes (option 15 of each), of classes (option 17), boot fields, lifetimes,
// guards, DROP by test and by reservation, classes that depend on a reservation,
// and lists of classes to be evaluated late.
var classesConfig = fmt.Sprintf(keaConfig, `"client-classes": [
		{"name": "one", "test": "substring(option[60].hex, 0, 1) == '1'", "option-data": [{"name": "root-path", "data": "one"}, {"name": "domain-name", "data": "one"},
			{"name": "log-servers", "data": "192.0.2.31", "always-send": true}], "next-server": "192.0.2.21", "boot-file-name": "one"},
		{"name": "two", "test": "substring(option[60].hex, -1, 1) == '2'", "option-data": [{"name": "root-path", "data": "two"}, {"name": "time-servers", "data": "192.0.2.32"}],
			"next-server": "192.0.2.22", "server-hostname": "two", "boot-file-name": "two", "valid-lifetime": 200},
		{"name": "three", "test": "option[60].hex == '12'", "valid-lifetime": 300, "min-valid-lifetime": 250, "max-valid-lifetime": 350},
		{"name": "VENDOR_CLASS_eth", "option-data": [{"name": "root-path", "data": "vendor"}]},
		{"name": "ALL", "option-data": [{"name": "nis-domain", "data": "all"}]},
		{"name": "KNOWN", "option-data": [{"name": "root-path", "data": "known"}]},
		{"name": "kept", "test": "option[60].hex == 'kept'", "option-data": [{"name": "boot-size", "data": "7"}]},
		{"name": "stranger", "test": "not member('KNOWN') and not member('kept') and not member('one')", "option-data": [{"name": "root-path", "data": "stranger"}]},
		{"name": "friend", "test": "member('KNOWN') and not member('one')"},
		{"name": "alone", "test": "member('kept') and not member('KNOWN')"},
		{"name": "besides", "test": "not member('kept')", "option-data": [{"name": "boot-size", "data": "9"}]},
		{"name": "bad", "test": "not (uint8totext(option[60].hex) == '1')", "option-data": [{"name": "merit-dump", "data": "bad"}]},
		{"name": "pooled", "only-if-required": true, "option-data": [{"name": "nis-servers", "data": "192.0.2.41"}], "boot-file-name": "pooled"},
		{"name": "asked", "only-if-required": true, "test": "option[60].exists", "option-data": [{"name": "nis-servers", "data": "192.0.2.42"}, {"name": "ntp-servers", "data": "192.0.2.43"}]},
		{"name": "unasked", "only-if-required": true, "option-data": [{"name": "ntp-servers", "data": "192.0.2.44"}]},
		{"name": "DROP", "test": "option[60].hex == 'drop' or (member('KNOWN') and option[60].hex == 'away')"}],
	"boot-file-name": "global"`,
	`, {"name": "root-path", "data": "global"}, {"name": "nis-servers", "data": "192.0.2.40"}, {"name": "time-servers", "data": "192.0.2.33"}`,
	`, "option-data": [{"name": "domain-name", "data": "subnet"}], "require-client-classes": ["asked"],
	"reservations": [{"hw-address": "02:00:5e:00:00:0a", "option-data": [{"name": "domain-name", "data": "host"}], "client-classes": ["kept"]},
		{"hw-address": "02:00:5e:00:00:0b", "boot-file-name": "host"}, {"hw-address": "02:00:5e:00:00:0c", "client-classes": ["DROP"]}]`)

// TestClassesAgainstKea gives the same file to both and compares what comes back to
// clients of one class or another.
func TestClassesAgainstKea(t *testing.T) {
	p := besideKea(t)
	if p == nil {
		return
	}
	text := strings.Replace(classesConfig, `"pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]`, `"pools": [
		{"pool": "192.0.2.100 - 192.0.2.119", "client-class": "one", "require-client-classes": ["pooled"], "option-data": [{"name": "time-servers", "data": "192.0.2.34"}]},
		{"pool": "192.0.2.120 - 192.0.2.139", "client-class": "friend"},
		{"pool": "192.0.2.140 - 192.0.2.159", "client-class": "stranger"},
		{"pool": "192.0.2.160 - 192.0.2.179", "client-class": "alone"}]`, 1)
	const ask = " 55=11070f042842440d0e2a"
	for _, r := range roads {
		t.Run(r.name, func(t *testing.T) {
			conn := startKea(t, &r, p, text)
			net := compiled(t, strings.ReplaceAll(text, `"4o6-interface": "s0"`, `"4o6-interface": "eth0"`))
			for i, class := range []string{"", "1", "2", "12", "eth", "kept", "drop", "away", "1\x00", "a%b"} {
				for _, hw := range []string{"02005e000001", "02005e00000a", "02005e00000b", "02005e00000c"} {
					for _, rest := range []string{ask, "", ask + " 51=00000001"} {
						q := query{kind: dhcp4.Discover, xid: uint32(3000 + i), hw: hw, opts: rest}
						if class != "" {
							q.opts = fmt.Sprintf("60=%x", class) + rest
						}
						b := newBench(t, net) // Kea keeps no offers
						theirs, ours := face(r.ask(t, conn, q)), face(ways[r.ours].ask(b, q))
						if ours != theirs {
							t.Errorf("%s %q%s:\n got %s\n Kea %s", hw, class, rest, ours, theirs)
						}
					}
				}
			}
		})
	}
}

// face is gist with the boot fields, and with the pool that the address is from.
func face(m *dhcp4.Message) string {
	if m == nil {
		return "silence"
	}
	cut := func(b []byte) []byte { return bytes.TrimRight(b, "\x00") }
	a := m.YIAddr.As4()
	return fmt.Sprintf("%s pool=%d siaddr=%v sname=%q file=%q", gist(m), a[3]/20, m.SIAddr, cut(m.SName()), cut(m.File()))
}
