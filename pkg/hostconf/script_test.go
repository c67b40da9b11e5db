package hostconf_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/command"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// program writes a script of shell and returns its path.
func program(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// recorder is a script that writes each run's environment down.
func recorder(t *testing.T) (script string, runs func() [][]string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "runs")
	script = program(t, "{ /usr/bin/env -u _ -u PWD -u SHLVL -u OLDPWD /usr/bin/env; echo --; } >> "+file+"\n")
	return script, func() (all [][]string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(file)
		for one := range strings.SplitSeq(strings.TrimSuffix(string(text), "--\n"), "--\n") {
			vars := strings.Split(strings.TrimSpace(one), "\n")
			slices.Sort(vars)
			all = append(all, slices.DeleteFunc(vars, func(v string) bool { return strings.HasPrefix(v, "PATH=") || v == "dad_wait_time=0" }))
		}
		return all
	}
}

// held is a lease of IPv6 as a script is told of it, but for its options.
func held(at time.Time, iaid uint32) hostconf.Terms {
	return hostconf.Terms{IAID: iaid, Starts: at, Renew: 900 * time.Second, Rebind: 1440 * time.Second}
}

// TestScriptEnvironment: what dhclient tells its script, we tell it.
func TestScriptEnvironment(t *testing.T) {
	t.Setenv("SECRET", "of the client")
	now := time.Now().Truncate(time.Second)
	name, runs := recorder(t)
	v4 := func(a string) *hostconf.Settings {
		return &hostconf.Settings{Vars: []hostconf.Var{{Name: "ip_address", Value: a}, {Name: "routers", Value: "192.0.2.1 192.0.2.2"}, {Name: "tftp_server_name", Value: hostconf.Text([]byte("$(x)"))}}}
	}
	old4 := []string{"old_ip_address=192.0.2.7", "old_routers=192.0.2.1 192.0.2.2", `old_tftp_server_name=\$(x)`}
	new4 := []string{"new_ip_address=192.0.2.8", "new_routers=192.0.2.1 192.0.2.2", `new_tftp_server_name=\$(x)`}
	address := func(a string, iaid uint32) hostconf.Address {
		return hostconf.Address{Prefix: prefix(a + "/128"), Preferred: now.Add(1800 * time.Second), Valid: now.Add(3600 * time.Second), Terms: held(now, iaid)}
	}
	delegated := hostconf.Prefix{Prefix: prefix("2001:db8:8::/56"), Valid: now.Add(3600 * time.Second), Terms: held(now, 2)}
	of := func(with string, iaid byte, vars ...string) (all []string) {
		for _, v := range append(vars, fmt.Sprintf("life_starts=%d", now.Unix()), fmt.Sprintf("starts=%d", now.Unix()), "max_life=3600",
			fmt.Sprintf("iaid=00:00:00:%02x", iaid), "renew=900", "rebind=1440", "dhcp6_name_servers=2001:db8::53") {
			all = append(all, with+v)
		}
		return all
	}
	addr6 := func(a string) []string {
		return []string{"ip6_address=" + a, "ip6_prefixlen=128", "preferred_life=1800"}
	}
	prefix6 := []string{"ip6_prefix=2001:db8:8::/56", "preferred_life=4294967295"}
	options := []hostconf.Var{{Name: "dhcp6_name_servers", Value: "2001:db8::53"}}
	one := &hostconf.Settings{Addresses: []hostconf.Address{address("2001:db8::7", 1)}, Vars: options}
	both := &hostconf.Settings{Addresses: []hostconf.Address{address("2001:db8::7", 1)}, Prefixes: []hostconf.Prefix{delegated}, Vars: options}
	bare := &hostconf.Settings{Vars: options}
	lapsed := address("2001:db8::9", 1)
	lapsed.Preferred = now.Add(-time.Second)
	tests := []struct {
		name string
		c    hostconf.Change
		want [][]string
	}{
		{"before there is a lease", hostconf.Change{Reason: hostconf.Preinit}, [][]string{{"reason=PREINIT"}}},
		{"bound", hostconf.Change{Reason: hostconf.Bound, New: v4("192.0.2.8")}, [][]string{append([]string{"reason=BOUND"}, new4...)}},
		{"renewed", hostconf.Change{Reason: hostconf.Renew, Old: v4("192.0.2.7"), New: v4("192.0.2.8")}, [][]string{slices.Concat([]string{"reason=RENEW"}, new4, old4)}},
		{"expired", hostconf.Change{Reason: hostconf.Expire, Old: v4("192.0.2.7")}, [][]string{append([]string{"reason=EXPIRE"}, old4...)}},
		{"share of an address", hostconf.Change{Reason: hostconf.Bound, New: &hostconf.Settings{PortSet: softwire.PortSet{Offset: 1, Len: 4, ID: 3}}},
			[][]string{{"reason=BOUND", "new_psid_offset=1", "new_psid_len=4", "new_psid=3", "new_port_ranges=38912-40959"}}},
		{"v6 bound, a run for each resource", hostconf.Change{Reason: hostconf.Bound6, New: both},
			[][]string{append(of("new_", 1, addr6("2001:db8::7")...), "reason=BOUND6"), append(of("new_", 2, prefix6...), "reason=BOUND6")}},
		{"v6 renewed, the prefix has gone", hostconf.Change{Reason: hostconf.Renew6, Old: both, New: one},
			[][]string{slices.Concat([]string{"reason=RENEW6"}, of("new_", 1, addr6("2001:db8::7")...), of("old_", 1, addr6("2001:db8::7")...)),
				append(of("old_", 2, prefix6...), "reason=EXPIRE6")}},
		{"v6 released", hostconf.Change{Reason: hostconf.Release6, Old: both},
			[][]string{append(of("old_", 1, addr6("2001:db8::7")...), "reason=RELEASE6"), append(of("old_", 2, prefix6...), "reason=RELEASE6")}},
		{"v6 without addresses", hostconf.Change{Reason: hostconf.Renew6, Old: bare, New: bare},
			[][]string{{"reason=RENEW6", "new_dhcp6_name_servers=2001:db8::53", "old_dhcp6_name_servers=2001:db8::53"}}},
		{"v6 not preferred any more", hostconf.Change{Reason: hostconf.Depref6, Old: one, New: &hostconf.Settings{Addresses: []hostconf.Address{address("2001:db8::7", 1), lapsed}, Vars: options}},
			[][]string{append(of("cur_", 1, "ip6_address=2001:db8::9", "ip6_prefixlen=128", "preferred_life=0"), "reason=DEPREF6")}},
		{"softwires", hostconf.Change{Reason: hostconf.Renew6, New: &hostconf.Settings{Softwires: []hostconf.Softwire{
			{Kind: hostconf.MAPE, BRs: []netip.Addr{addr("2001:db8::1"), addr("2001:db8::2")}, Rules: []hostconf.MappingRule{
				{Forwarding: true, EALen: 16, V4: prefix("192.0.2.0/24"), V6: prefix("2001:db8:100::/40"), PortSet: softwire.PortSet{Offset: 6, Len: 8, ID: 0}}}},
			{Kind: hostconf.LW4o6, Binds: []hostconf.Binding{{V4: addr("192.0.2.9"), V6: prefix("2001:db8:7::/64")}}},
			{Kind: hostconf.MAPT, DMR: prefix("64:ff9b::/96")},
		}}}, [][]string{{"reason=RENEW6", "new_s46_count=3", "new_s46_0_kind=map-e", "new_s46_0_br=2001:db8::1 2001:db8::2", "new_s46_0_rule_0_v4=192.0.2.0/24",
			"new_s46_0_rule_0_v6=2001:db8:100::/40", "new_s46_0_rule_0_ealen=16", "new_s46_0_rule_0_fmr=1", "new_s46_0_rule_0_psid_offset=6", "new_s46_0_rule_0_psid_len=8",
			"new_s46_0_rule_0_psid=0", "new_s46_0_rule_0_port_ranges=" + ranges(softwire.PortSet{Offset: 6, Len: 8}),
			"new_s46_1_kind=lw4o6", "new_s46_1_bind_0_v4=192.0.2.9", "new_s46_1_bind_0_v6=2001:db8:7::/64", "new_s46_2_kind=map-t", "new_s46_2_dmr=64:ff9b::/96"}}},
	}
	s := hostconf.NewScript(name, hostconf.ScriptOptions{Env: []string{"IF_METRIC=7"}, Requested: []string{"subnet_mask", "bad name"}})
	for _, tt := range tests {
		tt.c.Iface, tt.c.PID = "lan0", 4711
		if err := s.Apply(t.Context(), &tt.c); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		for i := range tt.want {
			tt.want[i] = append(tt.want[i], "interface=lan0", "pid=4711", "IF_METRIC=7", "requested_subnet_mask=1")
			slices.Sort(tt.want[i])
		}
		if got := runs(); !slices.EqualFunc(got, tt.want, slices.Equal) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func ranges(p softwire.PortSet) string {
	var all []string
	for lo, hi := range p.Ranges {
		all = append(all, fmt.Sprintf("%d-%d", lo, hi))
	}
	return strings.Join(all, " ")
}

// TestHostileValues: what could surprise a shell is left out and told, and the script
// runs with the rest.
func TestHostileValues(t *testing.T) {
	name, runs := recorder(t)
	s := hostconf.NewScript(name, hostconf.ScriptOptions{})
	err := s.Apply(t.Context(), &hostconf.Change{Reason: hostconf.Bound, Iface: "lan0", New: &hostconf.Settings{Vars: []hostconf.Var{
		{Name: "ip_address", Value: "192.0.2.7"}, {Name: "host_name", Value: "a;reboot"}, {Name: "domain_name", Value: "$(reboot)"}, {Name: "routers", Value: "192.0.2.1\nPATH=/tmp"},
		{Name: "x=1\nLD_PRELOAD", Value: "/tmp/x"}, {Name: "unknown_224", Value: "`reboot`"}, {Name: "unknown_225", Value: "\x00"}, {Name: "unknown_226", Value: hostconf.Text([]byte("`reboot`\n"))},
	}}})
	if !errors.Is(err, hostconf.ErrValue) || strings.Count(err.Error(), "refused") != 6 {
		t.Error(err)
	}
	got := runs()[0]
	for _, v := range got {
		if !strings.HasPrefix(v, "new_") {
			continue
		}
		if v != "new_ip_address=192.0.2.7" && v != "new_unknown_226=\\`reboot\\`\\012" {
			t.Errorf("the script was given %q", v)
		}
	}
}

// TestScriptEnds: what the end of a script means, and that it has one.
func TestScriptEnds(t *testing.T) {
	lease6 := &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix("2001:db8::7/128")}}}
	delegated := &hostconf.Settings{Prefixes: []hostconf.Prefix{{Prefix: prefix("2001:db8:8::/56")}}}
	tests := []struct {
		name   string
		script string
		c      hostconf.Change
		says   string // within the error; "": none
		taken  bool
	}{
		{"well", "exit 0", hostconf.Change{Reason: hostconf.Bound, New: lease4()}, "", false},
		{"refuses an address", "exit 1", hostconf.Change{Reason: hostconf.Bound, New: lease4()}, "exit status 1", true},
		{"refuses a lease that is tried", "exit 2", hostconf.Change{Reason: hostconf.Timeout, New: lease4()}, "exit status 2", true},
		{"fails while a lease goes", "exit 1", hostconf.Change{Reason: hostconf.Expire, Old: lease4()}, "exit status 1", false},
		{"finds a duplicate", "exit 3", hostconf.Change{Reason: hostconf.Bound6, New: lease6}, "2001:db8::7", true},
		{"fails with v6", "exit 1", hostconf.Change{Reason: hostconf.Bound6, New: lease6}, "exit status 1", false},
		{"knows no prefixes", "exit 2", hostconf.Change{Reason: hostconf.Expire6, Old: delegated}, "", false},
		{"fails with a prefix", "exit 3", hostconf.Change{Reason: hostconf.Bound6, New: delegated}, "exit status 3", false},
		{"is killed", "kill -9 $$", hostconf.Change{Reason: hostconf.Bound, New: lease4()}, "signal: killed", false},
		{"takes too long", "/bin/sleep 60 & wait", hostconf.Change{Reason: hostconf.Bound, New: lease4()}, "killed after 300ms", false},
		{"leaves somebody behind", "/bin/sleep 60 &", hostconf.Change{Reason: hostconf.Bound, New: lease4()}, "", false},
	}
	for _, tt := range tests {
		tt.c.Iface = "lan0"
		begin := time.Now()
		err := hostconf.NewScript(program(t, tt.script), hostconf.ScriptOptions{Limit: 300 * time.Millisecond}).Apply(t.Context(), &tt.c)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) || errors.Is(err, hostconf.ErrTaken) != tt.taken {
			t.Errorf("%s: %v", tt.name, err)
		}
		var of *hostconf.TakenError
		if errors.As(err, &of) && of.Addr != addr("2001:db8::7") {
			t.Errorf("%s: taken: %v", tt.name, of.Addr)
		}
		if time.Since(begin) > 5*time.Second {
			t.Errorf("%s: took %v", tt.name, time.Since(begin))
		}
	}
}

