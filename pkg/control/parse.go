package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// A parser checks the JSON of a command and makes it strict: where Kea's reader
// is kinder than JSON is (a plus sign or zeros before a number, a comma before the end of a
// list), the surplus is blanked out. Its errors are worded as Kea's reader has
// them, down to the column.
type parser struct {
	b       []byte // one command as a frame has it: as deep as may be, no comments
	at      int
	depth   int
	members func(name string, value json.RawMessage) // called for the outermost map
}

// fail words an error at the octet i, behind columns before it. Columns count
// from 1 in the first line and from 2 in the others, as Kea's do.
func (p *parser) fail(i, behind int, format string, args ...any) error {
	line := bytes.Count(p.b[:i], []byte{'\n'})
	col := i - bytes.LastIndexByte(p.b[:i], '\n') - behind
	if line > 0 {
		col++
	}
	return fmt.Errorf("%s in <wire>:%d:%d", fmt.Sprintf(format, args...), line, col)
}

// blank skips what has no meaning and returns the octet after it, 0 at the end.
func (p *parser) blank() byte {
	for ; p.at < len(p.b); p.at++ {
		switch c := p.b[p.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

var errEnd = errors.New("the command ends too early")

func (p *parser) value() error {
	switch c := p.blank(); {
	case c == '{':
		return p.object()
	case c == '[':
		return p.list()
	case c == '"':
		return p.str()
	case c == '-' || c == '+' || c == '.' || '0' <= c && c <= '9':
		return p.number()
	case c == 't' || c == 'f':
		return p.word("boolean", "true", "false")
	case c == 'n':
		return p.word("null", "null")
	case p.at == len(p.b):
		return errEnd
	default:
		err := p.fail(p.at, 0, "unexpected character %c", c)
		return fmt.Errorf("error: %w", err)
	}
}

// object reads a map; a comma before its end is not for giving.
func (p *parser) object() error {
	p.depth++
	p.at++
	outermost := p.depth == 1
	if p.blank() == '}' {
		p.at++
		p.depth--
		return nil
	}
	for {
		if p.blank() != '"' {
			return p.fail(p.at, 0, "String expected")
		}
		from := p.at
		if err := p.str(); err != nil {
			return err
		}
		name := p.b[from:p.at]
		if err := p.expect(":"); err != nil {
			return err
		}
		p.blank()
		from = p.at
		if err := p.value(); err != nil {
			return err
		}
		if outermost && p.members != nil {
			p.member(name, p.b[from:p.at:p.at])
		}
		if err := p.expect(",}"); err != nil {
			return err
		}
		if p.b[p.at-1] == '}' {
			p.depth--
			return nil
		}
	}
}

// member hands on what stands in the outermost map.
func (p *parser) member(name []byte, value json.RawMessage) {
	var s string
	if err := json.Unmarshal(name, &s); err == nil {
		p.members(s, value)
	}
}

func (p *parser) list() error {
	p.depth++
	p.at++
	if p.blank() == ']' {
		p.at++
		p.depth--
		return nil
	}
	for {
		if err := p.value(); err != nil {
			return err
		}
		if err := p.expect(",]"); err != nil {
			return err
		}
		comma := p.at - 1
		if p.b[comma] == ',' && p.blank() == ']' {
			p.b[comma] = ' '
			p.at++
			comma = p.at - 1
		}
		if p.b[comma] == ']' {
			p.depth--
			return nil
		}
	}
}

// expect skips one of a few octets.
func (p *parser) expect(one string) error {
	c := p.blank()
	if p.at == len(p.b) {
		return errEnd
	}
	if bytes.IndexByte([]byte(one), c) < 0 {
		return p.fail(p.at, 0, "'%c' read, one of \"%s\" expected", c, one)
	}
	p.at++
	return nil
}

// str reads a string. Kea takes bare control characters and of \u only the first
// 256; we take what JSON takes (RFC 8259 §7).
func (p *parser) str() error {
	for p.at++; p.at < len(p.b); p.at++ {
		switch c := p.b[p.at]; {
		case c == '"':
			p.at++
			return nil
		case c == '\\':
			if err := p.escape(); err != nil {
				return err
			}
		case c < ' ':
			return p.fail(p.at, 0, "Control character 0x%02x in a string", c)
		}
	}
	return errEnd
}

// escape reads what follows a backslash, up to its last octet.
func (p *parser) escape() error {
	p.at++
	if p.at == len(p.b) {
		return errEnd
	}
	switch p.b[p.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for i := 1; i <= 4; i++ {
			if p.at+i >= len(p.b) || !isHex(p.b[p.at+i]) {
				return p.fail(p.at, 0, "Unsupported unicode escape")
			}
		}
		p.at += 4
		return nil
	}
	return p.fail(p.at, 1, "Bad escape")
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// word reads one of the words that JSON has.
func (p *parser) word(what string, words ...string) error {
	from := p.at
	for p.at < len(p.b) && 'a' <= p.b[p.at]|0x20 && p.b[p.at]|0x20 <= 'z' {
		p.at++
	}
	for _, w := range words {
		if string(p.b[from:p.at]) == w {
			return nil
		}
	}
	return p.fail(from, 1, "Bad %s value: %s", what, p.b[from:min(p.at, from+40)])
}

// number reads a number that fits 64 bits, an int or a float.
func (p *parser) number() error {
	from := p.at
	float := false
	for p.at < len(p.b) {
		c := p.b[p.at]
		switch c {
		case '.', 'e', 'E':
			float = true
		case '+', '-':
		default:
			if c < '0' || '9' < c {
				return p.checkNumber(from, float)
			}
		}
		p.at++
	}
	return errEnd
}

func (p *parser) checkNumber(from int, float bool) error {
	text := p.b[from:p.at]
	const most = 400 // digits of the largest number that makes sense, generously
	ok := len(text) <= most
	if ok && float {
		v, err := strconv.ParseFloat(string(text), 64)
		ok = err == nil && !math.IsInf(v, 0)
	} else if ok {
		_, err := strconv.ParseInt(string(text), 10, 64)
		ok = err == nil
	}
	if !ok {
		return p.fail(from, 1, "Number overflow: %s", text[:min(len(text), 40)])
	}
	strict(text)
	if !json.Valid(text) {
		return p.fail(from, 1, "Bad number: %s", text)
	}
	return nil
}

// strict blanks out a plus sign and zeros that JSON has not; the minus sign moves
// behind them.
func strict(text []byte) {
	minus := text[0] == '-'
	i := 0
	if text[0] == '-' || text[0] == '+' {
		i = 1
	}
	for i+1 < len(text) && text[i] == '0' && '0' <= text[i+1] && text[i+1] <= '9' {
		i++
	}
	for j := range i {
		text[j] = ' '
	}
	if minus && i > 0 {
		text[i-1] = '-'
	}
}
