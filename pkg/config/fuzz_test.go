package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLoad: whatever the file holds, every problem has its place within it, there
// is a Config exactly when there is no error, and its JSON is the same Config.
func FuzzLoad(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, family := range []Family{v4, v6} {
			cfg, problems := Load("f", family, Options{ReadFile: func(name string) ([]byte, error) {
				switch name {
				case "f":
					return b, nil
				case "m":
					return []byte(`"valid-lifetime": 5`), nil
				}
				return nil, os.ErrNotExist
			}})
			failed := false
			lines := strings.Split(string(b), "\n")
			for i := range problems {
				p := &problems[i]
				failed = failed || p.Severity == Error
				if p.Text == "" || p.String() == "" {
					t.Fatalf("nothing is said: %+v", p)
				}
				if p.File != "f" || p.Line == 0 {
					continue
				}
				if p.Line > len(lines) {
					t.Fatalf("line %d of %d: %s", p.Line, len(lines), p)
				}
				if p.Col < 1 || p.Col > utf8.RuneCountInString(strings.ToValidUTF8(lines[p.Line-1], "\uFFFD"))+2 && utf8.ValidString(lines[p.Line-1]) {
					t.Fatalf("column %d of %q: %s", p.Col, lines[p.Line-1], p)
				}
			}
			if failed == (cfg != nil) {
				t.Fatalf("config %v with\n%s", cfg != nil, show(problems))
			}
			if cfg != nil {
				rewritten(t, cfg)
			}
		}
	})
}

// rewritten checks that what JSON writes is read as the same again.
func rewritten(t *testing.T, cfg *Config) {
	t.Helper()
	out, problems := text(cfg.Family, string(cfg.JSON()), nil)
	if out == nil {
		t.Fatalf("not read back:\n%s\n%s", show(problems), cfg.JSON())
	}
	if string(out.JSON()) != string(cfg.JSON()) {
		t.Fatalf("written twice: %s", firstDifference(cfg.JSON(), out.JSON()))
	}
}

// FuzzParse: what was read, written out as plain JSON, reads the same.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &report{}
		n := parse(newScanner(r, noFiles, "f", b))
		if n == nil || r.errs > 0 {
			return
		}
		out := render(n)
		r = &report{}
		again := parse(newScanner(r, noFiles, "f", []byte(out)))
		if again == nil || len(r.found) > 0 {
			t.Fatalf("%q became %q, which is not plain JSON:\n%s", b, out, show(r.problems()))
		}
		if second := render(again); second != out {
			t.Fatalf("%q became %q, then %q", b, out, second)
		}
	})
}

func noFiles(string) ([]byte, error) { return nil, os.ErrNotExist }

func seeds(f *testing.F) {
	for _, pattern := range []string{"testdata/*.json", "testdata/errors/*.json", "../../docs/examples/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte(`{"Dhcp4":{<?include "m"?>}}`))
	f.Add([]byte("{\"a\":\"\\u00ff\\ud83d\\ude00\\u20ac\",\"b\":[.5,-1,1e-3,null,true,],}"))
}

// render writes a tree as JSON that needs none of our liberties.
func render(n *node) string {
	var b strings.Builder
	var write func(n *node)
	write = func(n *node) {
		switch n.kind {
		case kNull:
			b.WriteString("null")
		case kBool:
			fmt.Fprint(&b, n.bool)
		case kInt:
			fmt.Fprint(&b, n.num)
		case kFloat:
			v := strconv.FormatFloat(n.float, 'e', -1, 64)
			b.WriteString(strings.Replace(v, "e+", "e", 1))
		case kString:
			quote(&b, n.str)
		case kMap:
			b.WriteByte('{')
			for i, m := range n.members {
				if i > 0 {
					b.WriteByte(',')
				}
				quote(&b, m.key)
				b.WriteByte(':')
				write(m)
			}
			b.WriteByte('}')
		case kList:
			b.WriteByte('[')
			for i, e := range n.items {
				if i > 0 {
					b.WriteByte(',')
				}
				write(e)
			}
			b.WriteByte(']')
		}
	}
	write(n)
	return b.String()
}

// quote writes octets; what is not plain is \u00XX, an octet each.
func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(b, "\\u%04x", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}
