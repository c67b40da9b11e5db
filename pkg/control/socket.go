package control

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
)

// The types of sockets.
const (
	Unix  = "unix"
	HTTP  = "http"
	HTTPS = "https"
)

// A Socket is one way in.
type Socket struct {
	Type string // Unix (also when empty), HTTP or HTTPS

	// of a UNIX socket
	Path string // absolute; its folder has mode 0750 or stricter and belongs to us or to root

	// of HTTP and HTTPS
	Addr    netip.AddrPort
	Realm   string
	Clients []Client // who may command; without any, everybody may
	Headers []Header // sent with each answer

	// of HTTPS
	TrustAnchor       string // file or folder of the authorities that clients are checked with
	CertFile, KeyFile string
	AnyClient         bool // a client needs no certificate: cert-required is false
}

// A Client may command by HTTP, with basic authentication (RFC 7617).
type Client struct{ User, Password string }

// A Header is a line of the head of an HTTP answer.
type Header struct{ Name, Value string }

// String is how the socket is named in errors and events.
func (s Socket) String() string {
	if s.Type == HTTP || s.Type == HTTPS {
		return s.Type + " " + s.Addr.String()
	}
	return Unix + " " + s.Path
}

// key tells sockets apart that can be open at the same time.
func (s Socket) key() string {
	if s.Type == HTTP || s.Type == HTTPS {
		return "tcp " + s.Addr.String()
	}
	return Unix + " " + filepath.Clean(s.Path)
}

// check finds what is wrong with a socket before anything is opened.
func (s Socket) check() error {
	switch s.Type {
	case "", Unix:
		return nil // place says the rest
	case HTTP, HTTPS:
	default:
		return fmt.Errorf("there is no socket type %q", s.Type)
	}
	if !s.Addr.IsValid() {
		return errors.New("there is no address")
	}
	for _, c := range s.Clients {
		if c.User == "" || strings.Contains(c.User, ":") {
			return fmt.Errorf("user %q: a name is not empty and has no colon in it", c.User)
		}
	}
	for _, h := range s.Headers {
		if !isToken(h.Name) || strings.ContainsAny(h.Value, "\r\n\x00") {
			return fmt.Errorf("%q: %q is no HTTP header", h.Name, h.Value)
		}
	}
	if s.Type == HTTPS && (s.TrustAnchor == "" || s.CertFile == "" || s.KeyFile == "") {
		return errors.New("https takes a trust-anchor, a cert-file and a key-file")
	}
	return nil
}

// isToken reports whether a name may name an HTTP header (RFC 9110 §5.1).
func isToken(name string) bool {
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return name != "" && textproto.TrimString(name) == name
}

// Warnings tells what in sockets is allowed, as in Kea, but hardly meant.
func Warnings(sockets []Socket) []string {
	var out []string
	for _, s := range sockets {
		switch {
		case s.Type != HTTP && s.Type != HTTPS:
		case len(s.Clients) == 0 && (s.Type == HTTP || s.AnyClient):
			out = append(out, s.String()+": no authentication, whoever reaches this address commands the server")
		case s.Type == HTTP && !s.Addr.Addr().IsLoopback():
			out = append(out, s.String()+": names, passwords and configurations cross the network in clear text")
		}
	}
	return out
}

// ReadSecret reads a user-file or password-file, which stands in dir unless its
// path is absolute: the first line, without the line end. user-file may hold
// both, as user:password.
func ReadSecret(dir, file string) (string, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	fi, err := os.Stat(file)
	switch {
	case err != nil:
		return "", fmt.Errorf("control: %w", err)
	case !fi.Mode().IsRegular():
		return "", fmt.Errorf("control: %s is no regular file", file)
	case fi.Size() > 4096:
		return "", fmt.Errorf("control: %s is too long for a secret", file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("control: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
