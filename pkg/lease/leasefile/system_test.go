package leasefile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

func start(t *testing.T, file string, o Options) *File {
	t.Helper()
	f, err := Open(file, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Load(t.Context(), func(lease.Change) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return f
}

func mode(t *testing.T, file string) os.FileMode {
	t.Helper()
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return st.Mode().Perm()
}

// Nobody else reads leases: files are made for owner and group, less the umask;
// a new file is like the one it replaces, less what that granted to others.
func TestModes(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "lib")
	file := filepath.Join(dir, "leases.csv")
	start(t, file, Options{}).Close()
	if got := mode(t, dir); got != 0o750 {
		t.Errorf("folder: %o", got)
	}
	for _, name := range []string{file, file + ".lock"} {
		if got := mode(t, name); got != 0o640 {
			t.Errorf("%s: %o", name, got)
		}
	}
	for before, want := range map[os.FileMode]os.FileMode{0o644: 0o640, 0o600: 0o600, 0o666: 0o660} {
		if err := os.Chmod(file, before); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			if err := os.Chown(file, 12345, 54321); err != nil {
				t.Fatal(err)
			}
		}
		f := start(t, file, Options{})
		if err := f.Rewrite(t.Context(), func(func(*lease.Lease) bool) {}); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if got := mode(t, file); got != want {
			t.Errorf("mode %o became %o, want %o", before, got, want)
		}
		st, _ := os.Stat(file)
		if sys := st.Sys().(*syscall.Stat_t); os.Getuid() == 0 && (sys.Uid != 12345 || sys.Gid != 54321) {
			t.Errorf("owner became %d:%d", sys.Uid, sys.Gid)
		}
	}
	if _, err := Open(filepath.Join(dir, "no", "such", "leases.csv"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("two folders missing: %v", err)
	}
}

// A link to the lease file stays a link, and what it leads to has one lock.
func TestSymlink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "leases.csv"), filepath.Join(t.TempDir(), "link.csv")
	start(t, file, Options{}).Close()
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	f := start(t, link, Options{})
	defer f.Close()
	if err := f.Rewrite(t.Context(), func(func(*lease.Lease) bool) {}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.Readlink(link); got != file {
		t.Errorf("the link leads to %q, %v", got, err)
	}
	if _, err := Open(file, Options{}); err == nil {
		t.Error("opened twice under two names")
	}
}

// The lock is the kernel's: it goes with the process, however that ends.
func TestLockEndsWithProcess(t *testing.T) {
	if file := os.Getenv("LEASEFILE_HOLD"); file != "" {
		start(t, file, Options{})
		fmt.Println("held")
		select {}
	}
	file := filepath.Join(t.TempDir(), "leases.csv")
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockEndsWithProcess$")
	cmd.Env = append(os.Environ(), "LEASEFILE_HOLD="+file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fscanln(out, new(string))
	_, err = Open(file, Options{})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Holder != fmt.Sprintf("process %d up", cmd.Process.Pid) {
		t.Errorf("while it is held: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	start(t, file, Options{}).Close()
}

// A clean-up of Kea's at work, or a server of Kea's with the file open, is seen;
// a PID file that was left behind is not one.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	proc := filepath.Join(dir, "proc")
	file := filepath.Join(dir, "leases.csv")
	process := func(pid int, comm, opened string) {
		p := filepath.Join(proc, strconv.Itoa(pid))
		if err := os.MkdirAll(filepath.Join(p, "fd"), 0o755); err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(p, "comm"), []byte(comm+"\n"), 0o644)
		if opened != "" {
			os.WriteFile(opened, nil, 0o644)
			os.Symlink(opened, filepath.Join(p, "fd", "7"))
		}
	}
	process(100, "kea-dhcp4", filepath.Join(dir, "other.csv"))
	process(101, "vi", file)
	process(102, "kea-lfc", "")
	os.WriteFile(file+".pid", []byte("103\n"), 0o644) // gone
	if err := foreign(proc, file); err != nil {
		t.Error(err)
	}
	os.WriteFile(file+".pid", []byte("102\n"), 0o644)
	if err := foreign(proc, file); err == nil || !strings.Contains(err.Error(), "kea-lfc, process 102") {
		t.Errorf("clean-up at work: %v", err)
	}
	os.Remove(file + ".pid")
	process(104, "kea-dhcp4", file+".1")
	if err := foreign(proc, file); err == nil || !strings.Contains(err.Error(), "kea-dhcp4, process 104") {
		t.Errorf("server at work: %v", err)
	}
	if got := runningKea(proc, file+".pid"); got != 0 {
		t.Errorf("no PID file: process %d", got)
	}
	os.WriteFile(file+".pid", []byte("104"), 0o644)
	if got := runningKea(proc, file+".pid"); got != 104 {
		t.Errorf("PID file: process %d", got)
	}
	os.WriteFile(file+".pid", []byte("101"), 0o644)
	if got := runningKea(proc, file+".pid"); got != 0 {
		t.Errorf("PID file of another program: process %d", got)
	}
}

// The file that is removed takes the store down at the next sync, on a real disk
// as well; so does a folder that is removed as a whole, until Rewrite.
func TestRemovedFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lib")
	file := filepath.Join(dir, "leases.csv")
	f := start(t, file, Options{RawSync: true})
	defer f.Close()
	l := lease.Lease{Resource: v4("192.0.2.1"), ClientID: octets("01"), Valid: lease.Infinite}
	f.Append(lease.Change{Lease: &l})
	if _, err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	f.Append(lease.Change{Lease: &l})
	if _, err := f.Sync(); !errors.Is(err, ErrGone) {
		t.Fatalf("sync: %v", err)
	}
	if err := f.Rewrite(context.Background(), func(yield func(*lease.Lease) bool) { yield(&l) }); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Options{}); err == nil {
		t.Error("opened twice")
	}
}

// A full disk, with a limit on the size of files in its place.
func TestFileTooLarge(t *testing.T) {
	if file := os.Getenv("LEASEFILE_LIMIT"); file != "" {
		limit := syscall.Rlimit{Cur: 5000, Max: 5000}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		f := start(t, file, Options{})
		for n := range 100 {
			l := lease.Lease{Resource: v4(fmt.Sprintf("192.0.2.%d", n)), ClientID: octets("0102"), Valid: lease.Infinite}
			f.Append(lease.Change{Lease: &l})
			if seq, err := f.Sync(); err != nil {
				fmt.Println(seq, errors.Is(err, lease.ErrDown) && errors.Is(err, syscall.EFBIG))
				os.Exit(0)
			}
		}
		t.Fatal("the limit had no effect")
	}
	file := filepath.Join(t.TempDir(), "leases.csv")
	cmd := exec.Command(os.Args[0], "-test.run=^TestFileTooLarge$")
	cmd.Env = append(os.Environ(), "LEASEFILE_LIMIT="+file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var durable int
	var right bool
	fmt.Sscan(string(out), &durable, &right)
	if !right || durable < 10 {
		t.Errorf("the store said %q", out)
	}
	f := start(t, file, Options{})
	defer f.Close()
	if r := f.Report(); r.Rows < durable || !r.Rewritten {
		t.Errorf("%d durable leases; report %+v", durable, r)
	}
}
