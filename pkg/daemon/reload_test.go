package daemon

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// both starts the pair.
func (h *host) both() (v4, v6 *running) {
	h.t.Helper()
	v6 = h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	v4 = h.start(dhcp4, Setup{ConfigFile: h.conf4("")})
	return v4, v6
}

func TestReloadOfABadFileChangesNothing(t *testing.T) {
	h := newHost(t)
	v4, _ := h.both()
	h.mustLease("192.0.2.10")
	h.write("dhcp4.json", `{ "Dhcp4": {
  "valid-lifetme": 10,
  "dhcp4o6-port": 70000,
  "subnet4": [ ] } }`)
	said := v4.reload()
	contains(t, said, "valid-lifetme", "did you mean", "70000", "ERROR reconfiguration failed, the old configuration stays")
	if strings.Contains(said, "succeeded") {
		t.Error(said)
	}
	h.mustLease("192.0.2.10")
}

func TestReloadOfNoFile(t *testing.T) {
	h := newHost(t)
	file := h.conf4("")
	r := h.start(dhcp4, Setup{ConfigFile: file})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	contains(t, r.reload(), "cannot be read: no such file", "the old configuration stays")
}

func TestReloadChangesSubnets(t *testing.T) {
	h := newHost(t)
	v4, _ := h.both()
	h.mustLease("192.0.2.10")
	file := h.write("dhcp4.json", `{ "Dhcp4": { "dhcp4o6-port": %d,
  "lease-database": { "type": "memfile", "name": "%s/leases4.csv" },
  "subnet4": [ { "id": 2, "subnet": "198.51.100.0/24", "4o6-interface": "lo",
                 "pools": [ { "pool": "198.51.100.7 - 198.51.100.99" } ] } ] } }`, h.pair, h.dir)
	contains(t, v4.reload(), "INFO dynamic server reconfiguration succeeded with file "+file+" map[]\n")
	h.mustLease("198.51.100.7")
}

// The pair moves to another port when both daemons are told so, and back.
func TestReloadMovesThePair(t *testing.T) {
	h := newHost(t)
	v4, v6 := h.both()
	old := h.pair
	for range 2 {
		h.pair = freePair(t)
		h.conf4("")
		h.conf6("")
		contains(t, v4.reload(), "succeeded")
		contains(t, v6.reload(), "succeeded")
		h.mustLease("192.0.2.10")
		if !free(old) || !free(old+1) {
			t.Error("the old ports are still held")
		}
		old = h.pair
	}
}

// A port switched off by a reload is given back, and comes with the next one.
func TestReloadSwitchesThePairOff(t *testing.T) {
	h := newHost(t)
	v4, _ := h.both()
	port := h.pair
	h.pair = 0
	h.conf4("")
	contains(t, v4.reload(), "succeeded")
	if !free(port + 1) {
		t.Error("still held")
	}
	if _, ok := h.client(); ok {
		t.Error("a lease without the pair")
	}
	h.pair = port
	h.conf4("")
	contains(t, v4.reload(), "succeeded")
	h.mustLease("192.0.2.10")
}

// A new port that somebody else holds fails the reload, and everything stays:
// subnets, interfaces, port.
func TestReloadToATakenPort(t *testing.T) {
	h := newHost(t)
	v4, _ := h.both()
	old := h.pair
	h.pair = freePair(t)
	holder, err := net.ListenPacket("udp6", fmt.Sprintf("[::1]:%d", h.pair+1))
	if err != nil {
		t.Fatal(err)
	}
	h.write("dhcp4.json", `{ "Dhcp4": { "dhcp4o6-port": %d,
  "interfaces-config": { "interfaces": [ "nowhere0" ] },
  "lease-database": { "type": "memfile", "name": "%s/leases4.csv" },
  "subnet4": [ { "id": 2, "subnet": "198.51.100.0/24", "4o6-interface": "lo",
                 "pools": [ { "pool": "198.51.100.7 - 198.51.100.99" } ] } ] } }`, h.pair, h.dir)
	said := v4.reload()
	contains(t, said, "ERROR reconfiguration failed, the old configuration stays", fmt.Sprint(h.pair), "address already in use")
	h.mustLease("192.0.2.10")
	if free(old + 1) {
		t.Error("the old port was given up")
	}
	holder.Close()
	contains(t, v4.reload(), "succeeded")
}

