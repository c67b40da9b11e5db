package dhcp4

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

var be = binary.BigEndian

// Why a message does not parse.
var (
	ErrShort    = errors.New("dhcp4: shorter than a header and cookie")
	ErrLong     = errors.New("dhcp4: longer than any carrier takes")
	ErrCookie   = errors.New("dhcp4: no magic cookie")
	ErrHLen     = errors.New("dhcp4: hardware address longer than its field")
	ErrOptions  = errors.New("dhcp4: option runs past the end of its field")
	ErrOverload = errors.New("dhcp4: bad option overload value")
)

// A Message is a DHCPv4 message. After Parse it is a view of the bytes that were
// parsed, which must stay as they are while it is in use. It is large: pass a
// pointer.
type Message struct {
	Op, HType, HLen, Hops          byte
	XID                            uint32
	Secs, Flags                    uint16
	CIAddr, YIAddr, SIAddr, GIAddr netip.Addr // 0.0.0.0 when empty, never invalid after Parse

	b     []byte
	areas [3][]byte // checked runs of options in the order of RFC 3396 §5: options, file, sname

	// where each option's value stands: in b, or joined in scratch
	seen, split CodeSet
	at, n       [256]uint16
	scratch     []byte
}

// Parse reads b, which it keeps. It allocates nothing, but for a scratch that
// grows to the largest split options seen and is reused. After an error the
// message holds no options.
func (m *Message) Parse(b []byte) error {
	m.reset(b)
	err := m.header()
	if err == nil {
		err = m.index()
	}
	if err != nil {
		m.reset(nil)
	}
	return err
}

// header checks and reads the fixed fields.
func (m *Message) header() error {
	b := m.b
	switch {
	case len(b) < HeaderLen:
		return ErrShort
	case len(b) > MaxLen:
		return ErrLong
	case be.Uint32(b[offCookie:]) != cookie:
		return ErrCookie
	case b[2] > maxCHAddr:
		return ErrHLen
	}
	m.Op, m.HType, m.HLen, m.Hops = b[0], b[1], b[2], b[3]
	m.XID = be.Uint32(b[4:])
	m.Secs, m.Flags = be.Uint16(b[8:]), be.Uint16(b[10:])
	m.CIAddr, m.YIAddr = addr4(b[12:]), addr4(b[16:])
	m.SIAddr, m.GIAddr = addr4(b[20:]), addr4(b[24:])
	return nil
}

func (m *Message) reset(b []byte) {
	m.b, m.areas = b, [3][]byte{}
	m.seen, m.split = CodeSet{}, CodeSet{}
	m.scratch = m.scratch[:0]
}

func addr4(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b[:4])) }

// Bytes returns what was parsed.
func (m *Message) Bytes() []byte { return m.b }

// CHAddr returns the client's hardware address: HLen octets of the message,
// none when it was not parsed.
func (m *Message) CHAddr() []byte {
	if len(m.b) < HeaderLen {
		return nil
	}
	end := offCHAddr + int(m.HLen)
	return m.b[offCHAddr:end:end]
}

// SName returns the 64 octets of the server host name field, nil when it holds
// options.
func (m *Message) SName() []byte { return m.field(2, offSName, offFile) }

// File returns the 128 octets of the boot file name field, nil when it holds
// options.
func (m *Message) File() []byte { return m.field(1, offFile, offCookie) }

func (m *Message) field(area, from, to int) []byte {
	if m.areas[area] != nil || len(m.b) < HeaderLen {
		return nil
	}
	return m.b[from:to:to]
}

// Type returns the message type, 0 when there is none or it is not one octet.
func (m *Message) Type() MessageType {
	if v, ok := m.Option(OptMessageType); ok && len(v) == 1 {
		return MessageType(v[0])
	}
	return 0
}

// Option returns the value of option c: all its parts joined (RFC 3396 §5), from
// overloaded fields too. The value is valid until the next Parse.
func (m *Message) Option(c Code) (value []byte, ok bool) {
	if !m.seen.Has(c) {
		return nil, false
	}
	from := m.b
	if m.split.Has(c) {
		from = m.scratch
	}
	at, end := int(m.at[c]), int(m.at[c])+int(m.n[c])
	return from[at:end:end], true
}

// Has reports whether option c is there, with whatever value.
func (m *Message) Has(c Code) bool { return m.seen.Has(c) }

// Addr returns the value of an option that is one address; ok is false when it
// is missing or not four octets.
func (m *Message) Addr(c Code) (addr netip.Addr, ok bool) {
	v, _ := m.Option(c)
	if len(v) != 4 {
		return netip.Addr{}, false
	}
	return addr4(v), true
}

// Uint32 returns the value of an option that is one 32-bit number; ok is false
// when it is missing or not four octets.
func (m *Message) Uint32(c Code) (n uint32, ok bool) {
	v, _ := m.Option(c)
	if len(v) != 4 {
		return 0, false
	}
	return be.Uint32(v), true
}

// Uint16 returns the value of an option that is one 16-bit number; ok is false
// when it is missing or not two octets.
func (m *Message) Uint16(c Code) (n uint16, ok bool) {
	v, _ := m.Option(c)
	if len(v) != 2 {
		return 0, false
	}
	return be.Uint16(v), true
}
