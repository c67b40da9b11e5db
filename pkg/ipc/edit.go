package ipc

import (
	"encoding/binary"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

var be = binary.BigEndian

const (
	enterpriseISC = 2495

	subIface = 60000
	subAddr  = 60001
	subPort  = 60002
	subPad   = 65000 // ours: zeros that bring a message to a multiple of padTo
	subMAC   = 65001 // ours: see Auth

	padTo = 64

	relayHeader = 34
	header      = 4
	maxOption   = 1<<16 - 1
	maxPayload  = maxOption - 8 // of a UDP datagram without a jumbo header
	maxName     = 15            // IFNAMSIZ without the NUL
)

// nameFits reports whether s can be the name of a Linux interface.
func nameFits[T string | []byte](s T) bool {
	if len(s) < 1 || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return true
}

// A found is what the walk over a message has seen of an origin.
type found struct {
	name    [maxName]byte
	nameLen int
	addr    netip.Addr
	port    uint16

	seen    [3]uint8 // of 60000, 60001, 60002 each
	bad     [3]bool
	options int  // vendor options that hold any of them
	inner   bool // one of those stands in the innermost message
}

// A walk copies one message, takes the suboptions of the pair out at every
// level and puts new ones into the innermost message when asked. It is reused.
type walk struct {
	want  kinds
	add   *Origin // nil: nothing is put in
	stamp stamp   // put in with it when there is one
	key   byte    // id of the key of the stamp's MAC
	pad   bool
	found found
	mac   int // in out: where the stamp's suboption has its value

	msg    []byte // read from; may share memory with out when add is nil
	out    []byte
	start  int // of this message in out
	levels [dhcp6.MaxRelays]level
}

// A level is a relay layer whose message is being copied.
type level struct {
	mark  int // of the Relay Message option in out
	inner int // where the relayed message begins in msg
	rest  int // where it ends and the options behind it begin
	end   int // where the layer ends in msg
}

// run appends the edited message to dst. With nothing to add, dst may be
// msg[:0]: then the message is edited in place. After an error dst is as long
// as it was.
func (w *walk) run(dst, msg []byte) ([]byte, error) {
	w.msg, w.out, w.start, w.found = msg, dst, len(dst), found{}
	if err := w.message(); err != nil {
		return dst, err
	}
	return w.out, nil
}

// message walks down to the innermost message and up again, without recursion:
// hostile depth costs no stack.
func (w *walk) message() error {
	depth, at, end := 0, 0, len(w.msg)
	for {
		if end-at < header {
			return ErrShort
		}
		if dhcp6.MessageType(w.msg[at]) != w.want.relay {
			break
		}
		if end-at < relayHeader {
			return ErrShort
		}
		if depth == dhcp6.MaxRelays {
			return ErrRelays
		}
		l, err := w.down(at, end)
		if err != nil {
			return err
		}
		w.levels[depth] = l
		depth++
		at, end = l.inner, l.rest
	}
	if dhcp6.MessageType(w.msg[at]) != w.want.inner {
		return ErrType
	}
	if err := w.innermost(at, end); err != nil {
		return err
	}
	for depth--; depth >= 0; depth-- {
		if err := w.up(w.levels[depth]); err != nil {
			return err
		}
	}
	if len(w.out)-w.start > maxPayload {
		return ErrTooLong
	}
	return nil
}

// code returns the code of the option at that place.
func (w *walk) code(at int) dhcp6.Code { return dhcp6.Code(be.Uint16(w.msg[at:])) }

// down copies a relay layer as far as the header of its Relay Message option.
func (w *walk) down(at, end int) (level, error) {
	w.out = append(w.out, w.msg[at:at+relayHeader]...)
	at += relayHeader
	for end-at >= header {
		next := at + header + int(be.Uint16(w.msg[at+2:]))
		if next > end {
			return level{}, ErrOptionLength
		}
		if w.code(at) == dhcp6.OptRelayMessage {
			l := level{mark: len(w.out), inner: at + header, rest: next, end: end}
			w.out = append(w.out, w.msg[at:at+header]...)
			return l, nil
		}
		if err := w.option(at, next, false); err != nil {
			return level{}, err
		}
		at = next
	}
	return level{}, ErrRelays
}

// up writes the length of the layer's Relay Message option and copies the
// options behind it.
func (w *walk) up(l level) error {
	if !shut(w.out, l.mark) {
		return ErrTooLong
	}
	at := l.rest
	for l.end-at >= header {
		next := at + header + int(be.Uint16(w.msg[at+2:]))
		if next > l.end {
			return ErrOptionLength
		}
		if w.code(at) == dhcp6.OptRelayMessage {
			return ErrRelays
		}
		if err := w.option(at, next, false); err != nil {
			return err
		}
		at = next
	}
	if at != l.end {
		return ErrOptionLength
	}
	return nil
}

// innermost copies the message itself. One to three octets at its end, too few
// for an option, are left out: Kea takes such messages, and dhcp6 does. Ours stands in front of every other
// vendor option, whatever its enterprise, and of the DHCPv4 Message option:
// Kea looks at the first option 17 of its kind, older releases remove the
// first of any kind.
func (w *walk) innermost(at, end int) error {
	w.out = append(w.out, w.msg[at:at+header]...)
	messages := 0
	add := w.add
	for at += header; end-at >= header; {
		next := at + header + int(be.Uint16(w.msg[at+2:]))
		if next > end {
			return ErrOptionLength
		}
		code := w.code(at)
		if add != nil && (code == dhcp6.OptVendorOpts || code == dhcp6.OptDHCPv4Message) {
			w.origin(add, len(w.msg)-at)
			add = nil
		}
		if code == dhcp6.OptDHCPv4Message {
			messages++
		}
		if err := w.option(at, next, true); err != nil {
			return err
		}
		at = next
	}
	if messages != 1 {
		return ErrMessage4
	}
	return nil
}

// origin appends the vendor option of the pair; left is how much of the
// message follows it.
func (w *walk) origin(o *Origin, left int) {
	mark := len(w.out)
	b := append(w.out, 0, byte(dhcp6.OptVendorOpts), 0, 0)
	b = be.AppendUint32(b, enterpriseISC)
	b = be.AppendUint16(b, subIface)
	b = be.AppendUint16(b, uint16(len(o.Iface)))
	b = append(b, o.Iface...)
	b = be.AppendUint16(b, subAddr)
	b = be.AppendUint16(b, 16)
	a := o.Addr.As16()
	b = append(b, a[:]...)
	b = be.AppendUint16(b, subPort)
	b = be.AppendUint16(b, 2)
	b = be.AppendUint16(b, o.Port)
	if w.stamp != (stamp{}) {
		b, w.mac = w.stamp.append(b, w.key)
	}
	if total := len(b) - w.start + left; w.pad && total%padTo != 0 {
		b = appendPad(b, total)
	}
	shut(b, mark)
	w.out = b
}

// appendPad appends a suboption of zeros that brings a message of the given
// length to a multiple of padTo.
func appendPad(b []byte, total int) []byte {
	n := padTo - total%padTo - header
	if n < 0 {
		n += padTo
	}
	b = be.AppendUint16(b, subPad)
	b = be.AppendUint16(b, uint16(n))
	var zeros [padTo]byte
	return append(b, zeros[:n]...)
}

// shut writes the length of the option whose header stands at mark and reports
// whether it fits.
func shut(b []byte, mark int) bool {
	n := len(b) - mark - header
	be.PutUint16(b[mark+2:], uint16(n))
	return n <= maxOption
}

// option copies one option, header included, without what belongs to the pair.
func (w *walk) option(at, next int, inner bool) error {
	v := w.msg[at+header : next]
	if w.code(at) != dhcp6.OptVendorOpts || len(v) < 4 || be.Uint32(v) != enterpriseISC {
		w.out = append(w.out, w.msg[at:next]...)
		return nil
	}
	mark := len(w.out)
	w.out = append(w.out, w.msg[at:at+header+4]...)
	holds := false
	for v = v[4:]; len(v) > 0; {
		if len(v) < header || len(v) < header+int(be.Uint16(v[2:])) {
			return ErrOptionLength
		}
		n := header + int(be.Uint16(v[2:]))
		switch code := be.Uint16(v); code {
		case subIface, subAddr, subPort:
			w.found.take(code, v[header:n])
			holds = true
		default:
			w.out = append(w.out, v[:n]...)
		}
		v = v[n:]
	}
	w.shutVendor(mark, holds, inner)
	return nil
}

// shutVendor ends a vendor option of ours or of the client's. One that the
// suboptions of the pair were all of goes with them, and so do our padding and
// our MAC in it; one that was empty when it came stays.
func (w *walk) shutVendor(mark int, holds, inner bool) {
	if holds {
		w.found.options++
		w.found.inner = w.found.inner || inner
		subs := mark + header + 4
		w.out = dropOurs(w.out, subs)
		if len(w.out) == subs {
			w.out = w.out[:mark]
			return
		}
	}
	shut(w.out, mark) // not longer than it was
}

// dropOurs takes what only our daemons put there out of the suboptions that
// begin at subs.
func dropOurs(b []byte, subs int) []byte {
	to := subs
	for at := subs; at < len(b); {
		n := header + int(be.Uint16(b[at+2:]))
		if code := be.Uint16(b[at:]); code != subPad && code != subMAC {
			to += copy(b[to:], b[at:at+n])
		}
		at += n
	}
	return b[:to]
}

// take notes one suboption of an origin. Its values are copied, since an edit
// in place writes over them.
func (f *found) take(code uint16, v []byte) {
	i := code - subIface
	if f.seen[i] < 2 {
		f.seen[i]++
	}
	switch code {
	case subIface:
		for len(v) > 0 && v[len(v)-1] == 0 { // some end the name as C does
			v = v[:len(v)-1]
		}
		if f.bad[i] = f.bad[i] || !nameFits(v); !f.bad[i] {
			f.nameLen = copy(f.name[:], v)
		}
	case subAddr:
		if f.bad[i] = f.bad[i] || len(v) != 16; !f.bad[i] {
			f.addr = netip.AddrFrom16([16]byte(v))
		}
	case subPort:
		if f.bad[i] = f.bad[i] || len(v) != 2; !f.bad[i] {
			f.port = be.Uint16(v)
		}
	}
}

// check returns why what was found is no origin, or nil.
func (f *found) check() error {
	switch {
	case f.options > 1:
		return ErrTwoOrigins
	case !f.inner:
		return ErrNoOrigin
	case f.seen[0] != 1 || f.bad[0]:
		return ErrIface
	case f.seen[1] != 1 || f.bad[1]:
		return ErrAddr
	case f.seen[2] != 1 || f.bad[2]:
		return ErrPort
	}
	return nil
}
