package dhcp6

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	o, err := ParseOptions(unhex(t, "0006 0002 0017 fffe 0000 0006 0002 0018"))
	if err != nil {
		t.Fatal(err)
	}
	var codes []Code
	for c := range o.All {
		codes = append(codes, c)
	}
	if !slices.Equal(codes, []Code{OptORO, 0xfffe, OptORO}) {
		t.Errorf("order: %v", codes)
	}
	if v, ok := o.Option(OptORO); !ok || !bytes.Equal(v, []byte{0, 0x17}) {
		t.Errorf("first wins: %x %v", v, ok)
	}
	if o.Count(OptORO) != 2 || o.Count(OptClientID) != 0 || o.Len() != 3 {
		t.Error("counts")
	}
	if !o.Has(0xfffe) || o.Has(OptClientID) {
		t.Error("Has")
	}
	v, _ := o.Option(OptORO)
	_ = append(v, 0xff) // must not reach the option behind it
	if !bytes.Equal(o, unhex(t, "0006 0002 0017 fffe 0000 0006 0002 0018")) {
		t.Error("a value's capacity reaches the next option")
	}
}

// Every option with a fixed part, at every length up to its own and one past it:
// refused or right, never a panic.
func TestFixedPartsAreChecked(t *testing.T) {
	type parser struct {
		name  string
		fixed int // octets that must be there
		parse func([]byte) error
	}
	err1 := func(err error) error { return err }
	parsers := []parser{
		{"IA_NA", 12, func(b []byte) error { _, err := ParseIANA(b); return err1(err) }},
		{"IA_PD", 12, func(b []byte) error { _, err := ParseIAPD(b); return err }},
		{"IA_TA", 4, func(b []byte) error { _, err := ParseIATA(b); return err }},
		{"IAADDR", 24, func(b []byte) error { _, err := ParseIAAddr(b); return err }},
		{"IAPREFIX", 25, func(b []byte) error { _, err := ParseIAPrefix(b); return err }},
		{"STATUS_CODE", 2, func(b []byte) error { _, err := ParseStatusCode(b); return err }},
		{"VENDOR_OPTS", 4, func(b []byte) error { _, err := ParseVendorOpts(b); return err }},
		{"VENDOR_CLASS", 4, func(b []byte) error { _, err := ParseVendorClass(b); return err }},
		{"CLIENT_LINKLAYER_ADDR", 3, func(b []byte) error { _, err := ParseClientLinkLayer(b); return err }},
		{"DUID", 3, func(b []byte) error { _, err := ParseDUID(b); return err }},
	}
	for _, p := range parsers {
		for n := range p.fixed {
			if p.parse(make([]byte, n)) == nil {
				t.Errorf("%s of %d octets accepted", p.name, n)
			}
		}
		if err := p.parse(make([]byte, p.fixed)); err != nil {
			t.Errorf("%s of %d octets: %v", p.name, p.fixed, err)
		}
		_ = p.parse(make([]byte, p.fixed+1))
		_ = p.parse(bytes.Repeat([]byte{0xff}, 65535))
	}
	for _, n := range []int{1, 3, 65535} {
		if _, err := ParseCodes(make([]byte, n)); err != ErrLength {
			t.Errorf("codes of %d octets: %v", n, err)
		}
		if _, err := ParseAddrs(make([]byte, n)); err != ErrLength {
			t.Errorf("addresses of %d octets: %v", n, err)
		}
	}
}

func TestIAsComeOutAsTheyWentIn(t *testing.T) {
	wire := unhex(t, "0003 0028 00000007 00000064 000000c8"+
		"0005 0018 20010db8000000000000000000000010 00000e10 00001c20")
	o, err := ParseOptions(wire)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := o.Option(OptIANA)
	ia, err := ParseIANA(v)
	if err != nil || ia.IAID != 7 || ia.T1 != 100 || ia.T2 != 200 {
		t.Fatalf("%+v %v", ia, err)
	}
	av, _ := ia.Options.Option(OptIAAddr)
	addr, err := ParseIAAddr(av)
	if err != nil || addr.Addr != netip.MustParseAddr("2001:db8::10") || addr.Preferred != 3600 || addr.Valid != 7200 {
		t.Fatalf("%+v %v", addr, err)
	}
	if got := ia.Append(nil); !bytes.Equal(got, wire) {
		t.Errorf("%x", got)
	}
	b, mark := OpenIANA(nil, 7, 0, 0)
	b = Shut(addr.Append(b), mark)
	SetTimes(b, mark, 100, 200)
	if !bytes.Equal(b, wire) {
		t.Errorf("opened and shut: %x", b)
	}
}

