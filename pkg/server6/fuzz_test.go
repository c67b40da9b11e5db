package server6

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzServerIDFile: what is read is a DUID, and comes back as it is written.
func FuzzServerIDFile(f *testing.F) {
	f.Add([]byte("00:03:00:01:02:00:5e:46:00:01"))
	f.Add([]byte("0003 0001\n"))
	f.Add([]byte(":"))
	name := filepath.Join(f.TempDir(), "serverid")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := readServerID(name)
		if err != nil {
			return
		}
		if err := writeServerID(name, d); err != nil {
			t.Fatal(err)
		}
		if again, err := readServerID(name); err != nil || !bytes.Equal(again, d) {
			t.Fatalf("%v, then %v, %v", d, again, err)
		}
	})
}
