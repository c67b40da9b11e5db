package classify

import (
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// refused4 is what DHCPv4 expressions must not be, and where and how we say so.
var refused4 = []struct {
	expr, want string
	kea        string // "": Kea refuses it too; else why it is not asked
}{
	{"", "1:1: expected a value or a condition, got the end of the expression", ""},
	{"   ", "1:4: expected a value or a condition, got the end of the expression", ""},
	{"'a'", "1:1: expected a condition, got a value", ""},
	{"option[12].hex", "1:1: expected a condition, got a value", ""},
	{"'a' ==", "1:7: expected a value or a condition, got the end of the expression", ""},
	{"'a' == 'b' == 'c'", "1:12: expected 'and', 'or' or the end, got '=='", ""},
	{"'a' 'b'", "1:5: expected '==', '+' or the end, got the string 'b'", ""},
	{"'a' and 'b' == 'b'", "1:1: expected a condition, got a value", ""},
	{"'a' == 'a' and 'b'", "1:16: expected a condition, got a value", ""},
	{"not 'a'", "1:5: expected a condition, got a value", ""},
	{"not", "1:4: expected a value or a condition, got the end of the expression", ""},
	{"('a' == 'a'", "1:12: expected ')', got the end of the expression", ""},
	{"('a' == 'a'))", "1:13: expected 'and', 'or' or the end, got ')'", ""},
	{"('a' == 'a') == 'true'", "1:14: expected 'and', 'or' or the end, got '=='", ""},
	{"'a' == ('b' == 'b')", "1:8: expected a value, got a condition", ""},
	{"'a' = 'a'", `1:5: "=" does not belong in an expression`, ""},
	{"'a' == 'a' && 'b' == 'b'", `1:12: "&" does not belong in an expression`, ""},
	{"'a", "1:1: the string has no closing quote on its line", ""},
	{"'a\n' == 'a'", "1:1: the string has no closing quote on its line", ""},
	{"'a' == 'a' and\n  foo", "2:3: 'foo' is no word of the language", ""},
	{"0x == 'a'", "1:2: 'x' is no word of the language", ""},
	{"10.0.0.256 == 'a'", "1:1: '10.0.0.256' is no IP address", ""},
	{"2001:db8:::1 == 'a'", "1:1: '2001:db8:::1' is no IP address", ""},
	{"pkt.len == -1", "1:12: -1 is not within 0..4294967295", ""},
	{"pkt.len == 4294967296", "1:12: 4294967296 is not within 0..4294967295", ""},
	{"pkt.len == 99999999999999999999", "1:12: 99999999999999999999 is not within 0..4294967295", ""},
	{"option[256].exists", "1:8: 256 is not within 0..255", ""},
	{"option[-1].exists", "1:8: -1 is not within 0..255", ""},
	{"option[no-such-option].exists", "1:8: no option 'no-such-option' is defined", ""},
	{"option['12'].exists", "1:8: expected the code or name of an option, got the string '12'", ""},
	{"option[12]", "1:11: expected '.', got the end of the expression", ""},
	{"option[12].bytes", "1:12: 'bytes' is no word of the language", ""},
	{"option[12].all", "1:12: expected 'hex', 'text', 'exists' or 'option', got 'all'", ""},
	{"option.12.exists", "1:7: expected '[', got '.'", ""},
	{"option[82].option[circuit-id].exists", "1:19: expected a number, got 'circuit-id'", ""},
	{"relay4[circuit-id].exists", "1:8: expected a number, got 'circuit-id'", ""},
	{"pkt4.chaddr == 'a'", "1:6: 'chaddr' is no word of the language", ""},
	{"pkt4.iface == 'a'", "1:6: expected one of 'mac', 'hlen', 'htype', 'ciaddr', 'giaddr', 'yiaddr', 'siaddr', 'msgtype', 'transid', got 'iface'", ""},
	{"pkt.mac == 'a'", "1:5: expected one of 'iface', 'src', 'dst', 'len', got 'mac'", ""},
	{"pkt6.mac == 'a'", "1:6: expected one of 'option', 'msgtype', 'transid', got 'mac'", ""},
	{"relay6[32].linkaddr == ''", "1:8: 32 is not within -32..31", ""},
	{"relay6[0].hex == ''", "1:11: expected one of 'option', 'peeraddr', 'linkaddr', got 'hex'", ""},
	{"member('nope')", "1:8: class 'nope' is not defined ahead of this one", ""},
	{"member('DROP')", "1:8: class 'DROP' is not defined ahead of this one", ""},
	{"member(nope)", "1:8: 'nope' is no word of the language", ""},
	{"member(12)", "1:8: expected the name of a class in single quotes, got '12'", ""},
	{"member('ALL') == 'true'", "1:15: expected 'and', 'or' or the end, got '=='", ""},
	{"substring('a', 0) == ''", "1:17: expected ',', got ')'", ""},
	{"substring('a', all, 1) == ''", "1:16: expected a number, got 'all'", ""},
	{"substring('a', 0, '1') == ''", "1:19: expected a number or 'all', got the string '1'", ""},
	{"substring('a', 2147483648, 1) == ''", "1:16: 2147483648 is not within -2147483648..2147483647", differs},
	{"substring('a' == 'a', 0, 1) == ''", "1:11: expected a value, got a condition", ""},
	{"split('a', '.', all) == ''", "1:17: expected a number, got 'all'", ""},
	{"concat('a') == ''", "1:11: expected ',', got ')'", ""},
	{"concat 'a' == ''", "1:8: expected '(', got the string 'a'", ""},
	{"ifelse('a', 'b', 'c') == ''", "1:8: expected a condition, got a value", ""},
	{"ifelse('a' == 'a', 'b' == 'b', 'c') == ''", "1:20: expected a value, got a condition", ""},
	{"hexstring('a') == ''", "1:14: expected ',', got ')'", ""},
	{"vendor[x].exists", "1:8: expected an enterprise number or '*', got 'x'", ""},
	{"vendor[4294967296].exists", "1:8: 4294967296 is not within 0..4294967295", ""},
	{"vendor[1].hex == ''", "1:11: expected 'exists' or 'option', got 'hex'", ""},
	{"vendor.exists", "1:8: expected 'enterprise', got 'exists'", ""},
	{"vendor-class[1].option[1].exists", "1:17: expected 'exists' or 'data', got 'option'", ""},
	{"vendor-class[1].data[256] == ''", "1:22: 256 is not within 0..255", ""},
	{"match('[', 'a')", "1:7: the regular expression is not usable: error parsing regexp: missing closing ]: `[`", ""},
	{"match('a)(b', 'a')", "1:7: the regular expression is not usable: error parsing regexp: unexpected ): `a)(b`", ""},
	{`match('(a)\1', 'aa')`, "1:7: the regular expression is not usable: error parsing regexp: invalid escape sequence: `\\1`", newer},
	{strings.Repeat("(", 600) + "'a' == 'a'" + strings.Repeat(")", 600), "1:501: parentheses are nested more than 500 deep", ours},
}

func TestRefused(t *testing.T) {
	d := NewDictionary(optdef.V4, nil)
	for _, tt := range refused4 {
		_, err := d.Define(Definition{Name: "x", Test: &tt.expr})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%.60q:\n got %v\nwant %s", tt.expr, err, tt.want)
		}
	}
}

