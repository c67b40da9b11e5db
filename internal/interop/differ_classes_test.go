//go:build interop

package interop

import "fmt"

// conditions are the operators and values of the expression language, each with
// what it needs around it, and true for some of the messages that gen makes.
var conditions = []struct{ what, text string }{
	{"==", "option[60].text == 'MSFT 5.0'"},
	{"option.exists", "option[81].exists"},
	{"option.hex", "option[61].hex == 0x00726573"},
	{"option.text", "option[12].text == 'host'"},
	{"option by name", "option[host-name].exists"},
	{"option.option.hex", "option[82].option[1].hex == 'port1'"},
	{"option.option.exists", "option[82].option[2].exists"},
	{"relay4.hex", "relay4[1].hex == 'port2'"},
	{"relay4.exists", "relay4[12].exists"},
	{"pkt4.mac", "substring(pkt4.mac, 0, 3) == 0x02005e"},
	{"pkt4.hlen", "pkt4.hlen == 6"},
	{"pkt4.htype", "pkt4.htype == 1"},
	{"pkt4.ciaddr", "pkt4.ciaddr == 0.0.0.0"},
	{"pkt4.giaddr", "pkt4.giaddr == 10.30.0.1"},
	{"pkt4.yiaddr", "pkt4.yiaddr == 0.0.0.0"},
	{"pkt4.siaddr", "pkt4.siaddr == 0.0.0.0"},
	{"pkt4.msgtype", "pkt4.msgtype == 3"},
	{"pkt4.transid", "substring(pkt4.transid, 3, 1) == 0x01"},
	{"pkt.iface", "pkt.iface == 's1'"},
	{"pkt.src", "pkt.src == 10.30.0.1"},
	{"pkt.dst", "pkt.dst == 192.0.2.1"},
	{"pkt.len", "pkt.len == 300"},
	{"substring", "substring(option[60].hex, 0, 9) == 'PXEClient'"},
	{"substring from the end", "substring(option[60].hex, -3, all) == '5.0'"},
	{"concat", "concat('do', 'csis3.0') == option[60].hex"},
	{"+", "option[60].hex + option[12].hex == 'MSFT 5.0host'"},
	{"ifelse", "ifelse(option[81].exists, 'a', 'b') == 'a'"},
	{"hexstring", "hexstring(substring(pkt4.mac, 0, 2), ':') == '02:00'"},
	{"addrtotext", "addrtotext(pkt4.giaddr) == '10.40.0.1'"},
	{"int8totext", "int8totext(substring(pkt4.hlen, 3, 1)) == '6'"},
	{"int16totext", "int16totext(substring(pkt4.hlen, 2, 2)) == '6'"},
	{"int32totext", "int32totext(pkt4.hlen) == '6'"},
	{"uint8totext", "uint8totext(substring(pkt4.hlen, 3, 1)) == '16'"},
	{"uint16totext", "uint16totext(option[57].hex) == '1500'"},
	{"uint32totext", "uint32totext(option[51].hex) == '1800'"},
	{"vendor.exists", "vendor[4491].exists"},
	{"vendor.* exists", "vendor[*].exists"},
	{"vendor.enterprise", "vendor.enterprise == 4491"},
	{"vendor.option.hex", "vendor[4491].option[1].hex == 0x0304"},
	{"vendor.option.exists", "vendor[4491].option[1].exists"},
	{"vendor-class.exists", "vendor-class[4491].exists"},
	{"vendor-class.enterprise", "vendor-class.enterprise == 4491"},
	{"vendor-class.data", "vendor-class[4491].data == 'hello'"},
	{"vendor-class.data[0]", "vendor-class[4491].data[0] == 'hello'"},
	{"member", "member('VENDOR_CLASS_docsis3.0')"},
	{"member of KNOWN", "member('KNOWN')"},
	{"member of UNKNOWN", "member('UNKNOWN')"},
	{"member of ALL", "member('ALL')"},
	{"not", "not option[60].exists"},
	{"and", "option[60].exists and option[12].exists"},
	{"or", "option[60].exists or option[12].exists"},
	{"parentheses", "not (option[60].exists or (option[81].exists and not option[12].exists))"},
	{"integer", "pkt4.msgtype == 1"},
	{"hexadecimal", "option[93].hex == 0x0007"},
	{"address", "pkt4.ciaddr == 192.0.2.77"},
	{"split", "split(option[60].text, ':', 3) == '00007'"},
	{"vendor.* option", "vendor[*].option[1].exists"},
	{"vendor.* option.hex", "vendor[*].option[1].hex == 0x02"},
	{"vendor-class.* exists", "vendor-class[*].exists"},
	{"vendor-class.* data", "vendor-class[*].data == 'hello'"},
	{"vendor-class.data[n]", "vendor-class[4491].data[1] == ''"},
	{"substring, negative length", "substring(option[60].hex, 9, -3) == 'ent'"},
	{"substring, past the end", "substring(option[60].hex, 20, 1) == ''"},
	{"substring, longer than the text", "substring(option[12].hex, -20, all) == 'host'"},
	{"hexstring without separator", "hexstring(substring(pkt4.mac, 0, 2), '') == '0200'"},
	{"text of a number", "option[53].text == 'type=053, len=001: 1 (uint8)'"},
	{"option.option.text", "option[82].option[1].text == 'port3'"},
	{"option 43, option", "option[43].option[1].exists"},
	{"option 43, option.hex", "option[43].option[1].hex == 0x0101"},
	{"option 82, hex", "substring(option[82].hex, 0, 1) == 0x01"},
	{"option 61, part", "substring(option[61].hex, 0, 1) == 0xff"},
	{"option 50, address", "option[50].hex == 172.31.1.1"},
	{"option 118, address", "option[118].hex == 10.50.0.0"},
	{"addrtotext of pkt.src", "addrtotext(pkt.src) == '10.30.0.1'"},
	{"odd hexadecimal", "0xabc == 0x0abc and option[12].exists"},
	{"number and octets", "1 == 0x00000001 and pkt4.hlen == 6"},
	{"not not", "not not option[60].exists"},
	{"and, or in order", "option[12].exists and option[60].exists or option[81].exists"},
	{"concat in concat", "concat(concat('ho', 's'), 't') == option[12].text"},
	{"ifelse in ifelse", "ifelse(option[12].exists, ifelse(option[60].exists, 'a', 'b'), 'c') == 'a'"},
	{"signed numbers", "int8totext(0xff) == '-1' and int16totext(0x8000) == '-32768' and int32totext(0xffffffff) == '-1'"},
}

