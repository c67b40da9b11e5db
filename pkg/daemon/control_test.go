package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// door is where the DHCPv4 daemon of a host takes commands.
func (h *host) door() string { return filepath.Join(h.dir, "control", "4.sock") }

// socket is the key of a configuration that opens a UNIX socket.
func socket(name string) string {
	return fmt.Sprintf(`"control-socket": { "socket-type": "unix", "socket-name": %q },`, name)
}

// An answer is what a command comes to, on the wire.
type answer struct {
	Result    int
	Text      string
	Arguments json.RawMessage
}

// ask sends a command and returns the answer.
func ask(t *testing.T, door, request string) answer {
	t.Helper()
	c, err := net.Dial("unix", door)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		t.Fatalf("%s: %v: %s", request, err, b)
	}
	return a
}

// tell sends a command with arguments, none when they are empty.
func tell(t *testing.T, door, name, args string) answer {
	t.Helper()
	if args != "" {
		args = `, "arguments": ` + args
	}
	return ask(t, door, fmt.Sprintf(`{ "command": %q%s }`, name, args))
}

// is fails when an answer is not of this code and text.
func (a answer) is(t *testing.T, result int, text string) answer {
	t.Helper()
	if a.Result != result || a.Text != text {
		t.Errorf("%d %q, want %d %q", a.Result, a.Text, result, text)
	}
	return a
}

// with4 runs a DHCPv4 daemon that takes commands.
func (h *host) with4(more string) *running {
	h.t.Helper()
	return h.start(dhcp4, Setup{ConfigFile: h.conf4(socket(h.door()) + more)})
}

// mine4 is the configuration that with4 has written, as the argument of config-set.
func (h *host) mine4() string { return read(h.t, filepath.Join(h.dir, "dhcp4.json")) }

// The arguments are checked as Kea 2.2.0 does, with its words.
func TestArgumentsOfCommands(t *testing.T) {
	h := newHost(t)
	h.with4("")
	for _, tt := range []struct {
		name, args string
		result     int
		text       string
	}{
		{"config-test", ``, 1, "Missing mandatory 'arguments' parameter."},
		{"config-test", `{}`, 1, "Missing mandatory 'Dhcp4' parameter."},
		{"config-test", `{ "Dhcp6": {} }`, 1, "Missing mandatory 'Dhcp4' parameter."},
		{"config-test", `{ "Dhcp4": {}, "Logging": {} }`, 1, "Unsupported 'Logging' parameter."},
		{"config-test", `{ "Dhcp4": {}, "b": {}, "a": {} }`, 1, "Unsupported 'a' parameter."},
		{"config-test", `{ "Dhcp4": [] }`, 1, "'Dhcp4' parameter expected to be a map."},
		{"config-test", `[]`, 1, "Argument must be a map"},
		{"config-test", `null`, 1, "Argument must be a map"},
		{"config-test", h.mine4(), 0, sane},
		{"config-test", `{ "Dhcp4": {}, "hash": "ABC" }`, 0, sane + " This server cannot change over to it: daemon: lease-database has changed, which takes a restart."},
		{"config-set", ``, 1, "Missing mandatory 'arguments' parameter."},
		{"config-set", `{}`, 1, "Missing mandatory 'Dhcp4' parameter."},
		{"config-set", `{ "Dhcp4": {} }`, 1, "daemon: lease-database has changed, which takes a restart"},
		{"config-set", `{ "Dhcp4": { "foo": 1, "valid-lifetime": "x" } }`, 1,
			"<wire>:1:12: foo: is not a key of Dhcp4\n<wire>:1:40: valid-lifetime: has to be an integer, not a string"},
		{"config-write", `{ "filename": 1 }`, 1, "passed parameter 'filename' is not a string"},
		{"config-write", `[]`, 1, "Argument must be a map"},
		{"config-write", `{ "filename": "/nowhere/x" }`, 1, "Error during write-config:Unable to open file /nowhere/x for writing"},
		{"dhcp-disable", `[]`, 1, "arguments for the 'dhcp-disable' command must be a map"},
		{"dhcp-disable", `{ "max-period": 0 }`, 1, "'max-period' must be positive integer"},
		{"dhcp-disable", `{ "max-period": -1 }`, 1, "'max-period' must be positive integer"},
		{"dhcp-disable", `{ "max-period": "a" }`, 1, "'max-period' argument must be a number"},
		{"dhcp-disable", `{ "max-period": 1.5 }`, 1, "'max-period' argument must be a number"},
		{"dhcp-disable", `{ "max-period": null }`, 1, "'max-period' argument must be a number"},
		{"dhcp-disable", `{ "origin": "foo" }`, 1, "invalid value used for 'origin' parameter: foo"},
		{"dhcp-disable", `{ "origin": 1 }`, 1, "'origin' argument must be a string"},
		{"dhcp-disable", `{ "origin-id": "x" }`, 1, "'origin-id' argument must be a number"},
		{"dhcp-disable", `{ "origin-id": 7 }`, 1, "invalid value used for 'origin-id' parameter: 7"},
		{"dhcp-disable", `{ "origin-id": 2001, "max-period": 9223372036854775807 }`, 0, "DHCPv4 service disabled for 9223372036 seconds"},
		{"dhcp-disable", `{ "max-period": 20 }`, 0, "DHCPv4 service disabled for 20 seconds"},
		{"dhcp-disable", `{ "foo": 1 }`, 0, "DHCPv4 service disabled"},
		{"dhcp-enable", `[]`, 1, "arguments for the 'dhcp-enable' command must be a map"},
		{"dhcp-enable", `{ "origin": "foo" }`, 1, "invalid value used for 'origin' parameter: foo"},
		{"dhcp-enable", `{ "x": 1 }`, 0, "DHCP service successfully enabled"},
		{"config-backend-pull", ``, 3, "No config backend."},
		{"version-get", ``, 0, program.Version},
		{"shutdown", `[]`, 1, "Argument must be a map"},
		{"shutdown", `{ "exit-value": "a" }`, 1, "parameter 'exit-value' is not an integer"},
	} {
		t.Run(tt.name+" "+tt.args, func(t *testing.T) {
			tell(t, h.door(), tt.name, tt.args).is(t, tt.result, tt.text)
		})
	}
}

