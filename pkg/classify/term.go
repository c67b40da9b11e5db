package classify

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// term reads what has no operator outside of parentheses.
func (p *parser) term() sort {
	t := p.take()
	switch t.kind {
	case tokString:
		return p.constant([]byte(t.text))
	case tokHex:
		return p.constant(hexValue(t.text))
	case tokAddr:
		return p.constant(netip.MustParseAddr(t.text).AsSlice())
	case tokInt:
		return p.constant(binary.BigEndian.AppendUint32(nil, uint32(p.number(t, 0, math.MaxUint32))))
	case tokPunct:
		if t.text == "(" {
			got := p.expression()
			p.expect(")")
			return got
		}
	case tokWord:
		if f, ok := functions[t.text]; ok {
			p.expect("(")
			got := f(p)
			p.expect(")")
			return got
		}
		if f, ok := subjects[t.text]; ok {
			return f(p, t)
		}
	}
	p.unexpected(t, "a value or a condition")
	return value
}

func (p *parser) constant(b []byte) sort {
	p.emit(instr{op: opConst, arg: b}, 1)
	return value
}

// hexValue returns the octets of a literal with its 0x; a nought is put ahead of
// an odd number of digits.
func hexValue(text string) []byte {
	digits := text[2:]
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	b, _ := hex.DecodeString(digits) // scan let nothing but digits through
	return b
}

// number returns the value of a token that must be an integer within bounds.
func (p *parser) number(t token, low, high int64) int64 {
	if t.kind != tokInt {
		p.unexpected(t, "a number")
	}
	n, err := strconv.ParseInt(t.text, 10, 64)
	if err != nil || n < low || n > high {
		p.fail(t, "%s is not within %d..%d", t.text, low, high)
	}
	return n
}

// subjects are what a packet is asked by. It is a function, filled at start, since
// the parsers below call term.
var subjects map[string]func(*parser, token) sort

func init() {
	subjects = map[string]func(*parser, token) sort{
		"option":       func(p *parser, t token) sort { return p.option(inMessage) },
		"relay4":       (*parser).relay4,
		"relay6":       (*parser).relay6,
		"pkt":          func(p *parser, t token) sort { return p.field(instr{op: opPkt}, pktFields) },
		"pkt4":         (*parser).pkt4,
		"pkt6":         (*parser).pkt6,
		"vendor":       func(p *parser, t token) sort { return p.vendor() },
		"vendor-class": func(p *parser, t token) sort { return p.vendorClass() },
		"known":        func(p *parser, t token) sort { return p.known(t, false) },
		"unknown":      func(p *parser, t token) sort { return p.known(t, true) },
	}
}

type fieldName struct {
	name  string
	field field
}

var (
	pktFields  = []fieldName{{"iface", fieldIface}, {"src", fieldSrc}, {"dst", fieldDst}, {"len", fieldLen}}
	pkt4Fields = []fieldName{
		{"mac", fieldMAC}, {"hlen", fieldHLen}, {"htype", fieldHType}, {"ciaddr", fieldCIAddr}, {"giaddr", fieldGIAddr},
		{"yiaddr", fieldYIAddr}, {"siaddr", fieldSIAddr}, {"msgtype", fieldMsgType}, {"transid", fieldTransID},
	}
	pkt6Fields  = []fieldName{{"msgtype", fieldMsgType}, {"transid", fieldTransID}}
	relayFields = []fieldName{{"peeraddr", fieldPeer}, {"linkaddr", fieldLink}}
)

// field reads a dot and one of the names.
func (p *parser) field(in instr, names []fieldName) sort {
	p.expect(".")
	return p.fieldOf(in, names, "")
}

// fieldOf reads one of the names; more is what else could have stood there.
func (p *parser) fieldOf(in instr, names []fieldName, more string) sort {
	t := p.take()
	want := more
	for _, n := range names {
		if t.is(n.name) {
			in.field = n.field
			p.emit(in, 1)
			return value
		}
		if want != "" {
			want += ", "
		}
		want += "'" + n.name + "'"
	}
	p.unexpected(t, "one of "+want)
	return value
}

func (p *parser) pkt4(t token) sort {
	if p.Family != optdef.V4 {
		p.fail(t, "pkt4 is for DHCPv4 only")
	}
	return p.field(instr{op: opPkt4}, pkt4Fields)
}

