package leasefile_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
)

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
