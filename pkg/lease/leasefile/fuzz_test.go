package leasefile

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// What a row of any age says is what the row says that we write of it.
func FuzzRow(f *testing.F) {
	for _, row := range []string{
		"192.0.2.1,08:00:2b:02:3f:4e,17:34:e2:ff:09:92:54,3600,1431600000,17,1,1,host.example.com",
		`192.0.2.1,1:2,0102,100,200,8,0,0,A&#x2CB&#x2cC,0,{ "a": 1&#x2C "b": 2 },4,00000000`,
		`192.0.2.1,1:2,0x102,4294967295,6194967295,8,0,0,,2,{"dhcp4o6":{"hwtype":32},"a":{}},4`,
		"6/8/52,192.0.2.1,01 02,ff,100,200,8,0,0,,3,,0",
		"2001:db8::1,00:01:02,200,400,8,100,0,16,128,1,1,h,4:5,0,{},1,2,3",
		"2001:db8::,0,0,0,0,0,0,0,,0,0,0,,1", // a sign of no DUID, written with one digit
		"2001:db8::,00:00:00,200,400,8,100,2,16,56,1,1,h,,1",
	} {
		f.Add(row)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if bytes.ContainsAny([]byte(text), "\n") {
			return
		}
		for i := range schemas {
			s := &schemas[i]
			h := s.header()
			l, err := s.parseHeader(h[:len(h)-1])
			if err != nil {
				t.Fatal(err)
			}
			var first, again lease.Lease
			if l.decode([]byte(text), &first, new(arena)) != nil {
				continue
			}
			line := s.appendRow(nil, lease.Change{Lease: &first})
			if n := bytes.IndexByte(line, '\n'); n != len(line)-1 {
				t.Fatalf("%q is not one line", line)
			}
			line = line[:len(line)-1]
			var r row
			if err := l.split(line, &r); err != nil || !r.summed {
				t.Fatalf("%q: %v, summed %v", line, err, r.summed)
			}
			if err := l.decode(line, &again, new(arena)); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if !same(&first, &again) {
				t.Errorf("%q\n  %+v\n%q\n  %+v", text, first, line, again)
			}
		}
	})
}

// same compares two leases; nothing and an empty run of octets are the same.
func same(a, b *lease.Lease) bool {
	x, y := *a, *b
	for _, l := range []*lease.Lease{&x, &y} {
		for _, v := range []*[]byte{&l.ClientID, &l.HWAddr, &l.DUID, (*[]byte)(&l.UserContext)} {
			if len(*v) == 0 {
				*v = nil
			}
		}
	}
	return reflect.DeepEqual(x, y)
}

// Whatever is escaped comes back.
func FuzzEscape(f *testing.F) {
	f.Add([]byte("a,b&#x2c\n\x00\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := appendEscaped(nil, b)
		if bytes.ContainsAny(e, ",\n\r\x00") {
			t.Errorf("%q breaks a row", e)
		}
		if got := appendUnescaped(nil, e); !bytes.Equal(got, b) {
			t.Errorf("%q came back as %q", b, got)
		}
	})
}
