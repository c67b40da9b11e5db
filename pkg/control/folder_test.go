package control

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// TestPlace holds where a socket may stand.
func TestPlace(t *testing.T) {
	base := t.TempDir()
	mk := func(name string, mode os.FileMode) string {
		dir := filepath.Join(base, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	mk("good", 0o750)
	mk("strict", 0o700)
	mk("readable", 0o755)
	mk("shared", 0o770)
	mk("open", 0o777)
	mk("sticky", os.ModeSticky|0o777)
	for _, name := range []string{"open/below", "sticky/below"} {
		mk(name, 0o750)
	}
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"link": "good", "trap": "open/below", "loose": "gone"} {
		if err := os.Symlink(filepath.Join(base, to), filepath.Join(base, link)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ name, path, fault string }{
		{"0750", "good/c", ""},
		{"0700", "strict/c", ""},
		{"a missing folder is made", "new/c", ""},
		{"by way of a link", "link/c", ""},
		{"below a sticky folder", "sticky/below/c", ""},
		{"others may look in", "readable/c", "has mode 0755, it must be 0750 or stricter"},
		{"the group may write", "shared/c", "has mode 0770, it must be 0750 or stricter"},
		{"anybody may write", "sticky/c", "has mode 0777, it must be 0750 or stricter"},
		{"anybody may write above", "open/below/c", "has mode 0777, with which anybody replaces what is below it"},
		{"anybody may write above, by way of a link", "trap/c", "with which anybody replaces what is below it"},
		{"no parent", "a/b/c", "no such file or directory"},
		{"a link to nothing", "loose/c", "no such file or directory"},
		{"a file for a folder", "file/c", "not a directory"},
		{"no name", "good/", ""}, // cleaned: the name is good, the folder that of the test
		{"too long", "good/" + strings.Repeat("x", 100), "longer than 107 octets"},
	}
	if err := os.Chmod(base, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := place(base + "/" + tt.path)
			switch {
			case tt.fault == "" && err != nil:
				t.Error(err)
			case tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)):
				t.Errorf("%q, %v; want the fault %q", got, err, tt.fault)
			}
		})
	}
	if _, err := place("c"); err == nil {
		t.Error("a relative path is taken")
	}
	if _, mode, err := lstat(base + "/new"); err != nil || mode.Perm() != 0o750 {
		t.Errorf("the new folder has mode %v, %v", mode, err)
	}
}

func TestPlaceOwner(t *testing.T) {
	need.Root(t)
	dir := folder(t)
	if err := os.Chown(dir, 12345, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := place(dir + "/c"); err == nil || !strings.Contains(err.Error(), "belongs to user 12345, neither to user 0 nor to root") {
		t.Errorf("a stranger's folder: %v", err)
	}
}

// TestMode: the socket has its mode whatever the umask is, which is not touched.
func TestMode(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		dir := folder(t)
		was := syscall.Umask(umask)
		l, err := listenUnix(dir + "/c")
		now := syscall.Umask(was)
		if err != nil {
			t.Fatal(err)
		}
		if _, mode, err := lstat(dir + "/c"); err != nil || mode.Perm() != 0o660 || now != umask {
			t.Errorf("umask %04o, now %04o: mode %v, %v", umask, now, mode, err)
		}
		l.Close()
	}
}

// TestSweep: a socket that nobody serves is removed, and nothing else is.
func TestSweep(t *testing.T) {
	dir := folder(t)
	listen := func(network, name string) net.Listener {
		l, err := net.Listen(network, dir+"/"+name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		return l
	}
	listen("unix", "dead").Close()
	listen("unix", "alive")
	listen("unixpacket", "other")
	if err := os.WriteFile(dir+"/file", []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dead", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	raw, err := listen("unix", "full").(*net.UnixListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	for { // until the backlog is full: whoever serves it is busy
		c, err := net.Dial("unix", dir+"/full")
		if err != nil {
			break
		}
		defer c.Close()
	}
	tests := []struct{ name, fault string }{
		{"none", ""},
		{"alive", "another process serves this socket"},
		{"full", "another process serves this socket"},
		{"other", "cannot be tried"},
		{"file", "not a socket"},
		{"link", "not a socket"},
		{"dead", ""},
	}
	for _, tt := range tests {
		err := sweep(dir + "/" + tt.name)
		_, _, gone := lstat(dir + "/" + tt.name)
		switch {
		case tt.fault == "" && (err != nil || gone == nil):
			t.Errorf("%s: %v, still there: %v", tt.name, err, gone == nil)
		case tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault) || gone != nil):
			t.Errorf("%s: %v, there: %v; want the fault %q", tt.name, err, gone, tt.fault)
		}
	}
}

// TestOneWins: of many that start over a dead socket in the same moment one gets
// it, and it can be reached.
func TestOneWins(t *testing.T) {
	for range 20 {
		path := folder(t) + "/c"
		dead, err := listenUnix(path)
		if err != nil {
			t.Fatal(err)
		}
		dead.Close()
		var (
			mu  sync.Mutex
			won []*Server
			all sync.WaitGroup
		)
		for range 8 {
			all.Go(func() {
				s, err := Listen(Options{Registry: &Registry{}, Sockets: []Socket{{Path: path}}})
				if err != nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				won = append(won, s)
			})
		}
		all.Wait()
		if len(won) != 1 {
			t.Fatalf("%d have the socket", len(won))
		}
		check(t, []byte(ask(t, path, `{"command":"list-commands"}`)), `{"result":0,"arguments":["list-commands"]}`)
		won[0].Close()
	}
}