// The commands about leases see what clients have been given.
func TestLeasesByCommand(t *testing.T) {
	h := newHost(t)
	h.with4("")
	h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	tell(t, h.door(), "lease4-get", `{ "ip-address": "192.0.2.10" }`).is(t, 3, "Lease not found.")
	h.mustLease("192.0.2.10")
	var got map[string]any
	a := tell(t, h.door(), "lease4-get", `{ "ip-address": "192.0.2.10" }`).is(t, 0, "IPv4 lease found.")
	if err := json.Unmarshal(a.Arguments, &got); err != nil || got["subnet-id"] != 1.0 || got["valid-lft"] != 7200.0 {
		t.Errorf("%s, %v", a.Arguments, err)
	}
	tell(t, h.door(), "subnet4-get", `{ "id": 1 }`).is(t, 0, "Info about IPv4 subnet 192.0.2.0/24 (id 1) returned")
	file := h.mine4()
	tell(t, h.door(), "config-set", strings.Replace(strings.ReplaceAll(file, "192.0.2.", "198.51.100."), `"id": 1`, `"id": 2`, 1)).is(t, 0, "Configuration successful.")
	tell(t, h.door(), "subnet4-get", `{ "id": 2 }`).is(t, 0, "Info about IPv4 subnet 198.51.100.0/24 (id 2) returned")
}

