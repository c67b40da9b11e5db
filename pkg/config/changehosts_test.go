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
