package ddns

import (
	"net/netip"
	"strings"
	"testing"
)

var addr4, addr6 = netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::")

// host is a client that names itself in the host name option, fqdn one that does so in
// the client FQDN option, asking for nothing.
func host(name string) Asked { return Asked{Name: []byte(name), Named: true} }
func fqdn(name string) Asked {
	return Asked{FQDN: true, Named: true, Name: []byte(name), Full: strings.HasSuffix(name, ".")}
}

func TestNameOfALease(t *testing.T) {
	plain, suffix := Default, Default
	suffix.Suffix = "example.org."
	mode := func(r Replace) Params {
		p := suffix
		p.Replace = r
		return p
	}
	long := strings.Repeat("a", 63)
	for _, tt := range []struct {
		name     string
		p        Params
		q        Asked
		reserved string
		want     string
	}{
		{"no name", plain, Asked{}, "", ""},
		{"a host name", plain, host("Host"), "", "host"},
		{"blanks around it", plain, host(" host\t"), "", "host"},
		{"a host name gets the suffix", suffix, host("host"), "", "host.example.org"},
		{"one of two labels does not", suffix, host("host.lab"), "", "host.lab"},
		{"nor does one with a dot, which counts one label", suffix, host("host."), "", "host"},
		{"the root is replaced", suffix, host("."), "", "myhost-192-0-2-9.example.org"},
		{"a client FQDN option", plain, fqdn("Host.Example."), "", "host.example."},
		{"a partial one gets the root", plain, fqdn("host"), "", "host."},
		{"or the suffix", suffix, fqdn("host"), "", "host.example.org."},
		{"unless it is there", suffix, fqdn("host.example.org"), "", "host.example.org."},
		{"where it ends in a label, not within", suffix, fqdn("hostexample.org"), "", "hostexample.org.example.org."},
		{"a whole one does not", suffix, fqdn("host.lab."), "", "host.lab."},
		{"an empty one", suffix, fqdn(""), "", "myhost-192-0-2-9.example.org."},
		{"always, named", mode(Always), host("host"), "", "myhost-192-0-2-9.example.org"},
		{"always, not named", mode(Always), Asked{}, "", "myhost-192-0-2-9.example.org"},
		{"when present, named", mode(WhenPresent), fqdn("host"), "", "myhost-192-0-2-9.example.org."},
		{"when present, not named", mode(WhenPresent), Asked{}, "", ""},
		{"when not present, named", mode(WhenNotPresent), host("host"), "", "host.example.org"},
		{"when not present, not named", mode(WhenNotPresent), Asked{}, "", "myhost-192-0-2-9.example.org"},
		{"a reserved name goes before all", mode(Always), host("host"), "Kept", "kept.example.org"},
		{"also of the FQDN option", mode(Always), fqdn("host."), "Kept", "kept.example.org."},
		{"and of a client without a name", suffix, Asked{}, "kept.example.org", "kept.example.org"},
		{"a reserved name with its dot is left whole", suffix, fqdn("x"), "kept.lab.", "kept.lab."},
		{"characters that must not be", plain, host("a_b c\n\x00\x80d"), "", "abcd"},
		{"in a label of the FQDN option", plain, fqdn("a_b.c d."), "", "ab.cd."},
		{"of a label nothing is left", plain, fqdn("a.__.b."), "", ""},
		{"of a host name nothing is left", plain, host("___"), "", ""},
		{"an empty label", plain, host("a..b"), "", ""},
		{"an empty label of the FQDN option", plain, fqdn("a..b"), "", ""},
		{"a label of 63 octets", plain, host(long), "", long},
		{"of 64", plain, host(long + "a"), "", ""},
		{"253 octets", plain, fqdn(strings.Repeat("abcd.", 50) + "abc"), "", strings.Repeat("abcd.", 50) + "abc."},
		{"254", plain, fqdn(strings.Repeat("abcd.", 50) + "abcd"), "", ""},
		{"too long with the suffix", suffix, fqdn(strings.Repeat("abcd.", 49) + "abcd"), "", ""},
	} {
		var d Decision
		tt.p.Decide(&d, &tt.q, tt.reserved, addr4)
		if got := string(d.Name()); got != tt.want || (d.Answer == None) != (tt.want == "") {
			t.Errorf("%s: %q by answer %d, want %q", tt.name, got, d.Answer, tt.want)
		}
	}
}

// TestUncleanNames: without a set nothing is cleaned, and what could be taken for
// something else by readers of files is no name at all.
func TestUncleanNames(t *testing.T) {
	p := Default
	p.Clean = nil
	for name, want := range map[string]string{"a_b": "a_b", "\xc3\xa9": "\xc3\xa9", "a\nb": "", "a b": "", "a\x7f": "", "a\"b,c": "a\"b,c"} {
		var d Decision
		q := host(name)
		if p.Decide(&d, &q, "", addr4); string(d.Name()) != want {
			t.Errorf("%q becomes %q, want %q", name, d.Name(), want)
		}
	}
}

