package server4

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// flexLibrary is Kea's library, where Debian has it.
const flexLibrary = "/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_flex_option.so"

// TestFlexOptionAgainstKea gives the same entries to Kea's library.
func TestFlexOptionAgainstKea(t *testing.T) {
	need.Programs(t, "kea-dhcp4")
	if _, err := os.Stat(flexLibrary); err != nil {
		need.Skip(t, "needs %s", flexLibrary)
	}
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("s0", "c0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	running(t, "s0")
	config := fmt.Sprintf(keaConfig, `"hooks-libraries": [{"library": "`+flexLibrary+`", "parameters": {"options": [
		{"code": 66, "add": "concat('tftp-', option[12].text)"},
		{"name": "domain-name", "supersede": "ifelse(option[60].exists, 'pxe', '')"},
		{"code": 3, "remove": "option[60].hex == 'bare'"},
		{"code": 4, "csv-format": true, "add": "ifelse(option[77].exists, '192.0.2.7, 192.0.2.8', '')"},
		{"code": 67, "add": "'known'", "client-class": "KNOWN"},
		{"code": 13, "supersede": "option[13].hex"},
		{"name": "holder", "sub-options": [{"code": 2, "add": "option[77].hex"}, {"code": 1, "remove": "option[60].hex == 'bare'"}]},
		{"code": 125, "sub-options": [{"space": "vendor-8", "code": 1, "supersede": "option[60].hex"}]}]}}],
	"option-def": [{"code": 222, "name": "holder", "type": "empty", "encapsulate": "inner"}, {"space": "inner", "code": 1, "name": "deep", "type": "uint16"}]`,
		`, {"name": "domain-name", "data": "example.org"}, {"name": "holder"}, {"name": "deep", "space": "inner", "data": "7"}`, "")
	for _, r := range roads {
		t.Run(r.name, func(t *testing.T) {
			conn := startKea(t, &r, p, config)
			b := newBench(t, compiled(t, strings.ReplaceAll(config, `"4o6-interface": "s0"`, `"4o6-interface": "eth0"`)))
			for i, opts := range []string{
				"", "60=70786562", "60=62617265", "60=62617265 55=de", "55=de", "55=de 77=0102", "77=03", "55=42", "55=0d",
				"60=62617265 77=0102 55=de7d", "82=010161 60=6262",
			} {
				q := query{kind: dhcp4.Discover, xid: uint32(3000 + i), hw: fmt.Sprintf("02005e0003%02x", i), opts: opts}
				theirs, ours := gist(r.ask(t, conn, q)), gist(ways[r.ours].ask(b, q))
				if ours != theirs {
					t.Errorf("%s:\n got %s\n Kea %s", opts, ours, theirs)
				}
			}
		})
	}
}