// TestScriptMayNotBeAnybodys: a program that others can change is not run.
func TestScriptMayNotBeAnybodys(t *testing.T) {
	name := program(t, "exit 0")
	for mode, want := range map[os.FileMode]error{0o755: nil, 0o775: command.ErrWrite, 0o757: command.ErrWrite} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		if err := hostconf.CheckScript(name); !errors.Is(err, want) {
			t.Errorf("%o: %v", mode, err)
		}
		c := &hostconf.Change{Reason: hostconf.Preinit, Iface: "lan0"}
		if err := hostconf.NewScript(name, hostconf.ScriptOptions{}).Apply(t.Context(), c); !errors.Is(err, want) {
			t.Errorf("%o: %v", mode, err)
		}
	}
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{name, "script", "/nonexistent", filepath.Dir(name), ""} {
		if hostconf.CheckScript(n) == nil {
			t.Errorf("%q passes", n)
		}
	}
}

// TestScriptOfTooMany: what is too much of a lease is not told, neither when it comes,
// nor as ended in the next renewal, nor when the lease goes.
func TestScriptOfTooMany(t *testing.T) {
	name, runs := recorder(t)
	s := hostconf.NewScript(name, hostconf.ScriptOptions{})
	lease := new(hostconf.Settings)
	for i := range 260 {
		lease.Addresses = append(lease.Addresses, hostconf.Address{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(i >> 8), 15: byte(i)}), 128)})
	}
	for _, c := range []hostconf.Change{
		{Reason: hostconf.Renew6, Old: lease, New: lease},
		{Reason: hostconf.Release6, Old: lease},
	} {
		err := s.Apply(t.Context(), &c)
		if n := len(runs()); n != 256 || errors.Is(err, hostconf.ErrMany) != (c.New != nil) {
			t.Errorf("%s: %d runs, %v", c.Reason, n, err)
		}
	}
}

// TestScriptOutput: its first lines are told, and nothing in them that a terminal
// obeys; a script is over when the client has to end.
func TestScriptOutput(t *testing.T) {
	var lines []string
	s := hostconf.NewScript(program(t, `printf 'one\n\033[2Jtwo\377\n\n'; echo three >&2; /usr/bin/yes | /usr/bin/head -c 100000`), hostconf.ScriptOptions{Output: func(l string) { lines = append(lines, l) }})
	if err := s.Apply(t.Context(), &hostconf.Change{Reason: hostconf.Preinit, Iface: "lan0"}); err != nil {
		t.Fatal(err)
	}
	if len(lines) < 4 || len(lines) > 4096 || !slices.Equal(lines[:4], []string{"one", "?[2Jtwo?", "three", "y"}) {
		t.Errorf("%d lines: %.200q", len(lines), lines)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	s = hostconf.NewScript(program(t, "/bin/sleep 60 & wait"), hostconf.ScriptOptions{})
	if err := s.Apply(ctx, &hostconf.Change{Reason: hostconf.Bound, Iface: "lan0", New: lease4()}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
