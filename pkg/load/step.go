package load

// A Step is one message of a conversation, with the answer to it.
type Step uint8

// The steps, in the words of DHCPv4; of DHCPv6 they are Solicit, Request,
// Renew, Rebind, Confirm, Release, Decline and Information-request.
const (
	Discover Step = iota
	Request
	Renew
	Rebind
	Reboot // DHCPREQUEST in the state INIT-REBOOT (RFC 2131 §4.4.2)
	Release
	Decline
	Inform

	steps = iota
)

var stepNames = [2][steps]string{
	{"DISCOVER", "REQUEST", "RENEW", "REBIND", "REBOOT", "RELEASE", "DECLINE", "INFORM"},
	{"SOLICIT", "REQUEST", "RENEW", "REBIND", "CONFIRM", "RELEASE", "DECLINE", "INFORMATION-REQUEST"},
}

// name returns the step's name in the words of the kind.
func (k Kind) name(s Step) string {
	if k == V6 {
		return stepNames[1][s]
	}
	return stepNames[0][s]
}

// silent reports whether nobody answers a step: a DHCPRELEASE and a DHCPDECLINE
// have no answer (RFC 2131 §4.3.3, §4.3.4), a Release and a Decline have (RFC
// 9915 §18.3.7, §18.3.8).
func (k Kind) silent(s Step) bool { return k != V6 && (s == Release || s == Decline) }
