package transport_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/link"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// linkLocal waits for the link-local address of an interface of this namespace.
func linkLocal(t *testing.T, name string) netip.Addr {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		all, err := netif.List()
		if err != nil {
			t.Error(err)
			return netip.Addr{}
		}
		for i := range all {
			if a := all[i].LinkLocal(); all[i].Name == name && a.IsValid() {
				return a
			}
		}
		if time.Now().After(deadline) {
			t.Errorf("%s has no link-local address", name)
			return netip.Addr{}
		}
	}
}

// socket opens a client's socket in the namespace of p. It may broadcast.
func socket(t *testing.T, p *netns.Peer, addr string) *net.UDPConn {
	t.Helper()
	var c net.PacketConn
	var err error
	network := "udp6"
	if netip.MustParseAddrPort(addr).Addr().Is4() {
		network = "udp4"
	}
	p.Do(func() { c, err = net.ListenPacket(network, addr) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.UDPConn)
}

// send sends text from c.
func send(t *testing.T, c *net.UDPConn, to, text string) {
	t.Helper()
	if _, err := c.WriteToUDPAddrPort([]byte(text), netip.MustParseAddrPort(to)); err != nil {
		t.Fatalf("send %q to %s: %v", text, to, err)
	}
}

// hear expects text at c within the time given and returns who sent it.
func hear(t *testing.T, c *net.UDPConn, within time.Duration, text string) netip.AddrPort {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 70000)
	n, from, err := c.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != text {
		t.Fatalf("got %q, %v, want %q", buf[:n], err, text)
	}
	return from
}

// A record is what a socket has taken.
type record struct {
	socket transport.Socket
	text   string
	local  netip.Addr
	index  int
}

// A recorder serves sockets by writing down what they take.
type recorder struct {
	mu      sync.Mutex
	records []record
	serving map[transport.Socket]bool
}

func (r *recorder) serve(c transport.Conn) {
	r.mu.Lock()
	if r.serving == nil {
		r.serving = make(map[transport.Socket]bool)
	}
	r.serving[c.Socket()] = true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.serving, c.Socket())
		r.mu.Unlock()
	}()
	in := make([]transport.Datagram, 64)
	for {
		n, err := c.Read(in)
		if err != nil {
			return
		}
		r.mu.Lock()
		for _, d := range in[:n] {
			r.records = append(r.records, record{c.Socket(), string(d.Data), d.Local, d.IfIndex})
		}
		r.mu.Unlock()
	}
}

// where returns the sockets that took text, as interface and bound address.
func (r *recorder) where(text string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s []string
	for _, x := range r.records {
		if x.text == text {
			s = append(s, describe(x.socket))
		}
	}
	return s
}

func describe(s transport.Socket) string {
	if s.Multicast && s.Addr.Is4() {
		return s.Iface + "/broadcast"
	}
	return s.Iface + "/" + s.Addr.String()
}

// sockets returns what is being served, sorted.
func (r *recorder) sockets() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s []string
	for x := range r.serving {
		s = append(s, describe(x))
	}
	slices.Sort(s)
	return s
}

// wait waits until ok.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(8 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it does not come", what)
		}
	}
}

// run follows g with r until the test or stop ends it.
func (r *recorder) run(t *testing.T, g *transport.Group, links <-chan netif.Event) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { g.Follow(ctx, links, r.serve); close(done) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Error("Follow does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// Each datagram goes to one socket: the one whose address or group it names,
// on the link it came in on.
func TestIPv6SocketsTakeWhatIsTheirs(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p, q := netns.NewPeer(t), netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"2001:db8::1/64", "2001:db8::2/64"}, []string{"2001:db8::9/64"})
	q.Veth("lan1", "far1", nil, nil)
	ll := linkLocal(t, "lan0")
	linkLocal(t, "lan1")
	p.Do(func() { linkLocal(t, "far0") })
	q.Do(func() { linkLocal(t, "far1") })

	g, err := transport.Listen6(transport.Options{RequireAll: true, Specs: []transport.Spec{
		{Iface: "*"}, {Iface: "lan0", Addr: netip.MustParseAddr("2001:db8::1")}}})
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	r.run(t, g, nil)
	wait(t, "sockets", func() bool { return len(r.sockets()) == 7 })

	c, d := socket(t, p, "[::]:0"), socket(t, q, "[::]:0")
	send(t, c, "[ff02::1:2%far0]:547", "multicast")
	send(t, c, "[ff05::1:3%far0]:547", "site multicast")
	send(t, c, "["+ll.String()+"%far0]:547", "link-local")
	send(t, c, "[2001:db8::1]:547", "global")
	send(t, c, "[2001:db8::2]:547", "not ours")
	send(t, d, "[ff02::1:2%far1]:547", "other link")
	for text, where := range map[string]string{
		"multicast": "lan0/ff02::1:2", "site multicast": "lan0/ff05::1:3", "link-local": "lan0/" + ll.String(),
		"global": "lan0/2001:db8::1", "other link": "lan1/ff02::1:2",
	} {
		wait(t, text, func() bool { return len(r.where(text)) > 0 })
		if got := r.where(text); !slices.Equal(got, []string{where}) {
			t.Errorf("%s came to %v, want %s", text, got, where)
		}
	}
	if got := r.where("not ours"); got != nil {
		t.Errorf("for an address that is not served: %v", got)
	}
}

