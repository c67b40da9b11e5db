package clientd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/daemon"
)

// A lab is the pair of servers on loopback, and a folder for clients.
type lab struct {
	t    *testing.T
	dir  string
	port int // of dhcp6d
}

const (
	lab4 = `{ "Dhcp4": { "interfaces-config": { "interfaces": [ ] }, "lease-database": { "type": "memfile", "name": "%s/leases4.csv" },
		"subnet4": [ { "id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "lo", "pools": [ { "pool": "192.0.2.10 - 192.0.2.99" } ] } ],
		"dhcp4o6-port": %d } }`
	lab6 = `{ "Dhcp6": { "interfaces-config": { "interfaces": [ "lo/::1" ] }, "lease-database": { "type": "memfile", "name": "%s/leases6.csv" },
		"option-data": [ { "code": 88, "space": "dhcp6", "data": "::1" } ],
		"subnet6": [ { "id": 1, "subnet": "2001:db8:1::/64", "interface": "lo", "pools": [ { "pool": "2001:db8:1::10 - 2001:db8:1::99" } ] } ],
		"dhcp4o6-port": %d } }`
)

// free returns a UDP port of ::1 that nobody holds, and whose next one nobody does.
func free(t *testing.T) int {
	t.Helper()
	for range 100 {
		c, err := net.ListenPacket("udp6", "[::1]:0")
		if err != nil {
			t.Fatal(err)
		}
		port := c.LocalAddr().(*net.UDPAddr).Port
		next, err := net.ListenPacket("udp6", fmt.Sprintf("[::1]:%d", port+1))
		c.Close()
		if err == nil {
			next.Close()
			return port
		}
	}
	t.Fatal("no two free ports in a row")
	return 0
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, dir: t.TempDir(), port: free(t)}
	pair := free(t)
	l.write("dhcp4.json", fmt.Sprintf(lab4, l.dir, pair))
	l.write("dhcp6.json", fmt.Sprintf(lab6, l.dir, pair))
	ctx, stop := context.WithCancel(context.Background())
	var daemons, ready sync.WaitGroup
	ready.Add(2)
	setup := daemon.Setup{Log: zap.NewNop(), Ready: ready.Done}
	daemons.Go(func() {
		s := setup
		s.ConfigFile = l.dir + "/dhcp4.json"
		l.check(daemon.DHCP4(ctx, s))
	})
	daemons.Go(func() {
		s := setup
		s.ConfigFile, s.Port, s.FromSource = l.dir+"/dhcp6.json", l.port, true
		l.check(daemon.DHCP6(ctx, s))
	})
	t.Cleanup(func() {
		stop()
		daemons.Wait()
	})
	ready.Wait()
	// a script takes the place of what would need privileges
	l.write("script", "#!/bin/sh\necho $reason $new_ip_address$new_ip6_address >> "+l.dir+"/events\n")
	l.check(os.Chmod(l.dir+"/script", 0o700))
	return l
}

func (l *lab) check(err error) {
	if err != nil {
		l.t.Error(err)
	}
}

