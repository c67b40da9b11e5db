//go:build interop && bench

package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

// benchHead says what is measured on what, once for each test.
func benchHead(t *testing.T) {
	t.Helper()
	need.Programs(t, "taskset", "kea-dhcp4", "kea-dhcp6", "perfdhcp")
	output := func(n *dhcptest.Namespace, args ...string) string {
		out, _ := n.Run(args...)
		line, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
		return line
	}
	n := dhcptest.NewLab(t).Namespace("v")
	fmt.Printf("\nKea %s, ours %s, %s, Linux %s, %d cores: daemons on %d, load on 0\n", output(n, "kea-dhcp4", "-v"), output(n, bin("dhcp4d"), "-v"),
		runtime.Version(), output(n, "uname", "-r"), runtime.NumCPU(), runtime.NumCPU()-1)
	fmt.Printf("two namespaces and a veth pair; server %s and %s1 (reached by ff02::1:2), clients and relay %s and %s2 unless they have an address each (%sc:1 and on)\n",
		benchServer4, clientNet, benchRelay4, clientNet, clientNet)
}

// A bench is a host with daemons to be measured, and one that loads them.
type bench struct {
	t              *testing.T
	lab            *dhcptest.Lab
	server, client *dhcptest.Namespace
	daemons        []*dhcptest.Process

	severity     string // of the loggers
	sockets      string // dhcp-socket-type
	cleanup      int    // lfc-interval
	pool4, pool6 string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, lab: dhcptest.NewLab(t), severity: "INFO", sockets: "udp", cleanup: 3600,
		pool4: "10.0.0.1 - 10.127.255.254", pool6: clientNet + "1:0:0/96"}
	b.server, b.client = b.lab.Namespace("s"), b.lab.Namespace("c")
	b.lab.Wire(b.client, "c0", b.server, "s0")
	for _, n := range []struct {
		ns         *dhcptest.Namespace
		iface, end string
	}{{b.server, "s0", "1"}, {b.client, "c0", "2"}} {
		n.ns.IP("addr add 10.255.0." + n.end + "/8 dev " + n.iface)
		n.ns.IP("addr add " + clientNet + n.end + "/64 dev " + n.iface + " nodad")
	}
	return b
}

// addSources gives the clients' host addresses for clients of their own.
func (b *bench) addSources() {
	b.t.Helper()
	var batch strings.Builder
	for i := range benchSources {
		fmt.Fprintf(&batch, "addr add %sc:%x/64 dev c0 nodad\n", clientNet, i+1)
	}
	b.client.Must("ip", "-batch", b.lab.Write("sources", batch.String()))
}

// leaseFile is where the daemon of a family keeps its leases.
func (b *bench) leaseFile(v int) string {
	return filepath.Join(b.lab.Dir, fmt.Sprintf("leases%d.csv", v))
}

// log is what the daemon of a family has written so far.
func (b *bench) log(v int) string {
	text, _ := os.ReadFile(filepath.Join(b.lab.Dir, fmt.Sprintf("kea-dhcp%d.log", v)))
	return string(text)
}

// start starts the daemon of a family on a core of its own.
func (b *bench) start(who seat, v int) *dhcptest.Process {
	b.t.Helper()
	conf := b.conf4()
	if v == 6 {
		conf = b.conf6()
	}
	env := []string{"KEA_PIDFILE_DIR=" + b.lab.Dir, "KEA_LOCKFILE_DIR=none"}
	p := b.server.Start(env, append([]string{"taskset", "-c", fmt.Sprint(runtime.NumCPU() - 1)}, append(program(who, v), "-c", conf)...)...)
	b.daemons = append(b.daemons, p)
	return p
}

// listening waits for the sockets of the daemons and of the pair.
func (b *bench) listening(v4, v6 bool) {
	b.t.Helper()
	dhcptest.WaitFor(b.t, 10*time.Second, "sockets", func() bool {
		return (!v6 || b.server.Bound(":547") && b.server.Bound("[::1]:786")) && (!v4 || b.server.Bound(":67") && b.server.Bound("[::1]:787"))
	})
	time.Sleep(200 * time.Millisecond)
}

func (b *bench) pids() string {
	var pids []string
	for _, p := range b.daemons {
		pids = append(pids, fmt.Sprint(p.PID()))
	}
	return strings.Join(pids, ",")
}

// A run is what dhcpload has to tell.
type run struct {
	load.Report
	t *testing.T
}

// load runs dhcpload on the other core.
func (b *bench) load(args ...string) run {
	b.t.Helper()
	args = append([]string{"taskset", "-c", "0", bin("dhcpload")}, args...)
	text, err := b.client.Run(append(args, "--max-loss", "100", "--json", "--cpu", b.pids())...)
	if err != nil {
		b.t.Fatalf("dhcpload: %v\n%s", err, text)
	}
	r := run{t: b.t}
	if err := json.Unmarshal([]byte(text), &r.Report); err != nil {
		b.t.Fatalf("%v in:\n%s", err, text)
	}
	if r.Completed == 0 {
		b.t.Fatalf("nothing was measured:\n%s", text)
	}
	return r
}

// cpu is what the daemons have used.
func (r run) cpu() (sum float64) {
	for _, p := range r.Processes {
		sum += p.CPU
	}
	return sum
}

func (r run) score() score {
	r.t.Helper()
	cpu := r.cpu()
	if cpu == 0 {
		r.t.Fatalf("no CPU time was measured: %+v", r.Report)
	}
	return score{float64(r.Completed) / cpu, r.PerSecond, r.Conversation.P50, r.Conversation.P99, r.Lost + r.Refused}
}

// cpu is what the daemons have used so far, user and system (proc(5)).
func (b *bench) cpu() (sum float64) {
	b.t.Helper()
	for _, p := range b.daemons {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
		if err != nil {
			b.t.Fatal(err)
		}
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for _, ticks := range f[11:13] {
			n, err := strconv.ParseFloat(ticks, 64)
			if err != nil {
				b.t.Fatal(err)
			}
			sum += n / 100
		}
	}
	return sum
}

func (b *bench) conf6() string {
	return b.lab.Write("dhcp6.json", fmt.Sprintf(`{"Dhcp6": {
		"interfaces-config": {"interfaces": ["s0"]},
		"lease-database": {"type": "memfile", "name": %q, "lfc-interval": %d},
		"server-id": {"type": "LL", "persist": false},
		"subnet6": [{"id": 1, "subnet": "%s/64", "interface": "s0", "pools": [{"pool": %q}]}],
		"dhcp4o6-port": 786, %s}}`, b.leaseFile(6), b.cleanup, clientNet, b.pool6, b.logger("kea-dhcp6")))
}

func (b *bench) conf4() string {
	return b.lab.Write("dhcp4.json", fmt.Sprintf(`{"Dhcp4": {
		"interfaces-config": {"interfaces": ["s0"], "dhcp-socket-type": %q},
		"lease-database": {"type": "memfile", "name": %q, "lfc-interval": %d},
		"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "s0", "pools": [{"pool": %q}]}],
		"dhcp4o6-port": 786, %s}}`, b.sockets, b.leaseFile(4), b.cleanup, b.pool4, b.logger("kea-dhcp4")))
}

func (b *bench) logger(name string) string {
	return fmt.Sprintf(`"loggers": [{"name": %q, "severity": %q, "output_options": [{"output": "%s/%s.log"}]}]`, name, b.severity, b.lab.Dir, name)
}
