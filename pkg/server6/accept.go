package server6

import (
	"bytes"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// Bounds on what one message may ask of us.
const (
	maxOptions = 512 // of all relay levels, the message and its IAs together
	maxIAs     = 64
)

// presence is what a message type says about an identifier option.
type presence uint8

const (
	unheard presence = iota // the message is not for servers
	optional
	required
	forbidden
)

// rules holds what RFC 9915 §16 says of each message that a server takes; the others have
// the zero rule.
var rules = [256]rule{
	dhcp6.Solicit:            {client: required, server: forbidden},                         // §16.2
	dhcp6.Request:            {client: required, server: required},                          // §16.4
	dhcp6.Confirm:            {client: required, server: forbidden},                         // §16.5
	dhcp6.Renew:              {client: required, server: required},                          // §16.6
	dhcp6.Rebind:             {client: required, server: forbidden},                         // §16.7
	dhcp6.Decline:            {client: required, server: required},                          // §16.8
	dhcp6.Release:            {client: required, server: required},                          // §16.9
	dhcp6.InformationRequest: {client: optional, server: optional, noIA: true},              // §16.12
	dhcp6.DHCPv4Query:        {client: optional, server: optional, opaque: true, uni: true}, // RFC 7341 §11
}

type rule struct {
	client, server presence
	noIA           bool // an IA makes the message invalid
	opaque         bool // IAs in it are none of our business
	uni            bool // may come by unicast
}

// accept drops what a server must not or need not look at (RFC 9915 §16).
func (s *Server) accept(x *Exchange) Verdict {
	r := &rules[x.Query.Message.Type]
	if r.client == unheard || x.relayed() && x.Query.Down {
		return DropType
	}
	if !r.uni && !x.relayed() && x.unicast() {
		return DropUnicast
	}
	if v := s.identifiers(x, r); v != Next {
		return v
	}
	n := x.Query.Message.Options.Len()
	for i := range x.Query.Relays {
		n += x.Query.Relays[i].Options.Len()
	}
	if r.opaque {
		if n > maxOptions {
			return DropTooMany
		}
		return Next
	}
	return x.readIAs(r, n)
}

// unicast reports whether a direct query was sent to an address of ours, which
// RFC 9915 §16 says a server should not take from clients. Over the loopback
// there is no other way, so there it is taken.
func (x *Exchange) unicast() bool {
	to := x.In.Local
	switch {
	case !to.IsValid():
		return !x.Link.Multicast
	case to.IsMulticast():
		return false
	}
	return !to.IsLoopback()
}

// identifiers checks the Client and Server Identifier options.
func (s *Server) identifiers(x *Exchange, r *rule) Verdict {
	var client, server []byte
	clients, servers := 0, 0
	for c, v := range x.Query.Message.Options.All {
		switch c {
		case dhcp6.OptClientID:
			client, clients = v, clients+1
		case dhcp6.OptServerID:
			server, servers = v, servers+1
		}
	}
	switch {
	case clients > 1, clients == 0 && r.client == required:
		return DropClientID
	case servers > 1, servers == 0 && r.server == required, servers == 1 && r.server == forbidden:
		return DropServerID
	case servers == 1 && !bytes.Equal(server, s.duid):
		return DropOtherServer
	}
	if clients == 1 {
		duid, err := dhcp6.ParseDUID(client)
		if err != nil {
			return DropClientID
		}
		x.ClientID = duid
	}
	return Next
}

// readIAs checks the IAs, on top of n options seen so far.
func (x *Exchange) readIAs(r *rule, n int) Verdict {
	for c, v := range x.Query.Message.Options.All {
		a := ia{code: c}
		var err error
		switch c {
		case dhcp6.OptIANA, dhcp6.OptIAPD: // one layout (RFC 9915 §21.4, §21.21)
			var w dhcp6.IANA
			w, err = dhcp6.ParseIANA(v)
			a.iaid, a.options = w.IAID, w.Options
		case dhcp6.OptIATA:
			var w dhcp6.IATA
			w, err = dhcp6.ParseIATA(v)
			a.iaid, a.options = w.IAID, w.Options
		default:
			continue
		}
		n += a.options.Len()
		switch {
		case r.noIA:
			return DropIA
		case err != nil || !a.sound():
			return DropMalformed
		case len(x.ias) == maxIAs:
			return DropTooMany
		}
		x.ias = append(x.ias, a)
	}
	if n > maxOptions {
		return DropTooMany
	}
	return Next
}

// sound reports whether every address and prefix in the IA can be read.
func (a *ia) sound() bool {
	for c, v := range a.options.All {
		var err error
		switch c {
		case dhcp6.OptIAAddr:
			_, err = dhcp6.ParseIAAddr(v)
		case dhcp6.OptIAPrefix:
			_, err = dhcp6.ParseIAPrefix(v)
		}
		if err != nil {
			return false
		}
	}
	return true
}

// addresses yields the addresses in the IA. They were checked by sound.
func (a *ia) addresses(yield func(dhcp6.IAAddr) bool) {
	for c, v := range a.options.All {
		if c != dhcp6.OptIAAddr {
			continue
		}
		if addr, err := dhcp6.ParseIAAddr(v); err == nil && !yield(addr) {
			return
		}
	}
}
