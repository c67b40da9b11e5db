package config

import (
	"fmt"
	"strings"
	"testing"
)

// big is a configuration of many subnets and reservations.
func big(subnets, hosts int) string {
	var b strings.Builder
	b.WriteString("{\"Dhcp4\":{\"subnet4\":[\n")
	for i := range subnets {
		if i > 0 {
			b.WriteString(",\n")
		}
		net := fmt.Sprintf("10.%d.%d", i>>8, i&255)
		fmt.Fprintf(&b, `{"id":%d,"subnet":"%s.0/24","pools":[{"pool":"%s.10-%s.99"}],"option-data":[{"name":"routers","data":"%s.1"}],"reservations":[`,
			i+1, net, net, net, net)
		for h := range hosts {
			if h > 0 {
				b.WriteString(",\n")
			}
			fmt.Fprintf(&b, `{"hw-address":"02:00:00:00:%02x:%02x","ip-address":"%s.%d"}`, h>>8, h, net, 100+h)
		}
		b.WriteString("]}")
	}
	b.WriteString("]}}")
	return b.String()
}

// A large provider's file loads in a time that nobody minds.
func BenchmarkLoad(b *testing.B) {
	text := big(2000, 50)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		cfg, problems := Load("f", v4, Options{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
		if cfg == nil {
			b.Fatal(show(problems))
		}
	}
}
