package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
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

// Each of the keys about caching is inherited by itself, and 0 switches it off.
func TestCache(t *testing.T) {
	const tail = `"subnet4":[{"id":1,"subnet":"192.0.2.0/24"%s}]}}`
	for _, test := range []struct {
		global, subnet string
		want           topology.Cache
	}{
		{"", "", topology.Cache{}},
		{`"cache-threshold":0.25,`, "", topology.Cache{Threshold: 0.25, MaxAge: maxU32}},
		{`"cache-threshold":0.25,`, `,"cache-max-age":600`, topology.Cache{Threshold: 0.25, MaxAge: 600}},
		{`"cache-max-age":600,`, "", topology.Cache{MaxAge: 600}},
		{`"cache-max-age":600,`, `,"cache-threshold":0.0`, topology.Cache{}},
		{`"cache-threshold":0.25,`, `,"cache-max-age":0`, topology.Cache{Threshold: 0.25}},
	} {
		cfg := load4(t, `{"Dhcp4":{`+test.global+fmt.Sprintf(tail, test.subnet))
		same(t, test.global+test.subnet, subnetOf(t, cfg, 1).Policy.Cache, test.want)
	}
	for _, test := range []struct {
		cache       topology.Cache
		valid, want uint32
	}{
		{topology.Cache{}, 4000, 0},
		{topology.Cache{Threshold: 0.25, MaxAge: maxU32}, 4000, 1000},
		{topology.Cache{Threshold: 0.25, MaxAge: 600}, 4000, 600},
		{topology.Cache{Threshold: 0.25, MaxAge: 600}, 400, 100},
		{topology.Cache{Threshold: 0.25}, 4000, 0},
		{topology.Cache{}, maxU32, maxU32},
	} {
		same(t, fmt.Sprintf("%v of %d", test.cache, test.valid), test.cache.Age(test.valid), test.want)
	}
}

// The threshold is looked at by the free lease queue alone; 1 is none.
func TestAdaptiveThreshold(t *testing.T) {
	cfg := load4(t, `{"Dhcp4":{"adaptive-lease-time-threshold":0.75,"allocator":"flq",
		"subnet4":[{"id":1,"subnet":"192.0.2.0/24"},{"id":2,"subnet":"198.51.100.0/24","adaptive-lease-time-threshold":1.0}]}}`)
	same(t, "inherited", subnetOf(t, cfg, 1).Policy.AdaptiveThreshold, 0.75)
	same(t, "switched off", subnetOf(t, cfg, 2).Policy.AdaptiveThreshold, 0.0)
	for text, want := range map[string]string{
		`{"Dhcp4":{"adaptive-lease-time-threshold":0.0}}`: "0 is no threshold",
		`{"Dhcp4":{"adaptive-lease-time-threshold":0.5}}`: "only the allocator flq",
	} {
		_, problems := Load("f", v4, Options{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
		if !strings.Contains(show(problems), want) {
			t.Errorf("%s:\n%s", text, show(problems))
		}
	}
}
