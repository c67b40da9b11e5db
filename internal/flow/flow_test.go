package flow

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

var update = flag.Bool("update", false, "write the expectations anew")

const folder = "../../testdata/flow"

// TestFlow plays every conversation.
func TestFlow(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(folder, "*.flow"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no flow files (%v)", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".flow")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir, got := t.TempDir(), ""
			synctest.Test(t, func(t *testing.T) { got = play(t, dir, filepath.Base(file), string(text)) })
			switch {
			case t.Failed(), got == string(text):
			case *update:
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s\n(to accept: go test ./internal/flow -update)", difference(string(text), got))
			}
		})
	}
}

// difference shows where two texts part, with some lines before it.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	n := 0
	for n < len(w) && n < len(g) && w[n] == g[n] {
		n++
	}
	var b strings.Builder
	show := func(mark string, lines []string) {
		for _, l := range lines {
			b.WriteString(mark + l + "\n")
		}
	}
	b.WriteString("difference:\n")
	show("  ", w[max(0, n-6):n])
	show("- ", w[n:min(len(w), n+6)])
	show("+ ", g[n:min(len(g), n+6)])
	return b.String()
}
