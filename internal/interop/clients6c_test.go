//go:build interop

package interop

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
)

// lifetimes are what changes by itself in what ip(8) prints.
var lifetimes = regexp.MustCompile(`valid_lft \w+|preferred_lft \w+`)

const (
	firstV6, secondV6 = clientNet + "1000", clientNet + "1001"
	shortLives6       = `"renew-timer": 4, "rebind-timer": 8, "preferred-lifetime": 20, "valid-lifetime": 24,`
)

func keaPool6(who seat) func(*site, *testing.T) *dhcptest.Process {
	return func(s *site, t *testing.T) *dhcptest.Process {
		return s.run(t, who, 6, `"interfaces-config": {"interfaces": ["s0"]}, "server-id": {"type": "LL", "persist": false}, `+shortLives6+`
			"subnet6": [{"id": 1, "subnet": "`+clientNet+`/64", "interface": "s0", "rapid-commit": true,
				"pools": [{"pool": "`+firstV6+` - `+secondV6+`"}], "pd-pools": [{"prefix": "2001:db8:f0::", "prefix-len": 48, "delegated-len": 56}]}]`)
	}
}

// rivals6 are the servers that dhcp6c has to get along with.
var rivals6 = map[string]rival{
	"dhcp6d": {start: keaPool6(ours), held: keaHolds(6, 13, 2)},
	"kea":    {start: keaPool6(kea), held: keaHolds(6, 13, 2)},
	"dhcpd": {held: iscHolds, start: func(s *site, t *testing.T) *dhcptest.Process {
		return s.isc(t, "-6", `authoritative; default-lease-time 24; preferred-lifetime 20; option dhcp-renewal-time 4; option dhcp-rebinding-time 8;
			subnet6 `+clientNet+`/64 { range6 `+firstV6+` `+secondV6+`; prefix6 2001:db8:f0:: 2001:db8:f0:ff00:: /56; }`)
	}},
	"dnsmasq": {slow: true, held: maskHolds, start: func(s *site, t *testing.T) *dhcptest.Process {
		return s.mask(t, "dhcp-range="+firstV6+","+secondV6+",64,2m")
	}},
}

// own6 is which of the two addresses the client has, "" for none.
func (s *site) own6() string {
	for _, a := range []string{firstV6, secondV6} {
		if s.has(a) {
			return a
		}
	}
	return ""
}

// TestOwnClient6: dhcp6c gets an address from each server, renews it, has it
// confirmed after a crash, rebinds to a server that has come in the place of the
// first, and gives it back.
func TestOwnClient6(t *testing.T) {
	for name, r := range rivals6 {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bare(t, 0)
			d := r.start(s, t)
			s.listening(t, ":547")
			c := s.own(t, "dhcp6c", quick)
			dhcptest.WaitFor(t, 30*time.Second, "a lease", func() bool { return s.own6() != "" })
			addr := s.own6()
			c.Said(5*time.Second, `"reason": "BOUND6"`)
			dhcptest.WaitFor(t, 5*time.Second, "the lease in the server's file", func() bool { return r.held(s, t, addr) })
			if r.slow {
				c.ask(t, "--renew")
			}
			c.Said(15*time.Second, `"reason": "RENEW6"`)

			c.Kill()
			c.start()
			c.Said(15*time.Second, `"state": "CONFIRMING"`)
			dhcptest.WaitFor(t, 15*time.Second, "state BOUND", func() bool { return c.state(t) == "BOUND" })

			d.Stop()
			patience := 30 * time.Second
			if r.slow {
				patience = 150 * time.Second
			}
			dhcptest.WaitFor(t, patience, "state REBINDING", func() bool { return c.state(t) == "REBINDING" })
			r.start(s, t)
			c.Said(25*time.Second, `"reason": "REBIND6"`)
			if !s.has(addr) {
				t.Errorf("another address than %s", addr)
			}
			c.ask(t, "--release")
			s.loses(t, 5*time.Second, addr)
			c.ends(t, 0)
			dhcptest.WaitFor(t, 5*time.Second, "the release in the server's file", func() bool { return !r.held(s, t, addr) })
		})
	}
}

// TestOwnClient6Declines: another host has the address, which duplicate address
// detection finds out; the client declines it and gets the other one.
func TestOwnClient6Declines(t *testing.T) {
	for name, r := range rivals6 {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, third := bridged(t)
			s.server.IP("addr add " + clientNet + "1/64 dev s0")
			third.IP("addr add " + firstV6 + "/64 dev x0 nodad")
			s.client.Must("sysctl", "-qw", "net.ipv6.conf.c0.accept_dad=1", "net.ipv6.conf.c0.dad_transmits=1")
			r.start(s, t)
			s.listening(t, ":547")
			c := s.own(t, "dhcp6c", quick)
			s.gets(t, 45*time.Second, secondV6)
			s.loses(t, 10*time.Second, firstV6)
			if !strings.Contains(c.Log(), "in use by another host, declined") {
				t.Logf("%s offered the free address first", name)
			}
		})
	}
}

// TestOwnClient6Prefix: two IAs, rapid commit, a prefix of the length that was
// asked for, or an address alone where the server delegates none; --once keeps
// them, --release without a running client gives them back.
func TestOwnClient6Prefix(t *testing.T) {
	for name, words := range map[string][]string{
		"dhcp6d": {`"status": "NoPrefixAvail"`},
		"kea":    {`"prefix": "2001:db8:f0:`, `/56"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bare(t, 0)
			rivals6[name].start(s, t)
			s.listening(t, ":547")
			c := s.own(t, "dhcp6c", `{"dhcp6c": {"resolver": "none", "rapid-commit": true, "ia": [{"type": "na"}, {"type": "pd", "hint": "::/56"}]}}`, "--once")
			c.ends(t, 0)
			if s.own6() == "" {
				t.Error("no address after --once")
			}
			for _, w := range words {
				c.Said(time.Second, w)
			}
			if strings.Contains(c.Log(), `"state": "REQUESTING"`) {
				t.Error("four messages in spite of rapid commit")
			}
			c.more = c.more[:2]
			c.ask(t, "--release")
			if addr := s.own6(); addr != "" {
				t.Errorf("%s is still there after --release without a running client", addr)
			}
		})
	}
}
