package transport_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// Replies of a server that sends runs as segments arrive as they are, whole and
// in order, whether or not the MTU holds a segment, with relays on different
// ports of one host among each other. What cannot go is counted, and only that.
func TestSegmentsOverEveryMTU(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"2001:db8::1/64"}, []string{"2001:db8::9/64"})
	linkLocal(t, "lan0")
	netns.Up(t, "lo")
	index, err := net.InterfaceByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	g, err := transport.Listen6(transport.Options{RequireAll: true, Segment: true, Specs: []transport.Spec{
		{Iface: "lan0", Addr: netip.MustParseAddr("2001:db8::1")}, {Iface: "lo", Addr: netip.IPv6Loopback()}}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	here, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	peers := []*net.UDPConn{socket(t, p, "[2001:db8::9]:0"), socket(t, p, "[2001:db8::9]:0"), here.(*net.UDPConn)}
	for _, mtu := range []int{1280, 1500} {
		setMTU(t, "lan0", mtu)
		p.Do(func() { setMTU(t, "far0", mtu) })
		for _, size := range []int{200, 1232, 1233, 1400, 2000, 5000} {
			t.Run(fmt.Sprintf("%d octets over %d", size, mtu), func(t *testing.T) {
				segments(t, g.Sender(), peers, index.Index, size)
			})
		}
	}
}

// segments sends runs to each of peers, and one to nowhere among them.
func segments(t *testing.T, s transport.Conn, peers []*net.UDPConn, lan, size int) {
	var out []transport.Datagram
	add := func(to netip.AddrPort, index, n int) {
		for range n {
			text := fmt.Sprintf("%03d", len(out)) + strings.Repeat("x", size-3)
			out = append(out, transport.Datagram{Data: []byte(text), Peer: to, IfIndex: index})
		}
	}
	for round := range 3 {
		for _, c := range peers {
			to := c.LocalAddr().(*net.UDPAddr).AddrPort()
			index := lan
			if to.Addr().IsLoopback() {
				index = 1
			}
			add(to, index, 1+3*round)
		}
		add(netip.MustParseAddrPort("[2001:db8:ffff::1]:547"), lan, 2)
	}
	const nowhere = 3 * 2
	n, err := s.Write(slices.Clone(out))
	if n != len(out)-nowhere || !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("%d of %d sent, %v", n, len(out)-nowhere, err)
	}
	for _, c := range peers {
		for _, d := range out {
			if d.Peer == c.LocalAddr().(*net.UDPAddr).AddrPort() {
				hear(t, c, 5*time.Second, string(d.Data))
			}
		}
	}
}

// setMTU may be called from within Do, so it must not end the test.
func setMTU(t *testing.T, iface string, mtu int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(iface)
	if err != nil {
		t.Error(err)
		return
	}
	r.SetUint32(uint32(mtu))
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFMTU, r); err != nil {
		t.Error(err)
		return
	}
}
