package link

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
)

// far sends frames from the other end of a link.
type far struct {
	t     *testing.T
	fd    int
	index int
}

// newFar opens a raw socket on a link of p; with a header of virtio in front of a
// frame, as other guests of one machine send it.
func newFar(t *testing.T, p *netns.Peer, name string) *far {
	t.Helper()
	f := &far{t: t}
	var err error
	p.Do(func() {
		var l netlink.Link
		if l, err = netlink.LinkByName(name); err != nil {
			return
		}
		f.index = l.Attrs().Index
		f.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	})
	if err == nil {
		err = unix.SetsockoptInt(f.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(f.fd) })
	return f
}

// send puts a frame on the link; sumFrom is where the checksum that is left to
// the hardware begins, or 0.
func (f *far) send(to Addr, tag, packet []byte, sumFrom int) {
	f.t.Helper()
	b := make([]byte, 10, 2000)
	b = append(append(b, to[:]...), 2, 0, 0x5e, 0, 0, 1)
	b = append(append(b, tag...), 8, 0)
	if sumFrom != 0 {
		b[0] = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
		binary.NativeEndian.PutUint16(b[6:], uint16(len(b)-10+sumFrom))
		binary.NativeEndian.PutUint16(b[8:], 6)
	}
	if err := unix.Sendto(f.fd, append(b, packet...), 0, &unix.SockaddrLinklayer{Ifindex: f.index, Halen: 6}); err != nil {
		f.t.Errorf("send %x: %v", packet, err)
	}
}

// packet is a datagram to dst with payload text.
func packet(t *testing.T, dst netip.AddrPort, text string) []byte {
	t.Helper()
	var w Headers
	frame, _ := w.Frame(server, dst, []byte(text))
	return slices.Clone(frame)
}

// reader gathers what a Receiver reads.
type reader struct {
	texts chan string
	end   chan error
}

func read(r *Receiver) *reader {
	d := &reader{make(chan string, 100), make(chan error, 1)}
	go func() {
		b := make([]byte, 1500)
		for {
			n, _, _, err := r.Read(b)
			switch {
			case errors.Is(err, net.ErrClosed):
				d.end <- err
				return
			case err == nil:
				d.texts <- string(b[:n])
			default:
				d.texts <- err.Error()
			}
		}
	}()
	return d
}

// until returns what was read up to a text.
func (d *reader) until(t *testing.T, last string) (all []string) {
	t.Helper()
	timeout := time.After(5 * time.Second)
	for {
		select {
		case s := <-d.texts:
			if s == last {
				return all
			}
			all = append(all, s)
		case <-timeout:
			t.Fatalf("%q does not come, but %q", last, all)
		}
	}
}

// macOf returns the hardware address of a link here.
func macOf(t *testing.T, name string) (int, Addr) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs().Index, Addr(l.Attrs().HardwareAddr)
}

// above puts a link on top of another and reads what comes for it; nil where the
// kernel was built without such links.
func above(t *testing.T, l netlink.Link) *reader {
	t.Helper()
	err := netlink.LinkAdd(l)
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Logf("no %s in this kernel", l.Type())
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	netns.Up(t, l.Attrs().Name)
	index, _ := macOf(t, l.Attrs().Name)
	r, err := Listen(index, 68)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return read(r)
}

// promiscuous has a link show the frames for other hosts as well.
func promiscuous(t *testing.T, ifindex int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	m := unix.PacketMreq{Ifindex: int32(ifindex), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
		t.Fatal(err)
	}
}

