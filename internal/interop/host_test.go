//go:build interop

package interop

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// bare lays out hosts, links and relays; the test starts its servers itself.
func bare(t *testing.T, relays int) *site {
	t.Helper()
	s := unlinked(t)
	s.wire(t, relays)
	return s
}

// unlinked is a server host and a client host with nothing between them.
func unlinked(t *testing.T) *site {
	t.Helper()
	need.Programs(t, "ss")
	lab := dhcptest.NewLab(t)
	s := &site{lab: lab, client: lab.Namespace("c"), server: lab.Namespace("s")}
	s.env = []string{"KEA_PIDFILE_DIR=" + lab.Dir, "KEA_LOCKFILE_DIR=none"}
	if err := os.MkdirAll(filepath.Join(lab.Dir, "state"), 0o750); err != nil {
		t.Fatal(err)
	}
	return s
}

// leaseFile is where the server of a family keeps its leases, whoever it is.
func (s *site) leaseFile(v int) string {
	return filepath.Join(s.lab.Dir, "state", fmt.Sprintf("leases%d.csv", v))
}

// configure writes the configuration of the server of a family: keys, and what
// all tests share.
func (s *site) configure(v int, keys string) string {
	return s.lab.Write(fmt.Sprintf("dhcp%d.json", v), fmt.Sprintf(`{"Dhcp%d": {
		"lease-database": {"type": "memfile", "name": %q, "lfc-interval": 0},
		"loggers": [{"name": "kea-dhcp%d", "severity": "INFO", "output_options": [{"output": "stdout"}]}],
		%s}}`, v, s.leaseFile(v), v, keys))
}

// run configures and starts a server and does not wait for it.
func (s *site) run(t *testing.T, who seat, v int, keys string) *dhcptest.Process {
	t.Helper()
	need.Programs(t, program(who, v)[0])
	return s.server.Start(s.env, append(program(who, v), "-c", s.configure(v, keys))...)
}

// listening waits until each of the addresses, as in "[::1]:786", is bound.
func (s *site) listening(t *testing.T, addrs ...string) {
	t.Helper()
	for _, a := range addrs {
		dhcptest.WaitFor(t, 15*time.Second, "socket on "+a, func() bool { return s.server.Bound(a) })
	}
}

// plain6 are the keys of a DHCPv6 server with one subnet on the clients' link.
func plain6(more string) string {
	return fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0"]},
		"server-id": {"type": "LL", "persist": false},
		"preferred-lifetime": 500, "valid-lifetime": 600,
		"subnet6": [{"id": 1, "subnet": "%s/64", "interface": "s0", "pools": [{"pool": "%s1000 - %s1fff"}]}]%s`,
		clientNet, clientNet, clientNet, more)
}

// over4o6 are the keys of a DHCPv4 server with one subnet, reached over IPv6 by
// way of s0.
func over4o6(more string) string {
	return fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0"]}, "valid-lifetime": 600,
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "s0", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}],
		"dhcp4o6-port": 786%s`, more)
}

// A client6 asks for IPv6 with messages of the test's own making.
type client6 struct {
	conn net.PacketConn
	to   net.Addr
	duid dhcp6.DUID
	iaid uint32

	env dhcp6.Envelope
	buf [65536]byte
	xid byte
}

func (s *site) client6(t *testing.T, to string) *client6 {
	t.Helper()
	c := s.dial(t, to)
	return &client6{conn: c.Conn, to: c.To, duid: dhcp6.NewDUIDLL(1, []byte{2, 0, 0x5e, 0x60, 0, 1}), iaid: 1}
}

