package config

import (
	"fmt"
	"strings"
)

// Severity says whether a problem keeps the configuration from being used.
type Severity uint8

// The two severities.
const (
	Warning Severity = iota
	Error
)

// String returns "warning" or "error".
func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// A Problem is one thing that is wrong, or worth knowing, about a configuration.
type Problem struct {
	File       string
	Line, Col  int    // from 1; a column is one character. 0: the file as a whole
	Path       string // "Dhcp4.subnet4[2].pools[0].pool"
	Text       string // what is wrong
	Source     string // the line of the file, without its end; of a very long one what is around Col
	Severity   Severity
	Suggestion string // what was probably meant, "" when nothing comes near

	cut int // characters missing before Source
}

// Error returns the first line of String.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	b.WriteString(": ")
	if p.Severity == Warning {
		b.WriteString("warning: ")
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Text)
	if p.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Suggestion)
	}
	return b.String()
}

// String returns the problem as it is shown to an operator: one line that says
// where and what, then the line of the file with a caret under the place.
func (p *Problem) String() string {
	if p.Source == "" || p.Line == 0 {
		return p.Error()
	}
	line, col := window(p.Source, p.Col-p.cut)
	return p.Error() + "\n    " + line + "\n    " + indent(line, col) + "^"
}

// maxSource is how much of a source line is shown.
const maxSource = 120

// window cuts a long line to what stands around col.
func window(line string, col int) (string, int) {
	r := []rune(line)
	if len(r) <= maxSource {
		return line, col
	}
	from := max(0, min(col-1-maxSource/2, len(r)-maxSource))
	return string(r[from : from+maxSource]), col - from
}

// indent is the white space that puts a caret under column col of line; tabs
// stay tabs, so that it lines up however wide they are shown.
func indent(line string, col int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i+1 >= col {
			break
		}
		if r == '\t' {
			b.WriteRune('\t')
		} else {
			b.WriteRune(' ')
		}
	}
	return b.String()
}
