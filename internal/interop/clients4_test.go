//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// A client4 is a DHCPv4 client of Debian's on c0, whose script writes a line for
// each event into a file: its word for it, the address, and the server identifier.
type client4 struct {
	*dhcptest.Process
	s      *site
	events string
	words  words4
}

// words4 is what a client calls what happens to it, and how it is told to release.
type words4 struct {
	bound, renewed, lost string
	release              func(*client4, *testing.T)
}

// configured is the part of a script that every client needs: the address has to
// be there for a renewal to leave from.
const configured = `#!/bin/sh
set -u
give() { ip addr replace "$1/24" dev c0; [ -z "$2" ] || ip route replace default via "${2%%%% *}" dev c0; }
take() { ip -4 addr flush dev c0; ip link set c0 up; }
say() { echo "$*" >> %s; }
`

// clients4 are the clients, by program.
var clients4 = map[string]struct {
	script string
	run    string // shell: $SCRIPT, $DIR
	words4
}{
	"dhclient": {
		`case $reason in
BOUND|RENEW|REBIND|REBOOT) give "$new_ip_address" "${new_routers:-}"; say $reason $new_ip_address $new_dhcp_server_identifier;;
PREINIT) take;;
EXPIRE|FAIL|RELEASE|STOP) take; say $reason;;
esac
`, `exec dhclient -4 -v -d -sf "$SCRIPT" -lf "$DIR/dhclient.leases" -pf "$DIR/dhclient.pid" -cf /dev/null c0`,
		words4{"BOUND", "RENEW", "EXPIRE", func(c *client4, t *testing.T) {
			c.Kill() // it would not let go of its port
			dir := c.s.lab.Dir
			if out, err := c.s.client.Run("timeout", "10", "dhclient", "-4", "-r", "-sf", filepath.Join(dir, "client4.sh"),
				"-lf", filepath.Join(dir, "dhclient.leases"), "-pf", filepath.Join(dir, "dhclient.pid"), "-cf", "/dev/null", "c0"); err != nil {
				t.Fatalf("dhclient -r: %v\n%s", err, out)
			}
		}},
	},
	"udhcpc": {
		`case $1 in
bound|renew) give "$ip" "${router:-}"; say $1 $ip $serverid;;
deconfig) take; say $1;;
nak) say $1;;
esac
`, `exec udhcpc -f -i c0 -s "$SCRIPT" -t 20 -T 1 -A 1 -R`,
		words4{"bound", "renew", "deconfig", func(c *client4, t *testing.T) { c.Signal(syscall.SIGUSR2) }},
	},
	"dhcpcd": {
		`[ "$interface" = c0 ] || exit 0
case $reason in
BOUND|RENEW|REBIND|REBOOT) give "$new_ip_address" "${new_routers:-}"; say $reason $new_ip_address $new_dhcp_server_identifier;;
EXPIRE|RELEASE|STOP|STOPPED|NAK) say $reason;;
esac
`, `mount -t tmpfs none /var/lib/dhcpcd; mount -t tmpfs none /run
printf 'ipv4only\nnoarp\nnoipv4ll\nclientid\noption routers\nrequire dhcp_server_identifier\nscript %s\n' "$SCRIPT" > "$DIR/dhcpcd.conf"
exec dhcpcd -B -d -f "$DIR/dhcpcd.conf" c0`,
		words4{"BOUND", "RENEW", "EXPIRE", func(c *client4, t *testing.T) { c.Signal(syscall.SIGALRM) }},
	},
}

// client4 starts a client in the namespace of the client's host, with a mount
// namespace of its own for those that insist on where their files are.
func (s *site) client4(t *testing.T, program string) *client4 {
	t.Helper()
	need.Programs(t, program, "unshare")
	kind := clients4[program]
	c := &client4{s: s, events: filepath.Join(s.lab.Dir, "client4.events"), words: kind.words4}
	os.Remove(c.events)
	script := s.lab.Write("client4.sh", fmt.Sprintf(configured, c.events)+kind.script)
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Process = s.client.Start([]string{"SCRIPT=" + script, "DIR=" + s.lab.Dir}, "unshare", "-m", "sh", "-c", kind.run)
	return c
}

// saw waits until the client's script has been called for something, times times.
func (c *client4) saw(t *testing.T, limit time.Duration, times int, event string) {
	t.Helper()
	dhcptest.WaitFor(t, limit, fmt.Sprintf("%d times event %q", times, event), func() bool {
		b, _ := os.ReadFile(c.events)
		return strings.Count(string(b), event) >= times
	})
}

const (
	firstServer  = relayDownV4      // the server's address to begin with
	secondServer = "198.51.100.253" // and later
)

// TestClients4: Debian's clients get a lease, renew it, rebind to the server
// under another address, release, and lose a lease when nobody is there.
func TestClients4(t *testing.T) {
	for program := range clients4 {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			s := unlinked(t)
			s.lab.Wire(s.client, "c0", s.server, "s0")
			s.server.IP("addr add " + firstServer + "/24 dev s0")
			d := s.run(t, ours, 4, behind4("198.51.100.10 - 198.51.100.99",
				`"renew-timer": 4, "rebind-timer": 8, "valid-lifetime": 24,`))
			s.listening(t, ":67")
			c := s.client4(t, program)
			w := c.words
			c.saw(t, 20*time.Second, 1, w.bound+" 198.51.100.10 "+firstServer)
			c.saw(t, 20*time.Second, 1, w.renewed+" 198.51.100.10 "+firstServer)

			w.release(c, t)
			dhcptest.WaitFor(t, 5*time.Second, "release", func() bool { return s.state(t, "198.51.100.10") == released })
			if c.Running() {
				c.Kill()
			}
			s.client.IP("addr flush dev c0")

			c = s.client4(t, program)
			c.saw(t, 20*time.Second, 1, w.bound+" 198.51.100.10 "+firstServer)
			s.server.IP("addr del " + firstServer + "/24 dev s0")
			s.server.IP("addr add " + secondServer + "/24 dev s0")
			s.listening(t, secondServer+"%s0:67")
			c.saw(t, 20*time.Second, 1, " 198.51.100.10 "+secondServer) // rebound
			d.Stop()
			c.saw(t, 40*time.Second, 1, w.lost)
			unharmed(t, d)
		})
	}
}

