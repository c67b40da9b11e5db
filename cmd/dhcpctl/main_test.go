package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// A desk is a daemon that takes commands.
type desk struct {
	dir  string
	addr netip.AddrPort
}

func (d *desk) socket() string { return filepath.Join(d.dir, "control", "s") }

func newDesk(t *testing.T) *desk {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{dir: t.TempDir(), addr: l.Addr().(*net.TCPAddr).AddrPort()}
	l.Close()
	r := &control.Registry{Service: "dhcp4"}
	r.Handle("echo", func(_ context.Context, args json.RawMessage) control.Result {
		if args == nil {
			return control.Result{Text: "as told"}
		}
		return control.Result{Text: "as told", Arguments: json.RawMessage(bytes.Clone(args))}
	})
	for code, name := range []string{1: "fail", 3: "nothing", 4: "conflict", 5: "partly"} {
		if name != "" {
			r.Handle(name, func(context.Context, json.RawMessage) control.Result {
				return control.Result{Code: code, Text: name + "\x1b[2J"}
			})
		}
	}
	s, err := control.Listen(control.Options{Registry: r, Sockets: []control.Socket{
		{Type: control.Unix, Path: d.socket()},
		{Type: control.HTTP, Addr: d.addr, Clients: []control.Client{{User: "ann", Password: "secret"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return d
}

func (d *desk) write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(d.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCommandLine(t *testing.T) {
	d := newDesk(t)
	sock, url := d.socket(), fmt.Sprintf("http://%s/", d.addr)
	secret := d.write(t, "secret", "secret\n")
	unix := d.write(t, "unix.json", fmt.Sprintf(`{"Dhcp6":{"control-socket":{"socket-type":"unix","socket-name":%q}}}`, sock))
	http := d.write(t, "http.json", fmt.Sprintf(`{"Dhcp4":{"control-sockets":[{"socket-type":"http","socket-port":%d,
		"authentication":{"type":"basic","directory":%q,"clients":[{"user":"ann","password-file":"secret"}]}}]}}`, d.addr.Port(), d.dir))
	none := d.write(t, "none.json", `{"Dhcp4":{}}`)
	bad := d.write(t, "bad.json", `{"Dhcp4":{"x":1}}`)
	args := d.write(t, "args.json", `{ "a": 1 } // with a comment`)
	for _, tt := range []struct {
		args string // "|" between words
		code int
		out  string // printed on either, as it is
		errs string // printed to errs, a part of it
	}{
		{"-s|" + sock + "|echo", 0, "as told\n", ""},
		{"-s|" + sock + "|echo|a=1|b=x|c=[1,2]|d=\"1\"|e=", 0, "as told\n{\n  \"a\": 1,\n  \"b\": \"x\",\n  \"c\": [\n    1,\n    2\n  ],\n  \"d\": \"1\",\n  \"e\": \"\"\n}\n", ""},
		{"-s|" + sock + "|echo|{\"a\":{}}|--json", 0, `{"result":0,"text":"as told","arguments":{"a":{}}}` + "\n", ""},
		{"-s|" + sock + "|echo|@" + args, 0, "as told\n{\n  \"a\": 1\n}\n", ""},
		{"-s|" + sock + "|echo|@-", 0, "as told\n{\n  \"in\": 1\n}\n", ""},
		{"-s|" + sock + "|list-commands", 0, "conflict\necho\nfail\nlist-commands\nnothing\npartly\n", ""},
		{"-c|" + unix + "|echo", 0, "as told\n", ""},
		{"-6|-c|" + unix + "|echo", 0, "as told\n", ""},
		{"-4|-c|" + unix + "|echo", exitUsage, "", `"Dhcp4" is missing`},
		{"-c|" + http + "|echo", 0, "as told\n", ""},
		{"-c|" + none + "|echo", exitUsage, "", "names no control socket"},
		{"-c|" + bad + "|echo", exitUsage, "", "x: is not a key of Dhcp4"},
		{"-c|/nowhere|echo", exitUsage, "", "no such file"},
		{"-u|" + url + "|--user|ann|--password-file|" + secret + "|echo", 0, "as told\n", ""},
		{"-u|" + url + "|--user|ann|--password-file|" + secret + "|--service|dhcp4|echo|--json", 0, `{"result":0,"text":"as told"}` + "\n", ""},
		{"-u|" + url + "|--user|ann|--password-file|" + secret + "|--service|dhcp6|echo", 2, "", "this is dhcp4"},
		{"-u|" + url + "|echo", exitUnavailable, "", "401"},
		{"-s|" + sock + "|no-such", 2, "", "'no-such' command not supported."},
		{"-s|" + sock + "|fail", 1, "", "fail\uFFFD[2J\n"},
		{"-s|" + sock + "|nothing", 3, "", "nothing"},
		{"-s|" + sock + "|conflict", 4, "", "conflict"},
		{"-s|" + sock + "|partly", 5, "", "partly"},
		{"-s|/nowhere|echo", exitUnavailable, "", "no such file"},
		{"-h", 0, usage, ""},
		{"", exitUsage, "", "which command?"},
		{"echo", exitUsage, "", "which daemon?"},
		{"-4|-6|echo", exitUsage, "", "not both"},
		{"-s|a|-u|b|echo", exitUsage, "", "one of"},
		{"-u|here|echo", exitUsage, "", "no address"},
		{"-x|echo", exitUsage, "", "-x"},
		{"-s|" + sock + "|echo|a", exitUsage, "", `"a" is no key=value`},
		{"-s|" + sock + "|echo|@/nowhere", exitUsage, "", "no such file"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			words := strings.Split(tt.args, "|")
			if tt.args == "" {
				words = nil
			}
			code := run(t.Context(), words, strings.NewReader(`{"in":1}`), &out, &errs)
			if code != tt.code || out.String() != tt.out || tt.errs == "" && errs.Len() > 0 || !strings.Contains(errs.String(), tt.errs) {
				t.Errorf("code %d, want %d\nout: %s\nerrs: %s", code, tt.code, out.String(), errs.String())
			}
		})
	}
}

// What is no answer is said to be none, and not believed.
func TestNoAnswer(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"text":"x"}`, `[{"result":0},{"result":0}]`, `"x"`, `{"result":"0"}`} {
		if a, err := control.ParseAnswer([]byte(text)); err == nil {
			t.Errorf("%s: %+v", text, a)
		}
	}
}

func TestTimeout(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-s", name, "--timeout", "50ms", "echo"}, nil, &out, &errs); code != exitUnavailable || errs.Len() == 0 {
		t.Errorf("code %d: %s", code, errs.String())
	}
}

// A name without a folder is looked for where the units have it.
func TestSocketOfAUnit(t *testing.T) {
	was := runtime
	t.Cleanup(func() { runtime = was })
	runtime = t.TempDir()
	t.Setenv("KEA_CONTROL_SOCKET_DIR", "")
	t.Setenv("RUNTIME_DIRECTORY", "")
	unit := filepath.Join(runtime, "dhcp6d", "no-such-name")
	if got, err := socketOf("no-such-name", 6); err != nil || got != "/run/dhcp4o6/no-such-name" {
		t.Errorf("%s, %v", got, err)
	}
	if err := os.Mkdir(filepath.Dir(unit), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unit, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := socketOf("no-such-name", 6); err != nil || got != unit {
		t.Errorf("%s, %v", got, err)
	}
}
