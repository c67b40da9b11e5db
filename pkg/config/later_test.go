package config

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// laterTable is the part of the documentation that lists what is not served yet.
func laterTable(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), "## Not yet served\n")
	if !found {
		t.Fatal("docs/config.md has no such table")
	}
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

// Every key that is not served yet, and every library, stands in the table of the
// documentation, and no key stands there that is served.
func TestLaterIsTabled(t *testing.T) {
	table := laterTable(t)
	later, others := map[string]bool{}, map[string]bool{}
	for _, f := range []Family{v4, v6} {
		for _, k := range Keys(f) {
			name := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
			if k.State == Later {
				later[name] = true
			} else {
				others[name] = true
			}
		}
	}
	for _, h := range append(scopes(global), &home{scope: global}) {
		for _, r := range h.scope.keys {
			if r.state == Later && !strings.Contains(table, "`"+r.name+"`") {
				t.Errorf("%s of %s is not in the table", r.name, h.scope.name)
			}
		}
	}
	for _, m := range regexp.MustCompile("`([a-z0-9-]+)`").FindAllStringSubmatch(table, -1) {
		if name := m[1]; !later[name] && others[name] && name != "id" && name != "lease-database" {
			t.Errorf("%s is in the table, and is served", name)
		}
	}
	for _, lib := range slices.Concat(harmlessHooks, decidingHooks, []string{"rbac"}) {
		if !regexp.MustCompile(`\b` + lib + `\b`).MatchString(table) {
			t.Errorf("the library %s is not in the table", lib)
		}
	}
}

// fieldExamples names a folder with the example files of Kea's releases, in
// folders kea4 and kea6. They are not ours to ship; without it, those of Debian's
// kea-doc serve.
const (
	fieldExamples  = "KEA_EXAMPLES"
	debianExamples = "/usr/share/doc/kea/examples"
)

// The files that Kea ships as examples have no error, and warn of nothing but
// what the table has.
func TestConfigurationOfTheField(t *testing.T) {
	dir := cmp.Or(os.Getenv(fieldExamples), debianExamples)
	if _, err := os.Stat(dir); err != nil {
		need.Skip(t, "needs Kea's examples: %v", err)
	}
	table := laterTable(t)
	n := 0
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(name, ".json") {
			return err
		}
		f := v4
		switch filepath.Base(filepath.Dir(name)) {
		case "kea4":
		case "kea6":
			f = v6
		default: // of other programs
			return nil
		}
		n++
		cfg, problems := Load(name, f, Options{ReadFile: func(file string) ([]byte, error) {
			if !filepath.IsAbs(file) {
				file = filepath.Join(filepath.Dir(name), file)
			}
			return os.ReadFile(file)
		}})
		if cfg == nil {
			t.Errorf("%s:\n%s", name, show(problems))
			return nil
		}
		for i := range problems {
			if p := &problems[i]; !tabled(table, p) {
				t.Error(p.Error())
			}
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Errorf("%d files, %v", n, err)
	}
}

// tabled reports whether a warning is about what the table has.
func tabled(table string, p *Problem) bool {
	switch {
	case strings.Contains(p.Text, "surplus values"), strings.Contains(p.Text, "dhcp4o6-port is not set"): // faults of the files
		return true
	case strings.Contains(p.Text, "has no id"), strings.Contains(p.Text, "classes are not evaluated"), strings.Contains(p.Text, "the library "):
		return true
	case strings.Contains(p.Text, "no client has a flex-id"), strings.Contains(p.Text, "is not evaluated"), strings.Contains(p.Text, "which is not served"):
		return true
	}
	name := p.Path[strings.LastIndexByte(p.Path, '.')+1:]
	return strings.Contains(p.Text, "is not served yet") && strings.Contains(table, "`"+strings.TrimRight(name, "[]0123456789")+"`")
}
