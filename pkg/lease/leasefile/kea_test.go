package leasefile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// program finds a program of Kea's, or skips the test where there is none.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if path = filepath.Join("/usr/sbin", name); exec.Command(path, "-v").Run() == nil {
		return path
	}
	need.Skip(t, "needs %s, which is not installed", name)
	return ""
}

// keaSamples are the leases that Kea 2.2 can hold: it writes line breaks of a
// host name as they are, and takes identifiers of 2 to 128 octets.
func keaSamples(f leasefile.Family) (all []lease.Lease) {
	samples := leasetest.Samples4()
	if f == leasefile.V6 {
		samples = leasetest.Samples6()
	}
	for _, l := range samples {
		odd := strings.ContainsAny(l.Hostname, "\n\r\x00")
		if odd || len(l.ClientID) == 1 || len(l.ClientID) > 128 || len(l.DUID) > 128 {
			continue
		}
		all = append(all, l)
	}
	if f == leasefile.V4 {
		l := testLease(77, 0)
		l.HWType, l.UserContext = 32, []byte(`{"dhcp4o6":{"source":"2001:db8::1"}}`)
		all = append(all, l)
	}
	return all
}

// fill makes a lease file of ours with all leases, each changed once, and one
// that was removed.
func fill(t *testing.T, file string, f leasefile.Family, all []lease.Lease) {
	t.Helper()
	s := openAt(t, file, leasefile.Options{Family: f})
	if err := s.Load(t.Context(), none); err != nil {
		t.Fatal(err)
	}
	for _, valid := range []time.Duration{time.Minute, 0} {
		for i := range all {
			l := all[i]
			l.Valid += valid
			appendLease(s, l)
		}
	}
	gone := leasetest.Clone(&all[0])
	addr := gone.Resource.Prefix.Addr().AsSlice()
	addr[len(addr)-1] = 250
	gone.Resource.Prefix = mustPrefix(addr)
	appendLease(s, gone)
	s.Append(lease.Change{Lease: &gone, Remove: true})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// sameAfterKea compares leases; Kea writes user contexts in its own style, and
// does not know pools.
func sameAfterKea(t *testing.T, got leases, want []lease.Lease) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d leases, want %d", len(got), len(want))
	}
	for _, l := range want {
		g, ok := got[l.Resource]
		if !ok {
			t.Errorf("%v is gone", l.Resource)
			continue
		}
		if !sameJSON(g.UserContext, l.UserContext) {
			t.Errorf("%v: user context %s, want %s", l.Resource, g.UserContext, l.UserContext)
		}
		g.UserContext, l.UserContext, l.Pool = nil, nil, 0
		if a, b := leasetest.Text(&g), leasetest.Text(&l); a != b {
			t.Errorf("changed by Kea\n got %s\nwant %s", a, b)
		}
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if len(a)+len(b) == 0 {
		return true
	}
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func loadFile(t *testing.T, file string, f leasefile.Family) (leases, leasefile.Report) {
	t.Helper()
	s := openAt(t, file, leasefile.Options{Family: f})
	defer s.Close()
	got := leases{}
	if err := s.Load(t.Context(), got.add); err != nil {
		t.Fatal(err)
	}
	return got, s.Report()
}

// kea-lfc reads a file of ours and keeps every lease; we read what it writes.
func TestKeaCleansOurFile(t *testing.T) {
	lfc := program(t, "kea-lfc")
	for family, flag := range map[leasefile.Family]string{leasefile.V4: "-4", leasefile.V6: "-6"} {
		t.Run(flag, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "leases.csv")
			want := keaSamples(family)
			fill(t, file, family, want)
			if err := os.Rename(file, file+".1"); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(lfc, flag, "-d", "-c", "unused", "-p", file+".pid", "-x", file+".2", "-i", file+".1",
				"-o", file+".output", "-f", file+".completed")
			out, err := cmd.CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("ROW_ERROR")) {
				t.Fatalf("kea-lfc: %v\n%s", err, out)
			}
			got, r := loadFile(t, file, family)
			sameAfterKea(t, got, want)
			if r.Damaged != 0 || len(r.TakenOver) != 1 {
				t.Errorf("report: %+v", r)
			}
		})
	}
}