func TestIAPrefix(t *testing.T) {
	wire := unhex(t, "001a 0019 00000001 00000002 38 20010db8aa0000000000000000000000")
	p, err := ParseIAPrefix(wire[4:])
	if err != nil || p.Prefix != netip.MustParsePrefix("2001:db8:aa00::/56") || p.Preferred != 1 || p.Valid != 2 {
		t.Fatalf("%+v %v", p, err)
	}
	if got := p.Append(nil); !bytes.Equal(got, wire) {
		t.Errorf("%x", got)
	}
	wire[4+8] = 129
	if _, err := ParseIAPrefix(wire[4:]); err != ErrLength {
		t.Errorf("length 129: %v", err)
	}
}

func TestStatusCode(t *testing.T) {
	tests := []struct {
		name string
		wire string // one field per group
		want StatusCode
		err  error
	}{
		{"no addresses", "0002 6e6f6e65", StatusCode{NoAddrsAvail, []byte("none")}, nil},
		{"bare status", "0000", StatusCode{Success, []byte{}}, nil},
		{"cut in the status", "00", StatusCode{}, ErrShort},
	}
	for _, tt := range tests {
		wire := unhex(t, tt.wire)
		got, err := ParseStatusCode(wire)
		if err != tt.err || got.Status != tt.want.Status || !bytes.Equal(got.Message, tt.want.Message) {
			t.Errorf("%s: %+v %v", tt.name, got, err)
		}
		if err == nil && !bytes.Equal(got.Append(nil), AppendOption(nil, OptStatusCode, wire)) {
			t.Errorf("%s: not written back", tt.name)
		}
		if err == nil && !bytes.Equal(AppendStatus(nil, got.Status, string(got.Message)), got.Append(nil)) {
			t.Errorf("%s: AppendStatus differs", tt.name)
		}
	}
}

