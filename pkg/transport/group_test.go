package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A problems collects what OnProblem tells.
type problems struct {
	mu   sync.Mutex
	told []error
}

func (p *problems) add(_ string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, err)
}

func (p *problems) all() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.told)
}

// freePort returns a port that nobody on loopback had a moment ago.
func freePort(t testing.TB, addr string) uint16 {
	t.Helper()
	c, err := net.ListenPacket("udp", net.JoinHostPort(addr, "0"))
	if err != nil {
		need.Skip(t, "needs %s: %v", addr, err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// follow serves g by answering every datagram with itself, and returns what
// stops that and waits for it.
func follow(t *testing.T, g *transport.Group) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Follow(ctx, nil, func(c transport.Conn) { echo(t, c) })
	}()
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

// echo answers until c ends.
func echo(t *testing.T, c transport.Conn) {
	in := make([]transport.Datagram, 64)
	for {
		n, err := c.Read(in)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			continue
		}
		if sent, err := c.Write(in[:n]); err != nil {
			t.Errorf("echo: %d of %d, %v", sent, n, err)
		}
	}
}

// ask sends text to a server and returns what comes back.
func ask(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	if err != nil || string(buf[:n]) != text {
		t.Fatalf("asked %q, got %q, %v", text, buf[:n], err)
	}
}

// TestLoopback runs as whoever runs the tests: no privilege is needed.
func TestLoopback(t *testing.T) {
	for _, tt := range []struct {
		addr   string
		listen func(transport.Options) (*transport.Group, error)
	}{{"127.0.0.1", transport.Listen4}, {"::1", transport.Listen6}} {
		t.Run(tt.addr, func(t *testing.T) {
			var told problems
			port := freePort(t, tt.addr)
			spec := transport.Spec{Iface: "lo", Addr: netip.MustParseAddr(tt.addr)}
			o := transport.Options{Specs: []transport.Spec{spec}, Port: port, Raw: true, OnProblem: told.add}
			g, err := tt.listen(o)
			if err != nil {
				t.Fatal(err)
			}
			s := g.Sockets()
			if len(s) != 1 || s[0].Iface != "lo" || s[0].Addr != spec.Addr || s[0].Multicast || s[0].ReceiveBuffer <= 0 {
				t.Fatalf("Sockets() = %+v", s)
			}
			stop := follow(t, g)
			c, err := net.Dial("udp", netip.AddrPortFrom(spec.Addr, port).String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for i := range 100 {
				ask(t, c, fmt.Sprint("question ", i))
			}

			// A second daemon is told that the address is taken.
			o.RequireAll = true
			if _, err := tt.listen(o); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("a second daemon on the same address: %v", err)
			}
			stop()
			second, err := tt.listen(o)
			if err != nil {
				t.Fatalf("after the first has ended: %v", err)
			}
			if err := second.Close(); err != nil {
				t.Error(err)
			}
			for _, p := range told.all() {
				if !errors.Is(p, transport.ErrBuffer) { // what the kernel grants to an ordinary user is its own affair
					t.Errorf("problem: %v", p)
				}
			}
		})
	}
}

// The demonstration runs as an ordinary user.
func TestLoopbackUnprivileged(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestLoopback$", "-test.v")
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("as another user: %v\n%s", err, out)
	}
}

func TestNoInterfacesNoSockets(t *testing.T) {
	g, err := transport.Listen6(transport.Options{})
	if err != nil || len(g.Sockets()) != 0 {
		t.Fatalf("%v, %v", g.Sockets(), err)
	}
	follow(t, g)()
	if n, err := g.Sender().Write([]transport.Datagram{{Peer: netip.MustParseAddrPort("[::1]:546")}}); n != 0 || !errors.Is(err, transport.ErrNoSocket) {
		t.Errorf("Write without sockets: %d, %v", n, err)
	}
}

