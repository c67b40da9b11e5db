package config

import (
	"bytes"
	"sort"
	"unicode"
	"unicode/utf8"
)

// A source is one file's text.
type source struct {
	name  string
	order int // files are numbered as they are read
	text  []byte
	lines []int // where each line begins; made when first asked for
}

// A place is one octet of one file.
type place struct {
	src *source
	off int
}

// line returns the number of the line that holds off, from 0.
func (s *source) line(off int) int {
	if s.lines == nil {
		s.lines = append(s.lines, 0)
		for i, c := range s.text {
			if c == '\n' {
				s.lines = append(s.lines, i+1)
			}
		}
	}
	return sort.SearchInts(s.lines, off+1) - 1
}

// line returns the line of p, from 1.
func (p place) line() int { return p.src.line(min(p.off, len(p.src.text))) + 1 }

// show returns line and column of p as people count them, and the line's text.
// Of a line that is very long, as a program may write it, only what stands around
// p is given, and cut says how many characters before that are missing.
func (p place) show() (line, col, cut int, text string) {
	off := min(p.off, len(p.src.text))
	n := p.src.line(off)
	begin := p.src.lines[n]
	rest := p.src.text[begin:]
	if end := bytes.IndexByte(rest, '\n'); end >= 0 {
		rest = rest[:end]
	}
	rest = bytes.TrimSuffix(rest, []byte{'\r'})
	at := min(off-begin, len(rest))
	from, to := max(0, at-maxLine), min(len(rest), at+maxLine)
	for ; from > 0 && from < at && !utf8.RuneStart(rest[from]); from++ {
	}
	cut = utf8.RuneCount(rest[:from])
	return n + 1, cut + utf8.RuneCount(rest[from:at]) + 1, cut, printable(rest[from:to])
}

// maxLine is how many octets of a line are kept on either side of a place.
const maxLine = 2000

// printable is a line as it may be shown on a terminal: as many characters, with
// those that would steer it replaced.
func printable(line []byte) string {
	return string(bytes.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return utf8.RuneError
		}
		return r
	}, line))
}

// before reports whether p stands before q.
func (p place) before(q place) bool {
	if p.src != q.src {
		return p.src.order < q.src.order
	}
	return p.off < q.off
}
