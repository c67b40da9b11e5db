//go:build interop && bench

package interop

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

var (
	benchLeases = flag.Int("leases", 1_000_000, "of TestBenchScale")
	benchSeats  = flag.String("seats", "kea,ours", "who is measured by TestBenchScale")
)

// over4o6Pair stands for both daemons where a part takes a family.
const over4o6Pair = 46

// benchParts are what TestBenchScale measures, by the name that -only looks at.
var benchParts = []struct {
	name string
	of   []int
	run  func(t *testing.T, name string, who seat, v int)
}{
	{"perfdhcp", []int{4, 6}, benchPerf},
	{"clean-up", []int{4, 6}, benchCleanup},
	{"storm", []int{over4o6Pair, 4, 6}, benchStorm},
	{"start and memory", []int{4, 6}, benchStart},
	{"cost", []int{4, 6}, benchCost},
}

// TestBenchScale measures what a single load cannot show: Kea's own load
// generator at fixed rates, answers while the lease file is cleaned up, everybody
// back at once, start and memory with a million leases, and what an exchange
// costs then. Each part can be run alone, by -only and -seats. It judges nothing.
func TestBenchScale(t *testing.T) {
	benchHead(t)
	for _, part := range benchParts {
		for _, v := range part.of {
			name := fmt.Sprintf("%s %s", part.name, map[int]string{4: "v4", 6: "v6", over4o6Pair: "4o6"}[v])
			if !strings.Contains(name, *benchOnly) {
				continue
			}
			for _, who := range []seat{kea, ours} {
				if strings.Contains(*benchSeats, string(who)) {
					t.Run(fmt.Sprintf("%s %s", who, name), func(t *testing.T) { part.run(t, name, who, v) })
				}
			}
		}
	}
}

// row prints one result.
func row(name string, who seat, format string, args ...any) {
	fmt.Printf("%-22s %-5s %s\n", name, who, fmt.Sprintf(format, args...))
}

var perfField = regexp.MustCompile(`(?m)^(Rate: [0-9.]+|sent packets: \d+|received packets: \d+|drops: \d+)`)

// benchPerf runs perfdhcp for a while at the rate that is to be reached.
func benchPerf(t *testing.T, name string, who seat, v int) {
	b := newBench(t)
	b.start(who, v)
	b.listening(v == 4, v == 6)
	b.answers(v, 0)
	rate, to := "3000", benchServer4
	if v == 6 {
		rate, to = "2500", "all"
	}
	before := b.cpu()
	seconds := fmt.Sprint(int(max(*benchTime, 5*time.Second).Seconds()))
	out, err := b.client.Run("taskset", "-c", "0", "timeout", "60", "perfdhcp", fmt.Sprintf("-%d", v), "-r", rate, "-R", "1000000000", "-p", seconds, "-W", "1000000", "-l", "c0", to)
	cpu := b.cpu() - before
	row(name, who, "asked for %s/s for %s s: %s; %.2f CPU-s (perfdhcp: %v)", rate, seconds, strings.Join(perfField.FindAllString(out, -1), ", "), cpu, err)
}

// benchCleanup loads a server whose lease file is cleaned up each second.
func benchCleanup(t *testing.T, name string, who seat, v int) {
	b := newBench(t)
	b.cleanup = 1
	c := town{*benchLeases / 5, *benchLeases / 5}
	if err := c.write(b.leaseFile(v), v); err != nil {
		t.Fatal(err)
	}
	b.start(who, v)
	b.answers(v, 0)
	b.load(append(benchTarget(v), "--duration", "500ms")...) // as warm as one that has run for a while
	marks := map[seat]string{ours: "lease file cleaned up", kea: "DHCPSRV_MEMFILE_LFC_EXECUTE"}
	before := strings.Count(b.log(v), marks[who])
	r := b.load(append(benchTarget(v), "--in-flight", "16", "--duration", max(*benchTime, 4*time.Second).String(), "--mac", strangers)...)
	row(name, who, "%d leases, cleaned up %d times in %.1f s: p50 %v, p99 %v, p99.9 %v, max %v; %d lost", c.leases, strings.Count(b.log(v), marks[who])-before,
		r.Took.Seconds(), r.Conversation.P50.Round(10*time.Microsecond), r.Conversation.P99.Round(10*time.Microsecond), r.Conversation.P999.Round(10*time.Microsecond), r.Conversation.Max.Round(10*time.Microsecond), r.Lost)
}

// benchStorm has 5,000 clients come back in one moment, who wait for answers as
// real ones do.
func benchStorm(t *testing.T, name string, who seat, v int) {
	b := newBench(t)
	for _, family := range []int{6, 4} {
		if v == family || v == over4o6Pair {
			b.start(who, family)
		}
	}
	b.listening(v != 6, v != 4)
	r := b.load(append(benchTarget(v), "--storm", "5000", "--patience", "standard")...)
	resent, lost := 0, 0
	for _, s := range r.Steps {
		resent, lost = resent+s.Retransmitted, lost+s.Lost
	}
	a := r.Storm.After
	row(name, who, "%d of %d back: half after %v, 99 %% after %v, the last after %v; sent again %d, lost %d; %.2f CPU-s", r.Storm.Back, r.Storm.Clients,
		a.P50.Round(time.Millisecond), a.P99.Round(time.Millisecond), a.Max.Round(time.Millisecond), resent, lost, r.cpu())
}