func (l *lab) write(name, text string) string {
	l.t.Helper()
	name = filepath.Join(l.dir, name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return name
}

// args are a client's flags.
func (l *lab) args(more string) []string {
	return append([]string{"-i", "lo", "--server", fmt.Sprintf("[::1]:%d", l.port), "--state-dir", l.dir + "/state", "--run-dir", l.dir + "/run"},
		strings.Fields(strings.ReplaceAll(more, "DIR", l.dir))...)
}

// run runs a client to its end.
func (l *lab) run(more string, want int) (out, errs string) {
	l.t.Helper()
	var o, e bytes.Buffer
	if code := both[1].main(l.args(more), &o, &e); code != want {
		l.t.Fatalf("dhcp6c %s: exit code %d, want %d\n%s%s", more, code, want, &o, &e)
	}
	return o.String(), e.String()
}

// A running is a client that lives beside the test.
type running struct {
	l    *lab
	stop context.CancelFunc
	done chan error
}

func (l *lab) begin(more string) *running {
	l.t.Helper()
	c, err := both[1].parseFlags(l.args(more), io.Discard, io.Discard)
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{l: l, stop: stop, done: make(chan error, 1)}
	go func() { r.done <- both[1].serve(ctx, &c, io.Discard, io.Discard) }()
	l.t.Cleanup(stop)
	return r
}

// ends waits for the client's end.
func (r *running) ends(want int) {
	r.l.t.Helper()
	select {
	case err := <-r.done:
		if exitCode(err) != want {
			r.l.t.Errorf("ended with %v, want %d", err, want)
		}
	case <-time.After(10 * time.Second):
		r.l.t.Fatal("does not end")
	}
}

// state is what one client says of itself; "" when it is not there.
func (l *lab) state(k *kind) (state string, lease json.RawMessage) {
	var out bytes.Buffer
	k.main([]string{"-i", "lo", "--run-dir", l.dir + "/run", "--status", "--json"}, &out, io.Discard)
	var all []picture
	if json.Unmarshal(out.Bytes(), &all) != nil || len(all) != 1 {
		return "", nil
	}
	return all[0].State, all[0].Lease
}

// until waits until a client is in a state.
func (l *lab) until(k *kind, want string) {
	l.t.Helper()
	var got string
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got, _ = l.state(k); got == want {
			return
		}
	}
	l.t.Fatalf("%s is %q, not %s", k.name, got, want)
}

// events are what the script was called for.
func (l *lab) events() string {
	b, _ := os.ReadFile(l.dir + "/events")
	return string(b)
}

// saw waits for a call of the script.
func (l *lab) saw(event string) {
	l.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(l.events(), event+"\n") {
			return
		}
	}
	l.t.Fatalf("no event %q:\n%s", event, l.events())
}

// TestBothSidesInOneProcess: dhcp6c --4o6 gets an IPv6 and an IPv4 address through
// the pair of servers, and a dry run leaves nothing behind.
func TestBothSidesInOneProcess(t *testing.T) {
	l := newLab(t)
	out, _ := l.run("--4o6 --once --dry-run --timeout 20s", exitOK)
	for _, want := range []string{"+ address 2001:db8:1::10/128", "+ address 192.0.2.10/24"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	for _, name := range []string{"state", "run"} {
		if _, err := os.Stat(filepath.Join(l.dir, name)); err == nil {
			t.Errorf("a dry run has made the folder %s", name)
		}
	}
}

// TestLife: a client is commanded through its life. It cannot be started twice; its
// lease outlives it; renewal, reload and release reach it.
func TestLife(t *testing.T) {
	l := newLab(t)
	conf := l.write("clients.json", `{"dhcp6c": {}, "dhcp4c": {}}`)
	flags := "--4o6 --script DIR/script -c " + conf
	r := l.begin(flags)
	l.until(both[0], "BOUND")
	l.until(both[1], "BOUND")
	l.saw("BOUND6 2001:db8:1::10")
	l.saw("BOUND 192.0.2.10")
	if len(alive()) == 0 {
		t.Error("goroutines of a client are not known as such")
	}
	if _, lease := l.state(both[0]); !strings.Contains(string(lease), `"address": "192.0.2.10/24"`) {
		t.Errorf("lease %s", lease)
	}
	if out, _ := l.run("--status", exitOK); !strings.Contains(out, "dhcp6c on lo: BOUND since ") || !strings.Contains(out, "2001:db8:1::10/128") {
		t.Errorf("status:\n%s", out)
	}
	if _, errs := l.run(flags, exitRunning); errs == "" || !strings.Contains(errs, "lo: another dhcp6c is running on this interface") {
		t.Errorf("a second client: %s", errs)
	}
	l.run("--renew", exitOK)
	l.saw("RENEW6 2001:db8:1::10")
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	l.saw("RENEW 192.0.2.10")

	// a reload begins anew where something has changed, with the lease that is there
	l.write("clients.json", `{"dhcp6c": {"request-also": ["sntp-servers"]}, "dhcp4c": {"host-name": "me"}}`)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	l.saw("REBOOT 192.0.2.10")
	l.until(both[1], "BOUND")

	r.stop()
	r.ends(exitOK)
	if events := l.events(); strings.Contains(events, "STOP") || strings.Contains(events, "RELEASE") {
		t.Errorf("stopping has taken the lease from the host:\n%s", events)
	}
	r = l.begin(flags)
	l.until(both[1], "BOUND")
	l.run("--release", exitOK)
	l.saw("RELEASE6")
	if _, err := os.Stat(l.dir + "/state/dhcp6c.lo.json"); err == nil {
		t.Error("the lease is on file after its release")
	}
	r.stop()
	r.ends(exitOK)
	settle(t)
}

// TestReloadOfWhatCannotBe: a reload to settings that nothing can be opened with has
// the client go on with those so far.
func TestReloadOfWhatCannotBe(t *testing.T) {
	l := newLab(t)
	conf := l.write("clients.json", fmt.Sprintf(`{"dhcp6c": {"script": "%s/script"}}`, l.dir))
	r := l.begin("-c " + conf)
	l.saw("BOUND6 2001:db8:1::10")
	for _, bad := range []string{`{"dhcp6c": {"script": "/nowhere/script"}}`, `{"dhcp6c": {"scrip`, `{"dhcp6c": {"script": 1}}`} {
		l.write("clients.json", bad)
		if err := os.Remove(l.dir + "/events"); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-r.done:
			t.Fatalf("%s: the client has ended: %v", bad, err)
		case <-time.After(300 * time.Millisecond):
		}
		l.until(both[1], "BOUND")
		l.run("--renew", exitOK)
		l.saw("RENEW6 2001:db8:1::10")
	}
	r.stop()
	r.ends(exitOK)
}

