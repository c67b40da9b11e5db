//go:build interop && bench

package interop

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

var (
	benchPairs = flag.Int("pairs", 5, "interleaved pairs of runs of TestBenchPeers and of parts of TestBenchScale")
	benchTime  = flag.Duration("runtime", 3*time.Second, "of each run of TestBenchPeers")
	benchOnly  = flag.String("only", "", "rows of TestBenchPeers and parts of TestBenchScale whose name holds this")
)

// A benchLoad is one row of the table: what the clients do, and who serves.
type benchLoad struct {
	name     string
	v4, v6   bool // which daemons run
	args     []string
	inFlight int
	severity string // of the loggers
	apart    bool   // each client has an address and a load generator of its own
	sockets  string // dhcp-socket-type; "": udp
}

var (
	over6   = []string{"4o6", "--server", "ff02::1:2", "--iface", "c0"}
	asRelay = []string{"v4", "--server", benchServer4, "--giaddr", benchRelay4}
	plain   = []string{"v6", "--server", "ff02::1:2", "--iface", "c0"}

	// each client renews once, and not in the second in which it got its lease:
	// a lease that has not changed need not be written
	renewing = []string{"--mix", "renew", "--prepare", "5000", "--clients", "5000", "--count", "5000", "--pause", "1100ms"}
	ownAddr  = []string{"--sources", clientNet + "c:1-" + clientNet + "c:" + fmt.Sprintf("%x", benchSources)}
)

var benchLoads = []benchLoad{
	{"4o6 DORA, 16 in flight", true, true, over6, 16, "INFO", false, ""},
	{"4o6 DORA, 64 in flight", true, true, over6, 64, "INFO", false, ""},
	{"4o6, clients with an address each, 16 in flight", true, true, slices.Concat(over6, ownAddr), 16, "INFO", false, ""},
	{"4o6, 16 clients on the link", true, true, over6, 16, "INFO", true, ""},
	{"4o6, 16 clients on the link", true, true, over6, 16, "WARN", true, ""},
	{"4o6 renewals, 16 in flight", true, true, slices.Concat(over6, renewing), 16, "INFO", false, ""},
	{"4o6 DORA and 4 renewals, 16 in flight", true, true, slices.Concat(over6, []string{"--renewals", "4"}), 16, "INFO", false, ""},
	{"4o6 DORA, 16 in flight", true, true, over6, 16, "WARN", false, ""},
	{"4o6 DORA, 64 in flight", true, true, over6, 64, "WARN", false, ""},
	{"v4 DORA relayed, 16 in flight", true, false, asRelay, 16, "INFO", false, ""},
	{"v4 DORA relayed, 64 in flight", true, false, asRelay, 64, "INFO", false, ""},
	{"v4 DORA relayed, packet sockets, 16 in flight", true, false, asRelay, 16, "INFO", false, "raw"},
	{"v4 DORA relayed, packet sockets, 64 in flight", true, false, asRelay, 64, "INFO", false, "raw"},
	{"v4 renewals relayed, 16 in flight", true, false, slices.Concat(asRelay, renewing), 16, "INFO", false, ""},
	{"v6 SARR, 16 in flight", false, true, plain, 16, "INFO", false, ""},
	{"v6 SARR, 64 in flight", false, true, plain, 64, "INFO", false, ""},
	{"v6 renewals, 16 in flight", false, true, slices.Concat(plain, renewing), 16, "INFO", false, ""},
}

const (
	benchServer4 = "10.255.0.1"
	benchRelay4  = "10.255.0.2"
	benchSources = 256
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
// load another. Both log to a file, at INFO as Kea's packages are set up (there
// Kea writes a line for each lease), or at WARN where the row says so. It judges
// nothing: machines are noisy.
func TestBenchPeers(t *testing.T) {
	benchHead(t)
	fmt.Printf("%d pairs of runs of %v; exchanges per server CPU-second: median (lowest-highest)\n", *benchPairs, *benchTime)
	fmt.Printf("%-48s %-5s %-22s %-24s %-16s %s\n", "load", "logs", "Kea, not synced", "ours, synced", "ours / Kea", "p50 / p99 ms: Kea, ours")
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
		printRow(l, scores, ratios)
	}
}

func printRow(l benchLoad, scores [2][]score, ratios []float64) {
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
	fmt.Printf("%-48s %-5s %-22s %-24s %-16s %s, %s", l.name, l.severity,
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
		b := newBench(t)
		b.severity = l.severity
		if l.sockets != "" {
			b.sockets = l.sockets
		}
		if l.v6 {
			b.start(who, 6)
		}
		if l.v4 {
			b.start(who, 4)
		}
		b.listening(l.v4, l.v6)
		if l.apart {
			result = benchApart(t, b, l)
			return
		}
		if l.args[0] == "4o6" {
			b.addSources()
		}
		result = b.load(append(l.args, "--in-flight", fmt.Sprint(l.inFlight), "--duration", benchTime.String())...).score()
	})
	if !ok {
		t.FailNow()
	}
	return result
}

// benchApart has one load generator for each client, so that no two answers go
// to one address and port. The CPU time is that of the daemons from the first
// generator's start to the last one's end.
func benchApart(t *testing.T, b *bench, l benchLoad) (total score) {
	t.Helper()
	reports := make([]load.Report, l.inFlight)
	b.addSources()
	before := b.cpu()
	var running sync.WaitGroup
	for i := range reports {
		args := append([]string{"taskset", "-c", "0", bin("dhcpload")}, l.args...)
		args = append(args, "--local", fmt.Sprintf("[%sc:%x]:546", clientNet, i+1), "--mac", fmt.Sprintf("02:00:%02x:00:00:00", i),
			"--in-flight", "1", "--duration", benchTime.String(), "--max-loss", "100", "--json")
		running.Go(func() {
			text, err := b.client.Run(args...)
			if err == nil {
				err = json.Unmarshal([]byte(text), &reports[i])
			}
			if err != nil {
				t.Errorf("dhcpload: %v\n%s", err, text)
			}
		})
	}
	running.Wait()
	cpu := b.cpu() - before
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