func TestReloadChangesInterfaces(t *testing.T) {
	h := newHost(t)
	_, v6 := h.both()
	h.mustLease("192.0.2.10")
	h.write("dhcp6.json", `{ "Dhcp6": { "dhcp4o6-port": %d, "lease-database": { "type": "memfile", "name": "%s/leases6.csv" } } }`, h.pair, h.dir)
	contains(t, v6.reload(), "succeeded")
	eventually(t, "the socket is closed", func() bool { return free(h.port) })
	v6.wait("INFO no longer serving")
	h.conf6("")
	contains(t, v6.reload(), "succeeded")
	h.mustLease("192.0.2.10")
}

// A socket that cannot be opened fails the reload where all are required.
func TestReloadRequiresSockets(t *testing.T) {
	h := newHost(t)
	file := h.write("dhcp6.json", `{ "Dhcp6": { "dhcp4o6-port": %d, "lease-database": { "type": "memfile", "name": "%s/leases6.csv" },
		"interfaces-config": { "service-sockets-require-all": true, "interfaces": [ ] } } }`, h.pair, h.dir)
	r := h.start(dhcp6, Setup{ConfigFile: file})
	h.write("dhcp6.json", `{ "Dhcp6": { "dhcp4o6-port": %d, "lease-database": { "type": "memfile", "name": "%s/leases6.csv" },
		"interfaces-config": { "service-sockets-require-all": true, "interfaces": [ "nowhere0" ] } } }`, h.pair, h.dir)
	contains(t, r.reload(), "reconfiguration failed", "no such interface (nowhere0)")
}

func TestReloadRefusesAnotherLeaseDatabase(t *testing.T) {
	h := newHost(t)
	v4, _ := h.both()
	for _, db := range []string{`"name": "/tmp/other.csv"`, `"name": "other.csv"`, `"persist": false`} {
		h.write("dhcp4.json", `{ "Dhcp4": { "dhcp4o6-port": %d, "lease-database": { "type": "memfile", %s } } }`, h.pair, db)
		contains(t, v4.reload(), "the old configuration stays", "lease-database has changed, which takes a restart")
	}
	h.write("dhcp4.json", `{ "Dhcp4": { "dhcp4o6-port": %d, "lease-database": { "type": "mysql", "name": "kea" } } }`, h.pair)
	contains(t, v4.reload(), "the old configuration stays", "mysql", "--serve-anyway")
	h.mustLease("192.0.2.10")
}

// Loggers change with a reload; one that cannot be opened fails it.
func TestReloadChangesLoggers(t *testing.T) {
	h := newHost(t)
	loggers := func(file string) string {
		return h.conf4(fmt.Sprintf(`"loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output-options": [ { "output": %q } ] } ],`, file))
	}
	one, two := filepath.Join(h.dir, "one.log"), filepath.Join(h.dir, "two.log")
	file := loggers(one)
	p := h.program("dhcp4d", []string{"KEA_PIDFILE_DIR=" + h.dir}, "-c", file)
	eventually(t, "started", func() bool { return exists(one) && strings.Contains(read(t, one), "server version") })
	loggers("/nowhere/log")
	p.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "refused", func() bool { return strings.Contains(read(t, one), "the old configuration stays") })
	contains(t, read(t, one), "open /nowhere/log: no such file or directory")
	loggers(two)
	p.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "changed over", func() bool { return exists(two) && strings.Contains(read(t, two), "succeeded") })
	if strings.Contains(read(t, one), "succeeded") {
		t.Error("the old log got the line")
	}
}

// What a running server cannot change is named.
func TestReloadNamesWhatTakesARestart(t *testing.T) {
	h := newHost(t)
	r := h.start(dhcp4, Setup{ConfigFile: h.conf4("")})
	h.conf4(`"interfaces-config": { "interfaces": [ ], "dhcp-socket-type": "udp" },`)
	r.reload()
	r.wait("WARN a change takes a restart map[path:interfaces-config.dhcp-socket-type]")
}

// Clients are served through one reload after the other.
func TestReloadUnderLoad(t *testing.T) {
	h := newHost(t)
	v4, v6 := h.both()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 10 {
			v4.hup <- struct{}{}
			v6.hup <- struct{}{}
		}
	}()
	for {
		select {
		case <-done:
			return
		default:
			h.mustLease("192.0.2.10")
		}
	}
}
