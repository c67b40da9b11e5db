package probe

import (
	"bytes"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

const (
	linkLocal = "[fe80::5eff:fe46:1]:546 "
	global    = "[2001:db8:46::c]:546 "
	relay     = "[2001:db8:46::d]"
	plain     = "DHCPV4-RESPONSE: 87"
	added     = "17/2495(60000 60001 60002) "
)

// TestKea6 puts the questions to our v6 side that were put to kea-dhcp6, and has the
// v4 side give the same answers.
func TestKea6(t *testing.T) {
	v := newV6Side(t, ipc.Kea)
	all := capture(t, "probe-kea6.pcap")
	questions := pairUp(all, fromNetwork, toPort(v4Port))
	answers := pairUp(all, toPort(v6Port), toNetwork)
	const wire = 18
	v.runWire(questions[:min(wire, len(questions)-4)], []wireRow{
		{"unicast", added + "87", added + "87", "4o6 is taken by unicast (RFC 7341 §9)"},
		{"multicast", added + "87", added + "87", "RFC 7341 §9"},
		{"unicast flag", added + "87", added + "87", "rule 12"},
		{"more options", "1 6 " + added + "87 999", "1 6 999 " + added + "87", "other options pass in their order"},
		{"no option 87", "-", "pkt6-drop-no-message", "rule 4"},
		{"two options 87", added + "87 87", "pkt6-drop-no-message", "rule 4"},
		{"empty option 87", added + "87 1000", "pkt6-drop-no-message", "rule 4: 240 octets"},
		{"option 87 of 10 octets", added + "87", "pkt6-drop-no-message", "rule 4: 240 octets"},
		{"type 21", "-", "pkt6-drop-message-type", "rule 3"},
		{"option 17 of enterprise 9", "17/9(1) " + added + "87", added + "17/9(1) 87", "rule 1: nothing else is touched"},
		{"option 17 of 2495, forged", "17/2495(60000 60000 60001 60001 60002 60002) 87", added + "87", "rule 1"},
		{"both", "17/9(1) 17/2495(60000 60001 60002) " + added + "87", added + "17/9(1) 87", "rule 1"},
		{"2495 with suboption 1", "17/2495(1 60000 60001 60002) 87", added + "17/2495(1) 87", "rule 1: the client's own stays as it is"},
		{"relayed", "18 37 9 | " + added + "87", "18 37 9 | " + added + "87", "the chain travels"},
		{"relayed from port 1547 with option 135", "135 9 | " + added + "87", "135 9 | " + added + "87", "RFC 8357"},
		{"relayed from port 1547 without", "9 | " + added + "87", "9 | " + added + "87", "as Kea"},
		{"relayed type 21", "-", "pkt6-drop-message-type", "rule 3"},
		{"two relays", "18 9 | 18 9 | " + added + "87", "18 9 | 18 9 | " + added + "87", "the chain travels"},
	}, 0)
	v.goneAndBack(questions[min(wire, len(questions)-4):])

	v = newV6Side(t, ipc.Kea) // where nobody has asked yet
	v.runAnswers(answers, []answerRow{
		{"to a link-local address", linkLocal + plain, linkLocal + plain, "rule 6"},
		{"to a global address", global + plain, global + plain, "rule 6"},
		{"60002 is 999", global + plain, global + plain, "rule 6: 60002 is for relays with option 135"},
		{"flags ffffff", linkLocal + "DHCPV4-RESPONSE flags ffffff: 87", linkLocal + "DHCPV4-RESPONSE: 87", "rule 11: zero, whatever the v4 side says"},
		{"type 20", linkLocal + "DHCPV4-QUERY: 87", "4o6-bad-packet-type", "rule 3"},
		{"type 7", linkLocal + "REPLY: 87", "4o6-bad-packet-type", "rule 3"},
		{"no option 87", linkLocal + "DHCPV4-RESPONSE: ", "4o6-bad-packet-dhcpv4-message", "rule 4"},
		{"two options 87", linkLocal + "DHCPV4-RESPONSE: 87 87", "4o6-bad-packet-dhcpv4-message", "rule 4"},
		{"no option 17", "-", "4o6-bad-packet-no-origin", "rule 2"},
		{"an interface that is not served", "-", "4o6-answer-no-link", "rule 6"},
		{"option 17 of enterprise 9 before", linkLocal + "DHCPV4-RESPONSE: 17/2495() 87", linkLocal + "DHCPV4-RESPONSE: 17/9(1) 87", "rule 2: ours is taken out, not the first"},
		{"one more suboption", linkLocal + "DHCPV4-RESPONSE: 17/2495(1) 87", linkLocal + "DHCPV4-RESPONSE: 17/2495(1) 87", "as Kea"},
		{"Relay-reply", relay + ":547 DHCPV4-RESPONSE: 18 9 | 87", relay + ":547 DHCPV4-RESPONSE: 18 9 | 87", "rule 6"},
		{"Relay-reply, port 1547, with option 135", relay + ":1547 DHCPV4-RESPONSE: 135 9 | 87", relay + ":1547 DHCPV4-RESPONSE: 135 9 | 87", "rule 6, RFC 8357 §5.3"},
		{"Relay-reply, port 1547, without", relay + ":547 DHCPV4-RESPONSE: 9 | 87", relay + ":547 DHCPV4-RESPONSE: 9 | 87", "rule 6"},
		{"in a Relay-forward", relay + ":547 Relay-forward of DHCPV4-RESPONSE: 9 | 87", "4o6-bad-packet-type", "rule 3: 13 outside"},
	}, bytes.Clone)
}
