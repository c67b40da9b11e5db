package lease_test

import (
	"net/netip"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// The size of a pool is told however great it is.
func TestTotal(t *testing.T) {
	tests := []struct {
		kind        lease.Kind
		first, last string
		length      uint8
		want        string
	}{
		{lease.V4, "192.0.2.10", "192.0.2.10", 32, "1"},
		{lease.V4, "0.0.0.0", "255.255.255.255", 32, "4294967296"},
		{lease.NA, "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", 128, "18446744073709551616"},
		{lease.NA, "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", 128, "18446744073709551615"},
		{lease.NA, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128, "340282366920938463463374607431768211456"},
		{lease.PD, "2001:db8::", "2001:db8:ff:ffff:ffff:ffff:ffff:ffff", 64, "16777216"},
	}
	for _, tt := range tests {
		p, err := lease.NewPool(tt.kind, 1, 0, netip.MustParseAddr(tt.first), netip.MustParseAddr(tt.last), tt.length)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Total().String(); got != tt.want {
			t.Errorf("%s - %s has %s, want %s", tt.first, tt.last, got, tt.want)
		}
	}
}
