package load

import (
	"errors"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
)

var (
	errWay   = errors.New("load: answer came through other relays than its query")
	errReply = errors.New("load: not an answer")
)

// minLen is the length that clients pad their messages to: what BOOTP had
// (RFC 1542 §2.1).
const minLen = 300

// asked are the options of the Parameter Request List.
var asked = []byte{
	byte(dhcp4.OptSubnetMask), byte(dhcp4.OptRouter), byte(dhcp4.OptDNS), byte(dhcp4.OptDomainName),
	byte(dhcp4.OptLeaseTime), byte(dhcp4.OptServerID), byte(dhcp4.OptRenewalTime), byte(dhcp4.OptRebindingTime),
}

// A script4 speaks DHCPv4 (RFC 2131 §4.4), bare or in DHCPV4-QUERY messages.
type script4 struct {
	s      *Scenario
	way    *way       // nil: as a relay over IPv4
	giaddr netip.Addr // of that relay
	query  dhcp4.Builder
	reply  dhcp4.Message
	buf    []byte // the DHCPv4 message
	outer  []byte // the options of the DHCPV4-QUERY
	tagged []byte // option 82
}

func newScript4(s *Scenario, local netip.AddrPort) *script4 {
	c := &script4{s: s}
	c.query.Header.HType = 1
	if s.Kind == FourOverSix {
		c.way = newWay(s, local)
		return c
	}
	c.giaddr = s.GIAddr
	if !c.giaddr.IsValid() {
		c.giaddr = local.Addr()
	}
	if id := s.InterfaceID; id != "" {
		c.tagged = append([]byte{byte(dhcp4.SubCircuitID), byte(len(id))}, id...)
	}
	return c
}

var types4 = [steps]dhcp4.MessageType{dhcp4.Discover, dhcp4.Request, dhcp4.Request, dhcp4.Release}

func (c *script4) append(b []byte, t *talk) []byte {
	hw := c.s.hwAddr(t.client)
	c.buf = c.message(t, hw)
	if c.way == nil {
		return append(b, c.buf...)
	}
	c.outer = dhcp6.AppendOption(c.outer[:0], dhcp6.OptDHCPv4Message, c.buf)
	m := dhcp6.Message{Type: dhcp6.DHCPv4Query, Options: c.outer}
	if t.step >= Renew { // what a client on IPv4 would unicast (RFC 7341 §8)
		m.XID[0] = pkt4o6.UnicastFlag
	}
	return c.way.append(b, m, hw)
}

// message builds the DHCPv4 message with the fields and options that table 5
// of RFC 2131 has for its kind.
func (c *script4) message(t *talk, hw [6]byte) []byte {
	w := &c.query
	h := &w.Header
	h.XID, h.CIAddr, h.GIAddr, h.Hops = t.xid, netip.Addr{}, netip.Addr{}, 0
	if t.step >= Renew {
		h.CIAddr = t.addr
	}
	if c.way == nil {
		h.GIAddr, h.Hops = c.giaddr, 1
	}
	w.Query(types4[t.step], c.buf)
	w.SetCHAddr(hw[:])
	if !c.s.NoClient {
		id := [7]byte{1}
		copy(id[1:], hw[:])
		w.Add(dhcp4.OptClientID, id[:])
	}
	if t.step == Request {
		addAddr(w, dhcp4.OptRequestedAddress, t.addr)
	}
	if (t.step == Request || t.step == Release) && t.server4.IsValid() {
		addAddr(w, dhcp4.OptServerID, t.server4)
	}
	if t.step != Release {
		w.Add(dhcp4.OptParameterRequestList, asked)
	}
	if len(c.tagged) > 0 {
		w.Add(dhcp4.OptRelayAgentInfo, c.tagged)
	}
	b := w.Bytes()
	for len(b) < minLen {
		b = append(b, 0)
	}
	return b
}

func addAddr(w *dhcp4.Builder, c dhcp4.Code, a netip.Addr) {
	v := a.As4()
	w.Add(c, v[:])
}

func (c *script4) parse(b []byte) (uint32, error) {
	if c.way != nil {
		m, err := c.way.parse(b)
		if err != nil {
			return 0, err
		}
		if m.Type != dhcp6.DHCPv4Response || m.Options.Count(dhcp6.OptDHCPv4Message) != 1 {
			return 0, errReply
		}
		b, _ = m.Options.Option(dhcp6.OptDHCPv4Message)
	}
	if err := c.reply.Parse(b); err != nil {
		return 0, err
	}
	if c.reply.Op != dhcp4.BootReply {
		return 0, errReply
	}
	return c.reply.XID, nil
}

func (c *script4) judge(t *talk) verdict {
	m := &c.reply
	hw := c.s.hwAddr(t.client)
	if string(m.CHAddr()) != string(hw[:]) {
		return stray
	}
	kind := m.Type()
	switch {
	case kind == dhcp4.Nak && t.step != Discover:
		return refused
	case t.step == Discover && kind == dhcp4.Offer:
		t.addr = m.YIAddr
	case (t.step == Request || t.step == Renew) && kind == dhcp4.Ack:
		if t.addr != m.YIAddr {
			return refused // another address than the one asked for
		}
	default:
		return stray
	}
	if id, ok := m.Addr(dhcp4.OptServerID); ok {
		t.server4 = id
	}
	return answered
}