// A kea is a server of Kea's that opens no socket of the network.
type kea struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  string
	sock string
}

func startKea(t *testing.T, f leasefile.Family, file string) *kea {
	if f == leasefile.V6 {
		return startKeaWith(t, f, file, "2001:db8::/32", "DEBUG")
	}
	return startKeaWith(t, f, file, "192.0.2.0/24", "DEBUG")
}

// startKeaWith starts one with a subnet and a severity of logs.
func startKeaWith(t *testing.T, f leasefile.Family, file, subnet, severity string) *kea {
	v := 4
	if f == leasefile.V6 {
		v = 6
	}
	dir := t.TempDir()
	k := &kea{t: t, log: filepath.Join(dir, "log"), sock: filepath.Join(dir, "sock")}
	id := map[int]string{6: `"server-id": {"type": "EN", "enterprise-id": 2495, "identifier": "0102030405", "persist": false},`}[v]
	hooks := ""
	if lib := hookLibrary(); lib != "" {
		hooks = fmt.Sprintf(`"hooks-libraries": [{"library": %q}],`, lib)
	}
	conf := fmt.Sprintf(`{"Dhcp%d": {%s %s "interfaces-config": {"interfaces": []},
		"lease-database": {"type": "memfile", "persist": true, "name": %q, "lfc-interval": 0},
		"expired-leases-processing": {"reclaim-timer-wait-time": 0, "flush-reclaimed-timer-wait-time": 0},
		"control-socket": {"socket-type": "unix", "socket-name": %q},
		"subnet%d": [{"id": 1, "subnet": %q}],
		"loggers": [{"name": "kea-dhcp%d", "severity": %q, "debuglevel": 50,
			"output_options": [{"output": %q}]}]}}`, v, id, hooks, file, k.sock, v, subnet, v, severity, k.log)
	name := filepath.Join(dir, "kea.json")
	if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	k.cmd = exec.Command(program(t, fmt.Sprintf("kea-dhcp%d", v)), "-c", name)
	k.cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR=none")
	k.cmd.Stdout, k.cmd.Stderr = io.Discard, io.Discard
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.stop)
	k.wait("its start", func() bool { // the socket is there before the lease file is open
		log, _ := os.ReadFile(k.log)
		return bytes.Contains(log, fmt.Appendf(nil, "DHCP%d_STARTED", v))
	})
	return k
}

func hookLibrary() string {
	found, _ := filepath.Glob("/usr/lib/*/kea/hooks/libdhcp_lease_cmds.so")
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

func (k *kea) stop() {
	if k.cmd.ProcessState == nil {
		k.cmd.Process.Signal(syscall.SIGTERM)
		k.cmd.Wait()
	}
}

func (k *kea) wait(what string, ok func() bool) {
	k.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			log, _ := os.ReadFile(k.log)
			k.t.Fatalf("no sign of %s; Kea says\n%s", what, log[max(0, len(log)-4000):])
		}
	}
}

// command sends a control command and returns the answer's text.
func (k *kea) command(text string) string {
	k.t.Helper()
	c, err := net.Dial("unix", k.sock)
	if err != nil {
		k.t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte(text))
	c.(*net.UnixConn).CloseWrite()
	var answer bytes.Buffer
	answer.ReadFrom(c)
	if !strings.Contains(answer.String(), `"result": 0`) {
		k.t.Fatalf("%s\n%s", text, answer.String())
	}
	return answer.String()
}

// The servers load a file of ours without a complaint and clean it up; while one
// of them has it open we keep out; then we take it back.
func TestKeaServesOurFile(t *testing.T) {
	for _, family := range []leasefile.Family{leasefile.V4, leasefile.V6} {
		t.Run(fmt.Sprint(family), func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "leases.csv")
			want := keaSamples(family)
			fill(t, file, family, want)
			k := startKea(t, family, file)
			_, err := leasefile.Open(file, leasefile.Options{Family: family})
			if err == nil || !strings.Contains(err.Error(), "kea-") { // the server, or its clean-up
				t.Errorf("opened beside Kea: %v", err)
			}
			k.wait("a clean-up", func() bool {
				_, err := os.Stat(file + ".2")
				_, running := os.Stat(file + ".pid")
				return err == nil && errors.Is(running, fs.ErrNotExist)
			})
			k.stop()
			log, _ := os.ReadFile(k.log)
			if bytes.Contains(log, []byte("ROW_ERROR")) || !bytes.Contains(log, []byte("LEASE_FILE_LOAD")) {
				t.Errorf("Kea says\n%s", log)
			}
			got, r := loadFile(t, file, family)
			sameAfterKea(t, got, want)
			if r.Damaged != 0 || !r.Rewritten {
				t.Errorf("report: %+v", r)
			}
		})
	}
}

