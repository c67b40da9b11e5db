package transport_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
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