// condition is a test: one of them, or two or three joined.
func (g *gen) condition() string {
	pick := func() string {
		c := cycle(g, "condition", conditions)
		g.note("expression, %s", c.what)
		return c.text
	}
	switch g.IntN(6) {
	case 0:
		return "not (" + pick() + ")"
	case 1:
		return pick() + " and " + pick()
	case 2:
		return "(" + pick() + ") or not " + "(" + pick() + ")"
	}
	return pick()
}

// classify defines classes that show in every answer, by an option for each.
func (g *gen) classify() {
	var names []string
	for i := range 3 + g.IntN(4) {
		c := obj{"name": fmt.Sprintf("class-%d", i)}
		code := 240 + i
		g.defs = append(g.defs, obj{"name": fmt.Sprintf("in-class-%d", i), "code": code, "type": "string"})
		push(c, "option-data", obj{"code": code, "data": c["name"], "always-send": true})
		g.note("option-data of a class")
		test := g.condition()
		if i > 0 && g.chance(.3) {
			test = fmt.Sprintf("member('%s') and not (%s)", oneOf(g, names...), test)
			g.note("a class that depends on another")
		}
		c["test"] = test
		g.adorn(c)
		names = append(names, c["name"].(string))
		g.classes = append(g.classes, c)
	}
	if g.chance(.3) {
		c := obj{"name": "required", "test": g.condition(), "only-if-required": true}
		g.defs = append(g.defs, obj{"name": "in-required", "code": 248, "type": "string"})
		push(c, "option-data", obj{"code": 248, "data": "required", "always-send": true})
		g.classes = append(g.classes, c)
		s := oneOf(g, g.scopes()[1:]...)
		s.o["require-client-classes"] = list{"required"}
		g.note("require-client-classes of a %s", s.name)
	}
	if g.chance(.2) {
		g.classes = append(g.classes, obj{"name": "DROP", "test": oneOf(g, "option[12].text == 'host'", "option[77].exists", "pkt4.msgtype == 8")})
		g.note("class DROP")
	}
	for _, s := range g.scopes() {
		if g.chance(.15) && s.name != "global" {
			s.o["client-class"] = oneOf(g, append(names, "ALL", "KNOWN", "UNKNOWN")...)
			g.note("client-class of a %s", s.name)
		}
	}
}

// adorn gives a class what it may hold besides options.
func (g *gen) adorn(c obj) {
	if g.chance(.2) {
		c["valid-lifetime"] = 100 + g.IntN(800)
		g.note("lifetime of a class")
		if g.chance(.5) {
			c["min-valid-lifetime"], c["max-valid-lifetime"] = 100, 1000
			g.note("lifetimes with min and max of a class")
		}
	}
	if g.chance(.2) {
		c["next-server"], c["boot-file-name"], c["server-hostname"] = "192.0.2.220", "/class", "class-boot"
		g.note("boot fields of a class")
	}
	if g.chance(.2) {
		push(c, "option-data", g.standard())
	}
	if g.chance(.2) {
		for _, o := range g.own() {
			push(c, "option-data", o)
		}
		g.note("option-data of a class, of the operator's own")
	}
	if g.chance(.1) {
		c["option-def"] = list{obj{"name": "vendor-encapsulated-options", "code": 43, "type": "uint32"}}
		push(c, "option-data", obj{"name": "vendor-encapsulated-options", "data": "12345"})
		g.codes = append(g.codes, 43)
		g.note("option-def of a class")
	}
}
