package load_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

const (
	kea4 = `{ "Dhcp4": {
	"interfaces-config": { "interfaces": [ "s0" ] }, "dhcp4o6-port": 786,
	"lease-database": { "type": "memfile", "name": "%s/leases4.csv" },
	"subnet4": [ { "id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "s0", "pools": [ { "pool": "192.0.2.10 - 192.0.2.250" } ] } ],
	"loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": "stdout" } ] } ]
} }`
	kea6 = `{ "Dhcp6": {
	"interfaces-config": { "interfaces": [ "s0/2001:db8:46::1" ] }, "dhcp4o6-port": 786, "server-id": { "type": "LL", "persist": false },
	"lease-database": { "type": "memfile", "name": "%s/leases6.csv" },
	"subnet6": [ { "id": 1, "subnet": "2001:db8:46::/64", "interface": "s0", "pools": [ { "pool": "2001:db8:46::1000 - 2001:db8:46::ffff" } ] } ],
	"loggers": [ { "name": "kea-dhcp6", "severity": "INFO", "output_options": [ { "output": "stdout" } ] } ]
} }`
)

// Kea's servers understand every kind of conversation, each way it can take, and
// every act.
func TestAgainstKea(t *testing.T) {
	lab := dhcptest.NewLab(t)
	need.Programs(t, "kea-dhcp4", "kea-dhcp6")
	server, host := lab.Namespace("server"), lab.Namespace("client")
	lab.Wire(server, "s0", host, "c0")
	server.IP("addr add 192.0.2.1/24 dev s0")
	server.IP("addr add 2001:db8:46::1/64 dev s0")
	host.IP("addr add 192.0.2.2/24 dev c0")
	host.IP("addr add 2001:db8:46::2/64 dev c0")
	for i := range 5 {
		host.IP(fmt.Sprintf("addr add 2001:db8:46::c:%x/64 dev c0 nodad", i))
		host.IP(fmt.Sprintf("addr add 192.0.2.%d/24 dev c0", 3+i))
	}
	env := []string{"KEA_PIDFILE_DIR=" + lab.Dir, "KEA_LOCKFILE_DIR=" + lab.Dir}
	var pids []int
	for name, text := range map[string]string{"kea-dhcp4": kea4, "kea-dhcp6": kea6} {
		p := server.Start(env, name, "-c", lab.Write(name+".json", fmt.Sprintf(text, lab.Dir)))
		p.Said(10*time.Second, "_STARTED")
		pids = append(pids, p.PID())
	}
	group, unicast := netip.MustParseAddrPort("[ff02::1:2]:547"), netip.MustParseAddrPort("[2001:db8:46::1]:547")
	relayed, everybody := netip.MustParseAddrPort("192.0.2.1:67"), netip.MustParseAddrPort("255.255.255.255:67")
	ofTheirOwn := [2]netip.Addr{netip.MustParseAddr("2001:db8:46::c:0"), netip.MustParseAddr("2001:db8:46::c:4")}
	relays := [2]netip.Addr{netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("192.0.2.7")}
	tests := []load.Scenario{
		{Kind: load.FourOverSix, Server: group, Iface: "c0"},
		{Kind: load.FourOverSix, Server: unicast},
		{Kind: load.FourOverSix, Server: unicast, Relays: 1, InterfaceID: "port7"},
		{Kind: load.FourOverSix, Server: unicast, Relays: 3, Local: netip.MustParseAddrPort("[2001:db8:46::2]:1547")},
		{Kind: load.FourOverSix, Server: group, Iface: "c0", NoClient: true},
		{Kind: load.FourOverSix, Server: unicast, Sources: ofTheirOwn},
		{Kind: load.V4, Server: relayed},
		{Kind: load.V4, Server: relayed, InterfaceID: "port7", Relays: 2},
		{Kind: load.V4, Server: relayed, Sources: relays},
		{Kind: load.V6, Server: group, Iface: "c0"},
		{Kind: load.V6, Server: group, Iface: "c0", Sources: ofTheirOwn},
		{Kind: load.V6, Server: unicast, Relays: 1, InterfaceID: "port7"},
		{Kind: load.V6, Server: unicast, Relays: 2, Link: netip.MustParseAddr("2001:db8:46::9")},
	}
	for i := range tests {
		s := &tests[i]
		s.Count, s.InFlight, s.Renewals, s.Release = 20, 5, 2, true
	}
	tests = append(tests,
		load.Scenario{Kind: load.V4, Server: everybody, Iface: "c0", Count: 20, InFlight: 5, Release: true},
		load.Scenario{Kind: load.FourOverSix, Server: unicast, Storm: 30},
		load.Scenario{Kind: load.V4, Server: relayed, Storm: 30},
		load.Scenario{Kind: load.V4, Server: everybody, Iface: "c0", Storm: 20},
		load.Scenario{Kind: load.V6, Server: group, Iface: "c0", Storm: 30, Renewals: 1},
		load.Scenario{Kind: load.FourOverSix, Server: group, Iface: "c0", Server4: relayed, Count: 400, Clients: 60,
			Mix: all(t, "4o6/", "v4/", "v6/")},
	)
	for i, s := range tests {
		s.PIDs, s.HWAddr = pids, [6]byte{2, 0, 0x5e, 0x46, byte(i)}
		var r load.Report
		if err := host.Do(func() (err error) { r, err = load.Run(t.Context(), s); return err }); err != nil {
			t.Fatal(err)
		}
		allowed := 0
		if s.Mix != nil {
			allowed = s.Count / 20 // Kea keeps no offer: an address that came back may be offered to two clients
		}
		if r.LossRate() > float64(allowed)/float64(max(s.Count, 1)) || r.Refused > allowed || r.Lost+r.Malformed+r.Unsent != 0 || len(r.Processes) != 2 {
			var text strings.Builder
			r.Text(&text)
			t.Errorf("%v to %v through %d:\n%s", s.Kind, s.Server, s.Relays, &text)
		}
	}
}

// all is a mix of every act of some kinds; few addresses are declined, as none
// comes back.
func all(t *testing.T, kinds ...string) (mix []load.Share) {
	t.Helper()
	for _, k := range kinds {
		part, err := load.ParseMix(strings.ReplaceAll("*lease=30,*renew=30,*rebind=10,*return=10,*release=10,*decline,*inform=10", "*", k), 0)
		if err != nil {
			t.Fatal(err)
		}
		mix = append(mix, part...)
	}
	return mix
}
