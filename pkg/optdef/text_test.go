package optdef

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	tests := []struct {
		family Family
		space  string
		code   uint16
		wire   string
		want   string
	}{
		{V4, "", 3, "c0000201 c0000202", "192.0.2.1, 192.0.2.2"},
		{V4, "", 3, "", ""},
		{V4, "", 3, "c00002", "0xc00002"},
		{V4, "", 3, "c0000201 c0", "0xc0000201c0"},
		{V4, "", 1, "ffffff00 00", "0xffffff0000"},
		{V4, "", 2, "ffffffff", "-1"},
		{V4, "", 12, "6120622c63", `a b\,c`},
		{V4, "", 12, "610a62", "0x610a62"}, // a newline would forge a line in a log
		{V4, "", 12, "", ""},
		{V4, "", 19, "01", "true"},
		{V4, "", 19, "02", "0x02"},
		{V4, "", 61, "01020304", "0x01020304"},
		{V4, "", 81, "05 00 00 0161 00", "5, 0, 0, a."},
		{V4, "", 81, "01 ff ff 0161", "1, 255, 255, a"},
		{V4, "", 119, "0161 00 0162 c000", "a., b.a."},
		{V4, "", 119, "01 2e 00", `\046.`},
		{V4, "", 82, "0103010203 0504c0000201", "{circuit-id=0x010203; link-selection=192.0.2.1}"},
		{V4, "", 82, "0103", "0x0103"},
		{V4, "", 125, "0000118b 06 0204c0000201", "4491 {tftp-servers=192.0.2.1}"},
		{V4, "", 125, "0000118b 02 0102", "0x0000118b020102"},
		{V4, "", 159, "02 04 3000", "2, 3/4"},
		{V4, "", 159, "02 11 3000", "0x02113000"},
		{V4, "", 222, "0102", "0x0102"},
		{V4, "", 120, "01 c0000201 c0000202", "192.0.2.1, 192.0.2.2"},
		{V4, "", 120, "00 0161 00 0162 c000", "a., b.a."},
		{V4, "", 120, "02 c0000201", "0x02c0000201"},
		{V4, "", 120, "01", "0x01"},
		{V4, "", 158, "08 c0000201 c0000202 04 c0000203", "192.0.2.1 192.0.2.2, 192.0.2.3"},
		{V4, "", 158, "05 c0000201 00", "0x05c000020100"},
		{V6, "", 88, "", ""},
		{V6, "", 3, "00000001 00000000 00000000 0005 0018 20010db8000000000000000000000001 00000001 00000002", "1, 0, 0 {iaaddr=2001:db8::1, 1, 2}"},
		{V6, "", 94, "0059 0014 01 08 18 c0000200 20 20010db8 005d 0004 02 04 3000", "{s46-rule=1, 8, 24, 192.0.2.0, 2001:db8::/32 {s46-portparams=2, 3/4}}"},
		{V6, "", 17, "000009bf ea60 0002 7330 ea62 0002 0222", "2495 {4o6-interface=s0; 4o6-source-port=546}"},
		{V6, "", 60, "0001 61 0002 622c", `a, b\,`},
	}
	for _, tt := range tests {
		if got := New(tt.family).Text(tt.space, tt.code, bytesOf(t, tt.wire)); got != tt.want {
			t.Errorf("%d % s: got %q, want %q", tt.code, tt.wire, got, tt.want)
		}
	}
}

// A chain of sub-options that encapsulate their own space does not exhaust the
// stack.
func TestTextIsBounded(t *testing.T) {
	var v []byte
	for left := 65536 - 8; left >= 0; left -= 4 {
		v = append(v, 0, 45, byte(left>>8), byte(left))
	}
	if got := New(V6).Text("dhcp6", 45, v); !strings.Contains(got, "0x002d") {
		t.Errorf("%.100q", got)
	}
}

// Every standard option meets every length around its own (CVE-2009-0692 and its
// kin): it is refused or right, never a panic.
func TestCheckLengths(t *testing.T) {
	for _, f := range []Family{V4, V6} {
		most := 255
		if f == V6 {
			most = 65535
		}
		s := New(f)
		for _, d := range standard(f) {
			least, fixed := lengths(&d)
			for _, n := range []int{0, 1, least - 1, least, least + 1, 2*least - 1, 2 * least, most} {
				if n < 0 {
					continue
				}
				v := make([]byte, n)
				err := d.Check(v)
				s.Text(d.Space, d.Code, v)
				if fixed && d.Encapsulates == "" && !d.isVendor() && (err == nil) != d.fits(n, least) {
					t.Errorf("%s (%s) with %d octets: %v", d.Name, d.form(), n, err)
				}
			}
		}
	}
}

