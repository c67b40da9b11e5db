package difftest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// tshark runs Wireshark's decoder and returns a line for each frame.
func tshark(t *testing.T, file string, filter string, fields ...string) []string {
	t.Helper()
	need.Programs(t, "tshark")
	args := []string{"-n", "-r", file, "-Y", filter, "-T", "fields",
		"-d", "udp.port==6767,dhcpv6", "-d", "udp.port==6768,dhcpv6"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	return strings.Split(strings.TrimRight(string(out), "\n"), "\n")
}

// TestDHCPv6Tshark holds message types, hop counts, link-addresses and option
// codes of every level against Wireshark's.
func TestDHCPv6Tshark(t *testing.T) {
	for _, name := range []string{"kea6-kea4-isc-dhclient-relay.pcap", "kea6-kea4-isc-dhclient-renew-release.pcap"} {
		file := filepath.Join("../../testdata/captures", name)
		var want []string
		datagrams(t, file, func(src, dst int, b []byte) {
			var e dhcp6.Envelope
			if isDHCPv6(src, dst, b) && e.Parse(b) == nil {
				want = append(want, wireshark6(&e))
			}
		})
		got := tshark(t, file, "dhcpv6 && !(udp.port == 6777)", "dhcpv6.msgtype", "dhcpv6.hopcount", "dhcpv6.linkaddr", "dhcpv6.option.type")
		compare(t, name, got, want)
	}
}

// wireshark6 is the line that tshark prints of an envelope as we read it. Its
// options stand in the order of the bytes: what is in a Relay Message option
// comes right behind it, and so do the options inside an IA.
func wireshark6(e *dhcp6.Envelope) string {
	var types, hops, links, codes []string
	var level func(i int)
	level = func(i int) {
		options := e.Message.Options
		if i < len(e.Relays) {
			r := e.Relays[i]
			types = append(types, "12")
			if e.Down {
				types[i] = "13"
			}
			hops, links, options = append(hops, fmt.Sprint(r.Hops)), append(links, r.Link.String()), r.Options
		} else {
			types = append(types, fmt.Sprint(byte(e.Message.Type)))
		}
		for c, v := range options.All {
			codes = append(codes, fmt.Sprint(uint16(c)))
			switch c {
			case dhcp6.OptRelayMessage:
				level(i + 1)
			case dhcp6.OptIANA:
				if ia, err := dhcp6.ParseIANA(v); err == nil {
					for c := range ia.Options.All {
						codes = append(codes, fmt.Sprint(uint16(c)))
					}
				}
			}
		}
	}
	level(0)
	return strings.Join([]string{strings.Join(types, ","), strings.Join(hops, ","), strings.Join(links, ","), strings.Join(codes, ",")}, "\t")
}

// TestDHCPv4Tshark takes the DHCPv4 messages out of their options 87, puts them
// on a made-up wire and has Wireshark read them.
func TestDHCPv4Tshark(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dhcp4.pcap")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := pcapgo.NewWriter(f)
	w.WriteFileHeader(65536, layers.LinkTypeEthernet)
	var want []string
	messages4(t, func(_ string, b []byte, m *dhcp4.Message) {
		if err := w.WritePacket(frame(t, b)); err != nil {
			t.Fatal(err)
		}
		want = append(want, wireshark4(m))
	})
	f.Close()
	got := tshark(t, file, "dhcp", "dhcp.id", "dhcp.option.dhcp", "dhcp.ip.client", "dhcp.ip.your", "dhcp.hw.mac_addr", "dhcp.option.type")
	for i := range got {
		got[i] = strings.TrimSuffix(strings.TrimSuffix(got[i], "0"), ",") // End, as this decoder shows it
	}
	compare(t, "messages of options 87", got, want)
}

func frame(t *testing.T, payload []byte) (gopacket.CaptureInfo, []byte) {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4(192, 0, 2, 1), DstIP: net.IPv4(192, 0, 2, 2)}
	udp := &layers.UDP{SrcPort: 67, DstPort: 67}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}, ip, udp, gopacket.Payload(payload))
	if err != nil {
		t.Fatal(err)
	}
	b := buf.Bytes()
	return gopacket.CaptureInfo{Timestamp: time.Unix(0, 0), CaptureLength: len(b), Length: len(b)}, b
}

func wireshark4(m *dhcp4.Message) string {
	var codes []string
	for c := range m.All {
		if c != 0 && c != 255 {
			codes = append(codes, fmt.Sprint(byte(c)))
		}
	}
	kind := ""
	if m.Type() != 0 {
		kind = fmt.Sprint(byte(m.Type()))
	}
	return fmt.Sprintf("0x%08x\t%s\t%v\t%v\t%v\t%s", m.XID, kind, m.CIAddr, m.YIAddr, net.HardwareAddr(m.CHAddr()), strings.Join(codes, ","))
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: Wireshark reads %d messages, we read %d", what, len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s, message %d:\nWireshark reads %q\nwe read         %q", what, i+1, got[i], want[i])
		}
	}
}
