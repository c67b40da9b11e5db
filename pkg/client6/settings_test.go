package client6

import (
	"encoding/hex"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// What options say to the host, and what of them is left out.
func TestOptionsToSettings(t *testing.T) {
	ntp := slices.Concat(opt(1, addrOf("2001:db8::7b").AsSlice()...), opt(2, addrOf("ff05::101").AsSlice()...), opt(3, []byte("\x03ntp\x00")...))
	tests := []struct {
		name  string
		code  dhcp6.Code
		value []byte
		want  hostconf.Settings
	}{
		{"resolvers", dhcp6.OptDNSServers, slices.Concat(addrOf("2001:db8::53").AsSlice(), addrOf("fe80::53").AsSlice()),
			hostconf.Settings{DNS: []netip.Addr{addrOf("2001:db8::53"), addrOf("fe80::53%eth0")}}},
		{"resolvers that cannot be", dhcp6.OptDNSServers, slices.Concat(addrOf("::").AsSlice(), addrOf("::1").AsSlice(), addrOf("ff02::1").AsSlice(), netip.MustParseAddr("::ffff:192.0.2.1").AsSlice()), hostconf.Settings{}},
		{"the same twice", dhcp6.OptDNSServers, slices.Concat(addrOf("2001:db8::53").AsSlice(), addrOf("2001:db8::53").AsSlice()), hostconf.Settings{DNS: []netip.Addr{addrOf("2001:db8::53")}}},
		{"a resolver of 15 octets", dhcp6.OptDNSServers, make([]byte, 15), hostconf.Settings{}},
		{"search list", dhcp6.OptDomainList, []byte("\x07example\x03org\x00\x01a\x02_b\x00"), hostconf.Settings{Search: []string{"example.org", "a._b"}}},
		{"names for a shell", dhcp6.OptDomainList, []byte("\x05a;b`c\x00\x04$(x)\x00\x03a b\x00\x03a\nb\x00\x02ok\x00\x02\"'\x00\x01\x00\x00"), hostconf.Settings{Search: []string{"ok"}}},
		{"a dot in a label", dhcp6.OptDomainList, []byte("\x03a.b\x00"), hostconf.Settings{Search: nil}},
		{"a label cut short", dhcp6.OptDomainList, []byte("\x02ok\x00\x07exam"), hostconf.Settings{Search: []string{"ok"}}},
		{"a pointer", dhcp6.OptDomainList, []byte("\x02ok\x00\xc0\x00"), hostconf.Settings{Search: []string{"ok"}}},
		{"no root", dhcp6.OptDomainList, []byte("\x02ok"), hostconf.Settings{}},
		{"the root alone", dhcp6.OptDomainList, []byte{0}, hostconf.Settings{}},
		{"SNTP", dhcp6.OptSNTPServers, addrOf("2001:db8::7b").AsSlice(), hostconf.Settings{NTP: []netip.Addr{addrOf("2001:db8::7b")}}},
		{"NTP", dhcp6.OptNTPServer, ntp, hostconf.Settings{NTP: []netip.Addr{addrOf("2001:db8::7b")}}},
		{"NTP cut short", dhcp6.OptNTPServer, ntp[:18], hostconf.Settings{}},
		{"captive portal", dhcp6.OptCaptivePortal, []byte("https://portal.example.org/a?b=c"), hostconf.Settings{CaptivePortal: "https://portal.example.org/a?b=c"}},
		{"captive portal of a script", dhcp6.OptCaptivePortal, []byte("https://x/`reboot`"), hostconf.Settings{}},
		{"captive portal of a file", dhcp6.OptCaptivePortal, []byte("file:///etc/passwd"), hostconf.Settings{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na}, Request: []dhcp6.Code{tt.code}})
			l.bound(lease1(), opt(tt.code, tt.value...))
			got := *l.m.applied
			got.Addresses, got.Vars = nil, nil
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// Options that nobody asked for do not reach the host.
func TestOptionsNotAskedFor(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}, Request: []dhcp6.Code{dhcp6.OptDomainList}})
	l.bound(lease1(), dns("2001:db8::53"))
	if s := l.m.applied; len(s.DNS) != 0 || len(lastSaved(l).Options) != 0 {
		t.Errorf("%+v", s)
	}
}

