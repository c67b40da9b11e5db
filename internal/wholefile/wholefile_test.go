package wholefile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/wholefile"
)

// A file is replaced whole, has the mode that is asked for, and leaves nothing beside it,
// also when it could not be written.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "id")
	for _, text := range []string{"one", "another", ""} {
		if err := wholefile.Write(name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
		t.Error(info, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Write(filepath.Join(dir, "full"), []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if err := wholefile.Write(filepath.Join(dir, "none", "id"), []byte("x"), 0o600); err == nil {
		t.Error("written into a folder that is not there")
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 2 {
		t.Error(all, err)
	}
}
