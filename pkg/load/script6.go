package load

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A script6 speaks DHCPv6 (RFC 9915 §18.2) and asks for one address.
type script6 struct {
	s       *Scenario
	way     *way
	reply   *dhcp6.Message
	options []byte
	duid    []byte // client 0's, whose last octets are exchanged
}

func newScript6(s *Scenario, local netip.AddrPort) *script6 {
	return &script6{s: s, way: newWay(s, local), duid: dhcp6.NewDUIDLL(1, make([]byte, 6))}
}

var types6 = [steps]dhcp6.MessageType{dhcp6.Solicit, dhcp6.Request, dhcp6.Renew, dhcp6.Release}

// kind is the type of t's message: who renews without knowing the server
// rebinds (RFC 9915 §18.2.5).
func (c *script6) kind(t *talk) dhcp6.MessageType {
	if t.step == Renew && len(t.server6) == 0 {
		return dhcp6.Rebind
	}
	return types6[t.step]
}

func (c *script6) append(b []byte, t *talk) []byte {
	hw := c.s.hwAddr(t.client)
	copy(c.duid[4:], hw[:])
	o := dhcp6.AppendOption(c.options[:0], dhcp6.OptClientID, c.duid)
	if t.step != Discover && len(t.server6) > 0 {
		o = dhcp6.AppendOption(o, dhcp6.OptServerID, t.server6)
	}
	o, mark := dhcp6.OpenIANA(o, 1, 0, 0)
	if t.step != Discover {
		o = dhcp6.IAAddr{Addr: t.addr}.Append(o)
	}
	o = dhcp6.Shut(o, mark)
	o = dhcp6.AppendOption(o, dhcp6.OptElapsedTime, []byte{0, 0})
	o = dhcp6.AppendOption(o, dhcp6.OptORO, []byte{0, byte(dhcp6.OptDNSServers), 0, byte(dhcp6.OptDHCP4oDHCP6Server)})
	c.options = o
	m := dhcp6.Message{Type: c.kind(t), XID: [3]byte{byte(t.xid >> 16), byte(t.xid >> 8), byte(t.xid)}, Options: o}
	return c.way.append(b, m, hw)
}

func (c *script6) parse(b []byte) (uint32, error) {
	m, err := c.way.parse(b)
	if err != nil {
		return 0, err
	}
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
	server, ok := m.Options.Option(dhcp6.OptServerID)
	if !ok {
		return stray // RFC 9915 §16.10
	}
	if !succeeded(m.Options) {
		return refused
	}
	t.server6 = append(t.server6[:0], server...)
	if t.step == Release {
		return answered
	}
	addr := leased(m.Options)
	if !addr.IsValid() || t.step != Discover && addr != t.addr {
		return refused
	}
	t.addr = addr
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