func defaultRoute(t *testing.T, name string, via net.IP) {
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: via})
	}
	if err != nil {
		t.Errorf("default route by %s: %v", name, err)
	}
}

func TestIPv4SocketsTakeWhatIsTheirs(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p, q := netns.NewPeer(t), netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24", "192.0.2.2/24"}, []string{"192.0.2.9/24"})
	q.Veth("lan1", "far1", []string{"198.51.100.1/24"}, []string{"198.51.100.9/24"})
	p.Do(func() { defaultRoute(t, "far0", net.IPv4(192, 0, 2, 1)) })
	q.Do(func() { defaultRoute(t, "far1", net.IPv4(198, 51, 100, 1)) })
	g, err := transport.Listen4(transport.Options{RequireAll: true, Specs: []transport.Spec{{Iface: "*"}}})
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	r.run(t, g, nil)
	wait(t, "sockets", func() bool { return len(r.sockets()) == 5 })
	for _, s := range g.Sockets() {
		if s.Multicast && s.Iface == "lan0" && s.Addr != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("broadcasts are answered from %v", s.Addr)
		}
	}

	c, d := socket(t, p, "0.0.0.0:68"), socket(t, q, "0.0.0.0:68")
	send(t, c, "255.255.255.255:67", "broadcast")
	send(t, c, "192.0.2.2:67", "second address")
	send(t, d, "255.255.255.255:67", "other broadcast")
	send(t, d, "192.0.2.1:67", "wrong link")
	send(t, d, "198.51.100.1:67", "other link")
	for text, where := range map[string]string{
		"broadcast": "lan0/broadcast", "second address": "lan0/192.0.2.2",
		"other broadcast": "lan1/broadcast", "other link": "lan1/198.51.100.1",
	} {
		wait(t, text, func() bool { return len(r.where(text)) > 0 })
		if got := r.where(text); !slices.Equal(got, []string{where}) {
			t.Errorf("%s came to %v, want %s", text, got, where)
		}
	}
	if got := r.where("wrong link"); got != nil {
		t.Errorf("from a link that is not the socket's: %v", got)
	}
}

// The address of a server may stand on the loopback of a router.
func TestAddressOnAnotherLink(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"2001:db8::1/64"}, []string{"2001:db8::9/64"})
	netns.Add(t, "lo", "2001:db8:ffff::1/128")
	linkLocal(t, "lan0")
	p.Do(func() {
		linkLocal(t, "far0")
		defaultRoute(t, "far0", net.ParseIP("2001:db8::1"))
	})
	server := netip.MustParseAddrPort("[2001:db8:ffff::1]:547")
	g, err := transport.Listen6(transport.Options{RequireAll: true, Specs: []transport.Spec{{Iface: "lo", Addr: server.Addr()}}})
	if err != nil {
		t.Fatal(err)
	}
	stop := follow(t, g)
	c := socket(t, p, "[2001:db8::9]:0")
	send(t, c, server.String(), "query")
	if from := hear(t, c, 5*time.Second, "query"); from != server {
		t.Errorf("the answer came from %v", from)
	}
	to := c.LocalAddr().(*net.UDPAddr).AddrPort()
	n, err := g.Sender().Write([]transport.Datagram{{Data: []byte("return"), Peer: to, IfIndex: g.Sockets()[0].IfIndex}})
	if n != 1 || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	if from := hear(t, c, 5*time.Second, "return"); from != server {
		t.Errorf("the return came from %v", from)
	}
	stop()
}

