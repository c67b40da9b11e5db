//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// A twin is one of two servers with the same configuration, ours and Kea's, each
// in a folder of its own.
type twin struct {
	who  seat
	dir  string
	conf string
	sock string
	proc *dhcptest.Process
}

// twinConfig has one of everything that config-get shows. No socket is opened for
// clients, so the two do not meet.
const twinConfig = `{ "Dhcp%[1]d": {
	"control-socket": { "socket-type": "unix", "socket-name": %[2]q },
	"lease-database": { "type": "memfile", "name": %[3]q, "lfc-interval": 0 },
	"interfaces-config": { "interfaces": [ ] }, %[4]s
	"multi-threading": { "enable-multi-threading": true, "thread-pool-size": 2 },
	"valid-lifetime": 600, "renew-timer": 200,
	"option-def": [ { "name": "the-pair", "code": 222, "type": "string" } ],
	"option-data": [ { "name": "the-pair", "data": "x" } ],
	"loggers": [ { "name": "kea-dhcp%[1]d", "severity": "INFO", "output_options": [ { "output": "stdout" } ] } ],
	"shared-networks": [ { "name": "n", "subnet%[1]d": [ { "id": 7, "subnet": %[5]q } ] } ],
	"subnet%[1]d": [ { "id": 1, "subnet": %[6]q, "user-context": { "a": 1 },
		"pools": [ { "pool": %[7]q } ], "reservations": [ { "hw-address": "02:00:5e:10:00:01", "hostname": "h" } ] } ]
} }
`

func newTwin(t *testing.T, who seat, v int) *twin {
	t.Helper()
	dir := t.TempDir()
	w := &twin{who: who, dir: dir, conf: filepath.Join(dir, "conf.json"), sock: filepath.Join(dir, "run", "sock")}
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o750); err != nil {
		t.Fatal(err)
	}
	own := []string{"", "198.51.100.0/24", "192.0.2.0/24", "192.0.2.10 - 192.0.2.20"}
	if v == 6 {
		own = []string{`"server-id": { "type": "EN", "enterprise-id": 32473, "identifier": "0102", "persist": false },`,
			"2001:db8:2::/64", "2001:db8:1::/64", "2001:db8:1::10 - 2001:db8:1::20"}
	}
	text := fmt.Sprintf(twinConfig, v, w.sock, filepath.Join(dir, "leases.csv"), own[0], own[1], own[2], own[3])
	if err := os.WriteFile(w.conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	w.start(t, v)
	return w
}

func (w *twin) start(t *testing.T, v int) {
	t.Helper()
	w.proc = dhcptest.StartIn(t, w.dir, []string{"KEA_PIDFILE_DIR=" + w.dir, "KEA_LOCKFILE_DIR=none"}, append(program(w.who, v), "-c", w.conf)...)
	dhcptest.WaitFor(t, 10*time.Second, "a control socket of "+string(w.who), func() bool {
		c, err := net.Dial("unix", w.sock)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// A twinAnswer is what a command comes to.
type twinAnswer struct {
	Result    int             `json:"result"`
	Text      string          `json:"text"`
	Arguments json.RawMessage `json:"arguments"`
}

// ask sends a command, in which DIR is the twin's own folder, and returns its
// answer, in which it is DIR again.
func (w *twin) ask(t *testing.T, request string) twinAnswer {
	t.Helper()
	c, err := net.Dial("unix", w.sock)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, strings.ReplaceAll(request, "DIR", w.dir)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%s: %s: %v", w.who, request, err)
	}
	var a twinAnswer
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(b), w.dir, "DIR")), &a); err != nil {
		t.Fatalf("%s: %s: %v: %s", w.who, request, err, b)
	}
	return a
}

// What differs from Kea 2.2.0 in the keys of an answer, and why.
var (
	// of Kea 2.4 and later
	newerKeys = []string{"hash", "dhcp-state", "dhcp-state.disabled-by-db-connection", "dhcp-state.disabled-by-local-command",
		"dhcp-state.disabled-by-remote-command", "dhcp-state.disabled-by-user", "dhcp-state.globally-disabled",
		"Dhcp6.shared-networks[].subnet6[].rapid-commit"} // which Kea shows of other subnets

	// what Kea 2.2 shows of an empty reservation or of a key that has another
	// name since, and what it shows of keys whose silence says as much
	notShown = []string{"ddns-use-conflict-resolution", ".encapsulate", ".record-types", ".array", ".space", ".pattern", ".store-extended-info", ".4o6-interface",
		".4o6-interface-id", ".4o6-subnet", ".boot-file-name", ".client-classes", ".next-server", ".server-hostname", ".ip-addresses", ".prefixes",
		".calculate-tee-times", ".t1-percent", ".t2-percent", ".relay", ".valid-lifetime", ".min-valid-lifetime", ".max-valid-lifetime", ".renew-timer",
		"preferred-lifetime", "min-preferred-lifetime", "max-preferred-lifetime", ".option-data", "rapid-commit", ".authoritative", ".reservations"}
)

