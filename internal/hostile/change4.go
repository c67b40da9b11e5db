package hostile

import "slices"

// options4 returns where the options of a DHCPv4 message begin, as far as they
// can be followed.
func options4(b []byte) (at []int) {
	for i := fixed4; i+2 <= len(b) && b[i] != 255; {
		if b[i] == 0 {
			i++
			continue
		}
		at = append(at, i)
		i += 2 + int(b[i+1])
	}
	return at
}

// pick4 returns where one of the options begins; ok is false without any.
func (s *Source) pick4(b []byte) (at int, ok bool) {
	all := options4(b)
	if len(all) == 0 {
		return 0, false
	}
	return all[s.IntN(len(all))], true
}

// insert4 puts an option first, before what ends the others.
func (s *Source) insert4(b []byte, code byte, value []byte) []byte {
	if len(b) < fixed4 {
		return b
	}
	return slices.Insert(b, fixed4, append([]byte{code, byte(len(value))}, value...)...)
}

// type4 makes it a message of another type, also of one that there is not.
func type4(s *Source, b []byte) []byte {
	for _, at := range options4(b) {
		if b[at] == 53 && at+2 < len(b) {
			b[at+2] = byte(s.IntN(20))
		}
	}
	return b
}

// hardware makes it another client's, by address, type or length.
func hardware(s *Source, b []byte) []byte {
	if len(b) < fixed4 {
		return b
	}
	copy(b[28:34], s.junk(nil, 6))
	if s.IntN(4) == 0 {
		b[1], b[2] = byte(s.Uint32()), byte(s.odd())
	}
	return b
}

// fields4 changes one of the fixed fields: op, hops, xid, secs, flags, addresses.
func fields4(s *Source, b []byte) []byte {
	if len(b) < fixed4 {
		return b
	}
	f := [...]struct{ at, n int }{{0, 1}, {3, 1}, {4, 4}, {8, 2}, {10, 2}, {12, 4}, {16, 4}, {20, 4}, {24, 4}, {236, 4}}[s.IntN(10)]
	copy(b[f.at:f.at+f.n], s.junk(nil, f.n))
	return b
}

// lie4 gives an option another length than it has.
func lie4(s *Source, b []byte) []byte {
	if at, ok := s.pick4(b); ok {
		b[at+1] = byte(s.odd())
	}
	return b
}

// double4 repeats an option, now and then some hundred times.
func double4(s *Source, b []byte) []byte {
	at, ok := s.pick4(b)
	if !ok {
		return b
	}
	o := slices.Clone(b[at:min(at+2+int(b[at+1]), len(b))])
	for range 1 + s.IntN(3)*s.IntN(100) {
		b = slices.Insert(b, fixed4, o...)
	}
	return b
}

// overload says that options go on in the other two fields, and fills them.
func overload(s *Source, b []byte) []byte {
	if len(b) < fixed4 {
		return b
	}
	copy(b[44:236], s.junk(nil, 192))
	if s.IntN(2) == 0 {
		copy(b[108:], []byte{52, 1, 3, 53, 1, 1, 255}) // a second overload inside the first
	}
	return s.insert4(b, 52, []byte{byte(s.IntN(5))})
}

// giant4 fills the message with one option in parts (RFC 3396).
func giant4(s *Source, b []byte) []byte {
	code := byte(1 + s.IntN(254))
	for range 1 + s.IntN(1+s.IntN(200)) {
		b = s.insert4(b, code, s.junk(nil, 255))
	}
	return b
}

// agent forges option 82, with suboptions that steer: link selection (RFC 3527),
// server identifier override (RFC 5107), source port (RFC 8357).
func agent(s *Source, b []byte) []byte {
	var v []byte
	for range 1 + s.IntN(5) {
		n := s.IntN(8)
		v = append(v, [...]byte{1, 2, 5, 11, 19, 151, 152, 255}[s.IntN(8)], byte(n+s.IntN(2)*s.IntN(3)))
		v = s.junk(v, n)
	}
	return s.insert4(b, 82, v)
}

// splice4 is the head of one packet and the tail of another.
func splice4(s *Source, b []byte) []byte { return s.splice(b, s.seeds.V4) }

func (s *Source) splice(b []byte, seeds [][]byte) []byte {
	other := seeds[s.IntN(len(seeds))]
	return append(b[:s.IntN(len(b)+1)], other[s.IntN(len(other)+1):]...)
}