// ask sends a message with the client's DUID and the options given, and returns
// the answer to it, nil for none within the limit.
func (c *client6) ask(t testing.TB, limit time.Duration, mt dhcp6.MessageType, options []byte) *dhcp6.Message {
	t.Helper()
	c.xid++
	b := []byte{byte(mt), 0xc6, 0xc6, c.xid}
	b = dhcp6.AppendOption(b, dhcp6.OptClientID, c.duid)
	if _, err := c.conn.WriteTo(append(b, options...), c.to); err != nil {
		t.Fatal(err)
	}
	c.conn.SetReadDeadline(time.Now().Add(limit))
	for {
		n, _, err := c.conn.ReadFrom(c.buf[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := c.env.Parse(c.buf[:n]); err != nil {
			t.Fatal(err)
		}
		if m := &c.env.Message; m.XID == [3]byte{0xc6, 0xc6, c.xid} {
			return m
		}
	}
}

// solicit reports whether a Solicit is answered.
func (c *client6) solicit(t testing.TB, limit time.Duration) bool {
	t.Helper()
	m := c.ask(t, limit, dhcp6.Solicit, dhcp6.IANA{IAID: c.iaid}.Append(nil))
	return m != nil && m.Type == dhcp6.Advertise
}

// A lease6 is what a client6 got.
type lease6 struct {
	addr   netip.Addr
	server []byte
}

// lease walks Solicit, Advertise, Request, Reply.
func (c *client6) lease(t testing.TB) (lease6, error) {
	t.Helper()
	m := c.ask(t, 2*time.Second, dhcp6.Solicit, dhcp6.IANA{IAID: c.iaid}.Append(nil))
	if m == nil || m.Type != dhcp6.Advertise {
		return lease6{}, fmt.Errorf("Solicit: answer %v", m)
	}
	server, _ := m.Options.Option(dhcp6.OptServerID)
	l := lease6{server: append([]byte{}, server...)}
	return c.take(t, dhcp6.Request, l)
}

// renew asks for a lease that the client holds.
func (c *client6) renew(t testing.TB, l lease6) (lease6, error) {
	t.Helper()
	return c.take(t, dhcp6.Renew, l)
}

func (c *client6) take(t testing.TB, mt dhcp6.MessageType, l lease6) (lease6, error) {
	t.Helper()
	b := dhcp6.AppendOption(nil, dhcp6.OptServerID, l.server)
	b, mark := dhcp6.OpenIANA(b, c.iaid, 0, 0)
	if l.addr.IsValid() {
		b = dhcp6.IAAddr{Addr: l.addr}.Append(b)
	}
	m := c.ask(t, 2*time.Second, mt, dhcp6.Shut(b, mark))
	if m == nil || m.Type != dhcp6.Reply {
		return l, fmt.Errorf("%v: answer %v", mt, m)
	}
	got, valid := addressOf(m)
	switch {
	case valid == 0:
		return l, fmt.Errorf("%v: no address in %x", mt, m.Options)
	case l.addr.IsValid() && got != l.addr:
		return l, fmt.Errorf("%v: %v instead of %v", mt, got, l.addr)
	}
	l.addr = got
	return l, nil
}

// addressOf is the first address with a lifetime in the IA_NA of an answer.
func addressOf(m *dhcp6.Message) (addr netip.Addr, valid uint32) {
	v, ok := m.Options.Option(dhcp6.OptIANA)
	if !ok {
		return
	}
	ia, err := dhcp6.ParseIANA(v)
	if err != nil {
		return
	}
	for code, v := range ia.Options.All {
		if a, err := dhcp6.ParseIAAddr(v); code == dhcp6.OptIAAddr && err == nil && a.Valid > 0 {
			return a.Addr, a.Valid
		}
	}
	return
}

// A dhclient is ISC's client as Debian has it, with a script that notes what it
// is called for and gives the interface its address.
type dhclient struct {
	*dhcptest.Process
	s      *site
	common []string
	events string
}

const dhclientScript = `#!/bin/sh
echo "$reason ${new_ip_address}${new_ip6_address} pair=${new_dhcp6_the_pair} router=${new_routers}" >> %[1]s
case $reason in
BOUND6|REBIND6) ip -6 addr replace "$new_ip6_address/64" dev "$interface" nodad ;;
BOUND|REBOOT) ip addr replace "$new_ip_address/24" dev "$interface"
	[ -z "$new_routers" ] || ip route replace default via "$new_routers" ;;
esac
exit 0
`

// dhclient starts the client in the foreground.
func (s *site) dhclient(t *testing.T, name, conf string, args ...string) *dhclient {
	t.Helper()
	need.Programs(t, "dhclient")
	file := func(ext string) string { return filepath.Join(s.lab.Dir, name+ext) }
	c := &dhclient{s: s, events: file(".events")}
	script := s.lab.Write(name+".sh", fmt.Sprintf(dhclientScript, c.events))
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	c.common = append(append([]string{"dhclient"}, args...), "-v", "-sf", script, "-lf", file(".leases"),
		"-pf", file(".pid"), "-cf", s.lab.Write(name+".conf", conf))
	c.Process = s.client.Start(nil, append(c.common, "-d", "c0")...)
	return c
}

// saw waits until the script has been called for something.
func (c *dhclient) saw(t *testing.T, limit time.Duration, event string) {
	t.Helper()
	dhcptest.WaitFor(t, limit, "event "+event, func() bool {
		b, _ := os.ReadFile(c.events)
		return strings.Contains(string(b), event)
	})
}

// release has the client give back what it holds.
func (c *dhclient) release(t *testing.T) {
	t.Helper()
	c.Kill() // it would not let go of its port
	if out, err := c.s.client.Run(append([]string{"timeout", "10"}, append(c.common, "-r", "c0")...)...); err != nil {
		t.Fatalf("dhclient -r: %v\n%s", err, out)
	}
}

// relay4 is the way of a DHCPv4 message that a relay sends on, from a socket
// of the test's own on an address of the client's host.
type relay4 struct {
	conn   *net.UDPConn
	giaddr netip.Addr
	to     netip.AddrPort
	xid    uint32
	buf    [65536]byte
	reply  dhcp4.Message
}

func (s *site) relay4(t *testing.T, from netip.Addr) *relay4 {
	t.Helper()
	r := &relay4{giaddr: from, to: netip.MustParseAddrPort(serverV4 + ":67"), xid: uint32(time.Now().UnixNano())}
	err := s.client.Listen(func() (err error) {
		r.conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 67)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.conn.Close() })
	return r
}

// send sends a DISCOVER on for a client; giaddr says where the answer shall go.
func (r *relay4) send(t testing.TB, client uint16, giaddr netip.Addr, more func(*dhcp4.Builder)) {
	t.Helper()
	r.xid++
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType, w.Header.HLen, w.Header.Hops = r.xid, 1, 6, 1
	w.Query(dhcp4.Discover, nil)
	w.Header.GIAddr = giaddr
	w.SetCHAddr([]byte{2, 0, 0x5e, 0x40, byte(client >> 8), byte(client)})
	if more != nil {
		more(&w)
	}
	if _, err := r.conn.WriteToUDPAddrPort(w.Bytes(), r.to); err != nil {
		t.Fatal(err)
	}
}

// answer waits for the answer to the last message sent.
func (r *relay4) answer(t testing.TB, limit time.Duration) *dhcp4.Message {
	t.Helper()
	r.conn.SetReadDeadline(time.Now().Add(limit))
	for {
		n, _, err := r.conn.ReadFromUDPAddrPort(r.buf[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := r.reply.Parse(r.buf[:n]); err != nil {
			t.Fatal(err)
		}
		if r.reply.XID == r.xid {
			return &r.reply
		}
	}
}

// listenAs opens a socket on an IPv6 address that the client's host does not
// have: what it sends looks like a neighbour's who is not there any more.
func (s *site) listenAs(t *testing.T, addr netip.Addr, port uint16) net.PacketConn {
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT, 1) })
		return errors.Join(e, err)
	}}
	var conn net.PacketConn
	err := s.client.Listen(func() (err error) {
		conn, err = lc.ListenPacket(t.Context(), "udp6", netip.AddrPortFrom(addr, port).String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// lease4o6 has a client get a lease over 4o6, trying until the limit.
func lease4o6(t *testing.T, c *dhcptest.Client4o6, limit time.Duration) (l dhcptest.Lease4) {
	t.Helper()
	c.Timeout = 500 * time.Millisecond
	dhcptest.WaitFor(t, limit, "lease over 4o6", func() (ok bool) {
		var err error
		l, err = c.Lease()
		return err == nil
	})
	return l
}

func udp(addr string, port int) *net.UDPAddr {
	return &net.UDPAddr{IP: net.ParseIP(addr), Port: port}
}

// relayed is a message as a relay sends it on; an empty interfaceID stands for
// no such option.
func relayed(message []byte, link, interfaceID string) []byte {
	b := []byte{byte(dhcp6.RelayForw), 0}
	b = append(b, netip.MustParseAddr(link).AsSlice()...)
	b = append(b, netip.MustParseAddr("fe80::1").AsSlice()...)
	if interfaceID != "" {
		b = dhcp6.AppendOption(b, dhcp6.OptInterfaceID, []byte(interfaceID))
	}
	return dhcp6.AppendOption(b, dhcp6.OptRelayMessage, message)
}
