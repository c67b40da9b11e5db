//go:build interop

package interop

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

// An answer is what a command comes to.
type answer struct {
	Result    int             `json:"result"`
	Text      string          `json:"text"`
	Arguments json.RawMessage `json:"arguments"`
}

// A commanded site has our pair on it, each daemon with a UNIX socket and an
// HTTP port to command it by.
type commanded struct {
	*site
	v4, v6 *dhcptest.Process
}

// socketOf is the UNIX socket of a daemon, in a folder that the daemon makes.
func (s *site) socketOf(v int) string {
	return filepath.Join(s.lab.Dir, fmt.Sprintf("run%d", v), "control")
}

// httpOf is the HTTP port of a daemon.
func httpOf(v int) string { return fmt.Sprint(8000 + v) }

func command(t *testing.T) *commanded {
	t.Helper()
	s := hosted(t)
	s.server.IP("link set lo up")
	s.client.IP("addr add " + onLink + "/64 dev c0 nodad")
	keys := func(v int) string {
		return fmt.Sprintf(`, "control-sockets": [{"socket-type": "unix", "socket-name": %q},
			{"socket-type": "http", "socket-address": "127.0.0.1", "socket-port": %s, "authentication":
			{"type": "basic", "realm": "interop", "clients": [{"user": "admin", "password": "1234"}]}}]`, s.socketOf(v), httpOf(v))
	}
	c := &commanded{site: s}
	c.v6 = s.run(t, ours, 6, unicast6(786)+keys(6))
	c.v4 = s.run(t, ours, 4, `"interfaces-config": {"interfaces": ["s0"]}, "dhcp4o6-port": 786,
		"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "s0", "pools": [{"pool": "10.1.0.0/16"}]}]`+keys(4))
	s.listening(t, "[::1]:786", "[::1]:787", ":547")
	return c
}

// shell runs Debian's kea-shell on the server host and reads what it prints: a
// list of answers, or in its own words that there was none, as result -1.
func (s *site) shell(t *testing.T, arguments string, args ...string) []answer {
	t.Helper()
	// the arguments of the command are read from the standard input
	line := append([]string{"sh", "-c", `printf %s "$0" | exec kea-shell "$@"`, arguments}, args...)
	out, _ := s.server.Run(line...)
	var all []answer
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return []answer{{Result: -1, Text: out}}
	}
	return all
}

// one is the only answer of a shell.
func one(t *testing.T, all []answer) answer {
	t.Helper()
	if len(all) != 1 {
		t.Fatalf("%d answers: %+v", len(all), all)
	}
	return all[0]
}

// TestKeaShell has Debian's kea-shell command both daemons over their own HTTP
// sockets.
func TestKeaShell(t *testing.T) {
	t.Parallel()
	need.Programs(t, "kea-shell")
	c := command(t)
	for _, v := range []int{4, 6} {
		service := fmt.Sprintf("dhcp%d", v)
		as := func(command, arguments string, more ...string) answer {
			t.Helper()
			args := append([]string{"--port", httpOf(v), "--auth-user", "admin", "--auth-password", "1234"}, more...)
			return one(t, c.shell(t, arguments, append(args, command)...))
		}
		var names []string
		a := as("list-commands", "", "--service", service)
		if err := json.Unmarshal(a.Arguments, &names); err != nil || a.Result != 0 || !slices.Contains(names, "config-get") || !slices.Contains(names, "shutdown") {
			t.Errorf("list-commands: %+v, %v", a, err)
		}
		if a := as("version-get", ""); a.Result != 0 || a.Text == "" {
			t.Errorf("version-get: %+v", a)
		}
		if a := as("no-such", "", "--service", service); a.Result != 2 || a.Text != "'no-such' command not supported." {
			t.Errorf("no-such: %+v", a)
		}
		if a := as("version-get", "", "--service", "d2"); a.Result != 2 {
			t.Errorf("version-get for another service: %+v", a)
		}
		a = as("config-get", "", "--service", service)
		var conf map[string]json.RawMessage
		key := fmt.Sprintf("Dhcp%d", v)
		if err := json.Unmarshal(a.Arguments, &conf); err != nil || a.Result != 0 || conf[key] == nil {
			t.Fatalf("config-get: %d %s %.200s", a.Result, a.Text, a.Arguments)
		}
		whole := fmt.Sprintf(`"%s": %s`, key, conf[key])
		if a := as("config-test", whole, "--service", service); a.Result != 0 {
			t.Errorf("config-test of what config-get has given: %+v", a)
		}
		if a := as("config-set", whole, "--service", service); a.Result != 0 {
			t.Errorf("config-set of what config-get has given: %+v", a)
		}
		if a := as("config-set", fmt.Sprintf(`"%s": {"no-such-key": 1}`, key)); a.Result != 1 {
			t.Errorf("config-set with a fault: %+v", a)
		}
		for _, wrong := range [][]string{nil, {"--auth-user", "admin", "--auth-password", "x"}} {
			out := c.shell(t, "", append([]string{"--port", httpOf(v), "version-get"}, wrong...)...)
			if out[0].Result != -1 || !strings.Contains(out[0].Text, "401") {
				t.Errorf("with %q: %+v", wrong, out)
			}
		}
	}
	lease4o6(t, c.dial(t, clientNet+"1"), 5*time.Second)
}

