package server4

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// questions returns what was sent to kea-dhcp4's end of the pair, in order.
func questions(t *testing.T, name string) (all [][]byte) {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const udp = 14 + 40
	for b = b[24:]; len(b) >= 16; {
		n := int(binary.LittleEndian.Uint32(b[8:]))
		f := b[16 : 16+n]
		b = b[16+n:]
		if len(f) >= udp+8 && f[20] == 17 && binary.BigEndian.Uint16(f[udp+2:]) == 6768 {
			all = append(all, f[udp+8:udp+int(binary.BigEndian.Uint16(f[udp+4:]))])
		}
	}
	return all
}

// A prober is a v6 side that says what it likes.
type prober struct {
	t     *testing.T
	conn  *net.UDPConn
	iface string // that leads to the subnet
	fence uint32
}

// framed is a query as the v6 side hands it over, with where it came from.
func framed(m ipc.Message, iface string) []byte {
	o := dhcp6.AppendOption(nil, 60000, []byte(iface))
	a := m.Origin.Addr.As16()
	o = dhcp6.AppendOption(o, 60001, a[:])
	o = dhcp6.AppendOption(o, 60002, []byte{2, 34})
	return dhcp6.AppendOption(m.Data, 17, append([]byte{0, 0, 9, 191}, o...))
}

// ask sends a question, then one that is surely answered, and returns what came
// before that answer.
func (p *prober) ask(question []byte) (answers [][]byte) {
	p.t.Helper()
	p.fence++
	if _, err := p.conn.Write(question); err != nil {
		p.t.Fatal(err)
	}
	q := query{kind: dhcp4.Inform, xid: 0xfe000000 + p.fence, hw: hwA}
	if _, err := p.conn.Write(framed(q.message(p.t), p.iface)); err != nil {
		p.t.Fatal(err)
	}
	buf := make([]byte, 65536)
	for {
		p.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := p.conn.Read(buf)
		if err != nil {
			p.t.Fatalf("the fence is not answered: %v", err)
		}
		if bytes.Contains(buf[:n], []byte{0xfe, 0, byte(p.fence >> 8), byte(p.fence)}) {
			return answers
		}
		answers = append(answers, bytes.Clone(buf[:n]))
	}
}

// newProber runs a server behind a real pair, with Kea's configuration of the
// captures: one subnet with 4o6-interface s0 and a 4o6-subnet.
func newProber(t *testing.T, prefix string, iface string) *prober {
	free, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		need.Skip(t, "needs [::1]: %v", err)
	}
	port := uint16(free.LocalAddr().(*net.UDPAddr).Port)
	free.Close()
	pair, err := ipc.Dial(ipc.V4Side, port, ipc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: int(port)}, &net.UDPAddr{IP: net.IPv6loopback, Port: int(port) + 1})
	if err != nil {
		t.Fatal(err)
	}
	b := newBenchWith(t, net1(func(n *topology.Topology) {
		s := n.Subnets[0]
		s.Options = topology.Options{{Code: 6, Value: []byte{192, 0, 2, 1}}}
		s.Pools[0].Options = s.Options
		s.FourOSix = topology.FourOSix{Iface: iface}
		if prefix != "" {
			s.FourOSix.Prefix = netip.MustParsePrefix(prefix)
		}
	}), Options{Interfaces: links("s0 192.0.2.1,lo 127.0.0.1")})
	end := serve4o6(b.s, pair)
	t.Cleanup(func() {
		end()
		conn.Close()
		pair.Close()
	})
	return &prober{t: t, conn: conn, iface: iface}
}

// sayAll describes answers: relay levels, then what say says.
func sayAll(t *testing.T, answers [][]byte) string {
	if len(answers) != 1 {
		return fmt.Sprintf("%d answers", len(answers))
	}
	var e dhcp6.Envelope
	if err := e.Parse(answers[0]); err != nil {
		t.Fatal(err)
	}
	s := ""
	for i := range e.Relays {
		s += "relay("
		for c := range e.Relays[i].Options.All {
			if c != dhcp6.OptRelayMessage {
				s += fmt.Sprintf("%d ", uint16(c))
			}
		}
		s += ") "
	}
	if e.Message.XID != [3]byte{} {
		t.Errorf("flags % x in the answer", e.Message.XID)
	}
	v, _ := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
	m := read(t, v)
	return s + m.Type().String()
}

