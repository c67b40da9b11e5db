package dhcp4

import "math/bits"

// index checks every option of the message once and notes where it stands.
func (m *Message) index() error {
	if err := m.scan(0, offOptions, len(m.b)); err != nil {
		return err
	}
	file, sname, err := m.overload()
	if err != nil {
		return err
	}
	if file {
		if err := m.scan(1, offFile, offCookie); err != nil {
			return err
		}
	}
	if sname {
		if err := m.scan(2, offSName, offFile); err != nil {
			return err
		}
	}
	if !m.split.empty() {
		m.join()
	}
	return nil
}

// overload reads option 52 (RFC 2132 §9.3) as it stands in the options field;
// in the other two it would say nothing (RFC 2131 §4.1).
func (m *Message) overload() (file, sname bool, err error) {
	if !m.seen.Has(OptOverload) {
		return false, false, nil
	}
	v := m.b[m.at[OptOverload]:][:m.n[OptOverload]]
	if m.split.Has(OptOverload) || len(v) != 1 || v[0] < 1 || v[0] > 3 {
		return false, false, ErrOverload
	}
	return v[0]&1 != 0, v[0]&2 != 0, nil
}

// scan checks the options in b[from:to] up to End or the end of the field, which
// many clients leave without one.
func (m *Message) scan(area, from, to int) error {
	b, i := m.b[:to], from
	for i < to && Code(b[i]) != OptEnd {
		c := Code(b[i])
		if c == OptPad {
			i++
			continue
		}
		if i+2 > to || i+2+int(b[i+1]) > to {
			return ErrOptions
		}
		m.note(c, i+2, int(b[i+1]))
		i += 2 + int(b[i+1])
	}
	m.areas[area] = b[from:i:i]
	return nil
}

func (m *Message) note(c Code, at, n int) {
	if m.seen.Has(c) {
		m.split.Add(c)
		m.n[c] += uint16(n) // cannot pass MaxLen: the parts do not overlap
		return
	}
	m.seen.Add(c)
	m.at[c], m.n[c] = uint16(at), uint16(n)
}

// join lays the parts of every split option end to end in the scratch, in two
// passes however many parts there are.
func (m *Message) join() {
	size := 0
	for c := range m.split.all {
		m.at[c] = uint16(size)
		size += int(m.n[c])
	}
	if cap(m.scratch) < size {
		m.scratch = make([]byte, 0, size)
	}
	m.scratch = m.scratch[:size]
	for c, v := range m.All {
		if m.split.Has(c) {
			m.at[c] += uint16(copy(m.scratch[m.at[c]:], v)) // a cursor while copying
		}
	}
	for c := range m.split.all {
		m.at[c] -= m.n[c]
	}
}

// All yields every option as it stands, part by part, in the order of the wire:
// the options field, then file, then sname where they hold options.
// Pad and End are left out.
func (m *Message) All(yield func(Code, []byte) bool) {
	for _, b := range m.areas {
		for len(b) > 0 {
			if Code(b[0]) == OptPad {
				b = b[1:]
				continue
			}
			n := 2 + int(b[1])
			if !yield(Code(b[0]), b[2:n:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// all yields the codes in ascending order.
func (s *CodeSet) all(yield func(Code) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !yield(Code(i<<6 + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}
