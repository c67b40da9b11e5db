package transport_test

import (
	"context"
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
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A frame is what is put on a link as it is: a broadcast from a client without an
// address, unless it says otherwise.
type frame struct {
	text     string
	tag      []byte // of VLAN, between the addresses and the type
	checksum string // "whole", "none", "wrong", or "unfinished": left to the link
	from, to netip.AddrPort
}

func sum(b []byte) (n uint32) {
	for ; len(b) > 1; b = b[2:] {
		n += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		n += uint32(b[0]) << 8
	}
	return n
}

func fold(n uint32) uint16 {
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	return uint16(n)
}

// bytes is the frame behind a struct virtio_net_hdr, which tells the kernel what is
// unfinished (PACKET_VNET_HDR).
func (f *frame) bytes() []byte {
	from, to := netip.MustParseAddrPort("0.0.0.0:68"), netip.MustParseAddrPort("255.255.255.255:67")
	if f.from.IsValid() {
		from, to = f.from, f.to
	}
	udp := binary.BigEndian.AppendUint16(nil, from.Port())
	udp = binary.BigEndian.AppendUint16(udp, to.Port())
	udp = append(append(udp, 0, byte(8+len(f.text)), 0, 0), f.text...)
	ip := []byte{0x45, 0, 0, byte(20 + len(udp)), 0, 0, 0, 0, 64, 17, 0, 0}
	ip = append(append(ip, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(ip[10:], ^fold(sum(ip)))
	pseudo := sum(ip[12:20]) + 17 + uint32(len(udp))
	header := make([]byte, 10)
	switch f.checksum {
	case "whole":
		binary.BigEndian.PutUint16(udp[6:], ^fold(sum(udp)+pseudo))
	case "wrong":
		binary.BigEndian.PutUint16(udp[6:], ^fold(sum(udp)+pseudo)^0x0101)
	case "unfinished":
		binary.BigEndian.PutUint16(udp[6:], fold(pseudo))
		header[0] = 1                                                            // VIRTIO_NET_HDR_F_NEEDS_CSUM
		binary.NativeEndian.PutUint16(header[6:], uint16(14+len(f.tag)+len(ip))) // from here on
		binary.NativeEndian.PutUint16(header[8:], 6)                             // is summed up to there
	}
	b := append(header, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0x5e, 0, 0, 1)
	b = append(append(b, f.tag...), 8, 0)
	return append(append(b, ip...), udp...)
}

// put puts frames on the link far0 of p.
func put(t *testing.T, p *netns.Peer, frames ...frame) {
	t.Helper()
	p.Do(func() {
		link, err := net.InterfaceByName("far0")
		if err != nil {
			t.Error(err)
			return
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
			t.Error(err)
		}
		for i := range frames {
			if err := unix.Sendto(fd, frames[i].bytes(), 0, &unix.SockaddrLinklayer{Ifindex: link.Index, Halen: 6}); err != nil {
				t.Errorf("%s: %v", frames[i].text, err)
			}
		}
	})
}

// TestFrames: what a link has not finished summing up is taken, as it comes from
// other guests of one machine (veth, virtio); what is summed up wrongly is not, nor
// is what belongs to a VLAN above the link.
func TestFrames(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24"}, nil)
	vlan := &netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "lan0.9", ParentIndex: indexOf(t, "lan0")}, VlanId: 9}
	if err := netlink.LinkAdd(vlan); err == nil {
		netns.Up(t, vlan.Name)
	} else if !errors.Is(err, unix.EOPNOTSUPP) { // a kernel without VLANs; their frames are put on the link all the same
		t.Fatal(err)
	}
	t.Run("UDP sockets", func(t *testing.T) { testFrames(t, p, false) })
	t.Run("packet sockets", func(t *testing.T) { testFrames(t, p, true) })
}

func testFrames(t *testing.T, p *netns.Peer, raw bool) {
	g, err := transport.Listen4(transport.Options{RequireAll: true, Raw: raw, Specs: []transport.Spec{{Iface: "lan0"}}})
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	stop := r.run(t, g, nil)
	wait(t, "sockets", func() bool { return len(r.sockets()) == 2 })
	frames := []frame{
		{text: "whole", checksum: "whole"}, {text: "no checksum", checksum: "none"},
		{text: "unfinished", checksum: "unfinished"}, {text: "wrong", checksum: "wrong"},
		{text: "of VLAN 7", tag: []byte{0x81, 0, 0, 7}, checksum: "whole"},
		{text: "of VLAN 9, a link of its own", tag: []byte{0x81, 0, 0, 9}, checksum: "whole"},
		{text: "of a VLAN in VLAN 7", tag: []byte{0x88, 0xa8, 0, 7, 0x81, 0, 0, 8}, checksum: "whole"},
		{text: "with a priority", tag: []byte{0x81, 0, 0xe0, 0}, checksum: "whole"},
		{text: "last", checksum: "whole"},
	}
	put(t, p, frames...)
	wait(t, "the last frame", func() bool { return len(r.where("last")) > 0 })
	stop()
	if n := g.Refused(); raw && n != 1 {
		t.Errorf("%d packets refused, want the one summed up wrongly", n)
	}
	for i := range frames {
		var want []string
		if text := frames[i].text; slices.Contains([]string{"whole", "no checksum", "unfinished", "with a priority", "last"}, text) {
			want = []string{"lan0/broadcast"}
		}
		if got := r.where(frames[i].text); !slices.Equal(got, want) {
			t.Errorf("%s came to %v, want %v", frames[i].text, got, want)
		}
	}
}

// TestUseRouting: what names no link leaves by the link of its socket, or by the
// one that leads there; it is from the socket's address in either case.
func TestUseRouting(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	near, far := netns.NewPeer(t), netns.NewPeer(t)
	near.Veth("lan0", "far0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	far.Veth("lan1", "far1", []string{"198.51.100.1/24"}, []string{"198.51.100.9/24"})
	relay := socket(t, far, "198.51.100.9:67")
	for _, routing := range []bool{false, true} {
		g, err := transport.Listen4(transport.Options{RequireAll: true, UseRouting: routing, Specs: []transport.Spec{{Iface: "lan0"}}})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan transport.Conn, 2)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			g.Follow(ctx, nil, func(c transport.Conn) { served <- c; <-ctx.Done() })
		}()
		c := <-served
		if c.Socket().Multicast {
			c = <-served
		}
		out := []transport.Datagram{{Data: []byte("reply"), Peer: netip.MustParseAddrPort("198.51.100.9:67")}}
		if _, err := c.Write(out); (err != nil) && routing {
			t.Errorf("use-routing: %v", err)
		}
		if routing {
			if from := hear(t, relay, 2*time.Second, "reply"); from.String() != "192.0.2.1:67" {
				t.Errorf("it came from %v", from)
			}
		} else {
			_ = relay.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			if n, from, err := relay.ReadFromUDPAddrPort(make([]byte, 100)); err == nil {
				t.Errorf("same-as-inbound: %d octets came from %v by another link", n, from)
			}
		}
		cancel()
		<-done
	}
}
