package ipc

import (
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
)

// A packet is a UDP datagram of a capture.
type packet struct {
	src, dst netip.AddrPort
	data     []byte
}

// capture reads the UDP datagrams over IPv6 of one of the captures.
func capture(t testing.TB, name string) []packet {
	t.Helper()
	b, err := os.ReadFile("../../testdata/captures/" + name + ".pcap")
	if err != nil {
		t.Fatal(err)
	}
	var all []packet
	for b = b[24:]; len(b) >= 16; {
		n := int(binary.LittleEndian.Uint32(b[8:]))
		if f := b[16 : 16+n]; len(f) >= 62 && be.Uint16(f[12:]) == 0x86dd && f[20] == 17 {
			all = append(all, packet{
				netip.AddrPortFrom(netip.AddrFrom16([16]byte(f[22:])), be.Uint16(f[54:])),
				netip.AddrPortFrom(netip.AddrFrom16([16]byte(f[38:])), be.Uint16(f[56:])),
				f[62 : 54+int(be.Uint16(f[58:]))],
			})
		}
		b = b[16+n:]
	}
	if len(all) == 0 {
		t.Fatalf("%s: no datagrams", name)
	}
	return all
}

// pick returns the data of the packets that f likes.
func pick(all []packet, f func(p packet) bool) (data [][]byte) {
	for _, p := range all {
		if f(p) {
			data = append(data, p.data)
		}
	}
	return data
}

// innermostType returns the type of the message in all relay layers, as far as
// relays put the Relay Message option last.
func innermostType(b []byte) byte {
	for len(b) > relayHeader && (b[0] == 12 || b[0] == 13) {
		o := b[relayHeader:]
		for len(o) >= 4 && be.Uint16(o) != 9 {
			o = o[4+int(be.Uint16(o[2:])):]
		}
		b = o[4:]
	}
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func toPort(port uint16) func(packet) bool {
	return func(p packet) bool { return p.dst.Port() == port }
}
