package load

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Percentiles are those of the sorted values, at most three per cent above.
func TestHistogram(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, spread := range []float64{1e2, 1e4, 1e7, 1e10, 3e12} {
		var h histogram
		var all []time.Duration
		for range 5000 {
			d := time.Duration(rng.Float64() * rng.Float64() * spread)
			h.add(d)
			all = append(all, d)
		}
		slices.Sort(all)
		for _, q := range []float64{0, 0.5, 0.9, 0.99, 1} {
			want := all[min(int(q*float64(len(all))), len(all)-1)]
			if got := h.quantile(q); got < want || float64(got) > float64(want)*1.0313+1 {
				t.Errorf("up to %v: the %v quantile is %v, exactly %v", spread, q, got, want)
			}
		}
		if h.latency().Max != all[len(all)-1] {
			t.Error("the largest value is not exact")
		}
	}
}

// Every duration falls into the bucket that ends at or above it.
func TestHistogramBuckets(t *testing.T) {
	for e := range 63 {
		for _, off := range []int64{-1, 0, 1} {
			v := uint64(max(int64(1)<<e+off, 0))
			i := bucketOf(v)
			if upper(i) < v || i > 0 && upper(i-1) >= v {
				t.Errorf("%d is in the bucket from %d to %d", v, upper(i-1)+1, upper(i))
			}
		}
	}
	var h histogram
	h.add(1<<63 - 1)
	h.add(-1)
	if h.quantile(1) != 1<<63-1 || h.quantile(0) != 0 {
		t.Error("the ends are not there")
	}
	if (&histogram{}).latency() != (Latency{}) {
		t.Error("an empty one is not zero")
	}
}

// The CPU time is fields 14 and 15 (proc(5)), whatever the name holds.
func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 150 25 13 14"
	for in, want := range map[string]string{"7 (kea-dhcp4)" + rest: "kea-dhcp4", "7 (a) b (c)" + rest: "a) b (c"} {
		name, used, err := parseStat([]byte(in))
		if name != want || used != 1750*time.Millisecond || err != nil {
			t.Errorf("%s: %q %v %v", in, name, used, err)
		}
	}
	for _, in := range []string{"", "7", "7 (a", ") (", "7 (a) S 1 2", "7 (a) S 1 2 3 4 5 6 7 8 9 10 x 25"} {
		if _, _, err := parseStat([]byte(in)); err == nil {
			t.Errorf("%q is taken", in)
		}
	}
}