// benchStart starts a server without leases, with all of them in a file of
// Kea's, and with all of them in the file that it left itself.
func benchStart(t *testing.T, name string, who seat, v int) {
	idle := newBench(t)
	took := idle.startTime(who, v)
	empty := idle.memory()
	row(name, who, "no leases: answers after %.2f s, %.1f MB", took.Seconds(), float64(empty)/1e6)
	b := newBench(t)
	c := town{*benchLeases, *benchLeases}
	c.pools(b)
	if err := c.write(b.leaseFile(v), v); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"written by the test, as by Kea 2.2", "left by itself"} {
		took := b.startTime(who, v)
		cpu, full := b.cpu(), b.memory()
		row(name, who, "%d leases %s: answers after %.2f s (%.2f CPU-s), %.1f MB, %.0f octets a lease", c.leases, file, took.Seconds(), cpu,
			float64(full)/1e6, float64(full-empty)/float64(c.leases))
		b.daemons[0].Stop()
		b.daemons = nil
		if who == kea {
			return // it has one format, and takes its time
		}
	}
}

// startTime starts a daemon and returns when it answered first.
func (b *bench) startTime(who seat, v int) time.Duration {
	b.t.Helper()
	begin := time.Now()
	b.start(who, v)
	b.answers(v, time.Minute)
	return time.Since(begin)
}

// memory is what the daemons have in memory after a moment of rest.
func (b *bench) memory() (sum int64) {
	b.t.Helper()
	time.Sleep(time.Second)
	for _, p := range b.daemons {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
		if err != nil {
			b.t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), "VmRSS:")
		n, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
		if err != nil {
			b.t.Fatal(err)
		}
		sum += n << 10
	}
	return sum
}

// answers waits until the server of a family gives somebody a lease.
func (b *bench) answers(v int, limit time.Duration) {
	b.t.Helper()
	s := load.Scenario{Kind: load.V4, Server: netip.MustParseAddrPort(benchServer4 + ":67"), GIAddr: netip.MustParseAddr(benchRelay4)}
	if v == 6 {
		s = load.Scenario{Kind: load.V6, Server: netip.MustParseAddrPort("[ff02::1:2]:547"), Iface: "c0"}
	}
	s.Count, s.Retries, s.Timeout, s.HWAddr = 1, -1, 10*time.Millisecond, [6]byte{2, 2}
	for end := time.Now().Add(max(limit, 15*time.Second)); ; s.First++ {
		var r load.Report
		err := b.client.Do(func() (err error) { r, err = load.Run(b.t.Context(), s); return err })
		if err != nil {
			b.t.Fatal(err)
		}
		if r.Completed > 0 {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("no lease after %v", max(limit, 15*time.Second))
		}
	}
}

// benchTarget is the load of a family.
func benchTarget(v int) []string {
	switch v {
	case 4:
		return asRelay
	case 6:
		return plain
	}
	return over6
}

// benchCost compares an exchange at a server with few leases and at one with
// many, in pools of one size: new clients, and clients who hold a lease and ask
// again, each once. Both servers run all the while, and are loaded in turn.
func benchCost(t *testing.T, name string, who seat, v int) {
	const few = 1000
	var sides [2]*bench
	towns := [2]town{{few, *benchLeases}, {*benchLeases, *benchLeases}}
	for i, c := range towns {
		b := newBench(t)
		c.pools(b)
		if err := c.write(b.leaseFile(v), v); err != nil {
			t.Fatal(err)
		}
		b.startTime(who, v)
		sides[i] = b
	}
	fresh := min(10_000, *benchLeases/9/(2**benchPairs)) // all rounds together take half of what is free
	for _, kind := range []struct {
		name, mac     string
		rounds, count int
		first         [2]int // how far the next round's first client is
	}{
		{"new clients", strangers, *benchPairs, fresh, [2]int{fresh, fresh}},
		{"returning clients", townMAC, 3 * *benchPairs, few, [2]int{0, few}},
	} {
		var cost [2][]float64
		var ratios []float64
		for round := range kind.rounds {
			for i, b := range sides {
				before := b.cpuTime()
				r := b.load(append(benchTarget(v), "--in-flight", "16", "--count", fmt.Sprint(kind.count),
					"--mac", kind.mac, "--first", fmt.Sprint(round*kind.first[i]))...)
				cost[i] = append(cost[i], (b.cpuTime()-before).Seconds()/float64(r.Completed)*1e6)
			}
			ratios = append(ratios, cost[1][round]/cost[0][round])
			time.Sleep(time.Second) // so that no lease is renewed within the second it was given
		}
		row(name, who, "%s: %s us of CPU with %d leases, %s with %d: %s times as much", kind.name,
			spread(cost[0], "%.1f"), towns[0].leases, spread(cost[1], "%.1f"), towns[1].leases, spread(ratios, "%.2f"))
	}
}

// cpuTime is cpu to the nanosecond, of the threads that live.
func (b *bench) cpuTime() (sum time.Duration) {
	b.t.Helper()
	for _, p := range b.daemons {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.PID()))
		if err != nil || len(threads) == 0 {
			b.t.Fatalf("no threads of process %d: %v", p.PID(), err)
		}
		for _, name := range threads {
			text, err := os.ReadFile(name)
			if err != nil {
				continue // it has just ended
			}
			n, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
			if err != nil {
				b.t.Fatal(err)
			}
			sum += time.Duration(n)
		}
	}
	return sum
}
