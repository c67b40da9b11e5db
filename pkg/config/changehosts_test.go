package config

import (
	"fmt"
	"strings"
	"testing"
)

// crowd is a configuration of 1,000 subnets with 10 reservations each, or as many in the
// first as all have together.
func crowd(t testing.TB, inOne bool) *Config {
	t.Helper()
	var b strings.Builder
	b.WriteString(`{"Dhcp4":{"subnet4":[`)
	for s := range 1000 {
		fmt.Fprintf(&b, `{"id":%d,"subnet":"10.%d.%d.0/22","pools":[{"pool":"10.%d.%d.10-10.%d.%d.250"}],"reservations":[`, s+1, s>>6, s&63<<2, s>>6, s&63<<2, s>>6, s&63<<2|3)
		n := 10
		if inOne {
			n = 0
			if s == 0 {
				n = 10000
			}
		}
		for i := range n {
			fmt.Fprintf(&b, `{"hw-address":"02:00:%02x:%02x:%02x:%02x","hostname":"h"`, s>>8, s&255, i>>8, i&255)
			if i < 900 {
				fmt.Fprintf(&b, `,"ip-address":"10.%d.%d.%d"`, s>>6, s&63<<2|(20+i)>>8, (20+i)&255)
			}
			b.WriteString("},")
		}
		text := strings.TrimSuffix(b.String(), ",")
		b.Reset()
		b.WriteString(text + "]},")
	}
	text := strings.TrimSuffix(b.String(), ",") + "]}}"
	c, problems := Load("crowd.json", v4, Options{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if c == nil {
		t.Fatal(problems)
	}
	return c
}

// BenchmarkChange is what a command costs with 1,000 subnets and 10,000 reservations.
func BenchmarkChange(b *testing.B) {
	for _, inOne := range []bool{false, true} {
		c := crowd(b, inOne)
		name := map[bool]string{false: "ten in each", true: "all in one"}[inOne]
		b.Run("reservation-add/"+name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				next, problems := c.ChangeHosts(1, nil, fmt.Appendf(nil, `{"hw-address":"04:00:00:%02x:%02x:%02x","hostname":"x"}`, i>>16&255, i>>8&255, i&255))
				if next == nil {
					b.Fatal(problems)
				}
			}
		})
		b.Run("subnet4-add/"+name, func(b *testing.B) {
			for b.Loop() {
				d := c.Draft()
				d.AddSubnet([]byte(`{"subnet":"192.0.2.0/24"}`))
				if next, problems := d.Compile(); next == nil {
					b.Fatal(problems)
				}
			}
		})
		b.Run("subnet4-get/"+name, func(b *testing.B) {
			for b.Loop() {
				c.SubnetJSON(500)
			}
		})
	}
}

// A reservation may name classes, those that packets are matched with already and those
// that nobody has named before; options for a class too.
func TestChangeHostsWithClasses(t *testing.T) {
	const text = `{"Dhcp4":{"subnet4":[{"id":1,"subnet":"192.0.2.0/24"},{"id":2,"subnet":"198.51.100.0/24","reservations":[
		{"hw-address":"02:00:00:00:00:01","client-classes":["red"],"hostname":"one"}, {"hw-address":"02:00:00:00:00:02","hostname":"two"}]}]}}`
	c, problems := Load("classes.json", v4, Options{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if c == nil {
		t.Fatal(show(problems))
	}
	var two *Host
	for h := range c.Hosts() {
		two = h
	}
	for _, class := range []string{"red", "green"} {
		host := fmt.Sprintf(`{"hw-address":"02:00:00:00:00:03","client-classes":["ALL",%q],"option-data":[{"name":"routers","data":"192.0.2.1","client-classes":[%q]}]}`, class, class)
		next, problems := c.ChangeHosts(2, []*Host{two}, []byte(host))
		if next == nil {
			t.Fatal(show(problems))
		}
		names, found := next.Topology.Classes.Names(), false
		for h := range next.Hosts() {
			if h.Key == two.Key {
				t.Error("the reservation stays that was to go")
			}
			if len(h.Classes) == 2 && names.Name(h.Classes[0]) == "ALL" && names.Name(h.Classes[1]) == class {
				found = true
			}
		}
		if !found {
			t.Errorf("nobody is in %s", class)
		}
		if again, problems := Load("again.json", v4, Options{ReadFile: func(string) ([]byte, error) { return next.JSON(), nil }}); again == nil || again.Hash() != next.Hash() {
			t.Errorf("read again it differs: %s", show(problems))
		}
	}
	if _, known := c.Topology.Classes.Names().Find([]byte("green")); known {
		t.Error("a class was given a number while packets are matched")
	}
}
