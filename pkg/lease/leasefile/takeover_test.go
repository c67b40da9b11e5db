package leasefile_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
)

const header22 = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n"

// keaRow is a row as Kea 2.2 writes it. A lifetime of zero removes the lease.
func keaRow(n, valid int) string {
	return fmt.Sprintf("192.0.2.%d,02:00:00:00:00:%02x,,%d,%d,1,0,0,h%d,0,\n", n, n, valid, 1790000000+valid, valid)
}

// What Kea's clean-up leaves when it is stopped at each of its steps, and what
// a power cut at each call of our take-over leaves of that. Lease 1 was renewed, lease 2
// released, lease 3 given, each of them in a later file than its first row.
func TestTakeOverPhases(t *testing.T) {
	previous := header22 + keaRow(1, 100) + keaRow(2, 100) + keaRow(4, 100)
	input := header22 + keaRow(1, 200) + keaRow(2, 0) + keaRow(3, 200)
	cleaned := header22 + keaRow(1, 200) + keaRow(3, 200) + keaRow(4, 100)
	journal := header22 + keaRow(3, 300)
	want := map[string]string{"192.0.2.1": "h200", "192.0.2.3": "h300", "192.0.2.4": "h100"}

	tests := []struct {
		name  string
		files map[string]string
		read  []string
	}{
		{"journal moved, clean-up not begun", map[string]string{".2": previous, ".1": input, "": journal}, []string{".2", ".1", ""}},
		{"journal moved, no new one", map[string]string{".2": previous, ".1": input + keaRow(3, 300)}, []string{".2", ".1"}},
		{"output half written", map[string]string{".2": previous, ".1": input, ".output": cleaned[:150], "": journal}, []string{".2", ".1", ""}},
		{"output completed", map[string]string{".2": previous, ".1": input, ".completed": cleaned, "": journal}, []string{".completed", ""}},
		{"previous removed", map[string]string{".1": input, ".completed": cleaned, "": journal}, []string{".completed", ""}},
		{"input removed", map[string]string{".completed": cleaned, "": journal}, []string{".completed", ""}},
		{"finished", map[string]string{".2": cleaned, "": journal}, []string{".2", ""}},
		{"never cleaned up", map[string]string{"": header22 + strings.ReplaceAll(previous+input+journal, header22, "")}, []string{""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check := func(disk *faultfs.FS) *leasefile.File {
				f, got := open(t, disk, leasefile.Options{})
				for r, l := range got {
					if want[r.Prefix.Addr().String()] != l.Hostname {
						t.Errorf("%v: %s", r.Prefix, l.Hostname)
					}
				}
				if len(got) != len(want) {
					t.Errorf("%d leases, want %d", len(got), len(want))
				}
				return f
			}
			start := func(seed uint64, cut int) (*faultfs.FS, *leasefile.File, error) {
				disk := faultfs.New(seed)
				for suffix, text := range tt.files {
					disk.WriteFile(name+suffix, []byte(text))
				}
				disk.Inject(func(c faultfs.Call) faultfs.Fault { return faultfs.Fault{Cut: c.N == cut} })
				f, err := leasefile.Open(name, leasefile.Options{FS: disk})
				if err == nil {
					err = f.Load(t.Context(), leases{}.add)
				}
				return disk, f, err
			}
			disk, f, err := start(0, 0)
			if err != nil {
				t.Fatal(err)
			}
			calls := disk.Calls()
			checkTakeOver(t, disk, f.Report(), tt.read)
			f.Close()
			check(disk)
			for cut := range calls {
				for seed := range uint64(16) {
					disk, _, _ := start(seed, cut+1)
					check(disk.PowerCut())
				}
			}
		})
	}
}

func checkTakeOver(t *testing.T, disk *faultfs.FS, r leasefile.Report, read []string) {
	t.Helper()
	var names []string
	for _, suffix := range read {
		names = append(names, name+suffix)
	}
	if !slices.Equal(r.TakenOver, names) || !r.Rewritten || r.Damaged != 0 {
		t.Errorf("report: %+v", r)
	}
	for _, n := range disk.Names() {
		if n != name && n != name+".lock" && !strings.HasSuffix(n, ".taken-over") {
			t.Errorf("%s was left", n)
		}
	}
}

// Kea's last row may be torn as well. Without a checksum a row is whole when all
// its columns are there.
func TestTakeOverTorn(t *testing.T) {
	text := header22 + keaRow(1, 100) + keaRow(2, 100)
	second := len(header22 + keaRow(1, 100))
	for end := range len(text) + 1 {
		disk := faultfs.New(1)
		disk.WriteFile(name, []byte(text[:end]))
		f, err := leasefile.Open(name, leasefile.Options{FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		got := leases{}
		if err := f.Load(t.Context(), got.add); err != nil {
			t.Fatalf("%d octets: %v", end, err)
		}
		want := 0
		if end >= second-1 {
			want = 1
		}
		if end >= len(text)-1 {
			want = 2
		}
		if r := f.Report(); len(got) != want || r.Damaged != 0 {
			t.Errorf("%d octets: %d leases, want %d; report %+v", end, len(got), want, r)
		}
		f.Close()
	}
}

// A row that a Kea before 2.8 has glued to a torn one is damage of one line, and
// what is no lease file at all is not touched.
func TestTakeOverDamaged(t *testing.T) {
	disk := faultfs.New(1)
	glued := "192.0.2.7,02:00:00:00" + keaRow(3, 100)
	disk.WriteFile(name, []byte(header22+keaRow(1, 100)+glued+"\n"+keaRow(2, 100)))
	f, got := open(t, disk, leasefile.Options{})
	r := f.Report()
	if len(got) != 2 || r.Damaged != 1 || r.Damage[0].Line != 3 {
		t.Errorf("%d leases, report %+v", len(got), r)
	}
	if kept, _ := disk.ReadFile(name + ".damaged"); !strings.HasSuffix(string(kept), glued) {
		t.Errorf("kept aside: %q", kept)
	}
	f.Close()

	for _, text := range []string{"#!/bin/sh\necho hello\n", "a letter", strings.ReplaceAll(header22, "hwaddr", "duid")} {
		disk.WriteFile(name, []byte(text))
		f, err := leasefile.Open(name, leasefile.Options{FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Load(t.Context(), leases{}.add); err == nil {
			t.Errorf("loaded %q", text)
		}
		f.Close()
		if now, _ := disk.ReadFile(name); string(now) != text {
			t.Errorf("%q was changed", text)
		}
	}
}

// Rows that Kea appends to a file of ours have neither our column nor a newer
// Kea's; they are read where they stand.
func TestRowsOfKeaInOurFile(t *testing.T) {
	disk := faultfs.New(1)
	f, _ := open(t, disk, leasefile.Options{})
	l := testLease(1, 0)
	appendLease(f, l)
	f.Close()
	text, _ := disk.ReadFile(name)
	disk.WriteFile(name, append(text, keaRow(9, 100)...))
	f, got := open(t, disk, leasefile.Options{})
	if r := f.Report(); len(got) != 2 || r.Rewritten || r.Damaged != 0 {
		t.Errorf("%d leases, report %+v", len(got), r)
	}
	f.Close()
	if now, _ := disk.ReadFile(name); !bytes.HasPrefix(now, text) {
		t.Error("the file was written anew")
	}
}
