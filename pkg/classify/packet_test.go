package classify

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// query4 is a DHCPREQUEST through a relay, with one option of each kind that
// expressions look into.
const query4 = "01 01 06 01 12345678 0000 0000" + // BOOTREQUEST, Ethernet, one hop, xid
	"c0000207 c0000208 c0000209 7f000001" + // ciaddr, yiaddr, siaddr, giaddr
	"020000000a0b 00000000000000000000" +
	zeros64 + zeros64 + zeros64 + // sname, file
	"63825363" +
	"35 01 03" +
	"0c 05 486f73742d" + // host-name Host-
	"3c 09 505845436c69656e74" + // PXEClient
	"37 03 010306" +
	"39 02 05dc" +
	"3d 07 01020000000a0b" +
	"5d 02 0007" +
	"4d 06 04697058451d" + // user class, opaque
	"7c 12 0000118b 05 416c706861 0000118b 03 426574" + // vendor class of 4491: Alpha, Bet
	"7d 0f 0000118b 0a 01 03 030405 1e 03 617879" + // vendor options of 4491: 1, 30
	"52 0e 01 04 706f7274 02 06 020000aabbcc" + // circuit-id, remote-id
	"ff"

// queryNUL is a DHCPDISCOVER with NULs in and behind its strings.
const queryNUL = "01 01 06 01 12345678 0000 0000 00000000 00000000 00000000 7f000001" +
	"020000000a0b 00000000000000000000" +
	zeros64 + zeros64 + zeros64 +
	"63825363" +
	"35 01 01" +
	"3c 03 610000" +
	"0c 02 0000" +
	"0f 04 62006300" +
	"3d 02 0100" +
	"ff"

const zeros64 = "0000000000000000000000000000000000000000000000000000000000000000" +
	"0000000000000000000000000000000000000000000000000000000000000000"

// solicit is a Solicit through two relays; the outer one is nearer the server.
const solicit = "0c 01 20010db8000100000000000000000001 20010db8000200000000000000000002" + // outer Relay-forw
	"0012 0005 6f75746572" + // Interface-Id outer
	"0009 00ac" +
	"0c 00 20010db8000300000000000000000003 fe80000000000000020000fffe00000a" +
	"0012 0005 696e6e6572" + // Interface-Id inner
	"0025 0006 000001 37 6162" + // Remote-Id
	"0009 0073" +
	"01 abcdef" +
	"0001 000a 0003000102000000000a" + // client id
	"0006 0004 00170018" +
	"0010 0016 0000118b 0009 646f63736973332e30 0005 6f74686572" + // vendor class docsis3.0, other
	"0011 000f 0000118b 0002 0003 414243 1000 0000" + // vendor options
	"0003 0028 00000001 00000e10 00001518 0005 0018 20010db8000000000000000000000099 00000e10 00001c20" // IA_NA with an address

func message4(t testing.TB, wire string) *dhcp4.Message {
	t.Helper()
	var m dhcp4.Message
	if err := m.Parse(unhex(t, wire)); err != nil {
		t.Fatal(err)
	}
	return &m
}

func envelope(t testing.TB, wire string) *dhcp6.Envelope {
	t.Helper()
	var e dhcp6.Envelope
	if err := e.Parse(unhex(t, wire)); err != nil {
		t.Fatal(err)
	}
	return &e
}

func packet4(t testing.TB) *Packet {
	return &Packet{
		V4: message4(t, query4), Iface: "lo", Src: netip.MustParseAddr("127.0.0.1"),
		Dst: netip.MustParseAddr("127.0.0.1"), Classes: new(Set),
	}
}

func packet6(t testing.TB) *Packet {
	return &Packet{
		V6: envelope(t, solicit), Iface: "lo", Src: netip.MustParseAddr("::1"),
		Dst: netip.MustParseAddr("::1"), Classes: new(Set),
	}
}
