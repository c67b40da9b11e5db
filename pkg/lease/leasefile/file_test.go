package leasefile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

const name = "/lib/leases.csv"

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

// failOnce makes the next call of one kind on the journal fail.
func failOnce(op faultfs.Op, err error, done int) func(faultfs.Call) faultfs.Fault {
	failed := false
	return func(c faultfs.Call) faultfs.Fault {
		if c.Op != op || c.Name != name || failed {
			return faultfs.Fault{}
		}
		failed = true
		return faultfs.Fault{Err: err, Done: done}
	}
}

// After the first failure nothing is durable any more, whatever the next call
// would return, until a complete new file is in place (rule 5).
func TestFailureAndHealing(t *testing.T) {
	tests := []struct {
		name  string
		fault func(faultfs.Call) faultfs.Fault
		cause error
	}{
		{"write fails", failOnce(faultfs.Write, syscall.EIO, 0), syscall.EIO},
		{"write is torn", failOnce(faultfs.Write, syscall.ENOSPC, 30), syscall.ENOSPC},
		{"sync fails", failOnce(faultfs.Sync, syscall.EIO, 0), syscall.EIO},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			disk := faultfs.New(1)
			f, _ := open(t, disk, leasefile.Options{})
			first, second, third := testLease(1, 0), testLease(2, 0), testLease(3, 0)
			appendLease(f, first)
			mustSync(t, f)

			disk.Inject(tt.fault)
			appendLease(f, second)
			for range 2 {
				seq, err := f.Sync()
				if !errors.Is(err, lease.ErrDown) || !errors.Is(err, tt.cause) || seq != 1 {
					t.Fatalf("sync: durable up to %d, %v", seq, err)
				}
			}
			killed := disk // what a restart of the daemon alone would find is tested below

			table := leases{first.Resource: first, second.Resource: second}
			if err := f.Rewrite(t.Context(), table.all()); err != nil {
				t.Fatal(err)
			}
			appendLease(f, third)
			if seq := mustSync(t, f); seq != 3 {
				t.Errorf("durable up to %d, want 3", seq)
			}
			if st := f.Stats(); st.Writes.Load() != 2 || st.Octets.Load() == 0 || st.Errors.Load() != 1 || st.Rewrites.Load() != 1 {
				t.Errorf("%d writes, %d errors, %d rewrites", st.Writes.Load(), st.Errors.Load(), st.Rewrites.Load())
			}
			table[third.Resource] = third
			f, got := open(t, killed.PowerCut(), leasefile.Options{})
			got.equal(t, table)
			f.Close()
		})
	}
}

// A daemon killed while its store is down leaves rows that can be read but are
// not on the disk; the next one makes them so before it relies on them.
func TestKilledWhileDown(t *testing.T) {
	for seed := range uint64(20) {
		disk := faultfs.New(seed)
		f, _ := open(t, disk, leasefile.Options{})
		disk.Inject(failOnce(faultfs.Sync, syscall.EIO, 0))
		l := testLease(1, 0)
		appendLease(f, l)
		if _, err := f.Sync(); !errors.Is(err, lease.ErrDown) {
			t.Fatal(err)
		}
		disk = disk.Kill()
		f, got := open(t, disk, leasefile.Options{})
		if !f.Report().Rewritten {
			t.Fatal("no new file was written")
		}
		mustSync(t, f)
		_, after := open(t, disk.PowerCut(), leasefile.Options{})
		after.equal(t, got)
	}
}

// What was written but not synced by a daemon that was killed is made durable
// before it is handed over.
func TestKilledBeforeSync(t *testing.T) {
	for seed := range uint64(20) {
		disk := faultfs.New(seed)
		f, _ := open(t, disk, leasefile.Options{})
		appendLease(f, testLease(1, 0))
		disk.Inject(func(c faultfs.Call) faultfs.Fault {
			return faultfs.Fault{Cut: c.Op == faultfs.Sync} // not executed
		})
		f.Sync()
		disk = disk.Kill()
		_, got := open(t, disk, leasefile.Options{})
		_, after := open(t, disk.PowerCut(), leasefile.Options{})
		after.equal(t, got)
	}
}

// A full disk stops the store and says so; with room again it comes back.
func TestDiskFull(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	table := leases{}
	var err error
	disk.Limit(20_000)
	for n := 0; err == nil; n++ {
		l := testLease(n, 0)
		appendLease(f, l)
		if _, err = f.Sync(); err == nil {
			table[l.Resource] = l
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, lease.ErrDown) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("sync on a full disk: %v", err)
	}
	if err := f.Rewrite(t.Context(), table.all()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("rewrite on a full disk: %v", err)
	}
	if slices.Contains(disk.Names(), name+".new") {
		t.Error("the half of a new file was left")
	}
	if _, err := f.Sync(); !errors.Is(err, lease.ErrDown) {
		t.Errorf("sync after a failed rewrite: %v", err)
	}
	disk.Limit(100_000)
	if err := f.Rewrite(t.Context(), table.all()); err != nil {
		t.Fatal(err)
	}
	l := testLease(1<<20, 0)
	appendLease(f, l)
	mustSync(t, f)
	table[l.Resource] = l
	f, got := open(t, disk.PowerCut(), leasefile.Options{})
	got.equal(t, table)
	f.Close()
}

