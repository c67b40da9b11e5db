package control

import (
	"errors"
	"fmt"
)

// maxDepth is how deep lists and maps may be nested, as in Kea since 2.7;
// kea-dhcp4 2.2.0 dies of 100,000 open brackets.
const maxDepth = 100

var (
	errDepth   = fmt.Errorf("lists and maps are nested more than %d deep", maxDepth)
	errTrailer = errors.New("there is more after the end of the command")
)

// A frame finds the end of a command in a stream. A UNIX stream has no lengths in it:
// the command is over when its outermost map is. Every octet is looked at once,
// however the writer cuts them up.
//
// The comments of Kea's dialect are blanked out on the way, so that what is
// between begin and end is JSON, with lines and columns where they were.
type frame struct {
	at         int // octets looked at
	begin, end int // the command; end is 0 until it is complete
	state      byte
	depth      int
	open       [maxDepth]byte // the brackets that wait for their other half
}

// The states of a frame.
const (
	betweenTokens = iota
	inString
	inEscape
	afterSlash
	inLine  // from # or // to the end of the line
	inBlock // between /* and */
	inBlockStar
	mismatched // a bracket closes another one: whatever follows, this is no command
)

// scan goes on in b, which begins with all that it was given before. What follows
// the command may be blank or a comment. An error is final.
func (f *frame) scan(b []byte) (err error) {
	for ; err == nil && f.at < len(b); f.at++ {
		switch f.state {
		case betweenTokens:
			if f.depth > 0 {
				f.skip(b)
			}
			if f.at < len(b) {
				err = f.token(b)
			}
		case inString:
			f.inString(b)
		case inEscape:
			f.state = inString
		case afterSlash:
			err = f.slash(b)
		case inLine:
			if b[f.at] == '\n' {
				f.state = betweenTokens
			} else {
				b[f.at] = ' '
			}
		case inBlock, inBlockStar:
			f.block(b)
		case mismatched:
			return nil
		}
	}
	f.at = min(f.at, len(b))
	return err
}

// complete reports whether there is a whole command.
func (f *frame) complete() bool { return f.end > 0 }

// blank reports whether there is nothing of a command yet.
func (f *frame) blank() bool { return f.depth == 0 && f.end == 0 }

// finished reports whether the text may end where it does: a comment to the end
// of the line needs no line end.
func (f *frame) finished() bool {
	return f.end > 0 && (f.state == betweenTokens || f.state == inLine || f.state == mismatched)
}

// telling are the octets outside of strings that a frame has to look at.
var telling = [256]bool{'{': true, '}': true, '[': true, ']': true, '"': true, '/': true, '#': true}

// skip passes over what is neither bracket nor string nor comment, inside of the
// outermost map.
func (f *frame) skip(b []byte) {
	for f.at < len(b) && !telling[b[f.at]] {
		f.at++
	}
}

// token looks at an octet outside of strings and comments.
func (f *frame) token(b []byte) error {
	c := b[f.at]
	switch c {
	case ' ', '\t', '\r', '\n':
		return nil
	case '#':
		b[f.at], f.state = ' ', inLine
		return nil
	case '/':
		f.state = afterSlash
		return nil
	}
	switch {
	case f.end > 0:
		return errTrailer
	case f.depth == 0 && c != '{' && c != '[':
		return fmt.Errorf("invalid first character %c", c)
	}
	switch c {
	case '"':
		f.state = inString
	case '{', '[':
		return f.push(c)
	case '}', ']':
		f.pop(c)
	}
	return nil
}

func (f *frame) push(c byte) error {
	if f.depth == maxDepth {
		return errDepth
	}
	if f.depth == 0 {
		f.begin = f.at
	}
	f.open[f.depth] = c
	f.depth++
	return nil
}

// pop takes whatever bracket there is: that it is the wrong one is for the
// parser to say, with line and column.
func (f *frame) pop(c byte) {
	f.depth--
	if c-f.open[f.depth] != 2 { // ']'-'[' and '}'-'{'
		f.state = mismatched
	}
	if f.depth == 0 || f.state == mismatched {
		f.depth, f.end = 0, f.at+1
	}
}

// inString skips to the end of the string, where most octets of a large command are.
func (f *frame) inString(b []byte) {
	for ; f.at < len(b); f.at++ {
		switch b[f.at] {
		case '"':
			f.state = betweenTokens
			return
		case '\\':
			f.state = inEscape
			return
		}
	}
	f.at-- // scan counts one more
}

func (f *frame) slash(b []byte) error {
	switch c := b[f.at]; c {
	case '/':
		f.state = inLine
	case '*':
		f.state = inBlock
	default:
		return fmt.Errorf("invalid characters /%c", c)
	}
	b[f.at-1], b[f.at] = ' ', ' '
	return nil
}

func (f *frame) block(b []byte) {
	c := b[f.at]
	if c != '\n' {
		b[f.at] = ' '
	}
	switch {
	case c == '/' && f.state == inBlockStar:
		f.state = betweenTokens
	case c == '*':
		f.state = inBlockStar
	default:
		f.state = inBlock
	}
}
