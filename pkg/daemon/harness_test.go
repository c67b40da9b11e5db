package daemon

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/load"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// asProgram has the test binary be one of the daemons, for tests that need a
// process of their own.
const asProgram = "DHCP4O6_TEST_PROGRAM"

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case "dhcp4d":
		os.Exit(Main4(os.Args[1:]))
	case "dhcp6d":
		os.Exit(Main6(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// patience is how long something may take that takes no time.
const patience = 10 * time.Second

// A host is a folder with configurations, and ports on loopback that were free.
type host struct {
	t    *testing.T
	dir  string
	pair int // the pair's port
	port int // where dhcp6d serves
}

func newHost(t *testing.T) *host {
	t.Helper()
	return &host{t: t, dir: t.TempDir(), pair: freePair(t), port: freePort(t)}
}

// freePort returns a UDP port of ::1 that nobody holds at the moment, below those
// that the kernel gives to other tests of the same minute.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		if p := 20000 + rand.IntN(12000); free(p) {
			return p
		}
	}
	t.Fatal("no free port on ::1")
	return 0
}

// freePair returns a port that is free together with the next one.
func freePair(t *testing.T) int {
	t.Helper()
	for range 100 {
		p := freePort(t)
		if free(p + 1) {
			return p
		}
	}
	t.Fatal("no two free ports in a row on ::1")
	return 0
}

// free reports whether nobody holds a UDP port of ::1.
func free(port int) bool {
	c, err := net.ListenPacket("udp6", fmt.Sprintf("[::1]:%d", port))
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// write writes a file and returns its name.
func (h *host) write(name, format string, a ...any) string {
	h.t.Helper()
	file := filepath.Join(h.dir, name)
	if err := os.WriteFile(file, fmt.Appendf(nil, format, a...), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return file
}

// conf4 writes the DHCPv4 configuration with more top-level keys.
func (h *host) conf4(more string) string {
	return h.write("dhcp4.json", `{ "Dhcp4": { %s
  "dhcp4o6-port": %d,
  "lease-database": { "type": "memfile", "name": "%s/leases4.csv" },
  "subnet4": [ { "id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "lo",
                 "pools": [ { "pool": "192.0.2.10 - 192.0.2.99" } ] } ]
} }
`, more, h.pair, h.dir)
}

// conf6 writes the DHCPv6 configuration with more top-level keys.
func (h *host) conf6(more string) string {
	return h.write("dhcp6.json", `{ "Dhcp6": { %s
  "dhcp4o6-port": %d,
  "interfaces-config": { "interfaces": [ "lo/::1" ] },
  "lease-database": { "type": "memfile", "name": "%s/leases6.csv" }
} }
`, more, h.pair, h.dir)
}

// A running is a daemon inside the test.
type running struct {
	t       *testing.T
	log     *observer.ObservedLogs
	metrics *metrics.Set
	stop    context.CancelFunc
	ended   chan error
	hup     chan struct{}
}

// start runs a daemon until the test ends, and waits until it serves.
func (h *host) start(k kind, setup Setup) *running {
	h.t.Helper()
	r := h.launch(k, setup)
	r.wait("started")
	return r
}

// launch runs a daemon until the test ends.
func (h *host) launch(k kind, setup Setup) *running {
	h.t.Helper()
	core, seen := observer.New(zapcore.DebugLevel)
	r := &running{t: h.t, log: seen, metrics: new(metrics.Set), ended: make(chan error, 1), hup: make(chan struct{})}
	if setup.Log == nil {
		setup.Log = zap.New(core)
	}
	setup.Reload, setup.Metrics = r.hup, r.metrics
	if k.family == 6 && setup.Port == 0 {
		setup.Port, setup.FromSource = h.port, true
	}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() { r.ended <- k.run(ctx, setup) }()
	h.t.Cleanup(func() { r.end() })
	return r
}

// end stops the daemon and returns its error.
func (r *running) end() error {
	r.t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(patience):
		r.t.Fatal("still running after its context has ended")
		return nil
	}
}

// wait waits for a line that contains text, and fails when the daemon ends
// without it.
func (r *running) wait(text string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !r.said(text); time.Sleep(2 * time.Millisecond) {
		select {
		case err := <-r.ended:
			r.ended <- err
			r.t.Fatalf("ended with %v before it said %q", err, text)
		default:
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("never said %q, but\n%s", text, r.lines())
		}
	}
}

func (r *running) said(text string) bool { return strings.Contains(r.lines(), text) }

// lines is what the daemon has logged, one entry each: message and fields.
func (r *running) lines() string {
	var b strings.Builder
	for _, e := range r.log.All() {
		line := fmt.Sprint(e.Level.CapitalString(), " ", e.Message, " ", e.ContextMap())
		fmt.Fprintln(&b, strings.ReplaceAll(line, "\n", " | "))
	}
	return b.String()
}

// reload has the daemon read its configuration again and returns what it said
// of it.
func (r *running) reload() string {
	r.t.Helper()
	before := r.log.Len()
	r.hup <- struct{}{}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		all := r.lines()
		if after := all[lineAt(all, before):]; strings.Contains(after, "reconfiguration") {
			return after
		}
	}
	r.t.Fatal("a reload without a word")
	return ""
}

// lineAt is where line n begins.
func lineAt(s string, n int) (at int) {
	for range n {
		at += strings.IndexByte(s[at:], '\n') + 1
	}
	return at
}

// client has one 4o6 client ask for a lease, once, and returns its conversation
// and whether it got one.
func (h *host) client() (string, bool) {
	h.t.Helper()
	return h.ask(300*time.Millisecond, -1)
}

func (h *host) ask(wait time.Duration, retries int) (string, bool) {
	h.t.Helper()
	var b bytes.Buffer
	r, err := load.Run(h.t.Context(), load.Scenario{
		Server:  netip.AddrPortFrom(netip.IPv6Loopback(), uint16(h.port)),
		Clients: 1, Retries: retries, Timeout: wait, Conversation: &b,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return b.String(), r.Completed == 1
}

// mustLease has a client get a lease of addr, on a busy machine too.
func (h *host) mustLease(addr string) {
	h.t.Helper()
	if talk, ok := h.ask(time.Second, 3); !ok || !strings.Contains(talk, "yiaddr "+addr) {
		h.t.Fatalf("no lease of %s:\n%s", addr, talk)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %v: %s", patience, what)
		}
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in\n%s", p, text)
		}
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
