package daemon

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
)

// TestLeaseFileThatGrows: a file full of outdated rows is cleaned up before its
// time, but not where clean-ups are switched off.
func TestLeaseFileThatGrows(t *testing.T) {
	for _, every := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			f, err := leasefile.Open(filepath.Join(t.TempDir(), "leases.csv"), leasefile.Options{Family: leasefile.V4})
			if err != nil {
				t.Fatal(err)
			}
			l := &leases{store: f, table: lease.NewTable(f, lease.TableOptions{}), bloat: 20000}
			defer l.table.Close()
			if _, err := l.table.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			pool, err := lease.NewPool(lease.V4, 1, 0, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9"), 32)
			if err != nil {
				t.Fatal(err)
			}
			l.table.Adopt([]*lease.Pool{pool})
			l.settings.Store(&housekeeping{clean: every})
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				l.clean(ctx, zap.NewNop())
			}()
			most := int64(0)
			for range 600 {
				hw := []byte{2, 0, 0, 0, 0, 1}
				r := lease.Request{Now: time.Now(), Pools: []*lease.Pool{pool}, Lookup: []lease.Identity{{Kind: lease.ByHWAddr, HWType: 1, ID: hw}}}
				r.Lease = lease.Lease{Resource: lease.Resource{Kind: lease.V4}, HWAddr: hw, HWType: 1, Subnet: 1, Valid: time.Hour}
				_, seq, err := l.table.Grant(&r)
				if err == nil {
					err = l.table.Commit(seq)
				}
				if err != nil {
					t.Fatal(err)
				}
				most = max(most, f.Size())
				time.Sleep(time.Second)
			}
			if cleaned := most < 25000; cleaned != (every > 0) {
				t.Errorf("every %v: the file had up to %d octets", every, most)
			}
			stop()
			<-done
		})
	}
}
