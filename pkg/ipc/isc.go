package ipc

import (
	"bytes"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// ISC DHCP's daemons put a header of their own in front of the message, and
// nothing into it:
//
//	offset  size
//	 0      16    name of the interface, NUL padded
//	16      16    source address of the query
//	32       2    its UDP source port
//	34       1    of an answer: 1 when the outermost relay has sent Relay-Source-Port (135)
//	35       1    reserved
//	36            the message
//
// That of releases 4.3.5 and 4.3.6 ends behind the address. A header is known
// from a message by its first octet, a character of ASCII and none of the message
// types of the pair.
const (
	iscName    = 16
	iscAddr    = 16
	iscPort    = 32
	iscRelay   = 34
	iscSpare   = 35
	iscSize    = 36
	iscOldSize = 32
)

// An Echo is what an answer in ISC's dialect gives back of its query's header,
// besides the origin: the octets behind the name and the reserved one.
type Echo struct {
	name  [iscName]byte
	spare byte
}

// inISC reports whether a datagram begins with the name of an interface, and
// not with one of the message types that the pair carries.
func inISC(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch dhcp6.MessageType(b[0]) {
	case dhcp6.RelayForw, dhcp6.RelayRepl, dhcp6.DHCPv4Query, dhcp6.DHCPv4Response:
		return false
	}
	return b[0] > ' ' && b[0] < 0x7f
}

// openISC takes the header off and what the network has put in place of the
// origin out. Kea's suboptions have no meaning here, so they are no fault.
func (c *Conn) openISC(m *Message, b []byte) error {
	if c.ofOldISC(b) {
		return ErrOldHeader
	}
	if len(b) < iscSize+header {
		return ErrShort
	}
	name, _, _ := bytes.Cut(b[:iscName], []byte{0})
	if !nameFits(name) {
		return ErrIface
	}
	m.Dialect = ISC
	m.Echo = Echo{name: [iscName]byte(b), spare: b[iscSpare]}
	m.Origin = Origin{Iface: c.name(name), Addr: netip.AddrFrom16([16]byte(b[iscAddr:])), Port: be.Uint16(b[iscPort:])}
	var err error
	m.Data, err = c.readers.run(b[iscSize:iscSize], b[iscSize:])
	return err
}

// ofOldISC reports whether the message begins where the header of the releases
// before 4.4 ends. There the newer ones have a port, which looks like a message
// type once in a hundred times; then it is asked where a whole message follows.
func (c *Conn) ofOldISC(b []byte) bool {
	return c.begins(b, iscOldSize) && c.whole(b[iscOldSize:]) && !(c.begins(b, iscSize) && c.whole(b[iscSize:]))
}

// begins reports whether a message of this direction may begin at.
func (c *Conn) begins(b []byte, at int) bool {
	if len(b) < at+header {
		return false
	}
	t, want := dhcp6.MessageType(b[at]), c.readers.want
	return t == want.inner || t == want.relay
}

// whole reports whether b is a message of this direction; it changes nothing.
func (c *Conn) whole(b []byte) bool {
	out, err := c.readers.run(c.trial[:0], b)
	c.trial = out[:0]
	return err == nil
}

// appendISC writes the header of a message.
func (c *Conn) appendISC(b []byte, m *Message) []byte {
	var h [iscSize]byte
	n := copy(h[:], m.Origin.Iface)
	addr := m.Origin.Addr.As16()
	copy(h[iscAddr:], addr[:])
	be.PutUint16(h[iscPort:], m.Origin.Port)
	if c.side == V4Side {
		copy(h[n+1:iscName], m.Echo.name[n+1:])
		h[iscSpare] = m.Echo.spare
		h[iscRelay] = flag(hasRelayPort(m.Data))
	}
	return append(b, h[:]...)
}

// hasRelayPort reports whether the outermost level of a message has a Relay
// Source Port option (RFC 8357 §4).
func hasRelayPort(b []byte) bool {
	if len(b) < relayHeader || dhcp6.MessageType(b[0]) != dhcp6.RelayRepl {
		return false
	}
	for b = b[relayHeader:]; len(b) >= header; {
		n := header + int(be.Uint16(b[2:]))
		if dhcp6.Code(be.Uint16(b)) == dhcp6.OptRelayPort {
			return true
		}
		if n > len(b) {
			break
		}
		b = b[n:]
	}
	return false
}
