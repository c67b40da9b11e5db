package classify

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A Packet is what an expression is evaluated on. V4 is the DHCPv4 message; V6 is
// the DHCPv6 message with its relays. A DHCPv4 query of DHCP 4o6 has both: then
// pkt4 and option speak of V4, and relay6 and pkt6 of the envelope. What is nil is
// not there: its options do not exist, its fields are empty.
type Packet struct {
	V4       *dhcp4.Message
	V6       *dhcp6.Envelope
	Iface    string
	Src, Dst netip.Addr // of the datagram; in 4o6 IPv6 addresses, as in Kea
	Classes  *Set       // what member asks; nil: none
}

// maxOut bounds what one evaluation makes: two of the longest options there are.
const maxOut = 128 << 10

// maxMatch is the longest value that a regular expression is tried on.
const maxMatch = 4096

// A Scratch is the memory of evaluations. The zero value is ready; it is for one
// goroutine at a time, and grows to what the largest expression needs.
type Scratch struct {
	machine machine
	name    []byte // of a class, made of what a packet said

	// Failed holds the classes whose tests could not be evaluated, since
	// Dictionary.Classify began with the packet. They were not assigned.
	Failed []Failure
}

// A Failure is a test that could not be evaluated.
type Failure struct {
	Class *Class
	Err   error
}

// A machine runs a program. What a run leaves is good until the next one.
type machine struct {
	stack [][]byte
	out   []byte // what the run has made
	p     *Packet
	truth bool
	saved uint64 // truth values put by, the last one lowest
	err   error
}

// Match evaluates a condition. An error says that the packet made it meaningless
// (ErrAddress, ErrInteger, ErrLong); the condition does not hold then. It is false
// for an expression that is not a condition.
func (e *Expr) Match(p *Packet, s *Scratch) (bool, error) {
	m := &s.machine
	m.run(e, p)
	return m.truth && m.err == nil, m.err
}

// Value evaluates a value. It may share memory with the packet, and with the
// scratch until its next use. It is nil for an expression that is a condition.
func (e *Expr) Value(p *Packet, s *Scratch) ([]byte, error) {
	m := &s.machine
	m.run(e, p)
	if m.err != nil || len(m.stack) == 0 {
		return nil, m.err
	}
	return m.stack[0], nil
}

func (m *machine) run(e *Expr, p *Packet) {
	if cap(m.stack) < e.depth {
		m.stack = make([][]byte, 0, e.depth)
	}
	m.stack, m.out = m.stack[:0], m.out[:0]
	m.p, m.truth, m.saved, m.err = p, false, 0, nil
	for pc := 0; pc < len(e.code) && m.err == nil; pc++ {
		in := &e.code[pc]
		switch in.op {
		case opJump:
			pc = in.n - 1
		case opJumpFalse:
			if !m.truth {
				pc = in.n - 1
			}
		case opJumpTrue:
			if m.truth {
				pc = in.n - 1
			}
		default:
			m.do(in)
		}
	}
}

// do carries out an instruction that is no jump.
func (m *machine) do(in *instr) {
	switch in.op {
	case opConst:
		m.push(in.arg)
	case opOption:
		v, ok := in.find(m.p)
		m.found(in, v, ok)
	case opRelay6Addr:
		m.relayAddr(in)
	case opPkt:
		m.pkt(in.field)
	case opPkt4:
		m.pkt4(in.field)
	case opPkt6:
		m.pkt6(in.field)
	case opVendor:
		enterprise, v, ok := in.vendorOption(m.p)
		m.foundVendor(in, enterprise, v, ok)
	case opVendorClass:
		enterprise, v, ok := in.vendorClassOption(m.p)
		m.foundVendor(in, enterprise, v, ok)
	case opMember:
		m.truth = m.p.Classes.Has(in.class)
	case opMatch:
		m.match(in)
	case opEqual:
		b, a := m.pop(), m.pop()
		m.truth = string(a) == string(b)
	case opNot:
		m.truth = !m.truth
	case opSave:
		m.save()
	case opBoth:
		m.truth = m.restore() && m.truth
	case opEither:
		m.truth = m.restore() || m.truth
	case opSelect:
		if b, a := m.pop(), m.pop(); m.restore() {
			m.push(a)
		} else {
			m.push(b)
		}
	case opSubstring:
		m.push(substring(m.pop(), in))
	case opSplit:
		set, v := m.pop(), m.pop()
		m.push(split(v, set, in.n))
	case opConcat:
		b, a := m.pop(), m.pop()
		m.concat(a, b)
	case opLower:
		m.mapped('A', 'Z')
	case opUpper:
		m.mapped('a', 'z')
	case opHexString:
		sep, v := m.pop(), m.pop()
		m.hexString(v, sep)
	case opAddrText:
		m.addrText()
	case opIntText:
		m.intText(in)
	}
}

