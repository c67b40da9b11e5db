package script

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// TestEnv: the variables are those of Kea's library; TestScriptAgainstKea of
// package server4 compares them with Kea's own.
func TestEnv(t *testing.T) {
	l := lease.Lease{
		Resource: lease.Resource{Kind: lease.V4, Prefix: netip.MustParsePrefix("192.0.2.7/32")}, Start: time.Unix(1_800_000_000, 0), Valid: 600 * time.Second,
		ClientID: []byte{1, 2}, HWAddr: []byte{2, 0, 0x5e}, HWType: 1, Hostname: "a\x00b", Subnet: 3,
	}
	one := func(prefix string) []string {
		return []string{prefix + "_ADDRESS=192.0.2.7", prefix + "_CLTT=1800000000", prefix + "_HOSTNAME=ab", prefix + "_HWADDR=02:00:5e", prefix + "_HWADDR_TYPE=1",
			prefix + "_STATE=default", prefix + "_SUBNET_ID=3", prefix + "_VALID_LIFETIME=600", prefix + "_CLIENT_ID=01:02"}
	}
	tests := []struct {
		name string
		add  func(*Env)
		want []string
	}{
		{"lease", func(e *Env) { e.Lease4("LEASE4", &l) }, one("LEASE4")},
		{"infinite lease", func(e *Env) { m := l; m.Valid = lease.Infinite; e.Lease4("L", &m) }, replace(one("L"), "L_VALID_LIFETIME=4294967295")},
		{"no leases", func(e *Env) { e.Leases4("LEASES4", nil) }, []string{"LEASES4_SIZE=0"}},
		{"leases", func(e *Env) { e.Leases4("LEASES4", []lease.Lease{l, l}) }, slices.Concat([]string{"LEASES4_SIZE=2"}, one("LEASES4_AT0"), one("LEASES4_AT1"))},
		{"subnet", func(e *Env) { e.Subnet4("SUBNET4", 3, netip.MustParsePrefix("192.0.2.0/24")) },
			[]string{"SUBNET4_ID=3", "SUBNET4_NAME=192.0.2.0/24", "SUBNET4_PREFIX=192.0.2.0", "SUBNET4_PREFIX_LEN=24"}},
		{"no subnet", func(e *Env) { e.Subnet4("SUBNET4", 0, netip.Prefix{}) }, []string{"SUBNET4_ID=", "SUBNET4_NAME=", "SUBNET4_PREFIX=", "SUBNET4_PREFIX_LEN="}},
		{"nobody", func(e *Env) { e.HWAddr("H", 1, nil); e.ID("C", nil); e.Bool("B", true) }, []string{"H=", "H_TYPE=", "C=", "B=true"}},
	}
	for _, tt := range tests {
		var e Env
		if tt.add(&e); !slices.Equal(e.Vars(), tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, e.Vars(), tt.want)
		}
	}
}

// replace puts variables in the place of others of the same name.
func replace(vars []string, with ...string) []string {
	for _, w := range with {
		name, _, _ := strings.Cut(w, "=")
		for i, v := range vars {
			if strings.HasPrefix(v, name+"=") {
				vars[i] = w
			}
		}
	}
	return vars
}

// FuzzPacket4: whatever a client sends, every variable is one that an environment can
// hold, and no name comes twice.
func FuzzPacket4(f *testing.F) {
	var w dhcp4.Builder
	w.SetCHAddr([]byte{2, 0, 0x5e, 0, 0, 1})
	w.Query(dhcp4.Request, nil)
	w.Add(dhcp4.OptRelayAgentInfo, []byte("\x01\x04port\x02\x02\xab\xcd"))
	f.Add(w.Bytes())
	f.Add(append(slices.Clone(w.Bytes()), 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m dhcp4.Message
		if m.Parse(b) != nil {
			return
		}
		var e Env
		e.Packet4("QUERY4", &Packet4{Message: &m, Type: m.Type()})
		seen := map[string]bool{}
		for _, v := range e.Vars() {
			name, _, ok := strings.Cut(v, "=")
			if !ok || strings.ContainsRune(v, 0) || seen[name] {
				t.Fatalf("%q", v)
			}
			seen[name] = true
		}
		if v, ok := m.Option(dhcp4.OptRelayAgentInfo); ok && !slices.Contains(e.Vars(), "QUERY4_OPTION_82=0x"+strings.ToUpper(hex.EncodeToString(v))) {
			t.Error("option 82 is missing")
		}
	})
}