// Another DHCP server may have the port on another interface, before or after
// ours starts.
func TestOtherDaemonsOnOtherLinks(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"2001:db8::1/64"}, nil)
	p.Veth("lan1", "far1", []string{"2001:db8:1::1/64"}, nil)
	linkLocal(t, "lan0")
	ll1 := linkLocal(t, "lan1")
	before, err := net.ListenPacket("udp6", "[2001:db8:1::1]:547")
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	g, err := transport.Listen6(transport.Options{RequireAll: true, Specs: []transport.Spec{{Iface: "lan0"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	after, err := net.ListenPacket("udp6", "["+ll1.String()+"%lan1]:547")
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if _, err := transport.Listen6(transport.Options{RequireAll: true, Specs: []transport.Spec{{Iface: "lan1"}}}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("on the other daemon's interface: %v", err)
	}
}

// Frames reach a client that answers no ARP; without permission for frames the
// reply is broadcast.
func TestRepliesToClientsWithoutAddress(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24"}, []string{"192.0.2.10/24"})
	var mac link.Addr
	p.Do(func() {
		l, err := netlink.LinkByName("far0")
		if err == nil {
			copy(mac[:], l.Attrs().HardwareAddr)
			err = netlink.LinkSetARPOff(l)
		}
		if err != nil {
			t.Error(err)
		}
	})
	c := socket(t, p, "0.0.0.0:68")
	for _, raw := range []bool{true, false} {
		t.Run(fmt.Sprint("frames ", raw), func(t *testing.T) {
			var told problems
			g, err := transport.Listen4(transport.Options{RequireAll: true, Raw: raw, OnProblem: told.add, Specs: []transport.Spec{{Iface: "lan0"}}})
			if err != nil {
				t.Fatal(err)
			}
			var r recorder
			conns := make(chan transport.Conn, 2)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				g.Follow(ctx, nil, func(c transport.Conn) { conns <- c; r.serve(c) })
			}()
			for range 2 { // the unicast and the broadcast socket
				s := <-conns
				n, err := s.Write([]transport.Datagram{
					{Data: []byte("offer"), Peer: netip.MustParseAddrPort("192.0.2.10:68"), Local: netip.MustParseAddr("255.255.255.255"), To: mac},
				})
				if n != 1 || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
				if from := hear(t, c, 5*time.Second, "offer"); from.String() != "192.0.2.1:67" {
					t.Errorf("it came from %v", from)
				}
			}
			cancel()
			<-done
			if told := told.all(); told != nil {
				t.Errorf("problems: %v", told)
			}
		})
	}
}

// Faults no. 17: 168 replies to relays on the link that are not there, then one
// to a client that is. With a small buffer the socket's own fills up and those
// that stand by take over; then they must take none of what comes in.
func TestDeadNeighboursHoldUpNobody(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"198.18.0.1/16", "2001:db8::1/64"}, []string{"198.18.255.254/16", "2001:db8::fe/64"})
	linkLocal(t, "lan0")
	p.Do(func() { linkLocal(t, "far0") })
	tests := []struct {
		name, live, dead, ask string
		spec                  transport.Spec
		listen                func(transport.Options) (*transport.Group, error)
	}{
		{"IPv4", "198.18.255.254", "198.18.1.%d", "198.18.0.1:67", transport.Spec{Iface: "lan0"}, transport.Listen4},
		{"IPv6", "2001:db8::fe", "2001:db8::1:%x", "[2001:db8::1]:547",
			transport.Spec{Iface: "lan0", Addr: netip.MustParseAddr("2001:db8::1")}, transport.Listen6},
	}
	for _, tt := range tests {
		for _, buffer := range []int{0, 32 << 10} {
			t.Run(fmt.Sprint(tt.name, " buffer ", buffer), func(t *testing.T) {
				live := netip.MustParseAddr(tt.live)
				c := socket(t, p, net.JoinHostPort(tt.live, "0"))
				g, err := tt.listen(transport.Options{RequireAll: true, SendBuffer: buffer, Specs: []transport.Spec{tt.spec}})
				if err != nil {
					t.Fatal(err)
				}
				var r recorder
				stop := r.run(t, g, nil)
				to := netip.AddrPortFrom(live, c.LocalAddr().(*net.UDPAddr).AddrPort().Port())
				index := g.Sockets()[0].IfIndex
				// The live one is known to the kernel, as one that has just asked is.
				if n, err := g.Sender().Write([]transport.Datagram{{Data: []byte("hello"), Peer: to, IfIndex: index}}); n != 1 || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
				hear(t, c, 5*time.Second, "hello")

				var dead []transport.Datagram
				for i := range 168 {
					a := netip.MustParseAddr(fmt.Sprintf(tt.dead, i+1))
					dead = append(dead, transport.Datagram{Data: make([]byte, 300), Peer: netip.AddrPortFrom(a, 67), IfIndex: index})
				}
				start := time.Now()
				sent, err := g.Sender().Write(dead)
				if took := time.Since(start); took > 100*time.Millisecond {
					t.Errorf("writing to dead neighbours took %v", took)
				}
				if sent != len(dead) || err != nil {
					t.Errorf("%d of %d sent, %v", sent, len(dead), err)
				}
				if n := socketsAt(t, to.Addr().Is4(), netip.MustParseAddrPort(tt.ask)); buffer == 0 && n != 1 || buffer > 0 && n != 17 {
					t.Errorf("%d sockets at the server's address", n)
				}
				start = time.Now()
				for range 50 {
					if n, err := g.Sender().Write([]transport.Datagram{{Data: []byte("reply"), Peer: to, IfIndex: index}}); n != 1 || err != nil {
						t.Fatalf("to the live neighbour: %d, %v", n, err)
					}
					if from := hear(t, c, time.Second, "reply"); from != netip.MustParseAddrPort(tt.ask) {
						t.Fatalf("the reply came from %v", from)
					}
				}
				if took := time.Since(start); took > 500*time.Millisecond {
					t.Errorf("50 replies took %v", took)
				}

				for i := range 500 { // each from a port of its own
					c := socket(t, p, net.JoinHostPort(tt.live, "0"))
					send(t, c, tt.ask, fmt.Sprint("question ", i))
					c.Close()
				}
				for i := range 500 {
					wait(t, "a question", func() bool { return len(r.where(fmt.Sprint("question ", i))) == 1 })
				}
				stop()
			})
		}
	}
}

