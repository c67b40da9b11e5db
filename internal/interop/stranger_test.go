//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

// A defence is what stands between a local user and the pair.
type defence struct {
	name string
	who  seat
	port uint16
	hmac string
	let  bool // the stranger's user is in pair-users: as if nobody looked who is there
}

var defences = []defence{
	{"port 786", ours, 786, "off", false},
	{"port 6767, owner", ours, 6767, "off", false},
	{"port 6767, HMAC", ours, 6767, "require", true},
	{"port 6767, owner and HMAC", ours, 6767, "require", false},
	{"port 6767, neither", ours, 6767, "off", true},
	{"Kea, port 6767", kea, 6767, "off", false},
}

// holds reports whether nothing at all may come of a stranger's efforts.
func (d defence) holds() bool {
	return d.who == ours && (d.port < 1024 || d.hmac == "require" || !d.let)
}

// keyFile is a key of the pair's that both daemons may read and the stranger not.
func keyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pair.key")
	if err := os.WriteFile(file, []byte("\x01 a key of the tests, 32 octets."), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// keys are those of a daemon's configuration that make the defence.
func (d defence) keys(key string) string {
	keys := []string{fmt.Sprintf(`"pair-hmac": %q`, d.hmac), fmt.Sprintf(`"pair-key-file": %q`, key)}
	if d.let {
		keys = append(keys, fmt.Sprintf(`"pair-users": ["%d"]`, strangerUID))
	}
	return fmt.Sprintf(`, "dhcp4o6-port": %d, "user-context": {"dhcp4o6": {%s}}`, d.port, strings.Join(keys, ", "))
}

func (d defence) start6(t *testing.T, s *site) *dhcptest.Process {
	t.Helper()
	p := s.run(t, d.who, 6, fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0/%s1"]}, "server-id": {"type": "LL", "persist": false}%s`,
		clientNet, d.keys(keyFile(t))))
	s.listening(t, fmt.Sprintf("[::1]:%d", d.port), ":547")
	return p
}

func (d defence) start4(t *testing.T, s *site) *dhcptest.Process {
	t.Helper()
	p := s.run(t, d.who, 4, `"interfaces-config": {"interfaces": ["s0"]}, "valid-lifetime": 600, "subnet4": [{"id": 1, "subnet": "192.0.2.0/24",
		"4o6-interface": "s0", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]`+d.keys(keyFile(t)))
	s.listening(t, fmt.Sprintf("[::1]:%d", d.port+1))
	return p
}

// exposed is a site whose server host has a stranger on it.
func exposed(t *testing.T) *site {
	t.Helper()
	s := bare(t, 0)
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	s.client.IP("addr add " + clientNet + "77/64 dev c0 nodad")
	s.client.IP("addr add " + clientNet + "78/64 dev c0 nodad")
	return s
}

// TestStrangerForDHCP4D: dhcp4d is down and its port is taken by a user without any
// right, who sends messages of every type, and answers whatever he hears.
func TestStrangerForDHCP4D(t *testing.T) {
	var rows []string
	for _, d := range defences {
		t.Run(d.name, func(t *testing.T) {
			s := exposed(t)
			v6 := d.start6(t, s)
			left := s.countAt(t, clientNet+"77")
			wait := s.stranger(t, job{Port: d.port, Prey: netip.MustParseAddr(clientNet + "77"), Seconds: 3})
			time.Sleep(time.Second) // he has said it all, and listens
			c := s.asker(t)
			const asked = 50
			for range asked {
				if err := c.Send(c.Query(dhcp4.Discover, false, nil)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Millisecond)
			}
			answers := drained(c.Conn)
			got := wait()
			rows = append(rows, fmt.Sprintf("%-28s %4d of %-4d %4d of %-4d %4d of %-4d  %v", d.name, left(), got.Sent, got.Heard, asked, answers, got.Answered, got))
			if d.port < 1024 && !strings.Contains(got.Problem, "permission denied") {
				t.Errorf("a port under 1024: %v", got)
			}
			if d.holds() && (left() != 0 || answers != 0) || d.who == ours && left() != 0 {
				t.Errorf("%d forged messages and %d forged answers left for the wire", left(), answers)
			}
			if d.holds() && d.hmac == "off" && got.Heard != 0 {
				t.Errorf("%d queries were handed to him", got.Heard)
			}
			if d.who == ours && d.port >= 1024 {
				refusals(t, lastCounters(t, v6), d, got)
			}
		})
	}
	fmt.Printf("\ndhcp4d is down, its port taken       unasked left  queries heard  answers left\n%s\n\n", strings.Join(rows, "\n"))
}