// keysOf lists the keys of a value, each with those it stands in.
func keysOf(v any, path string, out map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			p := strings.TrimPrefix(path+"."+key, ".")
			out[p] = true
			keysOf(e, p, out)
		}
	case []any:
		for _, e := range v {
			keysOf(e, path+"[]", out)
		}
	}
}

func keysIn(t *testing.T, raw json.RawMessage) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	if len(raw) == 0 {
		return out
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	keysOf(v, "", out)
	return out
}

// sameKeys compares the keys of two answers.
func sameKeys(t *testing.T, request string, mine, keas json.RawMessage) {
	t.Helper()
	m, k := keysIn(t, mine), keysIn(t, keas)
	for key := range k {
		if !m[key] && !slices.ContainsFunc(notShown, func(s string) bool { return strings.HasSuffix(key, s) || strings.Contains(key, s+".") }) {
			t.Errorf("%s: Kea has the key %s, we have not", request, key)
		}
	}
	for key := range m {
		if !k[key] && !slices.Contains(newerKeys, key) {
			t.Errorf("%s: we have the key %s, Kea has not", request, key)
		}
	}
}

// How far two answers have to be the same.
const (
	inFull  = iota // code, text, keys of the arguments
	ownText        // code and keys: the text names a version, or what is wrong in words of our own
	code           // the code alone
)

// TestCommandsAsKea asks ours and Kea 2.2.0 the same, on the same configuration.
func TestCommandsAsKea(t *testing.T) {
	for _, v := range []int{4, 6} {
		t.Run(fmt.Sprintf("v%d", v), func(t *testing.T) {
			t.Parallel()
			need.Programs(t, program(kea, v)[0])
			mine, keas := newTwin(t, ours, v), newTwin(t, kea, v)
			root, other := fmt.Sprintf("Dhcp%d", v), fmt.Sprintf("Dhcp%d", 10-v)
			for _, tt := range []struct {
				command, args string
				same          int
			}{
				{"version-get", ``, ownText},
				{"version-get", `{"x":1}`, ownText},
				{"build-report", ``, ownText},
				{"status-get", ``, inFull},
				{"config-get", ``, inFull},
				{"config-get", `{"x":1}`, inFull},
				{"server-tag-get", ``, inFull},
				{"config-backend-pull", ``, inFull},
				{"no-such", ``, inFull},
				{"config-test", ``, inFull},
				{"config-test", `{}`, inFull},
				{"config-test", `[]`, code},
				{"config-test", `{"` + other + `":{}}`, inFull},
				{"config-test", `{"` + root + `":{}, "Foo":{}}`, inFull},
				{"config-test", `{"` + root + `":{}, "Logging":{}}`, inFull},
				{"config-test", `{"` + root + `":[]}`, inFull},
				{"config-test", `{"` + root + `":{"foo":1}}`, ownText},
				{"config-test", `{"` + root + `":{"valid-lifetime":"x"}}`, ownText},
				{"config-test", `{"` + root + `":{"subnet` + root[4:] + `":[{"subnet":"1.2.3.0/24","pools":[{"pool":"1.2.4.0/24"}]}]}}`, ownText},
				{"config-set", ``, inFull},
				{"config-set", `{}`, inFull},
				{"config-set", `{"` + root + `":{"foo":1}}`, ownText},
				{"config-write", `{"filename":1}`, inFull},
				{"config-write", `[]`, inFull},
				{"config-write", `{"filename":"/nowhere/x"}`, inFull},
				{"config-write", `{"filename":"DIR/copy.json"}`, inFull},
				{"config-write", `{"filename":"DIR/copy.json","x":1}`, inFull},
				{"config-write", `{"filename":""}`, inFull},
				{"config-write", ``, inFull},
				{"config-reload", ``, inFull},
				{"config-reload", `{"x":1}`, inFull},
				{"dhcp-disable", ``, inFull},
				{"dhcp-disable", `{}`, inFull},
				{"dhcp-disable", `[]`, inFull},
				{"dhcp-disable", `{"max-period":20}`, inFull},
				{"dhcp-disable", `{"max-period":0}`, inFull},
				{"dhcp-disable", `{"max-period":-1}`, inFull},
				{"dhcp-disable", `{"max-period":"a"}`, inFull},
				{"dhcp-disable", `{"max-period":20,"origin":"user"}`, inFull},
				{"dhcp-disable", `{"origin":"ha-partner"}`, inFull},
				{"dhcp-disable", `{"origin":"foo"}`, inFull},
				{"dhcp-disable", `{"origin":1}`, inFull},
				{"dhcp-disable", `{"foo":1}`, inFull},
				{"dhcp-enable", ``, inFull},
				{"dhcp-enable", `{}`, inFull},
				{"dhcp-enable", `[]`, inFull},
				{"dhcp-enable", `{"origin":"ha-partner"}`, inFull},
				{"dhcp-enable", `{"origin":"foo"}`, inFull},
				{"dhcp-enable", `{"origin":1}`, inFull},
				{"dhcp-enable", `{"x":1}`, inFull},
				{"shutdown", `[]`, inFull},
				{"shutdown", `{"exit-value":"a"}`, inFull},
			} {
				request := fmt.Sprintf(`{"command":%q}`, tt.command)
				if tt.args != "" {
					request = fmt.Sprintf(`{"command":%q,"arguments":%s}`, tt.command, tt.args)
				}
				m, k := mine.ask(t, request), keas.ask(t, request)
				if m.Result != k.Result {
					t.Errorf("%s: %d %q, Kea %d %q", request, m.Result, m.Text, k.Result, k.Text)
					continue
				}
				if tt.same == inFull && m.Text != k.Text {
					t.Errorf("%s: %q, Kea %q", request, m.Text, k.Text)
				}
				if (m.Text == "") != (k.Text == "") {
					t.Errorf("%s: text %q, Kea %q", request, m.Text, k.Text)
				}
				if tt.same != code {
					sameKeys(t, request, m.Arguments, k.Arguments)
				}
			}
			sameConfiguration(t, v, mine, keas)
			commandsOfBoth(t, mine, keas)
			sameEnd(t, mine, keas)
		})
	}
}

