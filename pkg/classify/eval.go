package classify

import (
	"encoding/binary"
	"net/netip"

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
	Agent    []byte     // stands in for the Relay Agent Information (82) of V4; nil: nothing does
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
