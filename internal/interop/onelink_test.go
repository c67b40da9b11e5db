//go:build interop

package interop

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// A caster is a client on c0 that broadcasts, and has its answers broadcast too.
type caster struct {
	conn *net.UDPConn
	xid  uint32
	buf  [2048]byte
}

func (s *site) caster(t *testing.T) *caster {
	t.Helper()
	c := &caster{xid: uint32(time.Now().UnixNano())}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		e := raw.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), "c0") })
		return errors.Join(e, err)
	}}
	err := s.client.Listen(func() error {
		conn, err := lc.ListenPacket(t.Context(), "udp4", "0.0.0.0:68")
		if err == nil {
			c.conn = conn.(*net.UDPConn)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

// ask broadcasts a message of a client and returns all answers to it, by the server
// identifier that they name.
func (c *caster) ask(t *testing.T, client byte, kind dhcp4.MessageType, edit func(*dhcp4.Builder)) map[string]*dhcp4.Message {
	t.Helper()
	c.xid++
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType, w.Header.Flags = c.xid, 1, dhcp4.FlagBroadcast
	w.SetCHAddr([]byte{2, 0, 0x5e, 0x70, 0, client})
	w.Query(kind, nil)
	if edit != nil {
		edit(&w)
	}
	if _, err := c.conn.WriteToUDPAddrPort(w.Bytes(), netip.MustParseAddrPort("255.255.255.255:67")); err != nil {
		t.Fatal(err)
	}
	answers := make(map[string]*dhcp4.Message)
	c.conn.SetReadDeadline(time.Now().Add(700 * time.Millisecond))
	for {
		n, _, err := c.conn.ReadFromUDPAddrPort(c.buf[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return answers
		}
		if err != nil {
			t.Fatal(err)
		}
		m := new(dhcp4.Message)
		if err := m.Parse(slices.Clone(c.buf[:n])); err != nil {
			t.Fatal(err)
		}
		if id, ok := m.Addr(dhcp4.OptServerID); ok && m.XID == c.xid {
			if answers[id.String()] != nil {
				t.Errorf("%v has answered twice", id)
			}
			answers[id.String()] = m
		}
	}
}

// kinds writes answers down: who says what.
func kinds(answers map[string]*dhcp4.Message) string {
	var all []string
	for who, m := range answers {
		all = append(all, fmt.Sprintf("%s %v", who, m.Type()))
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}

// TestOneLink: two servers of ours and one of Kea's on one link, each with a pool
// of its own in one subnet, do not disturb each other. Each answers who chose it
// or has its lease, and only them (RFC 2131 §4.3.2); one that is the authority
// refuses what it does not know.
func TestOneLink(t *testing.T) {
	need.Programs(t, "kea-dhcp4", "ss")
	lab := dhcptest.NewLab(t)
	s := &site{lab: lab, client: lab.Namespace("c")}
	middle := lab.Namespace("m")
	middle.IP("link add br0 type bridge")
	middle.IP("link set br0 up")
	join := func(n *dhcptest.Namespace, here, there string) {
		lab.Wire(n, here, middle, there)
		middle.IP("link set " + there + " master br0")
	}
	join(s.client, "c0", "pc")
	seats := []seat{ours, ours, kea}
	running := make([]*dhcptest.Process, len(seats))
	hosts := make([]*dhcptest.Namespace, len(seats))
	addr := func(i int) string { return fmt.Sprintf("192.0.2.%d", i+1) }
	begin := func(i int, more string) {
		dir := filepath.Join(lab.Dir, fmt.Sprint("server", i))
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		config := lab.Write(fmt.Sprintf("server%d.json", i), fmt.Sprintf(`{"Dhcp4": {
			"lease-database": {"type": "memfile", "name": %q, "lfc-interval": 0},
			"loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}],
			"interfaces-config": {"interfaces": ["s0"]}, "valid-lifetime": 600, %s
			"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.%d0 - 192.0.2.%d9"}]}]}}`,
			filepath.Join(dir, "leases.csv"), more, 10+i, 10+i))
		running[i] = hosts[i].Start([]string{"KEA_PIDFILE_DIR=" + dir, "KEA_LOCKFILE_DIR=none"}, append(program(seats[i], 4), "-c", config)...)
		dhcptest.WaitFor(t, 15*time.Second, "socket of "+addr(i), func() bool { return hosts[i].Bound(":67") })
	}
	for i := range seats {
		hosts[i] = lab.Namespace(fmt.Sprint("s", i))
		join(hosts[i], "s0", fmt.Sprint("p", i))
		hosts[i].IP("addr add " + addr(i) + "/24 dev s0")
		begin(i, "")
	}
	c := s.caster(t)
	var offers map[string]*dhcp4.Message
	dhcptest.WaitFor(t, 10*time.Second, "three offers", func() bool {
		offers = c.ask(t, 200, dhcp4.Discover, nil)
		return len(offers) == 3
	})

	leases := make([]netip.Addr, len(seats))
	for i := range seats {
		offers := c.ask(t, byte(i), dhcp4.Discover, nil)
		if want := fmt.Sprintf("[%s DHCPOFFER %s DHCPOFFER %s DHCPOFFER]", addr(0), addr(1), addr(2)); kinds(offers) != want {
			t.Fatalf("offers: %s", kinds(offers))
		}
		leases[i] = offers[addr(i)].YIAddr
		got := c.ask(t, byte(i), dhcp4.Request, func(w *dhcp4.Builder) {
			id := netip.MustParseAddr(addr(i)).As4()
			w.Add(dhcp4.OptServerID, id[:])
			a := leases[i].As4()
			w.Add(dhcp4.OptRequestedAddress, a[:])
		})
		if want := fmt.Sprintf("[%s DHCPACK]", addr(i)); kinds(got) != want {
			t.Errorf("SELECTING %s: %s", addr(i), kinds(got))
		}
	}
	reboot := func(i int) string {
		return kinds(c.ask(t, byte(i), dhcp4.Request, func(w *dhcp4.Builder) {
			a := leases[i].As4()
			w.Add(dhcp4.OptRequestedAddress, a[:])
		}))
	}
	for i := range seats {
		if got, want := reboot(i), fmt.Sprintf("[%s DHCPACK]", addr(i)); got != want {
			t.Errorf("INIT-REBOOT with a lease of %s: %s", addr(i), got)
		}
		s.client.IP("addr add " + leases[i].String() + "/24 dev c0")
		got := kinds(c.ask(t, byte(i), dhcp4.Request, func(w *dhcp4.Builder) { w.Header.CIAddr = leases[i] }))
		s.client.IP("addr del " + leases[i].String() + "/24 dev c0")
		if want := fmt.Sprintf("[%s DHCPACK]", addr(i)); got != want {
			t.Errorf("REBINDING with a lease of %s: %s", addr(i), got)
		}
	}

	// The authority on the link refuses what it does not know, whoever does.
	running[0].Stop()
	begin(0, `"authoritative": true,`)
	dhcptest.WaitFor(t, 5*time.Second, "the authority", func() bool { return reboot(0) == fmt.Sprintf("[%s DHCPACK]", addr(0)) })
	for i := 1; i < len(seats); i++ {
		if got, want := reboot(i), fmt.Sprintf("[%s DHCPNAK %s DHCPACK]", addr(0), addr(i)); got != want {
			t.Errorf("INIT-REBOOT with a lease of %s beside an authority: %s", addr(i), got)
		}
	}
}
