package probe

import (
	"bytes"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

// TestISC6 puts the questions to our v6 side that were put to dhcpd -6, with a v4 side
// that speaks ISC's dialect and with one that speaks Kea's. In ISC's, what is handed over
// is dhcpd's octet for octet, where the network has forged nothing, and the answers are
// given as they were to dhcpd.
func TestISC6(t *testing.T) {
	for _, d := range []ipc.Dialect{ipc.ISC, ipc.Kea} {
		t.Run(d.String(), func(t *testing.T) { asISC6(t, d) })
	}
}

func asISC6(t *testing.T, d ipc.Dialect) {
	v := newV6Side(t, d)
	all := capture(t, "probe-isc6.pcap")
	questions := pairUp(all, fromNetwork, toPort(v4Port))
	answers := pairUp(all, toPort(v6Port), toNetwork)
	ours := inKeas
	if d == ipc.ISC {
		ours = bytes.Clone
	}
	const wire = 18
	forged := "17/2495(60000 60001 60002) "
	v.runWire(questions[:min(wire, len(questions)-4)], []wireRow{
		{"unicast", "87", added + "87", "4o6 is taken by unicast (RFC 7341 §9)"},
		{"multicast", "87", added + "87", "RFC 7341 §9"},
		{"unicast flag", "87", added + "87", "rule 12"},
		{"more options", "1 6 999 87", "1 6 999 " + added + "87", "other options pass in their order"},
		{"no option 87", "1 1000", "pkt6-drop-no-message", "rule 4"},
		{"two options 87", "87 87", "pkt6-drop-no-message", "rule 4"},
		{"empty option 87", "87 1000", "pkt6-drop-no-message", "rule 4: 240 octets"},
		{"option 87 of 10 octets", "87", "pkt6-drop-no-message", "rule 4: 240 octets"},
		{"type 21", "-", "pkt6-drop-message-type", "rule 3"},
		{"option 17 of enterprise 9", "17/9(1) 87", added + "17/9(1) 87", "rule 1: nothing else is touched"},
		{"option 17 of 2495, forged", forged + "87", added + "87", "rule 1"},
		{"both", "17/9(1) " + forged + "87", added + "17/9(1) 87", "rule 1"},
		{"2495 with suboption 1", "17/2495(1) 87", added + "17/2495(1) 87", "rule 1: the client's own stays as it is"},
		{"relayed", "18 37 9 | 87", "18 37 9 | " + added + "87", "the chain travels"},
		{"relayed from port 1547 with option 135", "135 9 | 87", "135 9 | " + added + "87", "RFC 8357"},
		{"relayed from port 1547 without", "9 | 87", "9 | " + added + "87", "as Kea"},
		{"relayed type 21", "-", "pkt6-drop-message-type", "rule 3"},
		{"two relays", "18 9 | 18 9 | 87", "18 9 | 18 9 | " + added + "87", "the chain travels"},
	}, iscHeader)
	v.goneAndBack(questions[min(wire, len(questions)-4):])

	v = newV6Side(t, 1-d) // where nobody has asked yet
	for i, a := range answers {
		v.asks(inKeas(a.data))
		if sent, reasons := v.play(ours(a.data)); len(sent) != 0 || reasons != "4o6-bad-packet-dialect" && reasons != "4o6-bad-packet-type" {
			t.Errorf("answer %d in the other dialect: %d sent, %s", i+1, len(sent), reasons)
		}
	}
	v = newV6Side(t, d)
	v.runAnswers(answers, []answerRow{
		{"to a link-local address", linkLocal + plain, linkLocal + plain, "rule 6"},
		{"to a global address", global + plain, global + plain, "rule 6"},
		{"60002 is 999", global + plain, global + plain, "rule 6: 60002 is for relays with option 135"},
		{"flags ffffff", linkLocal + "DHCPV4-RESPONSE flags ffffff: 87", linkLocal + "DHCPV4-RESPONSE: 87", "rule 11: zero, whatever the v4 side says"},
		{"type 20", linkLocal + "DHCPV4-QUERY: 87", "4o6-bad-packet-type", "rule 3"},
		{"type 7", linkLocal + "REPLY: 87", "4o6-bad-packet-type", "rule 3"},
		{"no option 87", linkLocal + "DHCPV4-RESPONSE: 1000", "4o6-bad-packet-dhcpv4-message", "rule 4"},
		{"an interface that is not served", "-", "4o6-answer-no-link", "rule 6"},
		{"Relay-reply", relay + ":547 DHCPV4-RESPONSE: 18 9 | 87", relay + ":547 DHCPV4-RESPONSE: 18 9 | 87", "rule 6"},
		{"Relay-reply, port 1547, with option 135", relay + ":1547 DHCPV4-RESPONSE: 135 9 | 87", relay + ":1547 DHCPV4-RESPONSE: 135 9 | 87", "rule 6, RFC 8357 §5.3"},
		{"Relay-reply, port 1547, without", relay + ":547 DHCPV4-RESPONSE: 9 | 87", relay + ":547 DHCPV4-RESPONSE: 9 | 87", "rule 6"},
		{"type 200", linkLocal + "type 200: 87", "4o6-bad-packet-type", "rule 3"},
	}, ours)
}
