package config

// maxDepth is how deep brackets may nest. Kea's own keys need twelve levels; a
// user-context may hold more. Without a limit a file of brackets would use up
// the stack.
const maxDepth = 100

// A parser builds the tree of nodes. It goes on after an error where it can tell
// what was meant, so that one run shows all there is.
type parser struct {
	*scanner
	tok token
}

// parse reads the whole of a file; the tree is nil when it could not be read to
// the end.
func parse(s *scanner) *node {
	p := &parser{scanner: s}
	p.advance()
	if p.tok.kind == 0 {
		p.fail(p.tok.at, "the file is empty")
		return nil
	}
	n := p.value(&node{at: p.tok.at}, 1)
	if p.dead {
		return nil
	}
	if p.tok.kind == 'w' {
		return nil // has been reported
	}
	if p.tok.kind != 0 {
		p.fail(p.tok.at, "%s stands after the end of the configuration", p.tok.name())
		return nil
	}
	return n
}

func (p *parser) advance() { p.tok = p.next() }

// name is how a token is called in messages.
func (t token) name() string {
	switch t.kind {
	case 0:
		return "the end of the file"
	case 's':
		return "a string"
	case 'i', 'f':
		return "a number"
	case 't', 'n', 'w':
		return "a word"
	}
	return "'" + string(t.kind) + "'"
}

// value reads one value into n, which knows its parent already, and leaves p.tok
// after it.
func (p *parser) value(n *node, depth int) *node {
	t := p.tok
	n.at, n.str, n.num, n.float, n.bool = t.at, t.str, t.num, t.float, t.bool
	if depth > maxDepth {
		p.fail(t.at, "brackets are nested more than %d deep", maxDepth)
		return n
	}
	switch t.kind {
	case '{':
		n.kind = kMap
		p.advance()
		p.mapOf(n, depth)
		return n
	case '[':
		n.kind = kList
		p.advance()
		p.listOf(n, depth)
		return n
	case 's':
		n.kind = kString
	case 'i':
		n.kind = kInt
	case 'f':
		n.kind = kFloat
	case 't':
		n.kind = kBool
	case 'n':
		n.kind = kNull
	case 'w':
		n.kind = kBad
	default:
		p.fail(t.at, "a value is expected here, not %s", t.name())
		return n
	}
	p.advance()
	return n
}

// mapOf reads the members of n up to the closing bracket.
func (p *parser) mapOf(n *node, depth int) {
	seen := map[string]*node{}
	for i := 0; p.more(n, i, '}'); i++ {
		key := p.tok
		if key.kind != 's' && key.kind != 'w' { // w has been reported: a key without its quotes
			p.fail(key.at, "a key is expected here, not %s", key.name())
			return
		}
		p.advance()
		if p.tok.kind != ':' {
			p.fail(p.tok.at, "':' is expected here, not %s", p.tok.name())
			return
		}
		p.advance()
		v := p.value(&node{key: key.str, keyAt: key.at, parent: n}, depth+1)
		if key.kind == 'w' {
			continue
		}
		if first := seen[v.key]; first != nil {
			line := first.keyAt.line()
			p.add(Error, key.at, v.path(), "", "stands here a second time, first in line %d", line)
			continue
		}
		seen[v.key] = v
		n.members = append(n.members, v)
	}
}

// listOf reads the items of n up to the closing bracket.
func (p *parser) listOf(n *node, depth int) {
	for p.more(n, len(n.items), ']') {
		n.items = append(n.items, p.value(&node{parent: n, index: len(n.items)}, depth+1))
	}
}

// more reports whether another element of n follows its first i, and steps over
// what separates it from the one before. Commas too many are a warning, as in
// Kea; a comma too few is an error, after which the elements are still two.
func (p *parser) more(n *node, i int, closing byte) bool {
	commas, last := 0, place{}
	for ; p.tok.kind == ','; p.advance() {
		commas, last = commas+1, p.tok.at
		if i == 0 {
			p.add(Error, p.tok.at, n.path(), "", "a comma stands before the first element")
		} else if commas > 1 {
			p.add(Warning, p.tok.at, n.path(), "", "a comma too many; something may have been left out")
		}
	}
	switch {
	case p.dead:
		return false
	case p.tok.kind == closing:
		if commas == 1 && i > 0 {
			p.add(Warning, last, n.path(), "", "a comma stands before the closing bracket; something may have been left out")
		}
		p.advance()
		return false
	case p.tok.kind == 0:
		p.fail(n.at, "the bracket that opens here is not closed")
		return false
	case p.tok.kind == '}' || p.tok.kind == ']':
		line := n.at.line()
		p.fail(p.tok.at, "'%c' is expected here, for the bracket opened in line %d, not %s", closing, line, p.tok.name())
		return false
	case i > 0 && commas == 0:
		p.add(Error, p.tok.at, n.path(), "", "a comma is missing before this")
	}
	return true
}
