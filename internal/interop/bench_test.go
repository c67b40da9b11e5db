//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

var (
	benchPairs = flag.Int("pairs", 0, "run TestBenchPeers, with so many interleaved pairs of runs")
	benchTime  = flag.Duration("runtime", 3*time.Second, "of each run of TestBenchPeers")
	benchOnly  = flag.String("only", "", "loads of TestBenchPeers whose name holds this")
)

// A benchLoad is one row of the table: what the clients do, and who serves.
type benchLoad struct {
	name     string
	v4, v6   bool // which daemons run
	args     []string
	inFlight int
	severity string // of the loggers
	apart    bool   // each client has an address of its own, as on a link; else all come from one, as through a relay
}

var benchLoads = []benchLoad{
	{"4o6 DORA, 16 in flight", true, true, []string{"4o6", "--server", "ff02::1:2", "--iface", "c0"}, 16, "INFO", false},
	{"4o6 DORA, 64 in flight", true, true, []string{"4o6", "--server", "ff02::1:2", "--iface", "c0"}, 64, "INFO", false},
	{"4o6, 16 clients on the link", true, true, []string{"4o6", "--server", "ff02::1:2", "--iface", "c0"}, 16, "INFO", true},
	{"4o6, 16 clients on the link, WARN", true, true, []string{"4o6", "--server", "ff02::1:2", "--iface", "c0"}, 16, "WARN", true},
	{"4o6 DORA and 4 renewals, 16 in flight", true, true, []string{"4o6", "--server", "ff02::1:2", "--iface", "c0", "--renewals", "4"}, 16, "INFO", false},
	{"4o6 DORA, 16 in flight, logs at WARN", true, true, []string{"4o6", "--server", "ff02::1:2", "--iface", "c0"}, 16, "WARN", false},
	{"4o6 DORA, 64 in flight, logs at WARN", true, true, []string{"4o6", "--server", "ff02::1:2", "--iface", "c0"}, 64, "WARN", false},
	{"v4 DORA relayed, 16 in flight", true, false, []string{"v4", "--server", benchServer4, "--giaddr", benchRelay4}, 16, "INFO", false},
	{"v4 DORA relayed, 64 in flight", true, false, []string{"v4", "--server", benchServer4, "--giaddr", benchRelay4}, 64, "INFO", false},
	{"v6 SARR, 16 in flight", false, true, []string{"v6", "--server", "ff02::1:2", "--iface", "c0"}, 16, "INFO", false},
	{"v6 SARR, 64 in flight", false, true, []string{"v6", "--server", "ff02::1:2", "--iface", "c0"}, 64, "INFO", false},
}

const (
	benchServer4 = "10.255.0.1"
	benchRelay4  = "10.255.0.2"
)

// A score is one run.
type score struct {
	perCPU   float64 // exchanges per second of the daemons' CPU time
	rate     float64
	p50, p99 time.Duration
	lost     int
}

// TestBenchPeers runs each load against Kea and against us in turn, and prints
// medians, spread and the ratio pair by pair. The daemons have one core, the
// load another. Both log at INFO to a file, as Kea's packages are set up, but in
// the rows that say WARN: at INFO Kea writes a line for each lease. It judges
// nothing: machines are noisy.
func TestBenchPeers(t *testing.T) {
	if *benchPairs == 0 {
		t.Skip("run it by `make bench-peers`")
	}
	dhcptest.Need(t, "taskset", "kea-dhcp4", "kea-dhcp6")
	fmt.Printf("%d cores, %s, %d pairs of runs of %v; exchanges per server CPU-second: median (lowest-highest)\n",
		runtime.NumCPU(), runtime.Version(), *benchPairs, *benchTime)
	fmt.Printf("%-38s %-22s %-24s %-16s %s\n", "load", "Kea, not synced", "ours, synced", "ours / Kea", "p50 / p99 ms: Kea, ours")
	for _, l := range benchLoads {
		if !strings.Contains(l.name, *benchOnly) {
			continue
		}
		var scores [2][]score
		var ratios []float64
		for range *benchPairs {
			theirs := benchRun(t, kea, l)
			mine := benchRun(t, ours, l)
			scores[0], scores[1] = append(scores[0], theirs), append(scores[1], mine)
			ratios = append(ratios, mine.perCPU/theirs.perCPU)
		}
		printRow(l.name, scores, ratios)
	}
}

