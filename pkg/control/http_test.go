package control

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var anyPort = netip.MustParseAddrPort("127.0.0.1:0")

// url is where the HTTP socket of a server is.
func (d *desk) url(scheme string) string {
	d.Server.mu.Lock()
	defer d.Server.mu.Unlock()
	for _, door := range d.doors {
		if h, ok := door.(*httpDoor); ok {
			return scheme + "://" + h.listen.Addr().String() + "/"
		}
	}
	return ""
}

// client is a HTTP client of the test's own, whose connections end with it.
func client(t testing.TB, c *tls.Config) *http.Client {
	tr := &http.Transport{TLSClientConfig: c}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// TestHTTPAsAgent holds answers by HTTP to those of kea-ctrl-agent 2.2.0.
func TestHTTPAsAgent(t *testing.T) {
	d := open(t, Limits{Request: 4096}, Socket{Type: HTTP, Addr: anyPort, Realm: `kea-"test"`,
		Clients: []Client{{"other", "x"}, {"admin", "1:2"}}, Headers: []Header{{"Strict-Transport-Security", "max-age=31536000"}}})
	const list = `{"command":"list-commands","service":["dhcp4"]}`
	set := func(h ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(h); i += 2 {
				if h[i+1] == "" {
					r.Header.Del(h[i])
				} else {
					r.Header.Set(h[i], h[i+1])
				}
			}
		}
	}
	tests := []struct {
		name, method, path, body string
		change                   func(*http.Request)
		status                   int
		answer                   string
	}{
		{"a command", "POST", "", list, nil, 200, "[" + listed + "]"},
		{"any path", "POST", "kea/4", list, nil, 200, "[" + listed + "]"},
		{"comments", "POST", "", "# c\n" + list + "// end", nil, 200, "[" + listed + "]"},
		{"the type's parameters", "POST", "", list, set("Content-Type", "Application/JSON; charset=utf-8"), 200, "[" + listed + "]"},
		{"basic in small letters", "POST", "", list, set("Authorization", "basic YWRtaW46MToy"), 200, "[" + listed + "]"},
		{"an error is an answer", "POST", "", `{"command":"x"}`, nil, 200, `[{"result":2,"text":"'x' command not supported."}]`},
		{"no map", "POST", "", `[` + list + `]`, nil, 200, `[{"result":1,"text":"Error during command processing: Invalid command Element specified, expected map"}]`},
		{"no body", "POST", "", ``, nil, 200, `[{"result":1,"text":"Command processing failed: NULL command parameter"}]`},
		{"another service", "POST", "", `{"command":"list-commands","service":["d2"]}`, nil, 200, `[{"result":2,"text":"this is dhcp4, the command is for the server type d2"}]`},
		{"nobody", "POST", "", list, set("Authorization", ""), 401, `{"result":401,"text":"Unauthorized"}`},
		{"a wrong password", "POST", "", list, func(r *http.Request) { r.SetBasicAuth("admin", "12") }, 401, `{"result":401,"text":"Unauthorized"}`},
		{"the password of another", "POST", "", list, func(r *http.Request) { r.SetBasicAuth("admin", "x") }, 401, `{"result":401,"text":"Unauthorized"}`},
		{"another cut of user and password", "POST", "", list, func(r *http.Request) { r.SetBasicAuth("admin:1", "2") }, 200, "[" + listed + "]"},
		{"another scheme", "POST", "", list, set("Authorization", "Bearer YWRtaW46MToy"), 401, `{"result":401,"text":"Unauthorized"}`},
		{"not base64", "POST", "", list, set("Authorization", "Basic !!!"), 401, `{"result":401,"text":"Unauthorized"}`},
		{"nobody learns of methods", "GET", "", "", set("Authorization", ""), 401, `{"result":401,"text":"Unauthorized"}`},
		{"GET", "GET", "", "", nil, 405, `{"result":405,"text":"Method Not Allowed"}`},
		{"OPTIONS", "OPTIONS", "", "", nil, 405, `{"result":405,"text":"Method Not Allowed"}`},
		{"another type", "POST", "", list, set("Content-Type", "text/plain"), 400, `{"result":400,"text":"Bad Request"}`},
		{"no type", "POST", "", list, set("Content-Type", ""), 400, `{"result":400,"text":"Bad Request"}`},
		{"garbage", "POST", "", "garbage", nil, 400, `{"result":400,"text":"Bad Request"}`},
		{"a fault further on", "POST", "", `{"command":x}`, nil, 400, `{"result":400,"text":"Bad Request"}`},
		{"two commands", "POST", "", list + list, nil, 400, `{"result":400,"text":"Bad Request"}`},
		{"half of one", "POST", "", `{"command":`, nil, 400, `{"result":400,"text":"Bad Request"}`},
		{"too deep", "POST", "", strings.Repeat("[", 101), nil, 400, `{"result":400,"text":"Bad Request"}`},
		{"too long", "POST", "", list + strings.Repeat(" ", 4096), nil, 413, `{"result":413,"text":"Request Entity Too Large"}`},
		{"too long in chunks", "POST", "", list + strings.Repeat(" ", 4096), func(r *http.Request) { r.ContentLength = -1 }, 413, `{"result":413,"text":"Request Entity Too Large"}`},
	}
	c := client(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(tt.method, d.url("http")+tt.path, io.NopCloser(strings.NewReader(tt.body)))
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = int64(len(tt.body))
			r.Header.Set("Content-Type", "application/json")
			r.SetBasicAuth("admin", "1:2")
			if tt.change != nil {
				tt.change(r)
			}
			res, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			check(t, b, tt.answer)
			if res.StatusCode != tt.status || res.Header.Get("Content-Type") != "application/json" || res.ContentLength != int64(len(b)) ||
				res.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
				t.Errorf("status %d, head %v", res.StatusCode, res.Header)
			}
			if challenge := res.Header.Get("WWW-Authenticate"); (tt.status == 401) != (challenge == `Basic realm="kea-\"test\""`) {
				t.Errorf("challenge %q", challenge)
			}
		})
	}
}

