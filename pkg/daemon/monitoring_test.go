package daemon

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every statistic, and every metric, is in docs/monitoring.md, and nothing that
// there is not.
func TestMonitoringIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\| (dhcp[d46, hcp]+) \\|").FindAllStringSubmatch(string(text), -1) {
		for _, name := range regexp.MustCompile("`[^`]+`").FindAllString(row[1], -1) {
			for _, who := range strings.Split(row[2], ", ") {
				listed[who+" "+strings.Trim(name, "`")] = true
			}
		}
	}
	there := make(map[string]bool)
	h := newHost(t)
	port4, port6 := freeTCP(t), freeTCP(t)
	r4 := h.start(dhcp4, Setup{ConfigFile: h.conf4(metricsAt(port4))})
	r6 := h.start(dhcp6, Setup{ConfigFile: h.conf6(metricsAt(port6) + `"subnet6": [ { "id": 1, "subnet": "2001:db8::/32", "pools": [ { "pool": "2001:db8::/64" } ] } ],`)})
	for who, r := range map[string]*running{"dhcp4d": r4, "dhcp6d": r6} {
		for _, m := range r.metrics.All() {
			there[who+" "+regexp.MustCompile(`subnet\[\d+\]`).ReplaceAllString(strings.ReplaceAll(m.Name, "pool[0]", "pool[pid]"), "subnet[id]")] = true
		}
	}
	for who, port := range map[string]int{"dhcp4d": port4, "dhcp6d": port6} {
		_, page := get(t, port)
		for _, m := range regexp.MustCompile(`(?m)^# TYPE (dhcp[46]d)_(\S+) `).FindAllStringSubmatch(page, -1) {
			there[who+" dhcpNd_"+m[2]] = true
		}
	}
	for name := range there {
		if !listed[name] && !strings.Contains(name, "-drop-") && !strings.Contains(name, "4o6-bad-packet-") {
			t.Errorf("docs/monitoring.md lacks %s", name)
		}
	}
	for name := range listed {
		if !there[name] && !strings.HasSuffix(name, "allocation_failures_total") && !slices.Contains(onlyWhenItHappens, name) {
			t.Errorf("docs/monitoring.md has %s, which there is not", name)
		}
	}
}

// onlyWhenItHappens are statistics that appear with the first event.
var onlyWhenItHappens = []string{
	"dhcp4d subnet[id].v4-allocation-fail", "dhcp4d subnet[id].v4-allocation-fail-no-pools", "dhcp4d subnet[id].v4-allocation-fail-shared-network",
	"dhcp4d subnet[id].v4-allocation-fail-subnet", "dhcp4d subnet[id].v4-allocation-fail-classes",
	"dhcp6d subnet[id].v6-allocation-fail", "dhcp6d subnet[id].v6-allocation-fail-no-pools", "dhcp6d subnet[id].v6-allocation-fail-shared-network",
	"dhcp6d subnet[id].v6-allocation-fail-subnet", "dhcp6d subnet[id].v6-allocation-fail-classes",
	"dhcp4d script-runs", "dhcp4d script-failed", "dhcp4d script-killed", "dhcp4d script-dropped", "dhcp4d script-running", "dhcp4d script-waiting",
	"dhcp4d dhcpNd_script_runs_total", "dhcp4d dhcpNd_script_failed_total", "dhcp4d dhcpNd_script_killed_total", "dhcp4d dhcpNd_script_dropped_total",
	"dhcp4d dhcpNd_script_running", "dhcp4d dhcpNd_script_waiting",
	"dhcp4d dhcpNd_4o6_messages_refused_total", "dhcp6d dhcpNd_4o6_messages_refused_total",
}