// refusals: every message that the stranger sent was counted for the reason that
// the defence gives.
func refusals(t *testing.T, counted map[string]int, d defence, got loot) {
	t.Helper()
	reason := "4o6-bad-packet-owner"
	switch {
	case d.let && d.hmac == "require":
		reason = "4o6-bad-packet-mac"
		// a type that is a letter looks like ISC's dialect, which dhcp6d was not told to speak
		if n := counted["4o6-bad-packet-no-mac"] + counted["4o6-bad-packet-dialect"]; n != got.Sent {
			t.Errorf("%d of %d refused without a MAC", n, got.Sent)
		}
		if n := counted[reason]; n != got.Answered {
			t.Errorf("%d of %d refused for their MAC", n, got.Answered)
		}
		return
	case d.let:
		return
	}
	if n := counted[reason]; n < got.Sent {
		t.Errorf("%d of %d counted under %s: %v", n, got.Sent, reason, counted)
	}
}

// drained is how many datagrams come until none does.
func drained(c net.PacketConn) (n int) {
	for b := make([]byte, 65536); ; n++ {
		c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if _, _, err := c.ReadFrom(b); err != nil {
			return n
		}
	}
}

// asker is a client whose queries go to the server's address.
func (s *site) asker(t *testing.T) *dhcptest.Client4o6 {
	t.Helper()
	c, err := s.client.DialFrom(netip.MustParseAddr(clientNet+"78"), netip.MustParseAddr(clientNet+"1"))
	if err != nil {
		t.Fatal(err)
	}
	c.HWAddr = [6]byte{2, 0, 0x5e, 0x10, 0, 1}
	return c
}