// socketsAt counts the sockets that are bound to an address.
func socketsAt(t *testing.T, v4 bool, at netip.AddrPort) int {
	name := "/proc/thread-self/net/udp6"
	if v4 {
		name = "/proc/thread-self/net/udp"
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	a := at.Addr().AsSlice()
	local := ""
	for ; len(a) > 0; a = a[4:] { // words in the order of the host
		local += fmt.Sprintf("%08X", binary.NativeEndian.Uint32(a))
	}
	return strings.Count(string(text), fmt.Sprintf(": %s:%04X ", local, at.Port()))
}

// A daemon is started before its interface exists; the interface comes up,
// gets and loses addresses, and goes.
func TestFollowServesLinksAsTheyComeAndGo(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	links, err := netif.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var told problems
	global := netip.MustParseAddr("2001:db8::1")
	g, err := transport.Listen6(transport.Options{OnProblem: told.add, Specs: []transport.Spec{{Iface: "lan0"}, {Iface: "lan0", Addr: global}}})
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	stop := r.run(t, g, links)

	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, nil)
	wait(t, "link up", func() bool { return len(r.sockets()) == 3 })
	c := socket(t, p, "[::]:0")
	p.Do(func() { linkLocal(t, "far0") })
	send(t, c, "[ff02::1:2%far0]:547", "first question")
	wait(t, "first question", func() bool { return len(r.where("first question")) == 1 })

	netns.Add(t, "lan0", "2001:db8::1/64")
	wait(t, "address", func() bool { return slices.Contains(r.sockets(), "lan0/2001:db8::1") })
	lan, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	gone, _ := netlink.ParseAddr("2001:db8::1/64")
	if err := netlink.AddrDel(lan, gone); err != nil {
		t.Fatal(err)
	}
	wait(t, "address gone", func() bool { return len(r.sockets()) == 3 && len(g.Sockets()) == 3 })

	if err := netlink.LinkSetDown(lan); err != nil {
		t.Fatal(err)
	}
	wait(t, "link down", func() bool { return len(r.sockets()) == 0 && len(g.Sockets()) == 0 })
	netns.Up(t, "lan0", "2001:db8::1/64")
	wait(t, "link up again", func() bool { return len(r.sockets()) == 4 })
	send(t, c, "[ff02::1:2%far0]:547", "second question")
	wait(t, "second question", func() bool { return len(r.where("second question")) == 1 })

	if err := netlink.LinkDel(lan); err != nil {
		t.Fatal(err)
	}
	wait(t, "link gone", func() bool { return len(r.sockets()) == 0 })
	p.Veth("lan0", "far0", nil, nil)
	wait(t, "another link of the same name", func() bool { return len(r.sockets()) == 3 })
	stop()
	cancel()
	wait(t, "the end of every goroutine", func() bool { return runtime.NumGoroutine() <= before })
	if p := told.all(); len(p) == 0 || !errors.Is(p[0], transport.ErrNoInterface) {
		t.Errorf("problems: %v", p)
	}
}