func TestDUID(t *testing.T) {
	at := time.Date(2000, 1, 1, 0, 0, 16, 0, time.UTC)
	mac := []byte{2, 0, 0x5e, 0x46, 0, 1}
	tests := []struct {
		name string
		duid DUID
		text string
		hw   []byte
	}{
		{"LLT", NewDUIDLLT(1, at, mac), "00:01:00:01:00:00:00:10:02:00:5e:46:00:01", mac},
		{"LL", NewDUIDLL(1, mac), "00:03:00:01:02:00:5e:46:00:01", mac},
		{"EN, the example of RFC 9915 §11.3", NewDUIDEN(32473, unhex(t, "0CC084D303000912")), "00:02:00:00:7e:d9:0c:c0:84:d3:03:00:09:12", nil},
		{"UUID", NewDUIDUUID([16]byte{15: 1}), "00:04:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:01", nil},
		{"LLT without an address", DUID{0, 1, 0, 1, 0, 0, 0, 1}, "00:01:00:01:00:00:00:01", nil},
		{"unknown type", DUID{0, 99, 1}, "00:63:01", nil},
	}
	for _, tt := range tests {
		if got := tt.duid.String(); got != tt.text {
			t.Errorf("%s: %s", tt.name, got)
		}
		hwType, hw, ok := tt.duid.HWAddr()
		if ok != (tt.hw != nil) || !bytes.Equal(hw, tt.hw) || ok && hwType != 1 {
			t.Errorf("%s: hardware address %d %x %v", tt.name, hwType, hw, ok)
		}
		if _, err := ParseDUID(tt.duid); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for n, want := range map[int]error{0: ErrLength, 1: ErrLength, 2: ErrLength, 3: nil, 130: nil, 131: ErrLength, 60000: ErrLength} {
		if _, err := ParseDUID(make([]byte, n)); err != want {
			t.Errorf("DUID of %d octets: %v", n, err)
		}
	}
}

func TestVendorOptions(t *testing.T) {
	wire := unhex(t, "0011 000b 000009bf ea60 0003 657468")
	v, err := ParseVendorOpts(wire[4:])
	if err != nil || v.Enterprise != 2495 {
		t.Fatalf("%+v %v", v, err)
	}
	if name, ok := v.Options.Option(60000); !ok || string(name) != "eth" {
		t.Errorf("suboption %q %v", name, ok)
	}
	if !bytes.Equal(v.Append(nil), wire) {
		t.Errorf("%x", v.Append(nil))
	}
	wire = unhex(t, "0010 000c 00000137 0002 6869 0002 6f6b")
	c, err := ParseVendorClass(wire[4:])
	if err != nil || c.Enterprise != 311 {
		t.Fatalf("%+v %v", c, err)
	}
	var all []string
	for s := range c.Classes.All {
		all = append(all, string(s))
	}
	if !slices.Equal(all, []string{"hi", "ok"}) || !bytes.Equal(c.Append(nil), wire) {
		t.Errorf("%q %x", all, c.Append(nil))
	}
	for _, bad := range []string{"00", "0001", "0002 61", "0001 61 00"} {
		if _, err := ParseOpaques(unhex(t, bad)); err != ErrLength {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestLists(t *testing.T) {
	codes, err := ParseCodes(unhex(t, "0017 0058"))
	if err != nil || codes.Len() != 2 || !codes.Has(OptDHCP4oDHCP6Server) || codes.Has(OptORO) {
		t.Errorf("%v %v", codes, err)
	}
	addrs, err := ParseAddrs(unhex(t, link+peer))
	if err != nil || addrs.Len() != 2 {
		t.Fatal(err)
	}
	for a := range addrs.All {
		if a != netip.MustParseAddr("2001:db8::1") {
			t.Errorf("%v", a)
		}
		break
	}
	if none, err := ParseAddrs(nil); err != nil || none.Len() != 0 {
		t.Error("an empty list is a list (RFC 7341 §7.2)")
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		DHCPv4Query.String():          "DHCPV4-QUERY",
		DHCPv4Response.String():       "DHCPV4-RESPONSE",
		InformationRequest.String():   "INFORMATION-REQUEST",
		MessageType(200).String():     "type 200",
		MessageType(0).String():       "type 0",
		OptDHCPv4Message.String():     "DHCPV4_MSG",
		OptDHCP4oDHCP6Server.String(): "DHCP4_O_DHCP6_SERVER",
		Code(10).String():             "option 10",
		Code(60000).String():          "option 60000",
		NoAddrsAvail.String():         "NoAddrsAvail",
		Status(99).String():           "status 99",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestEveryStructureIsWrittenAsItIsRead(t *testing.T) {
	wires := map[string]string{
		"IA_PD":                 "0019 000c 00000001 00000002 00000003",
		"IA_PD with a prefix":   "0019 0029 00000001 00000002 00000003 001a 0019 00000001 00000002 38 20010db8aa0000000000000000000000",
		"IA_TA":                 "0004 0004 00000001",
		"IA_TA with a status":   "0004 000a 00000001 000d 0002 0002",
		"CLIENT_LINKLAYER_ADDR": "004f 0008 0001 02005e460001",
		"VENDOR_CLASS":          "0010 0004 00000137",
	}
	for name, wire := range wires {
		b := unhex(t, wire)
		if got := rewrite(Code(be.Uint16(b)), b[4:]); !bytes.Equal(got, b) {
			t.Errorf("%s: %x, want %x", name, got, b)
		}
	}
	b, mark := OpenIAPD(nil, 1, 2, 3)
	if b = Shut(b, mark); !bytes.Equal(b, unhex(t, wires["IA_PD"])) {
		t.Errorf("IA_PD opened and shut: %x", b)
	}
	b, mark = OpenIATA(nil, 1)
	if b = Shut(AppendStatus(b, NoAddrsAvail, ""), mark); !bytes.Equal(b, unhex(t, wires["IA_TA with a status"])) {
		t.Errorf("IA_TA opened and shut: %x", b)
	}
}

// Loops over parsed values may stop early.
func TestIterationStops(t *testing.T) {
	o, err := ParseOptions(unhex(t, "0006 0004 0017 0018 0006 0000"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for range o.All {
		seen++
		break
	}
	v, _ := o.Option(OptORO)
	for range Codes(v).All {
		seen++
		break
	}
	for range Opaques(unhex(t, "0001 61 0001 62")).All {
		seen++
		break
	}
	if seen != 3 {
		t.Errorf("%d values seen", seen)
	}
}