// countAt counts what comes to port 546 of an address of the clients' host.
func (s *site) countAt(t *testing.T, addr string) func() int {
	t.Helper()
	var conn net.PacketConn
	if err := s.client.Listen(func() (err error) { conn, err = net.ListenPacket("udp6", "["+addr+"]:546"); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var n atomic.Int64
	go func() {
		b := make([]byte, 65536)
		for {
			if _, _, err := conn.ReadFrom(b); err != nil {
				return
			}
			n.Add(1)
		}
	}()
	return func() int { return int(n.Load()) }
}

// TestStrangerForDHCP6D: dhcp6d is down and its port is taken by a user without any
// right, who ends others' leases and takes the pool for himself.
func TestStrangerForDHCP6D(t *testing.T) {
	var rows []string
	for _, d := range defences {
		t.Run(d.name, func(t *testing.T) {
			s := exposed(t)
			v4 := d.start4(t, s)
			leases := s.leases(t, d, 20)
			before := s.leaseRows(t)
			got := s.stranger(t, job{V6Seat: true, Port: d.port, Leases: leases, Seconds: 2})()
			changed := s.leaseRows(t) - before
			rows = append(rows, fmt.Sprintf("%-28s %4d  %v", d.name, changed, got))
			if d.port < 1024 && !strings.Contains(got.Problem, "permission denied") {
				t.Errorf("a port under 1024: %v", got)
			}
			if d.holds() && (changed != 0 || got.Heard != 0) {
				t.Errorf("%d leases changed, %d answers heard", changed, got.Heard)
			}
			if d.who == ours && d.port >= 1024 {
				refusals(t, lastCounters(t, v4), d, got)
			}
		})
	}
	fmt.Printf("\ndhcp6d is down, its port taken  leases changed\n%s\n\n", strings.Join(rows, "\n"))
}

// leases has clients get leases while dhcp6d is up.
func (s *site) leases(t *testing.T, d defence, n int) (all []takenFrom) {
	t.Helper()
	v6 := d.start6(t, s)
	c := s.asker(t)
	for i := range n {
		c.HWAddr[5] = byte(i)
		all = append(all, takenFrom{c.HWAddr, lease4o6(t, c, 10*time.Second)})
	}
	c.Conn.Close()
	v6.Stop()
	return all
}

// leaseRows is how many rows the DHCPv4 lease file has; each change is one.
func (s *site) leaseRows(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(s.leaseFile(4))
	if err != nil {
		t.Fatal(err)
	}
	return len(bytes.Fields(b))
}

// lastCounters ends a daemon of ours and returns what it has counted.
func lastCounters(t *testing.T, p *dhcptest.Process) map[string]int {
	t.Helper()
	p.Stop()
	all := make(map[string]int)
	for line := range strings.Lines(p.Log()) {
		if _, fields, ok := strings.Cut(line, "server stops "); ok {
			if err := json.Unmarshal([]byte(fields), &all); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// TestStrangerWindow measures what docs/4o6.md says is left on a port over 1023
// without a MAC, where what was sent by one is read when the other has the port: a stranger who has the port for moments, again and again, while the
// daemon that it belongs to comes and goes much faster than any would.
func TestStrangerWindow(t *testing.T) {
	const starts, seconds = 500, 5
	var rows []string
	for _, d := range []defence{
		{"port 6767, owner", ours, 6767, "off", false},
		{"port 6767, owner and HMAC", ours, 6767, "require", false},
	} {
		t.Run(d.name+", dhcp6d's seat", func(t *testing.T) {
			s := exposed(t)
			v4 := d.start4(t, s)
			leases := s.leases(t, d, 20)
			before := s.leaseRows(t)
			wait := s.stranger(t, job{V6Seat: true, Port: d.port, Leases: leases, Snatch: true, Seconds: seconds})
			up := s.takeInTurns(t, ipc.V6Side, d.port, starts, seconds*time.Second)
			got := wait()
			changed := s.leaseRows(t) - before
			rows = append(rows, fmt.Sprintf("%-28s dhcp6d %4d times: %s, %d leases changed", d.name, up, window(got, lastCounters(t, v4)), changed))
			if d.hmac == "require" && changed != 0 {
				t.Errorf("%d leases changed", changed)
			}
		})
		t.Run(d.name+", dhcp4d's seat", func(t *testing.T) {
			s := exposed(t)
			v6 := d.start6(t, s)
			left := s.countAt(t, clientNet+"77")
			wait := s.stranger(t, job{Port: d.port, Prey: netip.MustParseAddr(clientNet + "77"), Snatch: true, Seconds: seconds})
			asked := s.askOn(t)
			up := s.takeInTurns(t, ipc.V4Side, d.port, starts, seconds*time.Second)
			got, queries := wait(), asked()
			rows = append(rows, fmt.Sprintf("%-28s dhcp4d %4d times: %s, %d left for the wire; of %d queries he heard %d", d.name, up,
				window(got, lastCounters(t, v6)), left(), queries, got.Heard))
			if left() != 0 {
				t.Errorf("%d forged messages left for the wire", left())
			}
		})
	}
	fmt.Printf("\na stranger and a daemon have the port in turns\n%s\n\n", strings.Join(rows, "\n"))
}

// takeInTurns takes a daemon's port as root and gives it back, as if the daemon
// were started and ended, at most so often and so long. It returns how often.
func (s *site) takeInTurns(t *testing.T, side ipc.Side, port uint16, times int, limit time.Duration) (n int) {
	t.Helper()
	err := s.server.Do(func() error {
		for end := time.Now().Add(limit); n < times && time.Now().Before(end); {
			c, err := ipc.Dial(side, port, ipc.Options{ReceiveBuffer: 65536})
			if errors.Is(err, syscall.EADDRINUSE) {
				continue
			}
			if err != nil {
				return err
			}
			n++
			time.Sleep(500 * time.Microsecond)
			c.Close()
			time.Sleep(500 * time.Microsecond)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// window says what became of the stranger's messages.
func window(got loot, counted map[string]int) string {
	owner, nobody, newcomer, lost := counted["4o6-bad-packet-owner"], counted["4o6-bad-packet-nobody"], counted["4o6-bad-packet-newcomer"], counted["4o6-receive-drop"]
	return fmt.Sprintf("the stranger %d times with %d messages, %d refused for him, %d with nobody there, %d after a change, %d lost in the queue: %d got past, of which %d without a MAC refused",
		got.Taken, got.Sent, owner, nobody, newcomer, lost, got.Sent-owner-nobody-newcomer-lost, counted["4o6-bad-packet-no-mac"])
}

// askOn has a client ask until the function returned is called, which returns how
// often it has.
func (s *site) askOn(t *testing.T) (stop func() int) {
	t.Helper()
	c := s.asker(t)
	done, ended := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-done:
				ended <- n
				return
			case <-time.After(200 * time.Microsecond):
				c.Send(c.Query(dhcp4.Discover, false, nil)) // lost is lost
			}
		}
	}()
	return func() int { close(done); return <-ended }
}