// TestHTTPConnection: one connection serves many commands, also those of HTTP/1.0,
// and events tell of each.
func TestHTTPConnection(t *testing.T) {
	d := open(t, Limits{}, Socket{Type: HTTP, Addr: anyPort, Clients: []Client{{"admin", "x"}}})
	c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(d.url("http"), "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	const head = "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46eA==\r\nContent-Type: application/json\r\nContent-Length: 15\r\n"
	for range 3 {
		io.WriteString(c, head+"\r\n{\"command\":\"x\"}")
		b := make([]byte, 4096)
		n, err := c.Read(b)
		if err != nil || !bytes.HasPrefix(b[:n], []byte("HTTP/1.1 200 OK\r\n")) || bytes.Contains(b[:n], []byte("Connection: close")) {
			t.Fatalf("%s, %v", b[:n], err)
		}
	}
	io.WriteString(c, strings.Replace(head, "1.1", "1.0", 1)+"\r\n{\"command\":\"x\"}")
	if got := rest(t, c); !strings.HasPrefix(got, "HTTP/1.0 200 OK\r\n") {
		t.Fatalf("%s", got)
	}
	eventually(t, "events", func() bool { return len(d.seen()) == 4 })
	if e := d.seen()[0]; e.User != "admin" || e.Command != "x" || e.Result != 2 || e.Status != 200 || e.UID != -1 || e.Peer != c.LocalAddr().String() || e.Err != nil {
		t.Errorf("event %+v", e)
	}
}

// TestHTTPSlow: who is slow with the head or with the body is not waited for.
func TestHTTPSlow(t *testing.T) {
	d := open(t, Limits{Send: 300 * time.Millisecond}, Socket{Type: HTTP, Addr: anyPort})
	addr := strings.TrimSuffix(strings.TrimPrefix(d.url("http"), "http://"), "/")
	for _, start := range []string{"", "POST / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(5 * time.Second))
		io.WriteString(c, start)
		began := time.Now()
		b, err := io.ReadAll(c)
		if took := time.Since(began); err != nil || took > 3*time.Second {
			t.Errorf("%q: %q after %v, %v", start, b, took, err)
		}
		if strings.HasSuffix(start, "{") && !bytes.Contains(b, []byte(`{"result":408,"text":"Request Timeout"}`)) {
			t.Errorf("%q: %q", start, b)
		}
		c.Close()
	}
}

// TestHTTPGone: a command whose client hangs up is told so.
func TestHTTPGone(t *testing.T) {
	d := open(t, Limits{}, Socket{Type: HTTP, Addr: anyPort})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", d.url("http"), strings.NewReader(`{"command":"hang"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	go func() {
		<-d.started
		cancel()
	}()
	if _, err := client(t, nil).Do(r); err == nil {
		t.Error("there is an answer")
	}
	eventually(t, "an event", func() bool { return len(d.seen()) == 1 })
	if e := d.seen()[0]; e.Result != Error || e.Command != "hang" {
		t.Errorf("event %+v", e)
	}
}

