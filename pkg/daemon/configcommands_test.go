package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
)

func TestConfigGet(t *testing.T) {
	h := newHost(t)
	h.with4(`"server-tag": "a tag",`)
	var got struct {
		Dhcp4 map[string]any
		Hash  string
	}
	a := tell(t, h.door(), "config-get", "").is(t, 0, "")
	if err := json.Unmarshal(a.Arguments, &got); err != nil {
		t.Fatal(err)
	}
	if got.Dhcp4["dhcp4o6-port"] != float64(h.pair) || got.Dhcp4["valid-lifetime"] != 7200.0 {
		t.Error(got.Dhcp4)
	}
	if hash := string(tell(t, h.door(), "config-hash-get", "").Arguments); hash != `{"hash":"`+got.Hash+`"}` {
		t.Error(hash, got.Hash)
	}
	// what is got may be set, the hash included, and changes nothing
	after := tell(t, h.door(), "config-set", string(a.Arguments)).is(t, 0, "Configuration successful.")
	if string(after.Arguments) != `{"hash":"`+got.Hash+`"}` {
		t.Errorf("%s, before it was %s", after.Arguments, got.Hash)
	}
	if tag := tell(t, h.door(), "server-tag-get", ""); string(tag.Arguments) != `{"server-tag":"a tag"}` {
		t.Error(string(tag.Arguments))
	}
}

// config-set changes what is served at once, and only in memory.
func TestConfigSet(t *testing.T) {
	h := newHost(t)
	v4 := h.with4("")
	h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	h.mustLease("192.0.2.10")
	file := h.mine4()
	tell(t, h.door(), "config-set", strings.ReplaceAll(file, "192.0.2.", "198.51.100.")).is(t, 0, "Configuration successful.")
	h.mustLease("198.51.100.10")
	v4.wait("INFO dynamic server reconfiguration succeeded with a command")
	if h.mine4() != file {
		t.Error("the file has changed")
	}
	// a bad one changes nothing
	bad := strings.ReplaceAll(file, `"192.0.2.10 - 192.0.2.99"`, `"203.0.113.10 - 203.0.113.99"`)
	if a := tell(t, h.door(), "config-set", bad); a.Result != 1 || !strings.Contains(a.Text, "subnet4[0].pools[0].pool: outside 192.0.2.0/24") {
		t.Errorf("%+v", a)
	}
	h.mustLease("198.51.100.10")
	// what takes a restart is named
	tell(t, h.door(), "config-set", strings.Replace(file, `"dhcp4o6-port"`, `"user-context": { "dhcp4o6": { "raw-sync": false } }, "dhcp4o6-port"`, 1)).
		is(t, 0, "Configuration successful. These changes take a restart: user-context.dhcp4o6.raw-sync.")
	// the file comes back with config-reload
	tell(t, h.door(), "config-reload", "").is(t, 0, "Configuration successful. These changes take a restart: user-context.dhcp4o6.raw-sync.")
	h.mustLease("192.0.2.10")
}

// An answer names many errors, not all of any number.
func TestAnswerOfManyErrors(t *testing.T) {
	h := newHost(t)
	h.with4("")
	var keys []string
	for i := range maxTold + 10 {
		keys = append(keys, fmt.Sprintf(`"k%d": 1`, i))
	}
	a := tell(t, h.door(), "config-test", `{ "Dhcp4": { `+strings.Join(keys, ", ")+` } }`)
	if lines := strings.Split(a.Text, "\n"); a.Result != 1 || len(lines) != maxTold+1 || lines[maxTold] != "10 more" {
		t.Errorf("%d %s", a.Result, a.Text)
	}
}

