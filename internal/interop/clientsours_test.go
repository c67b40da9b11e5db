//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// An ownClient is dhcp4c or dhcp6c on c0.
type ownClient struct {
	*dhcptest.Process
	s    *site
	name string
	more []string
}

// quick has the client take addresses without a probe, which takes six seconds,
// and leave resolv.conf alone: a network namespace shares it with the machine.
const quick = `{"dhcp4c": {"probe": false, "resolver": "none"}, "dhcp6c": {"resolver": "none"}}`

// own starts a client of ours with this configuration.
func (s *site) own(t *testing.T, name, conf string, args ...string) *ownClient {
	t.Helper()
	c := &ownClient{s: s, name: name, more: append([]string{"-c", s.lab.Write("clients.json", conf)}, args...)}
	c.start()
	return c
}

func (c *ownClient) start() {
	c.Process = c.s.client.Start(nil, append(append([]string{bin(c.name)}, c.args("-v")...), c.more...)...)
}

// args are the flags that all runs of the client share.
func (c *ownClient) args(more ...string) []string {
	dir := c.s.lab.Dir
	return append([]string{"-i", "c0", "--state-dir", filepath.Join(dir, "clients"), "--run-dir", filepath.Join(dir, "run")}, more...)
}

// ask runs the client's program for --status, --renew or --release, and returns
// what it prints.
func (c *ownClient) ask(t *testing.T, what ...string) string {
	t.Helper()
	out, err := c.s.client.Run(append([]string{"timeout", "30", bin(c.name)}, c.args(append(what, c.more...)...)...)...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", c.name, what, err, out)
	}
	return out
}

// state is what --status says.
func (c *ownClient) state(t *testing.T) string {
	t.Helper()
	var all []struct{ State string }
	if err := json.Unmarshal([]byte(c.ask(t, "--status", "--json")), &all); err != nil || len(all) != 1 {
		t.Fatalf("--status --json: %v %v", all, err)
	}
	return all[0].State
}

// has reports whether the client's host has an address on c0.
func (s *site) has(addr string) bool {
	out, _ := s.client.Run("ip", "addr", "show", "dev", "c0")
	return strings.Contains(out, " "+addr+"/")
}

// gets waits for an address.
func (s *site) gets(t *testing.T, limit time.Duration, addr string) {
	t.Helper()
	dhcptest.WaitFor(t, limit, "address "+addr+" on c0", func() bool { return s.has(addr) })
}

// loses waits until an address has gone.
func (s *site) loses(t *testing.T, limit time.Duration, addr string) {
	t.Helper()
	dhcptest.WaitFor(t, limit, "no address "+addr+" on c0", func() bool { return !s.has(addr) })
}

// A rival is a DHCP server, ours or another's, on s0 with one pool of two
// addresses and short times.
type rival struct {
	start func(s *site, t *testing.T) *dhcptest.Process
	// held reports whether the server's own file says that the address is leased.
	held func(s *site, t *testing.T, addr string) bool
	slow bool // its leases are of two minutes at least: renewals are asked for, and rebinding takes long
}

// lastRow is a lease as Kea's file, ours too, has it last; nil for none.
func (s *site) lastRow(t *testing.T, v int, addr string) (row []string) {
	t.Helper()
	b, _ := os.ReadFile(s.leaseFile(v))
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimSpace(line), ","); f[0] == addr {
			row = f
		}
	}
	return row
}

// keaHolds reads Kea's file: a lease that was released is of state 3 in ours, or
// its lifetime is 0.
func keaHolds(v, state, valid int) func(*site, *testing.T, string) bool {
	return func(s *site, t *testing.T, addr string) bool {
		row := s.lastRow(t, v, addr)
		return len(row) > state && row[state] == "0" && row[valid] != "0"
	}
}

// iscHolds reads the file of Debian's dhcpd: of each lease the last entry counts.
func iscHolds(s *site, t *testing.T, addr string) bool {
	b, _ := os.ReadFile(s.leaseFile(0))
	text := string(b)
	i := strings.LastIndex(text, "lease "+addr+" {")
	if j := strings.LastIndex(text, "iaaddr "+addr+" {"); j > i {
		i = j
	}
	if i < 0 {
		return false
	}
	entry, _, _ := strings.Cut(text[i:], "}")
	return strings.Contains(entry, "\n  binding state active") || strings.Contains(entry, "\n    binding state active")
}

