package leasefile_test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
)

const name = "/lib/leases.csv"

// The last row of a resource is its truth, and what was removed is gone.
func TestReopen(t *testing.T) {
	disk := faultfs.New(1)
	f, got := open(t, disk, leasefile.Options{})
	got.equal(t, leases{})
	if r := f.Report(); !r.Created || r.Rows != 0 {
		t.Errorf("report of a first start: %+v", r)
	}
	want := leases{}
	for v := range 3 {
		for n := range 10 {
			l := testLease(n, v)
			appendLease(f, l)
			want[l.Resource] = l
		}
	}
	gone := testLease(4, 2)
	f.Append(lease.Change{Lease: &gone, Remove: true})
	delete(want, gone.Resource)
	if seq := mustSync(t, f); seq != 31 {
		t.Errorf("durable up to %d, want 31", seq)
	}
	if seq := mustSync(t, f); seq != 31 {
		t.Errorf("a sync of nothing: durable up to %d, want 31", seq)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, got = open(t, disk, leasefile.Options{})
	got.equal(t, want)
	if r := f.Report(); r.Rows != 31 || r.Created || r.Rewritten || r.Damaged != 0 || r.Size != f.Size() {
		t.Errorf("report: %+v", r)
	}
	if err := f.Rewrite(t.Context(), got.all()); err != nil {
		t.Fatal(err)
	}
	f.Close()
	f, got = open(t, disk, leasefile.Options{})
	got.equal(t, want)
	if r := f.Report(); r.Rows != 9 {
		t.Errorf("%d rows after a clean-up, want 9", r.Rows)
	}
	f.Close()
}

// A store admits one daemon, and names the one that has it.
func TestLock(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	_, err := leasefile.Open(name, leasefile.Options{FS: disk})
	var locked *leasefile.LockedError
	if !errors.As(err, &locked) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("second open: %v", err)
	}
	f.Close()
	f, err = leasefile.Open(name, leasefile.Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	disk.SetForeign(errors.New("kea-dhcp4, process 7, has it open"))
	if _, err = leasefile.Open(name, leasefile.Options{FS: disk}); err == nil || !strings.Contains(err.Error(), "process 7") {
		t.Errorf("beside Kea: %v", err)
	}
}

// Appends, syncs and clean-ups of several goroutines leave the table's state.
func TestConcurrent(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	var mu sync.Mutex
	table := leases{}
	snapshot := func(yield func(*lease.Lease) bool) {
		mu.Lock()
		all := slices.Collect(maps.Keys(table))
		mu.Unlock()
		for _, r := range all {
			mu.Lock()
			l, ok := table[r]
			mu.Unlock()
			if ok && !yield(&l) {
				return
			}
		}
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 300 {
				l := testLease(w*1000+i%50, i)
				mu.Lock()
				remove := i%7 == 0
				if remove {
					delete(table, l.Resource)
				} else {
					table[l.Resource] = l
				}
				seq := f.Append(lease.Change{Lease: &l, Remove: remove})
				mu.Unlock()
				if i%10 == 0 {
					if got, err := f.Sync(); err != nil || got < seq {
						t.Errorf("sync: durable up to %d, want %d, %v", got, seq, err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if err := f.Rewrite(t.Context(), snapshot); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	mustSync(t, f)
	_, got := open(t, disk.PowerCut(), leasefile.Options{})
	got.equal(t, table)
}

// Append allocates nothing once the buffers have their size.
func TestAppendAllocates(t *testing.T) {
	f, err := leasefile.Open(filepath.Join(t.TempDir(), "leases.csv"), leasefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	load(t, f)
	l := testLease(1, 0)
	l.UserContext, l.HWType = []byte(`{"dhcp4o6":{"source":"2001:db8::1"}}`), 6
	c := lease.Change{Lease: &l}
	step := func() {
		for range 64 {
			f.Append(c)
		}
		if _, err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	step()
	step()
	if n := testing.AllocsPerRun(10, step); n != 0 {
		t.Errorf("%v allocations for 64 appends and a sync", n)
	}
}

func mustPrefix(addr []byte) netip.Prefix {
	a, _ := netip.AddrFromSlice(addr)
	return netip.PrefixFrom(a, a.BitLen())
}

func mustParse(prefix string) netip.Prefix { return netip.MustParsePrefix(prefix) }
