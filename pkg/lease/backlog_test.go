package lease_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// TestBacklog: what has run out is to be had at once, however many other leases have run
// out besides and were not reclaimed yet: by search, by the client whom it is reserved
// for, and by the one who names it.
func TestBacklog(t *testing.T) {
	const others = 20_000
	client := func(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{2, 0}, n) }
	at := func(n uint32) lease.Resource {
		return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+n))), 32)}
	}
	pool := func(subnet, first, last uint32, a lease.Allocator) *lease.Pool {
		p, err := lease.NewPool(lease.V4, subnet, 0, at(first).Prefix.Addr(), at(last).Prefix.Addr(), 32)
		if err != nil {
			t.Fatal(err)
		}
		p.Use(a)
		return p
	}
	for _, a := range allocators {
		for _, test := range []struct {
			name string
			ask  func(*lease.Request)
		}{
			{"any", func(*lease.Request) {}},
			{"a wish", func(r *lease.Request) { r.Hint = at(3) }},
			{"no other", func(r *lease.Request) { r.Hint, r.Must = at(3), true }},
			{"its own", func(r *lease.Request) { r.Hint, r.Fixed, r.Must = at(4), true, true }},
			{"its own, of no pool", func(r *lease.Request) { r.Hint, r.Fixed, r.Must = at(1<<20), true, true }},
		} {
			small, large := pool(1, 0, 9, a), pool(2, 256, 256+others, a)
			table := lease.NewTable(new(leasetest.Memory), lease.TableOptions{})
			if _, err := table.Load(context.Background()); err != nil {
				t.Fatal(err)
			}
			table.Adopt([]*lease.Pool{small, large})
			put := func(n, subnet uint32) {
				l := lease.Lease{Resource: at(n), Subnet: subnet, HWAddr: client(n), HWType: 1, Start: lapseStart, Valid: time.Minute}
				if _, _, err := table.Put(&l, lease.Always); err != nil {
					t.Fatal(err)
				}
			}
			for n := range uint32(10) {
				put(n, 1)
			}
			put(1<<20, 1)
			for n := range uint32(others) {
				put(256+n, 2)
			}
			hw := client(1 << 30)
			r := &lease.Request{Lease: lease.Lease{HWAddr: hw, HWType: 1, Subnet: 1, Valid: time.Hour}, Pools: []*lease.Pool{small},
				Lookup: []lease.Identity{{Kind: lease.ByHWAddr, HWType: 1, ID: hw}}, Now: lapseStart.Add(time.Minute)}
			test.ask(r)
			for _, ask := range []func(*lease.Request) (lease.Lease, lease.Seq, error){table.Offer, table.Grant} {
				switch l, _, err := ask(r); {
				case err != nil:
					t.Errorf("%s, allocator %d: %v", test.name, a, err)
				case r.Hint.Prefix.IsValid() && l.Resource != r.Hint:
					t.Errorf("%s, allocator %d: %v, want %v", test.name, a, l.Resource, r.Hint)
				}
			}
			lease.Check(t, table)
		}
	}
}

// TestRunOutBeforeOffered: in a full pool a lease that has run out goes to the next client before
// an offer that is open does.
func TestRunOutBeforeOffered(t *testing.T) {
	p := testPool(t, 1, 2)
	table := lease.NewTable(new(leasetest.Memory), lease.TableOptions{})
	if _, err := table.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	table.Adopt([]*lease.Pool{p})
	now := lapseStart
	ask := func(how func(*lease.Request) (lease.Lease, lease.Seq, error), client byte) lease.Resource {
		hw := []byte{2, client}
		l, _, err := how(&lease.Request{Lease: lease.Lease{HWAddr: hw, HWType: 1, Subnet: 1, Valid: time.Minute}, Pools: []*lease.Pool{p},
			Lookup: []lease.Identity{{Kind: lease.ByHWAddr, HWType: 1, ID: hw}}, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return l.Resource
	}
	had := ask(table.Grant, 1)
	now = now.Add(time.Minute)
	offered := ask(table.Offer, 2)
	if got := ask(table.Offer, 3); got != had {
		t.Errorf("offered %v to another, while %v has run out", got, had)
	}
	if got := ask(table.Grant, 2); got != offered {
		t.Errorf("granted %v, offered was %v", got, offered)
	}
	lease.Check(t, table)
}

func testPool(t *testing.T, first, last byte) *lease.Pool {
	t.Helper()
	p, err := lease.NewPool(lease.V4, 1, 0, address(first).Prefix.Addr(), address(last).Prefix.Addr(), 32)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
