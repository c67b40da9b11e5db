package ipc

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// The two processes of a 4o6 client host speak a dialect of their own, that of
// ISC's dhclient. One datagram is one of
//
//	v4 to v6   POLL     may I?  at start and every minute until START
//	v4 to v6            a whole DHCPV4-QUERY, to be sent as it is
//	v6 to v4   START    option 88 is known: ask
//	v6 to v4   STOP     it is not, or no more: be silent
//	v6 to v4            a DHCPv4 message, and behind it the server's address:
//
//	+-------------------------------+-------------------------------+
//	|  op htype hlen hops ... options, 236 octets or more           |
//	+-------------------------------+-------------------------------+
//	|  16 octets: the DHCPv6 source address of the DHCPV4-RESPONSE  |
//	+---------------------------------------------------------------+
//
// Nothing frames them. A control word is known by its whole datagram, of 4 or 5
// octets; a message has 244 at least on its way up, 252 on its way down, so none
// is ever taken for the other.

// A Word is what one datagram of the clients' pair says.
type Word uint8

// What passes between the two sides of a client.
const (
	Gone   Word = iota // nothing was said: the peer is not there
	Poll               // v4 to v6
	Query              // v4 to v6: Data is a DHCPV4-QUERY
	Start              // v6 to v4
	Stop               // v6 to v4
	Answer             // v6 to v4: Data is a DHCPv4 message, Server who sent it
)

var words = [...]string{Gone: "gone", Poll: "POLL", Query: "query", Start: "START", Stop: "STOP", Answer: "answer"}

// String returns a control word as it stands on the wire, or a name of ours.
func (w Word) String() string {
	if int(w) < len(words) {
		return words[w]
	}
	return "unknown"
}

// A ClientMessage is one datagram between the two sides of a client.
type ClientMessage struct {
	Word   Word
	Data   []byte     // of a Query or an Answer
	Server netip.Addr // of an Answer; no zone, since none travels
}

const (
	minDHCPv4  = 236 // op to file
	serverSize = 16
	bootReply  = 2
)

// Parse reads a datagram that side has received. Data shares its memory.
func (m *ClientMessage) Parse(side Side, b []byte) error {
	if side == V6Side {
		return m.parseUp(b)
	}
	return m.parseDown(b)
}

func (m *ClientMessage) parseUp(b []byte) error {
	if string(b) == words[Poll] {
		*m = ClientMessage{Word: Poll}
		return nil
	}
	if err := checkQuery(b); err != nil {
		return err
	}
	*m = ClientMessage{Word: Query, Data: b}
	return nil
}

func (m *ClientMessage) parseDown(b []byte) error {
	switch string(b) {
	case words[Start]:
		*m = ClientMessage{Word: Start}
		return nil
	case words[Stop]:
		*m = ClientMessage{Word: Stop}
		return nil
	}
	at := len(b) - serverSize
	if err := checkAnswer(b[:max(at, 0)]); err != nil {
		return err
	}
	*m = ClientMessage{Word: Answer, Data: b[:at:at], Server: netip.AddrFrom16([serverSize]byte(b[at:]))}
	return nil
}

// checkQuery: what goes to the network as it is has to be a DHCPV4-QUERY with
// exactly one DHCPv4 message in it.
func checkQuery(b []byte) error {
	switch {
	case len(b) < header+4+minDHCPv4:
		return ErrShort
	case len(b) > maxPayload:
		return ErrTooLong
	case dhcp6.MessageType(b[0]) != dhcp6.DHCPv4Query:
		return ErrType
	}
	o, err := dhcp6.ParseOptions(b[header:])
	if err != nil {
		return ErrOptionLength
	}
	if v, _ := o.Option(dhcp6.OptDHCPv4Message); o.Count(dhcp6.OptDHCPv4Message) != 1 || len(v) < minDHCPv4 {
		return ErrMessage4
	}
	return nil
}

func checkAnswer(b []byte) error {
	switch {
	case len(b) < minDHCPv4:
		return ErrShort
	case len(b) > maxPayload-serverSize:
		return ErrTooLong
	case b[0] != bootReply:
		return ErrType
	}
	return nil
}

// Append writes m at the end of b, unless it is nothing that can be said.
func (m *ClientMessage) Append(b []byte) ([]byte, error) {
	switch m.Word {
	case Poll, Start, Stop:
		return append(b, words[m.Word]...), nil
	case Query:
		if err := checkQuery(m.Data); err != nil {
			return b, err
		}
		return append(b, m.Data...), nil
	case Answer:
		if err := checkAnswer(m.Data); err != nil {
			return b, err
		}
		if !m.Server.Is6() {
			return b, ErrAddr
		}
		server := m.Server.As16()
		return append(append(b, m.Data...), server[:]...), nil
	}
	return b, ErrType
}

// goesTo is the side that hears w.
func (w Word) goesTo() Side {
	if w == Poll || w == Query {
		return V6Side
	}
	return V4Side
}