// push and pop never leave the stack's bounds: its depth was counted when the
// program was made.
func (m *machine) push(v []byte) { m.stack = append(m.stack, v) }

func (m *machine) pop() []byte {
	last := len(m.stack) - 1
	v := m.stack[last]
	m.stack = m.stack[:last]
	return v
}

func (m *machine) save() {
	m.saved <<= 1
	if m.truth {
		m.saved |= 1
	}
}

func (m *machine) restore() bool {
	b := m.saved&1 != 0
	m.saved >>= 1
	return b
}

// room reports whether n more octets may be made; if not, the evaluation fails.
func (m *machine) room(n int) bool {
	if n > maxOut-len(m.out) {
		m.err = ErrLong
		m.push(nil)
		return false
	}
	return true
}

// since pushes what was made from mark on.
func (m *machine) since(mark int) { m.push(m.out[mark:len(m.out):len(m.out)]) }

// uint32 pushes a number as Kea represents all of them.
func (m *machine) uint32(n uint32) {
	mark := len(m.out)
	m.out = binary.BigEndian.AppendUint32(m.out, n)
	m.since(mark)
}

func (m *machine) addr(a netip.Addr) {
	mark := len(m.out)
	switch a = a.Unmap(); {
	case a.Is4():
		b := a.As4()
		m.out = append(m.out, b[:]...)
	case a.Is6():
		b := a.As16()
		m.out = append(m.out, b[:]...)
	}
	m.since(mark)
}

// addr6 keeps an IPv4-mapped address as long as it stands in a DHCPv6 header.
func (m *machine) addr6(a netip.Addr) {
	mark := len(m.out)
	b := a.As16()
	m.out = append(m.out, b[:]...)
	m.since(mark)
}

// found leaves what is asked of an option.
func (m *machine) found(in *instr, v []byte, ok bool) {
	switch {
	case in.form == formExists:
		m.truth = ok
	case !ok:
		m.push(nil)
	case in.form == formHex:
		m.push(v)
	default:
		m.text(in, v)
	}
}

func (m *machine) foundVendor(in *instr, enterprise uint32, v []byte, ok bool) {
	switch {
	case in.form == formEnterprise && ok:
		m.uint32(enterprise)
	case in.form == formData && ok:
		m.push(v)
	default:
		m.found(in, v, ok)
	}
}

func (m *machine) relayAddr(in *instr) {
	r := relay(m.p, in.n)
	switch {
	case r == nil:
		m.push(nil)
	case in.field == fieldPeer:
		m.addr6(r.Peer)
	default:
		m.addr6(r.Link)
	}
}

func (m *machine) pkt(f field) {
	switch f {
	case fieldIface:
		mark := len(m.out)
		if m.room(len(m.p.Iface)) {
			m.out = append(m.out, m.p.Iface...)
			m.since(mark)
		}
	case fieldSrc:
		m.addr(m.p.Src)
	case fieldDst:
		m.addr(m.p.Dst)
	case fieldLen:
		m.uint32(uint32(m.p.len()))
	}
}

// len is the length of the message as Kea counts it: the fixed fields and the
// options, but neither cookie nor Pad and End options in DHCPv4; all relay levels
// in DHCPv6.
func (p *Packet) len() int {
	if p.V4 != nil {
		const fixed, longest = 236, 255
		n := fixed
		for _, v := range p.V4.All {
			n += len(v) + 2*max(1, (len(v)+longest-1)/longest)
		}
		return n
	}
	const header, relayHeader = 4, 34
	switch {
	case p.V6 == nil:
		return 0
	case len(p.V6.Relays) > 0:
		return relayHeader + len(p.V6.Relays[0].Options)
	default:
		return header + len(p.V6.Message.Options)
	}
}

func (m *machine) pkt4(f field) {
	q := m.p.V4
	if q == nil {
		m.push(nil)
		return
	}
	switch f {
	case fieldMAC:
		m.push(q.CHAddr())
	case fieldHLen:
		m.uint32(uint32(q.HLen))
	case fieldHType:
		m.uint32(uint32(q.HType))
	case fieldCIAddr:
		m.addr(q.CIAddr)
	case fieldGIAddr:
		m.addr(q.GIAddr)
	case fieldYIAddr:
		m.addr(q.YIAddr)
	case fieldSIAddr:
		m.addr(q.SIAddr)
	case fieldMsgType:
		m.uint32(uint32(q.Type()))
	case fieldTransID:
		m.uint32(q.XID)
	}
}

