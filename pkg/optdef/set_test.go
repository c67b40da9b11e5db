package optdef

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// What Kea 2.2.0 refuses in an option-def is refused, and what it takes is taken.
func TestDefine(t *testing.T) {
	tests := []struct {
		name string
		def  Definition
		err  error
	}{
		{"a plain one", Definition{Code: 222, Name: "x", Type: Uint8}, nil},
		{"an array of names", Definition{Code: 222, Name: "x", Type: FQDN, Array: true}, nil},
		{"a record that begins with a name", Definition{Code: 222, Name: "x", Type: Record, Record: []Type{FQDN, Uint8}}, nil},
		{"a site-specific code", Definition{Code: 230, Name: "x", Type: Uint8}, nil},
		{"option 43, which every vendor fills otherwise", Definition{Code: 43, Name: "x", Type: Uint8}, nil},
		{"option 43 under its own name", Definition{Code: 43, Name: "vendor-encapsulated-options", Type: Empty, Encapsulates: "x"}, nil},
		{"a standard option that Kea knows only since", Definition{Code: 121, Name: "rfc3442-routes", Type: Uint8, Array: true}, nil},
		{"codes 0 and 255 in another space", Definition{Space: "foo", Code: 255, Name: "x", Type: Uint8}, nil},
		{"an encapsulating empty one", Definition{Code: 222, Name: "x", Type: Empty, Encapsulates: "foo"}, nil},
		{"an encapsulating string", Definition{Code: 222, Name: "x", Type: String, Encapsulates: "foo"}, nil},

		{"an array of strings", Definition{Code: 222, Name: "x", Type: String, Array: true}, ErrForm},
		{"an array of nothing", Definition{Code: 222, Name: "x", Type: Empty, Array: true}, ErrForm},
		{"an array of binaries", Definition{Code: 222, Name: "x", Type: Binary, Array: true}, ErrForm},
		{"an encapsulating array", Definition{Code: 222, Name: "x", Type: Uint8, Array: true, Encapsulates: "foo"}, ErrForm},
		{"an encapsulating array of records", Definition{Code: 222, Name: "x", Type: Record, Record: []Type{Uint8, Uint8}, Array: true, Encapsulates: "foo"}, ErrForm},
		{"a record without fields", Definition{Code: 222, Name: "x", Type: Record}, ErrForm},
		{"a record of one field", Definition{Code: 222, Name: "x", Type: Record, Record: []Type{Uint8}}, ErrForm},
		{"a string before the last field", Definition{Code: 222, Name: "x", Type: Record, Record: []Type{String, Uint8}}, ErrForm},
		{"an array whose last field is binary", Definition{Code: 222, Name: "x", Type: Record, Record: []Type{Uint8, Binary}, Array: true}, ErrForm},
		{"an empty field", Definition{Code: 222, Name: "x", Type: Record, Record: []Type{Empty, Uint8}}, ErrForm},
		{"fields without a record", Definition{Code: 222, Name: "x", Type: Uint8, Record: []Type{Uint8, Uint8}}, ErrForm},
		{"a type of ours", Definition{Code: 222, Name: "x", Type: Internal}, ErrType},
		{"a type that does not exist", Definition{Code: 222, Name: "x", Type: 99}, ErrType},
		{"a standard code", Definition{Code: 3, Name: "x", Type: Uint8}, ErrStandard},
		{"a standard name", Definition{Code: 222, Name: "routers", Type: Uint8}, ErrStandard},
		{"pad", Definition{Code: 0, Name: "x", Type: Uint8}, ErrCode},
		{"end", Definition{Code: 255, Name: "x", Type: Uint8}, ErrCode},
		{"a code of two octets", Definition{Code: 256, Name: "x", Type: Uint8}, ErrCode},
		{"a name that begins with a hyphen", Definition{Code: 222, Name: "-x", Type: Uint8}, ErrName},
		{"a name with a space", Definition{Code: 222, Name: "x y", Type: Uint8}, ErrName},
		{"a name with a dot", Definition{Code: 222, Name: "x.y", Type: Uint8}, ErrName},
		{"no name", Definition{Code: 222, Type: Uint8}, ErrName},
		{"a bad space", Definition{Space: "a b", Code: 222, Name: "x", Type: Uint8}, ErrName},
		{"its own space inside", Definition{Code: 222, Name: "x", Type: Uint8, Encapsulates: "dhcp4"}, ErrForm},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(V4)
			err := s.Define(tt.def)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			d, ok := s.ByName(tt.def.Space, tt.def.Name)
			if !ok || d.Code != tt.def.Code {
				t.Fatalf("not found again: %v", d)
			}
			again := tt.def
			again.Name = "other"
			if err := s.Define(again); !errors.Is(err, ErrDuplicate) {
				t.Errorf("the same code twice: %v", err)
			}
			again.Name, again.Code = tt.def.Name, 223
			if err := s.Define(again); !errors.Is(err, ErrDuplicate) {
				t.Errorf("the same name twice: %v", err)
			}
		})
	}
}

