package server6

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// classy puts a configuration of one subnet with classes in force.
func classy(t *testing.T, classes, subnet, pool string) func(*topology.Topology, *Options) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "dhcp6.json")
	text := `{"Dhcp6": {"valid-lifetime": 4000, "preferred-lifetime": 3000, "client-classes": [` + classes + `],
		"option-data": [{"name": "dns-servers", "data": "2001:db8::1"}],
		"subnet6": [{"id": 1, "subnet": "2001:db8:1::/64", "interface": "eth0", ` + subnet + ` "pools": [{` + pool + `"pool": "2001:db8:1::100 - 2001:db8:1::1ff"}]}]}}`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load(name, topology.V6, config.Options{})
	if cfg == nil {
		t.Fatal(problems)
	}
	return func(n *topology.Topology, _ *Options) { *n = *cfg.Topology }
}

// TestClassRules: what classes do to a Solicit. The client asks for DNS servers,
// the last octet of which says which scope spoke.
func TestClassRules(t *testing.T) {
	const (
		dns   = `"option-data": [{"name": "dns-servers", "data": "2001:db8::`
		named = `{"name": "named", "test": "option[16].exists"`
		hosts = `"reservations": [{"duid": "00:03:00:01:02:00:5e:10:00:01", "client-classes": ["vip"]}],`
	)
	vendor := opt(dhcp6.OptVendorClass, []byte{0, 0, 0, 9, 0, 1, 'x'})
	for _, tt := range []struct {
		name, classes, subnet, pool string
		with                        []byte
		dns                         byte // of the answer; 0: none
		preferred, valid            uint32
	}{
		{"a class goes before the global scope", named + "," + dns + `2"}]}`, "", "", vendor, 2, 3000, 4000},
		{"for who is in it", named + "," + dns + `2"}]}`, "", "", nil, 1, 3000, 4000},
		{"the subnet goes before a class", named + "," + dns + `2"}]}`, dns + `3"}],`, "", vendor, 3, 3000, 4000},
		{"never-send of a class", named + `, "option-data": [{"name": "dns-servers", "never-send": true}]}`, dns + `3"}],`, "", vendor, 0, 3000, 4000},
		{"an option for a class", named + "}", `"option-data": [{"name": "dns-servers", "data": "2001:db8::4", "client-classes": ["named"]}],`, "", vendor, 4, 3000, 4000},
		{"an option for another class", named + "}", `"option-data": [{"name": "dns-servers", "data": "2001:db8::4", "client-classes": ["named"]}],`, "", nil, 1, 3000, 4000},
		{"lifetimes, each from the first class that has it", named + `, "valid-lifetime": 500}, {"name": "ALL", "valid-lifetime": 600, "preferred-lifetime": 400}`, "", "", vendor, 1, 400, 600},
		{"the class of a reservation", `{"name": "vip",` + dns + `5"}]}`, hosts, "", nil, 5, 3000, 4000},
		{"an additional class of the pool", `{"name": "late", "only-in-additional-list": true,` + dns + `6"}]}`, "", `"evaluate-additional-classes": ["late"],`, nil, 6, 3000, 4000},
	} {
		l := newLab(t, classy(t, tt.classes, tt.subnet, tt.pool))
		a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1), oro(dhcp6.OptDNSServers), tt.with))
		if a == nil {
			t.Errorf("%s: no answer", tt.name)
			continue
		}
		got := byte(0)
		if v := a.option(dhcp6.OptDNSServers); len(v) == 16 {
			got = v[15]
		}
		addrs := a.addrs()
		if got != tt.dns || len(addrs) != 1 || addrs[0].Preferred != tt.preferred || addrs[0].Valid != tt.valid {
			t.Errorf("%s: DNS server %d, addresses %v", tt.name, got, addrs)
		}
	}
}

// TestClassDrop: who is in DROP is dropped and counted, a DHCPV4-QUERY too; a pool
// for others gives nothing.
func TestClassDrop(t *testing.T) {
	l := newLab(t, classy(t, `{"name": "DROP", "test": "option[16].exists or (pkt6.msgtype == 20 and pkt.src == fe80::1)"}, {"name": "bad", "test": "addrtotext(option[1].hex) == 'x'"}`, "", ""))
	vendor := opt(dhcp6.OptVendorClass, []byte{0, 0, 0, 9, 0, 1, 'x'})
	if a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1), vendor)); a != nil {
		t.Error("answered")
	}
	for name, want := range map[string]int{"pkt6-drop-class": 1, "pkt6-admin-filtered": 1, "pkt6-class-test-failed": 1} {
		if got := l.counted(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	l = newLab(t, classy(t, `{"name": "few", "test": "option[16].exists"}`, "", `"client-classes": ["few"],`))
	if a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1))); a != nil && len(a.addrs()) > 0 {
		t.Errorf("given %v", a.addrs())
	}
}
