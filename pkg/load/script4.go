package load

import (
	"errors"
	"net/netip"
	"time"

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
	s       *Scenario
	servers *servers
	way     *way       // nil: over IPv4
	giaddr  netip.Addr // over IPv4: of the relay; invalid: none
	query   dhcp4.Builder
	reply   dhcp4.Message
	buf     []byte // the DHCPv4 message
	outer   []byte // the options of the DHCPV4-QUERY
	tagged  []byte // option 82
}

// newScript4 returns one that speaks through w, or as a relay with that address
// when w is nil.
func newScript4(s *Scenario, known *servers, w *way, local netip.AddrPort) *script4 {
	c := &script4{s: s, servers: known, way: w}
	c.query.Header.HType = 1
	if w != nil || s.onLink() {
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

var types4 = [steps]dhcp4.MessageType{
	dhcp4.Discover, dhcp4.Request, dhcp4.Request, dhcp4.Request, dhcp4.Request, dhcp4.Release, dhcp4.Decline, dhcp4.Inform,
}

// unicast reports whether a client on IPv4 would send the message to the
// server's address, which a DHCPV4-QUERY says (RFC 7341 §8).
func unicast(s Step) bool { return s == Renew || s == Release || s == Inform }

func (c *script4) append(b []byte, t *talk) []byte {
	hw := c.s.hwAddr(t.client)
	c.buf = c.message(t, hw)
	if c.way == nil {
		return append(b, c.buf...)
	}
	c.outer = dhcp6.AppendOption(c.outer[:0], dhcp6.OptDHCPv4Message, c.buf)
	m := dhcp6.Message{Type: dhcp6.DHCPv4Query, Options: c.outer}
	if unicast(t.step) {
		m.XID[0] = pkt4o6.UnicastFlag
	}
	return c.way.append(b, m, hw)
}

// message builds the DHCPv4 message with the fields and options that table 5
// of RFC 2131 has for its kind.
func (c *script4) message(t *talk, hw [6]byte) []byte {
	w := &c.query
	c.header(t)
	w.Query(types4[t.step], c.buf)
	w.SetCHAddr(hw[:])
	if !c.s.NoClient {
		id := [7]byte{1}
		copy(id[1:], hw[:])
		w.Add(dhcp4.OptClientID, id[:])
	}
	switch t.step {
	case Request, Reboot, Decline:
		addAddr(w, dhcp4.OptRequestedAddress, t.addr)
	}
	switch t.step {
	case Request, Release, Decline:
		if t.server != 0 {
			w.Add(dhcp4.OptServerID, c.servers.octets(t.server))
		}
	}
	if !V4.silent(t.step) {
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

// header sets the fields of t's message.
func (c *script4) header(t *talk) {
	h := &c.query.Header
	h.XID, h.Secs = t.xid, uint16(min(t.elapsed/time.Second, 0xffff))
	h.CIAddr, h.GIAddr, h.Hops, h.Flags = netip.Addr{}, netip.Addr{}, 0, 0
	switch t.step {
	case Renew, Rebind, Release:
		h.CIAddr = t.addr
	case Inform:
		if t.addr.IsValid() && c.way != nil {
			h.CIAddr = t.addr // over IPv4 the answer would go there (RFC 2131 §4.3.5)
		}
	}
	switch {
	case c.way != nil:
	case !c.giaddr.IsValid():
		h.Flags = dhcp4.FlagBroadcast
	default:
		h.GIAddr, h.Hops = c.giaddr, byte(max(c.s.Relays, 1))
		if a := c.s.source(t.client, true); a.IsValid() && !c.s.GIAddr.IsValid() {
			h.GIAddr = a
		}
	}
}

func addAddr(w *dhcp4.Builder, c dhcp4.Code, a netip.Addr) {
	v := a.As4()
	w.Add(c, v[:])
}

// parse reads an answer that came over IPv4 and returns its transaction id.
func (c *script4) parse(b []byte) (xid uint32, err error) {
	if err := c.reply.Parse(b); err != nil {
		return 0, err
	}
	if c.reply.Op != dhcp4.BootReply {
		return 0, errReply
	}
	return c.reply.XID, nil
}

// take reads the answer in a DHCPV4-RESPONSE.
func (c *script4) take(m *dhcp6.Message) (xid uint32, err error) {
	if m.Options.Count(dhcp6.OptDHCPv4Message) != 1 {
		return 0, errReply
	}
	b, _ := m.Options.Option(dhcp6.OptDHCPv4Message)
	return c.parse(b)
}

func (c *script4) judge(t *talk) verdict {
	m := &c.reply
	hw := c.s.hwAddr(t.client)
	if string(m.CHAddr()) != string(hw[:]) {
		return stray
	}
	kind := m.Type()
	switch t.step {
	case Discover:
		if kind != dhcp4.Offer || m.YIAddr.IsUnspecified() {
			return stray
		}
		t.addr = m.YIAddr
	case Inform:
		if kind != dhcp4.Ack {
			return stray
		}
		return answered
	default:
		if kind == dhcp4.Nak {
			return refused
		}
		if kind != dhcp4.Ack {
			return stray
		}
		if t.addr != m.YIAddr {
			return refused // another address than the one asked for
		}
	}
	if id, ok := m.Addr(dhcp4.OptServerID); ok {
		v := id.As4()
		if t.server, ok = c.servers.note(v[:]); !ok {
			return stray
		}
	}
	return answered
}
