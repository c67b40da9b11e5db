package leasefile_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
)

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
