package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// scriptFolder makes the folder of programs.
func scriptFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEA_HOOK_SCRIPTS_PATH", dir)
	return dir
}

func writeProgram(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func runScript(name string) string {
	return fmt.Sprintf(`"hooks-libraries": [ { "library": "libdhcp_run_script.so", "parameters": { "name": %q } } ],`, name)
}

// A program is run for the leases of 4o6 clients, another one after a reload, and none
// when the library is gone.
func TestScriptIsRun(t *testing.T) {
	dir := scriptFolder(t)
	note := `echo "$1 $LEASES4_AT0_ADDRESS $QUERY4_REMOTE_ADDR" >> ` + dir + "/"
	writeProgram(t, dir+"/one.sh", note+"one")
	writeProgram(t, dir+"/two.sh", note+"two; echo 'it hurts' >&2; exit 4")
	h := newHost(t)
	h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	r := h.start(dhcp4, Setup{ConfigFile: h.conf4("")})
	h.mustLease("192.0.2.10")
	h.conf4(runScript(filepath.Join(dir, "one.sh")))
	contains(t, r.reload(), "reconfiguration succeeded")
	h.mustLease("192.0.2.10")
	eventually(t, "the program has run", func() bool { return strings.Contains(readFileOf(t, dir+"/one"), "leases4_committed 192.0.2.10 ::1\n") })
	h.conf4(runScript("two.sh"))
	contains(t, r.reload(), "reconfiguration succeeded")
	h.mustLease("192.0.2.10")
	r.wait("script failed")
	contains(t, r.lines(), "it hurts", "exit status 4")
	eventually(t, "the other program has run", func() bool { return strings.Contains(readFileOf(t, dir+"/two"), "leases4_committed 192.0.2.10") })
	if m, _ := r.metrics.Find("script-failed"); m.Value == 0 {
		t.Error("script-failed is 0")
	}
	runs, _ := r.metrics.Find("script-runs")
	h.conf4("")
	contains(t, r.reload(), "reconfiguration succeeded")
	h.mustLease("192.0.2.10")
	if now, _ := r.metrics.Find("script-runs"); now.Value != runs.Value {
		t.Error("run without the library")
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

func readFileOf(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// A program that may not be run refuses the start, and a reload, which changes
// nothing.
func TestScriptIsRefused(t *testing.T) {
	dir := scriptFolder(t)
	writeProgram(t, dir+"/good.sh", "")
	h := newHost(t)
	r := h.launch(dhcp4, Setup{ConfigFile: h.conf4(runScript("/bin/true"))})
	if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "KEA_HOOK_SCRIPTS_PATH") {
		t.Error("/bin/true:", err)
	} else {
		r.ended <- err
	}
	r = h.start(dhcp4, Setup{ConfigFile: h.conf4(runScript("good.sh"))})
	h.conf4(runScript("missing.sh"))
	contains(t, r.reload(), "reconfiguration failed", "missing.sh", "no such file")
}

// Who may command may not have any program of the host run for that reason: config-set
// and config-test refuse what a reload would.
func TestScriptByCommand(t *testing.T) {
	dir := scriptFolder(t)
	writeProgram(t, dir+"/good.sh", "")
	h := newHost(t)
	h.start(dhcp4, Setup{ConfigFile: h.conf4(socket(h.door()))})
	with := func(name string) string {
		b := readFileOf(t, h.conf4(socket(h.door())+runScript(name)))
		h.conf4(socket(h.door()))
		return b
	}
	for _, command := range []string{"config-test", "config-set"} {
		for _, name := range []string{"/bin/sh", "../../bin/sh", dir + "/../good.sh"} {
			if a := tell(t, h.door(), command, with(name)); a.Result != control.Error || !strings.Contains(a.Text, "KEA_HOOK_SCRIPTS_PATH") {
				t.Errorf("%s with %s: %+v", command, name, a)
			}
		}
		if a := tell(t, h.door(), command, with("good.sh")); a.Result != control.Success {
			t.Errorf("%s with good.sh: %+v", command, a)
		}
	}
}

// A program that hangs holds up nobody, and ends soon after the server.
func TestScriptHangs(t *testing.T) {
	dir := scriptFolder(t)
	writeProgram(t, dir+"/hangs.sh", "while :; do /bin/sleep 1; done")
	h := newHost(t)
	h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	r := h.start(dhcp4, Setup{ConfigFile: h.conf4(runScript("hangs.sh"))})
	for range 3 {
		h.mustLease("192.0.2.10")
	}
	begin := time.Now()
	if err := r.end(); err != nil || time.Since(begin) > scriptGrace+5*time.Second {
		t.Error(err, time.Since(begin))
	}
}

// An embedder's functions may refuse a configuration, and change what a command is
// answered.
func TestHooksOfTheDaemon(t *testing.T) {
	h := newHost(t)
	door := h.door()
	hooks := &server4.Hooks{
		Configured: func(n *topology.Topology) error {
			switch len(n.Subnets) {
			case 0:
				return errors.New("no subnet is left")
			case 2:
				panic("a fault")
			}
			return nil
		},
		CommandProcessed: func(command string, _ json.RawMessage, r *control.Result) { r.Text += " (" + command + ")" },
	}
	r := h.start(dhcp4, Setup{ConfigFile: h.conf4(socket(door)), Hooks: hooks})
	contains(t, tell(t, door, "version-get", "").Text, "(version-get)")
	h.write("dhcp4.json", `{ "Dhcp4": { %s "lease-database": { "type": "memfile", "name": "%s/leases4.csv" }, "subnet4": [ ] } }`, socket(door), h.dir)
	contains(t, r.reload(), "reconfiguration failed", "no subnet is left")
	h.write("dhcp4.json", `{ "Dhcp4": { %s "lease-database": { "type": "memfile", "name": "%s/leases4.csv" },
		"subnet4": [ { "id": 1, "subnet": "192.0.2.0/24" }, { "id": 2, "subnet": "198.51.100.0/24" } ] } }`, socket(door), h.dir)
	contains(t, r.reload(), "reconfiguration failed", "fault in a hook function: a fault")
	contains(t, tell(t, door, "version-get", "").Text, "(version-get)")
	h.write("dhcp4.json", `{ "Dhcp4": { "lease-database": { "type": "memfile", "persist": false }, "subnet4": [ ] } }`)
	other := h.launch(dhcp4, Setup{ConfigFile: filepath.Join(h.dir, "dhcp4.json"), Hooks: hooks})
	err := <-other.ended
	if other.ended <- err; err == nil || !strings.Contains(err.Error(), "no subnet is left") {
		t.Error("started:", err)
	}
}