// A reload keeps what stays, is all or nothing, and serves what is new.
func TestReplace(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"}, []string{"192.0.2.9/24"})
	spec := func(a string) transport.Spec { return transport.Spec{Iface: "lan0", Addr: netip.MustParseAddr(a)} }
	g, err := transport.Listen4(transport.Options{Specs: []transport.Spec{spec("192.0.2.1")}})
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	r.run(t, g, nil)
	served := func(want ...string) func() bool {
		return func() bool { return slices.Equal(r.sockets(), want) && len(g.Sockets()) == len(want) }
	}
	wait(t, "first set", served("lan0/192.0.2.1", "lan0/broadcast"))

	taken, err := net.ListenPacket("udp4", "192.0.2.3:67")
	if err != nil {
		t.Fatal(err)
	}
	err = g.Replace([]transport.Spec{spec("192.0.2.2"), spec("192.0.2.3")})
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("with an address that is taken: %v", err)
	}
	if !served("lan0/192.0.2.1", "lan0/broadcast")() {
		t.Errorf("after a failed reload: %v", r.sockets())
	}
	taken.Close()
	if err := g.Replace([]transport.Spec{spec("192.0.2.2"), spec("192.0.2.3")}); err != nil {
		t.Fatal(err)
	}
	wait(t, "second set", served("lan0/192.0.2.2", "lan0/192.0.2.3", "lan0/broadcast"))
	for _, s := range g.Sockets() {
		if s.Multicast && s.Addr != netip.MustParseAddr("192.0.2.2") {
			t.Errorf("broadcasts are answered from %v", s.Addr)
		}
	}
	if err := g.Replace([]transport.Spec{spec("192.0.2.1"), spec("192.0.2.3")}); err != nil {
		t.Fatal(err)
	}
	wait(t, "third set", served("lan0/192.0.2.1", "lan0/192.0.2.3", "lan0/broadcast"))
	if err := g.Replace(nil); err != nil {
		t.Fatal(err)
	}
	wait(t, "nothing", served())
}

// Datagrams larger than the MTU come in and go out in fragments.
func TestLargerThanTheMTU(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24", "2001:db8::1/64"}, []string{"192.0.2.9/24", "2001:db8::9/64"})
	linkLocal(t, "lan0")
	for _, tt := range []struct {
		local, server string
		listen        func(transport.Options) (*transport.Group, error)
	}{{"192.0.2.9:0", "192.0.2.1:67", transport.Listen4}, {"[2001:db8::9]:0", "[2001:db8::1]:547", transport.Listen6}} {
		server := netip.MustParseAddrPort(tt.server)
		g, err := tt.listen(transport.Options{RequireAll: true, Specs: []transport.Spec{{Iface: "lan0", Addr: server.Addr()}}})
		if err != nil {
			t.Fatal(err)
		}
		stop := follow(t, g)
		c := socket(t, p, tt.local)
		for _, n := range []int{1473, 9000, 60000} {
			b := make([]byte, n)
			for i := range b {
				b[i] = 'a' + byte(i%23)
			}
			send(t, c, tt.server, string(b))
			hear(t, c, 5*time.Second, string(b))
		}
		stop()
	}
}

// What a path cannot carry as segments leaves one by one, the rest in segments.
func TestSegmentsLongerThanTheMTU(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	far := socket(t, p, "192.0.2.9:0")
	near, err := net.ListenPacket("udp4", "192.0.2.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	b, err := transport.NewBatch(near.(*net.UDPConn), transport.BatchOptions{GSO: true, SendOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	to := far.LocalAddr().(*net.UDPAddr).AddrPort()
	var out []transport.Datagram
	for _, size := range []int{300, 300, 300, 2000, 2000, 2000, 1400, 400, 400} {
		out = append(out, transport.Datagram{Data: []byte(strings.Repeat(string(rune('a'+len(out))), size)), Peer: to})
	}
	for range 3 {
		if n, err := b.Write(out); n != len(out) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
		for _, d := range out {
			hear(t, far, 5*time.Second, string(d.Data))
		}
	}
}
