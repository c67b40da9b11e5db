package optdef

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestEncode(t *testing.T) {
	for f, samples := range map[Family][]sample{V4: samples4, V6: samples6} {
		s := New(f)
		for _, tt := range samples {
			t.Run(fmt.Sprintf("v%d %s %q", f, tt.name, tt.text), func(t *testing.T) {
				v, err := s.Option(Data{Space: tt.space, Name: tt.name, Text: tt.text})
				if tt.surplus != errors.Is(err, ErrSurplus) || err != nil && !tt.surplus {
					t.Fatalf("error: %v", err)
				}
				if want := bytesOf(t, tt.wire); !bytes.Equal(v.Bytes, want) {
					t.Errorf("got % x, want % x", v.Bytes, want)
				}
			})
		}
	}
}

func TestEncodeSaysWhatWasExpectedWhere(t *testing.T) {
	long := strings.Repeat("x", 64)
	tests := []struct {
		family Family
		name   string
		text   string
		want   string
	}{
		{V4, "routers", "192.0.2.1, 192.0.2.256", `value 2, "192.0.2.256" at offset 11: expected an IPv4 address`},
		{V4, "routers", "192.0.2.1, , 192.0.2.2", `value 2, "" at offset 11: expected an IPv4 address`},
		{V4, "routers", "2001:db8::1", `value 1, "2001:db8::1" at offset 0: expected an IPv4 address`},
		{V4, "swap-server", "", "too few values: 0 of 1 (ipv4-address)"},
		{V4, "host-name", "", "too few values: 0 of 1 (string)"},
		{V4, "boot-size", "65536", `value 1, "65536" at offset 0: expected a number from 0 to 65535`},
		{V4, "boot-size", "-1", `value 1, "-1" at offset 0: expected a number from 0 to 65535`},
		{V4, "boot-size", "0x", `value 1, "0x" at offset 0: expected a number from 0 to 65535`},
		{V4, "time-offset", "0xffffffff", `value 1, "0xffffffff" at offset 0: expected a number from -2147483648 to 2147483647`},
		{V4, "path-mtu-plateau-table", "", "too few values: 0 of 1 (uint16, ...)"},
		{V4, "domain-search", "", "too few values: 0 of 1 (fqdn, ...)"},
		{V4, "ip-forwarding", "yes", `value 1, "yes" at offset 0: expected true or false`},
		{V4, "nwip-suboptions", "zz", `value 1, "zz" at offset 0: expected hexadecimal digits, or text in single quotes`},
		{V4, "nwip-suboptions", "01:123", `value 1, "01:123" at offset 0: expected groups of one or two hexadecimal digits parted by ":"`},
		{V4, "v4-lost", "a..b", `value 1, "a..b" at offset 0: expected a domain name: labels of 1 to 63 octets, 255 in all`},
		{V4, "v4-lost", long + ".org", `value 1, "` + long + `.org" at offset 0: expected a domain name: labels of 1 to 63 octets, 255 in all`},
		{V4, "v4-portparams", "2", "too few values: 1 of 2 (uint8, psid)"},
		{V4, "v4-portparams", "2, 16/4", `value 2, "16/4" at offset 3: expected a PSID and its length such as 3/4, the length at most 16 and the PSID within it`},
		{V4, "v4-portparams", "2, 0/17", `value 2, "0/17" at offset 3: expected a PSID and its length such as 3/4, the length at most 16 and the PSID within it`},
		{V4, "vendor-encapsulated-options", "foo", `value 1, "foo" at offset 0: expected nothing, as the option has no fields`},
		{V4, "slp-directory-agent", "true", "too few values: 1 of 2 (boolean, ipv4-address, ...)"},
		{V4, "classless-static-route", "192.0.2.0/24", `value 1, "192.0.2.0/24" at offset 0: expected a route such as 192.0.2.0/24 - 198.51.100.1`},
		{V4, "classless-static-route", "", "too few values: expected routes such as 192.0.2.0/24 - 198.51.100.1"},
		{V6, "dns-servers", "fe80::1%eth0", `value 1, "fe80::1%eth0" at offset 0: expected an IPv6 address`},
		{V6, "dns-servers", "192.0.2.1", `value 1, "192.0.2.1" at offset 0: expected an IPv6 address`},
		{V6, "pd-exclude", "2001:db8::", `value 1, "2001:db8::" at offset 0: expected an IPv6 prefix such as 2001:db8::/48`},
		{V6, "pd-exclude", "2001:db8::/129", `value 1, "2001:db8::/129" at offset 0: expected an IPv6 prefix such as 2001:db8::/48`},
		{V6, "v6-dnr", "1", `value 1, "1" at offset 0: expected priority, name, addresses, parameters, the last two optional`},
		{V6, "v6-dnr", "1, a.b, 192.0.2.1", `value 1, "1, a.b, 192.0.2.1" at offset 0: expected addresses of the option's family, parted by spaces`},
		{V6, "v6-dnr", "1, a.b | 2, c.d", `value 2, "2, c.d" at offset 9: expected a single resolver`},
		{V4, "v4-dnr", "1, a.b, 192.0.2.1, port=0", `value 1, "1, a.b, 192.0.2.1, port=0" at offset 0: expected a port from 1 to 65535`},
		{V4, "v4-dnr", "1, a.b, 192.0.2.1, ipv4hint=192.0.2.1", `value 1, "1, a.b, 192.0.2.1, ipv4hint=192.0.2.1" at offset 0: expected service parameters such as alpn=dot port=853 dohpath=/q{?dns}`},
		{V4, "v4-dnr", "1, a.b, 192.0.2.1, mandatory=port", `value 1, "1, a.b, 192.0.2.1, mandatory=port" at offset 0: expected as mandatory what is there`},
		{V4, "v4-dnr", "1, a.b, 192.0.2.1, mandatory=mandatory", `value 1, "1, a.b, 192.0.2.1, mandatory=mandatory" at offset 0: expected as mandatory what is there`},
		{V4, "v4-dnr", `1, a.b, 192.0.2.1, port=853 mandatory=port\,port`, `value 1, "1, a.b, 192.0.2.1, port=853 mandatory=port\\,port" at offset 0: expected names of service parameters, each once`},
		{V4, "v4-dnr", "1, a.b, 192.0.2.1, no-default-alpn", `value 1, "1, a.b, 192.0.2.1, no-default-alpn" at offset 0: expected alpn beside no-default-alpn`},
		{V4, "v4-dnr", "1, a.b, 192.0.2.1, alpn=h2 no-default-alpn=1", `value 1, "1, a.b, 192.0.2.1, alpn=h2 no-default-alpn=1" at offset 0: expected no-default-alpn without a value`},
		{V4, "v4-dnr", "1, a.b, 192.0.2.1, key4=aaaa", `value 1, "1, a.b, 192.0.2.1, key4=aaaa" at offset 0: expected service parameters such as alpn=dot port=853 dohpath=/q{?dns}`},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %q", tt.name, tt.text), func(t *testing.T) {
			d, ok := New(tt.family).ByName("", tt.name)
			if !ok {
				t.Fatal("not defined")
			}
			b, err := d.Encode(tt.text)
			if err == nil || err.Error() != tt.want || b != nil {
				t.Errorf("got % x, %v\nwant %s", b, err, tt.want)
			}
		})
	}
}

