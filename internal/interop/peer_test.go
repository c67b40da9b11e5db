//go:build interop

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// couples are who may sit beside us.
var couples = []struct{ v6, v4 seat }{{ours, ours}, {ours, kea}, {kea, ours}}

func eachCouple(t *testing.T, f func(t *testing.T, v6, v4 seat)) {
	for _, c := range couples {
		t.Run(fmt.Sprintf("v6=%s/v4=%s", c.v6, c.v4), func(t *testing.T) {
			t.Parallel()
			f(t, c.v6, c.v4)
		})
	}
}

// whole4 are the keys of a DHCPv4 server that serves over 4o6 and, on UDP 67,
// through a relay on its own link.
func whole4(port int) string {
	return fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0"]}, "valid-lifetime": 600,
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "s0", "pools": [{"pool": "192.0.2.100 - 192.0.2.250"}]}],
		"dhcp4o6-port": %d`, port)
}

func whole6(port int) string { return plain6(fmt.Sprintf(`, "dhcp4o6-port": %d`, port)) }

// unicast6 are the keys of one that takes unicast on its global address too.
func unicast6(port int) string {
	return strings.Replace(whole6(port), `["s0"]`, `["s0/`+clientNet+`1"]`, 1)
}

// hosted is a bare site whose server host has an IPv4 address, and whose client
// host can play a DHCPv4 relay.
func hosted(t *testing.T) *site {
	t.Helper()
	s := bare(t, 0)
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	s.client.IP("addr add " + relayUpV4 + "/24 dev c0")
	return s
}

const peerGone = "the other daemon is not there"

// TestDeadV4 kills the DHCPv4 side. DHCPv6 goes on at once, 4o6 is silent, our
// log says so once and counts every query; when the side is back, 4o6 works
// again although nobody restarted the DHCPv6 side.
func TestDeadV4(t *testing.T) {
	eachCouple(t, func(t *testing.T, who6, who4 seat) {
		s := hosted(t)
		v6 := s.run(t, who6, 6, whole6(786))
		v4 := s.run(t, who4, 4, whole4(786))
		s.listening(t, "[::1]:786", "[::1]:787", ":547")
		c := s.dial(t, "ff02::1:2")
		l := lease4o6(t, c, 10*time.Second)

		v4.Kill()
		plain := &client6{conn: c.Conn, to: c.To, duid: []byte{0, 3, 0, 1, 2, 0, 0x5e, 0x60, 0, 1}, iaid: 1}
		c.Timeout = 150 * time.Millisecond
		const queries = 5
		for range queries {
			if _, err := c.Renew(l); !errors.Is(err, dhcptest.ErrSilence) {
				t.Errorf("4o6 without its DHCPv4 side: %v", err)
			}
			if !plain.solicit(t, time.Second) {
				t.Error("a Solicit is not answered while the DHCPv4 side is dead")
			}
		}
		if who6 == ours {
			v6.Said(3*time.Second, peerGone)
		}

		s.run(t, who4, 4, whole4(786))
		s.listening(t, "[::1]:787")
		c.Timeout = 500 * time.Millisecond
		dhcptest.WaitFor(t, 10*time.Second, "renewal", func() bool { _, err := c.Renew(l); return err == nil })
		if !v6.Running() {
			t.Error("the DHCPv6 side has ended")
		}
		if who6 == ours {
			toldOnce(t, v6, queries)
		}
	})
}

var noPeer = regexp.MustCompile(`"4o6-no-peer": (\d+)`)

// toldOnce ends a daemon of ours that has lost that many messages to a dead peer.
func toldOnce(t *testing.T, d *dhcptest.Process, lost int) {
	t.Helper()
	d.Stop()
	if n := strings.Count(d.Log(), peerGone); n != 1 {
		t.Errorf("%d lines about the peer, want 1", n)
	}
	// the kernel reports a refusal to the next call: the last one may be left
	m := noPeer.FindStringSubmatch(d.Log())
	if m == nil || m[1] != fmt.Sprint(lost) && m[1] != fmt.Sprint(lost-1) {
		t.Errorf("counted %q, want %d lost", m, lost)
	}
}

// TestDeadV6 is the mirror: DHCPv4 by relay goes on while the DHCPv6 side is
// dead, and 4o6 works when it is back.
func TestDeadV6(t *testing.T) {
	eachCouple(t, func(t *testing.T, who6, who4 seat) {
		s := hosted(t)
		v6 := s.run(t, who6, 6, whole6(786))
		v4 := s.run(t, who4, 4, whole4(786))
		s.listening(t, "[::1]:786", "[::1]:787", ":547", ":67")
		c := s.dial(t, "ff02::1:2")
		l := lease4o6(t, c, 10*time.Second)

		// a query whose sender is gone when it is looked at is not answered
		freeze(t, v4)
		if err := c.Send(c.Query(dhcp4.Discover, false, nil)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		v6.Kill()
		v4.Signal(syscall.SIGCONT)
		if who4 == ours {
			v4.Said(3*time.Second, "nobody holds it: they are dropped")
		}
		r := s.relay4(t, netip.MustParseAddr(relayUpV4))
		for i := range 3 {
			r.send(t, uint16(i), r.giaddr, nil)
			if m := r.answer(t, time.Second); m == nil || m.Type() != dhcp4.Offer {
				t.Fatalf("DISCOVER %d by relay: %v while the DHCPv6 side is dead", i, m)
			}
		}
		s.run(t, who6, 6, whole6(786))
		s.listening(t, "[::1]:786", ":547")
		c.Timeout = 500 * time.Millisecond
		dhcptest.WaitFor(t, 10*time.Second, "renewal", func() bool { _, err := c.Renew(l); return err == nil })
		if !v4.Running() {
			t.Error("the DHCPv4 side has ended")
		}
	})
}

// freeze stops a process, and waits until each of its threads stands still.
func freeze(t *testing.T, p *dhcptest.Process) {
	t.Helper()
	p.Signal(syscall.SIGSTOP)
	dhcptest.WaitFor(t, 5*time.Second, "standstill", func() bool {
		all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.PID()))
		return len(all) > 0 && !slices.ContainsFunc(all, func(file string) bool {
			b, err := os.ReadFile(file)
			return err == nil && !bytes.Contains(b, []byte("\nState:\tT"))
		})
	})
}

// TestStartOrder starts either side first, with clients asking all the while.
func TestStartOrder(t *testing.T) {
	for _, first := range []int{4, 6} {
		t.Run(fmt.Sprintf("v%d first", first), func(t *testing.T) {
			eachCouple(t, func(t *testing.T, who6, who4 seat) {
				s := hosted(t)
				start := map[int]func(){
					4: func() { s.run(t, who4, 4, whole4(786)); s.listening(t, "[::1]:787") },
					6: func() { s.run(t, who6, 6, whole6(786)); s.listening(t, "[::1]:786", ":547") },
				}
				start[first]()
				c := s.dial(t, "ff02::1:2")
				c.Timeout = 200 * time.Millisecond
				for range 2 {
					if _, err := c.Lease(); err == nil {
						t.Fatal("a lease from half a pair")
					}
				}
				start[10-first]()
				lease4o6(t, c, 10*time.Second)
			})
		})
	}
}

// TestPortChange moves the pair to another port by reload, one side after the
// other.
func TestPortChange(t *testing.T) {
	eachCouple(t, func(t *testing.T, who6, who4 seat) {
		s := hosted(t)
		v6 := s.run(t, who6, 6, whole6(786))
		v4 := s.run(t, who4, 4, whole4(786))
		s.listening(t, "[::1]:786", "[::1]:787", ":547")
		c := s.dial(t, "ff02::1:2")
		l := lease4o6(t, c, 10*time.Second)

		s.configure(6, whole6(800))
		v6.Signal(syscall.SIGHUP)
		s.listening(t, "[::1]:800")
		s.configure(4, whole4(800))
		v4.Signal(syscall.SIGHUP)
		s.listening(t, "[::1]:801")
		c.Timeout = 500 * time.Millisecond
		dhcptest.WaitFor(t, 10*time.Second, "renewal by the new port", func() bool { _, err := c.Renew(l); return err == nil })
		for i, who := range []seat{who6, who4} {
			p, old := []*dhcptest.Process{v6, v4}[i], []string{"[::1]:786", "[::1]:787"}[i]
			if who == ours {
				p.Said(2*time.Second, "dynamic server reconfiguration succeeded with file ")
				dhcptest.WaitFor(t, 2*time.Second, "end of "+old, func() bool { return !s.server.Bound(old) })
			}
		}
	})
}

// TestPortTaken starts the pair while somebody else has both ports. Plain
// clients are served all the same, and 4o6 as soon as the ports are free.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	s := hosted(t)
	var taken []net.PacketConn
	err := s.server.Do(func() error {
		for _, port := range []string{"786", "787"} {
			c, err := net.ListenPacket("udp6", "[::1]:"+port)
			if err != nil {
				return err
			}
			taken = append(taken, c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v6 := s.run(t, ours, 6, whole6(786))
	v4 := s.run(t, ours, 4, whole4(786))
	s.listening(t, ":547", ":67")
	v6.Said(3*time.Second, "the pair's port cannot be opened")
	v4.Said(3*time.Second, "the pair's port cannot be opened")
	c := s.dial(t, "ff02::1:2")
	plain := &client6{conn: c.Conn, to: c.To, duid: []byte{0, 3, 0, 1, 2, 0, 0x5e, 0x60, 0, 1}, iaid: 1}
	if !plain.solicit(t, 2*time.Second) {
		t.Error("a Solicit is not answered")
	}
	r := s.relay4(t, netip.MustParseAddr(relayUpV4))
	r.send(t, 1, r.giaddr, nil)
	if r.answer(t, 2*time.Second) == nil {
		t.Error("a DISCOVER by relay is not answered")
	}
	for _, c := range taken {
		c.Close()
	}
	lease4o6(t, c, 10*time.Second)
}
