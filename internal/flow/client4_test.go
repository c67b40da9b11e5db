package flow

import (
	"bytes"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
)

// types4 are the DHCPv4 messages that a client line may begin with.
var types4 = map[string]dhcp4.MessageType{
	"DISCOVER": dhcp4.Discover, "REQUEST": dhcp4.Request, "DECLINE": dhcp4.Decline, "RELEASE": dhcp4.Release,
	"INFORM": dhcp4.Inform, "BOOTP": 0, "LEASEQUERY": 10,
}

// message4 builds a DHCPv4 message:
//
//	xid=N ciaddr=ADDR broadcast unicast requested=ADDR server=ADDR OPTION=VALUE
//
// The client's identifier and the options that it asks for come from the header.
func (s *script) message4(c *part, kind string, a args) []byte {
	var w dhcp4.Builder
	h := &w.Header
	h.HType = 1
	w.SetCHAddr(c.mac)
	h.XID = s.lab.xid
	for _, x := range a {
		switch x.key {
		case "ciaddr":
			h.CIAddr = s.addr(x.value)
		case "giaddr":
			h.GIAddr = s.addr(x.value)
		case "broadcast":
			h.Flags |= dhcp4.FlagBroadcast
		}
	}
	relay := c.relay4(a)
	if relay != nil {
		h.GIAddr, h.Hops = s.addr(relay.args.value("giaddr")), 1
	}
	w.Query(types4[kind], nil)
	if id := c.args.value("client-id"); id != "" {
		w.Add(dhcp4.OptClientID, s.hex(id))
	}
	for _, x := range a {
		switch x.key {
		case "xid", "ciaddr", "giaddr", "broadcast", "unicast", "forged", "forged-relay", "no-message", "two-messages":
		case "requested":
			w.Add(dhcp4.OptRequestedAddress, s.addr(x.value).AsSlice())
		case "server":
			w.Add(dhcp4.OptServerID, s.addr(x.value).AsSlice())
		default:
			code, v := s.option(defs4, x)
			w.Add(dhcp4.Code(code), v)
		}
	}
	var list []byte
	for _, code := range s.codes(defs4, c.args.value("ask")) {
		list = append(list, byte(code))
	}
	if len(list) > 0 {
		w.Add(dhcp4.OptParameterRequestList, list)
	}
	if relay != nil {
		s.agent(&w, relay)
	}
	return bytes.Clone(w.Bytes())
}

// relay4 is the relay over IPv4 that takes a message on: what is sent by unicast
// passes it by.
func (p *part) relay4(a args) *part {
	if !p.native() || len(p.via) == 0 || a.has("unicast") {
		return nil
	}
	return p.via[0]
}

// agent adds what a relay over IPv4 adds (RFC 3046).
func (s *script) agent(w *dhcp4.Builder, r *part) {
	var b []byte
	add := func(code dhcp4.Code, v []byte) { b = append(append(b, byte(code), byte(len(v))), v...) }
	for _, x := range r.args {
		switch x.key {
		case "giaddr":
		case "circuit-id":
			add(dhcp4.SubCircuitID, []byte(x.value))
		case "remote-id":
			add(dhcp4.SubRemoteID, []byte(x.value))
		case "link-selection":
			add(dhcp4.SubLinkSelection, s.addr(x.value).AsSlice())
		case "server-id-override":
			add(dhcp4.SubServerIDOverride, s.addr(x.value).AsSlice())
		default:
			s.fail("relay %s: unknown argument %q", r.name, x.key)
		}
	}
	if len(b) > 0 {
		w.Add(dhcp4.OptRelayAgentInfo, b)
	}
}

// tunnelled is a DHCPv4 message in a DHCPV4-QUERY. Further arguments:
//
//	unicast                      stands for the U flag (RFC 7341 §6.3)
//	no-message, two-messages     other than one option 87
//	forged=IFACE,ADDR,PORT       suboptions of the pair, made by the client
//	forged-relay=IFACE,ADDR,PORT the same in the relay levels
func (s *script) tunnelled(c *part, kind string, a args) []byte {
	m4 := s.message4(c, kind, a)
	m := dhcp6.Message{Type: dhcp6.DHCPv4Query}
	if a.has("unicast") {
		m.XID[0] = pkt4o6.UnicastFlag
	}
	if f, ok := a.lookup("forged"); ok {
		m.Options = append(m.Options, s.forged(f)...)
	}
	if !a.has("no-message") {
		m.Options = dhcp6.AppendOption(m.Options, dhcp6.OptDHCPv4Message, m4)
	}
	if a.has("two-messages") {
		m.Options = dhcp6.AppendOption(m.Options, dhcp6.OptDHCPv4Message, m4)
	}
	var extra []byte
	if f, ok := a.lookup("forged-relay"); ok {
		extra = s.forged(f)
	}
	return s.relayed(c, m, extra)
}
