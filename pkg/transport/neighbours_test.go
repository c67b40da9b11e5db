package transport_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

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
				if took := time.Since(start); took > time.Second { // who waits for them waits 3 s
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
				if took := time.Since(start); took > 2*time.Second {
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