func TestStatusGet(t *testing.T) {
	h := newHost(t)
	file := h.write("dhcp6.json", `{ "Dhcp6": { %s "interfaces-config": { "interfaces": [ "lo/::1", "nowhere0" ] }, "dhcp4o6-port": %d,
		"lease-database": { "type": "memfile", "name": "%s/leases6.csv" } } }`, socket(h.door()), h.pair, h.dir)
	h.start(dhcp6, Setup{ConfigFile: file})
	var got struct {
		PID     int
		Threads int  `json:"thread-pool-size"`
		MT      bool `json:"multi-threading-enabled"`
		Sockets struct {
			Status string
			Errors []string
		}
		State map[string]any `json:"dhcp-state"`
	}
	look := func() {
		t.Helper()
		a := tell(t, h.door(), "status-get", "").is(t, 0, "")
		if err := json.Unmarshal(a.Arguments, &got); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the socket has its worker", func() bool { look(); return got.Threads == 2 })
	if got.PID != os.Getpid() || !got.MT || got.Sockets.Status != "retrying" || len(got.Sockets.Errors) != 1 || !strings.Contains(got.Sockets.Errors[0], "nowhere0") {
		t.Errorf("%+v", got)
	}
	if got.State["globally-disabled"] != false {
		t.Error(got.State)
	}
	tell(t, h.door(), "dhcp-disable", `{ "origin": "ha-partner" }`)
	if look(); got.State["globally-disabled"] != true || got.State["disabled-by-user"] != false || fmt.Sprint(got.State["disabled-by-remote-command"]) != "[2000]" {
		t.Error(got.State)
	}
	h.write("dhcp6.json", `{ "Dhcp6": { %s "interfaces-config": { "interfaces": [ "lo/::1" ] }, "dhcp4o6-port": %d,
		"lease-database": { "type": "memfile", "name": "%s/leases6.csv" } } }`, socket(h.door()), h.pair, h.dir)
	tell(t, h.door(), "config-reload", "").is(t, 0, "Configuration successful.")
	got.Sockets.Errors = nil
	if look(); got.Sockets.Status != "ready" || got.Sockets.Errors != nil {
		t.Errorf("an interface that is no longer named: %+v", got.Sockets)
	}
}

// A socket that cannot be opened keeps the daemon from starting.
func TestSocketThatCannotBeOpened(t *testing.T) {
	h := newHost(t)
	for _, tt := range []struct{ keys, want string }{
		{socket("/proc/nowhere/4.sock"), "/proc/nowhere"},
		{socket("a/b"), "has a folder in it"},
		{`"control-sockets": [ { "socket-type": "http", "authentication": { "type": "basic", "clients": [ { "password-file": "/nowhere/p" } ] } } ],`, "/nowhere/p"},
		{fmt.Sprintf(`"control-sockets": [ { "socket-type": "http", "authentication": { "type": "basic", "clients": [ { "password-file": %q } ] } } ],`,
			h.write("secret", "no-colon\n")), "user:password is expected"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := DHCP4(ctx, Setup{ConfigFile: h.conf4(tt.keys), Log: zap.NewNop()})
		cancel()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.keys, err)
		}
	}
}

// Names without a folder stand where Kea 3 looks for them, and where the operator
// has named the folder it is the only one.
func TestSocketPath(t *testing.T) {
	for _, tt := range []struct{ name, kea, runtime, want string }{
		{"x", "", "", "/run/dhcp4o6/x"},
		{"x", "", "/run/a:/run/b", "/run/a/x"},
		{"x", "/run/kea", "/run/a", "/run/kea/x"},
		{"/tmp/x", "", "/run/a", "/tmp/x"},
		{"/run/kea/x", "/run/kea/", "", "/run/kea/x"},
		{"/tmp/x", "/run/kea", "", ""},
		{"/run/kea/../x", "/run/kea", "", ""},
		{"a/x", "", "", ""},
		{"../x", "/run/kea", "", ""},
	} {
		t.Setenv("KEA_CONTROL_SOCKET_DIR", tt.kea)
		t.Setenv("RUNTIME_DIRECTORY", tt.runtime)
		if got, err := SocketPath(tt.name); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s of %q and %q: %q, %v", tt.name, tt.kea, tt.runtime, got, err)
		}
	}
}

