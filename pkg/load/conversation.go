package load

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// A conversation writes what one client says and hears, with what can be seen
// of the way: relay layers, the DHCPv6 envelope, the DHCPv4 message in it.
type conversation struct {
	w      io.Writer
	v4, v6 *optdef.Set
	b      strings.Builder
}

func newConversation(w io.Writer) *conversation {
	return &conversation{w: w, v4: optdef.New(optdef.V4), v6: optdef.New(optdef.V6)}
}

func (c *conversation) sent(at time.Duration, k Kind, to netip.AddrPort, b []byte) {
	c.show(k, fmt.Sprintf("%.6f  to %v, %d octets", at.Seconds(), to, len(b)), b)
}

func (c *conversation) received(at time.Duration, k Kind, from netip.AddrPort, b []byte) {
	c.show(k, fmt.Sprintf("%.6f  from %v, %d octets", at.Seconds(), from, len(b)), b)
}

func (c *conversation) show(k Kind, head string, b []byte) {
	c.b.Reset()
	c.line(0, "%s", head)
	if k == V4 {
		c.message4(1, b)
	} else {
		c.message6(1, b)
	}
	io.WriteString(c.w, c.b.String())
}

func (c *conversation) line(depth int, format string, args ...any) {
	c.b.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&c.b, format, args...)
	c.b.WriteByte('\n')
}

func (c *conversation) message6(depth int, b []byte) {
	var e dhcp6.Envelope
	if err := e.Parse(b); err != nil {
		c.line(depth, "not readable: %v", err)
		return
	}
	for _, r := range e.Relays {
		kind := dhcp6.RelayForw
		if e.Down {
			kind = dhcp6.RelayRepl
		}
		c.line(depth, "%v hops %d, link %v, peer %v", kind, r.Hops, r.Link, r.Peer)
		depth++
		c.options6(depth, "", r.Options)
	}
	m := &e.Message
	if m.Type == dhcp6.DHCPv4Query || m.Type == dhcp6.DHCPv4Response {
		c.line(depth, "%v flags %x", m.Type, m.XID)
	} else {
		c.line(depth, "%v xid %x", m.Type, m.XID)
	}
	c.options6(depth+1, "", m.Options)
}

func (c *conversation) options6(depth int, space string, o dhcp6.Options) {
	for code, v := range o.All {
		switch code {
		case dhcp6.OptRelayMessage:
		case dhcp6.OptDHCPv4Message:
			c.message4(depth, v)
		case dhcp6.OptInterfaceID:
			c.line(depth, "interface-id %q", v)
		case dhcp6.OptIANA:
			c.iana(depth, v)
		case dhcp6.OptIAAddr:
			c.iaaddr(depth, v)
		default:
			c.line(depth, "%s %s", name(c.v6, space, uint16(code)), c.v6.Text(space, uint16(code), v))
		}
	}
}

func (c *conversation) iana(depth int, v []byte) {
	ia, err := dhcp6.ParseIANA(v)
	if err != nil {
		c.line(depth, "ia-na: %v", err)
		return
	}
	c.line(depth, "ia-na %d, t1 %d, t2 %d", ia.IAID, ia.T1, ia.T2)
	c.options6(depth+1, "", ia.Options)
}

func (c *conversation) iaaddr(depth int, v []byte) {
	a, err := dhcp6.ParseIAAddr(v)
	if err != nil {
		c.line(depth, "iaaddr: %v", err)
		return
	}
	c.line(depth, "iaaddr %v, preferred %d, valid %d", a.Addr, a.Preferred, a.Valid)
	c.options6(depth+1, "", a.Options)
}

func (c *conversation) message4(depth int, b []byte) {
	var m dhcp4.Message
	if err := m.Parse(b); err != nil {
		c.line(depth, "not readable: %v", err)
		return
	}
	var f strings.Builder
	for _, a := range []struct {
		name string
		addr netip.Addr
	}{{"ciaddr", m.CIAddr}, {"yiaddr", m.YIAddr}, {"siaddr", m.SIAddr}, {"giaddr", m.GIAddr}} {
		if !a.addr.IsUnspecified() {
			fmt.Fprintf(&f, ", %s %v", a.name, a.addr)
		}
	}
	c.line(depth, "%v xid %08x, chaddr %v%s", m.Type(), m.XID, net.HardwareAddr(m.CHAddr()), f.String())
	for code, v := range m.All {
		if code != dhcp4.OptMessageType {
			c.line(depth+1, "%s %s", name(c.v4, "", uint16(code)), c.v4.Text("", uint16(code), v))
		}
	}
}

// name returns the name of an option, or its number.
func name(s *optdef.Set, space string, code uint16) string {
	if d, ok := s.ByCode(space, code); ok {
		return d.Name
	}
	return fmt.Sprintf("option %d", code)
}
