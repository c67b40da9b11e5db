// Package dhcptest makes networks and peers for tests: namespaces joined by
// veth pairs, processes inside them, and sockets of the test's own there.
// Everything made is taken away when the test ends, and traffic stays inside.
package dhcptest

import (
	"os"
	"os/exec"
	"testing"
)

// Skip skips the test with a reason on a bare machine. Where CI is set it fails
// instead: a test that silently never runs holds nothing up.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// NeedRoot skips the test without the privilege to make namespaces.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "needs root to make network namespaces")
	}
}

// Need skips the test when one of the programs is missing.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			Skip(t, "needs %s, which is not installed", p)
		}
	}
}
