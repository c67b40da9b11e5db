package script

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestFind: programs are run from one folder, and only if nobody else can change
// them.
func TestFind(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, elsewhere} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string, mode fs.FileMode) {
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(dir+"/good.sh", 0o755)
	write(dir+"/text", 0o644)
	write(dir+"/open.sh", 0o775)
	write(elsewhere+"/other.sh", 0o755)
	for link, to := range map[string]string{"inside": "good.sh", "outside": elsewhere + "/other.sh", "nowhere": "missing"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir+"/folder", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEA_HOOK_SCRIPTS_PATH", dir)
	tests := []struct {
		name string
		want string
		err  error
	}{
		{"good.sh", dir + "/good.sh", nil},
		{dir + "/good.sh", dir + "/good.sh", nil},
		{dir + "//good.sh", dir + "//good.sh", nil},
		{"inside", dir + "/inside", nil},
		{"outside", "", ErrFolder},
		{"nowhere", "", fs.ErrNotExist},
		{elsewhere + "/other.sh", "", ErrFolder},
		{dir + "/../" + filepath.Base(elsewhere) + "/other.sh", "", ErrFolder},
		{"../other.sh", "", ErrFolder},
		{"folder/x.sh", "", ErrFolder},
		{"", "", ErrFolder},
		{"..", "", ErrFolder},
		{"folder", "", ErrFile},
		{"text", "", ErrFile},
		{"open.sh", "", ErrWrite},
	}
	for _, tt := range tests {
		got, err := Find(tt.name)
		if got != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%q: %q, %v", tt.name, got, err)
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Find("good.sh"); !errors.Is(err, ErrWrite) {
		t.Error("in a folder that all may write to:", err)
	}
}