func (m *machine) pkt6(f field) {
	if m.p.V6 == nil {
		m.push(nil)
		return
	}
	q := &m.p.V6.Message
	if f == fieldMsgType {
		m.uint32(uint32(q.Type))
		return
	}
	m.uint32(uint32(q.XID[0])<<16 | uint32(q.XID[1])<<8 | uint32(q.XID[2]))
}

// match tries no value that would keep it busy for long: its time grows with the
// length of the value times that of the expression.
func (m *machine) match(in *instr) {
	v := m.pop()
	if len(v) > maxMatch {
		m.err = ErrLong
		return
	}
	m.truth = in.re.Match(v)
}

// substring cuts a value as Kea does: a negative start counts from the end, a
// negative length takes what stands ahead of the start.
func substring(v []byte, in *instr) []byte {
	start, n := in.n, in.length
	if in.whole {
		n = len(v)
	}
	if start < -len(v) || start >= len(v) {
		return nil
	}
	if start < 0 {
		start += len(v)
	}
	if n < 0 {
		n = min(-n, start)
		start -= n
	}
	return v[start : start+min(n, len(v)-start)]
}

// split returns the field-th part, from 1, of what stands between octets of the
// set. No set: the whole.
func split(v, set []byte, field int) []byte {
	if len(set) == 0 {
		return v
	}
	var cuts [256]bool
	for _, c := range set {
		cuts[c] = true
	}
	start, at := 0, 1
	for i, c := range v {
		if !cuts[c] {
			continue
		}
		if at == field {
			return v[start:i]
		}
		start, at = i+1, at+1
	}
	if at != field {
		return nil
	}
	return v[start:]
}

func (m *machine) concat(a, b []byte) {
	switch {
	case len(a) == 0:
		m.push(b)
	case len(b) == 0:
		m.push(a)
	case m.room(len(a) + len(b)):
		mark := len(m.out)
		m.out = append(append(m.out, a...), b...)
		m.since(mark)
	}
}

// mapped exchanges the case of the letters from low to high; others stay.
func (m *machine) mapped(low, high byte) {
	v := m.pop()
	if !m.room(len(v)) {
		return
	}
	mark := len(m.out)
	for _, c := range v {
		if c >= low && c <= high {
			c ^= 0x20
		}
		m.out = append(m.out, c)
	}
	m.since(mark)
}

const hexDigits = "0123456789abcdef"

func (m *machine) hexString(v, sep []byte) {
	if len(v) == 0 {
		m.push(nil)
		return
	}
	if !m.room(2*len(v) + (len(v)-1)*len(sep)) {
		return
	}
	mark := len(m.out)
	for i, c := range v {
		if i > 0 {
			m.out = append(m.out, sep...)
		}
		m.out = append(m.out, hexDigits[c>>4], hexDigits[c&15])
	}
	m.since(mark)
}

// addrText leaves an empty value as it is, as all conversions do.
func (m *machine) addrText() {
	v := m.pop()
	mark := len(m.out)
	switch len(v) {
	case 0:
		m.push(nil)
		return
	case 4:
		m.out = netip.AddrFrom4([4]byte(v)).AppendTo(m.out)
	case 16:
		m.out = appendAddr6(m.out, [16]byte(v))
	default:
		m.err = ErrAddress
	}
	m.since(mark)
}

// appendAddr6 writes an address as Kea does, the IPv4-compatible ones (RFC 4291
// §2.5.5.1) with dots.
func appendAddr6(b []byte, v [16]byte) []byte {
	if [12]byte(v[:]) == [12]byte{} && (v[12] != 0 || v[13] != 0) {
		b = append(b, "::"...)
		return netip.AddrFrom4([4]byte(v[12:])).AppendTo(b)
	}
	return netip.AddrFrom16(v).AppendTo(b)
}

func (m *machine) intText(in *instr) {
	v := m.pop()
	mark := len(m.out)
	switch len(v) {
	case 0:
		m.push(nil)
		return
	case in.n:
		m.out = appendInt(m.out, v, in.signed)
	default:
		m.err = ErrInteger
	}
	m.since(mark)
}

// appendInt writes an integer of at most four octets, the most significant first.
func appendInt(b, v []byte, signed bool) []byte {
	var n uint64
	for _, c := range v {
		n = n<<8 | uint64(c)
	}
	if signed {
		shift := 64 - 8*len(v)
		return strconv.AppendInt(b, int64(n<<shift)>>shift, 10)
	}
	return strconv.AppendUint(b, n, 10)
}
