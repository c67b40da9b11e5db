package dhcp4

import "net/netip"

// A Builder writes messages into memory of its caller's. Reply or Query begins
// one, Add puts options in, Bytes ends it. Until then the fixed fields may be
// set in Header. A worker owns one and reuses it; the zero value is ready.
type Builder struct {
	// Header holds the fixed fields that Bytes writes. Addresses that are not
	// IPv4 are written as 0.0.0.0.
	Header Message

	b     []byte // fixed fields, then the options field without End
	limit int
	added CodeSet

	chaddr [maxCHAddr]byte

	// the two fields that take options when the limit demands it
	file, sname field
}

// A field is one of file and sname while a message is written.
type field struct {
	b     [offCookie - offFile]byte
	size  int // 128 or 64
	n     int // octets in use
	taken bool
}

// Reply begins a reply of type t to q in buf[:0]: xid, htype, hlen, chaddr,
// flags and giaddr are q's, all else is zero (RFC 2131 §4.3.1, table 3). Option
// 53 is the first option.
func (w *Builder) Reply(q *Message, t MessageType, buf []byte) {
	h := &w.Header
	h.Op, h.HType, h.HLen, h.Hops = BootReply, q.HType, q.HLen, 0
	h.XID, h.Secs, h.Flags = q.XID, 0, q.Flags
	h.CIAddr, h.YIAddr, h.SIAddr, h.GIAddr = netip.Addr{}, netip.Addr{}, netip.Addr{}, q.GIAddr
	w.begin(t, buf)
	if len(q.b) >= HeaderLen {
		copy(w.chaddr[:], q.b[offCHAddr:offSName])
	}
}

// Query begins a BOOTREQUEST of type t in buf[:0]. Fields and hardware address
// that were set in Header and by SetCHAddr before are kept.
func (w *Builder) Query(t MessageType, buf []byte) {
	chaddr := w.chaddr
	w.Header.Op = BootRequest
	w.begin(t, buf)
	w.chaddr = chaddr
}

func (w *Builder) begin(t MessageType, buf []byte) {
	w.b = append(buf[:0], zeros[:]...)
	w.limit = MaxLen
	w.added = CodeSet{}
	w.chaddr = [maxCHAddr]byte{}
	w.file.n, w.file.size, w.file.taken = 0, offCookie-offFile, false
	w.sname.n, w.sname.size, w.sname.taken = 0, offFile-offSName, false
	if t != 0 {
		v := [1]byte{byte(t)}
		w.Add(OptMessageType, v[:])
	}
}

var zeros [HeaderLen]byte

// Limit sets the largest size of the whole message, MaxLen to begin with.
// Options that would pass it go into the file and sname fields where those are
// free (option overload, RFC 2132 §9.3). It concerns what is added after.
func (w *Builder) Limit(n int) { w.limit = min(max(n, HeaderLen), MaxLen) }

// SetCHAddr sets the client's hardware address and its length; what is beyond
// 16 octets is left out.
func (w *Builder) SetCHAddr(a []byte) {
	w.chaddr = [maxCHAddr]byte{}
	w.Header.HLen = byte(copy(w.chaddr[:], a))
}

// SetSName sets the server host name, cut to 63 octets. It reports false, and
// sets nothing, when the field holds options already.
func (w *Builder) SetSName(s string) bool { return w.sname.set(s) }

// SetFile sets the boot file name, cut to 127 octets. It reports false, and
// sets nothing, when the field holds options already.
func (w *Builder) SetFile(s string) bool { return w.file.set(s) }

func (f *field) set(s string) bool {
	if f.n > 0 && !f.taken {
		return false
	}
	f.n = copy(f.b[:f.size-1], s) // the terminating zero stays (RFC 2131 §2)
	f.taken = f.n > 0
	return true
}

// Has reports whether option c was added to the message.
func (w *Builder) Has(c Code) bool { return w.added.Has(c) }

// Len returns the size that the message has by now.
func (w *Builder) Len() int { return len(w.b) + w.tail() }

// tail is what Bytes adds: End, and option 52 when a field holds options.
func (w *Builder) tail() int {
	if w.file.holds() || w.sname.holds() {
		return 4
	}
	return 1
}

func (f *field) holds() bool { return f.n > 0 && !f.taken }

// Add adds option c. A value over 255 octets is split (RFC 3396 §6). It reports
// false, and adds nothing, when the limit leaves no room.
func (w *Builder) Add(c Code, value []byte) bool {
	if c == OptPad || c == OptEnd || c == OptOverload {
		return false // written by Bytes alone
	}
	if len(value) > 255 && !w.fits(c, value) {
		return false
	}
	for {
		part := value[:min(len(value), 255)]
		if !w.place(c, part) {
			return false
		}
		w.added.Add(c)
		if value = value[len(part):]; len(value) == 0 {
			return true
		}
	}
}

// Remove takes option c out, all its parts. What stands behind it moves up.
func (w *Builder) Remove(c Code) {
	if !w.added.Has(c) {
		return
	}
	w.added.remove(c)
	w.b = w.b[:offOptions+drop(w.b[offOptions:], c)]
	for _, f := range [...]*field{&w.file, &w.sname} {
		if f.holds() {
			f.n = drop(f.b[:f.n], c)
		}
	}
}