func printRow(name string, scores [2][]score, ratios []float64) {
	field := func(all []score, f func(score) float64) []float64 {
		v := make([]float64, len(all))
		for i, s := range all {
			v[i] = f(s)
		}
		return v
	}
	perCPU := func(s score) float64 { return s.perCPU }
	millis := func(all []score) string {
		p50 := median(field(all, func(s score) float64 { return s.p50.Seconds() * 1000 }))
		p99 := median(field(all, func(s score) float64 { return s.p99.Seconds() * 1000 }))
		return fmt.Sprintf("%.2f / %.2f", p50, p99)
	}
	lost := 0
	for _, s := range append(scores[0], scores[1]...) {
		lost += s.lost
	}
	fmt.Printf("%-38s %-22s %-24s %-16s %s, %s", name,
		spread(field(scores[0], perCPU), "%.0f"), spread(field(scores[1], perCPU), "%.0f"), spread(ratios, "%.1f"),
		millis(scores[0]), millis(scores[1]))
	if lost > 0 {
		fmt.Printf("; lost: %d of Kea's, %d of ours", sum(scores[0]), sum(scores[1]))
	}
	fmt.Println()
}

func sum(all []score) (n int) {
	for _, s := range all {
		n += s.lost
	}
	return n
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func spread(v []float64, format string) string {
	return fmt.Sprintf(format+" ("+format+"-"+format+")", median(v), slices.Min(v), slices.Max(v))
}

// benchRun starts fresh daemons with empty lease files, loads them and ends them.
func benchRun(t *testing.T, who seat, l benchLoad) (result score) {
	ok := t.Run(fmt.Sprintf("%s %s", who, l.name), func(t *testing.T) {
		lab := dhcptest.NewLab(t)
		server, client := lab.Namespace("s"), lab.Namespace("c")
		lab.Wire(client, "c0", server, "s0")
		for _, n := range []struct {
			ns         *dhcptest.Namespace
			iface, end string
		}{{server, "s0", "1"}, {client, "c0", "2"}} {
			n.ns.IP("addr add 10.255.0." + n.end + "/8 dev " + n.iface)
			n.ns.IP("addr add " + clientNet + n.end + "/64 dev " + n.iface + " nodad")
		}
		var pids []string
		for _, d := range []struct {
			runs bool
			v    int
			conf string
		}{{l.v6, 6, benchConf6(lab, l.severity)}, {l.v4, 4, benchConf4(lab, l.severity)}} {
			if !d.runs {
				continue
			}
			env := []string{"KEA_PIDFILE_DIR=" + lab.Dir, "KEA_LOCKFILE_DIR=none"}
			p := server.Start(env, append([]string{"taskset", "-c", fmt.Sprint(runtime.NumCPU() - 1)},
				append(program(who, d.v), "-c", d.conf)...)...)
			pids = append(pids, fmt.Sprint(p.PID()))
		}
		dhcptest.WaitFor(t, 10*time.Second, "sockets", func() bool {
			return (!l.v6 || server.Bound(":547")) && (!l.v4 || server.Bound(":67")) &&
				(!l.v6 || server.Bound("[::1]:786")) && (!l.v4 || server.Bound("[::1]:787"))
		})
		time.Sleep(200 * time.Millisecond)
		if l.apart {
			result = benchApart(t, client, l, pids)
		} else {
			result = benchLoadOnce(t, client, l, pids)
		}
	})
	if !ok {
		t.FailNow()
	}
	return result
}

func benchLoadOnce(t *testing.T, client *dhcptest.Namespace, l benchLoad, pids []string) score {
	t.Helper()
	args := append([]string{"taskset", "-c", "0", bin("dhcpload")}, l.args...)
	args = append(args, "--in-flight", fmt.Sprint(l.inFlight), "--duration", benchTime.String(), "--max-loss", "100", "--json", "--cpu", strings.Join(pids, ","))
	text, err := client.Run(args...)
	if err != nil {
		t.Fatalf("dhcpload: %v\n%s", err, text)
	}
	var r load.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	var cpu float64
	for _, p := range r.Processes {
		cpu += p.CPU
	}
	if r.Completed == 0 || cpu == 0 {
		t.Fatalf("nothing was measured:\n%s", text)
	}
	return score{float64(r.Completed) / cpu, r.PerSecond, r.Conversation.P50, r.Conversation.P99, r.Lost + r.Refused}
}

// benchApart has one load generator for each client, so that no two answers go
// to one address and port. The CPU time is that of the daemons from the first
// generator's start to the last one's end.
func benchApart(t *testing.T, client *dhcptest.Namespace, l benchLoad, pids []string) (total score) {
	t.Helper()
	reports := make([]load.Report, l.inFlight)
	for i := range reports {
		client.IP(fmt.Sprintf("addr add %sc:%x/64 dev c0 nodad", clientNet, i+1))
	}
	before := cpuSeconds(t, pids)
	var running sync.WaitGroup
	for i := range reports {
		args := append([]string{"taskset", "-c", "0", bin("dhcpload")}, l.args...)
		args = append(args, "--local", fmt.Sprintf("[%sc:%x]:546", clientNet, i+1), "--mac", fmt.Sprintf("02:00:%02x:00:00:00", i),
			"--in-flight", "1", "--duration", benchTime.String(), "--max-loss", "100", "--json")
		running.Go(func() {
			text, err := client.Run(args...)
			if err == nil {
				err = json.Unmarshal([]byte(text), &reports[i])
			}
			if err != nil {
				t.Errorf("dhcpload: %v\n%s", err, text)
			}
		})
	}
	running.Wait()
	cpu := cpuSeconds(t, pids) - before
	done := 0
	for _, r := range reports {
		done += r.Completed
		total.rate += r.PerSecond
		total.lost += r.Lost + r.Refused
		total.p50, total.p99 = max(total.p50, r.Conversation.P50), max(total.p99, r.Conversation.P99)
	}
	if done == 0 || cpu == 0 {
		t.Fatal("nothing was measured")
	}
	total.perCPU = float64(done) / cpu
	return total
}

// cpuSeconds is what the processes have used so far, user and system (proc(5)).
func cpuSeconds(t *testing.T, pids []string) (sum float64) {
	t.Helper()
	for _, pid := range pids {
		b, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		for _, ticks := range f[11:13] {
			n, err := strconv.Atoi(ticks)
			if err != nil {
				t.Fatal(err)
			}
			sum += float64(n) / 100
		}
	}
	return sum
}

func benchConf6(lab *dhcptest.Lab, severity string) string {
	return lab.Write("dhcp6.json", fmt.Sprintf(`{"Dhcp6": {
		"interfaces-config": {"interfaces": ["s0"]},
		"lease-database": {"type": "memfile", "name": "%s/leases6.csv"},
		"server-id": {"type": "LL", "persist": false},
		"subnet6": [{"id": 1, "subnet": "%s/64", "interface": "s0", "pools": [{"pool": "%s1:0:0/96"}]}],
		"dhcp4o6-port": 786, %s}}`, lab.Dir, clientNet, clientNet, benchLogger(lab, "kea-dhcp6", severity)))
}

func benchConf4(lab *dhcptest.Lab, severity string) string {
	return lab.Write("dhcp4.json", fmt.Sprintf(`{"Dhcp4": {
		"interfaces-config": {"interfaces": ["s0"], "dhcp-socket-type": "udp"},
		"lease-database": {"type": "memfile", "name": "%s/leases4.csv"},
		"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "s0", "pools": [{"pool": "10.0.0.1 - 10.127.255.254"}]}],
		"dhcp4o6-port": 786, %s}}`, lab.Dir, benchLogger(lab, "kea-dhcp4", severity)))
}

func benchLogger(lab *dhcptest.Lab, name, severity string) string {
	return fmt.Sprintf(`"loggers": [{"name": %q, "severity": %q, "output_options": [{"output": "%s/%s.log"}]}]`, name, severity, lab.Dir, name)
}
