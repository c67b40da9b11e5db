package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
)

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// capture returns what f writes to one of the process's own files.
func capture(t *testing.T, std **os.File, f func()) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "captured"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	saved := *std
	*std = out
	defer func() { *std = saved }()
	f()
	return read(t, out.Name())
}

// -d shows everything on stdout, whatever the configuration says.
func TestDebugFlag(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	d := &daemon{kind: dhcp4, setup: Setup{Debug: true}}
	got := capture(t, &os.Stdout, func() {
		log, out, err := d.newLog(&config.Config{Loggers: []config.Logger{{Name: "kea-dhcp4", Severity: "ERROR", Outputs: []config.Output{{Output: file}}}}})
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("a packet")
		out.Close()
	})
	contains(t, got, "DEBUG a packet\n")
}

// A log that cannot be written is told at once, and says which.
func TestUnwritableLog(t *testing.T) {
	h := newHost(t)
	file := h.conf4(`"loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output-options": [ { "output": "/nowhere/dhcp4.log" } ] },
		{ "name": "kea-dhcp4.leases", "severity": "INFO", "output-options": [ { "output": "/nowhere/leases.log" } ] } ],`)
	err := DHCP4(t.Context(), Setup{ConfigFile: file})
	if err == nil {
		t.Fatal("started")
	}
	contains(t, err.Error(), `logger "kea-dhcp4": open /nowhere/dhcp4.log: no such file or directory`, `logger "kea-dhcp4.leases": open /nowhere/leases.log`)
}
