package daemon

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
)

func TestCommandLine(t *testing.T) {
	h := newHost(t)
	good := h.conf4("")
	elsewhere := h.write("elsewhere.json", `{ "Dhcp4": { "interfaces-config": { "interfaces": [ "nowhere0" ] } } }`)
	tests := []struct {
		name string
		args []string
		code int
		out  string // has to be in stdout
		errs string // has to be in stderr
	}{
		{"version", []string{"-v"}, 0, program.Version + "\n", ""},
		{"long version", []string{"-V"}, 0, "dhcp4d " + program.Version + ", go", ""},
		{"build report", []string{"-W"}, 0, "dhcp4d " + program.Version, ""},
		{"help", []string{"-h"}, 0, "", "usage: dhcp4d -c FILE"},
		{"check", []string{"-t", good}, 0, good + " is correct\n", ""},
		{"check, Kea's other letter", []string{"-T", good}, 0, good + " is correct\n", ""},
		{"nothing", nil, 2, "", "dhcp4d: no configuration file: give one with -c FILE\nTry 'dhcp4d -h'.\n"},
		{"unknown flag", []string{"-x"}, 2, "", "flag provided but not defined: -x"},
		{"left over", []string{"-c", good, "start"}, 2, "", `unexpected argument "start"`},
		{"not a number", []string{"-c", good, "-p", "dhcp"}, 2, "", `invalid value "dhcp" for flag -p`},
		{"port too high", []string{"-c", good, "-p", "65536"}, 2, "", "port 65536 of -p is outside 1..65535"},
		{"port below zero", []string{"-c", good, "-p", "-1"}, 2, "", "port -1 of -p is outside 1..65535"},
		{"client port too high", []string{"-c", good, "-P", "65536"}, 2, "", "port 65536 of -P is outside 0..65535"},
		{"no such file", []string{"-c", "/nowhere/dhcp4.json"}, 1, "", "/nowhere/dhcp4.json: cannot be read: no such file or directory"},
		{"check of another host's file", []string{"-t", elsewhere}, 0, elsewhere + " is correct\n", `interfaces-config.interfaces[0]: this host has no interface "nowhere0"; it may come later`},
		{"check of no file", []string{"-t", "/nowhere/dhcp4.json"}, 1, "", "/nowhere/dhcp4.json: cannot be read: no such file or directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := dhcp4.main(test.args, &out, &errs); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			contains(t, out.String(), test.out)
			contains(t, errs.String(), test.errs)
		})
	}
}

// What the flags say arrives in the Setup.
func TestFlagsToSetup(t *testing.T) {
	tests := []struct {
		args       []string
		port       int
		client     int
		fromSource bool
	}{
		{nil, 0, 0, false},
		{[]string{"-p", "5547", "-P", "5546"}, 5547, 5546, false},
		{[]string{"-P", "0"}, 0, 0, true},
	}
	for _, test := range tests {
		c, err := parseFlags("dhcp6d", append([]string{"-c", "f", "-d", "--serve-anyway"}, test.args...), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.do != serve || c.ConfigFile != "f" || !c.Debug || !c.ServeAnyway || !c.PIDFile {
			t.Errorf("%v: %+v", test.args, c)
		}
		if c.Port != test.port || c.ClientPort != test.client || c.FromSource != test.fromSource {
			t.Errorf("%v: %+v", test.args, c.Setup)
		}
	}
}

// A file with faults: all of them in one run, each with its line and a caret,
// whether it is checked or served.
func TestEveryErrorIsShown(t *testing.T) {
	h := newHost(t)
	bad := h.write("bad.json", `{ "Dhcp4": {
  "valid-lifetme": 10,
  "subnet4": [ { "id": 1, "subnet": "192.0.2.0/33" } ],
  "dhcp4o6-port": 70000
} }`)
	for _, flag := range []string{"-t", "-c"} {
		var out, errs bytes.Buffer
		if code := dhcp4.main([]string{flag, bad}, &out, &errs); code != 1 {
			t.Errorf("%s: exit code %d", flag, code)
		}
		contains(t, errs.String(), bad+":2:3:", `did you mean "valid-lifetime"?`, bad+":3:", bad+":4:", "has 3 errors",
			"      \"valid-lifetme\": 10,\n      ^\n")
		if out.Len() > 0 {
			t.Errorf("%s: stdout has %q", flag, out.String())
		}
	}
}

// A foreign database is no error of the file, but a start refuses it.
func TestRefuseNeedsServeAnyway(t *testing.T) {
	h := newHost(t)
	file := h.write("dhcp4.json", `{ "Dhcp4": {
  "lease-database": { "type": "mysql", "name": "kea", "persist": false },
  "hooks-libraries": [ { "library": "/usr/lib/kea/hooks/libdhcp_ha.so" } ] } }`)
	var out, errs bytes.Buffer
	if code := dhcp4.main([]string{"-t", file}, &out, &errs); code != 0 {
		t.Errorf("-t: exit code %d", code)
	}
	contains(t, errs.String(), "a start needs --serve-anyway: ", "mysql", "ha")
	errs.Reset()
	if code := dhcp4.main([]string{"-c", file}, &out, &errs); code != 1 {
		t.Errorf("-c: exit code %d", code)
	}
	contains(t, errs.String(), "mysql", "library ha", "dhcp4d: not started: ", "--serve-anyway")

	r := h.start(dhcp4, Setup{ConfigFile: file, ServeAnyway: true})
	contains(t, r.lines(), "serving without what the configuration asks for")
}

// The configurations that are shipped are correct.
func TestShippedExamples(t *testing.T) {
	files, err := filepath.Glob("../../docs/examples/*.json")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		k := dhcp6
		if strings.HasPrefix(filepath.Base(file), "dhcp4") {
			k = dhcp4
		}
		var out, errs bytes.Buffer
		code := k.main([]string{"-t", file}, &out, &errs)
		for line := range strings.Lines(errs.String()) {
			if strings.Contains(line, ": ") && !strings.HasPrefix(line, " ") && !strings.Contains(line, `this host has no interface "eth0"`) {
				t.Error(line)
			}
		}
		if code != 0 {
			t.Errorf("%s: exit code %d", file, code)
		}
	}
}

// One file may serve both daemons, as Kea's files do.
func TestOneFileForBoth(t *testing.T) {
	h := newHost(t)
	file := h.write("both.json", `{ "Dhcp4": { }, "Dhcp6": { } }`)
	for _, k := range []kind{dhcp4, dhcp6} {
		var out, errs bytes.Buffer
		if code := k.main([]string{"-t", file}, &out, &errs); code != 0 {
			t.Errorf("%s: %s", k.name, errs.String())
		}
	}
}

// The lines of Go in README.md are those of the example.
func TestREADME(t *testing.T) {
	_, block, ok := strings.Cut(read(t, "../../README.md"), "```go\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !closed {
		t.Fatal("README.md has no Go in it")
	}
	example := read(t, "example_test.go")
	for line := range strings.Lines(block) {
		contains(t, example, "\t"+line)
	}
}
