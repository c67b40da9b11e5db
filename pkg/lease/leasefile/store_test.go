package leasefile_test

import (
	"fmt"
	"iter"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

type leases map[lease.Resource]lease.Lease

// all yields the leases as a table would.
func (m leases) all() iter.Seq[*lease.Lease] {
	return func(yield func(*lease.Lease) bool) {
		for _, l := range m {
			if !yield(&l) {
				return
			}
		}
	}
}

// open opens and loads the store on a disk.
func open(t *testing.T, disk leasefile.FS, o leasefile.Options) (*leasefile.File, leases) {
	t.Helper()
	o.FS = disk
	f, err := leasefile.Open(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return f, load(t, f)
}

func load(t *testing.T, f *leasefile.File) leases {
	t.Helper()
	got := leases{}
	if err := f.Load(t.Context(), got.add); err != nil {
		t.Fatal(err)
	}
	return got
}

// add takes what Load hands over, in the order of the journal.
func (m leases) add(c lease.Change) error {
	if c.Remove {
		delete(m, c.Lease.Resource)
	} else {
		m[c.Lease.Resource] = leasetest.Clone(c.Lease)
	}
	return nil
}

// testLease makes the nth lease, version v.
func testLease(n, v int) lease.Lease {
	return lease.Lease{
		Resource: lease.Resource{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)},
		HWAddr:   []byte{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}, HWType: 1,
		ClientID: []byte{1, 2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)},
		Subnet:   1, Start: time.Unix(1790000000+int64(v), 0).UTC(), Valid: 4000 * time.Second,
		Hostname: fmt.Sprintf("host-%d", n),
	}
}

func appendLease(f *leasefile.File, l lease.Lease) lease.Seq {
	return f.Append(lease.Change{Lease: &l})
}

func mustSync(t *testing.T, f *leasefile.File) lease.Seq {
	t.Helper()
	seq, err := f.Sync()
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func (m leases) equal(t *testing.T, want leases) {
	t.Helper()
	for r, l := range want {
		if !reflect.DeepEqual(m[r], l) {
			t.Errorf("%v\n got %+v\nwant %+v", r.Prefix, m[r], l)
		}
	}
	for r := range m {
		if _, ok := want[r]; !ok {
			t.Errorf("%v came from nowhere", r.Prefix)
		}
	}
}
