package config

import (
	"os"
	"strings"
	"testing"
)

// TestEveryKeaKeyIsKnown: what Kea's grammar takes in a map is a key here, served
// or not, so that docs/config.md has it and a file with it is not refused.
func TestEveryKeaKeyIsKnown(t *testing.T) {
	b, err := os.ReadFile("testdata/kea-3.3.1-keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		family := map[string]Family{root(v4): v4, root(v6): v6}[f[0]]
		s := global
		for name := range strings.SplitSeq(strings.TrimPrefix(f[1], "."), ".") {
			if name == "" {
				continue
			}
			r := s.find(family, name)
			if r == nil || r.of == nil {
				t.Fatalf("%s: no map %s", f[0], f[1])
			}
			s = r.of
		}
		for _, key := range f[2:] {
			if n++; s.find(family, key) == nil {
				t.Errorf("%s %s: %s is not known", f[0], f[1], key)
			}
		}
	}
	if n < 700 {
		t.Errorf("only %d keys looked up", n)
	}
}
