package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// again reads what JSON has written.
func again(t *testing.T, cfg *Config) *Config {
	t.Helper()
	out, problems := text(cfg.Family, string(cfg.JSON()), nil)
	if out == nil {
		t.Fatalf("not read back:\n%s", show(problems))
	}
	return out
}

// What is written is the same configuration: the same topology, the same
// settings, the same text and hash.
func TestJSONIsTheConfiguration(t *testing.T) {
	for _, name := range examples(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			a, problems := Load(name, in(name), Options{})
			if a == nil {
				t.Fatal(show(problems))
			}
			b := again(t, a)
			if !bytes.Equal(a.JSON(), b.JSON()) || a.Hash() != b.Hash() {
				t.Errorf("written twice: %s", firstDifference(a.JSON(), b.JSON()))
			}
			a.doc, b.doc = nil, nil
			b.File, b.Includes = a.File, a.Includes
			same := func(what string, x, y any) {
				if !reflect.DeepEqual(x, y) {
					t.Errorf("%s differ: %+v, then %+v", what, x, y)
				}
			}
			same("subnets", fmt.Sprint(subnetsOf(a)), fmt.Sprint(subnetsOf(b)))
			same("global options", a.Topology.Options, b.Topology.Options)
			same("identifiers", a.Topology.Identifiers, b.Topology.Identifiers)
			same("policy", a.Topology.Policy, b.Topology.Policy)
			a.Topology, b.Topology = nil, nil
			same("settings", a, b)
		})
	}
}

// firstDifference shows where two texts part.
func firstDifference(a, b []byte) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	part := func(s []byte) []byte { return s[max(0, min(i, len(s))-60):min(len(s), i+60)] }
	return fmt.Sprintf("...%s...\n...%s...", part(a), part(b))
}

// subnetsOf is what a topology says of its subnets, flat.
func subnetsOf(c *Config) (all []string) {
	for _, s := range c.Topology.Subnets {
		network := ""
		if s.Network != nil {
			network = s.Network.Name
		}
		line := fmt.Sprintf("%d %v %s %+v %v %v %v %v", s.ID, s.Prefix, network, s.Policy, s.Options, s.ReserveGlobal, s.ReserveIn, s.ReserveOut)
		for _, p := range s.Pools {
			line += fmt.Sprintf(" %v-%v %v", p.Lease.First, p.Lease.Last, p.Options)
		}
		var hosts []string
		for _, r := range s.Reservations {
			hosts = append(hosts, fmt.Sprintf("%+v", *r))
		}
		slices.Sort(hosts)
		all = append(all, line+strings.Join(hosts, " "))
	}
	return all
}

// Kea 2.2 takes what we write of files in its words.
func TestKeaTakesTheJSON(t *testing.T) {
	for _, name := range examples(t) {
		if strings.Contains(name, "3.x") {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			program := fmt.Sprintf("kea-dhcp%d", in(name))
			need.Programs(t, program)
			cfg, problems := Load(name, in(name), Options{})
			if cfg == nil {
				t.Fatal(show(problems))
			}
			file := filepath.Join(t.TempDir(), "out.json")
			if err := os.WriteFile(file, cfg.JSON(), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(program, "-t", file).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// The order of members and what a file leaves out change neither text nor hash;
// a value does.
func TestHash(t *testing.T) {
	hash := func(json string) string {
		cfg, problems := text(v4, json, nil)
		if cfg == nil {
			t.Fatal(show(problems))
		}
		return cfg.Hash()
	}
	a := hash(`{"Dhcp4":{"valid-lifetime":7200,"subnet4":[{"id":1,"subnet":"192.0.2.0/24"}]}}`)
	if b := hash(`{"Dhcp4":{"subnet4":[{"subnet":"192.0.2.0/24"}] /* in order */, "echo-client-id": true}}`); a != b {
		t.Errorf("%s, then %s", a, b)
	}
	if b := hash(`{"Dhcp4":{"valid-lifetime":7201,"subnet4":[{"id":1,"subnet":"192.0.2.0/24"}]}}`); a == b {
		t.Error("another lifetime, the same hash")
	}
	if len(a) != 64 || strings.ToUpper(a) != a {
		t.Error(a)
	}
}

// JSON shows what is in force: numbers of subnets, inherited lifetimes, codes of
// options, octets that are no text.
func TestJSONShowsWhatIsInForce(t *testing.T) {
	cfg, problems := text(v4, `{"Dhcp4":{"valid-lifetime":600,"renew-timer":100,
		"shared-networks":[{"name":"n","valid-lifetime":700,"subnet4":[{"subnet":"198.51.100.0/24","rebind-timer":300}]}],
		"subnet4":[{"subnet":"192.0.2.0/24","4o6-interface-id":"\u0080ü","option-data":[{"name":"routers","data":"192.0.2.1"}],
			"user-context":{"b":[1,2.5,-3,null,true,{"x":"\""}],"a":2.0}}]}}`, nil)
	if cfg == nil {
		t.Fatal(show(problems))
	}
	var all struct {
		Dhcp4 struct {
			Networks []struct {
				Subnets []map[string]any `json:"subnet4"`
			} `json:"shared-networks"`
			Subnets []map[string]any `json:"subnet4"`
		}
	}
	if err := json.Unmarshal(cfg.JSON(), &all); err != nil {
		t.Fatal(err)
	}
	in, out := all.Dhcp4.Networks[0].Subnets[0], all.Dhcp4.Subnets[0]
	for _, tt := range []struct {
		of   map[string]any
		key  string
		want any
	}{
		{in, "id", 1.0}, {in, "valid-lifetime", 700.0}, {in, "max-valid-lifetime", 700.0}, {in, "renew-timer", 100.0}, {in, "rebind-timer", 300.0},
		{out, "id", 2.0}, {out, "valid-lifetime", 600.0}, {out, "rebind-timer", nil}, {out, "t2-percent", 0.875},
		{out, "4o6-interface-id", "\u0080\u00c3\u00bc"}, {out, "pools", []any{}}, {out, "relay", map[string]any{"ip-addresses": []any{}}},
		{out, "option-data", []any{map[string]any{"always-send": false, "code": 3.0, "csv-format": true, "data": "192.0.2.1", "name": "routers", "space": "dhcp4"}}},
	} {
		if !reflect.DeepEqual(tt.of[tt.key], tt.want) {
			t.Errorf("%s is %v, want %v", tt.key, tt.of[tt.key], tt.want)
		}
	}
	if want := `"user-context":{"a":2.0,"b":[1,2.5,-3,null,true,{"x":"\""}]}`; !strings.Contains(string(cfg.JSON()), want) {
		t.Errorf("%s is not in %s", want, cfg.JSON())
	}
}

// Everything shown by default is a key of its scope in some family.
func TestShownKeysExist(t *testing.T) {
	scopesByName := map[string]*scope{"global": global}
	for _, h := range scopes(global) {
		scopesByName[h.scope.name] = h.scope
	}
	for name, keys := range shown {
		s := scopesByName[name]
		if s == nil {
			t.Errorf("no scope %s", name)
			continue
		}
		for _, key := range keys {
			key, _, _ := strings.Cut(key, ":")
			if s.find(v4, key) == nil && s.find(v6, key) == nil {
				t.Errorf("%s has no key %s", name, key)
			}
		}
	}
}
