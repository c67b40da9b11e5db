package config

import (
	"net/netip"
	"strings"
)

// maxSocketName is what a UNIX socket's address has room for, its NUL left out.
const maxSocketName = 107

// controlSockets reads control-sockets and its older form, control-socket.
func (c *compiler) controlSockets() {
	all := c.root.list("control-sockets")
	if m := c.root.get("control-socket"); m != nil {
		all = append(all, m)
	}
	names, addrs := map[string]*node{}, map[netip.AddrPort]*node{}
	for _, n := range all {
		if n.kind != kMap || n.get("socket-type") == nil {
			continue
		}
		s := c.controlSocket(n)
		switch {
		case s.Type == "unix" && names[s.Name] != nil:
			c.errorf(n.get("socket-name"), "a socket %q is there already, in line %d", s.Name, names[s.Name].line())
		case s.Type != "unix" && addrs[s.Addr] != nil:
			c.errorf(n, "a socket on %s is there already, in line %d", s.Addr, addrs[s.Addr].line())
		}
		names[s.Name], addrs[s.Addr] = n, n
		c.cfg.Control = append(c.cfg.Control, s)
	}
}

// controlSocket compiles one socket.
func (c *compiler) controlSocket(n *node) ControlSocket {
	if n.text("socket-type") == "unix" {
		return c.unixSocket(n)
	}
	return c.httpSocket(n)
}

func (c *compiler) unixSocket(n *node) ControlSocket {
	s := ControlSocket{Type: "unix", Name: n.text("socket-name")}
	switch m := n.get("socket-name"); {
	case s.Name == "" && n.has("socket-name") && m == nil: // wrong, and reported
	case s.Name == "":
		c.errorf(n, "a socket of type unix needs a socket-name")
	case len(s.Name) > maxSocketName:
		c.errorf(m, "is %d octets long, %d more than the address of a socket holds", len(s.Name), len(s.Name)-maxSocketName)
	case strings.IndexByte(s.Name, 0) >= 0:
		c.errorf(m, "holds an octet 0")
	}
	c.idle(n, "a socket of type unix", "socket-address", "socket-port", "authentication", "http-headers",
		"trust-anchor", "cert-file", "key-file", "cert-required")
	return s
}

// idle warns of keys that have no meaning in a map of some kind.
func (c *compiler) idle(n *node, of string, keys ...string) {
	for _, key := range keys {
		if m := n.get(key); m != nil {
			c.warnf(m, "has no meaning for %s", of)
		}
	}
}

func (c *compiler) httpSocket(n *node) ControlSocket {
	l := levels{n}
	s := ControlSocket{
		Type:        n.text("socket-type"),
		Addr:        netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(l.uint32("socket-port", 8000))),
		TrustAnchor: n.text("trust-anchor"), CertFile: n.text("cert-file"), KeyFile: n.text("key-file"),
		AnyClient: !l.bool("cert-required", true),
	}
	if m := n.get("socket-address"); m != nil && m.str != "" {
		a, err := netip.ParseAddr(m.str)
		if err != nil || a.IsMulticast() {
			c.errorf(m, "%q is not a unicast address", m.str)
		}
		s.Addr = netip.AddrPortFrom(a, s.Addr.Port())
	}
	for _, h := range n.list("http-headers") {
		if h.kind == kMap {
			s.Headers = append(s.Headers, c.header(h))
		}
	}
	c.authentication(&s, n)
	c.secured(&s, n)
	c.idle(n, "a socket of type "+s.Type, "socket-name")
	return s
}

// header reads one header that answers carry.
func (c *compiler) header(n *node) ControlHeader {
	h := ControlHeader{Name: n.text("name"), Value: n.text("value")}
	if m := n.get("name"); m != nil && strings.ContainsFunc(h.Name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) }) {
		c.errorf(m, "%q is not the name of a header (RFC 9110 §5.1)", h.Name)
	}
	if m := n.get("value"); m != nil && strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		c.errorf(m, "holds a control character")
	}
	return h
}

// authentication reads who may send commands. That nobody could is taken for an
// oversight, not for leave for everybody.
func (c *compiler) authentication(s *ControlSocket, n *node) {
	a := n.get("authentication")
	if a == nil {
		return
	}
	s.Realm, s.Directory = a.text("realm"), a.text("directory")
	for _, e := range a.list("clients") {
		if e.kind == kMap {
			s.Clients = append(s.Clients, c.controlClient(e))
		}
	}
	if len(s.Clients) == 0 {
		c.errorf(a, "names no clients: nobody could log in")
	}
}

func (c *compiler) controlClient(n *node) ControlClient {
	k := ControlClient{User: n.text("user"), UserFile: n.text("user-file"), Password: n.text("password"), PasswordFile: n.text("password-file")}
	switch {
	case k.User != "" && k.UserFile != "":
		c.errorf(n.get("user-file"), "user says the same; give one of them")
	case k.Password != "" && k.PasswordFile != "":
		c.errorf(n.get("password-file"), "password says the same; give one of them")
	case k.User == "" && k.UserFile == "" && k.PasswordFile == "": // a password-file alone holds user:password
		c.errorf(n, "names no user")
	case strings.Contains(k.User, ":"):
		c.errorf(n.get("user"), "%q has a colon, which ends a user's name (RFC 7617 §2)", k.User)
	}
	return k
}

// secured checks what HTTPS needs, and that nobody takes HTTP for it.
func (c *compiler) secured(s *ControlSocket, n *node) {
	files := []string{"trust-anchor", "cert-file", "key-file"}
	if s.Type == "http" {
		for _, key := range files {
			if m := n.get(key); m != nil && m.str != "" {
				c.errorf(m, "is for a socket of type https")
			}
		}
		return
	}
	for _, key := range files {
		if n.text(key) == "" && (n.get(key) != nil || !n.has(key)) {
			c.errorf(n, "a socket of type https needs %s", key)
		}
	}
}
