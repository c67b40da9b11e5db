// Package pkt4o6 pairs a DHCPv4 message with the DHCPv6 envelope that it came in
// (RFC 7341): one object to read a query from, and one call that puts the reply
// into a DHCPV4-RESPONSE and back through the same relays.
//
//	var p pkt4o6.Packet
//	if err := p.Parse(datagram); err != nil {
//		return err
//	}
//	reply := answer(&p.Query)
//	out = p.Seal(out[:0], reply)
//
// Nothing of the query's DHCPv6 options goes back but what a relay needs: the
// flags of a response are zero (RFC 7341 §6.4), and it holds the DHCPv4 Message
// option alone, as Kea's does.
package pkt4o6

import (
	"errors"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// Why a DHCPv6 message is no DHCPv4 query or response. What is wrong with the
// DHCPv4 message itself is said by the errors of package dhcp4.
var (
	ErrType       = errors.New("pkt4o6: not a message of the expected type")
	ErrNoMessage  = errors.New("pkt4o6: no DHCPv4 Message option")
	ErrTwoMessage = errors.New("pkt4o6: more than one DHCPv4 Message option")
)

// UnicastFlag is the first octet of a DHCPV4-QUERY's flags when the DHCPv4
// message would have been unicast (RFC 7341 §6.3, §8).
const UnicastFlag = 0x80

// A Packet is a DHCPv4 message in a DHCPv6 envelope. Both share memory with the
// datagram. A worker owns one and reuses it; the zero value is ready.
type Packet struct {
	Envelope dhcp6.Envelope
	Query    dhcp4.Message

	room    int // see Room
	options []byte
}

// Parse reads a datagram that holds a DHCPV4-QUERY, relayed or not.
func (p *Packet) Parse(b []byte) error {
	if err := p.Envelope.Parse(b); err != nil {
		return err
	}
	return p.Open()
}

// Open reads the DHCPv4 message out of an envelope that was parsed: a
// DHCPV4-QUERY with exactly one DHCPv4 Message option (RFC 7341 §11).
func (p *Packet) Open() error {
	if len(p.Envelope.Relays) > 0 && p.Envelope.Down {
		return ErrType
	}
	return p.open(dhcp6.DHCPv4Query)
}

// OpenResponse is Open for the client: a DHCPV4-RESPONSE, never relayed. Its
// flags are ignored (RFC 7341 §6.4).
func (p *Packet) OpenResponse() error {
	if len(p.Envelope.Relays) > 0 {
		return ErrType
	}
	return p.open(dhcp6.DHCPv4Response)
}

func (p *Packet) open(want dhcp6.MessageType) error {
	m := &p.Envelope.Message
	if m.Type != want {
		return ErrType
	}
	var inner []byte
	n := 0
	for c, v := range m.Options.All {
		if c == dhcp6.OptDHCPv4Message {
			inner = v
			n++
		}
	}
	switch {
	case n == 0:
		return ErrNoMessage
	case n > 1:
		return ErrTwoMessage
	}
	p.room = maxPayload - reserve - overhead(&p.Envelope)
	return p.Query.Parse(inner)
}

const (
	maxPayload = 65535 - 8 // of a UDP datagram; option lengths fit in it as well
	reserve    = 160       // for what the internal hop adds on its way, padding and MAC included
	perLevel   = 34 + 4    // a Relay-reply and its Relay Message option
	perMessage = 4 + 4     // a DHCPV4-RESPONSE and its DHCPv4 Message option
)

// overhead is the most that Seal puts around a reply: every level may get all
// its options back, but for the Relay Message option.
func overhead(e *dhcp6.Envelope) int {
	n := perMessage
	for i := range e.Relays {
		o := e.Relays[i].Options
		carried, _ := o.Option(dhcp6.OptRelayMessage)
		n += perLevel + len(o) - len(carried)
	}
	return n
}

// Room returns how large a DHCPv4 reply may be for Seal to fit it into one
// datagram; not above zero when the relays leave no room at all.
func (p *Packet) Room() int { return p.room }

// Link returns the link-address and the Interface-Id option of the relay nearest
// the client; without a relay the address is invalid and the id nil.
func (p *Packet) Link() (addr netip.Addr, interfaceID []byte) {
	r := p.Envelope.InnerRelay()
	if r == nil {
		return netip.Addr{}, nil
	}
	id, _ := r.Options.Option(dhcp6.OptInterfaceID)
	return r.Link, id
}

// GlobalLink returns the first link-address that tells a link from others, going
// outward from the client: a relay in between may leave it unspecified (RFC 9915
// §19.1.2) or link-local. Invalid: there is none.
func (p *Packet) GlobalLink() netip.Addr {
	for i := len(p.Envelope.Relays) - 1; i >= 0; i-- {
		a := p.Envelope.Relays[i].Link
		if !a.IsUnspecified() && !a.IsLinkLocalUnicast() && !a.IsMulticast() {
			return a
		}
	}
	return netip.Addr{}
}

// Unicast reports whether the client says that it would have sent the DHCPv4
// message by unicast. It does not tell how the query travelled.
func (p *Packet) Unicast() bool { return p.Envelope.Message.XID[0]&UnicastFlag != 0 }

// Seal appends the whole DHCPV4-RESPONSE to the query in p, with reply in it,
// mirrored through the relays that the query came by (RFC 9915 §19.3, RFC 8357
// §5.2, RFC 4994 §5). It allocates nothing when b has room.
func (p *Packet) Seal(b, reply []byte) []byte {
	p.options = dhcp6.AppendOption(p.options[:0], dhcp6.OptDHCPv4Message, reply)
	m := dhcp6.Message{Type: dhcp6.DHCPv4Response, Options: p.options}
	return p.Envelope.AppendReply(b, m)
}

// Wrap appends a DHCPV4-QUERY with the DHCPv4 message in it: the client's side.
// Unicast says whether that message would have been unicast on IPv4.
func (p *Packet) Wrap(b, query []byte, unicast bool) []byte {
	flags := byte(0)
	if unicast {
		flags = UnicastFlag
	}
	b = append(b, byte(dhcp6.DHCPv4Query), flags, 0, 0)
	return dhcp6.AppendOption(b, dhcp6.OptDHCPv4Message, query)
}
