package daemon

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
)

// A process is one of the daemons as a program.
type process struct {
	t         *testing.T
	cmd       *exec.Cmd
	out, errs lockedBuffer
	ended     chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// program runs a daemon as a program, whose name the kernel knows.
func (h *host) program(name string, env []string, args ...string) *process {
	h.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	bin := filepath.Join(h.dir, name)
	if err := os.Symlink(self, bin); err != nil && !os.IsExist(err) {
		h.t.Fatal(err)
	}
	p := &process{t: h.t, cmd: exec.Command(bin, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	p.cmd.Env = append(os.Environ(), append(env, asProgram+"="+name, "GORACE=atexit_sleep_ms=0")...) // else the race detector sleeps a second at the end
	if err := p.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	h.t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

func (p *process) serves() {
	p.t.Helper()
	eventually(p.t, "the program serves: "+p.errs.String(), func() bool { return strings.Contains(p.out.String(), "server version") })
}

// exit waits for the program's end and returns its exit code.
func (p *process) exit(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		p.t.Fatalf("still running after %v:\n%s", limit, p.out.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

// slack is how much longer a busy machine may take.
const slack = 3

// SIGTERM and Ctrl-C end a program within a second, with exit code 0; its
// sockets, its pid file and its lock are free again.
func TestSignalsEndTheProgram(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			h := newHost(t)
			file := h.conf6("")
			for range 2 { // the second one finds everything free
				p := h.program("dhcp6d", []string{"KEA_PIDFILE_DIR=" + h.dir}, "-c", file, "-p", fmt.Sprint(h.port), "-P", "0")
				p.serves()
				if free(h.port) || free(h.pair) {
					t.Error("sockets are not open")
				}
				if got := read(t, h.dir+"/dhcp6.dhcp6d.pid"); got != fmt.Sprintln(p.cmd.Process.Pid) {
					t.Errorf("pid file has %q", got)
				}
				p.cmd.Process.Signal(signal)
				if code := p.exit(slack * time.Second); code != 0 {
					t.Errorf("exit code %d: %s", code, p.errs.String())
				}
				if !free(h.port) || !free(h.pair) {
					t.Error("sockets are still open")
				}
				if _, err := os.Stat(h.dir + "/dhcp6.dhcp6d.pid"); err == nil {
					t.Error("the pid file is still there")
				}
				contains(t, p.out.String(), "INFO server version "+program.Version+" started\n", "INFO server stops")
				if p.errs.String() != "" {
					t.Errorf("stderr has %q", p.errs.String())
				}
			}
		})
	}
}

// SIGHUP reloads; the line is Kea's.
func TestSIGHUP(t *testing.T) {
	h := newHost(t)
	file := h.conf4("")
	p := h.program("dhcp4d", []string{"KEA_PIDFILE_DIR=" + h.dir, "KEA_LOCKFILE_DIR=none"}, "-c", file)
	p.serves()
	p.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "reloaded", func() bool {
		return strings.Contains(p.out.String(), "INFO dynamic server reconfiguration succeeded with file "+file+"\n")
	})
}

// A killed program's pid file is written over; a living one's refuses the
// start, and says whose it is.
func TestPIDFile(t *testing.T) {
	h := newHost(t)
	file := h.conf4("")
	env := []string{"KEA_PIDFILE_DIR=" + h.dir}
	first := h.program("dhcp4d", env, "-c", file)
	first.serves()
	second := h.program("dhcp4d", env, "-c", file)
	if code := second.exit(patience); code != 1 {
		t.Errorf("exit code %d", code)
	}
	contains(t, second.errs.String(), fmt.Sprintf("dhcp4d: not started: daemon: %s is served already, as process %d", file, first.cmd.Process.Pid))

	first.cmd.Process.Kill()
	<-first.ended
	if got := read(t, h.dir+"/dhcp4.dhcp4d.pid"); got != fmt.Sprintln(first.cmd.Process.Pid) {
		t.Errorf("a killed program leaves %q", got)
	}
	third := h.program("dhcp4d", env, "-c", file)
	third.serves()
	if got := read(t, h.dir+"/dhcp4.dhcp4d.pid"); got != fmt.Sprintln(third.cmd.Process.Pid) {
		t.Errorf("pid file has %q", got)
	}
}

// The folder that a daemon makes for its pid file is fit for a control socket.
func TestPIDFolderTakesTheSocket(t *testing.T) {
	h := newHost(t)
	dir := filepath.Join(h.dir, "run")
	p := h.program("dhcp4d", []string{"KEA_PIDFILE_DIR=" + dir, "KEA_CONTROL_SOCKET_DIR=" + dir}, "-c", h.conf4(socket("4.sock")))
	p.serves()
	tell(t, filepath.Join(dir, "4.sock"), "version-get", "").is(t, 0, program.Version)
	if !exists(filepath.Join(dir, "dhcp4.dhcp4d.pid")) {
		t.Error("no pid file")
	}
}

// A pid that another program has got since does not hold a start up, nor does
// nonsense in the file.
func TestStalePIDFile(t *testing.T) {
	dir := t.TempDir()
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		other.Process.Kill()
		other.Wait()
	}()
	for _, text := range []string{strconv.Itoa(other.Process.Pid), "999999999", "-1", "", "nonsense", strconv.Itoa(os.Getpid())} {
		name := filepath.Join(dir, "dhcp4.dhcp4d.pid")
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := writePID(dir, "/etc/dhcp4.json", "dhcp4d")
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := read(t, name); got != fmt.Sprintln(os.Getpid()) {
			t.Errorf("%q became %q", text, got)
		}
		p.remove()
		if _, err := os.Stat(name); err == nil {
			t.Error("not removed")
		}
	}
}

// What another program has written there meanwhile stays.
func TestForeignPIDFileStays(t *testing.T) {
	dir := t.TempDir()
	p, err := writePID(dir, "dhcp4.json", "dhcp4d")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.name, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.remove()
	if read(t, p.name) != "1\n" {
		t.Error("changed")
	}
}

// Where the operator has chosen the folder, failing there is a fault; else a
// daemon without the privilege goes without the file.
func TestPIDFolder(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", "/run/a:/run/b")
	t.Setenv("KEA_PIDFILE_DIR", "")
	if dir, asked := pidDir(); dir != "/run/a" || !asked {
		t.Error(dir, asked)
	}
	t.Setenv("KEA_PIDFILE_DIR", "/run/kea")
	if dir, asked := pidDir(); dir != "/run/kea" || !asked {
		t.Error(dir, asked)
	}
	h := newHost(t)
	t.Setenv("KEA_PIDFILE_DIR", h.write("a-file", "")+"/below")
	err := DHCP4(t.Context(), Setup{ConfigFile: h.conf4(""), PIDFile: true, Log: zap.NewNop()})
	if err == nil {
		t.Fatal("started")
	}
	contains(t, err.Error(), "daemon: pid file: mkdir "+h.dir+"/a-file")
}

// A Kea server that runs on the same configuration keeps ours from its lease
// file.
func TestKeaRuns(t *testing.T) {
	h := newHost(t)
	bin := h.dir + "/kea-dhcp4"
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(sleep, bin); err != nil {
		t.Fatal(err)
	}
	kea := exec.Command(bin, "60")
	if err := kea.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		kea.Process.Kill()
		kea.Wait()
	}()
	h.write("dhcp4.kea-dhcp4.pid", "%d\n", kea.Process.Pid)
	t.Setenv("KEA_PIDFILE_DIR", h.dir)
	err = DHCP4(t.Context(), Setup{ConfigFile: h.conf4(""), Log: zap.NewNop()})
	if err == nil {
		t.Fatal("started")
	}
	contains(t, err.Error(), fmt.Sprint(kea.Process.Pid))
}