// Commands come by HTTP too, from those who can log in; names and passwords may
// stand in files.
func TestHTTP(t *testing.T) {
	h := newHost(t)
	port := freeTCP(t)
	h.write("user", "ann\n")
	h.write("password", "secret\n")
	h.write("both", "bob:a:b\n")
	r := h.start(dhcp4, Setup{ConfigFile: h.conf4(fmt.Sprintf(`"control-sockets": [ { "socket-type": "http", "socket-port": %d,
		"http-headers": [ { "name": "X-Where", "value": "here" } ],
		"authentication": { "type": "basic", "realm": "x", "directory": %q, "clients": [
			{ "user-file": "user", "password-file": "password" }, { "password-file": "both" }, { "user": "eve", "password": "e" } ] } } ],`, port, h.dir))})
	post := func(user, password string) (int, string, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/", port), bytes.NewBufferString(`{"command":"version-get"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b), res.Header.Get("X-Where")
	}
	for _, who := range [][2]string{{"ann", "secret"}, {"bob", "a:b"}, {"eve", "e"}} {
		if code, body, where := post(who[0], who[1]); code != 200 || !strings.Contains(body, program.Version) || where != "here" {
			t.Errorf("%s: %d %s %q", who[0], code, body, where)
		}
	}
	for _, who := range [][2]string{{"", ""}, {"ann", "x"}, {"nobody", "e"}} {
		if code, _, _ := post(who[0], who[1]); code != 401 {
			t.Errorf("%s: %d", who[0], code)
		}
	}
	r.wait("DEBUG command map[command:version-get")
	r.wait("WARN command not carried out")
	http.DefaultClient.CloseIdleConnections()
}

func freeTCP(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A daemon in service of nobody answers nothing, natively or over the pair, and
// stays so over a reload, until it is told otherwise.
func TestDisableAndEnable(t *testing.T) {
	h := newHost(t)
	v4 := h.with4("")
	v6 := h.start(dhcp6, Setup{ConfigFile: h.conf6(socket(filepath.Join(h.dir, "control", "6.sock")))})
	served := func(want bool) {
		t.Helper()
		if want {
			h.mustLease("192.0.2.10")
		} else if _, ok := h.client(); ok {
			t.Error("a client got a lease")
		}
	}
	served(true)
	for door, r := range map[string]*running{h.door(): v4, filepath.Join(h.dir, "control", "6.sock"): v6} {
		tell(t, door, "dhcp-disable", "")
		served(false)
		tell(t, door, "config-reload", "").is(t, 0, "Configuration successful.")
		served(false)
		tell(t, door, "dhcp-enable", `{ "origin": "ha-partner" }`)
		served(false)
		tell(t, door, "dhcp-enable", "")
		served(true)
		name := map[*running]string{v4: "pkt4-service-disabled", v6: "pkt6-service-disabled"}[r]
		if r.metrics.Counter(name).Value() == 0 {
			t.Error(name + " is 0")
		}
	}
	tell(t, h.door(), "dhcp-disable", `{ "max-period": 1 }`)
	served(false)
	eventually(t, "the period is over", func() bool { _, ok := h.client(); return ok })
}

// shutdown is answered, and then ends the program with the code it asks for.
func TestShutdown(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
	}{{"", 0}, {`{ "exit-value": 3 }`, 3}, {`{ "exit-value": -1, "type": "now" }`, 255}} {
		h := newHost(t)
		p := h.program("dhcp4d", []string{"KEA_PIDFILE_DIR=" + h.dir}, "-c", h.conf4(socket(h.door())))
		p.serves()
		tell(t, h.door(), "shutdown", tt.args).is(t, 0, "Shutting down.")
		if code := p.exit(patience); code != tt.code {
			t.Errorf("%s: exit code %d: %s", tt.args, code, p.errs.String())
		}
		if p.errs.String() != "" || exists(h.door()) {
			t.Errorf("stderr %q, socket there: %v", p.errs.String(), exists(h.door()))
		}
	}
}

// Who asks while the daemon is busy waits, until he gives up; who asks when it
// has ended is told.
func TestAskedWaits(t *testing.T) {
	a := newAsked()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	did := func() control.Result { t.Error("done"); return control.Result{} }
	if r := a.do(ctx, did); r.Code != 1 || !strings.Contains(r.Text, "busy") {
		t.Errorf("%+v", r)
	}
	close(a.ended)
	if r := a.do(t.Context(), did); r.Code != 1 || !strings.Contains(r.Text, "shutting down") {
		t.Errorf("%+v", r)
	}
}

// A fault in a command is its caller's, not the daemon's.
func TestAskedFault(t *testing.T) {
	a := newAsked()
	go func() { (<-a.calls)() }()
	defer func() {
		if v := recover(); !strings.Contains(fmt.Sprint(v), "a fault") {
			t.Errorf("recovered %v", v)
		}
	}()
	a.do(t.Context(), func() control.Result { panic("a fault") })
}
