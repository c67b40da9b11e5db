package classify

import (
	"math"
	"regexp"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// functions read their operands, between the parentheses, and emit themselves.
var functions map[string]func(*parser) sort

func init() {
	functions = map[string]func(*parser) sort{
		"member":       (*parser).member,
		"match":        (*parser).match,
		"substring":    (*parser).substring,
		"split":        (*parser).split,
		"concat":       func(p *parser) sort { return p.binary(opConcat) },
		"hexstring":    func(p *parser) sort { return p.binary(opHexString) },
		"ifelse":       (*parser).ifElse,
		"sifelse":      (*parser).strictIfElse,
		"lcase":        func(p *parser) sort { return p.unary(instr{op: opLower}) },
		"ucase":        func(p *parser) sort { return p.unary(instr{op: opUpper}) },
		"addrtotext":   func(p *parser) sort { return p.unary(instr{op: opAddrText}) },
		"int8totext":   func(p *parser) sort { return p.unary(instr{op: opIntText, n: 1, signed: true}) },
		"int16totext":  func(p *parser) sort { return p.unary(instr{op: opIntText, n: 2, signed: true}) },
		"int32totext":  func(p *parser) sort { return p.unary(instr{op: opIntText, n: 4, signed: true}) },
		"uint8totext":  func(p *parser) sort { return p.unary(instr{op: opIntText, n: 1}) },
		"uint16totext": func(p *parser) sort { return p.unary(instr{op: opIntText, n: 2}) },
		"uint32totext": func(p *parser) sort { return p.unary(instr{op: opIntText, n: 4}) },
	}
}

func (p *parser) unary(in instr) sort {
	p.inner(value)
	p.emit(in, 0)
	return value
}

func (p *parser) binary(o op) sort {
	p.inner(value)
	p.expect(",")
	p.inner(value)
	p.emit(instr{op: o}, -1)
	return value
}

func (p *parser) member() sort {
	t := p.quoted("the name of a class")
	p.class(t, t.text)
	return condition
}

// quoted reads a string that is not computed.
func (p *parser) quoted(what string) token {
	t := p.take()
	if t.kind != tokString {
		p.unexpected(t, what+" in single quotes")
	}
	return t
}

// match reads a regular expression, which must fit the whole of the value.
func (p *parser) match() sort {
	t := p.quoted("a regular expression")
	_, err := regexp.Compile(t.text) // by itself: "a)(b" would fit into the frame
	if err != nil {
		p.fail(t, "the regular expression is not usable: %v", err)
	}
	re, err := regexp.Compile(`\A(?:` + t.text + `)\z`)
	if err != nil {
		p.fail(t, "the regular expression is not usable: %v", err)
	}
	p.expect(",")
	p.inner(value)
	p.emit(instr{op: opMatch, re: re}, -1)
	return condition
}

func (p *parser) substring() sort {
	p.inner(value)
	p.expect(",")
	in := instr{op: opSubstring, n: int(p.number(p.take(), math.MinInt32, math.MaxInt32))}
	p.expect(",")
	if p.accept("all") {
		in.whole = true
	} else if t := p.take(); t.kind == tokInt {
		in.length = int(p.number(t, math.MinInt32, math.MaxInt32))
	} else {
		p.unexpected(t, "a number or 'all'")
	}
	p.emit(in, 0)
	return value
}

func (p *parser) split() sort {
	p.inner(value)
	p.expect(",")
	p.inner(value)
	p.expect(",")
	p.emit(instr{op: opSplit, n: int(p.number(p.take(), math.MinInt32, math.MaxInt32))}, -1)
	return value
}

// ifElse computes only the value that the condition asks for.
func (p *parser) ifElse() sort {
	p.inner(condition)
	p.expect(",")
	otherwise := p.emit(instr{op: opJumpFalse}, 0)
	p.inner(value)
	p.expect(",")
	end := p.emit(instr{op: opJump}, -1) // one of the two values will lie there
	p.land(otherwise)
	p.inner(value)
	p.land(end)
	return value
}

// strictIfElse computes both, and fails when either does.
func (p *parser) strictIfElse() sort {
	at := p.tokens[0]
	p.inner(condition)
	p.save(at)
	p.expect(",")
	p.inner(value)
	p.expect(",")
	p.inner(value)
	p.emit(instr{op: opSelect}, -1)
	p.saved--
	return value
}

// vendor reads what follows the word: the Vendor-Identifying Vendor-Specific
// Information option (RFC 3925 §4, RFC 9915 §21.17).
func (p *parser) vendor() sort {
	in := instr{op: opVendor, family: p.Family}
	if s, whole := p.ofVendor(&in, "option"); whole {
		return s
	}
	space := ""
	if in.enterprise != 0 {
		space = optdef.VendorSpace(in.enterprise)
	}
	return p.deeperOptions(in, p.Options, p.step(&in, p.Options, space, false), true)
}

// vendorClass reads what follows the word: the Vendor-Identifying Vendor Class
// option (RFC 3925 §3, RFC 9915 §21.16).
func (p *parser) vendorClass() sort {
	in := instr{op: opVendorClass, family: p.Family}
	if s, whole := p.ofVendor(&in, "data"); whole {
		return s
	}
	if p.accept("[") {
		in.n = int(p.number(p.take(), 0, math.MaxUint8))
		p.expect("]")
	}
	return p.asked(in, formData)
}

// ofVendor reads what can be asked of either option: which enterprise it is of,
// and whether it is there. whole is false behind the word for what is in it.
func (p *parser) ofVendor(in *instr, content string) (s sort, whole bool) {
	if p.accept(".") {
		p.expect("enterprise")
		return p.asked(*in, formEnterprise), true
	}
	p.enterprise(in)
	t := p.take()
	switch {
	case t.is("exists"):
		return p.asked(*in, formExists), true
	case !t.is(content):
		p.unexpected(t, "'exists' or '"+content+"'")
	}
	return value, false
}

// enterprise reads a number in brackets, of which 0 and * stand for any, and the
// dot behind it.
func (p *parser) enterprise(in *instr) {
	p.expect("[")
	if !p.accept("*") {
		t := p.take()
		if t.kind != tokInt {
			p.unexpected(t, "an enterprise number or '*'")
		}
		in.enterprise = uint32(p.number(t, 0, math.MaxUint32))
	}
	p.expect("]", ".")
}

// asked emits a question about a vendor's option.
func (p *parser) asked(in instr, f form) sort {
	in.form = f
	if f == formExists {
		p.emit(in, 0)
		return condition
	}
	p.emit(in, 1)
	return value
}
