package load

// A Step is one message of a conversation, with the answer to it.
type Step uint8

// The steps, in the words of DHCPv4; of DHCPv6 they are Solicit, Request,
// Renew (or Rebind) and Release.
const (
	Discover Step = iota
	Request
	Renew
	Release

	steps = iota
)

var stepNames = [2][steps]string{
	{"DISCOVER", "REQUEST", "RENEW", "RELEASE"},
	{"SOLICIT", "REQUEST", "RENEW", "RELEASE"},
}

// name returns the step's name in the words of the kind.
func (k Kind) name(s Step) string {
	if k == V6 {
		return stepNames[1][s]
	}
	return stepNames[0][s]
}