// NTP servers of both options, those of the newer one first (RFC 5908 §2).
func TestBothNTPOptions(t *testing.T) {
	var s hostconf.Settings
	sntp := option{dhcp6.OptSNTPServers, slices.Concat(addrOf("2001:db8::1").AsSlice(), addrOf("2001:db8::2").AsSlice())}
	ntp := option{dhcp6.OptNTPServer, opt(1, addrOf("2001:db8::2").AsSlice()...)}
	translate(&s, []option{sntp, ntp}, "eth0")
	if want := []netip.Addr{addrOf("2001:db8::2"), addrOf("2001:db8::1")}; !slices.Equal(s.NTP, want) {
		t.Errorf("%v", s.NTP)
	}
}

// Variables are dhclient's: the names, lists and identifiers as dhclient 4.4.3 has given
// them to its script.
func TestVariables(t *testing.T) {
	options := []option{
		{dhcp6.OptDNSServers, slices.Concat(addrOf("2001:db8::53").AsSlice(), addrOf("2001:db8::54").AsSlice())},
		{dhcp6.OptDomainList, []byte("\x07example\x03org\x00\x01a\x00")},
		{dhcp6.OptSNTPServers, addrOf("2001:db8::7b").AsSlice()},
		{dhcp6.OptDHCP4oDHCP6Server, addrOf("2001:db8::46").AsSlice()},
		{dhcp6.OptBootfileURL, []byte("tftp://x/$(reboot)'")},
		{dhcp6.OptNISDomainName, []byte("\x03a;b\x00")},
		{dhcp6.OptInformationRefreshTime, unhex("00000e10")},
		{dhcp6.OptDNSServers, make([]byte, 15)}, // a second one is not looked at
		{250, []byte{1, 0xab}},
	}
	var got []string
	for _, v := range vars(duid, server1, options) {
		got = append(got, v.Name+"="+v.Value)
	}
	want := []string{
		"dhcp6_client_id=0:3:0:1:2:0:5e:10:0:1",
		"dhcp6_server_id=0:2:0:0:7e:d9:6f:6e:65",
		"dhcp6_name_servers=2001:db8::53 2001:db8::54",
		"dhcp6_domain_search=example.org. a.",
		"dhcp6_sntp_servers=2001:db8::7b",
		"dhcp6_dhcp4_o_dhcp6_server=2001:db8::46",
		`dhcp6_bootfile_url=tftp://x/\$(reboot)\'`,
		"dhcp6_info_refresh_time=3600",
		"dhcp6_unknown_250=1:ab",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The containers of RFC 7598 §5, by its figures.
func TestSoftwires(t *testing.T) {
	rule := unhex("0059 0017  01 10 18 c0000200 38 20010db8000000" + "005d 0004 06 08 3400")
	br := unhex("005a 0010  20010db8000000000000000000000001")
	dmr := unhex("005b 0009  40 20010db8ffff0000")
	bind := unhex("005c 0015  c0000209 40 20010db800000001" + "005d 0004 00 04 a000")
	wantRule := hostconf.MappingRule{Forwarding: true, EALen: 16, V4: netip.MustParsePrefix("192.0.2.0/24"), V6: netip.MustParsePrefix("2001:db8::/56"),
		PortSet: softwire.PortSet{Offset: 6, Len: 8, ID: 0x34}}
	wantBind := hostconf.Binding{V4: addrOf("192.0.2.9"), V6: netip.MustParsePrefix("2001:db8:0:1::/64"), PortSet: softwire.PortSet{Len: 4, ID: 10}}
	brs := []netip.Addr{addrOf("2001:db8::1")}
	tests := []struct {
		name  string
		code  dhcp6.Code
		value []byte
		want  *hostconf.Softwire
	}{
		{"MAP-E", 94, slices.Concat(rule, br), &hostconf.Softwire{Kind: hostconf.MAPE, Rules: []hostconf.MappingRule{wantRule}, BRs: brs}},
		{"MAP-T", 95, slices.Concat(rule, rule, dmr), &hostconf.Softwire{Kind: hostconf.MAPT, Rules: []hostconf.MappingRule{wantRule, wantRule}, DMR: netip.MustParsePrefix("2001:db8:ffff::/64")}},
		{"lw4o6", 96, slices.Concat(bind, br), &hostconf.Softwire{Kind: hostconf.LW4o6, BRs: brs, Binds: []hostconf.Binding{wantBind}}},
		{"lw4o6 whose address comes otherwise", 96, br, &hostconf.Softwire{Kind: hostconf.LW4o6, BRs: brs}},
		{"an unknown option inside", 94, slices.Concat(rule, opt(9999, 1), br), &hostconf.Softwire{Kind: hostconf.MAPE, Rules: []hostconf.MappingRule{wantRule}, BRs: brs}},
		{"MAP-E without a relay", 94, rule, nil},
		{"MAP-T without a rule", 95, dmr, nil},
		{"two bindings", 96, slices.Concat(bind, bind, br), nil},
		{"a relay of 15 octets", 94, slices.Concat(rule, br[:19]), nil},
		{"a rule cut short", 94, slices.Concat(opt(89, 1, 16, 24), br), nil},
		{"an IPv4 prefix of 33 bits", 94, slices.Concat(opt(89, unhex("01 10 21 c0000200 00")...), br), nil},
		{"49 bits of address and ports", 94, slices.Concat(opt(89, unhex("01 31 18 c0000200 00")...), br), nil},
		{"17 bits of ports", 94, slices.Concat(opt(89, unhex("01 10 18 c0000200 00 005d0004 08 09 0000")...), br), nil},
		{"an IPv6 prefix of 129 bits", 95, slices.Concat(rule, opt(91, append([]byte{129}, make([]byte, 17)...)...)), nil},
		{"empty", 94, nil, nil},
		{"not options", 96, []byte{1}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := softwireOf(tt.code, tt.value)
			if ok != (tt.want != nil) || ok && !reflect.DeepEqual(&got, tt.want) {
				t.Errorf("%+v %v, want %+v", got, ok, tt.want)
			}
		})
	}
}

// FuzzSoftwire: what is taken is whole: prefixes are masked, ports fit, and no part is
// missing that the kind cannot do without.
func FuzzSoftwire(f *testing.F) {
	f.Add(uint8(0), unhex("0059 0017 01 10 18 c0000200 38 20010db8000000 005d 0004 06 08 3400 005a 0010 20010db8000000000000000000000001"))
	f.Add(uint8(1), unhex("005b 0009 40 20010db8ffff0000"))
	f.Add(uint8(2), unhex("005c 0015 c0000209 40 20010db800000001 005d 0004 00 04 a000 005a 0010 20010db8000000000000000000000001"))
	f.Fuzz(func(t *testing.T, kind uint8, v []byte) {
		w, ok := softwireOf(dhcp6.OptS46ContMAPE+dhcp6.Code(kind%3), v)
		if !ok {
			return
		}
		ports := func(p softwire.PortSet) {
			if p.Offset+p.Len > 16 || uint32(p.ID) >= 1<<p.Len {
				t.Fatalf("%+v", p)
			}
		}
		for _, r := range w.Rules {
			ports(r.PortSet)
			if r.V4 != r.V4.Masked() || r.V6 != r.V6.Masked() || !r.V4.IsValid() || !r.V6.IsValid() {
				t.Fatalf("%+v", r)
			}
		}
		for _, b := range w.Binds {
			ports(b.PortSet)
		}
		if w.Kind != hostconf.MAPT && len(w.BRs) == 0 || w.Kind != hostconf.LW4o6 && len(w.Rules) == 0 {
			t.Fatalf("%+v", w)
		}
	})
}

// FuzzSettings: no option makes the host be given what a shell or a file could stumble
// over.
func FuzzSettings(f *testing.F) {
	f.Add(uint16(24), []byte("\x07example\x03org\x00"))
	f.Add(uint16(103), []byte("https://portal.example.org/"))
	f.Add(uint16(23), addrOf("2001:db8::53").AsSlice())
	f.Add(uint16(56), opt(1, addrOf("2001:db8::53").AsSlice()...))
	f.Fuzz(func(t *testing.T, code uint16, v []byte) {
		var s hostconf.Settings
		options := []option{{dhcp6.Code(code), v}}
		translate(&s, options, "eth0")
		for _, n := range s.Search {
			if !hostconf.IsName(n) {
				t.Fatalf("%q", n)
			}
		}
		for _, a := range slices.Concat(s.DNS, s.NTP) {
			if a.IsMulticast() || a.IsUnspecified() || a.IsLoopback() {
				t.Fatalf("%v", a)
			}
		}
		if i := strings.IndexFunc(s.CaptivePortal, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"`\\|<>", c) }); i >= 0 {
			t.Fatalf("%q", s.CaptivePortal)
		}
		for _, x := range vars(duid, nil, options) {
			for _, c := range []byte(x.Value) {
				if c < ' ' || c > '~' {
					t.Fatalf("%s=%q", x.Name, x.Value)
				}
			}
		}
	})
}
