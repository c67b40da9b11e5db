package classify

import (
	"errors"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// A row is a condition and what it is for the packet of its family. TestKea asks
// the same of Kea 2.2.0, but for rows that it does not know or answers otherwise.
type row struct {
	expr string
	want bool
	kea  string // "": as ours; else why Kea 2.2.0 is not asked
}

const (
	newer   = "newer than Kea 2.2.0"
	ours    = "ours alone"
	differs = "a difference that docs/classify.md lists"
)

// rows4 are asked about query4.
var rows4 = []row{
	// literals
	{"'foo' == 'foo'", true, ""},
	{"'foo' == 'Foo'", false, ""},
	{"'' == ''", true, ""},
	{"0x666F6f == 'foo'", true, ""},
	{"0XFFF == 0x0fff", true, ""},
	{"192.0.2.7 == 0xc0000207", true, ""},
	{"2001:db8::1 == 0x20010db8000000000000000000000001", true, ""},
	{"::ffff:192.0.2.7 == 0x00000000000000000000ffffc0000207", true, ""},
	{"1 == 0x00000001", true, ""},
	{"1 == 0x01", false, ""},
	{"4294967295 == 0xffffffff", true, ""},
	{"'a' == 'b' + 'c'", false, ""},
	{"'a' + 'b' + 'c' == 'abc'", true, ""},

	// how operators bind
	{"'a' == 'a' or 'a' == 'b' and 'a' == 'b'", true, ""},
	{"('a' == 'a' or 'a' == 'b') and 'a' == 'b'", false, ""},
	{"not 'a' == 'b' and 'a' == 'a'", true, ""},
	{"not 'a' == 'a' or 'a' == 'a'", true, ""},
	{"not ('a' == 'a' or 'a' == 'a')", false, ""},
	{"not not 'a' == 'a'", true, ""},
	{"'a' == 'b' and 'a' == 'b' or 'a' == 'a'", true, ""},
	{"'a' == 'a'\n\tand 'b' == 'b'", true, ""},
	{"'a'=='a'and'b'=='b'", true, ""},
	{"(('a')) == (('a') + '')", true, ""},

	// options
	{"option[12].hex == 'Host-'", true, ""},
	{"option[host-name].text == 'Host-'", true, ""},
	{"option[ host-name ].exists", true, ""},
	{"option[12].exists", true, ""},
	{"option[13].exists", false, ""},
	{"option[13].hex == ''", true, ""},
	{"option[13].text == ''", true, ""},
	{"option[0].exists or option[255].exists", false, ""},
	{"option[61].hex == 0x01020000000a0b", true, ""},
	{"option[53].hex == 3", false, ""},
	{"option[53].hex == 0x03", true, ""},
	{"option[53].text == 'type=053, len=001: 3 (uint8)'", true, ""},
	{"option[57].text == 'type=057, len=002: 1500 (uint16)'", true, ""},
	{"option[55].text == 'type=055, len=003: 1(uint8) 3(uint8) 6(uint8)'", true, ""},
	{"option[93].text == 'type=093, len=002: 7(uint16)'", true, ""},
	{"option[61].text == 'type=061, len=007: 01:02:00:00:00:0a:0b'", true, ""},
	{"substring(option[60].text, 0, 9) == 'PXEClient'", true, ""},
	{"option[82].option[1].hex == 'port'", true, ""},
	{"option[82].option[3].exists", false, ""},
	{"option[82].option[1].option[1].exists", false, newer},
	{"option[12].option[1].hex == ''", true, ""},
	{"relay4[1].hex == 'port'", true, ""},
	{"relay4[2].hex == 0x020000aabbcc", true, ""},
	{"relay4[2].exists", true, ""},
	{"relay4[5].exists", false, ""},
	{"relay4[5].hex == ''", true, ""},
	{"relay4[1].option[1].exists", false, newer},

	// the packet
	{"pkt.iface == 'lo'", true, ""},
	{"pkt.src == 127.0.0.1", true, ""},
	{"pkt.dst == 127.0.0.1", true, ""},
	{"pkt.len == 340", true, ""},
	{"pkt4.mac == 0x020000000a0b", true, ""},
	{"pkt4.hlen == 6", true, ""},
	{"pkt4.htype == 1", true, ""},
	{"pkt4.htype == 0x01", false, ""},
	{"pkt4.ciaddr == 192.0.2.7", true, ""},
	{"pkt4.yiaddr == 192.0.2.8", true, ""},
	{"pkt4.siaddr == 192.0.2.9", true, ""},
	{"pkt4.giaddr == 127.0.0.1", true, ""},
	{"pkt4.msgtype == 3", true, ""},
	{"pkt4.transid == 0x12345678", true, ""},

	// vendors
	{"vendor[4491].exists", true, ""},
	{"vendor[*].exists", true, ""},
	{"vendor[0].exists", true, ""},
	{"vendor[9].exists", false, ""},
	{"vendor.enterprise == 4491", true, ""},
	{"vendor[4491].option[1].hex == 0x030405", true, ""},
	{"vendor[*].option[30].hex == 'axy'", true, ""},
	{"vendor[4491].option[3].exists", false, ""},
	{"vendor[9].option[1].exists", false, ""},
	{"vendor[9].option[1].hex == ''", true, ""},
	{"option[125].option[30].hex == 'axy'", true, ""},
	{"vendor-class[4491].exists", true, ""},
	{"vendor-class[9].exists", false, ""},
	{"vendor-class[*].exists", true, ""},
	{"vendor-class.enterprise == 4491", true, ""},
	{"vendor-class[4491].data == 'Alpha'", true, ""},
	{"vendor-class[*].data[1] == 'Bet'", true, ""},
	{"vendor-class[4491].data[2] == ''", true, ""},
	{"vendor-class[9].data[0] == ''", true, ""},

	// substring
	{"substring('foobar', 0, 6) == 'foobar'", true, ""},
	{"substring('foobar', 3, 3) == 'bar'", true, ""},
	{"substring('foobar', 3, all) == 'bar'", true, ""},
	{"substring('foobar', 1, 4) == 'ooba'", true, ""},
	{"substring('foobar', -5, 4) == 'ooba'", true, ""},
	{"substring('foobar', -1, -3) == 'oba'", true, ""},
	{"substring('foobar', 4, -2) == 'ob'", true, ""},
	{"substring('foobar', 10, 2) == ''", true, ""},
	{"substring('foobar', 6, 1) == ''", true, ""},
	{"substring('foobar', -7, 1) == ''", true, ""},
	{"substring('foobar', -6, 1) == 'f'", true, ""},
	{"substring('foobar', 2, -5) == 'fo'", true, ""},
	{"substring('foobar', 0, -1) == ''", true, ""},
	{"substring('foobar', 2, 100) == 'obar'", true, ""},
	{"substring('foobar', 2, 0) == ''", true, ""},
	{"substring('', 0, all) == ''", true, ""},
	{"substring('foobar', 0, -2147483648) == ''", true, differs},

	// the other functions
	{"concat('foo', 'bar') == 'foobar'", true, ""},
	{"concat('', 'bar') == 'bar'", true, ""},
	{"concat(concat('a', 'b'), concat('c', 'd')) == 'abcd'", true, ""},
	{"ifelse('a' == 'a', 'us', 'them') == 'us'", true, ""},
	{"ifelse(option[13].exists, 'us', 'them') == 'them'", true, ""},
	{"ifelse('a' == 'b', '1', ifelse('a' == 'a', '2', '3')) == '2'", true, ""},
	{"'x' + ifelse('a' == 'b', '1', '2') == 'x2' and 'a' == 'a'", true, ""},
	{"sifelse('a' == ifelse('b' == 'b', 'a', 'c'), 'y' + 'z', 'n') == 'yz'", true, newer},
	{"sifelse('a' == 'b', 'y', 'n') == 'n'", true, newer},
	{"hexstring(0xf01234, '-') == 'f0-12-34'", true, ""},
	{"hexstring(pkt4.mac, ':') == '02:00:00:00:0a:0b'", true, ""},
	{"hexstring(0xf01234, '') == 'f01234'", true, ""},
	{"hexstring('', ':') == ''", true, ""},
	{"lcase('LoWeR') == 'lower'", true, newer},
	{"ucase('uPpEr[{') == 'UPPER[{'", true, newer},
	{"ucase(0xe4) == 0xe4", true, newer},
	{"split('foo.bar', '.', 1) == 'foo'", true, ""},
	{"split('foo.bar', '.', 2) == 'bar'", true, ""},
	{"split('foo.bar', '.', 3) == ''", true, ""},
	{"split('foo.bar', '.', 0) == ''", true, ""},
	{"split('foo.bar', '.', -1) == ''", true, ""},
	{"split('foo.bar', '', 7) == 'foo.bar'", true, ""},
	{"split('one,two.three', '.,', 3) == 'three'", true, ""},
	{"split('.one..two', '.', 1) == ''", true, ""},
	{"split('.one..two', '.', 3) == ''", true, ""},
	{"split('.one..two', '.', 4) == 'two'", true, ""},
	{"split('one.', '.', 2) == ''", true, ""},
	{"split('', '.', 1) == ''", true, ""},
	{"addrtotext(192.10.0.1) == '192.10.0.1'", true, ""},
	{"addrtotext(pkt4.giaddr) == '127.0.0.1'", true, ""},
	{"addrtotext(2003:db8::) == '2003:db8::'", true, ""},
	{"addrtotext(1:0:0:2:0:0:0:3) == '1:0:0:2::3'", true, ""},
	{"addrtotext(1:0:2:3:4:5:6:7) == '1:0:2:3:4:5:6:7'", true, ""},
	{"addrtotext(::ffff:1.2.3.4) == '::ffff:1.2.3.4'", true, ""},
	{"addrtotext(::1.2.3.4) == '::1.2.3.4'", true, ""},
	{"addrtotext(::3) == '::3'", true, ""},
	{"addrtotext('') == ''", true, ""},
	{"int8totext(0xff) == '-1'", true, ""},
	{"int16totext(0xff80) == '-128'", true, ""},
	{"int32totext(0x7fffffff) == '2147483647'", true, ""},
	{"int32totext(0x80000000) == '-2147483648'", true, ""},
	{"uint8totext(0xff) == '255'", true, ""},
	{"uint16totext(0xffff) == '65535'", true, ""},
	{"uint32totext(4294967295) == '4294967295'", true, ""},
	{"uint32totext(pkt4.msgtype) == '3'", true, ""},
	{"uint8totext('') == ''", true, ""},
	{"match('foo.*', 'foobar')", true, newer},
	{"match('foo', 'foobar')", false, newer},
	{"match('a|ab', 'ab')", true, newer},
	{"match('', '')", true, newer},
	{"match('.*[.]example', 'x.example')", true, newer},
	{"match('PXE[A-Z][a-z]+', option[60].hex)", true, newer},

	// classes
	{"member('ALL')", true, ""},
	{"member('VENDOR_CLASS_PXEClient')", true, ""},
	{"member('VENDOR_CLASS_pxeclient')", false, ""},
	{"not member('EXTERNAL_x')", true, ""},
	{"member('HA_server1')", false, ""},
	{"known", false, ours},
	{"unknown", true, ours},

	// conditions without and with a right side that is computed all the same
	{"'a' == 'a' sand 'b' == 'b'", true, newer},
	{"'a' == 'a' sor uint8totext('xx') == 'b'", false, newer},
	{"'a' == 'a' or uint8totext('xx') == 'b'", true, newer},
	{"'a' == 'b' sand 'b' == 'b' or 'c' == 'c'", true, newer},
	{"'a' == 'b' sor 'a' == 'a' and 'c' == 'c'", true, newer},

	// what cannot be computed is in no class, negated or not
	{"uint8totext('xx') == ''", false, ""},
	{"not (int16totext('x') == '')", false, ""},
	{"not (addrtotext('xyz') == '')", false, ""},
	{"not (uint32totext(option[12].hex) == '')", false, ""},

	// the envelope of a 4o6 query; there is none here
	{"relay6[0].option[18].exists", false, ours},
	{"relay6[-1].linkaddr == ''", true, ours},
	{"pkt6.msgtype == ''", true, ours},
	{"pkt6.option[1].exists", false, ours},
}

// rows6 are asked about solicit.
var rows6 = []row{
	{"option[1].hex == 0x0003000102000000000a", true, ""},
	{"option[clientid].exists", true, ""},
	{"option[6].text == 'type=00006, len=00004: 23(uint16) 24(uint16)'", true, ""},
	{"option[3].option[5].exists", true, ""},
	{"substring(option[3].option[5].hex, 0, 16) == 2001:db8::99", true, ""},
	{"option[3].option[6].exists", false, ""},
	{"option[18].exists", false, ""},
	{"relay6[0].option[18].hex == 'outer'", true, ""},
	{"relay6[1].option[18].hex == 'inner'", true, ""},
	{"relay6[2].option[18].hex == ''", true, ""},
	{"relay6[2].option[18].exists", false, ""},
	{"relay6[-1].option[18].hex == 'inner'", true, ""},
	{"relay6[-2].option[18].hex == 'outer'", true, ""},
	{"relay6[-3].option[18].exists", false, ""},
	{"relay6[1].option[37].hex == 0x000001376162", true, ""},
	{"relay6[0].peeraddr == 2001:db8:2::2", true, ""},
	{"relay6[0].linkaddr == 2001:db8:1::1", true, ""},
	{"relay6[-1].linkaddr == 2001:db8:3::3", true, ""},
	{"relay6[-1].peeraddr == fe80::200:ff:fe00:a", true, ""},
	{"relay6[2].peeraddr == ''", true, ""},
	{"relay6[-32].linkaddr == ''", true, ""},
	{"addrtotext(relay6[0].linkaddr) == '2001:db8:1::1'", true, ""},
	{"pkt.iface == 'lo'", true, ""},
	{"pkt.src == ::1", true, ""},
	{"pkt.dst == ::1", true, ""},
	{"pkt.len == 219", true, ""},
	{"pkt6.msgtype == 1", true, ""},
	{"pkt6.transid == 0xabcdef", false, ""},
	{"pkt6.transid == 0x00abcdef", true, ""},
	{"vendor[4491].exists", true, ""},
	{"vendor[1].exists", false, ""},
	{"vendor.enterprise == 4491", true, ""},
	{"vendor[4491].option[2].hex == 'ABC'", true, ""},
	{"vendor[4491].option[4096].exists", true, ""},
	{"vendor[*].option[3].exists", false, ""},
	{"option[17].option[2].hex == 'ABC'", true, ""},
	{"vendor-class[4491].exists", true, ""},
	{"vendor-class[*].data == 'docsis3.0'", true, ""},
	{"vendor-class[4491].data[1] == 'other'", true, ""},
	{"vendor-class[4491].data[2] == ''", true, ""},
	{"vendor-class.enterprise == 4491", true, ""},
	{"member('VENDOR_CLASS_docsis3.0')", true, ""},
	{"member('ALL')", true, ""},
}

// rowsNUL are asked about queryNUL.
var rowsNUL = []row{
	{"option[60].hex == 'a'", true, ""},
	{"option[60].text == 'a'", true, ""},
	{"member('VENDOR_CLASS_a')", true, ""},
	{"option[12].exists", false, ""},
	{"option[12].hex == ''", true, ""},
	{"option[15].hex == 0x620063", true, ""},
	{"option[61].hex == 0x0100", true, ""},
}

func TestConditions(t *testing.T) {
	t.Run("DHCPv4", func(t *testing.T) { conditions(t, optdef.V4, packet4(t), rows4) })
	t.Run("NUL", func(t *testing.T) {
		conditions(t, optdef.V4, &Packet{V4: message4(t, queryNUL), Classes: new(Set)}, rowsNUL)
	})
	t.Run("DHCPv6", func(t *testing.T) { conditions(t, optdef.V6, packet6(t), rows6) })
}

func conditions(t *testing.T, f optdef.Family, p *Packet, rows []row) {
	d := NewDictionary(f, nil)
	scope := Scope{Family: f, Names: d.Names()}
	var s Scratch
	for _, r := range rows {
		e, err := scope.Compile(r.expr)
		if err != nil {
			t.Errorf("%s: %v", r.expr, err)
			continue
		}
		p.Classes.Reset()
		d.Classify(p, &s)
		if got, err := e.Match(p, &s); got != r.want {
			t.Errorf("%s: got %v, %v", r.expr, got, err)
		}
	}
}

// A DHCPv4 expression of a 4o6 query sees both messages.
func TestEnvelope(t *testing.T) {
	p := packet4(t)
	p.V6 = envelope(t, solicit)
	conditions(t, optdef.V4, p, []row{
		{"relay6[0].option[18].hex == 'outer' and option[12].hex == 'Host-'", true, ours},
		{"relay6[-1].linkaddr == 2001:db8:3::3", true, ours},
		{"pkt6.msgtype == 1 and pkt4.msgtype == 3", true, ours},
		{"pkt6.option[1].hex == 0x0003000102000000000a", true, ours},
		{"pkt6.option[clientid].exists", true, ours},
		{"pkt6.option[3].option[5].exists", true, ours},
		{"pkt6.option[300].exists", false, ours},
		{"option[1].exists", false, ours},
	})
}

func TestValues(t *testing.T) {
	scope := Scope{Family: optdef.V4}
	var s Scratch
	for expr, want := range map[string]string{
		"'a'":                               "a",
		"option[12].hex":                    "Host-",
		"concat(option[12].hex, '.x')":      "Host-.x",
		"ifelse(option[12].exists, 'y', 1)": "y",
		"pkt4.hlen":                         "\x00\x00\x00\x06",
	} {
		e, err := scope.CompileValue(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Value(packet4(t), &s); string(got) != want || err != nil {
			t.Errorf("%s: got %q, %v", expr, got, err)
		}
	}
}

func TestEvaluationErrors(t *testing.T) {
	p := packet4(t)
	scope := Scope{Family: optdef.V4}
	var s Scratch
	for expr, want := range map[string]error{
		"addrtotext('abc') == ''":                                   ErrAddress,
		"uint8totext('abc') == ''":                                  ErrInteger,
		"uint16totext(0xff) == '1'":                                 ErrInteger,
		"uint8totext('') == ''":                                     nil,
		"'a' == 'b' sand uint8totext('abc') == ''":                  ErrInteger,
		"'a' == 'b' and uint8totext('abc') == ''":                   nil,
		"sifelse('a' == 'a', 'a', uint8totext('abc')) == 'a'":       ErrInteger,
		"ifelse('a' == 'a', 'a', uint8totext('abc')) == 'a'":        nil,
		"hexstring(" + long(400) + ", " + long(400) + ") == ''":     ErrLong,
		"substring(" + long(60_000) + ", 0, 1) == 'x'":              nil,
		"concat(" + long(70_000) + ", " + long(70_000) + ") == 'x'": ErrLong,
		"match('x*', " + long(4096) + ")":                           nil,
		"not match('x*', " + long(4097) + ")":                       ErrLong,
		"lcase(" + long(140_000) + ") == 'x'":                       ErrLong,
	} {
		e, err := scope.Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Match(p, &s); !errors.Is(err, want) {
			t.Errorf("%.60s: got %v, want %v", expr, err, want)
		}
	}
}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return "'" + string(b) + "'"
}