// The meter counts what a process has used since it was made: this one.
func TestMeter(t *testing.T) {
	m, err := newMeter([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		if all, own := m.read(1000); all[0].CPU > 0.02 && own.CPU > 0.02 && all[0].PerMille == all[0].CPU && all[0].Memory.After > 1<<20 && own.Memory.Before > 1<<20 && own.Memory.Peak >= own.Memory.After {
			return
		}
	}
	t.Error("no CPU time after two seconds of work")
}

// Memory is VmRSS and VmHWM (proc(5)), in kB.
func TestParseStatus(t *testing.T) {
	now, peak := parseStatus([]byte("Name:\tVmRSS: 7\nVmPeak:\t 9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\nVmRSS:\nVmHWM: x kB\n"))
	if now != 1<<20 || peak != 2<<20 {
		t.Errorf("%d, %d", now, peak)
	}
}

// Nanoseconds are taken where ticks, cut off twice, can be the same time.
func TestFinerCPU(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct{ ticks, fine, want time.Duration }{
		{100 * ms, 112 * ms, 112 * ms}, {100 * ms, 100 * ms, 100 * ms}, {0, 5 * ms, 5 * ms},
		{100 * ms, 70 * ms, 100 * ms}, {100 * ms, -500 * ms, 100 * ms}, {100 * ms, 0, 100 * ms}, {100 * ms, 140 * ms, 100 * ms},
	} {
		if got := finer(tt.ticks, tt.fine); got != tt.want {
			t.Errorf("%v and %v: %v", tt.ticks, tt.fine, got)
		}
	}
	if got := fineCPUOf(os.Getpid()); got <= 0 {
		if _, err := os.Stat("/proc/self/schedstat"); err == nil {
			t.Errorf("%v of this process", got)
		}
	}
	if fineCPUOf(1<<30) != 0 {
		t.Error("a process that is not there has used time")
	}
}

func TestMeterWithoutProcess(t *testing.T) {
	if _, err := newMeter([]int{1 << 30}); err == nil {
		t.Error("a process that is not there is taken")
	}
}

// The report is one JSON object with the names that scripts read, and a table
// for people.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		srv.drop = func(q query) bool { return q.hw[5] == 3 }
		n := newFakeNet(srv.serve)
		n.delay = 2 * time.Millisecond
		r := hold(t, Scenario{Count: 10, Relays: 1, PIDs: []int{os.Getpid(), os.Getppid()}}, n)
		var b bytes.Buffer
		if err := r.JSON(&b); err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got["completed"] != 9.0 || got["lost"] != 1.0 || got["scenario"] != "4o6" {
			t.Errorf("%s", b.String())
		}
		step := got["steps"].([]any)[0].(map[string]any)
		if step["step"] != "DISCOVER" || step["lost"] != 1.0 || step["latency"].(map[string]any)["p50_ns"] != 2e6 {
			t.Errorf("%v", step)
		}
		b.Reset()
		if err := r.Text(&b); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"4o6, through 1 relay(s), server [2001:db8::1]:547, 15s, seed ",
			"conversations  9 completed, 1 lost, 0 refused of 10 begun: 1/s\n",
			"DISCOVER              10         9        3        0        1       2ms       2ms       2ms       2ms       2ms\n",
			"all of them",
		} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%q is missing in\n%s", want, b.String())
			}
		}
	})
}

// What the first client says and hears is shown, with every hop that can be
// seen and options by name.
func TestConversationShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		n := newFakeNet(srv.serve)
		n.delay = time.Millisecond
		var b strings.Builder
		hold(t, Scenario{Count: 5, Relays: 1, InterfaceID: "port7", Conversation: &b}, n)
		want := `0.000000  to [2001:db8::1]:547, 361 octets
  RELAY-FORW hops 0, link 2001:db8::2, peer fe80::5eff:fe10:0
    interface-id "port7"
    relay-source-port 0
    DHCPV4-QUERY flags 000000
      DHCPDISCOVER xid X, chaddr 02:00:5e:10:00:00
        dhcp-client-identifier 0x0102005e100000
        dhcp-parameter-request-list 1, 3, 6, 15, 51, 54, 58, 59
0.001000  from [2001:db8::1]:547, 317 octets
  RELAY-REPL hops 0, link 2001:db8::2, peer fe80::5eff:fe10:0
    interface-id "port7"
    relay-source-port 0
    DHCPV4-RESPONSE flags 000000
      DHCPOFFER xid X, chaddr 02:00:5e:10:00:00, yiaddr 10.16.0.0
        dhcp-server-identifier 192.0.2.1
        dhcp-lease-time 3600
`
		got := b.String()
		for i := strings.Index(got, "xid "); i >= 0; i = strings.Index(got, "xid ") {
			got = got[:i] + "XID X" + got[i+12:]
		}
		got = strings.ReplaceAll(got, "XID X", "xid X")
		if !strings.HasPrefix(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if strings.Count(got, " octets\n") != 4 {
			t.Errorf("more than one client, or less, is shown:\n%s", got)
		}
	})
}

func TestConversationShownSix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t, kind: V6}
		var b strings.Builder
		hold(t, Scenario{Kind: V6, Count: 1, Conversation: &b}, newFakeNet(srv.serve))
		for _, want := range []string{"  SOLICIT xid ", "      iaaddr 2001:db8::200:5e10:0, preferred 10, valid 20\n", "    clientid 0x0003000102005e100000\n", "  REPLY xid "} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%q is missing in\n%s", want, b.String())
			}
		}
	})
}
