package hostconf_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// tools makes a folder with resolvconf and resolvectl that write down how they were
// called, and returns how to read that.
func tools(t *testing.T) (dir string, calls func() string) {
	t.Helper()
	dir = t.TempDir()
	file := filepath.Join(dir, "calls")
	for _, name := range []string{"resolvconf", "resolvectl"} {
		text := "#!/bin/sh\n{ echo \"${0##*/}\" \"$@\"; /bin/cat; } >> " + file + "\n[ ! -e " + dir + "/fail ]\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir, func() string {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		_ = os.Remove(file)
		return string(text)
	}
}

func dns4(servers ...string) *hostconf.Settings {
	s := &hostconf.Settings{Domain: "four.example", Search: []string{"a.example", "b.example."}}
	for _, a := range servers {
		s.DNS = append(s.DNS, addr(a))
	}
	return s
}

func dns6() *hostconf.Settings {
	s := dns4("2001:db8::53", "fe80::53")
	s.Domain, s.Search = "", []string{"six.example", "a.example"}
	return s
}

// TestResolvconf: resolvconf is told of each family by itself, only when something
// has changed or may have been forgotten.
func TestResolvconf(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	dir, calls := tools(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.Resolvconf, Path: dir})
	four := "resolvconf -a lan0.dhcp4\ndomain four.example\nsearch a.example b.example\nnameserver 192.0.2.53\n"
	hostile := dns4("192.0.2.53", "0.0.0.0", "224.0.0.1", "192.0.2.53")
	hostile.Search = append(hostile.Search, "x\nnameserver 198.51.100.66", "$(reboot)", "")
	tests := []struct {
		name    string
		reason  hostconf.Reason
		was, is *hostconf.Settings
		want    string
		err     error
	}{
		{"no lease yet", hostconf.Preinit, nil, nil, "", nil},
		{"bound", hostconf.Bound, nil, dns4("192.0.2.53"), four, nil},
		{"renewed", hostconf.Renew, dns4("192.0.2.53"), dns4("192.0.2.53"), "", nil},
		{"bound anew", hostconf.Reboot, nil, dns4("192.0.2.53"), four, nil},
		{"v6", hostconf.Bound6, nil, dns6(), "resolvconf -a lan0.dhcp6\nsearch six.example a.example\nnameserver 2001:db8::53\nnameserver fe80::53%lan0\n", nil},
		{"another server", hostconf.Renew, nil, dns4("192.0.2.54"), strings.Replace(four, ".53", ".54", 1), nil},
		{"hostile names", hostconf.Renew, nil, hostile, four, hostconf.ErrValue},
		{"domain alone", hostconf.Renew, nil, &hostconf.Settings{Domain: "four.example"}, "resolvconf -a lan0.dhcp4\ndomain four.example\nsearch four.example\n", nil},
		{"nothing", hostconf.Renew, nil, &hostconf.Settings{}, "resolvconf -d lan0.dhcp4\n", nil},
		{"nothing still", hostconf.Expire, nil, nil, "", nil},
		{"v6 expired", hostconf.Expire6, nil, nil, "resolvconf -d lan0.dhcp6\n", nil},
	}
	for _, tt := range tests {
		if err := apply(t, s, tt.reason, tt.was, tt.is); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := calls(); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
	if err := os.WriteFile(dir+"/fail", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := apply(t, s, hostconf.Renew, nil, dns4("192.0.2.53")); err == nil || calls() != four {
		t.Error("resolvconf failed:", err)
	}
	if err := os.Remove(dir + "/fail"); err != nil {
		t.Fatal(err)
	}
	if err := apply(t, s, hostconf.Renew, nil, dns4("192.0.2.53")); err != nil || calls() != four {
		t.Error("it is told again:", err)
	}
}

// TestResolved: systemd-resolved keeps one list for a link, so both families are told
// together, also when their clients are two processes.
func TestResolved(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	dir, calls := tools(t)
	o := hostconf.NetlinkOptions{Resolver: hostconf.Resolved, Path: dir, StateDir: filepath.Join(dir, "state")}
	s4, s6 := newNetlink(t, o), newNetlink(t, o)
	tests := []struct {
		name   string
		s      hostconf.System
		reason hostconf.Reason
		is     *hostconf.Settings
		want   string
	}{
		{"v4", s4, hostconf.Bound, dns4("192.0.2.53"), "resolvectl dns lan0 192.0.2.53\nresolvectl domain lan0 a.example b.example\n"},
		{"v6 too", s6, hostconf.Bound6, dns6(), "resolvectl dns lan0 192.0.2.53 2001:db8::53 fe80::53%lan0\nresolvectl domain lan0 a.example b.example six.example a.example\n"},
		{"v4 ends", s4, hostconf.Release, nil, "resolvectl dns lan0 2001:db8::53 fe80::53%lan0\nresolvectl domain lan0 six.example a.example\n"},
		{"names alone", s6, hostconf.Renew6, &hostconf.Settings{Search: []string{"six.example"}}, "resolvectl dns lan0 \nresolvectl domain lan0 six.example\n"},
		{"v6 ends", s6, hostconf.Stop6, nil, "resolvectl revert lan0\n"},
	}
	for _, tt := range tests {
		if err := apply(t, tt.s, tt.reason, nil, tt.is); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := calls(); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

// TestResolvFile: resolv.conf has what all leases say, and is as it was afterwards,
// unless somebody else has written it.
func TestResolvFile(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	dir := t.TempDir()
	name := filepath.Join(dir, "resolv.conf")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what, want string) {
		t.Helper()
		got, err := os.ReadFile(name)
		_, text, _ := strings.Cut(string(got), "of this host\n")
		if text == "" {
			text = string(got)
		}
		if err != nil || text != want {
			t.Errorf("%s: %q, %v\nwant %q", what, text, err, want)
		}
	}
	write("nameserver 198.51.100.53\n")
	o := hostconf.NetlinkOptions{Resolver: hostconf.ResolvFile, ResolvConf: name, StateDir: filepath.Join(dir, "state")}
	both := "search a.example b.example six.example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver fe80::53%lan0\n"
	for range 2 {
		s4, s6 := newNetlink(t, o), newNetlink(t, o)
		if err := errors.Join(apply(t, s4, hostconf.Bound, nil, dns4("192.0.2.53")), apply(t, s6, hostconf.Bound6, nil, dns6())); err != nil {
			t.Fatal(err)
		}
		check("both", both)
		if err := apply(t, newNetlink(t, o), hostconf.Stop, nil, nil); err != nil {
			t.Fatal(err)
		}
		check("v6 alone", "search six.example a.example\nnameserver 2001:db8::53\nnameserver fe80::53%lan0\n")
		if err := apply(t, s6, hostconf.Stop6, nil, nil); err != nil {
			t.Fatal(err)
		}
		check("as before", "nameserver 198.51.100.53\n")
	}
	s := newNetlink(t, o)
	if err := apply(t, s, hostconf.Bound, nil, dns4("192.0.2.53")); err != nil {
		t.Fatal(err)
	}
	write("nameserver 203.0.113.53\n")
	if err := apply(t, s, hostconf.Expire, nil, nil); err != nil {
		t.Fatal(err)
	}
	check("somebody else's", "nameserver 203.0.113.53\n")

	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(name + ".before-dhcp4o6")
	if err := apply(t, s, hostconf.Bound, nil, &hostconf.Settings{DNS: dns4("192.0.2.53").DNS}); err != nil {
		t.Fatal(err)
	}
	check("where there was none", "nameserver 192.0.2.53\n")
}

// TestFoundResolver: whoever is there is found, and resolvectl is not mistaken for
// resolvconf.
func TestFoundResolver(t *testing.T) {
	dir, _ := tools(t)
	empty := t.TempDir()
	dressed := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "resolvectl"), filepath.Join(dressed, "resolvconf")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/run/systemd/resolve/io.systemd.Resolve"); err == nil {
		need.Skip(t, "needs a machine on which systemd-resolved does not run")
	}
	for path, want := range map[string]hostconf.Resolver{dir: hostconf.Resolvconf, empty: hostconf.NoResolver, dressed: hostconf.NoResolver, empty + ":" + dir: hostconf.Resolvconf} {
		if got := (&hostconf.NetlinkOptions{Path: path}).FoundResolver(); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	for _, r := range []hostconf.Resolver{hostconf.FindResolver, hostconf.Resolvconf, hostconf.Resolved, hostconf.ResolvFile, hostconf.NoResolver} {
		if got, err := hostconf.ParseResolver(r.String()); err != nil || got != r {
			t.Errorf("%v: %v, %v", r, got, err)
		}
	}
	if _, err := hostconf.ParseResolver("dnsmasq"); err == nil {
		t.Error("another resolver was taken")
	}
}