// sameConfiguration has each take what the other has written, and both take by
// config-set what they gave by config-get.
func sameConfiguration(t *testing.T, v int, mine, keas *twin) {
	t.Helper()
	for _, w := range []*twin{mine, keas} {
		got := w.ask(t, `{"command":"config-get"}`)
		var all map[string]json.RawMessage
		if err := json.Unmarshal(got.Arguments, &all); err != nil {
			t.Fatal(err)
		}
		delete(all, "hash") // Kea 2.2 does not know it
		root := fmt.Sprintf(`{"Dhcp%d":%s}`, v, all[fmt.Sprintf("Dhcp%d", v)])
		if a := w.ask(t, `{"command":"config-set","arguments":`+root+`}`); a.Result != 0 || a.Text != "Configuration successful." {
			t.Errorf("%s does not take its own configuration: %+v", w.who, a)
		}
		if a := w.ask(t, `{"command":"config-write"}`); a.Result != 0 {
			t.Errorf("%s: %+v", w.who, a)
		}
		for _, who := range []seat{ours, kea} {
			if out, err := exec.Command(program(who, v)[0], "-t", w.conf).CombinedOutput(); err != nil {
				t.Errorf("%s does not take what %s has written: %v\n%s", who, w.who, err, out)
			}
		}
	}
}

// commandsOfBoth has every command of Kea's among ours, but for those named.
func commandsOfBoth(t *testing.T, mine, keas *twin) {
	t.Helper()
	var m, k []string
	for w, list := range map[*twin]*[]string{mine: &m, keas: &k} {
		if err := json.Unmarshal(w.ask(t, `{"command":"list-commands"}`).Arguments, list); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.IsSorted(m) {
		t.Error("not sorted:", m)
	}
	for _, name := range k {
		if !slices.Contains(m, name) && name != "libreload" { // there are no libraries
			t.Errorf("we have no %s", name)
		}
	}
}

// sameEnd ends both with an exit code of the caller's.
func sameEnd(t *testing.T, mine, keas *twin) {
	t.Helper()
	for _, w := range []*twin{mine, keas} {
		if a := w.ask(t, `{"command":"shutdown","arguments":{"exit-value":3,"type":"now"}}`); a.Result != 0 || a.Text != "Shutting down." {
			t.Errorf("%s: %+v", w.who, a)
		}
		if code := w.proc.Wait(10 * time.Second); code != 3 {
			t.Errorf("%s: exit code %d", w.who, code)
		}
	}
}
