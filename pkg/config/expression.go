package config

import (
	"errors"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// value compiles the expression of a value that stands in m, as a template-test
// or the identifier-expression of flex_id does. What is wrong with it has been
// reported when it returns nil. The definitions of options must have been read.
func (c *compiler) value(m *node) *classify.Expr {
	s := classify.Scope{Family: optdef.Family(c.cfg.Family), Options: c.defs, Names: c.cfg.Topology.Classes.Names()}
	e, err := s.CompileValue(m.str)
	if err != nil {
		c.badExpression(m, err)
		return nil
	}
	return e
}

// condition compiles the condition that stands in m, as value does.
func (c *compiler) condition(m *node) *classify.Expr {
	s := classify.Scope{Family: optdef.Family(c.cfg.Family), Options: c.defs, Names: c.cfg.Topology.Classes.Names()}
	e, err := s.Compile(m.str)
	if err != nil {
		c.badExpression(m, err)
		return nil
	}
	return e
}

// badExpression reports an expression that cannot be compiled, at the word that
// is wrong.
func (c *compiler) badExpression(m *node, err error) {
	at := m.at
	var x *classify.Error
	if errors.As(err, &x) {
		at.off += offsetIn(m, x.Line, x.Column)
		c.add(Error, at, m.path(), "", "%s", x.Problem)
		return
	}
	c.add(Error, at, m.path(), "", "%v", err)
}

// offsetIn is how far behind the opening quote of a string in the file a place of
// its text stands. Escapes make that differ from the place in the text.
func offsetIn(m *node, line, column int) int {
	want := column - 1 // octets of the text ahead of the place
	for text := m.str; line > 1; line-- {
		i := strings.IndexByte(text, '\n') + 1
		want += i
		text = text[i:]
	}
	raw := m.at.src.text[m.at.off:]
	off := 1
	for want > 0 && off < len(raw) && raw[off] != '"' {
		n, length := 1, 1
		if raw[off] == '\\' {
			n, length = escape(string(raw[off:]))
		}
		off, want = off+n, want-length
	}
	return off
}

// escape measures the escape that s begins with: in the file, and in the text. A
// pair of surrogates is measured as its two halves.
func escape(s string) (n, length int) {
	if len(s) < 6 || s[1] != 'u' {
		return 2, 1
	}
	switch {
	case s[2:4] == "00" && s[4] < '8':
		return 6, 1
	case s[2] == '0' && s[3] < '8':
		return 6, 2
	case strings.IndexByte("dD", s[2]) >= 0 && s[3] > '7':
		return 6, 2 // half of four octets
	}
	return 6, 3
}
