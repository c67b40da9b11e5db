package optdef

import (
	"bytes"
	"strings"
	"testing"
)

// Options that Kea has no definition of, by the RFCs' own layouts.
func TestServers(t *testing.T) {
	tests := []struct{ name, text, wire string }{
		{"sip-servers", "192.0.2.1, 192.0.2.2", "01 c0000201 c0000202"},
		{"sip-servers", "sip.example.com", "00 03736970 076578616d706c65 03636f6d 00"},
		{"v4-pcp-server", "192.0.2.1 192.0.2.2, 192.0.2.3", "08 c0000201 c0000202 04 c0000203"},
		{"v4-andsf", "192.0.2.1", "c0000201"},
		{"tftp-server-address", "192.0.2.1, 192.0.2.2", "c0000201 c0000202"},
		{"v4-mud-url", "https://example.com/a", "68747470733a2f2f6578616d706c652e636f6d2f61"},
		{"pxelinux-reboottime", "30", "0000001e"},
	}
	for _, tt := range tests {
		s := New(V4)
		v, err := s.Option(Data{Name: tt.name, Text: tt.text})
		if err != nil || !bytes.Equal(v.Bytes, bytesOf(t, tt.wire)) {
			t.Errorf("%s %q: got % x, %v", tt.name, tt.text, v.Bytes, err)
		}
	}
	for _, tt := range []struct{ name, text, want string }{
		{"sip-servers", "", "too few values"},
		{"sip-servers", "192.0.2.1, sip.example.com", "an IPv4 address, as names and addresses cannot be mixed"},
		{"sip-servers", "a..b", "a domain name"},
		{"v4-pcp-server", "", "too few values"},
		{"v4-pcp-server", "2001:db8::1", "1 to 63 IPv4 addresses"},
	} {
		if _, err := New(V4).Option(Data{Name: tt.name, Text: tt.text}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: got %v", tt.name, tt.text, err)
		}
	}
}

// The names of option 119 point back to the tails that stand before them
// (RFC 3397 §2); those of other options stand whole.
func TestNamesAreCompressed(t *testing.T) {
	tests := []struct{ name, text, wire string }{
		{"domain-search", "eng.apple.com, marketing.apple.com", "03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004"},
		{"domain-search", "com, example.com, example.com", "03636f6d00 076578616d706c65c000 c005"},
		{"domain-search", "a.b, .", "0161 0162 00 00"},
		{"domain-search", "A.b, a.b", "0141 0162 00 0161 c002"},
		{"sip-ua-cs-domains", "a.com, b.com", "0161 03636f6d 00 0162 03636f6d 00"},
		{"bcms-controller-names", "a, a", "0161 00 0161 00"},
	}
	for _, tt := range tests {
		s := New(V4)
		v, err := s.Option(Data{Name: tt.name, Text: tt.text})
		if err != nil || !bytes.Equal(v.Bytes, bytesOf(t, tt.wire)) {
			t.Errorf("%q: got % x, %v", tt.text, v.Bytes, err)
		}
	}
}

// However long the list is, it reads as it was written: pointers reach 16,383
// octets and no further.
func TestLongListOfNames(t *testing.T) {
	var names []string
	for i := range 900 {
		names = append(names, strings.Repeat(string(rune('a'+i%26)), 1+i%60)+"."+strings.Repeat("x", 1+i%50)+".")
	}
	names = append(names, names[880:]...) // which stood first where no pointer reaches
	s := New(V4)
	text := strings.Join(names, ", ")
	v, err := s.Option(Data{Name: "domain-search", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Text("", 119, v.Bytes); got != text || len(v.Bytes) <= maxPointer {
		t.Errorf("%d octets read back otherwise", len(v.Bytes))
	}
}
