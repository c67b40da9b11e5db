//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
)

// counted runs the pair of one seat, has the same clients talk to it, and returns
// the newest value of every statistic of both daemons.
func counted(t *testing.T, who seat) map[string]string {
	t.Helper()
	s := hosted(t)
	s.client.IP("addr add " + onLink + "/64 dev c0 nodad")
	s.client.IP("addr add " + relayDownV4 + "/24 dev c0")
	s.server.IP("route add " + clientV4 + "/24 via " + relayUpV4)
	doors := make(map[int]string)
	for _, v := range []int{6, 4} {
		doors[v] = s.socketOf(v)
		if err := os.Mkdir(filepath.Dir(doors[v]), 0o750); err != nil {
			t.Fatal(err)
		}
		socket := fmt.Sprintf(`, "control-socket": {"socket-type": "unix", "socket-name": %q}`, doors[v])
		if v == 6 {
			s.run(t, who, 6, strings.Replace(whole6(786), `["s0"]`, `["s0", "s0/`+clientNet+`1"]`, 1)+socket)
			continue
		}
		s.run(t, who, 4, `"interfaces-config": {"interfaces": ["s0"]}, "valid-lifetime": 600, "dhcp4o6-port": 786, "subnet4": [
			{"id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "s0", "pools": [{"pool": "10.1.0.0/16"}]},
			{"id": 2, "subnet": "`+clientV4+`/24", "pools": [{"pool": "198.51.100.10 - 198.51.100.14"}]},
			{"id": 3, "subnet": "203.0.113.0/24", "relay": {"ip-addresses": ["`+relayUpV4+`"]}}]`+socket)
	}
	s.listening(t, "[::1]:786", "[::1]:787", ":547", ":67")
	time.Sleep(time.Second) // Kea's raw sockets and its pair are not to be seen from outside
	for _, talk := range [][]string{
		{"4o6", "--server", clientNet + "1", "--local", onLink, "--clients", "5", "--renewals", "1", "--release"},
		{"4o6", "--server", clientNet + "1", "--local", onLink, "--clients", "3", "--relays", "1", "--mac", "02:00:5e:20:00:00"},
		{"v6", "--server", "ff02::1:2", "--iface", "c0", "--clients", "4", "--renewals", "2"},
		{"v6", "--server", "ff02::1:2", "--iface", "c0", "--clients", "2", "--release", "--mac", "02:00:5e:20:00:00"},
		{"v4", "--server", serverV4, "--local", relayDownV4, "--giaddr", relayDownV4, "--clients", "7"}, // for five addresses
		{"v4", "--server", serverV4, "--local", relayUpV4, "--giaddr", relayUpV4, "--clients", "2"},     // for none
	} {
		s.client.Start(nil, append(append([]string{"timeout", "30", bin("dhcpload")}, talk...),
			"--in-flight", "1", "--timeout", "500ms", "--retries", "0")...).Wait(30 * time.Second)
	}
	all := make(map[string]string)
	for v, door := range doors {
		var values map[string][][2]any
		w := &twin{who: who, dir: s.lab.Dir, sock: door}
		if err := json.Unmarshal(w.ask(t, `{"command": "statistic-get-all"}`).Arguments, &values); err != nil {
			t.Fatal(err)
		}
		for name, samples := range values {
			all[fmt.Sprintf("dhcp%d %s", v, name)] = fmt.Sprint(samples[0][0])
		}
	}
	return all
}

// TestStatisticsAsKea: what Kea 2.2.0 counts we count too, under the same names,
// from the start on, and after the same exchanges it has the same values, but for
// those that docs/monitoring.md tells of.
func TestStatisticsAsKea(t *testing.T) {
	dhcptest.Need(t, program(kea, 4)[0])
	dhcptest.Need(t, program(kea, 6)[0])
	keas, mine := counted(t, kea), counted(t, ours)
	different := map[string]string{
		"dhcp4 pkt4-receive-drop": "Kea does not count queries for which there is no address",
	}
	names := make([]string, 0, len(keas))
	for name := range keas {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) < 60 {
		t.Errorf("Kea has %d statistics", len(names))
	}
	some := 0
	for _, name := range names {
		value, ok := mine[name]
		switch {
		case !ok:
			t.Errorf("%s is not counted; Kea's is %s", name, keas[name])
		case value != keas[name] && different[name] == "":
			t.Errorf("%s is %s, Kea's is %s", name, value, keas[name])
		case value == keas[name] && different[name] != "":
			t.Errorf("%s is %s, as Kea's is", name, value)
		case value != "0":
			some++
			t.Log(name, value)
		}
	}
	if some < 35 {
		t.Errorf("the script moved %d statistics", some)
	}
}
