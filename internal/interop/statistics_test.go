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
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
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
	need.Programs(t, program(kea, 4)[0])
	need.Programs(t, program(kea, 6)[0])
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

// TestAgentReadsTotals: Debian's kea-ctrl-agent passes no answer on that has a
// number of over 63 bits in it, as the total of a /64 is; with clamp-totals there
// is none.
func TestAgentReadsTotals(t *testing.T) {
	t.Parallel()
	need.Programs(t, "kea-ctrl-agent", "curl")
	s := unlinked(t)
	s.server.IP("link set lo up")
	s.server.Start(s.env, "kea-ctrl-agent", "-c", s.lab.Write("agent.json", fmt.Sprintf(`{"Control-agent": {
		"http-host": "127.0.0.1", "http-port": 8080, "control-sockets": {"dhcp6": {"socket-type": "unix", "socket-name": %q}},
		"loggers": [{"name": "kea-ctrl-agent", "severity": "INFO", "output_options": [{"output": "stdout"}]}]}}`, s.socketOf(6))))
	total := func(more string) (values [][2]any, a answer) {
		t.Helper()
		d := s.run(t, ours, 6, fmt.Sprintf(`"interfaces-config": {"interfaces": []}, "server-id": {"type": "EN", "enterprise-id": 32473, "identifier": "01", "persist": false},
			"control-socket": {"socket-type": "unix", "socket-name": %q},
			"subnet6": [{"id": 1, "subnet": "2001:db8::/32", "pools": [{"pool": "2001:db8::/64"}]}]%s`, s.socketOf(6), more))
		defer d.Stop()
		dhcptest.WaitFor(t, 10*time.Second, "answer through the agent", func() bool {
			out, err := s.server.Run("curl", "-s", "-H", "Content-Type: application/json",
				"-d", `{"command": "statistic-get-all", "service": ["dhcp6"]}`, "http://127.0.0.1:8080/")
			var all []answer
			if err != nil || json.Unmarshal([]byte(out), &all) != nil || len(all) != 1 || strings.Contains(all[0].Text, "unable to forward") {
				return false
			}
			a = all[0]
			return true
		})
		var statistics map[string][][2]any
		if a.Result == 0 {
			if err := json.Unmarshal(a.Arguments, &statistics); err != nil {
				t.Fatal(err)
			}
		}
		return statistics["subnet[1].total-nas"], a
	}
	if _, a := total(""); a.Result == 0 || !strings.Contains(a.Text, "Number overflow") {
		t.Errorf("whole: %d %s", a.Result, a.Text)
	}
	if v, a := total(`, "user-context": {"dhcp4o6": {"clamp-totals": true}}`); len(v) != 1 || v[0][0] != float64(1<<63-1) {
		t.Errorf("clamped: %v, %d %s", v, a.Result, a.Text)
	}
}