// pkt6 reads a field of the DHCPv6 message; in DHCPv4, where it is that of the
// envelope of a 4o6 query, its options can be read as well.
func (p *parser) pkt6(t token) sort {
	p.expect(".")
	if p.Family == optdef.V6 {
		return p.fieldOf(instr{op: opPkt6}, pkt6Fields, "")
	}
	if p.accept("option") {
		return p.option(inEnvelope)
	}
	return p.fieldOf(instr{op: opPkt6}, pkt6Fields, "'option'")
}

// option reads what follows the word: [code], deeper ones, and the form asked for.
func (p *parser) option(where where) sort {
	in := instr{op: opOption, where: where, family: p.Family}
	set := p.Options
	if where == inEnvelope {
		in.family, set = optdef.V6, p.standard6
	}
	space := set.Family().Space()
	space = p.step(&in, set, space, true)
	return p.deeperOptions(in, set, space, false)
}

func (p *parser) relay4(t token) sort {
	if p.Family != optdef.V4 {
		p.fail(t, "relay4 is for DHCPv4 only")
	}
	const agent = 82 // the Relay Agent Information option
	in := instr{op: opOption, where: inAgent, family: optdef.V4, path: []step{{code: agent}}}
	space := p.step(&in, p.Options, "dhcp-agent-options-space", false)
	return p.deeperOptions(in, p.Options, space, true)
}

// relay6 reads the level of a relay, 0 being the one nearest the server and -1 the
// one nearest the client, and an address or an option of it.
func (p *parser) relay6(token) sort {
	p.expect("[")
	level := int(p.number(p.take(), -32, 31))
	p.expect("]", ".")
	if !p.accept("option") {
		return p.fieldOf(instr{op: opRelay6Addr, n: level}, relayFields, "'option'")
	}
	in := instr{op: opOption, where: inRelay6, family: optdef.V6, n: level}
	space := p.step(&in, p.standard6, optdef.V6.Space(), false)
	return p.deeperOptions(in, p.standard6, space, true)
}

// deeperOptions reads further levels of options and, at last, the form. Within
// relays and vendor options Kea takes names, which it looks up among the family's
// own options.
func (p *parser) deeperOptions(in instr, set *optdef.Set, space string, names bool) sort {
	for {
		p.expect(".")
		t := p.take()
		switch {
		case t.is("option"):
			space = p.step(&in, set, space, names)
			continue
		case t.is("hex"):
			in.form = formHex
		case t.is("text"):
			in.form = formText
		case t.is("exists"):
			in.form = formExists
			p.emit(in, 0)
			return condition
		default:
			p.unexpected(t, "'hex', 'text', 'exists' or 'option'")
		}
		p.emit(in, 1)
		return value
	}
}

// maxPath bounds how deep options can be asked for; none has ever been nested so.
const maxPath = 16

// step reads one option in brackets, which stands in space, and returns the space
// of the options within it, "" when it can hold none.
func (p *parser) step(in *instr, set *optdef.Set, space string, names bool) string {
	p.expect("[")
	t := p.take()
	if len(in.path) == maxPath {
		p.fail(t, "options are nested more than %d deep", maxPath)
	}
	var s step
	if names && t.kind == tokName {
		d, ok := set.ByName("", t.text)
		if !ok {
			p.fail(t, "no option '%s' is defined", t.text)
		}
		s.code = d.Code
	} else {
		limit := int64(math.MaxUint8)
		if in.family == optdef.V6 {
			limit = math.MaxUint16
		}
		if t.kind != tokInt && names {
			p.unexpected(t, "the code or name of an option")
		}
		s.code = uint16(p.number(t, 0, limit))
	}
	p.expect("]")
	inner := s.know(set, space)
	in.path = append(in.path, s)
	return inner
}

// known reads nothing more: the words stand for a question about KNOWN.
func (p *parser) known(t token, not bool) sort {
	p.class(t, "KNOWN")
	if not {
		p.emit(instr{op: opNot}, 0)
	}
	return condition
}

// class emits the question whether the packet is in a class.
func (p *parser) class(at token, name string) {
	if p.Names == nil {
		p.fail(at, "classes cannot be asked for here")
	}
	if p.Defined != nil && !p.Defined(name) {
		p.fail(at, "class '%s' is not defined ahead of this one", name)
	}
	id := p.Names.Intern(name)
	p.classes = append(p.classes, id)
	p.emit(instr{op: opMember, class: id}, 0)
}