const released = "3" // in the lease file

// state is the last state that the lease file tells of an address, "" for none.
func (s *site) state(t *testing.T, addr string) string {
	t.Helper()
	b, err := os.ReadFile(s.leaseFile(4))
	if err != nil {
		t.Fatal(err)
	}
	state := ""
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ","); f[0] == addr && len(f) > 9 {
			state = f[9]
		}
	}
	return state
}

// unharmed checks that a server that has stopped refused nothing and could read
// everything.
func unharmed(t *testing.T, d *dhcptest.Process) {
	t.Helper()
	for _, never := range []string{`"pkt4-nak-sent"`, `"pkt4-parse-failed"`} {
		if strings.Contains(d.Log(), never) {
			t.Errorf("%s was counted:\n%s", never, d.Log())
		}
	}
}

// TestClients4Relayed: the same clients behind Debian's relay, which writes option
// 82 and takes it out again: lease through the relay, renewal and release past it.
func TestClients4Relayed(t *testing.T) {
	for program := range clients4 {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			need.Programs(t, "dhcrelay")
			s := unlinked(t)
			s.behindRelay(t)
			d := s.run(t, ours, 4, behind4("198.51.100.10 - 198.51.100.99", `"renew-timer": 3, "rebind-timer": 20, "valid-lifetime": 30,`))
			s.listening(t, ":67")
			c := s.client4(t, program)
			c.saw(t, 20*time.Second, 1, c.words.bound+" 198.51.100.10 "+serverV4)
			c.saw(t, 40*time.Second, 2, c.words.renewed+" 198.51.100.10 "+serverV4)
			c.words.release(c, t)
			dhcptest.WaitFor(t, 5*time.Second, "release", func() bool { return s.state(t, "198.51.100.10") == released })
			d.Stop()
			unharmed(t, d)
		})
	}
}

// behindRelay puts ISC's relay between client and server.
func (s *site) behindRelay(t *testing.T) {
	t.Helper()
	s.betweenNets(t).Start(nil, "dhcrelay", "-4", "-d", "-a", "-id", "r0", "-iu", "u0", "-pf", filepath.Join(s.lab.Dir, "relay4.pid"), serverV4)
}

// betweenNets puts a host between client and server, on which a relay can run.
func (s *site) betweenNets(t *testing.T) *dhcptest.Namespace {
	t.Helper()
	r := s.lab.Namespace("r")
	s.lab.Wire(s.client, "c0", r, "r0")
	s.lab.Wire(r, "u0", s.server, "s0")
	r.IP("addr add " + relayDownV4 + "/24 dev r0")
	r.IP("addr add " + relayUpV4 + "/24 dev u0")
	r.Must("sysctl", "-qw", "net.ipv4.ip_forward=1")
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	s.server.IP("route add " + clientV4 + "/24 via " + relayUpV4)
	return r
}

// TestPerf4Modes: perfdhcp as a relay at 3000 exchanges a second, with renewals and
// releases beside them; nothing is left without an answer.
func TestPerf4Modes(t *testing.T) {
	need.Programs(t, "perfdhcp")
	keys := `"interfaces-config": {"interfaces": ["s0"]},
		"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "relay": {"ip-addresses": ["` + relayDownV4 + `"]}, "pools": [{"pool": "10.1.0.0/16"}]}]`
	for name, more := range map[string][]string{
		"DORA":    nil,
		"renew":   {"-f", "500"},
		"release": {"-F", "500"},
		"both":    {"-f", "500", "-F", "500"},
	} {
		t.Run(name, func(t *testing.T) {
			s := relayed4(t, ours, keys)
			args := append([]string{"timeout", "30", "perfdhcp", "-4", "-r", "3000", "-R", "50000", "-p", "2", "-W", "500000"}, more...)
			lost := ""
			for range 4 { // see lossless; other work on the machine loses packets as well
				out, _ := s.client.Run(append(args, "-l", relayDownV4, serverV4)...) // its exit code counts releases, which have no answer, as lost
				if lost = unanswered(out); lost == "" {
					break
				}
			}
			if lost != "" {
				t.Errorf("not everything was answered:\n%s", lost)
			}
		})
	}
}

// unanswered returns the sections of what perfdhcp prints that tell of messages
// without an answer, all of it when there is none about four messages.
func unanswered(out string) (lost string) {
	sections := strings.Split(out, "***Statistics for: ")
	if len(sections) < 3 {
		return out
	}
	for _, s := range sections[1:] {
		if !strings.HasPrefix(s, "RELEASE") && (!strings.Contains(s, "drops: 0\n") || strings.Contains(s, "received packets: 0\n")) {
			lost += s
		}
	}
	return lost
}
