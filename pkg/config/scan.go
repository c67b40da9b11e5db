package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What keeps includes from eating the machine.
const (
	maxNest     = 10       // files within files, as in Kea
	maxIncludes = 1000     // files in all
	maxText     = 64 << 20 // octets in all
)

// A token is one word of the file. Brackets, comma and colon are their own kind.
type token struct {
	kind  byte // one of { } [ ] , : or s(tring) i(nteger) f(loat) t(rue) n(ull) w(rong) or 0 at the end
	at    place
	str   string
	num   int64
	float float64
	bool  bool
}

// A scanner turns text into tokens, with the text of included files in the place
// of the <?include?>, as Kea's lexers do: what is included need not be a whole
// value, it may be members or items.
type scanner struct {
	*report
	stack    []*reading
	read     func(string) ([]byte, error)
	included []string
	octets   int
	sources  int
	dead     bool // an error after which nothing can be understood
}

type reading struct {
	src *source
	off int
}

func newScanner(r *report, read func(string) ([]byte, error), name string, text []byte) *scanner {
	s := &scanner{report: r, read: read}
	s.push(name, text)
	return s
}

func (s *scanner) push(name string, text []byte) {
	s.octets += len(text)
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // byte order mark
	s.stack = append(s.stack, &reading{src: &source{name: name, order: s.sources, text: text}})
	s.sources++
}

// fail reports an error that ends the reading.
func (s *scanner) fail(at place, format string, args ...any) token {
	if !s.dead {
		s.add(Error, at, "", "", format, args...)
	}
	s.dead = true
	return token{at: at}
}

// next returns the next token; kind 0 when there is none, after which dead says
// whether that is the end or an error.
func (s *scanner) next() token {
	for !s.dead {
		r := s.stack[len(s.stack)-1]
		if r.off >= len(r.src.text) {
			if len(s.stack) == 1 {
				return token{at: place{r.src, len(r.src.text)}}
			}
			s.stack = s.stack[:len(s.stack)-1]
			continue
		}
		at := place{r.src, r.off}
		rest := r.src.text[r.off:]
		switch c := rest[0]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			r.off++
		case c == '#' || bytes.HasPrefix(rest, []byte("//")):
			n := bytes.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			r.off += n
		case bytes.HasPrefix(rest, []byte("/*")):
			n := bytes.Index(rest[2:], []byte("*/"))
			if n < 0 {
				return s.fail(at, "the comment that begins here does not end")
			}
			r.off += n + 4
		case bytes.HasPrefix(rest, []byte("<?")):
			if !s.include(r, at) {
				return token{at: at}
			}
		case strings.IndexByte("{}[],:", c) >= 0:
			r.off++
			return token{kind: c, at: at}
		case c == '"':
			return s.quoted(r, at)
		default:
			return s.word(r, at)
		}
	}
	return token{}
}

// include reads <?include "file"?> and goes on in the file.
func (s *scanner) include(r *reading, at place) bool {
	name, n, ok := cutInclude(r.src.text[r.off:])
	if !ok {
		s.fail(at, `<?include "file"?> is expected here`)
		return false
	}
	r.off += n
	for _, open := range s.stack {
		if open.src.name == name {
			s.fail(at, "%s includes itself", name)
			return false
		}
	}
	switch {
	case len(s.stack) >= maxNest:
		s.fail(at, "more than %d files are nested here", maxNest)
	case len(s.included) >= maxIncludes:
		s.fail(at, "more than %d files are included", maxIncludes)
	}
	if s.dead {
		return false
	}
	text, err := s.read(name)
	if err != nil {
		s.fail(at, "%s cannot be included: %v%s", name, reason(err), looked(name))
		return false
	}
	if s.octets+len(text) > maxText {
		s.fail(at, "the files are longer than %d octets", maxText)
		return false
	}
	s.included = append(s.included, name)
	s.push(name, text)
	return true
}

// cutInclude takes <?include "file"?> apart and returns its length.
func cutInclude(b []byte) (name string, n int, ok bool) {
	end := bytes.Index(b[2:], []byte("?>")) + 2
	if end < 2 {
		return "", 0, false
	}
	body := strings.TrimSpace(string(b[2:end]))
	body, ok = strings.CutPrefix(body, "include")
	if !ok {
		return "", 0, false
	}
	body = strings.TrimSpace(body)
	if len(body) < 3 || body[0] != '"' || body[len(body)-1] != '"' || strings.ContainsAny(body[1:len(body)-1], "\"\n") {
		return "", 0, false
	}
	return body[1 : len(body)-1], end + 2, true
}

// looked says where a relative name was looked for: as in Kea that is the
// daemon's working directory, not the folder of the including file.
func looked(name string) string {
	if filepath.IsAbs(name) {
		return ""
	}
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (looked in the working directory %s)", dir)
}

