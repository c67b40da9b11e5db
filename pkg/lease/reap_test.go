package lease_test

import (
	"context"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// TestReapCountsLeases: what a round of reclamation may end is leases in force: neither offers that have
// lapsed nor histories that are old enough take their place.
func TestReapCountsLeases(t *testing.T) {
	p := testPool(t, 0, 255)
	table := lease.NewTable(new(leasetest.Memory), lease.TableOptions{HoldReclaimed: time.Minute})
	if _, err := table.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	table.Adopt([]*lease.Pool{p})
	ask := func(how func(*lease.Request) (lease.Lease, lease.Seq, error), client byte, valid time.Duration) {
		hw := []byte{2, client}
		if _, _, err := how(&lease.Request{Lease: lease.Lease{HWAddr: hw, HWType: 1, Subnet: 1, Valid: valid}, Pools: []*lease.Pool{p},
			Lookup: []lease.Identity{{Kind: lease.ByHWAddr, HWType: 1, ID: hw}}, Now: lapseStart}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range byte(150) {
		switch {
		case i < 50: // a history by the time that the others run out
			ask(table.Grant, i, time.Second)
		case i < 100:
			ask(table.Grant, i, 10*time.Minute)
		default:
			ask(table.Offer, i, time.Minute)
		}
	}
	table.Expire(lapseStart.Add(time.Second), 0)
	now := lapseStart.Add(10 * time.Minute)
	for left := 50; left > 0; left -= 10 {
		n, more, seq := table.Reap(now, 10)
		if n != 10 || !more {
			t.Fatalf("%d leases, more %v, while %d have run out", n, more, left)
		}
		if err := table.Commit(seq); err != nil || !table.Durable(seq) || seq == 0 {
			t.Fatal(seq, err)
		}
	}
	for range 20 {
		if n, more, _ := table.Reap(now, 10); n != 0 {
			t.Fatalf("%d leases", n)
		} else if !more {
			if st := table.SubnetStats(1, lease.V4); st.Assigned != 0 || p.Stats().Offers != 0 {
				t.Errorf("left: %+v", st)
			}
			lease.Check(t, table)
			return
		}
	}
	t.Error("there is always more")
}
