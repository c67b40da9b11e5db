package load

import (
	"encoding/binary"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

var be = binary.BigEndian

// A way is how DHCPv6 messages travel: straight, or through relay agents that
// are played here (RFC 9915 §19).
type way struct {
	envelope dhcp6.Envelope // its relays stay, its message is put in
	innerID  []byte         // value of the Interface-Id option nearest the client
	answer   dhcp6.Envelope
}

// newWay plays the relays of s from a socket with that address.
func newWay(s *Scenario, local netip.AddrPort) *way {
	w := &way{innerID: []byte(s.InterfaceID)}
	link := s.Link
	if !link.IsValid() {
		link = local.Addr().WithZone("")
	}
	relays := make([]dhcp6.Relay, s.Relays)
	for i := range relays {
		r := &relays[i]
		inner := i == len(relays)-1
		r.Hops = uint8(len(relays) - 1 - i)
		r.Link, r.Peer = netip.IPv6Unspecified(), link
		if inner {
			r.Link = link
			if len(w.innerID) > 0 {
				r.Options = dhcp6.AppendOption(r.Options, dhcp6.OptInterfaceID, w.innerID)
			}
		}
		if i == 0 && local.Port() != 547 {
			r.Options = dhcp6.AppendOption(r.Options, dhcp6.OptRelayPort, []byte{0, 0}) // RFC 8357 §4.1
		}
	}
	w.envelope.Relays = relays
	return w
}

// append writes m as it comes from a client with that hardware address.
func (w *way) append(b []byte, m dhcp6.Message, hw [6]byte) []byte {
	if r := w.envelope.InnerRelay(); r != nil {
		r.Peer = linkLocal(hw)
	}
	w.envelope.Message = m
	return w.envelope.Append(b)
}

// parse reads an answer that came the same way: as many levels of Relay-reply,
// the same hop counts and links, the same Interface-Id.
func (w *way) parse(b []byte) (*dhcp6.Message, error) {
	if err := w.answer.Parse(b); err != nil {
		return nil, err
	}
	if len(w.answer.Relays) != len(w.envelope.Relays) || len(w.answer.Relays) > 0 && !w.answer.Down {
		return nil, errWay
	}
	for i := range w.answer.Relays {
		got, sent := &w.answer.Relays[i], &w.envelope.Relays[i]
		if got.Hops != sent.Hops || got.Link != sent.Link {
			return nil, errWay
		}
	}
	if r := w.answer.InnerRelay(); r != nil {
		if id, _ := r.Options.Option(dhcp6.OptInterfaceID); string(id) != string(w.innerID) {
			return nil, errWay
		}
	}
	return &w.answer.Message, nil
}
