package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/link"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

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