func TestNameOfAnIPv6Address(t *testing.T) {
	var d Decision
	q := fqdn("")
	if Default.Decide(&d, &q, "", addr6); string(d.Name()) != "myhost-2001-db8--0." {
		t.Errorf("%q", d.Name())
	}
}

// TestNameBeforeTheAddress: as long as there is no address, a name that will be
// made of it is empty, and the answer is known.
func TestNameBeforeTheAddress(t *testing.T) {
	for q, want := range map[string]Answer{"fqdn": FQDN, "host": HostName} {
		a := fqdn("")
		if q == "host" {
			a = host(".")
		}
		var d Decision
		Default.Decide(&d, &a, "", netip.Addr{})
		if d.Answer != want || len(d.Name()) > 0 {
			t.Errorf("%s: answer %d, %q", q, d.Answer, d.Name())
		}
	}
}

// TestFlags: the flags of the answer and what is looked after (RFC 4702 §3, §4).
func TestFlags(t *testing.T) {
	off, on := Default, Default
	on.Send = true
	noUpdate, client := on, on
	noUpdate.OverrideNoUpdate, client.OverrideClientUpdate = true, true
	for _, tt := range []struct {
		name     string
		p        Params
		s, n     bool
		want     string // of the answer: S, O, N
		fwd, rev bool
	}{
		{"no updates, the client does the address", off, false, false, "N", false, false},
		{"no updates, S", off, true, false, "ON", false, false},
		{"no updates, N", off, false, true, "N", false, false},
		{"the client does the address", on, false, false, "", false, true},
		{"it may not", client, false, false, "SO", true, true},
		{"S", on, true, false, "S", true, true},
		{"N", on, false, true, "N", false, false},
		{"N is overridden", noUpdate, false, true, "SO", true, true},
		{"S and N, which must not be: S", on, true, true, "S", true, true},
	} {
		var d Decision
		q := fqdn("host.")
		q.S, q.N = tt.s, tt.n
		tt.p.Decide(&d, &q, "", addr4)
		got := ""
		for _, f := range []struct {
			on   bool
			name string
		}{{d.S, "S"}, {d.O, "O"}, {d.N, "N"}} {
			if f.on {
				got += f.name
			}
		}
		if got != tt.want || d.Fwd != tt.fwd || d.Rev != tt.rev {
			t.Errorf("%s: flags %q, address %v, name %v; want %q, %v, %v", tt.name, got, d.Fwd, d.Rev, tt.want, tt.fwd, tt.rev)
		}
	}
	var d Decision
	q := host("host")
	if on.Decide(&d, &q, "", addr4); !d.Fwd || !d.Rev || d.Answer != HostName {
		t.Errorf("a host name: %v, %v", d.Fwd, d.Rev)
	}
	if off.Decide(&d, &q, "", addr4); d.Fwd || d.Rev || d.Answer != HostName {
		t.Errorf("a host name, no updates: %v, %v", d.Fwd, d.Rev)
	}
}

func TestRename(t *testing.T) {
	p := Default
	p.Send = true
	var d Decision
	q := fqdn("host.")
	q.S = true
	p.Decide(&d, &q, "", addr4)
	if p.Rename(&d, "Other.lab", false, false, addr4); string(d.Name()) != "other.lab." || d.S || !d.N || !d.O || d.Fwd || d.Rev {
		t.Errorf("%q, %+v", d.Name(), d.S)
	}
	if p.Rename(&d, "", true, true, addr4); string(d.Name()) != "myhost-192-0-2-9." || !d.S || d.N || d.O || !d.Fwd || !d.Rev {
		t.Errorf("%q, S %v N %v O %v", d.Name(), d.S, d.N, d.O)
	}
}

func TestCleaner(t *testing.T) {
	for _, tt := range []struct{ set, with, name, want string }{
		{"", "x", "a_b", "a_b"},
		{"[^A-Za-z0-9.-]", "", "a_b\nc\x80", "abc"},
		{"[^A-Za-z0-9.-]", "x", "a_b\nc\xc3\xa9", "axbxcxx"}, // an octet is a character, as for Kea
		{"[[:space:][:cntrl:]]", "-", "a b\x01", "a-b-"},
		{"[]a]", "x", "a]b", "xxb"},
		{"[^]a]", "x", "a]b", "a]x"},
		{"_+", "-", "a___b_c", "a-b-c"},
		{"(foo|foobar)", "x", "foobar", "x"}, // leftmost and longest
		{"([a-c])([0-9])", "$2$1", "a1b2", "1a2b"},
		{"[0-9]+", "<$&>", "a12", "a<12>"},
		{"[0-9]", "$$", "a1", "a$"},
		{"x", "", "xx", ""},
		{"\xc3\xa9", "e", "caf\xc3\xa9", "cafe"},
	} {
		c, err := NewCleaner(tt.set, tt.with)
		if err != nil {
			t.Errorf("%q: %v", tt.set, err)
			continue
		}
		if got := string(c.append(nil, []byte(tt.name))); got != tt.want {
			t.Errorf("%q by %q of %q: %q, want %q", tt.set, tt.with, tt.name, got, tt.want)
		}
	}
	for _, set := range []string{"[", "(", "a**", `\d`, "(?i)a"} {
		if _, err := NewCleaner(set, ""); err == nil && set != "a**" {
			t.Errorf("%q is taken", set)
		}
	}
}

