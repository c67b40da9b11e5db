package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestMetrics(t *testing.T) {
	tests := []struct {
		f     Family
		ours  string
		want  string // "": nowhere
		wrong string
	}{
		{v4, ``, "", ""},
		{v4, `"metrics": {}`, "[::1]:9067", ""},
		{v6, `"metrics": {}`, "[::1]:9547", ""},
		{v4, `"metrics": {"address": "0.0.0.0", "port": 80}`, "0.0.0.0:80", ""},
		{v6, `"metrics": {"address": "::ffff:192.0.2.1"}`, "192.0.2.1:9547", ""},
		{v6, `"metrics": {"address": "fe80::1%eth0"}`, "[fe80::1%eth0]:9547", ""},
		{v6, `"metrics": {"address": "localhost"}`, "", "not a unicast address"},
		{v6, `"metrics": {"address": ""}`, "", "not a unicast address"},
		{v6, `"metrics": {"address": "ff02::1"}`, "", "not a unicast address"},
		{v4, `"metrics": {"port": 0}`, "", "port"},
		{v4, `"metrics": {"adress": "::1"}`, "", "address"},
		{v4, `"metrics": true`, "", "map"},
	}
	for _, tt := range tests {
		cfg, problems := text(tt.f, `{"`+root(tt.f)+`": {"user-context": {"dhcp4o6": {`+tt.ours+`}}}}`, nil)
		if tt.wrong != "" {
			if cfg != nil || len(problems) == 0 || !strings.Contains(problems[0].Error(), tt.wrong) {
				t.Errorf("%s: %v", tt.ours, problems)
			}
			continue
		}
		if cfg == nil {
			t.Errorf("%s: %v", tt.ours, problems)
			continue
		}
		var want netip.AddrPort
		if tt.want != "" {
			want = netip.MustParseAddrPort(tt.want)
		}
		if cfg.Ours.Metrics != want {
			t.Errorf("%s: %v, want %v", tt.ours, cfg.Ours.Metrics, want)
		}
	}
}

// The age counts where the number is 0, as in Kea, and samples are wanted where
// either is not the default.
func TestStatisticDefaults(t *testing.T) {
	tests := []struct {
		keys string
		want Statistics
	}{
		{``, Statistics{20, 0, false}},
		{`"statistic-default-sample-count": 20`, Statistics{20, 0, false}},
		{`"statistic-default-sample-count": 5`, Statistics{5, 0, true}},
		{`"statistic-default-sample-count": 1`, Statistics{1, 0, false}},
		{`"statistic-default-sample-age": 60`, Statistics{20, 0, false}},
		{`"statistic-default-sample-count": 0, "statistic-default-sample-age": 60`, Statistics{1, time.Minute, true}},
		{`"statistic-default-sample-count": 0`, Statistics{1, 0, false}},
	}
	for _, tt := range tests {
		cfg, problems := text(v4, `{"Dhcp4": {`+tt.keys+`}}`, nil)
		if cfg == nil {
			t.Fatal(problems)
		}
		if cfg.Statistics != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.keys, cfg.Statistics, tt.want)
		}
	}
}