func TestOneSetDoesNotChangeAnother(t *testing.T) {
	if err := New(V4).Define(Definition{Code: 43, Name: "x", Type: Uint8}); err != nil {
		t.Fatal(err)
	}
	if d, ok := New(V4).ByCode("", 43); !ok || d.Name != "vendor-encapsulated-options" {
		t.Errorf("43 is %v in a new set", d)
	}
}

func TestStandardTablesAreSound(t *testing.T) {
	for _, f := range []Family{V4, V6} {
		names, codes := map[nameKey]bool{}, map[codeKey]bool{}
		for _, d := range standard(f) {
			if err := d.checkForm(); err != nil && !(d.Type == Internal && !d.Array) {
				t.Errorf("%s: %v", d.Name, err)
			}
			n, c := nameKey{d.Space, d.Name}, codeKey{d.Space, d.Code}
			if names[n] || codes[c] || !validName(d.Name) {
				t.Errorf("%s %d twice, or badly named", d.Name, d.Code)
			}
			names[n], codes[c] = true, true
		}
	}
}

func TestOption(t *testing.T) {
	no, yes := false, true
	tests := []struct {
		name string
		data Data
		wire string
		err  error
	}{
		{"by name", Data{Name: "swap-server", Text: "192.0.2.1"}, "c0000201", nil},
		{"by code", Data{Code: 16, HasCode: true, Text: "192.0.2.1"}, "c0000201", nil},
		{"by both", Data{Name: "swap-server", Code: 16, HasCode: true, Text: "192.0.2.1"}, "c0000201", nil},
		{"both, and they differ", Data{Name: "routers", Code: 16, HasCode: true, Text: "192.0.2.1"}, "", ErrMismatch},
		{"neither", Data{Text: "x"}, "", ErrUndefined},
		{"unknown name", Data{Name: "foo", Text: "00", CSV: &no}, "", ErrUndefined},
		{"unknown code in hex", Data{Code: 222, HasCode: true, Text: "0102", CSV: &no}, "0102", nil},
		{"unknown code and a name in hex", Data{Name: "foo", Code: 222, HasCode: true, Text: "0102", CSV: &no}, "0102", nil},
		{"unknown code, csv-format unsaid", Data{Code: 222, HasCode: true, Text: "0102"}, "", ErrUndefined},
		{"unknown code, csv-format true", Data{Code: 222, HasCode: true, Text: "0102", CSV: &yes}, "", ErrUndefined},
		{"known code in hex", Data{Name: "swap-server", Text: "c0:0:2:1", CSV: &no}, "c0000201", nil},
		{"known code in hex, too short", Data{Name: "swap-server", Text: "0102", CSV: &no}, "", ErrLength},
		{"known code in hex, too long", Data{Name: "swap-server", Text: "0102030405", CSV: &no}, "", ErrLength},
		{"list in hex, not a multiple", Data{Name: "routers", Text: "0102030405", CSV: &no}, "", ErrLength},
		{"empty string in hex", Data{Name: "host-name", Text: "", CSV: &no}, "", ErrLength},
		{"sub-options in hex", Data{Name: "vendor-encapsulated-options", Text: "01 01 ff", CSV: &no}, "0101ff", nil},
		{"compressed names in hex", Data{Name: "domain-search", Text: "01 61 03 63 6f 6d 00 01 62 c0 02", CSV: &no}, "016103636f6d000162c002", nil},
		{"a name that points ahead", Data{Name: "domain-search", Text: "01 61 c0 04 00", CSV: &no}, "", ErrValue},
		{"a name that points at itself", Data{Name: "domain-search", Text: "c0 00", CSV: &no}, "", ErrValue},
		{"pad", Data{Code: 0, HasCode: true, Text: "", CSV: &no}, "", ErrCode},
		{"end", Data{Code: 255, HasCode: true, Text: "", CSV: &no}, "", ErrCode},
		{"a code of two octets", Data{Code: 300, HasCode: true, Text: "", CSV: &no}, "", ErrCode},
		{"more values than fields", Data{Name: "swap-server", Text: "192.0.2.1, x"}, "c0000201", ErrSurplus},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := New(V4).Option(tt.data)
			if !errors.Is(err, tt.err) || err != nil && tt.err == nil {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if want := bytesOf(t, tt.wire); !bytes.Equal(v.Bytes, want) {
				t.Errorf("got % x, want % x", v.Bytes, want)
			}
		})
	}
}