// reason is what an error of the file system says about the file, without its name.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// quoted reads a string.
func (s *scanner) quoted(r *reading, at place) token {
	text := r.src.text
	var out []byte
	for i := r.off + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			r.off = i + 1
			return token{kind: 's', at: at, str: string(out)}
		case c == '\n':
			return s.fail(at, "the string that begins here does not end in this line")
		case c == '\\':
			var n int
			out, n = s.escape(out, place{r.src, i})
			i += n
		case c < 0x20:
			s.add(Error, place{r.src, i}, "", "", "a string holds no control character %#02x; write \\u%04x", c, c)
		default:
			out = append(out, c)
		}
	}
	return s.fail(at, "the string that begins here does not end")
}

// escape appends what the escape sequence at p stands for, and returns how many
// octets follow its backslash. \u0080 to \u00ff are single octets, as in Kea, so
// that an interface-id can be written; what is above becomes UTF-8.
func (s *scanner) escape(out []byte, p place) ([]byte, int) {
	rest := p.src.text[p.off+1:]
	if len(rest) == 0 {
		return out, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, rest[0]); i >= 0 {
		return append(out, "\"\\/\b\f\n\r\t"[i]), 1
	}
	if rest[0] != 'u' {
		s.add(Error, p, "", "", `\%s is not an escape of JSON; a backslash is written \\`, firstRune(rest))
		return out, 0
	}
	v, ok := hex4(rest[1:])
	if !ok {
		s.add(Error, p, "", "", `\u wants four hexadecimal digits`)
		return out, 1
	}
	if v <= 0xff {
		return append(out, byte(v)), 5
	}
	if low, ok := hex4(bytes.TrimPrefix(rest[5:], []byte(`\u`))); v&^0x3ff == 0xd800 && bytes.HasPrefix(rest[5:], []byte(`\u`)) && ok && low&^0x3ff == 0xdc00 {
		return utf8.AppendRune(out, 0x10000+(v&0x3ff)<<10|(low&0x3ff)), 11
	}
	return utf8.AppendRune(out, v), 5
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(v), err == nil
}

func firstRune(b []byte) string {
	r, _ := utf8.DecodeRune(b)
	return string(r)
}

// word reads a number or one of JSON's three names. A word that is neither is
// reported and stands for a value of which nothing is known, so that the rest of
// the file can be checked.
func (s *scanner) word(r *reading, at place) token {
	rest := r.src.text[r.off:]
	n := 0
	for n < len(rest) && strings.IndexByte(" \t\r\n{}[],:\"#", rest[n]) < 0 && !bytes.HasPrefix(rest[n:], []byte("//")) && !bytes.HasPrefix(rest[n:], []byte("/*")) {
		n++
	}
	if n == 0 {
		n = 1
	}
	r.off += n
	w := string(rest[:n])
	switch w {
	case "true", "false":
		return token{kind: 't', at: at, bool: w == "true"}
	case "null":
		return token{kind: 'n', at: at}
	}
	if isNumber(w) {
		return s.number(at, w)
	}
	s.wrongWord(at, w)
	return token{kind: 'w', at: at}
}

// isNumber reports whether a word was meant to be a number.
func isNumber(w string) bool {
	w = strings.TrimLeft(w, "+-")
	w = strings.TrimPrefix(w, ".")
	return w != "" && w[0] >= '0' && w[0] <= '9'
}

func (s *scanner) wrongWord(at place, w string) {
	if len(w) > 40 {
		w = w[:40] + "..."
	}
	meant := ""
	switch strings.ToLower(w) {
	case "true", "yes", "on":
		meant = "true"
	case "false", "no", "off":
		meant = "false"
	case "null", "none", "nil":
		meant = "null"
	}
	if meant != "" {
		s.add(Error, at, "", meant, "%s is not a value of JSON", w)
		return
	}
	s.add(Error, at, "", "", "%s is not a value of JSON; a string stands in double quotes", strconv.QuoteToGraphic(w))
}

// number reads a number: JSON's, and ".5", which Kea takes too.
func (s *scanner) number(at place, w string) token {
	digits := strings.TrimPrefix(w, "-")
	switch {
	case w[0] == '+':
		s.add(Error, at, "", w[1:], "a number has no + before it")
		return token{kind: 'w', at: at}
	case len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9':
		s.add(Error, at, "", "", "a number has no leading zero: %s", w)
		return token{kind: 'w', at: at}
	}
	if strings.ContainsAny(w, ".eE") {
		v, err := strconv.ParseFloat(w, 64)
		if err != nil || !plainFloat(digits) {
			s.add(Error, at, "", "", "%s is not a number", w)
			return token{kind: 'w', at: at}
		}
		return token{kind: 'f', at: at, float: v}
	}
	v, err := strconv.ParseInt(w, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		s.add(Error, at, "", "", "%s is too large a number", w)
	case err != nil:
		s.add(Error, at, "", "", "%s is not a number", w)
	default:
		return token{kind: 'i', at: at, num: v, float: float64(v)}
	}
	return token{kind: 'w', at: at}
}

// plainFloat refuses what Go reads as a number and JSON does not: underscores,
// hexadecimal, a point with nothing after it.
func plainFloat(w string) bool {
	return strings.Trim(w, "0123456789.eE+-") == "" && !strings.HasSuffix(w, ".") && !strings.Contains(w, ".e") && !strings.Contains(w, ".E")
}
