package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
)

// What config-write has written is what the next start serves: the same
// configuration, under the file's own name and mode.
func TestConfigWrite(t *testing.T) {
	h := newHost(t)
	h.with4("")
	file := filepath.Join(h.dir, "dhcp4.json")
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	hash := string(tell(t, h.door(), "config-hash-get", "").Arguments)
	set := strings.Replace(h.mine4(), `"dhcp4o6-port"`, `"valid-lifetime": 1234, /* not kept */ "dhcp4o6-port"`, 1)
	tell(t, h.door(), "config-set", set).is(t, 0, "Configuration successful.")
	a := tell(t, h.door(), "config-write", "").is(t, 0, "Configuration written to "+file+" successful")
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o604 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if want := fmt.Sprintf(`{"filename":%q,"size":%d}`, file, info.Size()); string(a.Arguments) != want {
		t.Errorf("%s, want %s", a.Arguments, want)
	}
	contains(t, h.mine4(), "        \"valid-lifetime\": 1234")
	tell(t, h.door(), "config-reload", "").is(t, 0, "Configuration successful.")
	if now := string(tell(t, h.door(), "config-hash-get", "").Arguments); now == hash {
		t.Error("reloaded what was there before")
	}
	if left, err := filepath.Glob(file + ".*"); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

// config-write writes the operator's file, be it a link, and beside it; nowhere
// else.
func TestWhereConfigWriteMayWrite(t *testing.T) {
	dir := t.TempDir()
	etc, else_ := filepath.Join(dir, "etc"), filepath.Join(dir, "else")
	for _, d := range []string{etc, else_, filepath.Join(etc, "below")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{filepath.Join(etc, "real.json"), filepath.Join(etc, "pair.key"), filepath.Join(etc, "old.conf"), filepath.Join(else_, "far.json")} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"link.json": filepath.Join(else_, "far.json"), "out.json": filepath.Join(else_, "far.json")} {
		if err := os.Symlink(to, filepath.Join(etc, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(etc, filepath.Join(dir, "alias")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ conf, name, want string }{
		{"etc/real.json", "", "etc/real.json"},
		{"etc/real.json", "new.json", "etc/new.json"},
		{"etc/real.json", dir + "/etc/new.json", "etc/new.json"},
		{"etc/real.json", dir + "/alias/new.json", "etc/new.json"},
		{"alias/real.json", "", "etc/real.json"},
		{"etc/link.json", "", "else/far.json"},
		{"etc/link.json", dir + "/etc/link.json", "else/far.json"},
		{"etc/link.json", "new.json", "etc/new.json"},
		{"etc/link.json", dir + "/else/new.json", ""},
		{"etc/real.json", dir + "/else/new.json", ""},
		{"etc/real.json", dir + "/etc/../else/new.json", ""},
		{"etc/real.json", "below/new.json", ""},
		{"etc/real.json", dir + "/etc/below/new.json", ""},
		{"etc/real.json", dir + "/etc/below", ""},
		{"etc/real.json", "out.json", ""},
		{"etc/real.json", "..", ""},
		{"etc/real.json", "pair.key", ""},
		{"etc/real.json", "old.conf", "etc/old.conf"},
		{"etc/real.json", "new.key", "etc/new.key"},
		{"etc/real.json", dir + "/etc/", ""},
		{"etc/real.json", "/etc/passwd", ""},
		{"etc/real.json", "/nowhere/x", ""},
	} {
		got, _, err := writable(filepath.Join(dir, tt.conf), tt.name)
		want := tt.want
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got != want || (err == nil) != (want != "") {
			t.Errorf("-c %s, %q: %q, %v; want %q", tt.conf, tt.name, got, err, want)
		}
	}
}

func TestReplaceFileThatCannotBe(t *testing.T) {
	if err := replaceFile(osDisk{}, "/proc/nowhere/x", []byte("x")); err == nil {
		t.Error("written")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(osDisk{}, name, []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("left behind: %v", all)
	}
}

// faulty is a disk that fails, for replaceFile.
type faulty struct{ *faultfs.FS }

type faultyFile struct {
	leasefile.Handle
	at int64
}

func (f *faultyFile) Write(b []byte) (int, error) {
	n, err := f.WriteAt(b, f.at)
	f.at += int64(n)
	return n, err
}

func (f faulty) create(name, _ string) (diskFile, error) {
	h, err := f.Create(name, nil)
	if err != nil {
		return nil, err
	}
	return &faultyFile{Handle: h}, nil
}

func (f faulty) rename(from, to string) error { return f.Rename(from, to) }
func (f faulty) remove(name string) error     { return f.Remove(name) }
func (f faulty) syncDir(name string) error    { return f.SyncDir(name) }

// Whatever call fails, and whenever the power goes, the file is the old one or
// the new one, whole, and the new one where replaceFile has said so.
func TestConfigWriteIsWholeOrNothing(t *testing.T) {
	const name = "/lib/dhcp4.json"
	old, fresh := bytes.Repeat([]byte("old "), 3000), bytes.Repeat([]byte("fresh"), 5000)
	faults := []faultfs.Fault{{}, {Cut: true}, {Err: errors.New("no space left")}, {Err: errors.New("no space left"), Done: 1000}, {Cut: true, Done: 1000}}
	ends := map[string]int{}
	for seed := range uint64(20) {
		for _, fault := range faults {
			for at := 1; at <= 6; at++ {
				f := faulty{faultfs.New(seed)}
				if err := replaceFile(f, name, old); err != nil {
					t.Fatal(err)
				}
				calls := 0
				f.Inject(func(faultfs.Call) faultfs.Fault {
					if calls++; calls == at {
						return fault
					}
					return faultfs.Fault{}
				})
				err := replaceFile(f, name, fresh)
				got, lost := f.PowerCut().ReadFile(name)
				switch {
				case lost != nil:
					t.Fatalf("seed %d, %+v at call %d: %v", seed, fault, at, lost)
				case bytes.Equal(got, fresh):
					ends["fresh"]++
				case bytes.Equal(got, old) && err != nil:
					ends["old"]++
				default:
					t.Fatalf("seed %d, %+v at call %d: %v, and after a power cut %d octets: %.20q", seed, fault, at, err, len(got), got)
				}
			}
		}
	}
	if ends["old"] == 0 || ends["fresh"] == 0 {
		t.Error(ends)
	}
}
