package faultfs

import (
	"bytes"
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, disk *FS, name string) leasefile.Handle {
	t.Helper()
	h, err := disk.Create(name, nil)
	must(t, err)
	return h
}

func write1(t *testing.T, h leasefile.Handle, text string, off int64) {
	t.Helper()
	_, err := h.WriteAt([]byte(text), off)
	must(t, err)
}

// outcomes counts what a power cut leaves of a file over many seeds; "-" stands
// for no file.
func outcomes(t *testing.T, name string, prepare func(*FS)) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for seed := range uint64(300) {
		disk := New(seed)
		prepare(disk)
		text, err := disk.PowerCut().ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			text = []byte("-")
		}
		seen[string(text)]++
	}
	return seen
}

// A cut leaves what was synced, file and folder, and of the rest what it likes.
func TestPowerCut(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*FS)
		may     []string // each of these comes up
	}{
		{"synced, with its folder", func(d *FS) {
			h := create(t, d, "/lib/a")
			write1(t, h, "one", 0)
			must(t, h.Sync())
			must(t, d.SyncDir("/lib"))
		}, []string{"one"}},
		{"synced, without its folder", func(d *FS) {
			h := create(t, d, "/lib/a")
			write1(t, h, "one", 0)
			must(t, h.Sync())
		}, []string{"one", "-"}},
		{"a write that was not synced", func(d *FS) {
			d.WriteFile("/lib/a", []byte("one"))
			h, err := d.Open("/lib/a")
			must(t, err)
			write1(t, h, "two", 3)
		}, []string{"one", "onet", "onetw", "onetwo"}},
		{"a truncation that was not synced", func(d *FS) {
			d.WriteFile("/lib/a", []byte("one"))
			h, err := d.Open("/lib/a")
			must(t, err)
			must(t, h.Truncate(1))
		}, []string{"one", "o"}},
		{"a rename over a file, folder not synced", func(d *FS) {
			d.WriteFile("/lib/a", []byte("old"))
			h := create(t, d, "/lib/b")
			write1(t, h, "new", 0)
			must(t, h.Sync())
			must(t, d.Rename("/lib/b", "/lib/a"))
		}, []string{"old", "new"}},
		{"a rename of what was not synced", func(d *FS) {
			h := create(t, d, "/lib/b")
			write1(t, h, "n", 0)
			must(t, d.Rename("/lib/b", "/lib/a"))
			must(t, d.SyncDir("/lib"))
		}, []string{"", "n"}},
		{"a sync that failed is not made good by the next", func(d *FS) {
			d.WriteFile("/lib/a", []byte("one"))
			h, err := d.Open("/lib/a")
			must(t, err)
			write1(t, h, "2", 3)
			d.Inject(func(c Call) Fault {
				if c.Op == Sync {
					return Fault{Err: syscall.EIO}
				}
				return Fault{}
			})
			if err := h.Sync(); !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			d.Inject(nil)
			must(t, h.Sync())
		}, []string{"one", "one2"}},
		{"a removal, folder not synced", func(d *FS) {
			d.WriteFile("/lib/a", []byte("one"))
			must(t, d.Remove("/lib/a"))
		}, []string{"one", "-"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := outcomes(t, "/lib/a", tt.prepare)
			for _, text := range tt.may {
				if seen[text] == 0 {
					t.Errorf("%q never came up", text)
				}
				delete(seen, text)
			}
			if len(seen) > 0 {
				t.Errorf("came up as well: %v", seen)
			}
		})
	}
}

// A process that dies takes its locks with it and nothing else; the disk it had
// answers it no more.
func TestKill(t *testing.T) {
	disk := New(1)
	h := create(t, disk, "/lib/a")
	write1(t, h, "one", 0)
	l, _, err := disk.Lock("/lib/lock")
	must(t, err)
	must(t, l.Note("mine"))
	var locked *leasefile.LockedError
	if _, _, err := disk.Lock("/lib/lock"); !errors.As(err, &locked) || locked.Holder != "mine" {
		t.Errorf("locked twice: %v", err)
	}
	next := disk.Kill()
	if text, err := next.ReadFile("/lib/a"); err != nil || !bytes.Equal(text, []byte("one")) {
		t.Errorf("%q, %v", text, err)
	}
	if _, note, err := next.Lock("/lib/lock"); err != nil || note != "mine" {
		t.Errorf("note %q, %v", note, err)
	}
	if _, err := h.WriteAt([]byte("two"), 0); !errors.Is(err, ErrCut) {
		t.Errorf("write after the end: %v", err)
	}
}

// A full disk takes what fits.
func TestLimit(t *testing.T) {
	disk := New(1)
	disk.Limit(5)
	h := create(t, disk, "/lib/a")
	n, err := h.WriteAt([]byte("1234567"), 0)
	if n != 5 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d octets, %v", n, err)
	}
}
