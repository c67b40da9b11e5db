package classify

import (
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// A Scope says what an expression may speak of.
type Scope struct {
	Family  optdef.Family
	Options *optdef.Set            // definitions by name, and what encapsulates what; nil: the standard ones
	Names   *Names                 // numbers of the classes that member asks for; nil: member is refused
	Defined func(name string) bool // classes that member may ask for; nil: all
}

// Compile compiles the text of a condition: the "test" of a class. The error is
// an *Error.
func (s *Scope) Compile(text string) (*Expr, error) { return s.compile(text, condition) }

// CompileValue compiles the text of a value: the "template-test" of a class, or
// whatever else Kea computes by an expression. The error is an *Error.
func (s *Scope) CompileValue(text string) (*Expr, error) { return s.compile(text, value) }

func (s *Scope) compile(text string, want sort) (*Expr, error) {
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	p := parser{Scope: *s, text: text, tokens: tokens}
	if p.Options == nil {
		p.Options = optdef.New(s.Family)
	}
	if p.standard6 = p.Options; s.Family == optdef.V4 {
		p.standard6 = optdef.New(optdef.V6)
	}
	if err := p.whole(want); err != nil {
		return nil, err
	}
	return &Expr{text: text, code: p.code, depth: p.deepest, classes: p.classes}, nil
}

// sort is what an expression yields: Kea's grammar keeps the two apart.
type sort uint8

const (
	value sort = iota
	condition
)

func (s sort) String() string {
	if s == value {
		return "a value"
	}
	return "a condition"
}

// A parser turns tokens into instructions as it reads them, each operand ahead of
// its operator. What is wrong is thrown as an *Error and caught by whole.
type parser struct {
	Scope
	standard6 *optdef.Set // what options of the DHCPv6 side mean
	text      string
	tokens    []token // the first is the next one
	nesting   int

	code           []instr
	depth, deepest int // of the stack of values, when code runs
	saved          int // truth values put by
	classes        []ID
}

func (p *parser) whole(want sort) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ours := r.(*Error)
			if !ours {
				panic(r)
			}
			err = e
		}
	}()
	start := p.tokens[0]
	got := p.expression()
	if t := p.tokens[0]; t.kind != tokEnd {
		p.unexpected(t, p.after(got))
	}
	p.must(start, got, want)
	return nil
}

// after says what may follow a finished expression.
func (p *parser) after(s sort) string {
	if s == condition {
		return "'and', 'or' or the end"
	}
	return "'==', '+' or the end"
}

func (p *parser) fail(at token, format string, args ...any) {
	panic(fault(p.text, at.at, format, args...))
}

func (p *parser) unexpected(t token, want string) { p.fail(t, "expected %s, got %s", want, t.shown()) }

func (p *parser) must(at token, got, want sort) {
	if got != want {
		p.fail(at, "expected %v, got %v", want, got)
	}
}

// take consumes the next token.
func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != tokEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// expect consumes the punctuation marks or words given, one after another.
func (p *parser) expect(marks ...string) {
	for _, m := range marks {
		if t := p.take(); !t.is(m) {
			p.unexpected(t, "'"+m+"'")
		}
	}
}

// accept consumes the next token if it is this word or mark.
func (p *parser) accept(mark string) bool {
	if p.tokens[0].is(mark) {
		p.take()
		return true
	}
	return false
}

// emit adds an instruction that changes the depth of the stack by n values and
// returns where it stands.
func (p *parser) emit(in instr, n int) int {
	p.depth += n
	p.deepest = max(p.deepest, p.depth)
	p.code = append(p.code, in)
	return len(p.code) - 1
}

// land makes the jump at from lead to whatever is emitted next.
func (p *parser) land(from int) { p.code[from].n = len(p.code) }

// deeper guards the recursion.
func (p *parser) deeper() {
	if p.nesting++; p.nesting > maxNesting {
		p.fail(p.tokens[0], "parentheses are nested more than %d deep", maxNesting)
	}
}

// joints are the operators between conditions, the loosest first.
var joints = [...]struct {
	word string
	op   op // opJumpTrue, opJumpFalse: the right side is left out when the left decides
}{{"sor", opEither}, {"or", opJumpTrue}, {"sand", opBoth}, {"and", opJumpFalse}}

// expression reads one of either sort.
func (p *parser) expression() sort {
	p.deeper()
	defer func() { p.nesting-- }()
	return p.joined(0)
}

// joined reads operands between the operators from level on.
func (p *parser) joined(level int) sort {
	if level == len(joints) {
		return p.negated()
	}
	start := p.tokens[0]
	left := p.joined(level + 1)
	j := joints[level]
	for p.tokens[0].is(j.word) {
		p.must(start, left, condition)
		p.take()
		right := p.tokens[0]
		if j.op == opJumpTrue || j.op == opJumpFalse {
			jump := p.emit(instr{op: j.op}, 0)
			p.must(right, p.joined(level+1), condition)
			p.land(jump)
		} else {
			p.save(right)
			p.must(right, p.joined(level+1), condition)
			p.emit(instr{op: j.op}, 0)
			p.saved--
		}
	}
	return left
}

// save puts the truth value by.
func (p *parser) save(at token) {
	if p.saved++; p.saved > maxSaved {
		p.fail(at, "'sand', 'sor' and 'sifelse' are nested more than %d deep", maxSaved)
	}
	p.emit(instr{op: opSave}, 0)
}

// negated reads a comparison with any number of nots ahead of it.
func (p *parser) negated() sort {
	nots := 0
	for p.accept("not") {
		nots++
	}
	start := p.tokens[0]
	got := p.compared()
	if nots > 0 {
		p.must(start, got, condition)
	}
	if nots%2 == 1 {
		p.emit(instr{op: opNot}, 0)
	}
	return got
}

// compared reads a condition by itself, or values around == and +.
func (p *parser) compared() sort {
	if p.added() == condition {
		return condition
	}
	if !p.accept("==") {
		return value
	}
	start := p.tokens[0]
	p.must(start, p.added(), value)
	p.emit(instr{op: opEqual}, -2)
	return condition
}

// added reads values with + between them.
func (p *parser) added() sort {
	start := p.tokens[0]
	left := p.term()
	for p.tokens[0].is("+") {
		p.must(start, left, value)
		p.take()
		right := p.tokens[0]
		p.must(right, p.term(), value)
		p.emit(instr{op: opConcat}, -1)
	}
	return left
}

// inner reads an operand of a function.
func (p *parser) inner(want sort) {
	start := p.tokens[0]
	p.must(start, p.expression(), want)
}
