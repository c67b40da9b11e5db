package leasefile_test

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
)

// A daemon is killed between the rename of a clean-up and the sync of the folder. What
// the next one writes to the new file is there after a power cut, although the cut could
// have taken the folder back to the old one.
func TestKilledBeforeTheFolderIsSynced(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.Rename, faultfs.SyncDir} {
		for seed := range uint64(20) {
			disk := faultfs.New(seed)
			f, _ := open(t, disk, leasefile.Options{})
			table := leases{}
			put := func(n int) {
				l := testLease(n, 0)
				table[l.Resource] = l
				appendLease(f, l)
				mustSync(t, f)
			}
			put(1)
			disk.Inject(func(c faultfs.Call) faultfs.Fault { return faultfs.Fault{Cut: c.Op == op} })
			if err := f.Rewrite(t.Context(), table.all()); err == nil {
				t.Fatal("the clean-up was not interrupted")
			}
			disk = disk.Kill()
			f, _ = open(t, disk, leasefile.Options{})
			put(2)
			_, got := open(t, disk.PowerCut(), leasefile.Options{})
			got.equal(t, table)
			if t.Failed() {
				t.Fatalf("%s, seed %d", op, seed)
			}
		}
	}
}