// lengths returns how long the fields of d are, and whether that is all there is
// to say.
func lengths(d *Definition) (least int, fixed bool) {
	fixed = true
	for _, t := range d.fields() {
		if t.size() == 0 {
			fixed = false
		}
		least += t.size()
	}
	return least, fixed
}

// fits reports whether n octets of zeros are a value of d, all of whose fields
// have fixed sizes that add up to least.
func (d *Definition) fits(n, least int) bool {
	if !d.Array {
		return n == least
	}
	fields := d.fields()
	last := fields[len(fields)-1].size()
	return n >= least && (n-least)%last == 0 || n == 0 && d.mayBeEmpty()
}

// What is encoded from text and written as text again encodes to the same
// octets, for every type.
func TestTextAndBack(t *testing.T) {
	for f, samples := range map[Family][]sample{V4: samples4, V6: samples6} {
		s := New(f)
		for _, sm := range samples {
			d, _ := s.ByName("", sm.name)
			v, _ := d.Encode(sm.text)
			again, err := d.Encode(d.Text(v))
			if err != nil || !bytes.Equal(again, v) {
				t.Errorf("%s: text %q gives % x, %v, want % x", sm.name, d.Text(v), again, err, v)
			}
		}
	}
}

func FuzzTextAndBack(f *testing.F) {
	for _, sm := range samples4 {
		d, _ := New(V4).ByName("", sm.name)
		f.Add(uint8(V4), uint8(d.Type), d.Array, sm.text)
	}
	for _, sm := range samples6 {
		d, _ := New(V6).ByName("", sm.name)
		f.Add(uint8(V6), uint8(d.Type), d.Array, sm.text)
	}
	f.Add(uint8(V4), uint8(Internal), false, "10.0.0.0/8 - 192.0.2.1")
	f.Add(uint8(V6), uint8(Internal), false, "1, r.example, 2001:db8::1, port=853 alpn=dot,h2")
	f.Fuzz(func(t *testing.T, family, typ uint8, array bool, text string) {
		d := Definition{Family: V4, Space: "x", Code: 121, Name: "x", Type: Type(typ), Array: array}
		if family == uint8(V6) {
			d.Family, d.Code = V6, 144
		}
		if d.Type == Record {
			d.Record = []Type{Uint8, FQDN, Tuple, IPv4Address}
		}
		if d.Type != Internal && d.checkForm() != nil {
			return
		}
		v, err := d.Encode(text)
		if err != nil {
			return
		}
		back := d.Text(v)
		for _, c := range []byte(back) {
			if c < ' ' || c >= 0x7f {
				t.Fatalf("%q is not fit for a log", back)
			}
		}
		if err := d.Check(v); err != nil {
			t.Fatalf("%q gives % x, which does not check: %v", text, v, err)
		}
		for _, c := range []byte(text) {
			if c < ' ' || c >= 0x7f {
				return // comes back as hexadecimal digits
			}
		}
		again, err := d.Encode(back)
		if err != nil || !bytes.Equal(again, v) {
			t.Fatalf("%q -> % x -> %q -> % x, %v", text, v, back, again, err)
		}
	})
}

// FuzzText feeds octets from the network to every definition.
func FuzzText(f *testing.F) {
	for family, samples := range map[Family][]sample{V4: samples4, V6: samples6} {
		for _, sm := range samples {
			d, _ := New(family).ByName("", sm.name)
			f.Add(family == V6, d.Code, bytesOf(f, sm.wire))
		}
	}
	sets := map[bool]*Set{false: New(V4), true: New(V6)}
	f.Fuzz(func(t *testing.T, six bool, code uint16, value []byte) {
		s := sets[six]
		text := s.Text("", code, value)
		for _, c := range []byte(text) {
			if c < ' ' || c >= 0x7f {
				t.Fatalf("%q is not fit for a log", text)
			}
		}
		if len(text) > 64*(len(value)+1) {
			t.Fatalf("%d octets became %d", len(value), len(text))
		}
	})
}

func ExampleSet_Option() {
	s := New(V4)
	v, err := s.Option(Data{Name: "routers", Text: "192.0.2.1, 192.0.2.2"})
	fmt.Printf("%d % x %v\n", v.Code, v.Bytes, err)
	fmt.Println(s.Text("dhcp4", v.Code, v.Bytes))
	// Output:
	// 3 c0 00 02 01 c0 00 02 02 <nil>
	// 192.0.2.1, 192.0.2.2
}