// A file whose folder vanished takes no more leases; a new one heals the store.
func TestFolderVanishes(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	l := testLease(1, 0)
	appendLease(f, l)
	mustSync(t, f)
	disk.RemoveAll("/lib")
	appendLease(f, l)
	if _, err := f.Sync(); !errors.Is(err, leasefile.ErrGone) || !errors.Is(err, lease.ErrDown) {
		t.Errorf("sync without a folder: %v", err)
	}
	table := leases{l.Resource: l}
	if err := f.Rewrite(t.Context(), table.all()); err != nil {
		t.Fatal(err)
	}
	if _, err := leasefile.Open(name, leasefile.Options{FS: disk}); err == nil {
		t.Error("the lock went with the folder and did not come back")
	}
	f, got := open(t, disk.PowerCut(), leasefile.Options{})
	got.equal(t, table)
	f.Close()
}

// On a file system that turns read-only a clean-up fails and the journal
// decides by itself whether it still can be written.
func TestReadOnly(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	l := testLease(1, 0)
	appendLease(f, l)
	mustSync(t, f)
	disk.Inject(func(c faultfs.Call) faultfs.Fault {
		switch c.Op {
		case faultfs.Create, faultfs.Rename, faultfs.Remove, faultfs.Mkdir:
			return faultfs.Fault{Err: &fs.PathError{Op: string(c.Op), Path: c.Name, Err: syscall.EROFS}}
		}
		return faultfs.Fault{}
	})
	if err := f.Rewrite(t.Context(), leases{}.all()); !errors.Is(err, syscall.EROFS) {
		t.Errorf("rewrite: %v", err)
	}
	appendLease(f, testLease(2, 0))
	if seq := mustSync(t, f); seq != 2 {
		t.Errorf("durable up to %d, want 2", seq)
	}
	f.Close()
	if _, err := leasefile.Open(name, leasefile.Options{FS: disk}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("open: %v", err)
	}
}

// A rename that fails leaves the old journal in use, with nothing lost; a
// folder that cannot be synced does not, for either file may be there after a
// power cut.
func TestRewriteFails(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.Create, faultfs.Write, faultfs.Sync, faultfs.Rename, faultfs.SyncDir, faultfs.Read} {
		t.Run(string(op), func(t *testing.T) {
			for seed := range uint64(10) {
				disk := faultfs.New(seed)
				f, _ := open(t, disk, leasefile.Options{})
				table := leases{}
				put := func(n int) {
					l := testLease(n, 0)
					table[l.Resource] = l
					appendLease(f, l)
				}
				put(1)
				mustSync(t, f)
				failed := false
				disk.Inject(func(c faultfs.Call) faultfs.Fault {
					if c.Op != op || c.Op != faultfs.SyncDir && c.Op != faultfs.Read && c.Name != name+".new" {
						return faultfs.Fault{}
					}
					failed = true
					return faultfs.Fault{Err: syscall.EIO}
				})
				err := f.Rewrite(t.Context(), func(yield func(*lease.Lease) bool) {
					put(2) // in the journal before the last round
					if _, err := f.Sync(); err != nil {
						t.Fatal(err)
					}
					put(3) // in the buffer
					for _, l := range table {
						if !yield(&l) {
							return
						}
					}
				})
				if !failed || !errors.Is(err, syscall.EIO) {
					t.Fatalf("rewrite: %v", err)
				}
				disk.Inject(nil)
				put(4)
				seq, err := f.Sync()
				if op != faultfs.SyncDir && (err != nil || seq != lease.Seq(len(table))) {
					t.Fatalf("sync: durable up to %d, %v", seq, err)
				}
				if op == faultfs.SyncDir {
					if !errors.Is(err, lease.ErrDown) {
						t.Fatalf("sync: %v", err)
					}
					if err := f.Rewrite(t.Context(), table.all()); err != nil {
						t.Fatal(err)
					}
					mustSync(t, f)
				}
				_, got := open(t, disk.PowerCut(), leasefile.Options{})
				got.equal(t, table)
			}
		})
	}
}

