package link

import (
	"encoding/hex"
	"errors"
	"net"
	"net/netip"

	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
)

var (
	server = netip.MustParseAddrPort("192.0.2.1:67")
	client = netip.MustParseAddrPort("192.0.2.10:68")
)

// octets decodes hex that is spaced by field.
func octets(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

// The sums were worked out by hand from RFC 791 §3.1 and RFC 768.
func TestFrame(t *testing.T) {
	tests := []struct {
		name    string
		payload string
		want    string // one field per group
	}{
		// IP: 4500+001f+0000+4000+4011+c000+0201+c000+020a = 0x2493b -> 493d, complement b6c2.
		// UDP: pseudo header c000+0201+c000+020a+0011+000b, then 0043+0044+000b+6162+6300
		// = 0x2491b -> 491d, complement b6e2.
		{"odd length", "616263",
			"45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b b6e2  616263"},
		// IP: 0003 less than above. UDP: pseudo header and header with length 8 twice.
		{"no payload", "",
			"45 00 001c 0000 4000 40 11 b6c5 c0000201 c000020a  0043 0044 0008 7b4b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f Headers
			got, _ := f.Frame(server, client, octets(tt.payload))
			if want := octets(tt.want); string(got) != string(want) {
				t.Errorf("frame\n got %x\nwant %x", got, want)
			}
			if sum(got[:20], 0) != 0xffff {
				t.Error("IPv4 header checksum does not hold")
			}
			pseudo := uint32(unix.IPPROTO_UDP) + uint32(len(got)-20)
			if sum(got[12:], pseudo) != 0xffff {
				t.Error("UDP checksum does not hold")
			}
		})
	}
}

// sum is the ones' complement sum of RFC 1071.
func sum(b []byte, start uint32) uint16 {
	s := start
	for i := 0; i < len(b); i += 2 {
		s += uint32(b[i]) << 8
		if i+1 < len(b) {
			s += uint32(b[i+1])
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestFrameDoesNotAllocate(t *testing.T) {
	var f Headers
	payload := make([]byte, 300)
	if n := testing.AllocsPerRun(100, func() {
		f.Frame(server, client, payload)
	}); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func TestSendRefusesOtherFamilies(t *testing.T) {
	s := &Sender{fd: -1}
	six := netip.MustParseAddrPort("[::1]:68")
	if err := s.Send(1, Broadcast, server, six, nil); !errors.Is(err, ErrFamily) {
		t.Errorf("to IPv6: %v", err)
	}
	if err := s.Send(1, Broadcast, six, client, nil); !errors.Is(err, ErrFamily) {
		t.Errorf("from IPv6: %v", err)
	}
	if err := s.Send(1, Broadcast, server, client, make([]byte, 65508)); !errors.Is(err, ErrMTU) {
		t.Errorf("longer than IPv4 carries: %v", err)
	}
}

// The other end of a link sees the Ethernet header of the sending interface,
// the client's address, and the packet.
func TestSendOverEthernet(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24"}, nil)
	lan, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	p.Do(func() {
		far, e := netlink.LinkByName("far0")
		if e != nil {
			err = e
			return
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0); err == nil {
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_IP), Ifindex: far.Attrs().Index})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	timeout := unix.NsecToTimeval(int64(5 * time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		t.Fatal(err)
	}

	s, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	mac := Addr{0x02, 0, 0, 0, 0, 0x0a}
	if err := s.Send(lan.Attrs().Index, mac, server, client, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	n, err := unix.Read(fd, buf)
	if err != nil {
		t.Fatal(err)
	}
	want := append(append(append([]byte(nil), mac[:]...), lan.Attrs().HardwareAddr...), 0x08, 0x00)
	want = append(want, octets("45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a 0043 0044 000b b6e2 616263")...)
	if string(buf[:n]) != string(want) {
		t.Errorf("on the wire\n got %x\nwant %x", buf[:n], want)
	}

	if err := s.Send(lan.Attrs().Index, mac, server, client, make([]byte, 1472)); err != nil {
		t.Errorf("as long as the MTU: %v", err)
	}
	if err := s.Send(lan.Attrs().Index, mac, server, client, make([]byte, 1473)); !errors.Is(err, ErrMTU) {
		t.Errorf("one octet longer than the MTU: %v", err)
	}
	if err := s.Send(9999, mac, server, client, nil); !errors.Is(err, unix.ENXIO) {
		t.Errorf("on no interface: %v", err)
	}
	payload := make([]byte, 300)
	if n := testing.AllocsPerRun(100, func() { _ = s.Send(lan.Attrs().Index, mac, server, client, payload) }); n != 0 {
		t.Errorf("%v allocations per Send", n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Send(lan.Attrs().Index, mac, server, client, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
