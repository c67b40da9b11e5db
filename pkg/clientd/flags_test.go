package clientd

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
)

var both = []*kind{
	{name: "dhcp4c", family: 4, open: (*host).open4},
	{name: "dhcp6c", family: 6, open: (*host).open6},
}

// The flags are the same in both programs; what they ask for is.
func TestFlags(t *testing.T) {
	base := command{stateDir: defaultState, runDir: defaultRun, timeout: time.Minute}
	tests := []struct {
		args string
		want func(*command)
	}{
		{"", func(*command) {}},
		{"-i eth0 --interface eth1 -i eth0 eth2", func(c *command) { c.interfaces = []string{"eth0", "eth1", "eth2"} }},
		{"-c /etc/x.json --once --timeout 5s -v", func(c *command) {
			c.configFile, c.once, c.timeout, c.verbose = "/etc/x.json", true, 5*time.Second, true
		}},
		{"--4o6 --4o6-port 6767 --script /s", func(c *command) { c.over6, c.over6Port, c.script = true, 6767, "/s" }},
		{"--lease-file /l --state-dir /d --run-dir /r", func(c *command) { c.leaseFile, c.stateDir, c.runDir = "/l", "/d", "/r" }},
		{"--dry-run --json", func(c *command) { c.dryRun, c.json = true, true }},
		{"--inform", func(c *command) { c.inform = true }},
		{"--status --json", func(c *command) { c.do, c.json = status, true }},
		{"--renew", func(c *command) { c.do = renew }},
		{"--release -i eth0", func(c *command) { c.do, c.interfaces = release, []string{"eth0"} }},
		{"-t /etc/x.json", func(c *command) { c.do, c.configFile = check, "/etc/x.json" }},
	}
	for _, k := range both {
		for _, test := range tests {
			want := base
			test.want(&want)
			var out, errs bytes.Buffer
			got, err := k.parseFlags(strings.Fields(test.args), &out, &errs)
			if err != nil || !reflect.DeepEqual(got, want) || out.Len()+errs.Len() > 0 {
				t.Errorf("%s %s:\n%+v, want\n%+v, %v %s", k.name, test.args, got, want, err, &errs)
			}
		}
	}
	c, err := both[1].parseFlags([]string{"--server", "[::1]:5547"}, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil || c.server != netip.MustParseAddrPort("[::1]:5547") {
		t.Errorf("--server: %v %v", c.server, err)
	}
}

// TestCommandLine holds the exit codes of what ends at once, and what is said of it.
func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	right, wrong := write("right", `{"dhcp4c": {}, "dhcp6c": {}}`), write("wrong", `{"dhcp4c": {"request": 1}, "dhcp6c": {"request": 1}}`)
	places := []string{"--state-dir", dir, "--run-dir", dir}
	tests := []struct {
		args      string
		code      int
		out, errs string
	}{
		{"--version", exitOK, program.Version + "\n", ""},
		{"--version -v", exitOK, "linux/", ""},
		{"-h", exitOK, "usage: NAME [-i INTERFACE]", ""},
		{"--what", exitUsage, "", "flag provided but not defined: -what\nTry 'NAME -h'."},
		{"--status --renew", exitUsage, "", "NAME: --status, --renew, --release and -t exclude one another"},
		{"--once --release", exitUsage, "", "--once and --inform go with none of"},
		{"--json", exitUsage, "", "--json goes with --status and --dry-run"},
		{"--server here", exitUsage, "", `--server: "here" is neither an address nor an address and a port`},
		{"--4o6-port 65535", exitUsage, "", "--4o6-port: 65535 is outside 1..65534"},
		{"--timeout 0s", exitUsage, "", "--timeout: the time has to be positive"},
		{"-i a -i b --lease-file x", exitUsage, "", "--lease-file is for one interface"},
		{"", exitUsage, "", "NAME: no interface: name one with -i, or in the file of -c"},
		{"-c " + right, exitUsage, "", "no interface"},
		{"-i no0", exitNoInterface, "", "NAME: no0: there is no such interface"},
		{"-c " + wrong + " -i lo", exitUsage, "", wrong + ":1:"},
		{"-c " + dir + "/none -i lo", exitUsage, "", dir + "/none: cannot be read: no such file or directory"},
		{"-t " + right, exitOK, "NAME: " + right + " is correct\n", ""},
		{"-t " + wrong, exitUsage, "", "request: has to be a list of strings, not an integer"},
		{"--status", exitNotRunning, "", "NAME: no client is running"},
		{"--status -i lo", exitNotRunning, "", "NAME: lo: no NAME is running on this interface"},
		{"--status --json", exitOK, "[]\n", ""},
		{"--renew", exitNotRunning, "", "NAME: no client is running"},
		{"--renew -i lo", exitNotRunning, "", "NAME: lo: no NAME is running on this interface"},
		{"--release", exitOK, "NAME: there is no lease to release\n", ""},
		{"--release -i lo", exitOK, "NAME: lo: there is no lease to release\n", ""},
		{"-i lo --script /nowhere/script", exitUsage, "", "/nowhere/script"},
	}
	for _, k := range both {
		for _, test := range tests {
			t.Run(k.name+" "+test.args, func(t *testing.T) {
				var out, errs bytes.Buffer
				code := k.main(append(strings.Fields(test.args), places...), &out, &errs)
				named := strings.NewReplacer("NAME", k.name)
				if code != test.code {
					t.Errorf("exit code %d, want %d", code, test.code)
				}
				for what, is := range map[string][2]string{"output": {out.String(), test.out}, "complaint": {errs.String(), test.errs}} {
					if want := named.Replace(is[1]); !strings.Contains(is[0], want) || want == "" && is[0] != "" {
						t.Errorf("%s %q, want %q", what, is[0], want)
					}
				}
			})
		}
	}
}

// Every exit code is in the documents, and no other.
func TestExitCodesAreDocumented(t *testing.T) {
	for _, name := range []string{"../../docs/clients.md", "../../docs/man/dhcp4c.8", "../../docs/man/dhcp6c.8"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for code := exitOK; code <= exitNotRunning+1; code++ {
			there := strings.Contains(string(text), fmt.Sprintf("\n| %d | ", code)) || strings.Contains(string(text), fmt.Sprintf("\n.It %d\n", code))
			if there != (code <= exitNotRunning) {
				t.Errorf("%s: exit code %d is there: %v", name, code, there)
			}
		}
	}
}

// Every flag is in the usage and in the manual.
func TestFlagsAreDocumented(t *testing.T) {
	for _, k := range both {
		var usage bytes.Buffer
		k.usage(&usage)
		manual, err := os.ReadFile("../../docs/man/" + k.name + ".8")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"i", "-interface", "c", "t", "-once", "-timeout", "-inform", "-dry-run", "-release", "-renew", "-status", "-json",
			"-script", "-server", "-4o6", "-4o6-port", "-lease-file", "-state-dir", "-run-dir", "v", "-version", "h"} {
			if !strings.Contains(usage.String(), "-"+f) {
				t.Errorf("%s -h lacks -%s", k.name, f)
			}
			if !strings.Contains(string(manual), "Fl "+f) {
				t.Errorf("the manual of %s lacks -%s", k.name, f)
			}
		}
	}
}
