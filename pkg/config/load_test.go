package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

var update = flag.Bool("update", false, "write the golden files anew")

// in returns the family that a file of testdata is for.
func in(name string) Family {
	if strings.Contains(filepath.Base(name), "6") {
		return v6
	}
	return v4
}

// text loads a configuration that is given as text, with the files that it may
// include.
func text(f Family, main string, files map[string]string) (*Config, []Problem) {
	return Load("main.json", f, Options{ReadFile: func(name string) ([]byte, error) {
		if name == "main.json" {
			return []byte(main), nil
		}
		if t, ok := files[name]; ok {
			return []byte(t), nil
		}
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}})
}

// show is all problems as an operator sees them.
func show(problems []Problem) string {
	var b strings.Builder
	for i := range problems {
		b.WriteString(problems[i].String() + "\n")
	}
	return b.String()
}

func TestExamplesLoadWithoutErrors(t *testing.T) {
	for _, name := range examples(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			cfg, problems := Load(name, in(name), Options{})
			if cfg == nil {
				t.Fatalf("refused:\n%s", show(problems))
			}
			if len(cfg.Unserved)+len(cfg.Refuse) > 0 {
				t.Errorf("not everything in it is served: %q %q", cfg.Unserved, cfg.Refuse)
			}
		})
	}
}

func examples(t *testing.T) []string {
	var all []string
	for _, pattern := range []string{"testdata/*.json", "../../docs/examples/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		all = append(all, names...)
	}
	return all
}