// Who may command may not have the daemon write log lines into any file: only
// where the operator's file has its log files.
func TestConfigSetKeepsLogsInTheirFolders(t *testing.T) {
	h := newHost(t)
	logs := func(file string) string {
		return fmt.Sprintf(`"loggers": [ { "name": "kea-dhcp4", "output-options": [ { "output": "stdout" }, { "output": "syslog:local1" }, { "output": %q } ] } ],`, file)
	}
	h.with4(logs(filepath.Join(h.dir, "one.log")))
	file := h.mine4()
	for name, ok := range map[string]bool{"two.log": true, "./two.log": true, "control/../two.log": true, "control/x.log": false, "../x.log": false} {
		set := strings.Replace(file, "/one.log", "/"+name, 1)
		for _, command := range []string{"config-test", "config-set"} {
			if a := tell(t, h.door(), command, set); (a.Result == 0) != ok || !ok && !strings.Contains(a.Text, "a command may have log files only in the folders of") {
				t.Errorf("%s %s: %+v", command, name, a)
			}
		}
	}
	h.conf4(socket(h.door()) + logs(filepath.Join(h.dir, "control", "one.log")))
	tell(t, h.door(), "config-reload", "").is(t, 0, "Configuration successful.")
	tell(t, h.door(), "config-set", h.mine4()).is(t, 0, "Configuration successful.")
}

func TestConfigReloadOfABadFile(t *testing.T) {
	h := newHost(t)
	v4 := h.with4("")
	file := h.write("dhcp4.json", `{ "Dhcp4": { "valid-lifetme": 10 } }`)
	a := tell(t, h.door(), "config-reload", "")
	if want := "Config reload failed: configuration error using file '" + file + "': " + file + ":1:14: valid-lifetme: is not a key of Dhcp4"; a.Result != 1 || !strings.HasPrefix(a.Text, want) {
		t.Errorf("%d %s", a.Result, a.Text)
	}
	v4.wait("the old configuration stays")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if a := tell(t, h.door(), "config-reload", ""); a.Result != 1 || !strings.Contains(a.Text, "cannot be read: no such file") {
		t.Errorf("%+v", a)
	}
}

// The sockets follow the configuration: a command that moves its own socket is
// answered, and one that cannot be opened changes nothing.
func TestConfigSetMovesTheSocket(t *testing.T) {
	h := newHost(t)
	h.with4("")
	old, moved := h.door(), filepath.Join(h.dir, "elsewhere", "4.sock")
	file := h.mine4()
	a := tell(t, old, "config-set", strings.Replace(file, old, "/proc/nowhere/4.sock", 1))
	if a.Result != 1 || !strings.Contains(a.Text, "/proc/nowhere") {
		t.Errorf("%+v", a)
	}
	tell(t, old, "config-set", strings.Replace(file, old, moved, 1)).is(t, 0, "Configuration successful.")
	tell(t, moved, "version-get", "").is(t, 0, program.Version)
	if exists(old) {
		t.Error("the old socket is still there")
	}
	tell(t, moved, "config-set", strings.Replace(file, socket(old), "", 1)).is(t, 0, "Configuration successful.")
	if exists(moved) {
		t.Error("a socket that is no longer named is still there")
	}
}

// Whoever changes the configuration, one change ends before the next begins, and
// clients are served all the while.
func TestChangesDoNotMeet(t *testing.T) {
	h := newHost(t)
	v4 := h.with4("")
	h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	file := h.mine4()
	var w sync.WaitGroup
	done := make(chan struct{})
	for _, f := range []func(i int){
		func(i int) {
			set := strings.Replace(file, `"dhcp4o6-port"`, fmt.Sprintf(`"valid-lifetime": %d, "dhcp4o6-port"`, 600+i), 1)
			tell(t, h.door(), "config-set", set).is(t, 0, "Configuration successful.")
		},
		func(int) { tell(t, h.door(), "config-reload", "").is(t, 0, "Configuration successful.") },
		func(int) { v4.hup <- struct{}{} },
		func(int) { tell(t, h.door(), "config-write", `{ "filename": "copy.json" }`) },
		func(int) { tell(t, h.door(), "config-get", "") },
		func(int) { tell(t, h.door(), "status-get", "") },
		func(int) {
			tell(t, h.door(), "dhcp-disable", `{ "origin": "ha-partner" }`)
			tell(t, h.door(), "dhcp-enable", `{ "origin": "ha-partner" }`)
		},
	} {
		w.Go(func() {
			for i := range 20 {
				f(i)
			}
		})
	}
	go func() {
		w.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			h.mustLease("192.0.2.10")
			return
		default:
			h.client()
		}
	}
}
