package dhcp4

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzParse: what parses is written again with the same fields and options.
func FuzzParse(f *testing.F) {
	for _, msgs := range captured(f) {
		for _, b := range msgs {
			f.Add(b)
		}
	}
	f.Add(wire(f, "34 01 03 0c 01 61 0c 01 62 ff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		if m.Parse(b) != nil {
			return
		}
		if !bytes.Equal(m.Bytes(), b) {
			t.Error("Bytes is not what was parsed")
		}
		rewrite(t, &m)
	})
}

// FuzzLimit: under any limit, what Add took is in the message and nothing else,
// parts in order, and the limit is kept.
func FuzzLimit(f *testing.F) {
	f.Add(300, true, []byte{12, 40, 12, 30, 3, 4})
	f.Add(548, false, []byte{82, 255, 82, 255, 61, 19})
	f.Add(241, true, []byte{1, 1})
	f.Fuzz(func(t *testing.T, limit int, names bool, plan []byte) {
		var w Builder
		w.Query(0, nil)
		w.Limit(limit)
		if names {
			w.SetSName("host")
		}
		var took [256][]byte
		var parts int
		for i := 0; i+1 < len(plan); i += 2 {
			v := bytes.Repeat([]byte{byte(i)}, 3*int(plan[i+1]))
			if w.Add(Code(plan[i]), v) {
				took[plan[i]] = append(took[plan[i]], v...)
				parts++
			}
		}
		out := w.Bytes()
		if len(out) > max(min(limit, MaxLen), HeaderLen+1) {
			t.Errorf("%d octets under a limit of %d", len(out), limit)
		}
		var m Message
		if err := m.Parse(out); err != nil {
			t.Fatal(err)
		}
		for c := range 256 {
			if v, _ := m.Option(Code(c)); Code(c) != OptOverload && !bytes.Equal(v, took[c]) {
				t.Errorf("option %d: %x, want %x", c, v, took[c])
			}
		}
	})
}

// FuzzSubOptions: what parses is the concatenation of what All yields.
func FuzzSubOptions(f *testing.F) {
	f.Add([]byte{1, 2, 'a', 'b', 2, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseSubOptions(b)
		if err != nil {
			return
		}
		var again []byte
		for c, v := range o.All {
			again = append(append(again, byte(c), byte(len(v))), v...)
		}
		if !slices.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}
