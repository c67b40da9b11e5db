package server4

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

const runScript = "libdhcp_run_script.so"

// keaScript is a program for Kea's run_script: each run leaves a file with its
// argument and its environment.
const keaScript = `#!/bin/sh
{ echo "POINT=$1"; /usr/bin/env; } > "%[1]s/$$.tmp"
/bin/mv "%[1]s/$$.tmp" "%[1]s/$$.out"
`

const scriptConfig = `{"Dhcp4": {
  "interfaces-config": {"interfaces": ["s0"], "dhcp-socket-type": "udp"},
  "lease-database": {"type": "memfile", "persist": false},
  "dhcp4o6-port": 6767, "decline-probation-period": 1,
  "expired-leases-processing": {"reclaim-timer-wait-time": 1, "hold-reclaimed-time": 3600},
  "valid-lifetime": 600, "min-valid-lifetime": 1, "max-valid-lifetime": 600,
  "hooks-libraries": [{"library": "%s", "parameters": {"name": "%s", "sync": false}}],
  "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "s0", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}],
    "reservations": [{"hw-address": "02:00:5e:00:00:0b", "ip-address": "192.0.2.150", "hostname": "reserved.example.org"}]}],
  "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}]
}}`

// runs takes what the program has left behind since, once nothing more comes.
func runs(t *testing.T, dir string, quiet time.Duration) (all []string) {
	t.Helper()
	for still := time.Now(); time.Since(still) < quiet; time.Sleep(10 * time.Millisecond) {
		names, err := filepath.Glob(dir + "/*.out")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			os.Remove(name)
			all = append(all, string(b))
			still = time.Now()
		}
	}
	slices.Sort(all)
	return all
}

// scriptTurns are the queries of TestScriptAgainstKea. From the last but two on
// the times of leases and probations are over at moments of Kea's own, so
// what comes then is compared as a whole.
var scriptTurns = []query{
	{kind: dhcp4.Discover, hw: hwA, opts: "12=686f7374 82=0104706f72740202abcd"},
	{kind: dhcp4.Request, hw: hwA, opts: "12=686f7374 82=0104706f72740202abcd 50=c0000264 54=c0000201 61=010203"},
	{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "61=010203", hops: 3, flags: 0x8000},
	{kind: dhcp4.Discover, hw: hwA, opts: "61=010203"},
	{kind: dhcp4.Inform, hw: hwA, ciaddr: "192.0.2.100"},
	{kind: dhcp4.Request, hw: hwB, opts: "50=c0000264 54=c0000201"},
	{kind: dhcp4.Request, hw: hwB, opts: "50=c0000296 54=c0000201"},
	{kind: dhcp4.Release, hw: hwB, ciaddr: "192.0.2.150"},
	{kind: dhcp4.Release, hw: hwB, ciaddr: "192.0.2.150"},
	{kind: dhcp4.Decline, hw: hwA, opts: "50=c0000264 61=010203"},
	{kind: dhcp4.Discover, hw: "02005e000011"},
	{kind: dhcp4.Request, hw: "02005e000011", opts: "50=c0000265 54=c0000201 51=00000001"},
}

// keasAlone are the runs that Kea's library makes and ours does not, by turn.
var keasAlone = map[int]struct{ point, why string }{
	3: {"lease4_renew", "a DISCOVER renews nothing"},
	5: {"leases4_committed", "a NAK commits nothing: no lease is in it"},
	8: {"leases4_committed", "nor does a RELEASE of what the client does not have"},
}

// TestScriptAgainstKea: the program is run for the same events as by Kea's
// library run_script, with the same environment.
func TestScriptAgainstKea(t *testing.T) {
	need.Programs(t, "kea-dhcp4")
	libs, _ := filepath.Glob("/usr/lib/*/kea/hooks/" + runScript)
	if len(libs) == 0 {
		need.Skip(t, "needs Kea's %s", runScript)
	}
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("s0", "c0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	running(t, "s0")
	for _, r := range roads {
		t.Run(r.name, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "script.sh")
			if err := os.WriteFile(name, fmt.Appendf(nil, keaScript, dir), 0o700); err != nil {
				t.Fatal(err)
			}
			conn := startKea(t, &r, p, fmt.Sprintf(scriptConfig, libs[0], name))
			b, took := newScriptBench(t)
			var theirs, ours []string
			for i, q := range scriptTurns {
				q.xid = uint32(100 + i)
				r.ask(t, conn, q)
				b.now = b.now.Add(time.Second)
				ways[r.ours].ask(b, q)
				theirs, ours = append(theirs, runs(t, dir, 200*time.Millisecond)...), append(ours, took()...)
				if i < len(scriptTurns)-3 {
					sameRuns(t, i, ours, theirs)
					theirs, ours = nil, nil
				}
			}
			b.table.Expire(b.now.Add(2*time.Second), 0)
			sameRuns(t, len(scriptTurns), append(ours, took()...), append(theirs, runs(t, dir, 4*time.Second)...))
		})
	}
}

// newScriptBench is a server configured as scriptConfig says, and what its hooks
// would have had the program run with.
func newScriptBench(t *testing.T) (b *bench, took func() []string) {
	var all []string
	h := ScriptHooks(func(point string, env []string) {
		all = append(all, "POINT="+point+"\n"+strings.Join(env, "\n"))
	})
	b = newBenchWith(t, net1(func(n *topology.Topology) {
		s := n.Subnets[0]
		s.Policy.Valid = topology.Lifetime{Min: 1, Default: 600, Max: 600}
		reserve(s, topology.HWAddress, string(unhex(t, hwB)), "192.0.2.150", "reserved.example.org")
	}), Options{Hooks: h, Interfaces: []netif.Interface{{Index: 2, Name: "eth0", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}}})
	b.table.Configure(lease.TableOptions{DeclineProbation: time.Second})
	return b, func() []string {
		defer func() { all = nil }()
		return all
	}
}

// sameRuns compares what a turn has run.
func sameRuns(t *testing.T, turn int, ours, theirs []string) {
	t.Helper()
	ours, theirs = comparable(ours), comparable(theirs)
	if alone, ok := keasAlone[turn]; ok {
		n := len(theirs)
		theirs = slices.DeleteFunc(theirs, func(s string) bool { return strings.HasPrefix(s, "POINT="+alone.point+"\n") })
		if len(theirs) == n {
			t.Errorf("turn %d: Kea does not run %s any more", turn, alone.point)
		}
	}
	if !slices.Equal(ours, theirs) {
		t.Errorf("turn %d:\n ours\n%s\n Kea's\n%s", turn, strings.Join(ours, "\n\n"), strings.Join(theirs, "\n\n"))
	}
}

// comparable leaves out of runs what has to differ, and puts them in order: the
// shell's own variable, the times, and the name of the interface.
func comparable(runs []string) (out []string) {
	for _, run := range runs {
		lines := strings.Split(strings.TrimSpace(run), "\n")
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "PWD=") })
		for i, l := range lines {
			name, value, _ := strings.Cut(l, "=")
			switch {
			case strings.HasSuffix(name, "_CLTT") && len(value) == 10:
				lines[i] = name + "=T"
			case name == "QUERY4_IFACE_NAME" && (value == "s0" || value == "eth0"):
				lines[i] = name + "=I"
			}
		}
		slices.Sort(lines[1:])
		out = append(out, strings.Join(lines, "\n"))
	}
	slices.Sort(out)
	return out
}