// The service manager is told when the server serves and when it stops.
func TestReadiness(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{h.dir + "/notify", "@dhcp4o6-test-" + strconv.Itoa(os.Getpid())} {
		addr := name
		if name[0] == '@' {
			addr = "\x00" + name[1:]
		}
		c, err := net.ListenPacket("unixgram", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		t.Setenv("NOTIFY_SOCKET", name)
		ready := make(chan struct{})
		r := h.start(dhcp4, Setup{ConfigFile: h.conf4(""), Ready: func() { close(ready) }})
		b := make([]byte, 100)
		for _, want := range []string{"READY=1", "STOPPING=1"} {
			c.SetReadDeadline(time.Now().Add(patience))
			n, _, err := c.ReadFrom(b)
			if err != nil || string(b[:n]) != want {
				t.Fatalf("%q, %v; want %s", b[:n], err, want)
			}
			<-ready
			r.stop()
		}
		if err := r.end(); err != nil {
			t.Error(err)
		}
	}
}

// A service manager that does not listen is no reason to stop.
func TestNoServiceManager(t *testing.T) {
	h := newHost(t)
	t.Setenv("NOTIFY_SOCKET", h.dir+"/nobody")
	r := h.start(dhcp4, Setup{ConfigFile: h.conf4("")})
	r.wait("WARN service manager")
}
