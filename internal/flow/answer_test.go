package flow

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// answers writes what came back to the client, or that the wire lost it.
func (s *script) answers(c *part) {
	l := s.lab
	l.mu.Lock()
	back := l.back
	l.back = nil
	l.mu.Unlock()
	for _, d := range back {
		switch {
		case s.lose:
			s.lose = false
			fmt.Fprintf(&l.out, "  wire    lost\n")
		case d.over4:
			if c.native() {
				fmt.Fprintf(&l.out, "  dhcp4d  send   to %v%s\n", d.Peer, by(d))
			}
			s.answer4(c, "", d.Data)
		default:
			s.answer6(c, d.Data)
		}
	}
}

// by tells whether a reply over IPv4 goes to a hardware address.
func by(d datagram) string {
	if d.To == [6]byte{} {
		return ""
	}
	return " in a frame for the client"
}

// option writes one line of what an answer holds.
func (s *script) optionLine(depth int, text string) {
	fmt.Fprintf(&s.lab.out, "%s%s\n", strings.Repeat("  ", depth+1), text)
}

// answer4 writes a DHCPv4 message: "a: OFFER 192.0.2.10 for 4000s", then the
// fields that are not zero and the options in the order of the wire.
func (s *script) answer4(c *part, note string, b []byte) {
	var m dhcp4.Message
	if err := m.Parse(b); err != nil {
		s.fail("answer does not parse: %v", err)
	}
	head := fmt.Sprintf("%s: %s", c.name, short(m.Type()))
	if m.Type() == 0 {
		head = c.name + ": BOOTREPLY" // BOOTP is what the client says
	}
	if !m.YIAddr.IsUnspecified() {
		head += " " + m.YIAddr.String()
	}
	if n, ok := m.Uint32(dhcp4.OptLeaseTime); ok {
		head += fmt.Sprintf(" for %ds", n)
	}
	s.lab.out.WriteString(head + note + "\n")
	if m.XID != s.lab.xid || string(m.CHAddr()) != string(c.mac) {
		s.t.Errorf("%s:%d: answer with xid %d for %x", s.file, s.line, m.XID, m.CHAddr())
	}
	for _, f := range []struct {
		name string
		addr netip.Addr
	}{{"ciaddr", m.CIAddr}, {"siaddr", m.SIAddr}, {"giaddr", m.GIAddr}} {
		if !f.addr.IsUnspecified() {
			s.optionLine(1, fmt.Sprintf("%s %v", f.name, f.addr))
		}
	}
	if m.Flags != 0 {
		s.optionLine(1, fmt.Sprintf("flags %04x", m.Flags))
	}
	for _, f := range []struct {
		name string
		text []byte
	}{{"sname", m.SName()}, {"file", m.File()}} {
		if text := strings.TrimRight(string(f.text), "\x00"); text != "" {
			s.optionLine(1, fmt.Sprintf("%s %q", f.name, text))
		}
	}
	for code, v := range m.All {
		switch code {
		case dhcp4.OptMessageType, dhcp4.OptLeaseTime:
		case dhcp4.OptRelayAgentInfo:
			s.optionLine(1, "relay-agent-information "+subOptions(v))
		default:
			s.optionLine(1, show(defs4, uint16(code), v))
		}
	}
}

func subOptions(v []byte) string {
	subs, err := dhcp4.ParseSubOptions(v)
	if err != nil {
		return err.Error()
	}
	var all []string
	for code, v := range subs.All {
		all = append(all, fmt.Sprintf("%d=%q", code, v))
	}
	return strings.Join(all, " ")
}

// answer6 writes a DHCPv6 message: what each relay gets, then the message, or
// the DHCPv4 one in it.
func (s *script) answer6(c *part, b []byte) {
	var e dhcp6.Envelope
	if err := e.Parse(b); err != nil {
		s.fail("answer does not parse: %v", err)
	}
	if len(e.Relays) != len(c.via) {
		s.t.Errorf("%s:%d: answer through %d relays, want %d", s.file, s.line, len(e.Relays), len(c.via))
	}
	for i, r := range e.Relays {
		fmt.Fprintf(&s.lab.out, "%s: Relay-repl hops %d, link %v, peer %v\n", c.via[len(e.Relays)-1-i].name, r.Hops, r.Link, r.Peer)
		s.options6(1, r.Options)
	}
	m := &e.Message
	if m.Type != dhcp6.DHCPv4Response {
		fmt.Fprintf(&s.lab.out, "%s: %v\n", c.name, m.Type)
		if x := uint32(m.XID[0])<<16 | uint32(m.XID[1])<<8 | uint32(m.XID[2]); x != s.lab.xid {
			s.t.Errorf("%s:%d: answer with xid %d", s.file, s.line, x)
		}
		s.options6(1, m.Options)
		return
	}
	note := ""
	if m.XID != [3]byte{} {
		note = fmt.Sprintf(", flags %x", m.XID)
	}
	v, _ := m.Options.Option(dhcp6.OptDHCPv4Message)
	s.answer4(c, note, v)
	for code, v := range m.Options.All {
		if code != dhcp6.OptDHCPv4Message {
			s.optionLine(1, "beside it "+show(defs6, uint16(code), v))
		}
	}
}

// options6 writes options in the order of the wire.
func (s *script) options6(depth int, o dhcp6.Options) {
	for code, v := range o.All {
		line := func(format string, a ...any) { s.optionLine(depth, fmt.Sprintf(format, a...)) }
		switch code {
		case dhcp6.OptRelayMessage:
		case dhcp6.OptInterfaceID:
			line("interface-id %q", v)
		case dhcp6.OptClientID:
			line("client-id %v", dhcp6.DUID(v))
		case dhcp6.OptServerID:
			line("server-id %v", dhcp6.DUID(v))
		case dhcp6.OptIANA:
			ia, err := dhcp6.ParseIANA(v)
			if err != nil {
				s.fail("%v", err)
			}
			line("ia %d, t1 %ds, t2 %ds", ia.IAID, ia.T1, ia.T2)
			s.options6(depth+1, ia.Options)
		case dhcp6.OptIAAddr:
			a, err := dhcp6.ParseIAAddr(v)
			if err != nil {
				s.fail("%v", err)
			}
			line("%v preferred %ds, valid %ds", a.Addr, a.Preferred, a.Valid)
			s.options6(depth+1, a.Options)
		case dhcp6.OptStatusCode:
			st, err := dhcp6.ParseStatusCode(v)
			if err != nil {
				s.fail("%v", err)
			}
			line("status %v: %s", st.Status, st.Message)
		default:
			line("%s", show(defs6, uint16(code), v))
		}
	}
}
