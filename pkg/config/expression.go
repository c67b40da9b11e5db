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
	src := m.at.src
	quiet := scanner{report: new(report)}
	at := place{src, m.at.off + 1}
	for want > 0 && at.off < len(src.text) && src.text[at.off] != '"' {
		n, length := 1, 1
		if src.text[at.off] == '\\' {
			out, more := quiet.escape(nil, at)
			n, length = 1+more, len(out)
		}
		at.off, want = at.off+n, want-length
	}
	return at.off - m.at.off
}
