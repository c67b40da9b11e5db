package config

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// load4 returns the configuration of a text that has to be without error.
func load4(t *testing.T, text string) *Config {
	t.Helper()
	cfg, problems := Load("f", v4, Options{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if cfg == nil {
		t.Fatal(show(problems))
	}
	return cfg
}

// The allocator is inherited, as all else that networks and subnets have in common.
func TestAllocator(t *testing.T) {
	cfg := load4(t, `{"Dhcp4":{"allocator":"random",
		"shared-networks":[{"name":"n","allocator":"flq","subnet4":[
			{"id":1,"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.2.0/25"}]},
			{"id":2,"subnet":"198.51.100.0/24","allocator":"iterative","pools":[{"pool":"198.51.100.0/25"}]}]}],
		"subnet4":[{"id":3,"subnet":"203.0.113.0/24","pools":[{"pool":"203.0.113.0/25"},{"pool":"203.0.113.128/25"}]}]}}`)
	for id, want := range map[uint32]lease.Allocator{1: lease.FLQ, 2: lease.Iterative, 3: lease.Random} {
		for _, p := range subnetOf(t, cfg, id).Pools {
			if p.Lease.Allocator != want {
				t.Errorf("subnet %d: allocator %d, want %d", id, p.Lease.Allocator, want)
			}
		}
	}
}
