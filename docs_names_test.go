package dhcp4o6

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNamedTestsExist: what the documents say holds a rule is there: tests by
// their names, and conversations of testdata/flow.
func TestNamedTestsExist(t *testing.T) {
	tests := make(map[string]bool)
	err := filepath.WalkDir(".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("docs/*.md")
	rules, err2 := filepath.Glob("docs/rfc/*.md")
	if err != nil || err2 != nil || len(rules) == 0 {
		t.Fatal(err, err2)
	}
	for _, page := range append(pages, rules...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`).FindAllString(string(text), -1) {
			if !tests[name] {
				t.Errorf("%s names %s, which there is not", page, name)
			}
		}
		for _, m := range regexp.MustCompile(`flow ((?:(?:4o6|v4|v6)-[a-z0-9-]+(?:, )?)+)`).FindAllStringSubmatch(string(text), -1) {
			for _, name := range strings.Split(m[1], ", ") {
				if _, err := os.Stat("testdata/flow/" + name + ".flow"); name != "" && err != nil {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
	}
}
