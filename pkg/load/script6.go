package load

import (
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A script6 speaks DHCPv6 (RFC 9915 §18.2) and asks for one address.
type script6 struct {
	s       *Scenario
	servers *servers
	way     *way
	reply   *dhcp6.Message
	options []byte
	duid    []byte // client 0's, whose last octets are exchanged
}

func newScript6(s *Scenario, known *servers, w *way) *script6 {
	return &script6{s: s, servers: known, way: w, duid: dhcp6.NewDUIDLL(1, make([]byte, 6))}
}

var types6 = [steps]dhcp6.MessageType{
	dhcp6.Solicit, dhcp6.Request, dhcp6.Renew, dhcp6.Rebind, dhcp6.Confirm, dhcp6.Release, dhcp6.Decline, dhcp6.InformationRequest,
}

// What the Option Request option asks for; the retransmission times are asked
// for because they must be (RFC 9915 §18.2.1, §18.2.6).
var (
	requested = []byte{0, byte(dhcp6.OptDNSServers), 0, byte(dhcp6.OptSolMaxRT), 0, byte(dhcp6.OptDHCP4oDHCP6Server)}
	informed  = []byte{0, byte(dhcp6.OptDNSServers), 0, byte(dhcp6.OptInformationRefreshTime), 0, byte(dhcp6.OptInfMaxRT), 0, byte(dhcp6.OptDHCP4oDHCP6Server)}
)

func (c *script6) append(b []byte, t *talk) []byte {
	hw := c.s.hwAddr(t.client)
	copy(c.duid[4:], hw[:])
	o := dhcp6.AppendOption(c.options[:0], dhcp6.OptClientID, c.duid)
	switch t.step {
	case Request, Renew, Release, Decline:
		if t.server != 0 {
			o = dhcp6.AppendOption(o, dhcp6.OptServerID, c.servers.octets(t.server))
		}
	}
	if t.step != Inform {
		var mark int
		o, mark = dhcp6.OpenIANA(o, 1, 0, 0)
		if t.step != Discover {
			o = dhcp6.IAAddr{Addr: t.addr}.Append(o)
		}
		o = dhcp6.Shut(o, mark)
	}
	spent := min(t.elapsed/(10*time.Millisecond), 0xffff) // RFC 9915 §21.9
	o = dhcp6.AppendOption(o, dhcp6.OptElapsedTime, []byte{byte(spent >> 8), byte(spent)})
	switch t.step {
	case Inform:
		o = dhcp6.AppendOption(o, dhcp6.OptORO, informed)
	case Discover, Request, Renew, Rebind:
		o = dhcp6.AppendOption(o, dhcp6.OptORO, requested)
	}
	c.options = o
	m := dhcp6.Message{Type: types6[t.step], XID: [3]byte{byte(t.xid >> 16), byte(t.xid >> 8), byte(t.xid)}, Options: o}
	return c.way.append(b, m, hw)
}

// take reads an answer and returns its transaction id.
func (c *script6) take(m *dhcp6.Message) (xid uint32, err error) {
	if m.Type != dhcp6.Advertise && m.Type != dhcp6.Reply {
		return 0, errReply
	}
	c.reply = m
	return uint32(m.XID[0])<<16 | uint32(m.XID[1])<<8 | uint32(m.XID[2]), nil
}

func (c *script6) judge(t *talk) verdict {
	m := c.reply
	if (m.Type == dhcp6.Advertise) != (t.step == Discover) {
		return stray
	}
	hw := c.s.hwAddr(t.client)
	copy(c.duid[4:], hw[:])
	if id, _ := m.Options.Option(dhcp6.OptClientID); string(id) != string(c.duid) {
		return stray
	}
	id, _ := m.Options.Option(dhcp6.OptServerID)
	server, ok := c.servers.note(id)
	if !ok {
		return stray // RFC 9915 §16.10
	}
	if !succeeded(m.Options) {
		return refused
	}
	switch t.step {
	case Release, Decline:
		return unbound(m.Options)
	case Reboot, Inform: // a Confirm may be answered by a server that holds no lease
		return answered
	}
	t.server = server
	addr := leased(m.Options)
	if !addr.IsValid() || t.step != Discover && addr != t.addr {
		return refused
	}
	t.addr = addr
	return answered
}

// unbound judges the Reply to a Release or Decline: an IA in it is one that the
// server knows nothing of (RFC 9915 §18.3.7, §18.3.8).
func unbound(o dhcp6.Options) verdict {
	v, ok := o.Option(dhcp6.OptIANA)
	if !ok {
		return answered
	}
	if ia, err := dhcp6.ParseIANA(v); err != nil || !succeeded(ia.Options) {
		return refused
	}
	return answered
}

// succeeded reports whether a Status Code among the options, if there is one,
// says so (RFC 9915 §21.13).
func succeeded(o dhcp6.Options) bool {
	v, ok := o.Option(dhcp6.OptStatusCode)
	if !ok {
		return true
	}
	s, err := dhcp6.ParseStatusCode(v)
	return err == nil && s.Status == dhcp6.Success
}

// leased returns the first address of the first IA_NA; invalid: none with a
// lifetime.
func leased(o dhcp6.Options) netip.Addr {
	v, ok := o.Option(dhcp6.OptIANA)
	if !ok {
		return netip.Addr{}
	}
	ia, err := dhcp6.ParseIANA(v)
	if err != nil || !succeeded(ia.Options) {
		return netip.Addr{}
	}
	if v, ok = ia.Options.Option(dhcp6.OptIAAddr); !ok {
		return netip.Addr{}
	}
	a, err := dhcp6.ParseIAAddr(v)
	if err != nil || a.Valid == 0 || !succeeded(a.Options) {
		return netip.Addr{}
	}
	return a.Addr
}
