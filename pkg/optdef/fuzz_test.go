package optdef

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// FuzzOption defines an option of any shape and gives it any text. What is taken
// has a form that fits the definition, reads back as text, and that text means
// the same octets; what is refused leaves nothing behind.
func FuzzOption(f *testing.F) {
	for _, sm := range samples4 {
		d, _ := New(V4).ByName("", sm.name)
		var types []byte
		for _, t := range d.fields() {
			types = append(types, byte(t))
		}
		f.Add(types, d.Array, d.Code == 119, sm.text, true)
	}
	f.Add([]byte{byte(Binary)}, false, false, "01:02:3", false)
	f.Fuzz(func(t *testing.T, types []byte, array, search bool, text string, csv bool) {
		s := New(V4)
		d := Definition{Code: 222, Name: "x", Array: array}
		switch len(types) {
		case 0:
			d.Type = Empty
		case 1:
			d.Type = Type(types[0])
		default:
			d.Type = Record
			for _, b := range types {
				d.Record = append(d.Record, Type(b))
			}
		}
		data := Data{Name: "x", Text: text, CSV: &csv}
		if search {
			data.Name = "domain-search"
		} else if s.Define(d) != nil {
			return
		}
		v, err := s.Option(data)
		if err != nil {
			if !errors.Is(err, ErrSurplus) && v.Bytes != nil {
				t.Fatalf("refused (%v), and yet % x", err, v.Bytes)
			}
			return
		}
		if err := v.Def.Check(v.Bytes); err != nil {
			t.Fatalf("%q became % x, which does not fit: %v", text, v.Bytes, err)
		}
		said := v.Def.Text(v.Bytes)
		if !csv || strings.Contains(said, "0x") || strings.Contains(said, `\0`) { // octets that are no text, and dots within labels
			return
		}
		again, err := v.Def.Encode(said)
		if err != nil || !bytes.Equal(again, v.Bytes) {
			t.Fatalf("%q became % x, then %q, then % x (%v)", text, v.Bytes, said, again, err)
		}
	})
}

// FuzzAssemble puts options into one another as the text says, a line for each:
// the space, the code, the octets; 222 stands for the options of the next space.
// Whatever the nesting, it comes to an end, and what it makes is whole options,
// all the way inwards.
func FuzzAssemble(f *testing.F) {
	f.Add("dhcp4 222\na 1 02\na 222\nb 2 03", false)
	f.Add("dhcp4 222\na 222\nb 222\nc 222", false)
	f.Add("dhcp6 222\na 1 0102", true)
	next := map[string]string{"dhcp4": "a", "dhcp6": "a", "a": "b", "b": "c", "c": "a"}
	f.Fuzz(func(t *testing.T, text string, six bool) {
		s := New(V4)
		if six {
			s = New(V6)
		}
		own := s.Family().Space()
		for _, space := range []string{own, "a", "b", "c"} {
			if err := s.Define(Definition{Space: space, Code: 222, Name: "x", Type: Empty, Encapsulates: next[space]}); err != nil {
				t.Fatal(err)
			}
		}
		whole, err := s.Assemble(own, lines(s, text))
		if err != nil {
			return
		}
		var check func(space string, v []byte)
		check = func(space string, v []byte) {
			for len(v) > 0 {
				code, value, rest, ok := s.cut(v)
				if !ok {
					t.Fatalf("torn in space %s: % x", space, v)
				}
				if code == 222 {
					check(next[space], value)
				}
				v = rest
			}
		}
		for _, v := range whole {
			if v.Code == 222 {
				check("a", v.Bytes)
			}
		}
	})
}

// lines reads up to eight options.
func lines(s *Set, text string) (all []Value) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || len(all) == 8 {
			continue
		}
		n, err := parseInt(fields[1])
		if err != nil || n < 1 || n > 222 {
			continue
		}
		csv := n == 222
		d := Data{Space: fields[0], Code: uint16(n), HasCode: true, CSV: &csv}
		if !csv {
			d.Text = strings.Join(fields[2:], "")
		}
		if v, err := s.Option(d); err == nil {
			all = append(all, v)
		}
	}
	return all
}
