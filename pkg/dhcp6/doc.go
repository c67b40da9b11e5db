// Package dhcp6 is the DHCPv6 wire format (RFC 9915): messages, options, DUIDs,
// and the chains of Relay-forward and Relay-reply messages around them.
//
// Parsing is a view. An Envelope that has parsed a datagram keeps slices of it
// and copies nothing, so it is valid for as long as the datagram's memory is.
// Every length is checked once, by Envelope.Parse or ParseOptions; the types that
// come out of them (Options above all) say that the check has been made, and
// their methods cannot fail. Unknown options pass through untouched and in order:
//
//	var e dhcp6.Envelope
//	if err := e.Parse(datagram); err != nil {
//		return err
//	}
//	id, ok := e.Message.Options.Option(dhcp6.OptClientID)
//
// Writing appends to the caller's buffer. An option whose length is known only
// when it is finished is opened, filled and shut:
//
//	b, mark := dhcp6.OpenIANA(b, iaid, t1, t2)
//	b = addr.Append(b)
//	b = dhcp6.Shut(b, mark)
//
// Relay levels are one list, outermost first, read and written by loops: no
// nesting in a datagram makes this package recurse (RFC 9915 §9, §19).
//
// Nothing here allocates, but for the list of relays, made once per Envelope.
package dhcp6

import "errors"

// What parsing may answer. A hostile datagram must not make us allocate, so
// these carry no details.
var (
	ErrShort            = errors.New("dhcp6: message ends within its header")
	ErrOptionLength     = errors.New("dhcp6: option is longer than what holds it")
	ErrNoRelayMessage   = errors.New("dhcp6: relay message without a Relay Message option")
	ErrTwoRelayMessages = errors.New("dhcp6: relay message with two Relay Message options")
	ErrTooManyRelays    = errors.New("dhcp6: more relay levels than MaxRelays")
	ErrMixedRelays      = errors.New("dhcp6: Relay-forward and Relay-reply in one chain")
	ErrLength           = errors.New("dhcp6: value has a length that its type forbids")
)

// MaxMessage is the size of the largest datagram that UDP over IPv6 carries
// without jumbograms (RFC 8200 §3: a 16-bit payload length, less the UDP
// header). Whoever sends checks the whole against it; what fits has no option
// whose length overflows.
const MaxMessage = 65535 - 8
