package dhcp4o6

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// codeNamed is a file, and what of it is meant, as the tables of docs/rfc have them:
// `build.go` configure, add.
var codeNamed = regexp.MustCompile("`([a-z0-9_/]+\\.go)`((?: [A-Za-z0-9]+(?:, [A-Za-z0-9]+)*)?)")

// TestDocsNameCodeThatExists: the code that a rule is said to stand in is there, in a file
// of that name and by those names.
func TestDocsNameCodeThatExists(t *testing.T) {
	files := sources(t)
	pages, err := filepath.Glob("docs/rfc/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if !strings.HasPrefix(line, "|") {
				continue
			}
			for _, m := range codeNamed.FindAllStringSubmatch(line, -1) {
				found++
				code, ok := "", false
				for name, text := range files {
					if strings.HasSuffix(name, "/"+m[1]) {
						code, ok = code+text, true
					}
				}
				if !ok {
					t.Errorf("%s:%d: there is no %s", page, n+1, m[1])
				}
				for name := range strings.FieldsFuncSeq(m[2], func(c rune) bool { return c == ' ' || c == ',' }) {
					if !regexp.MustCompile(`\b` + name + `\b`).MatchString(code) {
						t.Errorf("%s:%d: there is no %s in %s", page, n+1, name, m[1])
					}
				}
			}
		}
	}
	if found < 200 {
		t.Errorf("found %d names of files: the tables are written otherwise", found)
	}
}

// sources are the texts of the packages' files by path.
func sources(t *testing.T) map[string]string {
	files := make(map[string]string)
	for _, dir := range []string{"pkg", "internal", "cmd"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			files[filepath.ToSlash(path)] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestDocsNameRowsThatExist: TestX "a row" is a row of the table of TestX.
func TestDocsNameRowsThatExist(t *testing.T) {
	tests := make(map[string]string)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] += string(text)
		}
		return err
	})
	pages, err2 := filepath.Glob("docs/rfc/*.md")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(Test\w+) "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(tests[m[1]], m[2]) {
				t.Errorf("%s: %s has no row %q", page, m[1], m[2])
			}
		}
	}
}
