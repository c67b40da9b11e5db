package control

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestListenFaults: an error names the socket, and nothing is left open.
func TestListenFaults(t *testing.T) {
	dir := folder(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ca := newAuthority(t, "ca")
	ca.issue("server")
	https := ca.socket()
	https.KeyFile = ca.file("ca.key")
	empty := ca.socket()
	empty.TrustAnchor = empty.KeyFile
	tests := []struct {
		name   string
		socket Socket
		fault  string
	}{
		{"no type", Socket{Type: "tcp"}, `there is no socket type "tcp"`},
		{"a relative path", Socket{Path: "c"}, "control: socket unix c: the path is not absolute"},
		{"twice", Socket{Path: dir + "/./good"}, "it is named twice"},
		{"no address", Socket{Type: HTTP}, "there is no address"},
		{"an address in use", Socket{Type: HTTP, Addr: netip.MustParseAddrPort(taken.Addr().String())}, "address already in use"},
		{"a colon in a name", Socket{Type: HTTP, Addr: anyPort, Clients: []Client{{"a:b", ""}}}, `user "a:b"`},
		{"no name", Socket{Type: HTTP, Addr: anyPort, Clients: []Client{{"", "x"}}}, `user ""`},
		{"a header in a header", Socket{Type: HTTP, Addr: anyPort, Headers: []Header{{"A", "b\r\nC: d"}}}, `is no HTTP header`},
		{"no token", Socket{Type: HTTP, Addr: anyPort, Headers: []Header{{"A:", "b"}}}, `is no HTTP header`},
		{"https without files", Socket{Type: HTTPS, Addr: anyPort}, "https takes a trust-anchor, a cert-file and a key-file"},
		{"a missing certificate", Socket{Type: HTTPS, Addr: anyPort, TrustAnchor: "x", CertFile: "/nowhere", KeyFile: "x"}, "cert-file: open /nowhere"},
		{"another's key", https, "cert-file and key-file: tls: private key does not match"},
		{"an anchor without certificate", empty, "trust-anchor: there is no certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			goroutines(t)
			s, err := Listen(Options{Registry: &Registry{}, Sockets: []Socket{{Path: dir + "/good"}, tt.socket}})
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.fault) || !strings.HasPrefix(err.Error(), "control: socket ") {
				t.Errorf("%v, want %q", err, tt.fault)
			}
			if _, err := os.Lstat(dir + "/good"); err == nil {
				t.Error("a socket is left")
			}
		})
	}
}

