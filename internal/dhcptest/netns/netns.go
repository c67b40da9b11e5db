// Package netns runs tests in network namespaces of their own.
//
// It uses only the standard library, netlink and none of our packages, so that
// tests of the lowest levels can use it too.
package netns

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// inside is set in the environment of a test that runs in its namespace.
const inside = "DHCP4O6_TEST_NETNS"

// Enter makes sure that the calling test runs in a fresh network namespace,
// where only a loopback interface exists, and that one is up. The first call
// runs the test again as a process of its own in such a namespace, reports its
// result, and returns false: the test has nothing left to do. In that process
// Enter returns true. Every goroutine of it is in the namespace.
//
// Without the privilege the test is skipped, or fails where CI is set.
func Enter(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) != "" {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			t.Fatalf("set up loopback: %v", err)
		}
		DAD(t, false)
		return true
	}
	need.Root(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("in a network namespace:\n%s", out)
	if err != nil {
		t.Errorf("in a network namespace: %v", err)
	}
	return false
}

// DAD switches duplicate address detection of new links on or off, in the
// namespace of the calling thread. Enter and NewPeer have switched it off, so
// that link-local addresses are usable at once.
func DAD(t *testing.T, on bool) {
	t.Helper()
	v := "0"
	if on {
		v = "1"
	}
	for _, name := range [...]string{"default/accept_dad", "default/dad_transmits", "all/accept_dad"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name, []byte(v), 0o644); err != nil {
			t.Errorf("switch duplicate address detection: %v", err)
		}
	}
}

// A Peer is a second namespace, for the other end of a link.
type Peer struct {
	t  *testing.T
	fd int
}

// NewPeer makes a namespace that lasts until the test ends.
func NewPeer(t *testing.T) *Peer {
	t.Helper()
	p := &Peer{t: t, fd: -1}
	done := make(chan error)
	go func() {
		// The thread is given up with its namespace: it is never unlocked.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			p.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() { unix.Close(p.fd) })
	p.Do(func() {
		DAD(t, false)
		Up(t, "lo")
	})
	return p
}

// Do runs f on a thread that is in the namespace of p. Sockets that f opens
// stay in it. f must not end the test.
func (p *Peer) Do(f func()) {
	p.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, see NewPeer
		err := unix.Setns(p.fd, unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		p.t.Fatalf("enter a network namespace: %v", err)
	}
}

// Veth makes a pair of links, here in the namespace of the test and there in
// p, both up, with the addresses given in prefix notation. IPv6 addresses are
// usable at once: duplicate address detection is switched off for them.
func (p *Peer) Veth(here, there string, addrsHere, addrsThere []string) {
	p.t.Helper()
	err := netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: here}, PeerName: there, PeerNamespace: netlink.NsFd(p.fd),
	})
	if err != nil {
		p.t.Fatalf("add link %s: %v", here, err)
	}
	p.Do(func() { Up(p.t, there, addrsThere...) })
	Up(p.t, here, addrsHere...)
}

// Up gives the link addresses and sets it up.
func Up(t *testing.T, name string, addrs ...string) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Errorf("link %s: %v", name, err)
		return
	}
	for _, text := range addrs {
		Add(t, name, text)
	}
	if err := netlink.LinkSetUp(l); err != nil {
		t.Errorf("set up %s: %v", name, err)
	}
}

// Add gives the link one address, without duplicate address detection.
func Add(t *testing.T, name, text string) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Errorf("link %s: %v", name, err)
		return
	}
	a, err := netlink.ParseAddr(text)
	if err != nil {
		t.Errorf("address %s: %v", text, err)
		return
	}
	if a.IP.To4() == nil {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := netlink.AddrAdd(l, a); err != nil {
		t.Errorf("add %s to %s: %v", text, name, err)
	}
}