// maskHolds reads the file of dnsmasq, which has what is leased alone.
func maskHolds(s *site, t *testing.T, addr string) bool {
	b, _ := os.ReadFile(s.leaseFile(1))
	return strings.Contains(string(b), " "+addr+" ")
}

// isc starts Debian's dhcpd.
func (s *site) isc(t *testing.T, family, conf string) *dhcptest.Process {
	t.Helper()
	need.Programs(t, "dhcpd")
	leases := s.leaseFile(0)
	if f, err := os.OpenFile(leases, os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		t.Fatal(err)
	} else {
		f.Close()
	}
	return s.server.Start(nil, "dhcpd", family, "-f", "-d", "-cf", s.lab.Write("dhcpd.conf", conf), "-lf", leases,
		"-pf", filepath.Join(s.lab.Dir, "dhcpd.pid"), "s0")
}

// mask starts dnsmasq.
func (s *site) mask(t *testing.T, lines ...string) *dhcptest.Process {
	t.Helper()
	need.Programs(t, "dnsmasq")
	conf := append([]string{"port=0", "interface=s0", "bind-interfaces", "no-ping", "dhcp-authoritative", "user=root", "log-dhcp",
		"dhcp-leasefile=" + s.leaseFile(1), "pid-file=" + filepath.Join(s.lab.Dir, "dnsmasq.pid")}, lines...)
	return s.server.Start(nil, "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file="+s.lab.Write("dnsmasq.conf", strings.Join(conf, "\n")+"\n"))
}

// bridged puts a third host on the link, which has an address already.
func bridged(t *testing.T) (s *site, third *dhcptest.Namespace) {
	t.Helper()
	s = unlinked(t)
	sw := s.lab.Namespace("b")
	third = s.lab.Namespace("x")
	sw.IP("link add br0 type bridge")
	for _, end := range []struct {
		n    *dhcptest.Namespace
		name string
	}{{s.client, "c0"}, {s.server, "s0"}, {third, "x0"}} {
		s.lab.Wire(end.n, end.name, sw, "to-"+end.name)
		sw.IP("link set to-" + end.name + " master br0")
	}
	sw.IP("link set br0 up")
	return s, third
}

// ticks is how much processor time a process has had.
func ticks(t *testing.T, pid int) (n int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	for _, f := range strings.Fields(rest)[11:13] { // utime, stime
		v, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		n += v
	}
	return n
}

// TestClientIsSmall: a client with a lease has less than 15 MB of memory, and no
// processor time while nothing happens. The one that has both sides, too.
func TestClientIsSmall(t *testing.T) {
	for _, test := range []struct{ program, flag, addr string }{
		{"dhcp4c", "-v", "198.51.100.10"}, {"dhcp6c", "-v", clientNet + "1000"}, {"dhcp6c", "--4o6", "192.0.2.100"},
	} {
		t.Run(test.program+" "+test.flag, func(t *testing.T) {
			t.Parallel()
			s := bare(t, 0)
			s.run(t, ours, 6, plain6(`, "option-data": [{"code": 88, "csv-format": false, "data": ""}], "dhcp4o6-port": 786`))
			if test.program == "dhcp4c" {
				s.server.IP("addr add " + firstServer + "/24 dev s0")
				s.run(t, ours, 4, behind4("198.51.100.10 - 198.51.100.99", ""))
			} else {
				s.run(t, ours, 4, over4o6(""))
			}
			s.listening(t, ":547")
			c := s.own(t, test.program, quick, test.flag)
			s.gets(t, 30*time.Second, test.addr)
			c.isSmall(t)
		})
	}
}

// isSmall looks at a client that has its lease.
func (c *ownClient) isSmall(t *testing.T) {
	t.Helper()
	time.Sleep(time.Second) // what comes after the lease
	before := ticks(t, c.PID())
	time.Sleep(4 * time.Second)
	if n := ticks(t, c.PID()) - before; n > 1 {
		t.Errorf("%d ticks of processor time in four seconds with nothing to do", n)
	}
	octets := rss(t, c.PID())
	t.Logf("%s: %d KiB", c.name, octets>>10)
	if octets > 15_000_000 {
		t.Errorf("%d KiB of memory", octets>>10)
	}
}

// ends waits for the end of a client, which is to be without a fault.
func (c *ownClient) ends(t *testing.T, want int) {
	t.Helper()
	if code := c.Wait(20 * time.Second); code != want {
		t.Errorf("exit code %d, want %d\n%s", code, want, c.Log())
	}
}