// TestShutdown: the command under way is answered, the others are not kept
// waiting, nobody comes in any more, and the file is gone.
func TestShutdown(t *testing.T) {
	d := open(t, Limits{}, Socket{Type: HTTP, Addr: anyPort})
	running := dial(t, d.path)
	io.WriteString(running, `{"command":"hang"}`)
	<-d.started
	idle := dial(t, d.path)
	half := dial(t, d.path)
	io.WriteString(half, `{"command":`)
	tcp, err := net.Dial("tcp", strings.Trim(d.url(""), ":/"))
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	io.WriteString(tcp, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n")
	keep := client(t, nil)
	if _, err := post(t, keep, d.url("http")); err != nil {
		t.Fatal(err)
	}
	web := make(chan string)
	url := d.url("http")
	go func() {
		res, err := http.Post(url, "application/json", strings.NewReader(`{"command":"hang"}`))
		if err != nil {
			web <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		web <- string(b)
	}()
	<-d.started

	closed := make(chan struct{})
	go func() { d.Close(); close(closed) }()
	for _, c := range []net.Conn{idle, half, tcp} {
		if b, err := io.ReadAll(c); len(b) > 0 && c != tcp {
			t.Errorf("%q, %v", b, err)
		}
	}
	if _, err := net.Dial("unix", d.path); err == nil {
		t.Error("somebody is let in")
	}
	if _, err := os.Lstat(d.path); err == nil {
		t.Error("the file is left")
	}
	select {
	case <-closed:
		t.Error("Close does not wait")
	case <-time.After(50 * time.Millisecond):
	}
	d.resume <- struct{}{}
	d.resume <- struct{}{}
	check(t, []byte(rest(t, running)), `{"result":0,"text":"resumed"}`)
	check(t, []byte(<-web), `[{"result":0,"text":"resumed"}]`)
	<-closed
	if _, err := d.Stage(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed server can be changed: %v", err)
	}
	d.Close() // once more does no harm
	http.DefaultClient.CloseIdleConnections()
}

// TestShutdownGrace: a command that does not end is told to, and is still
// answered.
func TestShutdownGrace(t *testing.T) {
	d := open(t, Limits{Grace: 100 * time.Millisecond})
	c := dial(t, d.path)
	io.WriteString(c, `{"command":"hang"}`)
	<-d.started
	began := time.Now()
	d.Close()
	if took := time.Since(began); took < 100*time.Millisecond || took > 5*time.Second {
		t.Errorf("closed after %v", took)
	}
	if e := d.seen(); len(e) != 1 || e[0].Command != "hang" || e[0].Result != Error {
		t.Errorf("events %+v", e)
	}
}

// TestReplace: a socket that stays keeps its connections and the command that
// is under way on it; the others change.
func TestReplace(t *testing.T) {
	d := open(t, Limits{})
	running := dial(t, d.path)
	io.WriteString(running, `{"command":"hang"}`)
	<-d.started
	half := dial(t, d.path)
	io.WriteString(half, `{"command":`)
	second := filepath.Join(filepath.Dir(d.path), "second")
	if err := d.Replace([]Socket{{Path: d.path}, {Path: second}}); err != nil {
		t.Fatal(err)
	}
	check(t, []byte(ask(t, second, `{"command":"list-commands"}`)), listed)
	d.resume <- struct{}{}
	check(t, []byte(rest(t, running)), `{"result":0,"text":"resumed"}`)
	io.WriteString(half, `"x"}`)
	check(t, []byte(rest(t, half)), `{"result":2,"text":"'x' command not supported."}`)

	gone := dial(t, d.path)
	io.WriteString(gone, `{"command":"hang"}`)
	<-d.started
	if err := d.Replace([]Socket{{Path: second}}); err != nil { // by this very command, for all we know
		t.Fatal(err)
	}
	if _, err := os.Lstat(d.path); err == nil {
		t.Error("the first file is left")
	}
	d.resume <- struct{}{}
	check(t, []byte(rest(t, gone)), `{"result":0,"text":"resumed"}`)
	eventually(t, "end of the former socket", func() bool {
		d.Server.mu.Lock()
		defer d.Server.mu.Unlock()
		return len(d.former) == 0
	})
	check(t, []byte(ask(t, second, `{"command":"list-commands"}`)), listed)
}

// TestStage: nothing changes before Commit, and nothing at all with Discard or
// an error.
func TestStage(t *testing.T) {
	d := open(t, Limits{})
	other := folder(t) + "/other"
	same := func() {
		t.Helper()
		check(t, []byte(ask(t, d.path, `{"command":"list-commands"}`)), listed)
		if _, err := os.Lstat(other); err == nil {
			t.Error("the other socket is left")
		}
	}
	if err := d.Replace([]Socket{{Path: other}, {Path: "relative"}}); err == nil {
		t.Error("half a change is made")
	}
	same()
	next, err := d.Stage([]Socket{{Path: other}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Stage(nil); err == nil {
		t.Error("two changes at once")
	}
	check(t, []byte(ask(t, d.path, `{"command":"list-commands"}`)), listed)
	early := dial(t, other) // is answered when it is served
	io.WriteString(early, `{"command":"list-commands"}`)
	next.Discard()
	if _, err := io.ReadAll(early); err == nil {
		t.Error("answered by a socket that was never served")
	}
	same()
	if next, err = d.Stage([]Socket{{Path: other}}); err != nil {
		t.Fatal(err)
	}
	early = dial(t, other)
	io.WriteString(early, `{"command":"list-commands"}`)
	next.Commit()
	check(t, []byte(rest(t, early)), listed)
	if next, err = d.Stage([]Socket{{Path: d.path}}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	next.Commit()
	for _, path := range []string{d.path, other} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
}

// TestReplaceSwept: a socket whose file somebody has removed comes back.
func TestReplaceSwept(t *testing.T) {
	d := open(t, Limits{})
	running := dial(t, d.path)
	io.WriteString(running, `{"command":"hang"}`)
	<-d.started
	if err := os.Remove(d.path); err != nil {
		t.Fatal(err)
	}
	if err := d.Replace([]Socket{{Path: d.path}}); err != nil {
		t.Fatal(err)
	}
	check(t, []byte(ask(t, d.path, `{"command":"list-commands"}`)), listed)
	d.resume <- struct{}{}
	check(t, []byte(rest(t, running)), `{"result":0,"text":"resumed"}`)
}

// TestReplaceHTTP: passwords, headers and certificates change on an open
// socket, and a connection made under another certificate ends.
func TestReplaceHTTP(t *testing.T) {
	ca := newAuthority(t, "ca")
	ca.issue("server")
	ca.issue("client")
	socket := ca.socket()
	d := open(t, Limits{}, socket)
	c := client(t, ca.trust("client"))
	serial := func() string {
		t.Helper()
		res, err := c.Post(d.url("https"), "application/json", strings.NewReader(`{"command":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		return res.Status + " " + res.TLS.PeerCertificates[0].Subject.CommonName
	}
	conns := func() int {
		for _, door := range d.doors {
			if h, ok := door.(*httpDoor); ok {
				h.crowd.mu.Lock()
				defer h.crowd.mu.Unlock()
				return len(h.crowd.guests)
			}
		}
		return -1
	}
	if got := serial(); got != "200 OK server" {
		t.Errorf("%s", got)
	}
	socket.Clients = []Client{{"admin", "x"}}
	if err := d.Replace([]Socket{socket}); err != nil {
		t.Fatal(err)
	}
	if n := conns(); n != 1 {
		t.Errorf("%d connections, though only passwords have changed", n)
	}
	if got := serial(); got != "401 Unauthorized server" {
		t.Errorf("%s", got)
	}
	socket.Clients = nil
	ca.issue("other")
	socket.CertFile, socket.KeyFile = ca.file("other.pem"), ca.file("other.key")
	if err := d.Replace([]Socket{socket}); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != "200 OK other" {
		t.Errorf("%s", got)
	}
	url := d.url("http")
	socket.Type = HTTP
	if err := d.Replace([]Socket{socket}); err != nil {
		t.Fatal(err)
	}
	if d.url("http") != url {
		t.Error("the socket was opened again")
	}
	if got, err := post(t, client(t, nil), url); err != nil || !strings.Contains(got, "list-commands") {
		t.Errorf("%s, %v", got, err)
	}
}

// TestReplaceOverlap: an address may give way to one that holds it, and back,
// without a moment at which nobody listens.
func TestReplaceOverlap(t *testing.T) {
	d := open(t, Limits{}, Socket{Type: HTTP, Addr: anyPort})
	first := netip.MustParseAddrPort(strings.Trim(d.url(""), ":/"))
	for _, addr := range []string{"0.0.0.0", "127.0.0.1", "0.0.0.0"} {
		next := netip.AddrPortFrom(netip.MustParseAddr(addr), first.Port())
		if err := d.Replace([]Socket{{Path: d.path}, {Type: HTTP, Addr: next}}); err != nil {
			t.Fatal(err)
		}
		if got, err := post(t, client(t, nil), "http://"+first.String()); err != nil || got == "" {
			t.Errorf("%s: %q, %v", next, got, err)
		}
	}
	if l, err := net.Listen("tcp4", first.String()); err == nil {
		l.Close()
		t.Error("a stranger shares the port")
	}
}

func TestWarnings(t *testing.T) {
	world := netip.MustParseAddrPort("[::]:8000")
	admin := []Client{{"admin", "x"}}
	got := Warnings([]Socket{
		{Path: "/run/x/c"},
		{Type: HTTP, Addr: anyPort},
		{Type: HTTP, Addr: anyPort, Clients: admin},
		{Type: HTTP, Addr: world, Clients: admin},
		{Type: HTTPS, Addr: world},
		{Type: HTTPS, Addr: world, AnyClient: true},
		{Type: HTTPS, Addr: world, AnyClient: true, Clients: admin},
	})
	want := []string{
		"http 127.0.0.1:0: no authentication, whoever reaches this address commands the server",
		"http [::]:8000: names, passwords and configurations cross the network in clear text",
		"https [::]:8000: no authentication, whoever reaches this address commands the server",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", got)
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"plain": "secret", "line": "secret\n", "dos": "secret\r\nmore\n", "empty": "", "long": strings.Repeat("x", 5000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"plain", "line", "dos", filepath.Join(dir, "plain")} {
		if got, err := ReadSecret(dir, name); got != "secret" || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := ReadSecret(dir, "empty"); got != "" || err != nil {
		t.Errorf("empty: %q, %v", got, err)
	}
	for _, name := range []string{"long", "none", ""} {
		if got, err := ReadSecret(dir, name); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}