// ToEnd moves the parts of option c in the options field behind all others there
// (RFC 3046 §2.2).
func (w *Builder) ToEnd(c Code) {
	if !w.added.Has(c) {
		return
	}
	var parts []byte
	for b := w.b[offOptions:]; len(b) > 0; b = b[2+int(b[1]):] {
		if Code(b[0]) == c {
			parts = append(parts, b[:2+int(b[1])]...)
		}
	}
	w.b = append(w.b[:offOptions+drop(w.b[offOptions:], c)], parts...)
}

// drop takes option c out of a run of options and returns how long that is then.
func drop(b []byte, c Code) int {
	to := 0
	for from := 0; from < len(b); {
		n := 2 + int(b[from+1])
		if Code(b[from]) != c {
			to += copy(b[to:], b[from:from+n])
		}
		from += n
	}
	return to
}

// Value returns option c as it was added, in memory of the builder's that is
// good until the next change; ok is false when it was not, or in more parts than
// one.
func (w *Builder) Value(c Code) (value []byte, ok bool) {
	if !w.added.Has(c) {
		return nil, false
	}
	runs := [...][]byte{w.b[offOptions:], nil, nil}
	if w.file.holds() {
		runs[1] = w.file.b[:w.file.n]
	}
	if w.sname.holds() {
		runs[2] = w.sname.b[:w.sname.n]
	}
	for _, b := range runs {
		for ; len(b) > 0; b = b[2+int(b[1]):] {
			if Code(b[0]) != c {
				continue
			}
			if ok {
				return nil, false
			}
			value, ok = b[2:2+int(b[1]):2+int(b[1])], true
		}
	}
	return value, ok
}

// fits reports whether all parts of a long value find room, so that Add never
// leaves half of one.
func (w *Builder) fits(c Code, value []byte) bool {
	parts := (len(value) + 254) / 255
	return w.last(c) == 0 && len(w.b)+len(value)+2*parts+4 <= w.limit
}

// place writes one part into the first field with room. Parts of one code keep
// their order (RFC 3396 §5), so none goes before a field that holds one.
func (w *Builder) place(c Code, part []byte) bool {
	n := 2 + len(part)
	area := 0
	if w.added.Has(c) {
		area = w.last(c)
	}
	if area == 0 && len(w.b)+n+w.reserve() <= w.limit {
		w.b = append(append(w.b, byte(c), byte(len(part))), part...)
		return true
	}
	if len(w.b)+4 > w.limit || c == OptRelayAgentInfo {
		return false // option 52 itself has no room; relays look into the options field alone (RFC 3046 §2.2)
	}
	return area <= 1 && w.file.place(c, part) || w.sname.place(c, part)
}

// reserve is what has to be kept free for End, and for option 52 as long as a
// field could still take options.
func (w *Builder) reserve() int {
	if w.file.taken && w.sname.taken {
		return 1
	}
	return 4
}

// last returns the field that holds the last part of option c.
func (w *Builder) last(c Code) int {
	switch {
	case w.sname.has(c):
		return 2
	case w.file.has(c):
		return 1
	}
	return 0
}

func (f *field) has(c Code) bool {
	if f.taken {
		return false
	}
	for b := f.b[:f.n]; len(b) > 0; b = b[2+int(b[1]):] {
		if Code(b[0]) == c {
			return true
		}
	}
	return false
}

// place writes an option into the field, keeping an octet for End.
func (f *field) place(c Code, v []byte) bool {
	if f.taken || f.n+2+len(v)+1 > f.size {
		return false
	}
	f.b[f.n], f.b[f.n+1] = byte(c), byte(len(v))
	f.n += 2 + copy(f.b[f.n+2:], v)
	return true
}

// Bytes writes the fixed fields, ends every field that holds options and returns
// the message, in the memory that Reply or Query was given as long as that was
// large enough. It adds no padding.
func (w *Builder) Bytes() []byte {
	b, overload := w.b, byte(0)
	if w.file.holds() {
		overload |= 1
	}
	if w.sname.holds() {
		overload |= 2
	}
	if overload != 0 {
		b = append(b, byte(OptOverload), 1, overload)
	}
	b = append(b, byte(OptEnd))
	w.header(b)
	w.sname.write(b[offSName:offFile])
	w.file.write(b[offFile:offCookie])
	return b
}

func (w *Builder) header(b []byte) {
	h := &w.Header
	b[0], b[1], b[2], b[3] = h.Op, h.HType, h.HLen, h.Hops
	be.PutUint32(b[4:], h.XID)
	be.PutUint16(b[8:], h.Secs)
	be.PutUint16(b[10:], h.Flags)
	putAddr(b[12:], h.CIAddr)
	putAddr(b[16:], h.YIAddr)
	putAddr(b[20:], h.SIAddr)
	putAddr(b[24:], h.GIAddr)
	copy(b[offCHAddr:offSName], w.chaddr[:])
	be.PutUint32(b[offCookie:], cookie)
}

func putAddr(b []byte, a netip.Addr) {
	v := [4]byte{}
	if a.Is4() {
		v = a.As4()
	}
	copy(b, v[:])
}

func (f *field) write(to []byte) {
	n := copy(to, f.b[:f.n])
	if f.holds() {
		to[n] = byte(OptEnd)
		n++
	}
	clear(to[n:])
}