// Kea is the judge of our reading of its language: what is in its older words
// its 2.2 has to take as well.
func TestKeaTakesTheExamples(t *testing.T) {
	for _, name := range examples(t) {
		if strings.Contains(name, "3.x") {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			program := fmt.Sprintf("kea-dhcp%d", in(name))
			need.Programs(t, program)
			if out, err := exec.Command(program, "-t", name).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// Every key that is said to be served stands in an example, in every kind of map
// that has it.
func TestExamplesHoldEveryServedKey(t *testing.T) {
	for _, f := range []Family{v4, v6} {
		seen := map[*rule]bool{}
		for _, name := range examples(t) {
			if in(name) == f {
				note(seen, f, global, tree(t, name).get(root(f)))
			}
		}
		for _, r := range served(f, global, map[*scope]bool{}) {
			if !seen[r.rule] {
				t.Errorf("%s: %s of %s is in no example", root(f), r.name, r.scope)
			}
		}
	}
}

type servedRule struct {
	*rule
	scope string
}

func served(f Family, s *scope, done map[*scope]bool) (out []servedRule) {
	if s == nil || done[s] {
		return nil
	}
	done[s] = true
	for i := range s.keys {
		if r := &s.keys[i]; r.state == Served && (r.in == 0 || r.in == f) {
			out = append(out, servedRule{r, s.name})
			out = append(out, served(f, r.of, done)...)
		} else if r.typ == tContext {
			out = append(out, served(f, r.of, done)...)
		}
	}
	return out
}

// note marks the rules of the keys in a map.
func note(seen map[*rule]bool, f Family, s *scope, n *node) {
	if s == nil || n == nil {
		return
	}
	for _, m := range n.members {
		r := s.find(f, m.key)
		if r == nil {
			continue
		}
		seen[r] = true
		if r.typ == tContext {
			note(seen, f, r.of, m.get("dhcp4o6"))
			continue
		}
		note(seen, f, r.of, m)
		for _, e := range m.items {
			note(seen, f, r.of, e)
		}
	}
}

func tree(t *testing.T, name string) *node {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n := parse(newScanner(&report{}, os.ReadFile, name, b))
	if n == nil {
		t.Fatalf("%s cannot be read", name)
	}
	return n
}

// The words of every error, with the place it is reported at.
func TestErrorText(t *testing.T) {
	names, err := filepath.Glob("testdata/errors/*.json")
	if err != nil || len(names) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			cfg, problems := Load(name, in(name), Options{})
			if cfg != nil && !strings.Contains(name, "warn") {
				t.Error("no error was found")
			}
			got := show(problems)
			golden := strings.TrimSuffix(name, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestIncludes(t *testing.T) {
	cfg, problems := Load("testdata/include.json", v4, Options{})
	if cfg == nil {
		t.Fatal(show(problems))
	}
	want := []string{"testdata/parts/members.json", "testdata/parts/interfaces.json", "testdata/parts/subnet.json"}
	if !slices.Equal(cfg.Includes, want) {
		t.Errorf("files read: %q, want %q", cfg.Includes, want)
	}
	if cfg.Topology.Policy.Valid.Default != 1234 || len(cfg.Topology.Subnets) != 2 || len(cfg.Interfaces.Specs) != 1 {
		t.Errorf("something of what was included is missing: %+v", cfg)
	}
}

func TestIncludeFaults(t *testing.T) {
	wide := strings.Repeat(`<?include "b"?> `, 20)
	deep := map[string]string{}
	for i := range 20 {
		deep[fmt.Sprint(i)] = fmt.Sprintf(`<?include "%d"?>`, i+1)
	}
	tests := []struct {
		name, main string
		files      map[string]string
		want       string
	}{
		{"missing", `{"Dhcp4": <?include "x.json"?>}`, nil, "main.json:1:11: x.json cannot be included: file does not exist (looked in the working directory "},
		{"itself", `<?include "main.json"?>`, nil, "main.json:1:1: main.json includes itself"},
		{"a loop", `{<?include "a"?>}`, map[string]string{"a": `"Dhcp4":{<?include "b"?>}`, "b": "\n <?include \"a\"?>"}, "b:2:2: a includes itself"},
		{"too deep", `<?include "0"?>`, deep, "8:1:1: more than 10 files are nested here"},
		{"too many", `[` + wide + `]`, map[string]string{"b": strings.Repeat(`<?include "c"?>`, 60), "c": "1,"}, "more than 1000 files are included"},
		{"not closed in its file", `{"Dhcp4":{"comment":"a <?include \"c\"?>`, nil, "does not end"},
		{"other instruction", `<?xml "a"?>`, nil, `<?include "file"?> is expected here`},
		{"no end", `{<?include "a"`, nil, `<?include "file"?> is expected here`},
		{"error inside", `{"Dhcp4":{"subnet4":[<?include "s"?>]}}`, map[string]string{"s": "\n{\"subnet\":\n\"192.0.2.0\"}"}, `s:3:1: subnet4[0].subnet: "192.0.2.0" has no /`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, problems := text(v4, tt.main, tt.files)
			if cfg != nil || !strings.Contains(show(problems), tt.want) {
				t.Errorf("got\n%s\nwant %s", show(problems), tt.want)
			}
		})
	}
}

func TestNoFile(t *testing.T) {
	cfg, problems := Load("no/such/file.json", v6, Options{})
	if cfg != nil || len(problems) != 1 || problems[0].Severity != Error {
		t.Fatal(problems)
	}
	if got := problems[0].String(); !strings.HasPrefix(got, "no/such/file.json: cannot be read: no such file or directory (looked in ") {
		t.Error(got)
	}
}

func TestEndlessFile(t *testing.T) {
	if _, err := os.Stat("/dev/zero"); err != nil {
		t.Fatal(err)
	}
	if _, problems := Load("/dev/zero", v4, Options{}); len(problems) != 1 || !strings.Contains(problems[0].Text, "longer than") {
		t.Error(show(problems))
	}
}

// A pair that leads nowhere is worth a word.
func TestPairWarnings(t *testing.T) {
	for main, want := range map[string]string{
		`{"Dhcp4":{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","4o6-interface":"eth0"}]}}`:                    "dhcp4o6-port is not set",
		`{"Dhcp4":{"subnet4":[{"id":1,"subnet":"192.0.2.0/24"}],"dhcp4o6-port":786}}`:                        "no subnet has a key of 4o6",
		`{"Dhcp4":{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","4o6-interface":"eth0"}],"dhcp4o6-port":786}}`: "",
		`{"Dhcp4":{"subnet4":[{"id":1,"subnet":"192.0.2.0/24"}]}}`:                                           "",
	} {
		cfg, problems := text(v4, main, nil)
		if cfg == nil || (len(problems) > 0) != (want != "") || !strings.Contains(show(problems), want) {
			t.Errorf("%s:\n%s\nwant %q", main, show(problems), want)
		}
	}
}

func TestReadErrorIsNotHidden(t *testing.T) {
	_, problems := Load("x", v4, Options{ReadFile: func(string) ([]byte, error) { return nil, errors.New("disk on fire") }})
	if !strings.Contains(show(problems), "disk on fire") {
		t.Error(show(problems))
	}
}

// A hundred thousand brackets are an error like any other.
func TestDepthIsBounded(t *testing.T) {
	for _, open := range []string{"[", `{"a":`, `{"Dhcp4":{"user-context":` + strings.Repeat(`[`, 98) + `[`} {
		cfg, problems := text(v4, strings.Repeat(open, 100000), nil)
		if cfg != nil || len(problems) != 1 || !strings.Contains(problems[0].Text, "more than 100 deep") {
			t.Errorf("%.10s: %.300s", open, show(problems))
		}
	}
}

// In a file of one long line the place can still be seen.
func TestLongLine(t *testing.T) {
	main := `{"Dhcp4":{"comment":"` + strings.Repeat("ä", 5000) + `","valid-lifetim":1,"user-context":{"a":"` + strings.Repeat("y", 5000) + `"}}}`
	_, problems := text(v4, main, nil)
	if len(problems) != 1 {
		t.Fatal(show(problems))
	}
	p := &problems[0]
	if want := len(`{"Dhcp4":{"comment":"`) + 5000 + len(`",`) + 1; p.Col != want || len(p.Source) > 2*maxLine {
		t.Errorf("column %d of %d octets, want %d", p.Col, len(p.Source), want)
	}
	lines := strings.Split(p.String(), "\n")
	if at := strings.Index(lines[2], "^"); !strings.HasPrefix(string([]rune(lines[1])[at:]), `"valid-lifetim"`) {
		t.Errorf("the caret is elsewhere:\n%s", p)
	}
}

// A file of nonsense does not bury the operator.
func TestProblemsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "\"k%d\": 1,\n", i)
	}
	_, problems := text(v4, `{"Dhcp4":{`+b.String()+`"x":1}}`, nil)
	if len(problems) != maxProblems+1 {
		t.Fatal(len(problems))
	}
	if last := problems[maxProblems]; last.Severity != Error || last.Text != "4501 more problems are not shown" {
		t.Error(last)
	}
}
