package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// indexOf returns the index of a link of this namespace.
func indexOf(t testing.TB, name string) int {
	t.Helper()
	l, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Index
}

// closed is a host that lets no datagram of DHCP in and believes none that comes by
// another link than its answer would leave by.
func closed(t *testing.T) {
	t.Helper()
	need.Programs(t, "nft")
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader("table ip closed { chain in { type filter hook input priority 0; policy drop; }; }\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
	strict(t)
}

// strict has the host believe no source that its answer would not reach by the link
// that it came in on.
func strict(t *testing.T) {
	t.Helper()
	for _, link := range []string{"all", "lan0"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+link+"/rp_filter", []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRawHearsWhatTheHostDrops: packet sockets hear each datagram once, on the socket
// that it is for, whatever a packet filter and the checks of the sender drop; UDP
// sockets hear what the host lets them.
func TestRawHearsWhatTheHostDrops(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24", "198.51.100.1/24"}, nil)
	frames := []frame{
		{text: "from nobody to all", checksum: "whole"},
		{text: "from nobody to us", checksum: "whole", from: netip.MustParseAddrPort("0.0.0.0:68"), to: netip.MustParseAddrPort("192.0.2.1:67")},
		{text: "from the link to us", checksum: "whole", from: netip.MustParseAddrPort("192.0.2.9:68"), to: netip.MustParseAddrPort("192.0.2.1:67")},
		{text: "from elsewhere to all", checksum: "whole", from: netip.MustParseAddrPort("203.0.113.9:68"), to: netip.MustParseAddrPort("255.255.255.255:67")},
		{text: "from elsewhere to us", checksum: "whole", from: netip.MustParseAddrPort("203.0.113.9:67"), to: netip.MustParseAddrPort("198.51.100.1:67")},
		{text: "from our address to us", checksum: "whole", from: netip.MustParseAddrPort("192.0.2.1:67"), to: netip.MustParseAddrPort("192.0.2.1:67")},
		{text: "to another port", checksum: "whole", from: netip.MustParseAddrPort("192.0.2.9:68"), to: netip.MustParseAddrPort("192.0.2.1:68")},
		{text: "to a neighbour", checksum: "whole", from: netip.MustParseAddrPort("192.0.2.9:68"), to: netip.MustParseAddrPort("192.0.2.7:67")},
		{text: "from a group", checksum: "whole", from: netip.MustParseAddrPort("224.0.0.1:68"), to: netip.MustParseAddrPort("192.0.2.1:67")},
		{text: "from a loopback", checksum: "whole", from: netip.MustParseAddrPort("127.0.0.1:68"), to: netip.MustParseAddrPort("192.0.2.1:67")},
		{text: "from all", checksum: "whole", from: netip.MustParseAddrPort("255.255.255.255:68"), to: netip.MustParseAddrPort("192.0.2.1:67")},
	}
	all := map[string]string{
		"from nobody to all": "lan0/broadcast", "from nobody to us": "lan0/192.0.2.1", "from the link to us": "lan0/192.0.2.1",
		"from elsewhere to all": "lan0/broadcast", "from elsewhere to us": "lan0/198.51.100.1", "from our address to us": "lan0/192.0.2.1",
	}
	for _, tt := range []struct {
		name  string
		raw   bool
		close func(*testing.T)
		want  map[string]string
	}{
		{"packet sockets, strict host", true, strict, all},
		{"UDP sockets, strict host", false, strict, map[string]string{"from nobody to all": "lan0/broadcast", "from the link to us": "lan0/192.0.2.1"}},
		{"packet sockets, closed host", true, closed, all},
		{"UDP sockets, closed host", false, closed, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.close(t)
			g, err := transport.Listen4(transport.Options{RequireAll: true, Raw: tt.raw, Specs: []transport.Spec{{Iface: "lan0"}}})
			if err != nil {
				t.Fatal(err)
			}
			var r recorder
			stop := r.run(t, g, nil)
			wait(t, "sockets", func() bool { return len(r.sockets()) == 3 })
			for i := range 3 { // in case one alone would be lost, or read twice
				for j := range frames {
					one := frames[j]
					one.text = fmt.Sprintf("%d %s", i, one.text)
					put(t, p, one)
				}
			}
			if tt.want != nil {
				wait(t, "the last one", func() bool { return len(r.where("2 from the link to us")) > 0 })
			}
			time.Sleep(100 * time.Millisecond) // for what should not come
			for i := range 3 {
				for _, f := range frames {
					var want []string
					if w := tt.want[f.text]; w != "" {
						want = []string{w}
					}
					if got := r.where(fmt.Sprintf("%d %s", i, f.text)); !slices.Equal(got, want) {
						t.Errorf("%s came to %q, want %q", f.text, got, want)
					}
				}
			}
			if n := udpErrors(t); n > 0 {
				t.Errorf("the host counts %d errors of UDP", n)
			}
			stop()
		})
	}
}

// udpErrors is what the host counts as errors of UDP (/proc/net/snmp).
func udpErrors(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		t.Fatal(err)
	}
	var names, values []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "Udp:") {
			names, values = values, strings.Fields(line)
		}
	}
	n, err := strconv.Atoi(values[slices.Index(names, "InErrors")])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRawIsASocketLikeOthers: answers leave from the address that was asked, a second
