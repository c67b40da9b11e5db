package dhcp4

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

// wire returns a message with the fixed fields of a relayed query and these
// options, in hex with spaces.
func wire(t testing.TB, options string) []byte {
	t.Helper()
	b := make([]byte, HeaderLen)
	copy(b, unhex(t, "01 01 06 01 11223344 0005 8000 c0000201 c0000202 c0000203 c0000204 02005e000001"))
	copy(b[offCookie:], unhex(t, "63825363"))
	return append(b, unhex(t, options)...)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFixedFields(t *testing.T) {
	var m Message
	b := wire(t, "35 01 01 ff")
	copy(b[offSName:], "server")
	copy(b[offFile:], "boot")
	if err := m.Parse(b); err != nil {
		t.Fatal(err)
	}
	if m.Op != BootRequest || m.HType != 1 || m.HLen != 6 || m.Hops != 1 || m.XID != 0x11223344 || m.Secs != 5 || m.Flags != FlagBroadcast {
		t.Errorf("fixed fields: %d %d %d %d %x %d %x", m.Op, m.HType, m.HLen, m.Hops, m.XID, m.Secs, m.Flags)
	}
	for i, got := range []netip.Addr{m.CIAddr, m.YIAddr, m.SIAddr, m.GIAddr} {
		if want := netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}); got != want {
			t.Errorf("address %d is %v, want %v", i, got, want)
		}
	}
	if got := m.CHAddr(); !bytes.Equal(got, []byte{2, 0, 0x5e, 0, 0, 1}) {
		t.Errorf("chaddr %x", got)
	}
	if !bytes.HasPrefix(m.SName(), []byte("server\x00")) || len(m.SName()) != 64 || !bytes.HasPrefix(m.File(), []byte("boot\x00")) || len(m.File()) != 128 {
		t.Errorf("sname %q file %q", m.SName(), m.File())
	}
	if m.Type() != Discover || m.Type().String() != "DHCPDISCOVER" || MessageType(200).String() != "unknown" {
		t.Errorf("type %v", m.Type())
	}
}

