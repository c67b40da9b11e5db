package leasefile_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
)

// under load makes a journal that runs over blank lines, and returns its leases.
func underLoad(t *testing.T, disk *faultfs.FS, f *leasefile.File) leases {
	t.Helper()
	want := leases{}
	for n := range 20 {
		l := testLease(n, n)
		appendLease(f, l)
		mustSync(t, f)
		want[l.Resource] = l
	}
	if b, _ := disk.ReadFile(name); !bytes.HasSuffix(b, []byte("\n\n\n")) {
		t.Fatalf("no blank lines were laid ahead in %d octets", len(b))
	}
	return want
}

// A daemon that is killed, or whose power is cut, leaves blank lines behind the
// rows: every row is there, none is torn, and the file is cut off again.
func TestBlankLinesAfterACrash(t *testing.T) {
	for seed := range uint64(50) {
		disk := faultfs.New(seed)
		f, _ := open(t, disk, leasefile.Options{})
		want := underLoad(t, disk, f)
		disk = disk.PowerCut()
		f, got := open(t, disk, leasefile.Options{})
		got.equal(t, want)
		if r := f.Report(); r.Torn != 0 || r.Damaged != 0 {
			t.Fatalf("seed %d: %+v", seed, r)
		}
		if b, _ := disk.ReadFile(name); int64(len(b)) != f.Size() || bytes.HasSuffix(b, []byte("\n\n")) {
			t.Fatalf("seed %d: %d octets are left of %d", seed, len(b), f.Size())
		}
	}
}

// A row that was torn in front of blank lines is cut off like one at the end of
// the file, and costs no other.
func TestTornRowBeforeBlankLines(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	want := underLoad(t, disk, f)
	whole, _ := disk.ReadFile(name)
	size := int(f.Size())
	row := bytes.LastIndexByte(whole[:size-1], '\n') + 1
	last := testLease(19, 19)
	for torn := row + 1; torn < size-1; torn++ {
		b := bytes.Clone(whole)
		for i := torn; i < size; i++ {
			b[i] = '\n'
		}
		disk := faultfs.New(1)
		disk.WriteFile(name, b)
		f, got := open(t, disk, leasefile.Options{})
		if r := f.Report(); r.Torn != int64(torn-row) || r.Damaged != 0 || f.Size() != int64(row) {
			t.Fatalf("torn at %d of %d: %+v, size %d", torn-row, size-row, r, f.Size())
		}
		if _, ok := got[last.Resource]; ok || len(got) != len(want)-1 {
			t.Fatalf("torn at %d: %d leases", torn-row, len(got))
		}
	}
}

// A power cut may keep the end of a batch and not its middle. A row of which only
// the start was kept is never read, whatever its last octets are now, and the
// rows behind it are.
func TestTornRowInsideABatch(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	want := underLoad(t, disk, f)
	whole, _ := disk.ReadFile(name)
	size := int(f.Size())
	end := bytes.LastIndexByte(whole[:size-1], '\n')
	row := bytes.LastIndexByte(whole[:end], '\n') + 1
	lost := testLease(18, 18)
	for _, never := range []byte{'\n', 0} {
		for torn := row; torn < end; torn++ {
			b := bytes.Clone(whole)
			for i := torn; i < end; i++ {
				b[i] = never
			}
			disk := faultfs.New(1)
			disk.WriteFile(name, b)
			f, got := open(t, disk, leasefile.Options{})
			if l, ok := got[lost.Resource]; ok || len(got) != len(want)-1 {
				t.Fatalf("%q from octet %d of %d: %d leases, the torn one is %+v", never, torn-row, end-row, len(got), l)
			}
			if r := f.Report(); r.Damaged > 1 || r.Damaged == 0 && (torn > row || never == 0) {
				t.Fatalf("%q from octet %d of %d: %+v", never, torn-row, end-row, r)
			}
		}
	}
}

// A row without a checksum that a person or Kea has added is read, the blank
// lines in front of it notwithstanding.
func TestRowsWithoutChecksumBehindBlankLines(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	want := underLoad(t, disk, f)
	b, _ := disk.ReadFile(name)
	disk = faultfs.New(1)
	disk.WriteFile(name, append(b, "10.0.0.77,02:00:00:00:00:77,,4000,1790000000,1,0,0,,0,\n10.0.0.78,02:00:00:00:00:78,,4000,1790000000,1,0,0,,0,\n"...))
	f, got := open(t, disk, leasefile.Options{})
	if r := f.Report(); len(got) != len(want)+2 || r.Damaged != 0 || r.Torn != 0 {
		t.Fatalf("%d leases of %d, %+v", len(got), len(want)+2, r)
	}
}

// Blank lines are cut off when the load is over, and when the store is closed.
func TestTrim(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	want := underLoad(t, disk, f)
	if err := f.Trim(); err != nil {
		t.Fatal(err)
	}
	if b, _ := disk.ReadFile(name); int64(len(b)) == f.Size() {
		t.Error("blank lines were cut off under load")
	}
	time.Sleep(1100 * time.Millisecond)
	for range 2 {
		if err := f.Trim(); err != nil {
			t.Fatal(err)
		}
		if b, _ := disk.ReadFile(name); int64(len(b)) != f.Size() {
			t.Errorf("%d octets, of which %d are rows", len(b), f.Size())
		}
	}
	for n := 20; n < 40; n++ {
		l := testLease(n, n)
		appendLease(f, l)
		mustSync(t, f)
		want[l.Resource] = l
	}
	size := f.Size()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if b, _ := disk.ReadFile(name); int64(len(b)) != size {
		t.Errorf("closed: %d octets, of which %d are rows", len(b), size)
	}
	_, got := open(t, disk, leasefile.Options{})
	got.equal(t, want)
}

// A disk that has room for rows, and none for blank lines, has room enough.
func TestNoRoomForBlankLines(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	disk.Inject(func(c faultfs.Call) faultfs.Fault {
		if c.Op == faultfs.Write && c.Size > 64<<10 {
			return faultfs.Fault{Err: syscall.ENOSPC, Done: 100}
		}
		return faultfs.Fault{}
	})
	want := leases{}
	for n := range 20 {
		l := testLease(n, n)
		appendLease(f, l)
		if _, err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		want[l.Resource] = l
	}
	_, got := open(t, disk.PowerCut(), leasefile.Options{})
	got.equal(t, want)
}

// A failure to cut blank lines off is told and harms nothing.
func TestTrimFails(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	want := underLoad(t, disk, f)
	disk.Inject(func(c faultfs.Call) faultfs.Fault {
		if c.Op == faultfs.Truncate {
			return faultfs.Fault{Err: syscall.EIO}
		}
		return faultfs.Fault{}
	})
	if err := f.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Close: %v, want EIO", err)
	}
	disk.Inject(nil)
	_, got := open(t, disk, leasefile.Options{})
	got.equal(t, want)
}
