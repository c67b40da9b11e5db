package hostconf

import (
	"errors"
	"strings"
	"testing"
)

// TestText: as pretty_print_option of ISC's dhclient writes text without quotes.
func TestText(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain text", "plain text"},
		{"", ""},
		{"ends in NUL\x00", "ends in NUL"},
		{"NUL \x00 within", `NUL \000 within`},
		{"$(reboot) `reboot`", "\\$(reboot) \\`reboot\\`"},
		{`"quoted" 'too'`, `\"quoted\" \'too\'`},
		{`C:\x`, `C:\\x`},
		{"a|b&c", `a\|b\&c`},
		{"line\nfeed\x7f\xff", `line\012feed\177\377`},
	}
	for _, tt := range tests {
		got := Text([]byte(tt.in))
		if got != tt.want || !isText(got) {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
	for _, s := range []string{"\n", "\x00", "$x", "`", `a"`, "'", "a|b", `\`, `\x`, `\09`, `\400`, `\12`, "\u00e9"} {
		if isText(s) {
			t.Errorf("%q was taken for text that Text has written", s)
		}
	}
}

func TestIsName(t *testing.T) {
	good := []string{"example.org", "example.org.", "a", "3com.example", "xn--bcher-kva.example", "_tcp.example", "A-B.example", strings.Repeat("a", 63) + ".example",
		strings.Repeat("a.", 126) + "a"}
	bad := []string{"", ".", "..", "a..b", "-a", "a-", "a b", "a\nb", "$(x)", "a;b", "a/b", "a\x00", "ex\u00e4mple.org", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a",
		"a'b", "*.example", "a%b", "a#b", "a\tb"}
	for _, s := range good {
		if !IsName(s) {
			t.Errorf("%q refused", s)
		}
	}
	for _, s := range bad {
		if IsName(s) {
			t.Errorf("%q taken", s)
		}
	}
}

// TestGuard: what a script is given is what dhclient gives its own.
func TestGuard(t *testing.T) {
	tests := []struct {
		name, value string
		ok          bool
	}{
		{"ip_address", "192.0.2.7", true},
		{"routers", "192.0.2.1 192.0.2.2", true},
		{"vendor_class_identifier", `a\$b`, true},
		{"vendor_class_identifier", "a$b", false},
		{"domain_name", "example.org", true},
		{"domain_name", "one.example two.example", true},
		{"domain_name", "", true},
		{"domain_name", `example.org\;`, false},
		{"domain_search", "a.example. b.example.", true},
		{"domain_search", "a.example. b/c", false},
		{"host_name", "host", true},
		{"host_name", "two hosts", false},
		{"root_path", "192.0.2.1:/srv/root,ro", true},
		{"root_path", "/srv/*", false},
		{"dhcp6_domain_search", "a.example.", true},
		{"dhcp6_domain_search", "$x.example.", false},
		{"x=y", "1", false},
		{"", "1", false},
		{"a b", "1", false},
		{"long", strings.Repeat("a", longest), true},
		{"long", strings.Repeat("a", longest+1), false},
		{strings.Repeat("a", 129), "1", false},
	}
	for _, tt := range tests {
		err := Var{tt.name, tt.value}.check()
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrValue) {
			t.Errorf("%.40q = %.40q: %v", tt.name, tt.value, err)
		}
	}
}

// FuzzGuard: whatever a server sends, what Text makes of it passes, and what passes
// holds nothing that ends a word between double quotes or a line.
func FuzzGuard(f *testing.F) {
	f.Add("vendor_class_identifier", []byte("$(reboot)\n"))
	f.Add("domain_name", []byte("a.example b.example"))
	f.Add("filename", []byte("/boot/x"))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		s := Text(value)
		if !isText(s) {
			t.Fatalf("%q: Text gives %q, which does not pass", value, s)
		}
		v := Var{name, string(value)}
		if v.check() != nil {
			return
		}
		open := true // the character stands on its own, not behind a backslash
		for i := range len(v.Value) {
			c := v.Value[i]
			if c < ' ' || c > '~' || open && strings.IndexByte("\"'$`|&", c) >= 0 {
				t.Fatalf("%q passes as %s", v.Value, name)
			}
			open = !open || c != '\\'
		}
		if strings.ContainsAny(name, "= \n\x00") {
			t.Fatalf("name %q passes", name)
		}
	})
}

// TestIsURI: a web page of the characters of RFC 3986 §2, and nothing besides.
func TestIsURI(t *testing.T) {
	for s, want := range map[string]bool{
		"https://portal.example/?a=1&b=%20": true, "http://[2001:db8::1]/": true,
		"": false, "ftp://portal.example/": false, "https://portal.example/ x": false, "https://portal.example/`x`": false,
		"https://portal.example/\n": false, "https://pörtal.example/": false, "https://portal.example/\"": false,
	} {
		if IsURI(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

// TestIsPath: what dhclient lets through.
func TestIsPath(t *testing.T) {
	for s, want := range map[string]bool{
		"/srv/nfs/root": true, `C:\boot\pxe.0`: true, "a b": true,
		"": false, "a;b": false, "$(x)": false, "a\nb": false, "`x`": false, "ä": false,
	} {
		if IsPath(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}
