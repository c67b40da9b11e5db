package dhcp4o6

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCommandsAreDocumented: docs/control.md names each command that somebody
// registers, and no other.
func TestCommandsAreDocumented(t *testing.T) {
	registered := []string{"list-commands"}
	for dir, pattern := range map[string]string{
		"pkg/daemon":   `\.Handle\("([a-z0-9-]+)"`,
		"pkg/leasecmd": `(?m)^\t\{"([a-z0-9#-]+)", `,
	} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
				registered = append(registered, string(m[1]))
			}
		}
	}
	text, err := os.ReadFile("docs/control.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rows, ok := strings.Cut(string(text), "## All commands")
	if !ok {
		t.Fatal("docs/control.md has no table of commands")
	}
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*`) \\| ").FindAllStringSubmatch(rows, -1) {
		for _, name := range strings.Split(row[1], ", ") {
			named = append(named, strings.Trim(name, "`"))
		}
	}
	for _, name := range registered {
		// a command of one family may stand in a row for both
		if !slices.Contains(named, name) && !slices.Contains(named, strings.NewReplacer("#", "4").Replace(name)) && !slices.Contains(named, strings.NewReplacer("#", "6").Replace(name)) {
			t.Errorf("docs/control.md lacks the command %s", name)
		}
	}
	for _, name := range named {
		if !slices.Contains(registered, name) && !slices.Contains(registered, strings.NewReplacer("4", "#", "6", "#").Replace(name)) {
			t.Errorf("docs/control.md names %s, which nobody registers", name)
		}
	}
}
