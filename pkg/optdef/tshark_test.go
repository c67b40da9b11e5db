package optdef

import (
	"encoding/binary"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// TestWiresharkReadsOptions shows options to an independent decoder: each is read
// as it was meant, and nothing is found malformed.
func TestWiresharkReadsOptions(t *testing.T) {
	need.Programs(t, "tshark")
	tests := []struct {
		data Data
		want []string // of what tshark says
	}{
		{Data{Name: "subnet-mask", Text: "255.255.255.0"}, []string{"Subnet Mask: 255.255.255.0"}},
		{Data{Name: "time-offset", Text: "-25200"}, []string{"Time Offset: (-25200s)"}},
		{Data{Name: "routers", Text: "192.0.2.1, 192.0.2.2"}, []string{"Router: 192.0.2.1", "Router: 192.0.2.2"}},
		{Data{Name: "domain-name", Text: "example.org"}, []string{"Domain Name: example.org"}},
		{Data{Name: "path-mtu-plateau-table", Text: "68, 1500"}, []string{"Plateau Table"}},
		{Data{Name: "policy-filter", Text: "192.0.2.0, 255.255.255.0"}, []string{"IP Address: 192.0.2.0", "Subnet Mask: 255.255.255.0"}},
		{Data{Name: "netbios-node-type", Text: "8"}, []string{"H-node"}},
		{Data{Name: "slp-directory-agent", Text: "true, 192.0.2.59"}, []string{"Static Discovery (1)", "IP Address: 192.0.2.59"}},
		{Data{Name: "client-system", Text: "0, 7"}, []string{"IA x86 PC (0)", "EFI x64 (7)"}},
		{Data{Name: "uuid-guid", Text: "0, 000102030405060708090a0b0c0d0e0f"}, []string{"Client Identifier (UUID): 03020100-0504-0706-0809-0a0b0c0d0e0f"}},
		{Data{Name: "pcode", Text: `EST5EDT4\,M3.2.0/02:00`}, []string{"EST5EDT4,M3.2.0/02:00"}},
		{Data{Name: "tcode", Text: "Europe/Zurich"}, []string{"Europe/Zurich"}},
		{Data{Name: "v6-only-preferred", Text: "1800"}, []string{"IPv6-Only Preferred"}},
		{Data{Name: "v4-captive-portal", Text: "https://example.org/api"}, []string{"https://example.org/api"}},
		{Data{Name: "domain-search", Text: "eng.example.org, example.org, other.example.org"},
			[]string{"FQDN: eng.example.org", "FQDN: example.org", "FQDN: other.example.org"}},
		{Data{Name: "sip-servers", Text: "sip.example.org, b.example.org"}, []string{"SIP Server Encoding: Fully Qualified Domain Name (0)", "sip.example.org"}},
		{Data{Name: "classless-static-route", Text: "10.17.0.0/16 - 10.0.0.2, 0.0.0.0/0 - 10.0.0.1, 10.229.0.128/25 - 10.229.0.1"},
			[]string{"10.17.0.0/16-10.0.0.2", "default-10.0.0.1", "10.229.0.128/25-10.229.0.1"}},
		{Data{Name: "vivco-suboptions", Text: "4491, 02aabb"}, []string{"Enterprise: Cable Television Laboratories, Inc. (4491)"}},
		{Data{Name: "capwap-ac-v4", Text: "192.0.2.9"}, []string{"CAPWAP Access Controllers: 192.0.2.9"}},
		{Data{Name: "rdnss-selection", Text: "1, 192.0.2.1, 192.0.2.2, example.org"}, []string{"192.0.2.1", "192.0.2.2"}},
		{Data{Name: "option-6rd", Text: "24, 96, 2001:db8::f001, 192.0.2.72"}, []string{"6RD IPv4 Mask Length: 24", "6RD Prefix: 2001:db8::f001", "192.0.2.72"}},
		{Data{Name: "v4-portparams", Text: "2, 3/4"}, []string{"PSID-Length: 4", "PSID: 3000"}},
	}
	var w dhcp4.Builder
	w.Query(dhcp4.Offer, make([]byte, 0, 1500))
	w.Header.Op, w.Header.HType = dhcp4.BootReply, 1
	w.SetCHAddr([]byte{2, 0, 0, 0, 0, 1})
	w.Header.YIAddr = netip.MustParseAddr("192.0.2.100")
	for _, tt := range tests {
		v, err := New(V4).Option(tt.data)
		if err != nil {
			t.Fatal(err)
		}
		if !w.Add(dhcp4.Code(v.Code), v.Bytes) {
			t.Fatalf("no room for %s", tt.data.Name)
		}
	}
	said := decode(t, w.Bytes())
	for _, tt := range tests {
		for _, want := range tt.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s %q: tshark does not say %q", tt.data.Name, tt.data.Text, want)
			}
		}
	}
	for _, bad := range []string{"Malformed", "Expert Info (Error", "Expert Info (Warning", "invalid"} {
		if strings.Contains(said, bad) {
			t.Errorf("tshark says %q", bad)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}

// decode lets tshark read one message, in UDP from port 67 to port 68.
func decode(t *testing.T, message []byte) string {
	t.Helper()
	udp := binary.BigEndian.AppendUint16([]byte{0, 67, 0, 68}, uint16(8+len(message)))
	udp = append(append(udp, 0, 0), message...)
	ip := binary.BigEndian.AppendUint16([]byte{0x45, 0}, uint16(20+len(udp)))
	ip = append(append(ip, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 255, 255, 255, 255), udp...)
	file := []byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} // pcap of bare IP
	file = binary.LittleEndian.AppendUint32(file, uint32(len(ip)))
	file = append(binary.LittleEndian.AppendUint32(file, uint32(len(ip))), ip...)
	name := filepath.Join(t.TempDir(), "reply.pcap")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tshark", "-n", "-r", name, "-V").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
