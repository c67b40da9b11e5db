package config

import (
	"strings"
	"testing"
)

// Every key has one row of five cells, and every default is one that the key's
// own rule takes.
func TestWriteKeys(t *testing.T) {
	for _, f := range []Family{v4, v6} {
		var b strings.Builder
		if err := WriteKeys(&b, f); err != nil {
			t.Fatal(err)
		}
		rows := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(rows) != len(Keys(f))+2 {
			t.Errorf("%d rows for %d keys", len(rows)-2, len(Keys(f)))
		}
		seen := map[string]bool{}
		for _, row := range rows {
			if strings.Count(row, "|") != 6 {
				t.Errorf("not five cells: %s", row)
			}
			key := strings.Split(row, "|")[1]
			if seen[key] {
				t.Errorf("twice: %s", key)
			}
			seen[key] = true
		}
	}
}

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