func TestTTL(t *testing.T) {
	for _, tt := range []struct {
		name  string
		p     Params
		valid uint32
		want  uint32
	}{
		{"a third (RFC 4702 §5)", Params{}, 7200, 2400},
		{"ten minutes at least", Params{}, 900, 600},
		{"for ever", Params{}, 1<<32 - 1, (1<<32 - 1) / 3},
		{"as configured", Params{TTL: 30}, 7200, 30},
		{"a share", Params{TTLPercent: 0.5}, 7200, 3600},
		{"a share, rounded", Params{TTLPercent: 0.33}, 7201, 2376},
		{"no less than", Params{TTLMin: 60}, 90, 60},
		{"less than ten minutes, by its own bound", Params{TTLMin: 60}, 900, 300},
		{"no more than", Params{TTLMax: 700}, 7200, 700},
	} {
		if got := tt.p.ttl(tt.valid); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// FuzzDecide: whatever a client calls itself and whatever is configured, what comes
// out is a name: labels of 1 to 63 octets, 253 in all, none that could be taken for
// something else; and it survives being told and read again.
func FuzzDecide(f *testing.F) {
	for _, name := range []string{"host", "Host.Example.", "a..b", ".", "\n,\"$(x)}", strings.Repeat("a.", 130), "\\046", "xn--caf-dma"} {
		f.Add(name, "", "example.org", "[^A-Za-z0-9.-]", "", byte(0))
		f.Add(name, "kept", "example.org.", "[a-c]+", "x", byte(15))
	}
	f.Fuzz(func(t *testing.T, name, reserved, suffix, set, with string, how byte) {
		c, err := NewCleaner(set, with)
		if err != nil || len(name)+len(with) > 600 {
			return
		}
		p := Params{Send: how&1 != 0, OverrideNoUpdate: how&2 != 0, Replace: Replace(how >> 2 & 3), Prefix: "h", Suffix: suffix, Clean: c}
		q := Asked{FQDN: how&16 != 0, Named: how&32 != 0, S: how&64 != 0, Name: []byte(name), Full: strings.HasSuffix(name, ".")}
		var d Decision
		p.Decide(&d, &q, reserved, addr4)
		s := string(d.Name())
		if (d.Answer == None) != (s == "") {
			t.Fatalf("answer %d with %q", d.Answer, s)
		}
		if s == "" {
			return
		}
		whole := strings.TrimSuffix(s, ".")
		if len(whole) > 253 || d.Answer == FQDN && whole == s || strings.ToLower(s) != s && !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f }) {
			t.Fatalf("%q", s)
		}
		for label := range strings.SplitSeq(whole, ".") {
			if label == "" || len(label) > 63 {
				t.Fatalf("%q", s)
			}
		}
		for i := range len(s) {
			if s[i] <= ' ' || s[i] == 0x7f {
				t.Fatalf("%q", s)
			}
		}
		if wire, ok := wireName(nil, s); !ok || len(wire) > 255 {
			t.Fatalf("%q makes %d octets", s, len(wire))
		}
		p.Clean = nil
		again, q2 := Decision{}, Asked{FQDN: true, Named: true, Name: d.Name(), Full: true}
		if p.Replace = Never; d.Answer == FQDN {
			if p.Decide(&again, &q2, "", addr4); string(again.Name()) != s {
				t.Fatalf("%q is read as %q", s, again.Name())
			}
		}
	})
}

// TestDecideAllocatesNothing, whatever comes of it, with the set that everybody has.
func TestDecideAllocatesNothing(t *testing.T) {
	p := Default
	p.Send, p.Suffix = true, "example.org"
	var d Decision
	for _, q := range []Asked{host("Host_1"), fqdn("Host.Lab."), fqdn(""), {}} {
		if n := testing.AllocsPerRun(100, func() { p.Decide(&d, &q, "", addr4) }); n != 0 {
			t.Errorf("%q: %v allocations", q.Name, n)
		}
	}
}
