package client6_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv6"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/client6"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

func openWire(t *testing.T, iface string) *client6.Wire {
	t.Helper()
	w, err := client6.NewWire(client6.WireOptions{Iface: iface, DADLimit: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// untilReady waits until a carrier says so.
func untilReady(t *testing.T, c client6.Carrier, want bool) {
	t.Helper()
	timeout := time.After(8 * time.Second)
	for {
		select {
		case up := <-c.Ready():
			if up == want {
				return
			}
		case <-timeout:
			t.Fatalf("ready is never %v", want)
		}
	}
}

// received is what a carrier has read.
type received struct {
	text string
	from netip.AddrPort
	err  error
}

// receive reads from a carrier until it is closed.
func receive(c client6.Carrier) <-chan received {
	out := make(chan received, 100)
	go func() {
		defer close(out)
		b := make([]byte, 2000)
		for {
			n, from, err := c.Recv(b)
			out <- received{string(b[:n]), from, err}
			if errors.Is(err, net.ErrClosed) {
				return
			}
		}
	}()
	return out
}

// A farEnd is a server's: a socket in the other namespace.
type farEnd struct {
	t    *testing.T
	c    *net.UDPConn
	link netif.Interface
}

// newFarEnd makes a link here and its other end, where a server listens to
// ff02::1:2 and to its own addresses.
func newFarEnd(t *testing.T, p *netns.Peer, here, there string, addrs ...string) *farEnd {
	t.Helper()
	p.Veth(here, there, nil, addrs)
	f := &farEnd{t: t}
	var err error
	p.Do(func() {
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			var all []netif.Interface
			all, err = netif.List()
			if i := slices.IndexFunc(all, func(i netif.Interface) bool { return i.Name == there }); i >= 0 && all[i].LinkLocal().IsValid() {
				f.link = all[i]
				break
			}
		}
		if f.c, err = net.ListenUDP("udp6", &net.UDPAddr{Port: 547}); err == nil {
			err = ipv6.NewPacketConn(f.c).JoinGroup(&net.Interface{Index: f.link.Index, Name: there}, &net.UDPAddr{IP: net.ParseIP("ff02::1:2")})
		}
	})
	if err != nil || !f.link.LinkLocal().IsValid() {
		t.Fatalf("far end: %v, %+v", err, f.link)
	}
	t.Cleanup(func() { f.c.Close() })
	return f
}

// hears waits for a datagram and returns its source.
func (f *farEnd) hears(text string) netip.AddrPort {
	f.t.Helper()
	f.c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 2000)
	n, from, err := f.c.ReadFromUDPAddrPort(b)
	if err != nil || string(b[:n]) != text {
		f.t.Fatalf("%q from %v, %v; want %q", b[:n], from, err, text)
	}
	return from
}

func (f *farEnd) send(text string, to netip.AddrPort) {
	f.t.Helper()
	if _, err := f.c.WriteToUDPAddrPort([]byte(text), to); err != nil {
		f.t.Fatal(err)
	}
}

// comes waits for a text from an address.
func comes(t *testing.T, in <-chan received, text string, from netip.Addr) {
	t.Helper()
	select {
	case r := <-in:
		if r.text != text || r.err != nil || r.from != netip.AddrPortFrom(from, 547) {
			t.Fatalf("%+v came, want %q from %v", r, text, from)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("%q does not come", text)
	}
}

// TestWire: to all servers from the link-local address and port 546; to one farther
// away from an address that its answer comes back to; what is sent to a group is
// not taken (RFC 9915 §7.1, §16).
func TestWire(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	far := newFarEnd(t, netns.NewPeer(t), "lan0", "far0", "2001:db8::1/64")
	before := runtime.NumGoroutine()
	w := openWire(t, "lan0")
	untilReady(t, w, true)
	in := receive(w)
	send := func(text string, to netip.AddrPort) netip.AddrPort {
		t.Helper()
		if err := w.Send([]byte(text), to); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		from := far.hears(text)
		if from.Port() != 546 {
			t.Errorf("%s comes from %v", text, from)
		}
		return from
	}

	client := send("solicit", netip.AddrPort{})
	if !client.Addr().IsLinkLocalUnicast() {
		t.Errorf("solicit from %v", client)
	}
	far.send("advertise", client)
	comes(t, in, "advertise", far.link.LinkLocal())
	far.send("to everybody", netip.AddrPortFrom(netip.MustParseAddr("ff02::1").WithZone("far0"), 546))
	if from := send("to one on the link", netip.AddrPortFrom(far.link.LinkLocal(), 547)); from != client {
		t.Errorf("from %v, not %v", from, client)
	}

	netns.Add(t, "lan0", "2001:db8::2/64")
	server := netip.MustParseAddrPort("[2001:db8::1]:547")
	global := send("4o6 query", server)
	if global.Addr() != netip.MustParseAddr("2001:db8::2") {
		t.Errorf("to a global address from %v", global)
	}
	far.send("4o6 response", global)
	comes(t, in, "4o6 response", server.Addr())

	w.Close()
	for r := range in {
		if !errors.Is(r.err, net.ErrClosed) {
			t.Errorf("after the end: %+v", r)
		}
	}
	if err := w.Send([]byte("late"), netip.AddrPort{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("send after Close: %v", err)
	}
	for end := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines are left of %d", runtime.NumGoroutine(), before)
		}
	}
}

// TestWireFollowsTheLink: it is ready when the link-local address is no longer
// tentative, and works again after the link was down, had another name, or is another.
func TestWireFollowsTheLink(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	w := openWire(t, "lan0")
	untilReady(t, w, false)
	if err := w.Send([]byte("x"), netip.AddrPort{}); !errors.Is(err, client6.ErrLink) {
		t.Errorf("send without a link: %v", err)
	}
	if _, err := w.DAD([]netip.Addr{netip.IPv6Loopback()}); !errors.Is(err, client6.ErrLink) {
		t.Errorf("duplicates without a link: %v", err)
	}
	in := receive(w)
	p := netns.NewPeer(t)
	netns.DAD(t, true)
	start := time.Now()
	far := newFarEnd(t, p, "lan0", "far0")
	works := func(what string) {
		t.Helper()
		untilReady(t, w, true)
		if err := w.Send([]byte(what), netip.AddrPort{}); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		far.send(what, far.hears(what))
		comes(t, in, what, far.link.LinkLocal())
	}
	works("came")
	if took := time.Since(start); took < 900*time.Millisecond {
		t.Errorf("ready after %v, before duplicate address detection can be over", took)
	}
	netns.DAD(t, false)
	lan, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/lan0/accept_dad", []byte("0"), 0o644); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(netlink.LinkSetDown(lan))
	untilReady(t, w, false)
	must(netlink.LinkSetUp(lan))
	works("up")
	must(netlink.LinkSetName(lan, "other0"))
	untilReady(t, w, false)
	must(netlink.LinkSetName(lan, "lan0"))
	works("renamed back")
	far.c.Close()
	must(netlink.LinkDel(lan))
	untilReady(t, w, false)
	far = newFarEnd(t, p, "lan0", "far0")
	works("another")
}

// TestWireTellsDuplicates: an address that another node has is told, one that
// nobody has is not, and one that never comes does not hold the others up for ever.
func TestWireTellsDuplicates(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	netns.DAD(t, true)
	newFarEnd(t, netns.NewPeer(t), "lan0", "far0", "2001:db8::10/128")
	w := openWire(t, "lan0")
	untilReady(t, w, true)
	lan, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	addrs := []netip.Addr{netip.MustParseAddr("2001:db8::10"), netip.MustParseAddr("2001:db8::11")}
	for _, a := range addrs {
		err := netlink.AddrAdd(lan, &netlink.Addr{
			IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(128, 128)}, ValidLft: 3000, PreferedLft: 2000,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	if taken, err := w.DAD(addrs); err != nil || !slices.Equal(taken, addrs[:1]) || time.Since(start) > 4*time.Second {
		t.Errorf("taken: %v, %v, after %v", taken, err, time.Since(start))
	}
	if taken, err := w.DAD(append(addrs[1:], netip.MustParseAddr("2001:db8::99"))); err != nil || len(taken) != 0 {
		t.Errorf("one that never comes: %v, %v", taken, err)
	}
	ended := make(chan error)
	go func() {
		_, err := w.DAD(addrs[:1])
		ended <- err
	}()
	time.Sleep(20 * time.Millisecond)
	w.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestPortIsMissed: who cannot have the port of a link that is there hears it at once,
// not by a Solicit that never leaves.
func TestPortIsMissed(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	_ = newFarEnd(t, netns.NewPeer(t), "lan0", "far0")
	other, err := net.ListenPacket("udp6", "[::]:546")
	if err != nil {
		t.Fatal(err)
	}
	if w, err := client6.NewWire(client6.WireOptions{Iface: "lan0"}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("port taken: %v", err)
		if err == nil {
			w.Close()
		}
	}
	other.Close()
	openWire(t, "lan0")
}

// TestUnicast needs no privilege.
func TestUnicast(t *testing.T) {
	far, err := transport.OpenPort(netip.MustParseAddrPort("[::1]:0"), 0)
	if err != nil {
		need.Skip(t, "needs ::1: %v", err)
	}
	defer far.Close()
	u, err := client6.NewUnicast(far.Local(), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	untilReady(t, u, true)
	in := receive(u)
	if err := u.Send([]byte("solicit"), netip.AddrPort{}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, from, err := far.Receive(b)
	if err != nil || string(b[:n]) != "solicit" || from.Port() != u.Local().Port() {
		t.Errorf("%q from %v, %v", b[:n], from, err)
	}
	if err := far.Send([]byte("advertise"), from, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	if r := <-in; r.text != "advertise" || r.from != far.Local() || r.err != nil {
		t.Errorf("received %+v", r)
	}
	if taken, err := u.DAD([]netip.Addr{far.Local().Addr()}); len(taken) != 0 || err != nil {
		t.Errorf("duplicates: %v %v", taken, err)
	}
	u.Close()
	if r := <-in; !errors.Is(r.err, net.ErrClosed) {
		t.Errorf("received %+v", r)
	}
	for _, bad := range []string{"127.0.0.1:547", "[::1]:0", "[::ffff:127.0.0.1]:547", "[fe80::1%none0]:547"} {
		if _, err := client6.NewUnicast(netip.MustParseAddrPort(bad), netip.AddrPort{}); err == nil {
			t.Errorf("server %s: no error", bad)
		}
	}
}