func TestAssemble(t *testing.T) {
	type in = []Data
	no := false
	tests := []struct {
		name   string
		family Family
		data   in
		want   map[uint16]string
		err    error
	}{
		{"in order of codes", V4, in{{Name: "routers", Text: "192.0.2.1"}, {Name: "time-offset", Text: "1"}}, map[uint16]string{2: "00000001", 3: "c0000201"}, nil},
		{"43 with its space", V4, in{
			{Name: "vendor-encapsulated-options"},
			{Space: "vendor-encapsulated-options-space", Name: "b", Text: "2"},
			{Space: "vendor-encapsulated-options-space", Name: "a", Text: "1"},
		}, map[uint16]string{43: "01 01 01 02 01 02"}, nil},
		{"43 as octets, its End left out", V4, in{{Name: "vendor-encapsulated-options", Text: "06 01 08 00 0a 02 00 50 ff", CSV: &no}}, map[uint16]string{43: "06 01 08 0a 02 0050"}, nil},
		{"43 as octets, with its space", V4, in{
			{Name: "vendor-encapsulated-options", Text: "06 01 08 02 01 09 ff 07 01 07", CSV: &no},
			{Space: "vendor-encapsulated-options-space", Name: "a", Text: "1"},
			{Space: "vendor-encapsulated-options-space", Name: "b", Text: "2"},
		}, map[uint16]string{43: "01 01 01 02 01 09 06 01 08"}, nil},
		{"43 as octets that are no options", V4, in{
			{Name: "vendor-encapsulated-options", Text: "06 05 08", CSV: &no},
			{Space: "vendor-encapsulated-options-space", Name: "a", Text: "1"},
		}, map[uint16]string{43: "06 05 08 01 01 01"}, nil},
		{"a space that nothing encapsulates", V4, in{{Space: "vendor-encapsulated-options-space", Name: "a", Text: "1"}}, nil, nil},
		{"125 with its vendor's", V4, in{
			{Name: "vivso-suboptions", Text: "4491"},
			{Space: "vendor-4491", Name: "tftp-servers", Text: "192.0.2.1"},
		}, map[uint16]string{125: "0000118b 06 02 04 c0000201"}, nil},
		{"125 without", V4, in{{Name: "vivso-suboptions", Text: "1"}}, map[uint16]string{125: "00000001 00"}, nil},
		{"17 with its vendor's", V6, in{
			{Name: "vendor-opts", Text: "4491"},
			{Space: "vendor-4491", Name: "config-file", Text: "x"},
			{Space: "vendor-2495", Name: "4o6-interface", Text: "other"},
		}, map[uint16]string{17: "0000118b 0021 0001 78"}, nil},
		{"containers within containers", V6, in{
			{Name: "s46-cont-mape"},
			{Space: "s46-cont-mape-options", Name: "s46-rule", Text: "1, 8, 24, 192.0.2.0, 2001:db8::/32"},
			{Space: "s46-rule-options", Name: "s46-portparams", Text: "2, 3/4"},
		}, map[uint16]string{94: "0059 0014 01 08 18 c0000200 20 20010db8 005d 0004 02 04 3000"}, nil},
		{"an option of the own space is not put into another", V6, in{{Name: "client-data"}, {Name: "preference", Text: "1"}}, map[uint16]string{7: "01", 45: ""}, nil},
		{"spaces in a ring", V6, in{{Name: "ring"}, {Space: "r1", Name: "ring"}, {Space: "r2", Name: "ring"}}, nil, ErrForm},
		{"a sub-option too long for DHCPv4", V4, in{
			{Name: "vendor-encapsulated-options"},
			{Space: "vendor-encapsulated-options-space", Name: "c", Text: string(bytes.Repeat([]byte("x"), 256))},
		}, nil, ErrLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(tt.family)
			for _, d := range []Definition{
				{Space: "vendor-encapsulated-options-space", Code: 1, Name: "a", Type: Uint8},
				{Space: "vendor-encapsulated-options-space", Code: 2, Name: "b", Type: Uint8},
				{Space: "vendor-encapsulated-options-space", Code: 3, Name: "c", Type: String},
				{Code: 222, Name: "ring", Type: Empty, Encapsulates: "r1"},
				{Space: "r1", Code: 1, Name: "ring", Type: Empty, Encapsulates: "r2"},
				{Space: "r2", Code: 1, Name: "ring", Type: Empty, Encapsulates: "r1"},
			} {
				if err := s.Define(d); err != nil {
					t.Fatal(err)
				}
			}
			var all []Value
			for _, d := range tt.data {
				v, err := s.Option(d)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, v)
			}
			got, err := s.Assemble(tt.family.Space(), all)
			if !errors.Is(err, tt.err) || len(got) != len(tt.want) {
				t.Fatalf("got %v, %v, want %v", got, err, tt.err)
			}
			if !slices.IsSortedFunc(got, func(a, b Value) int { return int(a.Code) - int(b.Code) }) {
				t.Errorf("not sorted: %v", got)
			}
			for _, v := range got {
				if want := bytesOf(t, tt.want[v.Code]); !bytes.Equal(v.Bytes, want) {
					t.Errorf("%d: got % x, want % x", v.Code, v.Bytes, want)
				}
			}
		})
	}
}