// TestReceiverTakesWhatIsMeantForIt: unfinished checksums are taken, wrong ones not;
// of what has a VLAN tag only what has a mere priority is the link's, whether another
// link stands for the VLAN or not, and nothing that is for a link on top of it.
func TestReceiverTakesWhatIsMeantForIt(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, nil)
	index, mac := macOf(t, "lan0")
	vlan := above(t, &netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "lan0.7", ParentIndex: index}, VlanId: 7, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
	macvlan := above(t, &netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: "mac0", ParentIndex: index}, Mode: netlink.MACVLAN_MODE_BRIDGE})
	promiscuous(t, index)
	f := newFar(t, p, "far0")
	all := netip.MustParseAddrPort("255.255.255.255:68")
	f.send(Broadcast, nil, packet(t, all, "before Listen"), 0)

	r, err := Listen(index, 68)
	if err != nil {
		t.Fatal(err)
	}
	d := read(r)

	wrong := packet(t, client, "wrong")
	wrong[27] ^= 1
	unfinished := packet(t, client, "unfinished")
	be.PutUint16(unfinished[26:], checksum(unfinished[12:20], 17+8+10))
	none := packet(t, client, "no checksum")
	none[26], none[27] = 0, 0
	fragment := packet(t, client, "fragment")
	fragment[6] = 0x20
	tcp := packet(t, client, "of TCP")
	tcp[9] = 6
	cut := packet(t, client, "cut short")
	f.send(Broadcast, nil, packet(t, all, "broadcast"), 0)
	f.send(mac, nil, packet(t, client, "to our address"), 0)
	f.send(Addr{2, 9, 9, 9, 9, 9}, nil, packet(t, client, "to another host"), 0)
	f.send(mac, nil, packet(t, netip.MustParseAddrPort("192.0.2.10:69"), "to another port"), 0)
	f.send(mac, nil, none, 0)
	f.send(mac, nil, unfinished, 20)
	f.send(mac, nil, wrong, 0)
	f.send(mac, nil, fragment, 0)
	f.send(mac, nil, tcp, 0)
	f.send(mac, nil, cut[:len(cut)-2], 0)
	f.send(Broadcast, []byte{0x81, 0, 0, 7}, packet(t, all, "of VLAN 7"), 0)
	f.send(Broadcast, []byte{0x81, 0, 0, 8}, packet(t, all, "of VLAN 8"), 0)
	f.send(Broadcast, []byte{0x88, 0xa8, 0, 7, 0x81, 0, 0, 8}, packet(t, all, "of a VLAN in a VLAN"), 0)
	f.send(Broadcast, []byte{0x81, 0, 0xe0, 0}, packet(t, all, "with a priority"), 0)
	if macvlan != nil {
		_, other := macOf(t, "mac0")
		f.send(other, nil, packet(t, client, "to the macvlan"), 0)
	}
	f.send(Broadcast, nil, packet(t, all, "last"), 0)

	want := []string{"broadcast", "to our address", "no checksum", "unfinished", "with a priority"}
	if got := d.until(t, "last"); !slices.Equal(got, want) {
		t.Errorf("the link has %q, want %q", got, want)
	}
	if vlan != nil {
		if got := vlan.until(t, "of VLAN 7"); len(got) > 0 {
			t.Errorf("the VLAN has %q besides", got)
		}
	}
	if macvlan != nil { // broadcasts are its own too
		macvlan.until(t, "to the macvlan")
	}
	if n := r.Refused(); n != 2 {
		t.Errorf("%d frames refused, want the wrong and the short one", n)
	}
	r.Close()
	<-d.end
	if _, _, _, err := r.Read(make([]byte, 10)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
}

// TestReceiverOutlivesTheLinkGoingDown: one error, then it reads on.
func TestReceiverOutlivesTheLinkGoingDown(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, nil)
	f := newFar(t, p, "far0")
	index, mac := macOf(t, "lan0")
	r, err := Listen(index, 68)
	if err != nil {
		t.Fatal(err)
	}
	d := read(r)
	l, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := netlink.LinkSetDown(l); err != nil {
			t.Fatal(err)
		}
		d.until(t, "link: read: network is down")
		if err := netlink.LinkSetUp(l); err != nil {
			t.Fatal(err)
		}
		f.send(mac, nil, packet(t, client, "up again"), 0)
		d.until(t, "up again")
	}
	r.Close()
	<-d.end
	if _, err := Listen(9999, 68); !errors.Is(err, unix.ENODEV) {
		t.Errorf("listen on no link: %v", err)
	}
}

// TestReceiverHearsTheSender: a broadcast from no address, as a client sends it,
// and an answer of 1,472 octets, as much as the MTU takes.
func TestReceiverHearsTheSender(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, nil)
	here, _ := macOf(t, "lan0")
	var err error
	var there int
	var r *Receiver
	p.Do(func() {
		var l netlink.Link
		if l, err = netlink.LinkByName("far0"); err == nil {
			there = l.Attrs().Index
			r, err = Listen(there, 67)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	from, to := netip.MustParseAddrPort("0.0.0.0:68"), netip.MustParseAddrPort("255.255.255.255:67")
	b := make([]byte, 1500)
	for _, size := range []int{0, 300, 1472} {
		if err := s.Send(here, Broadcast, from, to, b[:size]); err != nil {
			t.Fatal(err)
		}
		n, src, dst, err := r.Read(b)
		if err != nil || n != size || src != from || dst != to {
			t.Errorf("%d octets of %d, %v to %v, %v", n, size, src, dst, err)
		}
	}
	if err := s.Send(here, Broadcast, from, to, []byte("longer than the room")); err != nil {
		t.Fatal(err)
	}
	if n, _, _, err := r.Read(b[:6]); err != nil || string(b[:n]) != "longer" {
		t.Errorf("%q, %v", b[:n], err)
	}
}
