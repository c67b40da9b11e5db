package config

import (
	"io"
	"os"
	"strings"
	"testing"
)

// The documentation lists every key, as the schema has it. -update writes the
// tables anew, behind the line that they begin with.
func TestDocumentation(t *testing.T) { documented(t, "../../docs/config.md", WriteKeys) }

// So does that of the clients.
func TestClientDocumentation(t *testing.T) { documented(t, "../../docs/clients.md", WriteClientKeys) }

func documented(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	const mark = "<!-- from here on made by go test ./pkg/config -update -->\n"
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	tables := strings.TrimSuffix(b.String(), "\n")
	for row := range strings.Lines(tables) {
		if strings.HasPrefix(row, "|") && strings.Count(row, "|") != 7 {
			t.Errorf("not six cells: %s", row)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	prose, old, found := strings.Cut(string(text), mark)
	if !found {
		t.Fatalf("%s has no line %s", name, mark)
	}
	if *update {
		if err := os.WriteFile(name, []byte(prose+mark+tables), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if old != tables {
		t.Errorf("%s is not what the schema says; run go test ./pkg/config -update", name)
	}
}

// Keys names every key once, with a path that leads to it.
func TestKeys(t *testing.T) {
	for _, f := range []Family{v4, v6} {
		seen := map[string]bool{}
		for _, k := range Keys(f) {
			if seen[k.Path] {
				t.Errorf("twice: %s", k.Path)
			}
			seen[k.Path] = true
		}
		for _, path := range []string{"valid-lifetime", "subnet4[].pools[].pool", "subnet6[].pd-pools[].prefix", "loggers[].output-options[].maxsize",
			"shared-networks[].user-context.dhcp4o6.links", "user-context.dhcp4o6.offer-hold"} {
			if other := strings.Contains(path, "subnet6") && f == v4 || strings.Contains(path, "subnet4") && f == v6 || strings.Contains(path, "links") && f == v6; seen[path] == other {
				t.Errorf("%s: %s is there: %v", root(f), path, seen[path])
			}
		}
	}
}

// Defaults are values that their own rules take, and no scope has a key twice.
func TestDefaultsFitTheirRules(t *testing.T) {
	for _, f := range []Family{v4, v6} {
		done := map[*scope]bool{}
		var walk func(s *scope)
		walk = func(s *scope) {
			if s == nil || done[s] {
				return
			}
			done[s] = true
			names := map[string]bool{}
			for i := range s.keys {
				r := &s.keys[i]
				if r.in != 0 && r.in != f {
					continue
				}
				if names[r.name] {
					t.Errorf("%s of %s stands twice", r.name, s.name)
				}
				names[r.name] = true
				walk(r.of)
				if r.def == "" {
					continue
				}
				value := r.def
				if strings.Contains(r.typ.String(), "string") && r.typ != tStrings || strings.Contains(r.typ.String(), "address") {
					value = `"` + r.def + `"`
				}
				rep := &report{}
				n := parse(newScanner(rep, noFiles, "default", []byte(value)))
				if n == nil {
					t.Errorf("%s of %s: default %s is no value", r.name, s.name, r.def)
					continue
				}
				c := &compiler{report: rep, cfg: &Config{Family: f}}
				if !c.checkValue(n, r) || rep.errs > 0 {
					t.Errorf("%s of %s: default %s: %s", r.name, s.name, r.def, show(rep.problems()))
				}
			}
		}
		walk(global)
	}
}

// A misspelt key is answered by the key that was meant, where one comes near.
func TestNearest(t *testing.T) {
	keys := global.names(v4)
	for word, want := range map[string]string{
		"valid-lifetim":         "valid-lifetime",
		"valid_lifetime":        "valid-lifetime",
		"Valid-Lifetime":        "valid-lifetime",
		"lifetime-valid":        "",
		"reservation":           "reservations",
		"sharednetworks":        "shared-networks",
		"logger":                "loggers",
		"dhcp4o6port":           "dhcp4o6-port",
		"x":                     "",
		"authoritaitve":         "authoritative",
		strings.Repeat("v", 99): "",
	} {
		if got := nearest(word, keys); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}