func TestParseErrors(t *testing.T) {
	edit := func(at int, v byte) []byte {
		b := wire(t, "35 01 01 ff")
		b[at] = v
		return b
	}
	tests := []struct {
		name string
		wire []byte
		err  error
	}{
		{"nothing", nil, ErrShort},
		{"one octet before the end of the cookie", wire(t, "")[:239], ErrShort},
		{"header and cookie alone", wire(t, ""), nil},
		{"longer than any carrier", append(wire(t, ""), make([]byte, MaxLen)...), ErrLong},
		{"another cookie", edit(236, 0), ErrCookie},
		{"hardware address of 16 octets", edit(2, 16), nil},
		{"hardware address of 17 octets", edit(2, 17), ErrHLen},
		{"no End", wire(t, "35 01 01"), nil},
		{"pads between options", wire(t, "00 35 01 01 00 00 ff"), nil},
		{"garbage after End", wire(t, "35 01 01 ff 35"), nil},
		{"code without length", wire(t, "35 01 01 0c"), ErrOptions},
		{"value one octet short", wire(t, "0c 03 61 62"), ErrOptions},
		{"value to the very end", wire(t, "0c 02 61 62"), nil},
		{"End taken into a value", wire(t, "0c 02 61 ff"), nil},
		{"length 255 of nothing", wire(t, "0c ff"), ErrOptions},
		{"overload 0", wire(t, "34 01 00 ff"), ErrOverload},
		{"overload 4", wire(t, "34 01 04 ff"), ErrOverload},
		{"overload of two octets", wire(t, "34 02 01 01 ff"), ErrOverload},
		{"overload twice", wire(t, "34 01 01 34 01 01 ff"), ErrOverload},
		{"overload of empty fields", wire(t, "34 01 03 ff"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			if err := m.Parse(tt.wire); err != tt.err {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if tt.err == nil {
				return
			}
			for c := range m.All {
				t.Errorf("option %d left after an error", c)
			}
			if m.Has(OptMessageType) || m.Type() != 0 || m.SName() != nil || m.File() != nil {
				t.Error("something left after an error")
			}
		})
	}
}

func TestOption(t *testing.T) {
	m := new(Message) // reused, as a worker does
	parse := func(t *testing.T, b []byte) {
		t.Helper()
		if err := m.Parse(b); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T, c Code, want string, wantOK bool) {
		t.Helper()
		got, ok := m.Option(c)
		if !bytes.Equal(got, unhex(t, want)) || ok != wantOK || m.Has(c) != wantOK {
			t.Errorf("option %d is %x, %v; want %s, %v", c, got, ok, want, wantOK)
		}
	}
	t.Run("once", func(t *testing.T) {
		parse(t, wire(t, "35 01 03 32 04 c0000207 0c 00 ff"))
		check(t, OptRequestedAddress, "c0000207", true)
		check(t, OptHostName, "", true)
		check(t, OptRouter, "", false)
	})
	t.Run("parts are joined in order", func(t *testing.T) {
		parse(t, wire(t, "0c 02 6162 3d 01 01 0c 00 0c 01 63 3d 02 0203 ff"))
		check(t, OptHostName, "616263", true)
		check(t, OptClientID, "010203", true)
	})
	t.Run("a value that was handed out stands while others are read", func(t *testing.T) {
		parse(t, wire(t, "0c 01 61 3d 01 01 0c 01 62 3d 01 02 ff"))
		id, _ := m.Option(OptClientID)
		check(t, OptHostName, "6162", true)
		if !bytes.Equal(id, []byte{1, 2}) {
			t.Errorf("client id became %x", id)
		}
	})
	t.Run("overload: options, then file, then sname", func(t *testing.T) {
		b := wire(t, "34 01 03 0c 01 61 ff")
		copy(b[offSName:], unhex(t, "0c 01 63 0f 01 02 ff"))
		copy(b[offFile:], unhex(t, "0c 01 62 0f 01 01 ff"))
		parse(t, b)
		check(t, OptHostName, "616263", true)
		check(t, OptDomainName, "0102", true)
		if m.SName() != nil || m.File() != nil {
			t.Error("a field that holds options is no name")
		}
	})
	t.Run("overload of file alone", func(t *testing.T) {
		b := wire(t, "34 01 01 ff")
		copy(b[offSName:], unhex(t, "0c 01 63"))
		copy(b[offFile:], unhex(t, "0c 01 62"))
		parse(t, b)
		check(t, OptHostName, "62", true)
		if m.SName() == nil || m.File() != nil {
			t.Error("sname is a name, file is not")
		}
	})
	t.Run("option 52 inside a field says nothing", func(t *testing.T) {
		b := wire(t, "34 01 01 ff")
		copy(b[offSName:], unhex(t, "0c 01 63"))
		copy(b[offFile:], unhex(t, "34 01 02"))
		parse(t, b)
		check(t, OptHostName, "", false)
	})
	t.Run("an option may not run from one field into the next", func(t *testing.T) {
		b := wire(t, "34 01 02 ff")
		copy(b[offFile-2:], unhex(t, "0c 01"))
		for i := offSName; i < offFile-2; i++ {
			b[i] = 0
		}
		if err := m.Parse(b); err != ErrOptions {
			t.Errorf("got %v", err)
		}
	})
}

// TestTypedOptions feeds each length around the right one to the typed readers
// (CVE-2009-0692 and its kin).
func TestTypedOptions(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 8, 255} {
		v := bytes.Repeat([]byte{7}, n)
		b := append(append(wire(t, ""), byte(OptServerID), byte(n)), v...)
		b = append(append(b, byte(OptMessageType), byte(n)), v...)
		var m Message
		if err := m.Parse(b); err != nil {
			t.Fatal(err)
		}
		_, isAddr := m.Addr(OptServerID)
		_, is32 := m.Uint32(OptServerID)
		_, is16 := m.Uint16(OptServerID)
		if isAddr != (n == 4) || is32 != (n == 4) || is16 != (n == 2) || (m.Type() != 0) != (n == 1) {
			t.Errorf("%d octets: address %v, 32 bits %v, 16 bits %v, type %v", n, isAddr, is32, is16, m.Type())
		}
	}
}

func TestSubOptions(t *testing.T) {
	tests := []struct {
		name, wire string
		err        error
		circuit    string
	}{
		{"circuit and remote", "01 02 6162 02 01 63", nil, "6162"},
		{"first of two", "01 01 61 01 01 62", nil, "61"},
		{"empty", "", nil, ""},
		{"code alone", "01", ErrOptions, ""},
		{"cut", "01 02 61", ErrOptions, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := ParseSubOptions(unhex(t, tt.wire))
			if err != tt.err {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if v, ok := o.Option(SubCircuitID); !bytes.Equal(v, unhex(t, tt.circuit)) || ok != (tt.circuit != "") {
				t.Errorf("circuit-id %x, %v", v, ok)
			}
		})
	}
}

func TestNodeID(t *testing.T) {
	tests := []struct {
		name, wire string
		duid       string
		ok         bool
	}{
		{"DUID-LL", "ff 00000001 0003 0001 02005e000001", "0003000102005e000001", true},
		{"hardware address", "01 02005e000001", "", false},
		{"no DUID", "ff 00000001", "", false},
		{"DUID of a type alone", "ff 00000001 0003", "", false},
		{"shortest DUID", "ff 00000001 0003 01", "000301", true},
		{"longest DUID", "ff 00000001" + strings.Repeat("03", 130), strings.Repeat("03", 130), true},
		{"DUID too long", "ff 00000001" + strings.Repeat("03", 131), "", false},
		{"empty", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			iaid, duid, ok := NodeID(unhex(t, tt.wire))
			if ok != tt.ok || !bytes.Equal(duid, unhex(t, tt.duid)) || ok && iaid != 1 {
				t.Errorf("got %d %x %v", iaid, duid, ok)
			}
		})
	}
}