func TestVendorSpace(t *testing.T) {
	if n, ok := Vendor(VendorSpace(2495)); n != 2495 || !ok {
		t.Errorf("got %d, %v", n, ok)
	}
	for _, space := range []string{"dhcp4", "vendor-", "vendor-x", "vendor-4294967296", "vendor--1"} {
		if n, ok := Vendor(space); ok {
			t.Errorf("%q is vendor %d", space, n)
		}
	}
}

// The definitions of a class hide those below them, for what vendors fill as
// they like; all else is not a class's to define.
func TestLayer(t *testing.T) {
	s := New(V4)
	define := func(s *Set, d Definition) {
		t.Helper()
		if err := s.Define(d); err != nil {
			t.Fatal(err)
		}
	}
	define(s, Definition{Code: 230, Name: "site", Type: Uint8})
	define(s, Definition{Space: "foo", Code: 1, Name: "sub", Type: Uint16})
	a, b := s.Layer(), s.Layer()
	define(a, Definition{Code: 43, Name: "vendor-encapsulated-options", Type: Empty, Encapsulates: "foo"})
	define(a, Definition{Code: 230, Name: "site", Type: String})
	define(b, Definition{Code: 43, Name: "blob", Type: Binary})
	for _, d := range []Definition{
		{Code: 222, Name: "x", Type: Uint8}, {Space: "foo", Code: 43, Name: "x", Type: Uint8}, {Code: 1, Name: "x", Type: Uint8},
	} {
		if err := a.Define(d); !errors.Is(err, ErrCode) {
			t.Errorf("%s: %v", d.where(), err)
		}
	}
	tests := []struct {
		name string
		set  *Set
		data Data
		wire string
		err  error
	}{
		{"hidden", a, Data{Name: "site", Text: "ab"}, "6162", nil},
		{"below", s, Data{Name: "site", Text: "7"}, "07", nil},
		{"beside", b, Data{Name: "site", Text: "7"}, "07", nil},
		{"another name of 43", b, Data{Name: "blob", Text: "0102"}, "0102", nil},
		{"which only that class has", a, Data{Name: "blob", Text: "0102"}, "", ErrUndefined},
		{"the standard ones", a, Data{Name: "routers", Text: "192.0.2.1"}, "c0000201", nil},
		{"a space from below", a, Data{Space: "foo", Name: "sub", Text: "1"}, "0001", nil},
	}
	for _, tt := range tests {
		v, err := tt.set.Option(tt.data)
		if !errors.Is(err, tt.err) || !bytes.Equal(v.Bytes, bytesOf(t, tt.wire)) {
			t.Errorf("%s: got % x, %v", tt.name, v.Bytes, err)
		}
	}
	sub, err := a.Option(Data{Space: "foo", Name: "sub", Text: "1"})
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Option(Data{Name: "vendor-encapsulated-options"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Assemble("dhcp4", []Value{v, sub})
	if err != nil || len(got) != 1 || !bytes.Equal(got[0].Bytes, bytesOf(t, "01 02 0001")) {
		t.Errorf("43 with the space of its class: %v, %v", got, err)
	}
}