// TestProbeKea asks what was asked of kea-dhcp4 and gives the answer by the rule
// in the last column; "Kea" stands for what Kea answers, where nothing better is
// known.
func TestProbeKea(t *testing.T) {
	const refused = "0 answers"
	tests := []struct{ what, want, rule string }{
		{"normal DISCOVER", "DHCPOFFER", "RFC 7341"},
		{"option 17 behind 87", "DHCPOFFER", "any order"},
		{"suboptions in reverse order", "DHCPOFFER", "any order"},
		{"name with NUL at its end", "DHCPOFFER", "NULs are trimmed"},
		{"no option 17", refused, "exactly one"},
		{"no 60000", refused, "exactly one of each"},
		{"no 60001", refused, "exactly one of each"},
		{"no 60002", refused, "exactly one of each"},
		{"60002 of 1 octet", refused, "2 octets"},
		{"60001 of 32 octets", refused, "16 octets; Kea takes the first address"},
		{"each suboption twice", refused, "exactly one of each; Kea takes the first"},
		{"unknown interface", refused, "no subnet; the interface need not exist here"},
		{"empty name", refused, "1-15 octets"},
		{"interface without IPv4", "DHCPOFFER", "a host without IPv4 serves; Kea drops"},
		{"lo, address outside", refused, "no subnet"},
		{"option 17 of enterprise 9 before", "DHCPOFFER", "only that of 2495 counts"},
		{"two options 87", refused, "exactly one"},
		{"no option 87", refused, "exactly one"},
		{"type 21", refused, "20 innermost; Kea answers"},
		{"type 1", refused, "20 innermost; Kea answers"},
		{"flags ffffff", "DHCPOFFER", "ignored; the answer's are zero"},
		{"three octets trailing", "DHCPOFFER", "Kea"},
		{"option 87 longer than the datagram", refused, "every length is checked"},
		{"option 87 of 100 octets", refused, "240 octets"},
		{"bad cookie", refused, "cookie in its place"},
		{"no option 53", refused, "no BOOTP"},
		{"client identifier", "DHCPOFFER", "RFC 6842"},
		{"broadcast flag", "DHCPOFFER", "delivery does not depend on it"},
		{"giaddr and hops 1", "DHCPOFFER", "delivery does not depend on them"},
		{"giaddr, hops 0", "DHCPOFFER", "delivery does not depend on them"},
		{"hops 1, no giaddr", "DHCPOFFER", "delivery does not depend on them"},
		{"REQUEST for a wrong net", refused, "unknown client: silence, as Kea"},
		{"REQUEST naming another server", refused, "RFC 2131 §4.3.2"},
		{"REQUEST without server identifier", "DHCPACK", "accepted from who has our offer; Kea keeps no offers"},
		{"INFORM with ciaddr", "DHCPACK", "RFC 2131 §4.3.5"},
		{"INFORM without", "DHCPACK", "answer both"},
		{"DECLINE", refused, "no answer"},
		{"RELEASE", refused, "no answer"},
		{"LEASEQUERY", refused, "refused over 4o6"},
		{"relayed with options 18, 37, 66", "relay(18 ) DHCPOFFER", "18 and 135 go back"},
		{"relayed, option 18 behind 9", "relay(18 ) DHCPOFFER", "option 9 anywhere"},
		{"two relays", "relay(18 135 ) relay(18 ) DHCPOFFER", "18 and 135 go back, each level its own"},
		{"relayed, option 17 only outside", refused, "it stands in the innermost message"},
		{"relayed from port 1547 with option 135", "relay(135 ) DHCPOFFER", "RFC 8357"},
		{"relayed with ERO", "relay(37 ) DHCPOFFER", "RFC 4994; Kea does not"},
		{"datagram of 1 octet", refused, "every length is checked"},
		{"datagram of 0 octets", refused, "every length is checked"},
		{"normal", "DHCPOFFER", "still alive"},
		{"empty option 87", refused, "240 octets"},
		{"normal", "DHCPOFFER", "still alive"},
	}
	all := questions(t, "../../testdata/captures/probe-kea4.pcap")
	if len(all) != len(tests) {
		t.Fatalf("%d questions, %d rows", len(all), len(tests))
	}
	p := newProber(t, "2001:db8:46::/64", "s0")
	for i, tt := range tests {
		if got := sayAll(t, p.ask(all[i])); got != tt.want {
			t.Errorf("%d %s: %s, want %s (%s)", i+1, tt.what, got, tt.want, tt.rule)
		}
	}
}

// TestProbeKeaSubnetOnly asks with only 4o6-subnet configured.
func TestProbeKeaSubnetOnly(t *testing.T) {
	tests := []struct{ what, want, rule string }{
		{"link-local source", "0 answers", "Kea: 4o6-subnet compares the source"},
		{"global source", "DHCPOFFER", "Kea"},
		{"relay outside, link-address inside", "relay() DHCPOFFER", "the link-address is asked when nothing else matched; Kea drops"},
		{"relay inside", "relay() DHCPOFFER", "Kea"},
	}
	p := newProber(t, "2001:db8:46::/64", "fence")
	for i, q := range questions(t, "../../testdata/captures/probe-kea4-subnet-only.pcap") {
		if got := sayAll(t, p.ask(q)); got != tests[i].want {
			t.Errorf("%d %s: %s, want %s (%s)", i+1, tests[i].what, got, tests[i].want, tests[i].rule)
		}
	}
}

// TestProbeISC asks what was asked of dhcpd -4, in its framing. An answer has the
// header of its query, but for what it says of the relay's port.
func TestProbeISC(t *testing.T) {
	silent := map[int]bool{2: true, 3: true, 4: true, 7: true, 8: true, 9: true, 10: true, 11: true, 12: true, 13: true, 16: true, 26: true, 27: true, 35: true}
	p := newProber(t, "", "s0")
	for i, q := range questions(t, "../../testdata/captures/probe-isc4.pcap") {
		if i == 35 {
			continue // in Kea's framing
		}
		answers := p.ask(q)
		if want := map[bool]int{true: 0, false: 1}[silent[i+1]]; len(answers) != want {
			t.Errorf("%d: %d answers, want %d", i+1, len(answers), want)
		}
		for _, a := range answers {
			const port = 34
			if len(a) < 36 || !bytes.Equal(a[:port], q[:port]) || a[port+1] != q[port+1] || (a[port] == 1) != (i+1 == 33) {
				t.Fatalf("%d: answered with %x", i+1, a[:min(len(a), 36)])
			}
			var e dhcp6.Envelope
			if err := e.Parse(a[36:]); err != nil || e.Message.Type != dhcp6.DHCPv4Response {
				t.Errorf("%d: %v, %v", i+1, err, e.Message.Type)
			}
		}
	}
}
