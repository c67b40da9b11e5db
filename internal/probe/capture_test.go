package probe

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

var be = binary.BigEndian

// The ports of the captured pairs.
const (
	v6Port = 6767
	v4Port = 6768
)

// A packet is one UDP datagram over IPv6.
type packet struct {
	src, dst netip.AddrPort
	data     []byte
}

// capture reads the UDP datagrams of a capture in order; anything else in it (an
// ICMP error when nobody was there) is left out.
func capture(t *testing.T, name string) (all []packet) {
	t.Helper()
	b, err := os.ReadFile("../../testdata/captures/" + name)
	if err != nil {
		t.Fatal(err)
	}
	const udp = 14 + 40
	for b = b[24:]; len(b) >= 16; {
		n := int(binary.LittleEndian.Uint32(b[8:]))
		f := b[16 : 16+n]
		b = b[16+n:]
		if len(f) < udp+8 || f[20] != 17 {
			continue
		}
		all = append(all, packet{
			src:  netip.AddrPortFrom(netip.AddrFrom16([16]byte(f[22:])), be.Uint16(f[udp:])),
			dst:  netip.AddrPortFrom(netip.AddrFrom16([16]byte(f[38:])), be.Uint16(f[udp+2:])),
			data: f[udp+8 : udp+int(be.Uint16(f[udp+4:]))],
		})
	}
	return all
}

// An asked is a question of a capture with what it led to, if anything.
type asked struct {
	packet
	led *packet
}

// pairUp gives each question what follows it, up to the next question.
func pairUp(all []packet, question, consequence func(packet) bool) (qs []asked) {
	for i := range all {
		switch p := all[i]; {
		case question(p):
			qs = append(qs, asked{packet: p})
		case consequence(p) && len(qs) > 0 && qs[len(qs)-1].led == nil:
			qs[len(qs)-1].led = &all[i]
		}
	}
	return qs
}

func toPort(port uint16) func(packet) bool {
	return func(p packet) bool { return p.dst.Addr().IsLoopback() && p.dst.Port() == port }
}

// fromNetwork reports whether a client or a relay sent a datagram to a server.
func fromNetwork(p packet) bool {
	return !p.dst.Addr().IsLoopback() && p.dst.Port() == 547 && !fromServer(p)
}

func fromServer(p packet) bool {
	return p.src == netip.MustParseAddrPort("[2001:db8:46::1]:547") || p.src == netip.MustParseAddrPort("[fe80::5eff:fe46:2]:547")
}

// toNetwork reports whether a server sent a datagram.
func toNetwork(p packet) bool { return !p.dst.Addr().IsLoopback() && fromServer(p) }

// end is a socket of the test's at one end of the pair: port and where it is
// connected to are given as offsets from P.
func end(t *testing.T, port uint16, local, remote uint16) (*net.UDPConn, error) {
	t.Helper()
	return net.DialUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: int(port + local)},
		&net.UDPAddr{IP: net.IPv6loopback, Port: int(port + remote)})
}

// freePorts returns P of two ports of ::1 that nobody has, with the test's end of the
// pair open on one of them.
func freePorts(t *testing.T, local, remote uint16) (uint16, *net.UDPConn) {
	t.Helper()
	any, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		need.Skip(t, "no IPv6 loopback on this machine: %v", err)
	}
	first := uint16(any.LocalAddr().(*net.UDPAddr).Port)
	any.Close()
	for i := range uint16(200) {
		port := 10000 + (first+2*i)%50000
		other, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: int(port + remote)})
		if err != nil {
			continue
		}
		c, err := end(t, port, local, remote)
		other.Close()
		if err == nil {
			t.Cleanup(func() { c.Close() })
			return port, c
		}
	}
	t.Fatal("no two free ports on ::1")
	return 0, nil
}
