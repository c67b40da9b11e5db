package difftest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// captures are the recordings that the packages' own tests use; where each
// comes from stands in the README beside it.
func captures(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("../../testdata/captures/*.pcap")
	if err != nil || len(names) == 0 {
		t.Fatalf("no captures (%v)", err)
	}
	return names
}

// datagrams yields the UDP payloads of a capture, with their ports.
func datagrams(t testing.TB, file string, yield func(src, dst int, payload []byte)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame, _, err := r.ReadPacketData()
		if err != nil {
			return
		}
		p := gopacket.NewPacket(frame, r.LinkType(), gopacket.NoCopy)
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok {
			continue
		}
		yield(int(udp.SrcPort), int(udp.DstPort), udp.Payload)
	}
}

// isDHCPv6 reports whether a datagram of our captures is DHCPv6: the server
// pair of ISC puts a header of its own in front, the client pair sends words.
func isDHCPv6(src, dst int, b []byte) bool {
	if src == 6777 || src == 6778 || len(b) < 4 {
		return false
	}
	switch b[0] {
	case 12, 13, 20, 21:
		return true
	}
	return (src == 546 || src == 547) && (dst == 546 || dst == 547)
}

// messages6 yields every DHCPv6 message of the captures that we accept.
func messages6(t testing.TB, yield func(file string, b []byte, e *dhcp6.Envelope)) {
	n := 0
	for _, file := range captures(t) {
		datagrams(t, file, func(src, dst int, b []byte) {
			var e dhcp6.Envelope
			if isDHCPv6(src, dst, b) && e.Parse(b) == nil {
				n++
				yield(filepath.Base(file), b, &e)
			}
		})
	}
	if n < 100 {
		t.Errorf("only %d DHCPv6 messages in the captures", n)
	}
}

// messages4 yields every DHCPv4 message of the captures that we accept: those
// inside options 87.
func messages4(t testing.TB, yield func(file string, b []byte, m *dhcp4.Message)) {
	n := 0
	messages6(t, func(file string, _ []byte, e *dhcp6.Envelope) {
		for code, v := range e.Message.Options.All {
			var m dhcp4.Message
			if code == dhcp6.OptDHCPv4Message && m.Parse(v) == nil {
				n++
				yield(file, v, &m)
			}
		}
	})
	if n < 50 {
		t.Errorf("only %d DHCPv4 messages in the captures", n)
	}
}
