package probe

import (
	"bytes"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// iscHeader is the length of what ISC's daemons put in front of the DHCPv6 message: the
// interface's name, an address, a port, and two octets more.
const iscHeader = 36

// inKeas turns a datagram of ISC's pair into one of Kea's: the header becomes a vendor
// option in the innermost message.
func inKeas(b []byte) []byte {
	name, _, _ := bytes.Cut(b[:16], []byte{0})
	return put(b[iscHeader:], vendor(string(name), b[16:32], be.Uint16(b[32:34])))
}

// put puts an option at the front of the innermost message, or at the end of a level
// that carries none. It is no more careful than it must be: what it is given may be
// broken, and shall stay so.
func put(b, option []byte) []byte {
	const relay = 34
	if len(b) <= relay || b[0] != byte(dhcp6.RelayForw) && b[0] != byte(dhcp6.RelayRepl) {
		return append(append(bytes.Clone(b[:4]), option...), b[4:]...)
	}
	out := bytes.Clone(b[:relay])
	found := false
	for o := b[relay:]; len(o) >= 4; {
		n := 4 + int(be.Uint16(o[2:]))
		v := o[4:n]
		if c := dhcp6.Code(be.Uint16(o)); c == dhcp6.OptRelayMessage {
			v, found = put(v, option), true
		}
		out = dhcp6.AppendOption(out, dhcp6.Code(be.Uint16(o)), v)
		o = o[n:]
	}
	if !found {
		out = append(out, option...)
	}
	return out
}

// inISC reports whether a datagram begins as ISC's do.
func inISC(b []byte) bool { return len(b) > 0 && b[0] > ' ' }

// mirrorsISC holds an answer in ISC's framing to the header of its question: all of it
// comes back, but for octet 34, which says whether the outermost relay has sent
// Relay-Source-Port (RFC 8357).
func mirrorsISC(t *testing.T, question, answer []byte) {
	t.Helper()
	if len(answer) < iscHeader {
		t.Fatalf("%d octets: %x", len(answer), answer)
	}
	const relayPort = 34
	want := bytes.Clone(question[:iscHeader])
	want[relayPort] = 0
	if m, err := take(question[iscHeader:]); err == nil && len(m.Relays) > 0 && m.Relays[0].Options.Has(dhcp6.OptRelayPort) {
		want[relayPort] = 1
	}
	if !bytes.Equal(answer[:iscHeader], want) {
		t.Errorf("header %x\nwant   %x", answer[:iscHeader], want)
	}
}

func iscQuestions(t *testing.T) []asked {
	return pairUp(capture(t, "probe-isc4.pcap"), toPort(v4Port), toPort(v6Port))
}

// TestISCQuestions asks what was asked of dhcpd -4, octet for octet.
func TestISCQuestions(t *testing.T) {
	v := newV4Side(t, `"4o6-interface": "s0", "4o6-subnet": "2001:db8:46::/64",`)
	v.run(iscQuestions(t), iscRows)
}

// TestISCQuestionsInKeas asks the same with the DHCPv6 messages in Kea's framing: the
// answers are the same.
func TestISCQuestionsInKeas(t *testing.T) {
	v := newV4Side(t, `"4o6-interface": "s0", "4o6-subnet": "2001:db8:46::/64",`)
	questions := iscQuestions(t)
	for i := range questions {
		q := &questions[i]
		if inISC(q.data) {
			q.data = inKeas(q.data)
		}
		if q.led != nil {
			q.led.data = q.led.data[iscHeader:]
		}
	}
	v.run(questions, iscRows)
}

var iscRows = []row{
	{"normal DISCOVER", "OFFER", "OFFER 192.0.2.100", "RFC 7341 §11"},
	{"unknown interface", "-", "pkt4-drop-no-subnet", "rule 8: the name need not be an interface of this host, but no rule fits"},
	{"lo", "-", "pkt4-drop-no-subnet", "rule 8"},
	{"interface without a subnet", "-", "pkt4-drop-no-subnet", "rule 8"},
	{"octets behind the name's NUL", "OFFER", "OFFER 192.0.2.100", "ISC's header only"},
	{"octet 34 is 7", "OFFER", "OFFER 192.0.2.100", "ISC's header only"},
	{"two options 87", "OFFER", "4o6-bad-packet-dhcpv4-message", "rule 4, RFC 7341 §11"},
	{"two different options 87", "OFFER", "4o6-bad-packet-dhcpv4-message", "rule 4, RFC 7341 §11"},
	{"no option 87", "-", "4o6-bad-packet-dhcpv4-message", "rule 4"},
	{"empty option 87", "-", "pkt4-drop-envelope", "rule 4"},
	{"datagram of 271 octets", "-", "4o6-bad-packet-option-length", "its option 87 is cut short"},
	{"type 21", "-", "4o6-bad-packet-type", "rule 3"},
	{"type 1", "-", "4o6-bad-packet-type", "rule 3"},
	{"unicast flag", "OFFER", "OFFER 192.0.2.100", "rule 12: no filter; flags are zero in the answer"},
	{"flags ffffff", "OFFER", "OFFER 192.0.2.100", "rule 11"},
	{"no option 53", "-", "pkt4-drop-bootp", "as Kea"},
	{"client identifier", "OFFER", "OFFER 192.0.2.100", "rule 14, RFC 6842 §3: given back"},
	{"broadcast flag", "OFFER", "OFFER 192.0.2.100", "rule 13"},
	{"giaddr known", "OFFER", "OFFER 192.0.2.100", "rule 13"},
	{"giaddr unknown", "-", "OFFER 192.0.2.100", "rule 8: as Kea, giaddr is asked only when nothing else matched"},
	{"hops 1", "OFFER", "OFFER 192.0.2.100", "rule 13"},
	{"REQUEST", "ACK", "ACK 192.0.2.100", "rule 9: without option 54, from who holds our offer"},
	{"REQUEST for a wrong net", "NAK", "NAK", "RFC 2131 §4.3.2: a client that we know"},
	{"INFORM with ciaddr", "ACK", "ACK", "RFC 2131 §4.3.5"},
	{"INFORM without ciaddr", "-", "ACK", "rule 15: answer both"},
	{"DECLINE", "-", "silence", "rule 16"},
	{"RELEASE of another address", "-", "pkt4-drop-not-holder", "rule 16: no answer; it holds no such lease"},
	{"unpadded DISCOVER", "OFFER", "OFFER 192.0.2.101", "rule 18; .100 was declined"},
	{"relayed", "relay(18) OFFER", "relay(18) OFFER 192.0.2.101", "rule 10"},
	{"relayed, link-address unknown", "-", "relay(18) OFFER 192.0.2.101", "rule 8: as Kea, the interface decides"},
	{"relayed, link-address ::", "relay() OFFER", "relay() OFFER 192.0.2.101", "rule 8"},
	{"two relays", "relay(18) relay(18) OFFER", "relay(18) relay(18) OFFER 192.0.2.101", "rule 10"},
	{"port 1547 with option 135", "relay(135) OFFER", "relay(135) OFFER 192.0.2.101", "RFC 8357 §5.2"},
	{"Echo Request", "relay(37) OFFER", "relay(37) OFFER 192.0.2.101", "rule 10, RFC 4994 §5"},
	{"relay without option 9", "-", "4o6-bad-packet-relays", "RFC 9915 §9.1"},
	{"Kea's format", "-", "OFFER 192.0.2.101", "docs/4o6.md"},
	{"normal", "OFFER", "OFFER 192.0.2.101", "nothing of the above did harm"},
}
