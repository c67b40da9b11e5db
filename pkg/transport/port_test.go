package transport_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// openPort opens a Port until the test ends.
func openPort(t *testing.T, local string, ifindex int) *transport.Port {
	t.Helper()
	p, err := transport.OpenPort(netip.MustParseAddrPort(local), ifindex)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestPort(t *testing.T) {
	for _, loopback := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(strings.Trim(loopback, "[]:0"), func(t *testing.T) {
			if c, err := net.ListenPacket("udp", loopback); err != nil {
				need.Skip(t, "needs %s: %v", loopback, err)
			} else {
				c.Close()
			}
			a, b := openPort(t, loopback, 0), openPort(t, loopback, 0)
			in := make([]byte, 100)
			for _, from := range []netip.Addr{{}, a.Local().Addr()} {
				if err := a.Send([]byte("abc"), b.Local(), from); err != nil {
					t.Fatal(err)
				}
				n, peer, err := b.Receive(in)
				if err != nil || string(in[:n]) != "abc" || peer != a.Local() {
					t.Errorf("%q from %v, %v", in[:n], peer, err)
				}
			}
			other := netip.MustParseAddrPort("[::1]:9")
			if a.Local().Addr().Is6() {
				other = netip.MustParseAddrPort("127.0.0.1:9")
			}
			if err := a.Send(nil, other, netip.Addr{}); err == nil {
				t.Error("sent to the other family")
			}
			if err := b.SetReadDeadline(time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			if _, _, err := b.Receive(in); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("past the deadline: %v", err)
			}
			if _, err := transport.OpenPort(a.Local(), 0); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("a port that is taken: %v", err)
			}
			a.Close()
			a.Close()
			if _, _, err := a.Receive(in); !errors.Is(err, net.ErrClosed) {
				t.Errorf("receive after Close: %v", err)
			}
			if err := a.Send(nil, b.Local(), netip.Addr{}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("send after Close: %v", err)
			}
		})
	}
}

// TestPortsOfLinks: each has the port for itself, and takes what comes in on its
// link alone; a source that is not the host's is refused.
func TestPortsOfLinks(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	near, far := netns.NewPeer(t), netns.NewPeer(t)
	near.Veth("lan0", "far0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	far.Veth("lan1", "far1", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	var ports [2]*transport.Port
	for i, name := range []string{"lan0", "lan1"} {
		link, err := net.InterfaceByName(name)
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = openPort(t, "0.0.0.0:68", link.Index)
	}
	for i, p := range []*netns.Peer{near, far} {
		var c *net.UDPConn
		var err error
		p.Do(func() { c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 67}) })
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		text := []string{"near", "far"}[i]
		if err := ports[i].Send([]byte(text), netip.MustParseAddrPort("192.0.2.9:67"), netip.MustParseAddr("192.0.2.1")); err != nil {
			t.Fatal(err)
		}
		in := make([]byte, 100)
		n, peer, err := c.ReadFromUDPAddrPort(in)
		if err != nil || string(in[:n]) != text || peer.Port() != 68 {
			t.Errorf("%s: %q from %v, %v", text, in[:n], peer, err)
		}
		if _, err := c.WriteToUDPAddrPort([]byte(text), peer); err != nil {
			t.Fatal(err)
		}
		if n, _, err := ports[i].Receive(in); err != nil || string(in[:n]) != text {
			t.Errorf("%s: %q, %v", text, in[:n], err)
		}
		if err := ports[i].Send([]byte(text), netip.MustParseAddrPort("192.0.2.9:67"), netip.MustParseAddr("192.0.2.77")); err == nil {
			t.Error("sent from an address that is another's")
		}
	}
}

// A pipe is a Source in memory.
type pipe struct {
	texts    chan string
	deadline chan struct{}
}

func newPipe() *pipe { return &pipe{make(chan string, 10), make(chan struct{}, 10)} }

func (p *pipe) Receive(b []byte) (int, netip.AddrPort, error) {
	select {
	case text, open := <-p.texts:
		if !open {
			return 0, netip.AddrPort{}, net.ErrClosed
		}
		if text == "fault" {
			return 0, netip.AddrPort{}, unix.ENETDOWN
		}
		return copy(b, text), netip.AddrPort{}, nil
	case <-p.deadline:
		return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
	}
}

func (p *pipe) SetReadDeadline(t time.Time) error {
	for t.IsZero() && len(p.deadline) > 0 {
		<-p.deadline
	}
	if !t.IsZero() {
		p.deadline <- struct{}{}
	}
	return nil
}

// TestSwitch: what is read is the source of the moment's, whatever the reader was
// doing when it came.
func TestSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s transport.Switch
		got := make(chan string, 10)
		go func() {
			defer close(got)
			b := make([]byte, 100)
			for {
				n, _, err := s.Receive(b)
				switch {
				case errors.Is(err, net.ErrClosed):
					return
				case err != nil:
					got <- err.Error()
				default:
					got <- string(b[:n])
				}
			}
		}()
		next := func(want string) {
			t.Helper()
			synctest.Wait()
			select {
			case text := <-got:
				if text != want {
					t.Errorf("%q, want %q", text, want)
				}
			default:
				if want != "" {
					t.Errorf("nothing, want %q", want)
				}
			}
		}
		a, b := newPipe(), newPipe()
		next("")
		s.Set(a)
		a.texts <- "one"
		next("one")
		a.texts <- "fault"
		next("network is down")
		synctest.Wait()
		s.Set(b)
		a.texts <- "kept"
		b.texts <- "two"
		next("two")
		next("")
		s.Set(b)
		s.Set(a)
		next("kept")
		close(a.texts) // closed before it is replaced: waits, and does not spin
		next("")
		s.Set(nil)
		next("")
		s.Set(b)
		b.texts <- "three"
		next("three")
		s.Close()
		s.Set(a)
		synctest.Wait()
		if _, open := <-got; open {
			t.Error("reads on after Close")
		}
	})
}

func TestReady(t *testing.T) {
	tests := []struct {
		name string
		set  []bool
		want []bool
	}{
		{"nothing is known", nil, nil},
		{"as it is", []bool{false}, []bool{false}},
		{"no news", []bool{true, true, true}, []bool{true}},
		{"a change", []bool{true, false}, []bool{true, false}},
		{"there and back, unread", []bool{false, true, false}, []bool{false}},
		{"the last is never missed", []bool{false, true, false, true}, []bool{false, true}},
	}
	for _, tt := range tests {
		r := transport.NewReady()
		for _, up := range tt.set {
			r.Set(up)
		}
		var got []bool
		for len(r.C()) > 0 {
			got = append(got, <-r.C())
		}
		if len(got) != len(tt.want) || len(got) > 0 && got[len(got)-1] != tt.want[len(tt.want)-1] {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