// An authority signs certificates for a test.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	a.write(name, a.cert, a.key)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// issue makes name.pem and name.key for 127.0.0.1.
func (a *authority) issue(name string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, key)
}

func (a *authority) write(name string, cert *x509.Certificate, key *ecdsa.PrivateKey) {
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

// trust is the TLS of a client that trusts the authority and has the certificates named.
func (a *authority) trust(names ...string) *tls.Config {
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	b, _ := os.ReadFile(a.file("ca.pem"))
	c.RootCAs.AppendCertsFromPEM(b)
	for _, name := range names {
		pair, err := tls.LoadX509KeyPair(a.file(name+".pem"), a.file(name+".key"))
		if err != nil {
			a.t.Fatal(err)
		}
		c.Certificates = append(c.Certificates, pair)
	}
	return c
}

func (a *authority) socket() Socket {
	return Socket{Type: HTTPS, Addr: anyPort, TrustAnchor: a.file("ca.pem"), CertFile: a.file("server.pem"), KeyFile: a.file("server.key")}
}

func post(t testing.TB, c *http.Client, url string) (string, error) {
	t.Helper()
	res, err := c.Post(url, "application/json", strings.NewReader(`{"command":"list-commands"}`))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

// TestHTTPS: without a certificate of the trust anchor nobody gets in, unless
// none is required.
func TestHTTPS(t *testing.T) {
	ca, stranger := newAuthority(t, "ca"), newAuthority(t, "stranger")
	ca.issue("server")
	ca.issue("client")
	stranger.issue("client")
	forged := ca.trust()
	forged.Certificates = stranger.trust("client").Certificates
	folder := ca.socket()
	folder.TrustAnchor = ca.dir
	open1 := ca.socket()
	open1.AnyClient = true
	tests := []struct {
		name   string
		socket Socket
		client *tls.Config
		in     bool
	}{
		{"our client", ca.socket(), ca.trust("client"), true},
		{"a folder of authorities", folder, ca.trust("client"), true},
		{"no certificate", ca.socket(), ca.trust(), false},
		{"a stranger's", ca.socket(), forged, false},
		{"none is required", open1, ca.trust(), true},
		{"a stranger's, none is required", open1, forged, false},
		{"TLS 1.1", ca.socket(), func() *tls.Config { c := ca.trust("client"); c.MaxVersion = tls.VersionTLS11; return c }(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// a certificate that is not asked for would be left out by a polite client
			if len(tt.client.Certificates) > 0 {
				pair := tt.client.Certificates[0]
				tt.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			}
			d := open(t, Limits{}, tt.socket)
			got, err := post(t, client(t, tt.client), d.url("https"))
			if tt.in {
				if err != nil {
					t.Fatal(err)
				}
				check(t, []byte(got), "["+listed+"]")
			} else if err == nil {
				t.Errorf("served: %s", got)
			}
			if _, err := post(t, client(t, nil), d.url("http")); err != nil {
				t.Errorf("plain HTTP is not told what is wrong: %v", err)
			}
		})
	}
}
