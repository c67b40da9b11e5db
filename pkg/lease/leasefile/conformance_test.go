package leasefile_test

import (
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

func TestConforms(t *testing.T) {
	for _, tt := range []struct {
		name    string
		family  leasefile.Family
		samples []lease.Lease
	}{
		{"v4", leasefile.V4, leasetest.Samples4()},
		{"v6", leasefile.V6, leasetest.Samples6()},
		{"port sets", leasefile.V4Ports, shared(leasetest.Samples4())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leasetest.Conformance(t, tt.samples, func(t *testing.T) leasetest.Medium {
				file := filepath.Join(t.TempDir(), "leases.csv")
				return func(t *testing.T) lease.Store {
					return openAt(t, file, leasefile.Options{Family: tt.family})
				}
			})
		})
	}
}

// shared puts all samples on one address, each with ports of its own.
func shared(all []lease.Lease) []lease.Lease {
	for i := range all {
		all[i].Resource = lease.Resource{
			Kind:   lease.V4,
			Prefix: netip.MustParsePrefix("192.0.2.1/32"),
			Ports:  softwire.PortSet{Offset: 6, Len: 8, ID: uint16(i)},
		}
	}
	return all
}
