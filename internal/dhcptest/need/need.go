// Package need is for tests that need what not every machine has. They skip with
// a reason where somebody looks at the result, and fail where CI is set: a test
// that silently never runs holds nothing up.
package need

import (
	"net"
	"os"
	"os/exec"
	"testing"
)

// Skip skips the test, or fails it where CI is set.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Root needs the privilege to make namespaces and to be another user.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "needs root, to make network namespaces or to be another user")
	}
}

// Programs needs programs that are not ours, on the PATH.
func Programs(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Skip(t, "needs %s, which is not installed", name)
		}
	}
}

// TwoPorts returns a port that is free on ::1, and the next one with it.
func TwoPorts(t testing.TB) uint16 {
	t.Helper()
	for range 100 {
		a, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
		if err != nil {
			Skip(t, "needs [::1]: %v", err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		b, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: port + 1})
		a.Close()
		if err == nil {
			b.Close()
			return uint16(port)
		}
	}
	t.Fatal("no two neighbouring ports are free")
	return 0
}