func TestRaw(t *testing.T) {
	tests := []struct{ text, wire, err string }{
		{"", "", ""},
		{"0102", "0102", ""},
		{"0x0102", "0102", ""},
		{"0X0102", "0102", ""},
		{"123", "0123", ""},
		{"0x123", "0123", ""},
		{"1:2:ff", "0102ff", ""},
		{"01 2 ff", "0102ff", ""},
		{" 0102 ", "0102", ""},
		{"'it''s'", "69742727 73", ""},
		{"  'a, b' ", "612c2062", ""},
		{"''", "", ""},
		{"01  02", "", `"01  02" at offset 0: expected groups of one or two hexadecimal digits parted by " "`},
		{"01:02 03", "", `"01:02 03" at offset 0: expected groups of one or two hexadecimal digits parted by ":"`},
		{"::", "", `"::" at offset 0: expected groups of one or two hexadecimal digits parted by ":"`},
		{" xyz", "", `"xyz" at offset 1: expected hexadecimal digits, or text in single quotes`},
		{"'", "", `"'" at offset 0: expected hexadecimal digits, or text in single quotes`},
		{"0102\n03", "", `"0102\n03" at offset 0: expected hexadecimal digits, or text in single quotes`},
	}
	for _, tt := range tests {
		b, err := Raw(tt.text)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%q: got %v, want %s", tt.text, err, tt.err)
			}
			continue
		}
		if want := bytesOf(t, tt.wire); err != nil || b == nil || !bytes.Equal(b, want) {
			t.Errorf("%q: got % x, %v, want % x", tt.text, b, err, want)
		}
	}
}

// The options of type internal are not known to Kea 2.2; the octets follow the
// RFCs.
func TestEncodeInternal(t *testing.T) {
	tests := []struct {
		family     Family
		name, text string
		wire       string
	}{
		{
			V4, "classless-static-route", "10.229.0.128/25 - 10.229.0.1, 0.0.0.0/0 - 10.0.0.1, 10.17.0.0/16 - 10.0.0.2", // RFC 3442
			"19 0ae50080 0ae50001  00 0a000001  10 0a11 0a000002",
		},
		{V4, "classless-static-route", "10.229.3.200/20 - 10.229.0.1", "14 0ae500 0ae50001"}, // bits behind the prefix are zero
		{
			V4, "v4-dnr", `1, r.example., 192.0.2.1 192.0.2.2, port=853 alpn=dot\,h2 | 3, r.example`, // RFC 9463 §5.1
			"0028 0001 0b 01720 76578616d706c6500 08 c0000201c0000202 0001 0007 03646f74 026832 0003 0002 0355" +
				"000e 0003 0b 01720 76578616d706c6500",
		},
		{
			V6, "v6-dnr", "100, r.example., 2001:db8::1, dohpath=/q{?dns}", // RFC 9463 §4.1
			"0064 000b 01720 76578616d706c6500 0010 20010db8000000000000000000000001 0007 0008 2f717b3f646e737d",
		},
		{
			V4, "v4-dnr", `1, r.example., 192.0.2.1, port=853 alpn=dot mandatory=port\,alpn no-default-alpn`, // RFC 9460 §8, §7.1.1
			"002d 0001 0b 01720 76578616d706c6500 04 c0000201 0000 0004 0001 0003 0001 0004 03646f74 0002 0000 0003 0002 0355",
		},
		{V4, "v4-sztp-redirect", "https://a, https://b", "0009 68747470733a2f2f61 0009 68747470733a2f2f62"},
	}
	for _, tt := range tests {
		s := New(tt.family)
		d, _ := s.ByName("", tt.name)
		got, err := d.Encode(tt.text)
		want := bytesOf(t, tt.wire)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s %q:\n got %x, %v\nwant %x", tt.name, tt.text, got, err, want)
			continue
		}
		again, err := d.Encode(d.Text(got))
		if err != nil || !bytes.Equal(again, want) {
			t.Errorf("%s: text %q gives % x, %v", tt.name, d.Text(got), again, err)
		}
	}
}
