package dhcp6

import "net/netip"

// MaxRelays is how many relay levels an Envelope takes. RFC 9915 §7.6 bounds the
// hop-count field (HOP_COUNT_LIMIT 8); the field is the sender's word, so we count
// the levels that are there, and leave room for relays that count otherwise.
const MaxRelays = 32

// A Message is a client/server message (RFC 9915 §8).
type Message struct {
	Type    MessageType
	XID     [3]byte // transaction-id; in DHCPV4-QUERY and DHCPV4-RESPONSE the flags (RFC 7341 §6.2)
	Options Options
}

// Append writes the message at the end of b.
func (m *Message) Append(b []byte) []byte {
	b = append(b, byte(m.Type), m.XID[0], m.XID[1], m.XID[2])
	return append(b, m.Options...)
}

// A Relay is one level of relaying (RFC 9915 §9): what a Relay-forward or
// Relay-reply message holds around the message that it carries.
type Relay struct {
	Hops       uint8
	Link, Peer netip.Addr
	Options    Options // all of the level, the Relay Message option among them
}

// An Envelope is a message in all its relay levels. The zero value is ready for
// Parse; an Envelope is reused from one datagram to the next.
type Envelope struct {
	Relays  []Relay // outermost first; reused by the next Parse
	Message Message // the innermost message
	Down    bool    // the levels are Relay-reply messages, not Relay-forward
	Inner   int     // set by Parse: where the innermost message begins in the datagram
}

const relayHeader = 1 + 1 + 16 + 16 // RFC 9915 §9

// Parse reads a datagram. The envelope shares its memory. After an error the
// envelope holds nothing of use.
//
// Up to three octets behind the last whole option of the innermost message are
// left out, as no option fits in them; Kea takes such messages too. Anything
// else that does not add up, at any level, is an error.
func (e *Envelope) Parse(b []byte) error {
	e.Relays, e.Message, e.Down, e.Inner = e.Relays[:0], Message{}, false, 0
	for len(b) > 0 && isRelay(b[0]) {
		var err error
		if b, err = e.parseRelay(b); err != nil {
			return err
		}
	}
	return e.Message.parse(b)
}

func isRelay(t byte) bool {
	return MessageType(t) == RelayForw || MessageType(t) == RelayRepl
}

// parseRelay reads one level and returns the message that it carries.
func (e *Envelope) parseRelay(b []byte) ([]byte, error) {
	down := MessageType(b[0]) == RelayRepl
	switch {
	case len(b) < relayHeader:
		return nil, ErrShort
	case len(e.Relays) == MaxRelays:
		return nil, ErrTooManyRelays
	case len(e.Relays) > 0 && down != e.Down:
		return nil, ErrMixedRelays
	}
	options, err := ParseOptions(b[relayHeader:])
	if err != nil {
		return nil, err
	}
	before, inner, after, ok := options.split(OptRelayMessage)
	switch {
	case !ok:
		return nil, ErrNoRelayMessage
	case after.Has(OptRelayMessage):
		return nil, ErrTwoRelayMessages
	}
	if cap(e.Relays) < MaxRelays {
		e.Relays = append(make([]Relay, 0, MaxRelays), e.Relays...)
	}
	e.Down = down
	e.Inner += relayHeader + len(before) + 4
	e.Relays = append(e.Relays, Relay{
		Hops:    b[1],
		Link:    netip.AddrFrom16([16]byte(b[2:18])),
		Peer:    netip.AddrFrom16([16]byte(b[18:34])),
		Options: options,
	})
	return inner, nil
}

// parse reads the innermost message.
func (m *Message) parse(b []byte) error {
	if len(b) < 4 {
		return ErrShort
	}
	options := b[4:]
	n := whole(options)
	if len(options)-n >= 4 {
		return ErrOptionLength
	}
	*m = Message{MessageType(b[0]), [3]byte(b[1:4]), Options(options[:n:n])}
	return nil
}

// Append writes the envelope at the end of b, every level around the message and
// every option where it stood: what was parsed comes out as it went in. The
// lengths are those of what is written, so the message may have been exchanged
// for another. A level without a Relay Message option gets one, behind the rest.
//
// At most MaxRelays levels are written, the outermost ones.
func (e *Envelope) Append(b []byte) []byte {
	head := RelayForw
	if e.Down {
		head = RelayRepl
	}
	var marks [MaxRelays]int
	relays := e.Relays[:min(len(e.Relays), MaxRelays)]
	for i := range relays {
		r := &relays[i]
		b = r.appendHeader(b, head)
		before, _, _, _ := r.Options.split(OptRelayMessage)
		b = append(b, before...)
		b, marks[i] = Open(b, OptRelayMessage)
	}
	b = e.Message.Append(b)
	for i := len(relays) - 1; i >= 0; i-- {
		b = Shut(b, marks[i])
		_, _, after, _ := relays[i].Options.split(OptRelayMessage)
		b = append(b, after...)
	}
	return b
}

func (r *Relay) appendHeader(b []byte, t MessageType) []byte {
	link, peer := r.Link.As16(), r.Peer.As16()
	b = append(b, byte(t), r.Hops)
	b = append(b, link[:]...)
	return append(b, peer[:]...)
}

// InnerRelay returns the relay nearest the client, nil without relays.
func (e *Envelope) InnerRelay() *Relay {
	if len(e.Relays) == 0 {
		return nil
	}
	return &e.Relays[len(e.Relays)-1]
}

// OuterSourcePort reports whether the outermost relay put in a Relay Source Port
// option: its reply goes to the port that it sent from, not to 547 (RFC 8357 §5.2).
func (e *Envelope) OuterSourcePort() (has bool) {
	if len(e.Relays) == 0 {
		return false
	}
	v, ok := e.Relays[0].Options.Option(OptRelayPort)
	return ok && len(v) == 2
}