// What is of the other family is refused in each.
func TestFamilies(t *testing.T) {
	for expr, want := range map[string]string{
		"relay4[1].exists":             "1:1: relay4 is for DHCPv4 only",
		"pkt4.mac == 'a'":              "1:1: pkt4 is for DHCPv4 only",
		"pkt6.option[1].exists":        "1:6: expected one of 'msgtype', 'transid', got 'option'",
		"option[65536].exists":         "1:8: 65536 is not within 0..65535",
		"option[host-name].exists":     "1:8: no option 'host-name' is defined",
		"option[300].exists":           "",
		"relay6[-1].option[79].exists": "",
	} {
		_, err := (&Scope{Family: optdef.V6}).Compile(expr)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: got %v, want %s", expr, err, want)
		}
	}
}

// An operator's definitions give names and say what holds other options.
func TestOperatorsOptions(t *testing.T) {
	set := optdef.New(optdef.V4)
	for _, d := range []optdef.Definition{
		{Code: 224, Name: "rack", Type: optdef.Uint8, Encapsulates: "rack-space"},
		{Space: "rack-space", Code: 3, Name: "slot", Type: optdef.String},
	} {
		if err := set.Define(d); err != nil {
			t.Fatal(err)
		}
	}
	scope := Scope{Family: optdef.V4, Options: set}
	p := &Packet{V4: message4(t, query4[:len(query4)-2]+"e0 06 07 03 03 616263 ff")}
	var s Scratch
	for _, expr := range []string{
		"option[rack].exists",
		"option[rack].option[3].hex == 'abc'",
		"option[224].option[3].text == 'abc'",
		"not option[224].option[7].exists",
	} {
		e, err := scope.Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Match(p, &s); !got {
			t.Errorf("%s: got %v, %v", expr, got, err)
		}
	}
}

// Of several enterprises the one asked for is found; Kea looks at the first alone.
func TestSeveralVendors(t *testing.T) {
	start := query4[:strings.Index(query4, "7c 12")] // up to the vendor options
	conditions(t, optdef.V4, &Packet{
		V4: message4(t, start+"7c 0e 00000009 02 6161 0000118b 02 6262 7d 10 00000009 03 010141 0000118b 03 1e0142 2b 03 010141 ff"), Classes: new(Set),
	}, []row{
		{"vendor[9].option[1].hex == 'A' and vendor[4491].option[30].hex == 'B'", true, differs},
		{"vendor[4491].option[1].exists or vendor[10].exists", false, differs},
		{"vendor[*].option[1].hex == 'A' and vendor.enterprise == 9", true, differs},
		{"vendor-class[9].data == 'aa' and vendor-class[4491].data[0] == 'bb'", true, differs},
		{"vendor-class[9].data[1] == '' and vendor-class[*].data[1] == ''", true, differs},
		{"vendor-class.enterprise == 9", true, differs},
		{"option[43].option[1].hex == 'A'", true, differs},
	})
	conditions(t, optdef.V6, &Packet{
		V6: envelope(t, "01 abcdef 0011 0009 00000009 0001 0001 41 0011 0009 0000118b 1000 0001 42"), Classes: new(Set),
	}, []row{
		{"vendor[9].option[1].hex == 'A' and vendor[4491].option[4096].hex == 'B'", true, differs},
		{"vendor[10].exists or vendor[9].option[4096].exists", false, differs},
	})
}
