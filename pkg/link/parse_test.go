package link

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"
)

// The packet is the one of TestFrame, whose sums were worked out by hand.
func TestParse(t *testing.T) {
	tests := []struct {
		name       string
		wire       string // one field per group
		unfinished bool
		want       string
		err        error
	}{
		{"whole", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b b6e2  616263", false, "abc", nil},
		{"padding of the frame", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b b6e2  616263 0000", false, "abc", nil},
		{"padding of the packet", "45 00 0021 0000 4000 40 11 b6c0 c0000201 c000020a  0043 0044 000b b6e2  616263 0000", false, "abc", nil},
		{"options of IPv4", "46 00 0023 0000 4000 40 11 b3bd c0000201 c000020a 01010100  0043 0044 000b b6e2  616263", false, "abc", nil},
		{"no UDP checksum", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b 0000  616263", false, "abc", nil},
		{"no payload", "45 00 001c 0000 4000 40 11 b6c5 c0000201 c000020a  0043 0044 0008 7b4b", false, "", nil},
		{"unfinished UDP checksum", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b 8428  616263", true, "abc", nil},

		{"unfinished, but from a wire", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b 8428  616263", false, "", errChecksum},
		{"wrong UDP checksum", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b b6e3  616263", false, "", errChecksum},
		{"wrong IPv4 checksum", "45 00 001f 0000 4000 40 11 b6c3 c0000201 c000020a  0043 0044 000b b6e2  616263", true, "", errChecksum},
		{"IPv6", "65 00 001f 0000 4000 40 11 96c2 c0000201 c000020a  0043 0044 000b b6e2  616263", false, "", errHeader},
		{"header of 16 octets", "44 00 001f 0000 4000 40 11 b7c2 c0000201 c000020a  0043 0044 000b b6e2  616263", false, "", errHeader},
		{"shorter than its header", "45 00 0013 0000 4000 40 11 b6ce c0000201 c000020a  0043 0044 000b b6e2  616263", false, "", errHeader},
		{"longer than the frame", "45 00 0020 0000 4000 40 11 b6c1 c0000201 c000020a  0043 0044 000b b6e2  616263", false, "", errShort},
		{"header longer than the frame", "4f 00 003c 0000 4000 40 11 aca5 c0000201 c000020a", false, "", errShort},
		{"cut in the IPv4 header", "45 00 001f 0000", false, "", errShort},
		{"cut in the UDP header", "45 00 001b 0000 4000 40 11 b6c6 c0000201 c000020a  0043 0044 0008 7b", false, "", errShort},
		{"UDP length over the packet", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000c 0000  616263", false, "", errLength},
		{"UDP length under the header", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 0007 0000  616263", false, "", errLength},
		{"first fragment", "45 00 001f 0000 2000 40 11 d6c2 c0000201 c000020a  0043 0044 000b b6e2  616263", false, "", errFragment},
		{"last fragment", "45 00 001f 0000 0001 40 11 f6c1 c0000201 c000020a  0043 0044 000b b6e2  616263", false, "", errFragment},
		{"TCP", "45 00 001f 0000 4000 40 06 b6cd c0000201 c000020a  0043 0044 000b b6e2  616263", false, "", errProtocol},
		{"nothing", "", false, "", errShort},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src, dst, payload, err := parse(octets(tt.wire), tt.unfinished)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil && (src != server || dst != client || string(payload) != tt.want) {
				t.Errorf("%v to %v: %q", src, dst, payload)
			}
		})
	}
}

// TestDecode: what the kernel says of a packet counts, and so does whether its source
// can be a host's (RFC 1122 §3.2.1.3). Packets without a UDP checksum, so that one of
// IPv4, worked out by hand, is all that changes.
func TestDecode(t *testing.T) {
	tests := []struct {
		name, wire string
		status     uint32
		err        error
	}{
		{"a host", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b 0000  616263", unix.TP_STATUS_USER, nil},
		{"no address yet", "45 00 001f 0000 4000 40 11 78c4 00000000 c000020a  0043 0044 000b 0000  616263", unix.TP_STATUS_USER, nil},
		{"unfinished UDP checksum", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b 8428  616263", unix.TP_STATUS_USER | unix.TP_STATUS_CSUMNOTREADY, nil},
		{"the same, finished", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b 8428  616263", unix.TP_STATUS_USER, errChecksum},
		{"VLAN", "45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b 0000  616263", unix.TP_STATUS_USER | unix.TP_STATUS_VLAN_VALID, errVLAN},
		{"from a loopback", "45 00 001f 0000 4000 40 11 f9c2 7f000001 c000020a  0043 0044 000b 0000  616263", unix.TP_STATUS_USER, errSource},
		{"from a group", "45 00 001f 0000 4000 40 11 98c2 e0000001 c000020a  0043 0044 000b 0000  616263", unix.TP_STATUS_USER, errSource},
		{"from everybody", "45 00 001f 0000 4000 40 11 78c4 ffffffff c000020a  0043 0044 000b 0000  616263", unix.TP_STATUS_USER, errSource},
	}
	for _, tt := range tests {
		_, _, payload, err := Decode(octets(tt.wire), tt.status)
		if !errors.Is(err, tt.err) || err == nil && string(payload) != "abc" {
			t.Errorf("%s: %q, %v, want %v", tt.name, payload, err, tt.err)
		}
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	p := octets("45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b b6e2  616263")
	if n := testing.AllocsPerRun(100, func() {
		if _, _, _, err := parse(p, false); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}

// FuzzParse: what is taken is what gopacket reads there too, is written back to
// the same datagram, and has no room behind it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"45 00 001f 0000 4000 40 11 b6c2 c0000201 c000020a  0043 0044 000b b6e2  616263 0000",
		"46 00 0023 0000 4000 40 11 b3bd c0000201 c000020a 01010100  0043 0044 000b b6e2  616263",
		"45 00 001c 0000 4000 40 11 b6c5 c0000201 c000020a  0043 0044 0008 7b4b",
		"45 00 001f 0000 2000 40 11 d6c2 c0000201 c000020a  0043 0044 000b b6e2  616263",
	} {
		f.Add(octets(seed), false)
		f.Add(octets(seed), true)
	}
	f.Fuzz(func(t *testing.T, p []byte, unfinished bool) {
		src, dst, payload, err := parse(p, unfinished)
		if err != nil {
			return
		}
		if cap(payload) != len(payload) {
			t.Error("room behind the payload")
		}
		if p[0]&15 == 5 { // gopacket reads options of IPv4 too, which are nothing to us
			compare(t, p, src, dst, payload)
		}
		var w Headers
		frame, _ := w.Frame(src, dst, payload)
		compare(t, frame, src, dst, payload)
		src2, dst2, payload2, err := parse(frame, false)
		if err != nil || src2 != src || dst2 != dst || string(payload2) != string(payload) {
			t.Errorf("written back: %v to %v %x, %v", src2, dst2, payload2, err)
		}
	})
}

// compare holds a datagram against what gopacket reads.
func compare(t *testing.T, p []byte, src, dst netip.AddrPort, payload []byte) {
	t.Helper()
	g := gopacket.NewPacket(p, layers.LayerTypeIPv4, gopacket.DecodeOptions{NoCopy: true})
	ip, _ := g.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	udp, _ := g.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if ip == nil || udp == nil {
		t.Fatalf("gopacket does not read %x: %v", p, g.ErrorLayer())
	}
	a, _ := netip.AddrFromSlice(ip.SrcIP)
	b, _ := netip.AddrFromSlice(ip.DstIP)
	if src != netip.AddrPortFrom(a, uint16(udp.SrcPort)) || dst != netip.AddrPortFrom(b, uint16(udp.DstPort)) || string(payload) != string(udp.Payload) {
		t.Errorf("%x: %v to %v %x, gopacket %v to %v %x", p, src, dst, payload, ip, udp, udp.Payload)
	}
}

func TestConflict(t *testing.T) {
	ours, theirs := Addr{2, 0, 0, 0, 0, 1}, Addr{2, 0, 0, 0, 0, 2}
	a := netip.MustParseAddr("192.0.2.10")
	tests := []struct {
		name           string
		wire           string
		probing, inUse bool
	}{
		{"reply of who has it", "0001 0800 06 04 0002 020000000002 c000020a 020000000001 00000000", true, true},
		{"announcement of who has it", "0001 0800 06 04 0001 020000000002 c000020a 000000000000 c000020a", true, true},
		{"who has it asks for another", "0001 0800 06 04 0001 020000000002 c000020a 000000000000 c0000201", true, true},
		{"simultaneous probe", "0001 0800 06 04 0001 020000000002 00000000 000000000000 c000020a", true, true},
		{"somebody asks for it", "0001 0800 06 04 0001 020000000002 c0000201 000000000000 c000020a", true, false},
		{"probe of another address", "0001 0800 06 04 0001 020000000002 00000000 000000000000 c000020b", true, false},
		{"echo of our probe", "0001 0800 06 04 0001 020000000001 00000000 000000000000 c000020a", true, false},
		{"echo of our announcement", "0001 0800 06 04 0001 020000000001 c000020a 000000000000 c000020a", true, false},
		{"a reply to a probe is no probe", "0001 0800 06 04 0002 020000000002 00000000 000000000000 c000020a", true, false},
		{"bound: another has it", "0001 0800 06 04 0002 020000000002 c000020a 020000000001 c000020a", false, true},
		{"bound: another probes", "0001 0800 06 04 0001 020000000002 00000000 000000000000 c000020a", false, false},
		{"cut short", "0001 0800 06 04 0001 020000000002 c000020a 000000000000 c00002", true, false},
		{"not IPv4", "0001 86dd 06 04 0002 020000000002 c000020a 020000000001 00000000", true, false},
		{"other lengths", "0001 0800 08 04 0002 020000000002 c000020a 020000000001 00000000", true, false},
	}
	for _, tt := range tests {
		by, inUse := conflict(octets(tt.wire), ours, a, tt.probing)
		if inUse != tt.inUse || inUse && by != theirs {
			t.Errorf("%s: %v %v", tt.name, by, inUse)
		}
	}
	if got := string(appendARP(nil, ours, netip.IPv4Unspecified(), a)); got != string(octets(tests[6].wire)) {
		t.Errorf("probe %x", got)
	}
	if got := string(appendARP(nil, ours, a, a)); got != string(octets(tests[7].wire)) {
		t.Errorf("announcement %x", got)
	}
}

// FuzzConflict: only who says so uses an address, and never we.
func FuzzConflict(f *testing.F) {
	f.Add(octets("0001 0800 06 04 0002 020000000002 c000020a 020000000001 00000000"), true)
	f.Add(octets("0001 0800 06 04 0001 020000000002 00000000 000000000000 c000020a"), true)
	f.Add(octets("0001 0800 06 04 0001 020000000001 c000020a 000000000000 c000020a"), false)
	ours, a := Addr{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("192.0.2.10")
	f.Fuzz(func(t *testing.T, p []byte, probing bool) {
		by, yes := conflict(p, ours, a, probing)
		if !yes {
			return
		}
		says := netip.AddrFrom4([4]byte(p[14:])) == a
		asks := netip.AddrFrom4([4]byte(p[24:])) == a
		if by == ours || !says && !(probing && asks) {
			t.Errorf("%x is no conflict", p)
		}
	})
}
