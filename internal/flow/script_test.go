package flow

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A part is a relay or a client of the header.
type part struct {
	name string
	args args

	// of a client
	mac net.HardwareAddr
	via []*part // nearest the client first
}

// args are the words behind a command, in order: key=value, or a key alone.
type args []arg

type arg struct {
	key, value string
	with       bool // there is a "="
}

func parseArgs(words []string) (a args) {
	for _, w := range words {
		k, v, with := strings.Cut(w, "=")
		a = append(a, arg{k, v, with})
	}
	return a
}

func (a args) has(key string) bool { _, ok := a.lookup(key); return ok }

func (a args) value(key string) string { v, _ := a.lookup(key); return v }

func (a args) lookup(key string) (string, bool) {
	for _, x := range a {
		if x.key == key {
			return x.value, true
		}
	}
	return "", false
}

// or is value with a default.
func (a args) or(key, otherwise string) string {
	if v, ok := a.lookup(key); ok {
		return v
	}
	return otherwise
}

// A script is one file while it is played.
type script struct {
	t     *testing.T
	file  string
	line  int
	parts map[string]*part
	lab   *lab
	lose  bool // the next answer
}

// play plays a file and returns it with the expectations of now.
func play(t *testing.T, dir, file, text string) string {
	s := &script{t: t, file: file, parts: make(map[string]*part), lab: newLab(t, dir)}
	defer s.lab.close()
	header, body, ok := strings.Cut(text, "\n----\n")
	if !ok {
		t.Fatalf("%s: no line ----", file)
	}
	for line := range strings.Lines(header + "\n") {
		s.line++
		s.header(strings.Fields(line))
	}
	s.lab.begin()
	out := &s.lab.out
	out.WriteString(header + "\n----\n")
	s.line++
	for line := range strings.Lines(body) {
		s.line++
		line = strings.TrimRight(line, "\n")
		if s.expectation(line) {
			continue
		}
		out.WriteString(line + "\n")
		s.command(strings.Fields(line))
	}
	return out.String()
}

func (s *script) fail(format string, a ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, a...))
}

func (s *script) header(words []string) {
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return
	}
	if len(words) < 2 {
		s.fail("%s what?", words[0])
	}
	p := &part{name: words[1], args: parseArgs(words[2:])}
	switch words[0] {
	case "config":
		s.lab.config = words[1]
	case "host":
		s.lab.noIPv4 = words[1] == "no-ipv4"
	case "relay":
		s.parts[p.name] = p
	case "client":
		s.parts[p.name] = p
		p.mac = s.mac(p.args.value("mac"))
		if via := p.args.value("via"); via != "" {
			for r := range strings.SplitSeq(via, ",") {
				p.via = append(p.via, s.part(r))
			}
		}
	default:
		s.fail("unknown word %q", words[0])
	}
}

func (s *script) part(name string) *part {
	p := s.parts[name]
	if p == nil {
		s.fail("who is %s?", name)
	}
	return p
}

// expectation reports whether a line tells what happened: it is indented, or
// an answer.
func (s *script) expectation(line string) bool {
	if strings.HasPrefix(line, " ") {
		return true
	}
	who, rest, ok := strings.Cut(line, ": ")
	word, _, _ := strings.Cut(rest, " ")
	return ok && s.parts[who] != nil && !isQuery(word)
}

func isQuery(word string) bool {
	_, v4 := types4[word]
	_, v6 := types6[word]
	return v4 || v6
}

// isDHCPv6 tells the messages apart that both protocols have.
func isDHCPv6(kind string, a args) bool {
	_, v4 := types4[kind]
	return !v4 || types6[kind] != 0 && a.has("ia")
}

func (s *script) command(words []string) {
	switch {
	case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		return
	case strings.HasSuffix(words[0], ":") && len(words) > 1:
		s.say(s.part(strings.TrimSuffix(words[0], ":")), words[1], parseArgs(words[2:]))
		return
	case words[0] == "leases":
		s.lab.leases()
		return
	case words[0] == "drop":
		s.lose = true
		return
	case len(words) < 2:
		s.fail("%s what?", words[0])
	}
	switch words[0] {
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.fail("%v", err)
		}
		time.Sleep(d)
		s.lab.expire()
	case "stop":
		s.lab.stop(words[1])
	case "start":
		s.lab.start(words[1])
	case "restart":
		s.lab.stop(words[1])
		s.lab.start(words[1])
	case "reload":
		s.lab.reload(words[1])
	default:
		s.fail("unknown command %q", words[0])
	}
}

// say sends one message of a client and waits until nothing moves any more.
func (s *script) say(c *part, kind string, a args) {
	if !isQuery(kind) {
		s.fail("unknown message %q", kind)
	}
	l := s.lab
	l.client, l.xid = c, uint32(s.number(a.or("xid", "0"), 32))
	switch {
	case isDHCPv6(kind, a):
		s.send6(c, s.message6(c, kind, a))
	case c.native():
		s.send4(c, a, s.message4(c, kind, a))
	default:
		s.send6(c, s.tunnelled(c, kind, a))
	}
	synctest.Wait()
	s.answers(c)
}

// native reports whether the client speaks DHCPv4 over IPv4.
func (p *part) native() bool {
	return p.args.value("on") == "ipv4" || len(p.via) > 0 && p.via[0].args.has("giaddr")
}

// linkLocal is the client's IPv6 address (RFC 4291, Appendix A).
func (p *part) linkLocal() netip.Addr {
	m := p.mac
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

func (s *script) mac(text string) net.HardwareAddr {
	m, err := net.ParseMAC(text)
	if err != nil {
		s.fail("%v", err)
	}
	return m
}

func (s *script) addr(text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil {
		s.fail("%v", err)
	}
	return a
}

func (s *script) number(text string, bits int) uint64 {
	n, err := strconv.ParseUint(text, 0, bits)
	if err != nil {
		s.fail("%v", err)
	}
	return n
}
