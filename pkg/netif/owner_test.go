package netif_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// connected opens two sockets on loopback, the second connected to the first,
// and returns their addresses.
func connected(t testing.TB, loopback string) (first, second netip.AddrPort) {
	t.Helper()
	a, err := net.ListenPacket("udp", loopback+":0")
	if err != nil {
		need.Skip(t, "needs %s: %v", loopback, err)
	}
	t.Cleanup(func() { a.Close() })
	peer := a.LocalAddr().(*net.UDPAddr)
	b, err := net.DialUDP("udp", nil, peer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return peer.AddrPort(), b.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestOwnerQuery(t *testing.T) {
	me := uint32(os.Getuid())
	for _, loopback := range []string{"127.0.0.1", "[::1]"} {
		t.Run(strings.Trim(loopback, "[]"), func(t *testing.T) {
			first, second := connected(t, loopback)
			other := netip.AddrPortFrom(first.Addr(), first.Port()^1)
			for _, tt := range []struct {
				name          string
				local, remote netip.AddrPort
				want          netif.Holder
			}{
				{"connected", second, first, netif.Holder{UID: me, Found: true, Connected: true}},
				{"bound, not connected", first, second, netif.Holder{UID: me, Found: true}},
				{"connected elsewhere", second, other, netif.Holder{}},
				{"nobody", netip.AddrPortFrom(second.Addr(), 1), first, netif.Holder{}},
			} {
				q, err := netif.NewOwnerQuery(tt.local, tt.remote)
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					got, err := q.Ask()
					if (got.Cookie != 0) != tt.want.Found || tt.want.Cookie != 0 && got.Cookie != tt.want.Cookie {
						t.Errorf("%s: cookie %x, then %x", tt.name, tt.want.Cookie, got.Cookie)
					}
					if tt.want.Cookie = got.Cookie; err != nil || got != tt.want {
						t.Errorf("%s: %+v, %v", tt.name, got, err)
					}
				}
				q.Close()
				if _, err := q.Ask(); !errors.Is(err, os.ErrClosed) {
					t.Errorf("%s: asked after Close: %v", tt.name, err)
				}
			}
		})
	}
	if _, err := netif.NewOwnerQuery(netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("[::1]:1")); err == nil {
		t.Error("addresses of two families: no error")
	}
}

// The answer follows the port: whoever takes it after another is found.
func TestOwnerQueryFollows(t *testing.T) {
	first, second := connected(t, "[::1]")
	free := netip.AddrPortFrom(first.Addr(), 0)
	q, err := netif.NewOwnerQuery(second, first)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	c, err := net.DialUDP("udp6", net.UDPAddrFromAddrPort(free), net.UDPAddrFromAddrPort(second))
	if err != nil {
		t.Fatal(err)
	}
	third := c.LocalAddr().(*net.UDPAddr).AddrPort()
	late, err := netif.NewOwnerQuery(third, second)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	for _, want := range []bool{true, false} {
		if h, err := late.Ask(); err != nil || h.Found != want || h.Connected != want {
			t.Errorf("%+v, %v, want %v", h, err, want)
		}
		c.Close()
	}
	if h, err := q.Ask(); err != nil || !h.Connected {
		t.Errorf("the other one: %+v, %v", h, err)
	}
}

// A question costs no memory.
func TestOwnerQueryAllocatesNothing(t *testing.T) {
	first, second := connected(t, "[::1]")
	q, err := netif.NewOwnerQuery(second, first)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := q.Ask(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkOwnerQuery(b *testing.B) {
	first, second := connected(b, "[::1]")
	q, err := netif.NewOwnerQuery(second, first)
	if err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	b.ReportAllocs()
	for b.Loop() {
		if h, err := q.Ask(); err != nil || !h.Connected {
			b.Fatal(h, err)
		}
	}
}
