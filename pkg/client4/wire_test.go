package client4_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/client4"
	"github.com/dhcp4o6/dhcp4o6/pkg/link"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

var (
	nobody   = netip.IPv4Unspecified()
	everyone = netip.MustParseAddr("255.255.255.255")
	server   = netip.MustParseAddr("192.0.2.1")
	leased   = netip.MustParsePrefix("192.0.2.10/24")
)

// quick makes a probe short.
var quick = link.ProbeTimes{Wait: -1, Min: 20 * time.Millisecond, Max: 30 * time.Millisecond, Listen: 60 * time.Millisecond}

// openWire opens the carrier of an interface and waits until it is ready.
func openWire(t *testing.T, o client4.WireOptions) *client4.Wire {
	t.Helper()
	w, err := client4.NewWire(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// untilReady waits until a carrier says so.
func untilReady(t *testing.T, c client4.Carrier, want bool) {
	t.Helper()
	timeout := time.After(5 * time.Second)
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
	from netip.Addr
	err  error
}

// receive reads from a carrier until it is closed.
func receive(c client4.Carrier) <-chan received {
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

// comes waits for a text and fails if another comes.
func comes(t *testing.T, in <-chan received, text string) {
	t.Helper()
	select {
	case r := <-in:
		if r.text != text || r.err != nil || r.from != server {
			t.Fatalf("%+v came, want %q", r, text)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("%q does not come", text)
	}
}

// A far end is a server's: frames and UDP in the other namespace.
type farEnd struct {
	t      *testing.T
	index  int
	frames *link.Receiver
	sender *link.Sender
	port   *transport.Port
}

// newFarEnd makes lan0 here and its other end, where the server is.
func newFarEnd(t *testing.T, p *netns.Peer, here, there string) *farEnd {
	t.Helper()
	p.Veth(here, there, nil, []string{server.String() + "/24"})
	f := &farEnd{t: t}
	var err error
	p.Do(func() {
		var l netlink.Link
		if l, err = netlink.LinkByName(there); err != nil {
			return
		}
		f.index = l.Attrs().Index
		if f.frames, err = link.Listen(f.index, 67); err != nil {
			return
		}
		if f.sender, err = link.Open(nil); err != nil {
			return
		}
		f.port, err = transport.OpenPort(netip.AddrPortFrom(server, 67), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.frames.Close(); f.sender.Close(); f.port.Close() })
	return f
}

// hears waits for the next datagram for port 67, however it comes.
func (f *farEnd) hears(text, from, to string) {
	f.t.Helper()
	b := make([]byte, 2000)
	f.frames.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, src, dst, err := f.frames.Read(b)
	if err != nil || string(b[:n]) != text || src.String() != from || dst.String() != to {
		f.t.Fatalf("%q from %v to %v, %v; want %q from %s to %s", b[:n], src, dst, err, text, from, to)
	}
}

// frame answers by a frame.
func (f *farEnd) frame(to link.Addr, dst netip.Addr, text string) {
	f.t.Helper()
	if err := f.sender.Send(f.index, to, netip.AddrPortFrom(server, 67), netip.AddrPortFrom(dst, 68), []byte(text)); err != nil {
		f.t.Fatal(err)
	}
}

func macOf(t *testing.T, name string) link.Addr {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return link.Addr(l.Attrs().HardwareAddr)
}

// TestWireGoesFromFramesToUDP: the life of a lease, as far as the wire sees it
// (RFC 2131 §4.1, §4.4.5): frames without address, UDP from it, frames for
// everybody from it, and frames without address again.
func TestWireGoesFromFramesToUDP(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	far := newFarEnd(t, netns.NewPeer(t), "lan0", "far0")
	mac := macOf(t, "lan0")
	before := runtime.NumGoroutine()
	w := openWire(t, client4.WireOptions{Iface: "lan0"})
	untilReady(t, w, true)
	in := receive(w)
	send := func(text string, unicast bool, to, from netip.Addr) {
		t.Helper()
		if err := w.Send(&client4.Send{Data: []byte(text), Unicast: unicast, To: to, From: from}); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}

	send("discover", false, everyone, nobody)
	far.hears("discover", "0.0.0.0:68", "255.255.255.255:67")
	far.frame(mac, leased.Addr(), "offer")
	comes(t, in, "offer")
	far.frame(link.Broadcast, everyone, "offer to all")
	comes(t, in, "offer to all")
	send("release of the last life", true, server, leased.Addr())
	far.hears("release of the last life", "192.0.2.10:68", "192.0.2.1:67")

	netns.Add(t, "lan0", leased.String())
	w.Bound(leased)
	send("renew", true, server, leased.Addr())
	far.hears("renew", "192.0.2.10:68", "192.0.2.1:67")
	if err := far.port.Send([]byte("ack"), netip.AddrPortFrom(leased.Addr(), 68), netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	comes(t, in, "ack")
	far.frame(link.Broadcast, everyone, "nak") // RFC 2131 §4.3.2
	comes(t, in, "nak")

	send("rebind", false, everyone, leased.Addr())
	far.hears("rebind", "192.0.2.10:68", "255.255.255.255:67")
	far.frame(mac, leased.Addr(), "ack of another server")
	comes(t, in, "ack of another server")
	w.Bound(leased)
	if err := far.port.Send([]byte("ack by UDP"), netip.AddrPortFrom(leased.Addr(), 68), netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	comes(t, in, "ack by UDP") // and not once more what has come as a frame

	w.Bound(netip.Prefix{})
	send("discover again", false, everyone, nobody)
	far.hears("discover again", "0.0.0.0:68", "255.255.255.255:67")
	w.Close()
	for r := range in {
		if !errors.Is(r.err, net.ErrClosed) {
			t.Errorf("after the end: %+v", r)
		}
	}
	if err := w.Send(&client4.Send{To: everyone}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("send after Close: %v", err)
	}
	for end := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines are left of %d", runtime.NumGoroutine(), before)
		}
	}
}

// TestWireReleasesBeforeTheAddressGoes: a DHCPRELEASE leaves the host though the
// server's hardware address has yet to be found, and the address goes at once
// (RFC 2131 §4.4.6: it is sent once, and never answered).
func TestWireReleasesBeforeTheAddressGoes(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	far := newFarEnd(t, p, "lan0", "far0")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var there netlink.Link
	var err error
	p.Do(func() { // the server takes its time to say where it is
		if there, err = netlink.LinkByName("far0"); err == nil {
			err = netlink.LinkSetARPOff(there)
		}
	})
	must(err)
	netns.Add(t, "lan0", leased.String())
	w := openWire(t, client4.WireOptions{Iface: "lan0"})
	untilReady(t, w, true)
	w.Bound(leased)
	must(w.Send(&client4.Send{Data: []byte("release"), Unicast: true, To: server, From: leased.Addr()}))
	lan, err := netlink.LinkByName("lan0")
	must(err)
	found := make(chan error, 1)
	time.AfterFunc(50*time.Millisecond, func() {
		found <- netlink.NeighSet(&netlink.Neigh{LinkIndex: lan.Attrs().Index, Family: unix.AF_INET, State: netlink.NUD_PERMANENT, IP: server.AsSlice(), HardwareAddr: there.Attrs().HardwareAddr})
	})
	w.Bound(netip.Prefix{})
	must(netlink.AddrDel(lan, &netlink.Addr{IPNet: &net.IPNet{IP: leased.Addr().AsSlice(), Mask: net.CIDRMask(leased.Bits(), 32)}}))
	far.hears("release", "192.0.2.10:68", "192.0.2.1:67")
	must(<-found)
}

// TestWireHearsPastTheHost: where the host's routes or its packet filter keep an answer
// from UDP, the answer to a broadcast still comes, and with it the lease stays.
func TestWireHearsPastTheHost(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	far := newFarEnd(t, netns.NewPeer(t), "lan0", "far0")
	netns.Add(t, "lan0", leased.String())
	for _, name := range []string{"all", "lan0"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/rp_filter", []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w := openWire(t, client4.WireOptions{Iface: "lan0"})
	untilReady(t, w, true)
	w.Bound(leased)
	in := receive(w)
	elsewhere := netip.MustParseAddrPort("198.51.100.1:67") // no route leads there
	answer := func(text string) {
		t.Helper()
		if err := far.sender.Send(far.index, macOf(t, "lan0"), elsewhere, netip.AddrPortFrom(leased.Addr(), 68), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	answer("to the renewal")
	select {
	case r := <-in:
		t.Logf("this host checks no reverse path: %+v", r)
	case <-time.After(100 * time.Millisecond):
	}
	if err := w.Send(&client4.Send{To: everyone, From: leased.Addr(), Data: []byte("rebind")}); err != nil {
		t.Fatal(err)
	}
	far.hears("rebind", "192.0.2.10:68", "255.255.255.255:67")
	answer("to the rebinding")
	select {
	case r := <-in:
		if r.text != "to the rebinding" || r.from != elsewhere.Addr() || r.err != nil {
			t.Errorf("received %+v", r)
		}
	case <-time.After(5 * time.Second):
		t.Error("the answer does not come")
	}
}

// TestWireFollowsTheLink: it may come late, go down, be renamed away and back, and
// be replaced by another of the name.
func TestWireFollowsTheLink(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	w := openWire(t, client4.WireOptions{Iface: "lan0"})
	untilReady(t, w, false)
	if err := w.Send(&client4.Send{To: everyone, Data: []byte("x")}); !errors.Is(err, client4.ErrLink) {
		t.Errorf("send without a link: %v", err)
	}
	if _, err := w.Probe(leased.Addr()); !errors.Is(err, client4.ErrLink) {
		t.Errorf("probe without a link: %v", err)
	}
	in := receive(w)
	p := netns.NewPeer(t)
	far := newFarEnd(t, p, "lan0", "far0")
	works := func(what string) {
		t.Helper()
		untilReady(t, w, true)
		if err := w.Send(&client4.Send{To: everyone, Data: []byte(what)}); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		far.hears(what, "0.0.0.0:68", "255.255.255.255:67")
		far.frame(link.Broadcast, everyone, what)
		comes(t, in, what)
	}
	works("came")
	lan, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	probed := make(chan error)
	go func() {
		_, err := w.Probe(leased.Addr())
		probed <- err
	}()
	time.Sleep(50 * time.Millisecond) // it has begun, or finds the link down when it does
	must(netlink.LinkSetDown(lan))
	if err := <-probed; !errors.Is(err, client4.ErrLink) {
		t.Errorf("probe while the link goes down: %v", err)
	}
	untilReady(t, w, false)
	must(netlink.LinkSetUp(lan))
	works("up")
	for range 3 { // no picture need show it, and yet the routes of the link have gone
		must(netlink.LinkSetDown(lan))
		must(netlink.LinkSetUp(lan))
		untilReady(t, w, false)
		works("up at once")
	}
	must(netlink.LinkSetName(lan, "other0"))
	untilReady(t, w, false)
	must(netlink.LinkSetName(lan, "lan0"))
	works("renamed back")
	must(netlink.LinkDel(lan))
	untilReady(t, w, false)
	far.port.Close()
	far = newFarEnd(t, p, "lan0", "far0")
	works("another")

	far.port.Close()
	far = newFarEnd(t, p, "spare0", "far1")
	time.Sleep(time.Second) // it is up in every picture
	lan, err = netlink.LinkByName("lan0")
	must(err)
	spare, err := netlink.LinkByName("spare0")
	must(err)
	must(netlink.LinkSetName(lan, "gone0"))
	must(netlink.LinkSetName(spare, "lan0"))
	untilReady(t, w, false)
	works("another at once")
}

// TestWireGuardsTheAddress: before it is used it is probed, then announced, and a
// second conflict is told (RFC 5227 §2.1, §2.3, §2.4 b).
func TestWireGuardsTheAddress(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	far := newFarEnd(t, p, "lan0", "far0")
	w := openWire(t, client4.WireOptions{Iface: "lan0", ProbeTimes: quick})
	untilReady(t, w, true)
	if taken, err := w.Probe(server); err != nil || !taken {
		t.Errorf("the server's own address: %v %v", taken, err)
	}
	if taken, err := w.Probe(leased.Addr()); err != nil || taken {
		t.Errorf("a free address: %v %v", taken, err)
	}
	var other *link.ARP
	var err error
	mac := macOf(t, "lan0")
	p.Do(func() { other, err = link.OpenARP(far.index, link.Addr{2, 0, 0, 0, 0, 9}, leased.Addr()) })
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	w.Bound(leased) // not there yet, as in a dry run: nothing is announced
	time.Sleep(100 * time.Millisecond)
	netns.Add(t, "lan0", leased.String())
	if by, err := other.Guard(t.Context()); err != nil || by != mac { // its announcements are our conflicts
		t.Errorf("the address is not defended: %v %v", by, err)
	}
	select {
	case a := <-w.Conflicts():
		if a != leased.Addr() {
			t.Errorf("conflict about %v", a)
		}
	case <-time.After(10 * time.Second):
		t.Error("the conflict is not told")
	}
	w.Bound(netip.Prefix{})
	probing := make(chan error)
	go func() {
		w.Close()
		_, err := w.Probe(leased.Addr())
		probing <- err
	}()
	if err := <-probing; err == nil {
		t.Error("probe after Close: no error")
	}
}

// TestWireBesideOthers: another program on the port that shares it does no harm, nor
// does our client of another link; one that does not share it costs renewals only.
func TestWireBesideOthers(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p, q := netns.NewPeer(t), netns.NewPeer(t)
	far := newFarEnd(t, p, "lan0", "far0")
	other := newFarEnd(t, q, "lan1", "far1")
	bind := func(share int) int {
		t.Helper()
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, share)
		}
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrInet4{Port: 68})
		}
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	dhclient := bind(1)
	netns.Add(t, "lan0", leased.String())
	netns.Add(t, "lan1", leased.String())
	for _, c := range []struct {
		iface string
		far   *farEnd
	}{{"lan0", far}, {"lan1", other}} {
		w := openWire(t, client4.WireOptions{Iface: c.iface})
		untilReady(t, w, true)
		w.Bound(leased)
		in := receive(w)
		if err := w.Send(&client4.Send{Unicast: true, To: server, From: leased.Addr(), Data: []byte(c.iface)}); err != nil {
			t.Fatal(err)
		}
		c.far.hears(c.iface, "192.0.2.10:68", "192.0.2.1:67")
		if err := c.far.port.Send([]byte(c.iface), netip.AddrPortFrom(leased.Addr(), 68), netip.Addr{}); err != nil {
			t.Fatal(err)
		}
		comes(t, in, c.iface)
		w.Close()
	}
	unix.Close(dhclient)

	selfish := bind(0)
	defer unix.Close(selfish)
	w := openWire(t, client4.WireOptions{Iface: "lan0"})
	untilReady(t, w, true)
	in := receive(w)
	w.Bound(leased)
	if err := w.Send(&client4.Send{Unicast: true, To: server, From: leased.Addr(), Data: []byte("renew")}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("renewal from a port that another has: %v", err)
	}
	if err := w.Send(&client4.Send{To: everyone, From: leased.Addr(), Data: []byte("rebind")}); err != nil {
		t.Error(err)
	}
	far.hears("rebind", "192.0.2.10:68", "255.255.255.255:67")
	far.frame(macOf(t, "lan0"), leased.Addr(), "ack")
	comes(t, in, "ack")
}

// TestUnicast needs no privilege: to the server the client is its own relay.
func TestUnicast(t *testing.T) {
	far, err := transport.OpenPort(netip.MustParseAddrPort("127.0.0.1:0"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	u, err := client4.NewUnicast(far.Local(), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	untilReady(t, u, true)
	in := receive(u)
	m := []byte(strings.Repeat("\x00", 240))
	if err := u.Send(&client4.Send{Data: m, To: everyone}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 500)
	n, from, err := far.Receive(b)
	if err != nil || n != 240 || from != u.Local() || b[3] != 1 || string(b[24:28]) != "\x7f\x00\x00\x01" {
		t.Errorf("%x from %v, %v", b[:n], from, err)
	}
	if m[3] != 0 || m[24] != 0 {
		t.Error("the message was changed")
	}
	stranger, err := transport.OpenPort(netip.MustParseAddrPort("127.0.0.2:0"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for _, p := range []*transport.Port{stranger, far} {
		if err := p.Send([]byte(p.Local().Addr().String()), u.Local(), netip.Addr{}); err != nil {
			t.Fatal(err)
		}
	}
	if r := <-in; r.text != "127.0.0.1" || r.from != far.Local().Addr() || r.err != nil {
		t.Errorf("received %+v", r)
	}
	if taken, err := u.Probe(server); taken || err != nil {
		t.Errorf("probe: %v %v", taken, err)
	}
	if err := u.Send(&client4.Send{Data: m[:235]}); err == nil {
		t.Error("a message that is none was sent")
	}
	u.Close()
	if r := <-in; !errors.Is(r.err, net.ErrClosed) {
		t.Errorf("received %+v", r)
	}
	for _, bad := range []string{"[::1]:67", "127.0.0.1:0"} {
		if _, err := client4.NewUnicast(netip.MustParseAddrPort(bad), netip.AddrPort{}); err == nil {
			t.Errorf("server %s: no error", bad)
		}
	}
}