// settle waits until no goroutine of a client is left. Those of the servers come and
// go as they like.
func settle(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := alive()
		switch {
		case len(left) == 0:
			return
		case time.Now().After(deadline):
			t.Fatalf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
		}
	}
}

// alive are the stacks of goroutines that clients have started.
func alive() (left []string) {
	b := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		for _, of := range []string{"/client4.", "/client6.", "/clientd.(*", "/clientd.attend", "/clientd.settled", "/hostclock.", "/control.", "/ipc.(*ClientConn)"} {
			if strings.Contains(stack, of) {
				left = append(left, stack)
				break
			}
		}
	}
	return left
}

// TestReleaseOfAKeptLease: the lease of a client that runs no more is given back.
func TestReleaseOfAKeptLease(t *testing.T) {
	l := newLab(t)
	flags := " --script DIR/script"
	l.run("--once --timeout 20s"+flags, exitOK)
	l.run("--release"+flags, exitOK)
	l.saw("RELEASE6")
	if out, _ := l.run("--release"+flags, exitOK); out != "dhcp6c: lo: there is no lease to release\n" {
		t.Errorf("%q", out)
	}
}

// TestDamagedLeaseFile: a file that makes no sense costs the lease that it held, not
// the network; it is replaced.
func TestDamagedLeaseFile(t *testing.T) {
	l := newLab(t)
	const flags = "--4o6 --once --timeout 20s --script DIR/script"
	l.run(flags, exitOK)
	for _, text := range []string{"", "null", "{", `{"version": 99}`, "\x00\x00\x00\x00"} {
		l.write("state/dhcp6c.lo.json", text)
		l.write("state/dhcp4c.lo.json", text)
		if _, errs := l.run("--release", exitFailed); !strings.Contains(errs, "dhcp6c.lo.json") {
			t.Errorf("release of %q: %s", text, errs)
		}
		l.run(flags, exitOK)
		for _, name := range []string{"state/dhcp6c.lo.json", "state/dhcp4c.lo.json"} {
			if b, err := os.ReadFile(filepath.Join(l.dir, name)); err != nil || !strings.Contains(string(b), `"version": 1`) {
				t.Errorf("%s after %q: %v %s", name, text, err, b)
			}
		}
	}
}

