package daemon

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// Both daemons in one process, started and stopped over and over, leave no
// goroutine and no file descriptor behind, and every lease is still known.
func TestNothingIsLeftBehind(t *testing.T) {
	h := newHost(t)
	file4, file6 := h.conf4(""), h.conf6("")
	once := func(ask bool) {
		t.Helper()
		v6 := h.start(dhcp6, Setup{ConfigFile: file6})
		v4 := h.start(dhcp4, Setup{ConfigFile: file4})
		if ask {
			h.mustLease("192.0.2.10")
		}
		for _, r := range []*running{v4, v6} {
			if err := r.end(); err != nil {
				t.Fatal(err)
			}
		}
	}
	once(true) // what is made once in a process is there now
	goroutines, fds := runtime.NumGoroutine(), descriptors(t)
	times := 50
	if testing.Short() {
		times = 5
	}
	for i := range times {
		once(i%10 == 0)
	}
	eventually(t, fmt.Sprintf("as many goroutines as before, %d", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := descriptors(t); n > fds {
		t.Errorf("%d file descriptors, before there were %d", n, fds)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A start that fails leaves nothing behind either, wherever it fails.
func TestFailedStartLeavesNothing(t *testing.T) {
	h := newHost(t)
	held := h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	other := newHost(t)
	tests := []struct {
		name string
		kind kind
		file string
		want string
	}{
		{"configuration", dhcp4, other.write("a.json", "{"), "the configuration has 1 error"},
		{"lease file of another daemon", dhcp6, h.dir + "/dhcp6.json", fmt.Sprint("process ", os.Getpid())},
		{"lease file in no folder", dhcp4, other.write("b.json", `{ "Dhcp4": { "lease-database": { "type": "memfile", "name": "%s/a-file/leases.csv" } } }`, other.dir), "a-file/leases.csv"},
		{"sockets", dhcp6, other.write("c.json", `{ "Dhcp6": { "lease-database": { "type": "memfile", "persist": false },
			"interfaces-config": { "interfaces": [ "nowhere0" ], "service-sockets-require-all": true } } }`), "no such interface (nowhere0)"},
		{"server identifier", dhcp6, other.write("d.json", `{ "Dhcp6": { "lease-database": { "type": "memfile", "name": "%s/l6/leases6.csv" } } }`, other.dir), "kea-dhcp6-serverid"},
	}
	other.write("a-file", "")
	if err := os.MkdirAll(other.dir+"/l6/kea-dhcp6-serverid", 0o700); err != nil {
		t.Fatal(err)
	}
	goroutines, fds := runtime.NumGoroutine(), descriptors(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := test.kind.run(ctx, Setup{ConfigFile: test.file, Log: zap.NewNop()})
			if err == nil {
				t.Fatal("started")
			}
			contains(t, err.Error(), test.want)
		})
	}
	eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := descriptors(t); n > fds {
		t.Errorf("%d file descriptors, before there were %d", n, fds)
	}
	if held.said("ERROR") {
		t.Error(held.lines())
	}
}

// Sockets that are all required are tried as often as the configuration says.
func TestRequiredSocketsAreTriedAgain(t *testing.T) {
	h := newHost(t)
	file := h.write("dhcp6.json", `{ "Dhcp6": { "lease-database": { "type": "memfile", "persist": false },
		"interfaces-config": { "interfaces": [ "nowhere0" ], "service-sockets-require-all": true,
			"service-sockets-max-retries": 2, "service-sockets-retry-wait-time": 50 } } }`)
	r := h.launch(dhcp6, Setup{ConfigFile: file})
	select {
	case err := <-r.ended:
		r.ended <- err
		if err == nil || !strings.Contains(err.Error(), "no such interface (nowhere0)") {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("still trying")
	}
	if n := strings.Count(r.lines(), "WARN sockets are tried again"); n != 2 {
		t.Errorf("%d retries:\n%s", n, r.lines())
	}
}

// Two daemons never serve one lease file; the second one names the first.
func TestOneDaemonPerLeaseFile(t *testing.T) {
	h := newHost(t)
	file := h.conf4("")
	p := h.program("dhcp4d", []string{"KEA_PIDFILE_DIR=" + t.TempDir()}, "-c", file)
	p.serves()
	second := h.program("dhcp4d", []string{"KEA_PIDFILE_DIR=" + t.TempDir()}, "-c", file)
	if code := second.exit(patience); code != 1 {
		t.Errorf("exit code %d", code)
	}
	contains(t, second.errs.String(), "dhcp4d: not started: ", h.dir+"/leases4.csv", fmt.Sprint(p.cmd.Process.Pid))
}

// Files that are named without a folder stand where data-directory says, else
// KEA_DHCP_DATA_DIR, else the service manager.
func TestDataFolder(t *testing.T) {
	h := newHost(t)
	file := h.write("dhcp6.json", `{ "Dhcp6": { "interfaces-config": { "interfaces": [ ] } } }`)
	for _, name := range []string{"STATE_DIRECTORY", "KEA_DHCP_DATA_DIR", "data-directory"} {
		dir := t.TempDir()
		if name == "data-directory" {
			file = h.write("dhcp6.json", `{ "Dhcp6": { "data-directory": %q, "interfaces-config": { "interfaces": [ ] } } }`, dir)
		} else {
			t.Setenv(name, dir)
		}
		r := h.start(dhcp6, Setup{ConfigFile: file})
		r.end()
		for _, want := range []string{"kea-leases6.csv", "kea-dhcp6-serverid"} {
			if !exists(filepath.Join(dir, want)) {
				t.Errorf("%s: no %s", name, want)
			}
		}
	}
}

// The server's identity outlives its end.
func TestIdentityIsKept(t *testing.T) {
	h := newHost(t)
	id := func() string {
		r := h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
		defer r.end()
		for line := range strings.Lines(r.lines()) {
			if strings.Contains(line, "server identifier") {
				return line
			}
		}
		return ""
	}
	if a, b := id(), id(); a != b || a == "" {
		t.Errorf("%q became %q", a, b)
	}
}

// A context that ends before the server serves ends it all the same.
func TestStopDuringStart(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error, 1)
	go func() { done <- DHCP4(ctx, Setup{ConfigFile: h.conf4(""), Log: zap.NewNop()}) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("still running")
	}
}

// Without a privilege and on loopback nothing that is missing is fatal.
func TestLoopbackNeedsNothing(t *testing.T) {
	h := newHost(t)
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := c.LocalAddr().(*net.UDPAddr).Port
	c.Close()
	for _, iface := range []string{`"lo"`, `"lo/127.0.0.1"`, ``, `"*"`} {
		r := h.start(dhcp4, Setup{ConfigFile: h.conf4(`"interfaces-config": { "interfaces": [ ` + iface + ` ] },`), Port: port})
		if r.said("ERROR") {
			t.Errorf("%s:\n%s", iface, r.lines())
		}
		r.end()
	}
}

// A server that no client can reach says so.
func TestNoInterfaces(t *testing.T) {
	const line = "WARN no client is served: interfaces-config.interfaces is empty"
	h := newHost(t)
	v4 := h.start(dhcp4, Setup{ConfigFile: h.conf4("")})
	if v4.said(line) {
		t.Error("although the pair is its client")
	}
	h.pair = 0
	h.conf4("")
	v4.reload()
	v4.wait(line)
	v6 := h.start(dhcp6, Setup{ConfigFile: h.write("dhcp6.json", `{ "Dhcp6": { "dhcp4o6-port": %d,
		"lease-database": { "type": "memfile", "name": "%s/leases6.csv" } } }`, freePair(t), h.dir)})
	v6.wait(line)
}