// Leases that Kea itself has made are taken over.
func TestKeaMadeFile(t *testing.T) {
	if hookLibrary() == "" {
		need.Skip(t, "needs Kea's lease_cmds hook, which is not installed")
	}
	const context = `{ "comment": "a, b & c", "n": [ 1, 2 ] }`
	t.Run("v4", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "leases.csv")
		k := startKea(t, leasefile.V4, file)
		for i := range 3 {
			k.command(fmt.Sprintf(`{"command": "lease4-add", "arguments": {"ip-address": "192.0.2.%d", "hw-address": "1a:1b:1c:1d:1e:%02x",
				"client-id": "01:02:%02x", "subnet-id": 1, "valid-lft": 3600, "expire": 1900003600, "hostname": "a,b&#x2c.example",
				"fqdn-fwd": true, "fqdn-rev": false, "user-context": %s}}`, i, i, i, context))
		}
		k.command(`{"command": "lease4-del", "arguments": {"ip-address": "192.0.2.1"}}`)
		k.stop()
		got, _ := loadFile(t, file, leasefile.V4)
		var want []lease.Lease
		for _, i := range []byte{0, 2} {
			want = append(want, lease.Lease{
				Resource: lease.Resource{Prefix: mustPrefix([]byte{192, 0, 2, i})},
				HWAddr:   []byte{0x1a, 0x1b, 0x1c, 0x1d, 0x1e, i}, HWType: 1, ClientID: []byte{1, 2, i}, Subnet: 1,
				Valid: time.Hour, Start: time.Unix(1900000000, 0), Hostname: "a,b&#x2c.example", FwdDNS: true,
				UserContext: []byte(context),
			})
		}
		sameAfterKea(t, got, want)
	})
	t.Run("v6", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "leases.csv")
		k := startKea(t, leasefile.V6, file)
		k.command(`{"command": "lease6-add", "arguments": {"ip-address": "2001:db8::1", "duid": "00:03:00:01:02:00:00:00:00:01",
			"iaid": 4294967295, "subnet-id": 1, "valid-lft": 3600, "preferred-lft": 1800, "expire": 1900003600,
			"hw-address": "02:00:00:00:00:01", "user-context": ` + context + `}}`)
		k.command(`{"command": "lease6-add", "arguments": {"ip-address": "2001:db8:1::", "type": "IA_PD", "prefix-len": 56, "duid": "00:01:02",
			"iaid": 7, "subnet-id": 1, "valid-lft": 4294967295, "preferred-lft": 4294967295, "expire": 6194967295}}`)
		k.stop()
		got, _ := loadFile(t, file, leasefile.V6)
		na := lease.Lease{Resource: lease.Resource{Kind: lease.NA, Prefix: mustPrefix(net.ParseIP("2001:db8::1"))},
			DUID: []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}, IAID: 1<<32 - 1, Subnet: 1, Valid: time.Hour, Preferred: 30 * time.Minute,
			Start: time.Unix(1900000000, 0), HWAddr: []byte{2, 0, 0, 0, 0, 1}, HWType: 1, UserContext: []byte(context)}
		pd := lease.Lease{Resource: lease.Resource{Kind: lease.PD, Prefix: mustParse("2001:db8:1::/56")},
			DUID: []byte{0, 1, 2}, IAID: 7, Subnet: 1, Valid: lease.Infinite, Preferred: lease.Infinite,
			Start: time.Unix(1900000000, 0)}
		sameAfterKea(t, got, []lease.Lease{na, pd})
	})
}
