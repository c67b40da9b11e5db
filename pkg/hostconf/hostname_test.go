package hostconf_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// TestHostName: a host that has no name takes that of its lease, if it may, and
// follows it.
func TestHostName(t *testing.T) {
	need.Root(t)
	runtime.LockOSThread() // the thread is given up with its namespace: it is never unlocked
	if err := syscall.Unshare(syscall.CLONE_NEWUTS); err != nil {
		t.Fatal(err)
	}
	named := func(name string) *hostconf.Settings { return &hostconf.Settings{HostName: name} }
	tests := []struct {
		name    string
		may     bool
		now     string
		was, is *hostconf.Settings
		want    string
		err     error
	}{
		{"none yet", true, "(none)", nil, named("a.example"), "a.example", nil},
		{"localhost", true, "localhost", nil, named("b"), "b", nil},
		{"its own", true, "mine", nil, named("b"), "mine", nil},
		{"the lease's, which changes", true, "b", named("b"), named("c."), "c", nil},
		{"the lease has none", true, "c", named("c"), named(""), "c", nil},
		{"not asked for", false, "localhost", nil, named("b"), "localhost", nil},
		{"hostile", true, "localhost", nil, named("$(reboot)"), "localhost", hostconf.ErrValue},
		{"too long for the kernel", true, "localhost", nil, named(strings.Repeat("a.", 32) + "a"), "localhost", hostconf.ErrValue},
		{"end", true, "b", named("b"), nil, "b", nil},
	}
	for _, tt := range tests {
		if err := syscall.Sethostname([]byte(tt.now)); err != nil {
			t.Fatal(err)
		}
		s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, HostName: tt.may})
		err := s.Apply(t.Context(), &hostconf.Change{Reason: hostconf.Renew, Iface: "lo", Old: tt.was, New: tt.is})
		if got, _ := os.Hostname(); got != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: %q, %v; want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}
