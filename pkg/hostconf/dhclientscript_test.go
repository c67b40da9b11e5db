package hostconf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

const dhclientScript = "/sbin/dhclient-script"

// TestDhclientScript: the script that Debian's dhclient comes with does its work for us. It
// sees a copy of /etc and a host name of its own.
func TestDhclientScript(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	need.Programs(t, "unshare", "mount", "hostname")
	if _, err := os.Stat(dhclientScript); err != nil {
		need.Skip(t, "needs %s of isc-dhcp-client", dhclientScript)
	}
	link(t)
	etc := filepath.Join(t.TempDir(), "etc")
	script := program(t, fmt.Sprintf(`exec unshare --mount --uts /bin/sh -ec 'mount --bind %s /etc; hostname localhost; %s; status=$?; hostname > /etc/hostname; exit $status'`, etc, dhclientScript))

	for _, dir := range []string{filepath.Join(etc, "dhcp/dhclient-enter-hooks.d"), filepath.Join(etc, "dhcp/dhclient-exit-hooks.d")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string) string { text, _ := os.ReadFile(filepath.Join(etc, name)); return string(text) }
	for name, text := range map[string]string{
		"fstab": "", "resolv.conf": "nameserver 198.51.100.53\n", "passwd": "root:x:0:0::/:/bin/sh\n", "group": "root:x:0:\n",
		"dhcp/dhclient-exit-hooks.d/rfc3442": classless(t),
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	s := hostconf.NewScript(script, hostconf.ScriptOptions{Output: func(l string) { said = append(said, l) }})
	do := func(what string, reason hostconf.Reason, was, is *hostconf.Settings) {
		t.Helper()
		said = nil
		if err := apply(t, s, reason, was, is); err != nil {
			t.Errorf("%s: %v: %q", what, err, said)
		}
	}
	v4 := func(a string, more ...hostconf.Var) *hostconf.Settings {
		return &hostconf.Settings{Vars: append([]hostconf.Var{{Name: "ip_address", Value: a}, {Name: "subnet_mask", Value: "255.255.255.0"}, {Name: "broadcast_address", Value: "192.0.2.255"},
			{Name: "dhcp_lease_time", Value: "3600"}, {Name: "interface_mtu", Value: "1400"}, {Name: "host_name", Value: "leased"},
			{Name: "domain_name", Value: "four.example"}, {Name: "domain_name_servers", Value: "192.0.2.53 192.0.2.54"}}, more...)}
	}
	routers := hostconf.Var{Name: "routers", Value: "192.0.2.1"}
	first := v4("192.0.2.7", routers)
	ip(t, "link set lan0 down")
	do("PREINIT", hostconf.Preinit, nil, nil)
	do("BOUND", hostconf.Bound, nil, first)
	ours, _ := addresses(t, "lan0")
	equal(t, "bound", ours, "192.0.2.7/24 brd 192.0.2.255")
	_, others := routes(t)
	equal(t, "bound", others, "default dev lan0 via 192.0.2.1")
	if all := ip(t, "addr show dev lan0"); !strings.Contains(all, "mtu 1400") || !strings.Contains(all, "valid_lft 3600sec") {
		t.Error(all)
	}
	if got := file("resolv.conf"); got != "domain four.example\nsearch four.example\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n" {
		t.Errorf("resolv.conf: %q", got)
	}
	if got := file("hostname"); got != "leased\n" {
		t.Errorf("host name: %q", got)
	}
	do("RENEW", hostconf.Renew, first, first)
	ours, _ = addresses(t, "lan0")
	equal(t, "renewed", ours, "192.0.2.7/24 brd 192.0.2.255")
	do("EXPIRE", hostconf.Expire, first, nil)
	second := v4("192.0.2.8", hostconf.Var{Name: "rfc3442_classless_static_routes", Value: "8 10 192 0 2 1"}, routers)
	do("REBOOT", hostconf.Reboot, nil, second)
	ours, _ = addresses(t, "lan0")
	equal(t, "rebooted", ours, "192.0.2.8/24 brd 192.0.2.255")
	_, others = routes(t)
	equal(t, "routers are ignored where there are classless routes (RFC 3442)", others, "10.0.0.0/8 dev lan0 via 192.0.2.1")
	do("EXPIRE", hostconf.Expire, second, nil)
	ours, _ = addresses(t, "lan0")
	equal(t, "expired", ours)

	now := time.Now()
	six := &hostconf.Settings{
		Addresses: []hostconf.Address{{Prefix: prefix("2001:db8::7/128"), Preferred: now.Add(time.Hour), Valid: now.Add(2 * time.Hour), Terms: held(now, 1)}},
		Prefixes:  []hostconf.Prefix{{Prefix: prefix("2001:db8:8::/56"), Terms: held(now, 2)}},
		Vars:      []hostconf.Var{{Name: "dhcp6_name_servers", Value: "2001:db8::53 fe80::53"}, {Name: "dhcp6_domain_search", Value: "six.example."}},
	}
	do("PREINIT6", hostconf.Preinit6, nil, nil)
	do("BOUND6", hostconf.Bound6, nil, six)
	ours, _ = addresses(t, "lan0")
	equal(t, "v6 bound", ours, "2001:db8::7/128")
	if all := ip(t, "-6 addr show dev lan0"); !strings.Contains(all, "valid_lft 7200sec preferred_lft 3600sec") {
		t.Error(all)
	}
	if got := file("resolv.conf"); got != "search six.example.\nnameserver 2001:db8::53\nnameserver fe80::53%lan0\n" {
		t.Errorf("resolv.conf: %q", got)
	}
	lapsed := *six
	lapsed.Addresses = []hostconf.Address{{Prefix: prefix("2001:db8::7/128"), Preferred: now, Valid: now.Add(2 * time.Hour), Terms: held(now, 1)}}
	do("DEPREF6", hostconf.Depref6, six, &lapsed)
	if all := ip(t, "-6 addr show dev lan0"); !strings.Contains(all, "preferred_lft 0sec") {
		t.Error(all)
	}
	do("RELEASE6", hostconf.Release6, six, nil)
	ours, _ = addresses(t, "lan0")
	equal(t, "v6 released", ours)
}

// classless returns Debian's hook for classless routes.
func classless(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/etc/dhcp/dhclient-exit-hooks.d/rfc3442-classless-routes")
	if err != nil {
		need.Skip(t, "needs the hooks of isc-dhcp-client: %v", err)
	}
	return string(text)
}
