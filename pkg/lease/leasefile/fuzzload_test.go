package leasefile_test

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// Whatever a file holds: what was loaded once is loaded again, with what was
// appended meanwhile, and no damage is reported twice.
func FuzzLoad(f *testing.F) {
	ours := "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id,crc32c\n"
	f.Add([]byte(ours+keaRow(1, 100)+keaRow(2, 200)+"192.0.2."), []byte(header22+keaRow(1, 50)))
	f.Add([]byte(header22+keaRow(1, 100)+"\n\n"+keaRow(1, 0)+"x,"+keaRow(3, 4)), []byte(nil))
	f.Add([]byte(ours[:50]), []byte(header22+"192.0.2.1"))
	f.Fuzz(func(t *testing.T, journal, previous []byte) {
		disk := faultfs.New(1)
		disk.WriteFile(name, journal)
		if len(previous) > 0 {
			disk.WriteFile(name+".2", previous)
		}
		first := leases{}
		s, err := leasefile.Open(name, leasefile.Options{FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Load(t.Context(), first.add); err != nil {
			if now, _ := disk.ReadFile(name); string(now) != string(journal) {
				t.Fatalf("refused (%v) and changed", err)
			}
			return
		}
		l := testLease(1, 0)
		appendLease(s, l)
		first[l.Resource] = l
		mustSync(t, s)
		disk = disk.PowerCut()
		s, again := open(t, disk, leasefile.Options{})
		if r := s.Report(); r.Damaged != 0 || r.Torn != 0 || r.Rewritten {
			t.Errorf("second start: %+v", r)
		}
		for r := range first {
			a, b := first[r], again[r]
			if leasetest.Text(&a) != leasetest.Text(&b) {
				t.Errorf("%s\nbecame\n%s", leasetest.Text(&a), leasetest.Text(&b))
			}
		}
		if len(first) != len(again) {
			t.Errorf("%d leases became %d", len(first), len(again))
		}
	})
}
