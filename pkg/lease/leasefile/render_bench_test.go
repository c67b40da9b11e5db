package leasefile

import (
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// BenchmarkRow renders the row of a lease of each family.
func BenchmarkRow(b *testing.B) {
	start := time.Unix(1_800_000_000, 0)
	v4 := lease.Lease{Resource: lease.Resource{Kind: lease.V4, Prefix: netip.MustParsePrefix("10.1.2.3/32")}, HWType: 1,
		HWAddr: []byte{2, 0, 0x5e, 0x10, 1, 2}, ClientID: []byte{1, 2, 0, 0x5e, 0x10, 1, 2}, Subnet: 1, Start: start, Valid: time.Hour}
	over6 := v4
	over6.UserContext = []byte(`{"dhcp4o6":{"source":"2001:db8:46::2"}}`)
	v6 := lease.Lease{Resource: lease.Resource{Kind: lease.NA, Prefix: netip.MustParsePrefix("2001:db8:46::1:203/128")}, HWType: 1, HWSource: 2,
		HWAddr: v4.HWAddr, DUID: []byte{0, 3, 0, 1, 2, 0, 0x5e, 0x10, 1, 2}, IAID: 0x5e100102, Subnet: 1, Start: start, Valid: time.Hour, Preferred: time.Hour}
	for _, tt := range []struct {
		name   string
		family Family
		l      *lease.Lease
	}{{"v4", V4, &v4}, {"4o6", V4, &over6}, {"v6", V6, &v6}} {
		b.Run(tt.name, func(b *testing.B) {
			buf := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				buf = schemas[tt.family].appendRow(buf[:0], lease.Change{Lease: tt.l})
			}
		})
	}
}
