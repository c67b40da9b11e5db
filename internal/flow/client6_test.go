package flow

import (
	"net/netip"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// types6 are the DHCPv6 messages that a client line may begin with. REQUEST,
// RELEASE and DECLINE are DHCPv6's when they have an ia.
var types6 = map[string]dhcp6.MessageType{
	"SOLICIT": dhcp6.Solicit, "REQUEST": dhcp6.Request, "CONFIRM": dhcp6.Confirm, "RENEW": dhcp6.Renew,
	"REBIND": dhcp6.Rebind, "RELEASE": dhcp6.Release, "DECLINE": dhcp6.Decline,
	"INFORMATION-REQUEST": dhcp6.InformationRequest,
}

// message6 builds a DHCPv6 message:
//
//	xid=N ia=IAID,ADDR... server server=HEX rapid-commit OPTION=VALUE
//
// The client's DUID, unless the header says otherwise, is made of its hardware
// address; server alone is ours.
func (s *script) message6(c *part, kind string, a args) []byte {
	m := dhcp6.Message{Type: types6[kind]}
	n := s.lab.xid
	m.XID = [3]byte{byte(n >> 16), byte(n >> 8), byte(n)}
	duid := []byte(dhcp6.NewDUIDLL(1, c.mac))
	if d, ok := c.args.lookup("duid"); ok {
		duid = s.hex(d)
	}
	if len(duid) > 0 {
		m.Options = dhcp6.AppendOption(m.Options, dhcp6.OptClientID, duid)
	}
	for _, x := range a {
		switch x.key {
		case "xid":
		case "ia":
			m.Options = append(m.Options, s.ia(x.value)...)
		case "server":
			id := []byte(serverDUID)
			if x.with {
				id = s.hex(x.value)
			}
			m.Options = dhcp6.AppendOption(m.Options, dhcp6.OptServerID, id)
		case "rapid-commit":
			m.Options = dhcp6.AppendOption(m.Options, dhcp6.OptRapidCommit, nil)
		default:
			code, v := s.option(defs6, x)
			m.Options = dhcp6.AppendOption(m.Options, dhcp6.Code(code), v)
		}
	}
	if list := s.codes(defs6, c.args.value("oro")); len(list) > 0 {
		m.Options = append(m.Options, oro(list)...)
	}
	return s.relayed(c, m, nil)
}

func (s *script) ia(text string) []byte {
	words := strings.Split(text, ",")
	b, mark := dhcp6.OpenIANA(nil, uint32(s.number(words[0], 32)), 0, 0)
	for _, w := range words[1:] {
		b = dhcp6.IAAddr{Addr: s.addr(w)}.Append(b)
	}
	return dhcp6.Shut(b, mark)
}

func oro(codes []uint16) []byte {
	b, mark := dhcp6.Open(nil, dhcp6.OptORO)
	for _, c := range codes {
		b = append(b, byte(c>>8), byte(c))
	}
	return dhcp6.Shut(b, mark)
}

// relayed takes a message through the client's relays (RFC 9915 §19.1).
func (s *script) relayed(c *part, m dhcp6.Message, extra []byte) []byte {
	e := dhcp6.Envelope{Message: m}
	peer := c.linkLocal()
	for i, r := range c.via {
		level := dhcp6.Relay{Hops: uint8(i), Link: netip.IPv6Unspecified(), Peer: peer, Options: append([]byte(nil), extra...)}
		for _, x := range r.args {
			switch x.key {
			case "addr":
			case "link":
				level.Link = s.addr(x.value)
			case "port": // the relay's own is not in the option (RFC 8357 §5.1)
				level.Options = dhcp6.AppendOption(level.Options, dhcp6.OptRelayPort, []byte{0, 0})
			case "interface-id":
				level.Options = dhcp6.AppendOption(level.Options, dhcp6.OptInterfaceID, []byte(x.value))
			case "ero":
				var v []byte
				for _, code := range s.codes(defs6, x.value) {
					v = append(v, byte(code>>8), byte(code))
				}
				level.Options = dhcp6.AppendOption(level.Options, dhcp6.OptERO, v)
			default:
				code, v := s.option(defs6, x)
				level.Options = dhcp6.AppendOption(level.Options, dhcp6.Code(code), v)
			}
		}
		e.Relays = append([]dhcp6.Relay{level}, e.Relays...)
		peer = s.relayAddr(r)
	}
	return e.Append(nil)
}

func (s *script) relayAddr(r *part) netip.Addr {
	return s.addr(r.args.or("addr", r.args.value("link")))
}

// forged is the vendor option by which the two daemons tell each other where a
// query came from.
func (s *script) forged(text string) []byte {
	words := strings.Split(text, ",")
	if len(words) != 3 {
		s.fail("forged: interface,address,port")
	}
	b, mark := dhcp6.OpenVendorOpts(nil, 2495)
	b = dhcp6.AppendOption(b, 60000, []byte(words[0]))
	b = dhcp6.AppendOption(b, 60001, s.addr(words[1]).AsSlice())
	port := s.number(words[2], 16)
	b = dhcp6.AppendOption(b, 60002, []byte{byte(port >> 8), byte(port)})
	return dhcp6.Shut(b, mark)
}