// TestDryRunWithoutPermission: a dry run does without a lease that it may not read.
func TestDryRunWithoutPermission(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	denied := func() (*int, error) { return nil, &fs.PathError{Op: "open", Path: closed, Err: syscall.EACCES} }
	for _, dry := range []bool{true, false} {
		h := &host{k: both[1], c: &command{dryRun: dry, stateDir: closed}, cfg: new(config.Client), log: zap.NewNop()}
		if _, err := kept(h, newSeat("dhcp6c", "lo", new(config.ClientLink)), denied); dry != (err == nil) {
			t.Errorf("dry %v: lease: %v", dry, err)
		}
	}
}

// TestNobodyAnswers: --once ends in time, and says who waits for what.
func TestNobodyAnswers(t *testing.T) {
	dir := t.TempDir()
	var errs bytes.Buffer
	args := []string{"-i", "lo", "--server", fmt.Sprintf("[::1]:%d", free(t)), "--dry-run", "--once", "--timeout", "300ms", "--state-dir", dir}
	if code := both[1].main(args, io.Discard, &errs); code != exitNoLease {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(errs.String(), "dhcp6c: no lease within 300ms: dhcp6c is SOLICITING on lo\n") {
		t.Errorf("%s", &errs)
	}
}

// TestPairOfProcesses: dhcp6c and dhcp4c as two programs, over their ports on ::1.
func TestPairOfProcesses(t *testing.T) {
	l := newLab(t)
	port := fmt.Sprint(free(t))
	r := l.begin("--script DIR/script --4o6-port " + port)
	var out, errs bytes.Buffer
	code := both[0].main([]string{"-i", "lo", "--4o6-port", port, "--once", "--dry-run", "--timeout", "20s", "--state-dir", l.dir + "/state"}, &out, &errs)
	if code != exitOK || !strings.Contains(out.String(), "+ address 192.0.2.10/24") {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
	r.stop()
	r.ends(exitOK)
}

// TestStatusForPeople: records are printed member by member, and nothing in them
// steers the terminal.
func TestStatusForPeople(t *testing.T) {
	const answer = `{"client": "dhcp4c", "interface": "eth0", "pid": 1, "version": "1", "state": "BOUND", "since": "2026-01-02T15:04:05Z",
		"next": "2026-01-02T15:34:05Z", "lease": {"version": 1, "address": "192.0.2.7/24", "server": "192.0.2.1", "message": "AAAA",
		"options": {"domain-name": "\u001b[2Jexample"}, "ias": [{"kind": "na", "leases": [{"prefix": "2001:db8::5/128"}]}]}}`
	local := func(text string) string {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.In(time.Local).Format(time.DateTime)
	}
	var out bytes.Buffer
	if err := printStatus(&out, []byte(answer)); err != nil {
		t.Fatal(err)
	}
	want := `dhcp4c on eth0: BOUND since ` + local("2026-01-02T15:04:05Z") + `, next at ` + local("2026-01-02T15:34:05Z") + `
  address           192.0.2.7/24
  server            192.0.2.1
  options
    domain-name       ` + "\uFFFD" + `[2Jexample
  ias
    kind              na
    leases
      prefix            2001:db8::5/128
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// FuzzStatus: whatever a socket answers, printing it ends, and steers no terminal.
func FuzzStatus(f *testing.F) {
	f.Add([]byte(`{"state": "BOUND", "lease": {"a": [{"b": "c"}], "d": "2026-01-02T15:04:05Z"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		if printStatus(&out, b) == nil && strings.ContainsAny(out.String(), "\x1b\x00\r\x7f") {
			t.Errorf("%q", &out)
		}
	})
}