// server is refused, addresses come and go, and the link may go down between.
func TestRawIsASocketLikeOthers(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24", "198.51.100.9/24"})
	o := transport.Options{RequireAll: true, Raw: true, Specs: []transport.Spec{{Iface: "lan0"}}}
	g, err := transport.Listen4(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transport.Listen4(o); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a second server: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	links, err := netif.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Follow(ctx, links, func(c transport.Conn) { echo(t, c) })
	}()
	relay := socket(t, p, "192.0.2.9:67")
	asks := func(c *net.UDPConn, server string) {
		t.Helper()
		for try := 0; ; try++ { // the socket may be on its way
			send(t, c, server, "query")
			if err := c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil && try < 20 {
				continue
			}
			if err != nil || from.String() != server || string(b[:n]) != "query" {
				t.Fatalf("%q from %v, %v", b[:n], from, err)
			}
			return
		}
	}
	asks(relay, "192.0.2.1:67")
	if n := len(g.Sockets()); n != 2 {
		t.Errorf("%d sockets", n)
	}

	netns.Add(t, "lan0", "198.51.100.1/24")
	asks(socket(t, p, "198.51.100.9:67"), "198.51.100.1:67")
	l, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(netlink.LinkSetDown(l), netlink.LinkSetUp(l)); err != nil {
			t.Fatal(err)
		}
		asks(relay, "192.0.2.1:67")
	}
	cancel()
	<-done
	second, err := transport.Listen4(o)
	if err != nil {
		t.Fatalf("after the end: %v", err)
	}
	second.Close()
}

// TestRawWithoutThePrivilege: UDP is read instead, which is told once.
func TestRawWithoutThePrivilege(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	c := socket(t, p, "192.0.2.9:67")
	drop(t, unix.CAP_NET_RAW)
	var told problems
	g, err := transport.Listen4(transport.Options{RequireAll: true, Raw: true, OnProblem: told.add, Specs: []transport.Spec{{Iface: "lan0"}}})
	if err != nil {
		t.Fatal(err)
	}
	stop := follow(t, g)
	send(t, c, "192.0.2.1:67", "query")
	hear(t, c, 5*time.Second, "query")
	stop()
	if all := told.all(); len(all) != 1 || !errors.Is(all[0], transport.ErrTap) {
		t.Errorf("told %v", all)
	}
}

// drop takes a capability from the thread of the calling goroutine, which keeps it
// until the goroutine ends.
func drop(t *testing.T, capability int) {
	t.Helper()
	runtime.LockOSThread()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&head, &data[0])
	data[0].Effective &^= 1 << capability
	if err = errors.Join(err, unix.Capset(&head, &data[0])); err != nil {
		t.Fatal(err)
	}
}

// TestRawDoesNotAllocate: reading packets, as reading datagrams, and answering them.
func TestRawDoesNotAllocate(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	far := socket(t, p, "192.0.2.9:67")
	g, err := transport.Listen4(transport.Options{RequireAll: true, Raw: true, Specs: []transport.Spec{{Iface: "lan0", Addr: netip.MustParseAddr("192.0.2.1")}}})
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan transport.Conn, 2)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Follow(ctx, nil, func(c transport.Conn) { conns <- c; <-ctx.Done() })
	}()
	c := <-conns
	if c.Socket().Multicast {
		c = <-conns
	}
	to := netip.MustParseAddrPort("192.0.2.1:67")
	in, b := make([]transport.Datagram, 64), make([]byte, 300)
	if n := testing.AllocsPerRun(200, func() {
		for range 16 {
			if _, err := far.WriteToUDPAddrPort(b, to); err != nil {
				t.Fatal(err)
			}
		}
		for n := 0; n < 16; {
			k, err := c.Read(in)
			if err != nil {
				t.Fatal(err)
			}
			k += c.More(in[k:])
			if sent, err := c.Write(in[:k]); sent != k || err != nil {
				t.Fatal(sent, err)
			}
			n += k
		}
	}); n != 0 {
		t.Errorf("%v allocations to read and answer 16", n)
	}
	cancel()
	<-done
}

// TestAddressOfNoLink: what relays ask at an address on the loopback of the host, which
// routing leads to by whatever link, is taken there, once, and answered from it, with
// packet sockets on that link too.
func TestAddressOfNoLink(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	netns.Up(t, "lo", "203.0.113.1/32")
	if out, err := exec.Command("ip", "link", "add", "none0", "type", "dummy").CombinedOutput(); err == nil {
		netns.Up(t, "none0", "203.0.113.2/32")
	} else {
		t.Logf("no dummy links here: %s", out)
		netns.Add(t, "lo", "203.0.113.2/32")
	}
	p.Do(func() {
		if out, err := exec.Command("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.1").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	relay := socket(t, p, "192.0.2.9:67")
	for _, raw := range []bool{true, false} {
		t.Run(fmt.Sprint("packet sockets ", raw), func(t *testing.T) {
			g, err := transport.Listen4(transport.Options{Raw: raw, Specs: []transport.Spec{
				{Iface: "lan0"}, {Iface: "lo", Addr: netip.MustParseAddr("203.0.113.1")}, {Iface: "none0"}, {Iface: "lo", Addr: netip.MustParseAddr("203.0.113.2")}}})
			if err != nil {
				t.Fatal(err)
			}
			stop := follow(t, g)
			for _, server := range []string{"203.0.113.1:67", "192.0.2.1:67", "203.0.113.2:67"} {
				send(t, relay, server, server)
				if from := hear(t, relay, 5*time.Second, server); from.String() != server {
					t.Errorf("asked at %s, answered from %v", server, from)
				}
			}
			_ = relay.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if n, from, err := relay.ReadFromUDPAddrPort(make([]byte, 100)); err == nil {
				t.Errorf("%d octets more from %v", n, from)
			}
			stop()
		})
	}
}
