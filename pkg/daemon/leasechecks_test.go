package daemon

import (
	"net/netip"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestLeaseChecks: what lease-checks does to leases whose subnet is not there or does not
// hold them, as Kea's manual says it.
func TestLeaseChecks(t *testing.T) {
	const none = ^uint32(0) // removed
	leases := []struct {
		addr   string
		subnet uint32
	}{{"192.0.2.1", 1}, {"192.0.2.2", 2}, {"192.0.2.3", 9}, {"203.0.113.4", 1}}
	for mode, want := range map[string][]uint32{
		"none":    {1, 2, 9, 1},
		"warn":    {1, 2, 9, 1},
		"fix":     {1, 1, 1, 1},
		"fix-del": {1, 1, 1, none},
		"del":     {1, none, none, none},
	} {
		t.Run(mode, func(t *testing.T) {
			net := &topology.Topology{Family: topology.V4, Subnets: []*topology.Subnet{
				{ID: 2, Prefix: netip.MustParsePrefix("198.51.100.0/24")}, {ID: 1, Prefix: netip.MustParsePrefix("192.0.2.0/24")}}}
			pool, err := lease.NewPool(lease.V4, 1, 7, netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.9"), 32)
			if err != nil {
				t.Fatal(err)
			}
			net.Subnets[1].Pools = []*topology.Pool{{Lease: pool}}
			net.Freeze()
			tab := lease.NewTable(new(lease.Volatile), lease.TableOptions{})
			for _, l := range leases {
				if _, _, err := tab.Put(&lease.Lease{Resource: v4(l.addr), HWAddr: []byte{2, 0, 0, 0, 0, 1}, HWType: 1, Subnet: l.subnet,
					Start: time.Now(), Valid: time.Hour}, lease.Always); err != nil {
					t.Fatal(err)
				}
			}
			core, said := observer.New(zapcore.DebugLevel)
			d := &daemon{cfg: &config.Config{LeaseChecks: mode, Topology: net}, log: zap.New(core)}
			if err := d.checkLeases(t.Context(), tab); err != nil {
				t.Fatal(err)
			}
			for i, l := range leases {
				got, ok := tab.ByResource(v4(l.addr))
				if !ok {
					got.Subnet = none
				}
				if got.Subnet != want[i] {
					t.Errorf("%s is of subnet %d, want %d", l.addr, got.Subnet, want[i])
				}
				if moved := ok && got.Subnet != l.subnet; got.Pool != map[bool]uint32{true: 7}[moved] {
					t.Errorf("%s is of pool %d", l.addr, got.Pool)
				}
			}
			if n := said.Len(); n != map[bool]int{true: 0, false: 4}[mode == "none"] { // three leases, and how many they are
				t.Errorf("%d lines in the log: %v", n, said.All())
			}
			if assigned := tab.SubnetStats(2, lease.V4).Assigned; assigned != map[bool]int64{true: 1}[mode == "none" || mode == "warn"] {
				t.Errorf("%d leases assigned in subnet 2", assigned)
			}
		})
	}
}

func v4(addr string) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.MustParseAddr(addr), 32)}
}