// TestKeaShellTLS has kea-shell command a daemon by https, with a certificate
// and without.
func TestKeaShellTLS(t *testing.T) {
	t.Parallel()
	need.Programs(t, "kea-shell")
	s := hosted(t)
	s.server.IP("link set lo up")
	s.certificates(t)
	file := func(name string) string { return filepath.Join(s.lab.Dir, name) }
	s.run(t, ours, 6, whole6(786)+fmt.Sprintf(`, "control-sockets": [{"socket-type": "https", "socket-address": "127.0.0.1", "socket-port": 8443,
		"trust-anchor": %q, "cert-file": %q, "key-file": %q}]`, file("ca.pem"), file("server.pem"), file("server.key")))
	s.listening(t, ":547")
	args := []string{"--port", "8443", "--ca", file("ca.pem"), "--service", "dhcp6"}
	if a := one(t, s.shell(t, "", append(args, "--cert", file("client.pem"), "--key", file("client.key"), "version-get")...)); a.Result != 0 {
		t.Errorf("with a certificate: %+v", a)
	}
	if a := one(t, s.shell(t, "", append(args, "version-get")...)); a.Result != -1 {
		t.Errorf("without a certificate: %+v", a)
	}
}

// certificates makes an authority, ca.pem, and what it has signed for the
// server and for a client.
func (s *site) certificates(t *testing.T) {
	t.Helper()
	var (
		authority *x509.Certificate
		signer    *ecdsa.PrivateKey
	)
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		cert := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
		if authority == nil {
			cert.IsCA, cert.KeyUsage = true, x509.KeyUsageCertSign
			authority, signer = cert, key
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, authority, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		s.lab.Write(name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
		s.lab.Write(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	}
}

// TestKeaAgent puts Debian's kea-ctrl-agent in front of our UNIX sockets and
// commands both daemons through it, up to their end.
func TestKeaAgent(t *testing.T) {
	t.Parallel()
	need.Programs(t, "kea-ctrl-agent", "kea-shell", "curl")
	c := command(t)
	c.server.Start(c.env, "kea-ctrl-agent", "-c", c.lab.Write("agent.json", fmt.Sprintf(`{"Control-agent": {
		"http-host": "127.0.0.1", "http-port": 8080, "control-sockets": {
		"dhcp4": {"socket-type": "unix", "socket-name": %q}, "dhcp6": {"socket-type": "unix", "socket-name": %q}},
		"loggers": [{"name": "kea-ctrl-agent", "severity": "INFO", "output_options": [{"output": "stdout"}]}]}}`, c.socketOf(4), c.socketOf(6))))
	dhcptest.WaitFor(t, 10*time.Second, "control agent", func() bool {
		_, err := c.server.Run("curl", "-s", "http://127.0.0.1:8080/")
		return err == nil
	})
	ask := func(command, arguments, service string) answer {
		t.Helper()
		return one(t, c.shell(t, arguments, "--port", "8080", "--service", service, command))
	}
	for _, v := range []int{4, 6} {
		service, key := fmt.Sprintf("dhcp%d", v), fmt.Sprintf("Dhcp%d", v)
		if a := ask("no-such", "", service); a.Result != 2 || a.Text != "'no-such' command not supported." {
			t.Errorf("no-such: %+v", a)
		}
		for _, command := range []string{"list-commands", "version-get", "build-report", "status-get"} {
			if a := ask(command, "", service); a.Result != 0 {
				t.Errorf("%s: %+v", command, a)
			}
		}
		a := ask("config-get", "", service)
		var conf map[string]json.RawMessage
		if err := json.Unmarshal(a.Arguments, &conf); err != nil || conf[key] == nil {
			t.Fatalf("config-get: %d %s %.200s", a.Result, a.Text, a.Arguments)
		}
		if a := ask("config-set", fmt.Sprintf(`"%s": %s`, key, conf[key]), service); a.Result != 0 {
			t.Errorf("config-set: %+v", a)
		}
		if a := ask("config-reload", "", service); a.Result != 0 {
			t.Errorf("config-reload: %+v", a)
		}
	}
	// both at once: the agent sends each the command as it is, with both names in it
	out := c.server.Must("curl", "-s", "-H", "Content-Type: application/json",
		"-d", `{"command": "version-get", "service": ["dhcp4", "dhcp6"]}`, "http://127.0.0.1:8080/")
	var both []answer
	if err := json.Unmarshal([]byte(out), &both); err != nil || len(both) != 2 || both[0].Result != 0 || both[1].Result != 0 {
		t.Errorf("both: %s, %v", out, err)
	}
	lease4o6(t, c.dial(t, clientNet+"1"), 5*time.Second)
	for v, p := range map[int]*dhcptest.Process{4: c.v4, 6: c.v6} {
		if a := ask("shutdown", "", fmt.Sprintf("dhcp%d", v)); a.Result != 0 {
			t.Errorf("shutdown: %+v", a)
		}
		if code := p.Wait(10 * time.Second); code != 0 {
			t.Errorf("dhcp%dd ends with %d after shutdown", v, code)
		}
		if _, err := os.Stat(c.socketOf(v)); err == nil {
			t.Errorf("dhcp%dd leaves its socket", v)
		}
	}
}

// TestCommandAccess: folder and socket are nobody else's, and a daemon that is
// killed leaves a socket that the next one takes over.
func TestCommandAccess(t *testing.T) {
	t.Parallel()
	c := command(t)
	for _, v := range []int{4, 6} {
		for path, want := range map[string]os.FileMode{filepath.Dir(c.socketOf(v)): 0o750, c.socketOf(v): 0o660} {
			fi, err := os.Stat(path)
			if err != nil || fi.Mode().Perm() != want {
				t.Errorf("%s: %v, %v; want %v", path, fi.Mode(), err, want)
			}
		}
	}
	c.v4.Kill()
	if _, err := os.Lstat(c.socketOf(4)); err != nil {
		t.Fatal("a killed daemon takes its socket with it")
	}
	c.v4 = c.server.Start(c.env, append(program(ours, 4), "-c", filepath.Join(c.lab.Dir, "dhcp4.json"))...)
	dhcptest.WaitFor(t, 10*time.Second, "a new socket", func() bool {
		conn, err := net.Dial("unix", c.socketOf(4))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// TestCommandStorm: what strangers do to the control sockets disturbs no
// client. Both daemons serve a steady load over 4o6 while a thousand
// connections, slow writers, bottomless and endless commands come in by both
// ways: nobody has to ask twice, and how long answers take is reported.
func TestCommandStorm(t *testing.T) {
	c := command(t)
	conn := c.dial(t, clientNet+"1")
	lease4o6(t, conn, 5*time.Second)
	conn.Conn.Close()
	run := func(first int) load.Report {
		t.Helper()
		p := c.client.Start(nil, "timeout", "60", bin("dhcpload"), "4o6", "--server", clientNet+"1", "--local", onLink,
			"--rate", "300", "--duration", "10s", "--retries", "0", "--json", "--first", fmt.Sprint(first))
		code := p.Wait(30 * time.Second)
		var r load.Report
		out := p.Log()
		if err := json.Unmarshal([]byte(out[max(0, strings.IndexByte(out, '{')):]), &r); err != nil {
			t.Fatalf("dhcpload, exit code %d: %v\n%s", code, err, out)
		}
		if r.Lost > 0 || r.Refused > 0 || r.Completed == 0 {
			t.Errorf("%d completed, %d lost, %d refused\n%s", r.Completed, r.Lost, r.Refused, out)
		}
		return r
	}
	calm := run(1)
	before4, before6 := rss(t, c.v4.PID()), rss(t, c.v6.PID())
	rude := newPressure(t, c)
	rough := run(100_000)
	rude.end()
	t.Logf("calm:  %5d exchanges, p50 %v, p99 %v, most %v", calm.Completed, calm.Conversation.P50, calm.Conversation.P99, calm.Conversation.Max)
	t.Logf("rude:  %5d exchanges, p50 %v, p99 %v, most %v; %s", rough.Completed, rough.Conversation.P50, rough.Conversation.P99, rough.Conversation.Max, rude)
	t.Logf("RSS of dhcp4d %d -> %d MiB, of dhcp6d %d -> %d MiB", before4>>20, rss(t, c.v4.PID())>>20, before6>>20, rss(t, c.v6.PID())>>20)
	for v, p := range map[int]*dhcptest.Process{4: c.v4, 6: c.v6} {
		if grown := rss(t, p.PID()); grown > 300<<20 {
			t.Errorf("dhcp%dd has grown to %d MiB", v, grown>>20)
		}
		if out := c.unix(t, v, `{"command": "version-get"}`); !strings.Contains(out, `"result":0`) {
			t.Errorf("dhcp%dd: %s", v, out)
		}
	}
}

// rss is the memory of a process.
func rss(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// unix sends a command to a daemon's UNIX socket.
func (c *commanded) unix(t *testing.T, v int, request string) string {
	t.Helper()
	conn, err := net.Dial("unix", c.socketOf(v))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A pressure is what strangers do to the control sockets of both daemons.
type pressure struct {
	c       *commanded
	over    chan struct{}
	all     sync.WaitGroup
	opened  atomic.Int64
	octets  atomic.Int64
	endless atomic.Int64
	web     *http.Client
}

func newPressure(t *testing.T, c *commanded) *pressure {
	s := &pressure{c: c, over: make(chan struct{})}
	// a thousand descriptors and more: the test's own limit is raised by the runtime
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 2500 {
		t.Fatalf("the storm takes 2500 descriptors, there are %d (%v)", limit.Cur, err)
	}
	s.web = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(_ context.Context, network, addr string) (conn net.Conn, err error) {
			err = c.server.Do(func() error { conn, err = net.Dial(network, addr); return err })
			return conn, err
		},
	}}
	brackets := []byte(strings.Repeat("[", 100_000))
	for _, v := range []int{4, 6} {
		s.again(500, 0, func() { s.slow(v) })
		s.again(4, 10*time.Millisecond, func() { s.send(v, bytes.NewReader(brackets)) })
		s.again(4, 10*time.Millisecond, func() { s.send(v, strings.NewReader(`{"command": "version-get"}`)) })
		s.again(1, 250*time.Millisecond, func() { s.send(v, endless()); s.endless.Add(1) })
		s.again(1, 250*time.Millisecond, func() { s.post(v); s.endless.Add(1) })
	}
	return s
}

func (s *pressure) end() {
	close(s.over)
	s.all.Wait()
}

func (s *pressure) String() string {
	return fmt.Sprintf("%d connections, %d MB written, %d commands of 100 MB", s.opened.Load(), s.octets.Load()/1e6, s.endless.Load())
}

// endless is a command of 100 MB.
func endless() io.Reader {
	return io.MultiReader(strings.NewReader(`{"a":[`), io.LimitReader(ones{}, 100_000_000))
}

type ones struct{}

var someOnes = strings.Repeat("1,", 16<<10)

func (ones) Read(b []byte) (int, error) { return copy(b, someOnes) &^ 1, nil }

// again has n goroutines do something over and over.
func (s *pressure) again(n int, pause time.Duration, f func()) {
	for range n {
		s.all.Go(func() {
			for {
				select {
				case <-s.over:
					return
				case <-time.After(pause):
					f()
				}
			}
		})
	}
}

func (s *pressure) dial(v int) net.Conn {
	conn, err := net.Dial("unix", s.c.socketOf(v))
	if err != nil {
		return nil
	}
	s.opened.Add(1)
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func (s *pressure) send(v int, r io.Reader) {
	conn := s.dial(v)
	if conn == nil {
		return
	}
	defer conn.Close()
	n, _ := io.Copy(conn, r)
	s.octets.Add(n)
	io.Copy(io.Discard, conn)
}

// slow writes an octet every 50 ms until it is sent away.
func (s *pressure) slow(v int) {
	conn := s.dial(v)
	if conn == nil {
		return
	}
	defer conn.Close()
	for _, err := conn.Write([]byte("{")); err == nil; _, err = conn.Write([]byte(" ")) {
		select {
		case <-s.over:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *pressure) post(v int) {
	r, err := http.NewRequest("POST", "http://127.0.0.1:"+httpOf(v)+"/", endless())
	if err != nil {
		return
	}
	r.SetBasicAuth("admin", "1234")
	r.Header.Set("Content-Type", "application/json")
	s.opened.Add(1)
	res, err := s.web.Do(r)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if res != nil {
		res.Body.Close()
	}
}
