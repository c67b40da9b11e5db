package dhcptest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// A Lab is a set of network namespaces of one test. It and all that was started
// in it end with the test.
type Lab struct {
	Dir string // for configurations, lease files and logs

	t   testing.TB
	tag string
}

var labs atomic.Int32

// NewLab needs root and iproute2; without them the test is skipped.
func NewLab(t testing.TB) *Lab {
	t.Helper()
	need.Root(t)
	need.Programs(t, "ip")
	return &Lab{Dir: t.TempDir(), t: t, tag: fmt.Sprintf("d4o6-%d-%d", os.Getpid(), labs.Add(1))}
}

// A Namespace is one host of the lab.
type Namespace struct {
	lab  *Lab
	name string
}

// Namespace makes a host. Duplicate address detection is off in it, so that
// addresses work at once.
func (l *Lab) Namespace(name string) *Namespace {
	l.t.Helper()
	n := &Namespace{l, l.tag + "-" + name}
	l.must("ip", "netns", "add", n.name)
	l.t.Cleanup(func() { exec.Command("ip", "netns", "del", n.name).Run() })
	n.Must("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.accept_ra=0")
	n.IP("link set lo up")
	return n
}

func (l *Lab) must(args ...string) {
	l.t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		l.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Wire joins two hosts by a veth pair, up and with link-local addresses ready.
func (l *Lab) Wire(a *Namespace, aIface string, b *Namespace, bIface string) {
	l.t.Helper()
	tmpA, tmpB := fmt.Sprintf("v%x-%x", os.Getpid(), labs.Add(1)), fmt.Sprintf("v%x-%x", os.Getpid(), labs.Add(1))
	l.must("ip", "link", "add", tmpA, "type", "veth", "peer", "name", tmpB)
	for _, end := range []struct {
		n   *Namespace
		tmp string
		as  string
	}{{a, tmpA, aIface}, {b, tmpB, bIface}} {
		l.must("ip", "link", "set", end.tmp, "netns", end.n.name, "name", end.as)
		end.n.IP("link set " + end.as + " up")
	}
	for _, end := range []struct {
		n  *Namespace
		as string
	}{{a, aIface}, {b, bIface}} {
		WaitFor(l.t, 5*time.Second, "a link-local address on "+end.as, func() bool {
			out, _ := end.n.Run("ip", "-6", "addr", "show", "dev", end.as, "scope", "link")
			return strings.Contains(out, "inet6 fe80") && !strings.Contains(out, "tentative")
		})
	}
}

// Name is what ip(8) knows the namespace by.
func (n *Namespace) Name() string { return n.name }

// IP runs ip(8) inside the namespace.
func (n *Namespace) IP(args string) {
	n.lab.t.Helper()
	n.lab.must(append([]string{"ip", "-n", n.name}, strings.Fields(args)...)...)
}

// Run runs a command inside the namespace to its end.
func (n *Namespace) Run(args ...string) (output string, err error) {
	out, err := exec.Command("ip", append([]string{"netns", "exec", n.name}, args...)...).CombinedOutput()
	return string(out), err
}

// Command returns a command that runs inside the namespace, for a test that
// starts and ends the same program many times.
func (n *Namespace) Command(args ...string) *exec.Cmd {
	// ip-netns-exec replaces itself by the program, so the pid is the program's
	return exec.Command("ip", append([]string{"netns", "exec", n.name}, args...)...)
}

// Must is Run for what has to succeed.
func (n *Namespace) Must(args ...string) string {
	n.lab.t.Helper()
	out, err := n.Run(args...)
	if err != nil {
		n.lab.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Bound reports whether a UDP socket in the namespace is bound to a local
// address that ends so, as in "[::1]:786" or ":547".
func (n *Namespace) Bound(local string) bool {
	out, _ := n.Run("ss", "-Huan")
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[3], local) {
			return true
		}
	}
	return false
}

// Do runs f on a thread that is inside the namespace: a socket that f opens
// belongs to it from then on and can be used from anywhere.
func (n *Namespace) Do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// the thread is given up with the goroutine, since it is not unlocked
		runtime.LockOSThread()
		fd, err := unix.Open("/run/netns/"+n.name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			unix.Close(fd)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// Listen is Do for a socket that f opens. An address may be in use for a moment
// after its socket was closed: a process that is just being started has a copy
// until its program runs.
func (n *Namespace) Listen(f func() error) error {
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if err := n.Do(f); !errors.Is(err, unix.EADDRINUSE) || time.Now().After(end) {
			return err
		}
	}
}

// Write puts a file into the lab's folder and returns its name.
func (l *Lab) Write(name, text string) string {
	l.t.Helper()
	file := filepath.Join(l.Dir, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
	return file
}

// WaitFor waits until what is so, and fails the test after the time given.
func WaitFor(t testing.TB, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s after %v", what, limit)
		}
	}
}