func TestSpecsThatCanNeverBe(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, s := range []transport.Spec{
		{}, {Iface: "*", Addr: six}, {Iface: "lo", Addr: four}, {Iface: "lo", Addr: netip.MustParseAddr("ff02::1:2")},
		{Iface: "lo", Addr: netip.IPv6Unspecified()}, {Iface: "lo", Addr: netip.MustParseAddr("fe80::1%lo")},
	} {
		if _, err := transport.Listen6(transport.Options{Specs: []transport.Spec{s}}); err == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
	if _, err := transport.Listen4(transport.Options{Specs: []transport.Spec{{Iface: "lo", Addr: six}}}); err == nil {
		t.Error("an IPv6 address is accepted for IPv4")
	}
}

func TestWhatIsMissingIsToldOnce(t *testing.T) {
	var told problems
	specs := []transport.Spec{{Iface: "nosuch0"}, {Iface: "lo", Addr: netip.MustParseAddr("2001:db8::77")}}
	g, err := transport.Listen6(transport.Options{Specs: specs, Port: 5470, OnProblem: told.add})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for range 3 {
		if err := g.Replace(specs); err != nil {
			t.Fatal(err)
		}
	}
	p := told.all()
	if len(p) != 2 || !errors.Is(p[0], transport.ErrNoInterface) || !errors.Is(p[1], transport.ErrNoAddress) {
		t.Errorf("problems: %v", p)
	}
	if _, err := transport.Listen6(transport.Options{Specs: specs, RequireAll: true}); !errors.Is(err, transport.ErrNoInterface) {
		t.Errorf("when all are required: %v", err)
	}
}

// A Sender finds the socket by link and address, and one bad link costs the
// others nothing.
func TestSenderAnswersFromTheSocket(t *testing.T) {
	port := freePort(t, "::1")
	spec := transport.Spec{Iface: "lo", Addr: netip.IPv6Loopback()}
	g, err := transport.Listen6(transport.Options{Specs: []transport.Spec{spec}, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	to := c.LocalAddr().(*net.UDPAddr).AddrPort()
	s := g.Sender()
	n, err := s.Write([]transport.Datagram{
		{Data: []byte("by routing"), Peer: to},
		{Data: []byte("nowhere"), Peer: to, IfIndex: 9999}, // for the kernel to refuse
		{Data: []byte("by link"), Peer: to, IfIndex: 1},
	})
	if n != 2 || err == nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	buf := make([]byte, 100)
	for _, want := range []string{"by routing", "by link"} {
		if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, from, err := c.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want || from.(*net.UDPAddr).AddrPort() != netip.AddrPortFrom(spec.Addr, port) {
			t.Errorf("got %q from %v, %v", buf[:n], from, err)
		}
	}
	if _, err := s.Read(nil); !errors.Is(err, transport.ErrWriteOnly) {
		t.Errorf("Read: %v", err)
	}
	s.Stop()
	if _, err := s.Read(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read after Stop: %v", err)
	}
	if n, err := s.Write([]transport.Datagram{{Data: []byte("x"), Peer: to}}); n != 1 || err != nil {
		t.Errorf("Write after Stop: %d, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Write([]transport.Datagram{{Data: []byte("x"), Peer: to}}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
}

// The path that a server uses: the Conns of a Group and its Sender.
func TestGroupDoesNotAllocate(t *testing.T) {
	for _, tt := range []struct {
		addr   string
		listen func(transport.Options) (*transport.Group, error)
	}{{"127.0.0.1", transport.Listen4}, {"::1", transport.Listen6}} {
		t.Run(tt.addr, func(t *testing.T) {
			local := netip.MustParseAddr(tt.addr)
			port := freePort(t, tt.addr)
			g, err := tt.listen(transport.Options{Specs: []transport.Spec{{Iface: "lo", Addr: local}}, Port: port})
			if err != nil {
				t.Fatal(err)
			}
			s := g.Sender()
			conns := make(chan transport.Conn)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				g.Follow(ctx, nil, func(c transport.Conn) { conns <- c; <-ctx.Done() })
			}()
			c := <-conns
			in, out := make([]transport.Datagram, 64), make([]transport.Datagram, 16)
			for i := range out { // to itself
				out[i] = transport.Datagram{Data: make([]byte, 300), Peer: netip.AddrPortFrom(local, port), IfIndex: 1}
			}
			read := func() {
				for n := 0; n < len(out); {
					k, err := c.Read(in)
					if err != nil {
						t.Fatal(err)
					}
					n += k
				}
			}
			for name, w := range map[string]transport.Conn{"socket": c, "sender": s} {
				if n := testing.AllocsPerRun(100, func() {
					if n, err := w.Write(out); n != len(out) || err != nil {
						t.Fatal(n, err)
					}
					read()
				}); n != 0 {
					t.Errorf("%s: %v allocations for a Write and a Read of 16", name, n)
				}
			}
			cancel()
			<-done
		})
	}
}

// TestCappedBufferIsTold: once, however many sockets have less than was asked for, since
// it is the host that allows no more.
func TestCappedBufferIsTold(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	netns.NewPeer(t).Veth("lan0", "far0", []string{"192.0.2.1/24"}, nil)
	drop(t, unix.CAP_NET_ADMIN)
	var told problems
	g, err := transport.Listen4(transport.Options{Raw: true, ReceiveBuffer: 1 << 29, OnProblem: told.add, RequireAll: true, Specs: []transport.Spec{{Iface: "lan0"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if all := told.all(); len(all) != 1 || !errors.Is(all[0], transport.ErrBuffer) {
		t.Errorf("told %v", all)
	}
	sockets := g.Sockets()
	for _, s := range sockets {
		if s.ReceiveBuffer == 0 || s.ReceiveBuffer >= 1<<29 {
			t.Errorf("%v has a buffer of %d octets", s.Addr, s.ReceiveBuffer)
		}
	}
	if len(sockets) != 2 {
		t.Errorf("sockets %v", sockets)
	}
}

// The socket buffer is the queue; what it cannot hold is lost and counted.
func TestOverflowsAreCounted(t *testing.T) {
	port := freePort(t, "::1")
	g, err := transport.Listen6(transport.Options{
		Specs: []transport.Spec{{Iface: "lo", Addr: netip.IPv6Loopback()}}, Port: port, ReceiveBuffer: 4096})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", fmt.Sprintf("[::1]:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 100 { // nobody reads yet
		if _, err := c.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	stop := follow(t, g)
	buf := make([]byte, 2000)
	answered := 0
	for c.SetReadDeadline(time.Now().Add(200*time.Millisecond)) == nil {
		if _, err := c.Read(buf); err != nil {
			break
		}
		answered++
	}
	ask(t, c, "the kernel tells with the next datagram")
	stop()
	if lost := g.Overflows(); answered == 100 || lost != uint64(100-answered) {
		t.Errorf("%d of 100 answered, %d counted as lost", answered, lost)
	}
}

// BenchmarkGroup is one batch in and out of a server's socket, to one relay.
func BenchmarkGroup(b *testing.B) {
	for _, segment := range []bool{false, true} {
		b.Run(fmt.Sprint("segment ", segment), func(b *testing.B) {
			port := freePort(b, "::1")
			local := netip.IPv6Loopback()
			g, err := transport.Listen6(transport.Options{
				Specs: []transport.Spec{{Iface: "lo", Addr: local}}, Port: port, Segment: segment})
			if err != nil {
				b.Fatal(err)
			}
			conns := make(chan transport.Conn)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				g.Follow(ctx, nil, func(c transport.Conn) { conns <- c; <-ctx.Done() })
			}()
			c := <-conns
			in, out := make([]transport.Datagram, 64), make([]transport.Datagram, 64)
			for i := range out { // to itself
				out[i] = transport.Datagram{Data: make([]byte, 348), Peer: netip.AddrPortFrom(local, port), IfIndex: 1}
			}
			b.ReportAllocs()
			for b.Loop() {
				if n, err := c.Write(out); n != len(out) || err != nil {
					b.Fatal(n, err)
				}
				for n := 0; n < len(out); {
					k, err := c.Read(in)
					if err != nil {
						b.Fatal(err)
					}
					n += k
				}
			}
			b.ReportMetric(float64(len(out))*float64(b.N)/b.Elapsed().Seconds(), "datagrams/s")
			cancel()
			<-done
		})
	}
}