// A clean-up that is called off leaves the old file.
func TestRewriteCancelled(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	l := testLease(1, 0)
	appendLease(f, l)
	mustSync(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Rewrite(ctx, leases{l.Resource: l}.all()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if want := []string{name, name + ".lock"}; !slices.Equal(disk.Names(), want) {
		t.Errorf("files: %v", disk.Names())
	}
	f.Close()
	if err := f.Rewrite(t.Context(), leases{}.all()); !errors.Is(err, lease.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	if _, err := f.Sync(); !errors.Is(err, lease.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
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

// A damaged row is reported with its line, kept aside and costs nothing else.
func TestDamagedRow(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	want := leases{}
	for n := range 5 {
		l := testLease(n, 0)
		appendLease(f, l)
		want[l.Resource] = l
	}
	f.Close()
	text, _ := disk.ReadFile(name)
	lines := bytes.SplitAfter(text, []byte{'\n'})
	lines[3][5] ^= 1
	bad := lines[3]
	disk.WriteFile(name, bytes.Join(lines, nil))
	delete(want, testLease(2, 0).Resource)

	refused, err := leasefile.Open(name, leasefile.Options{FS: disk, MaxRowErrors: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := refused.Load(t.Context(), leases{}.add); err != nil {
		t.Errorf("one damaged row with max-row-errors 1: %v", err)
	}
	refused.Close()
	disk.WriteFile(name, bytes.Join(append(lines[:3:3], bad, bad, lines[4], lines[5]), nil))
	refused, _ = leasefile.Open(name, leasefile.Options{FS: disk, MaxRowErrors: 1})
	if err := refused.Load(t.Context(), leases{}.add); err == nil || !strings.Contains(err.Error(), name+":5: the checksum does not fit") {
		t.Errorf("two damaged rows with max-row-errors 1: %v", err)
	}
	refused.Close()

	f, got := open(t, disk, leasefile.Options{})
	got.equal(t, want)
	r := f.Report()
	if r.Damaged != 2 || len(r.Damage) != 2 || r.Damage[0].Line != 4 || r.Damage[1].Line != 5 || !r.Rewritten || r.Aside != name+".damaged" {
		t.Errorf("report: %+v", r)
	}
	kept, _ := disk.ReadFile(name + ".damaged")
	if !bytes.Contains(kept, append([]byte("# "+name+":4: the checksum does not fit\n"), bad...)) {
		t.Errorf("kept aside:\n%s", kept)
	}
	f.Close()
	f, got = open(t, disk, leasefile.Options{})
	got.equal(t, want)
	if f.Report().Damaged != 0 {
		t.Error("reported again")
	}
	f.Close()
}

// A torn last row is cut off before the first append: what comes next is on a
// line of its own. Every length of what is left of it is tried.
func TestTornTail(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	first, last, next := testLease(1, 0), testLease(2, 0), testLease(3, 0)
	appendLease(f, first)
	mustSync(t, f)
	next.Hostname, next.ClientID = "", nil // shorter than what may be left of the torn row
	before := f.Size()
	appendLease(f, last)
	mustSync(t, f)
	f.Close()
	text, _ := disk.ReadFile(name)
	for end := before; end <= int64(len(text)); end++ {
		disk.WriteFile(name, text[:end])
		f, got := open(t, disk, leasefile.Options{})
		want := leases{first.Resource: first}
		if end >= int64(len(text))-1 { // all but the newline
			want[last.Resource] = last
		}
		got.equal(t, want)
		if r := f.Report(); want[last.Resource].Valid == 0 && r.Torn != end-before || r.Damaged != 0 {
			t.Errorf("%d octets of the row: report %+v", end-before, r)
		}
		appendLease(f, next)
		mustSync(t, f)
		f.Close()
		f, got = open(t, disk, leasefile.Options{})
		want[next.Resource] = next
		got.equal(t, want)
		if r := f.Report(); r.Damaged != 0 || r.Torn != 0 {
			t.Errorf("%d octets of the row, second start: report %+v", end-before, r)
		}
		f.Close()
	}
}

// A line longer than anything we read is damage of one line, wherever it is.
func TestLongLine(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	l1, l2 := testLease(1, 0), testLease(2, 0)
	appendLease(f, l1)
	mustSync(t, f)
	middle := f.Size()
	appendLease(f, l2)
	mustSync(t, f)
	f.Close()
	text, _ := disk.ReadFile(name)
	for _, size := range []int{1<<20 - 2, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 77} {
		long := bytes.Repeat([]byte{0}, size)
		long[len(long)-1] = '\n'
		disk.WriteFile(name, slices.Concat(text[:middle], long, text[middle:]))
		f, got := open(t, disk, leasefile.Options{})
		got.equal(t, leases{l1.Resource: l1, l2.Resource: l2})
		if r := f.Report(); r.Damaged != 1 || r.Damage[0].Line != 3 {
			t.Errorf("%d octets: report %+v", size, r)
		}
		f.Close()
		if now, _ := disk.ReadFile(name); !bytes.Equal(now, text) {
			t.Errorf("%d octets: the file is not what it was", size)
		}
		if kept, _ := disk.ReadFile(name + ".damaged"); !bytes.Contains(kept, long) {
			t.Errorf("%d octets: not kept aside", size)
		}
		disk.WriteFile(name+".damaged", nil)
	}
}

func mustPrefix(addr []byte) netip.Prefix {
	a, _ := netip.AddrFromSlice(addr)
	return netip.PrefixFrom(a, a.BitLen())
}

func mustParse(prefix string) netip.Prefix { return netip.MustParsePrefix(prefix) }
