package server6

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// What clients are told, beside the status code.
const (
	textNoAddrs    = "no addresses are available"
	textNoPrefixes = "no prefixes are available"
	textNoBinding  = "no binding for this IA"
	textNotOnLink  = "an address is not appropriate for the link"
	textOnLink     = "all addresses are appropriate for the link"
	textReleased   = "all addresses are released"
	textDeclined   = "all addresses are declined"
)

// allocate finds out for each IA of the query what the answer will say of it.
func (s *Server) allocate(x *Exchange) Verdict {
	x.Seq, x.kept, x.status, x.text = 0, false, dhcp6.Success, ""
	for i := range x.ias {
		a := &x.ias[i]
		*a = ia{code: a.code, iaid: a.iaid, options: a.options}
	}
	x.name.read(&x.Query.Message)
	switch x.Query.Message.Type {
	case dhcp6.Solicit:
		x.kept = x.Subnet.Policy.RapidCommit && x.Query.Message.Options.Has(dhcp6.OptRapidCommit)
		return s.each(x, (*Server).solicited)
	case dhcp6.Request:
		x.kept = true
		return s.each(x, (*Server).requested)
	case dhcp6.Renew:
		x.kept = true
		return s.each(x, (*Server).renewed)
	case dhcp6.Rebind:
		x.kept = true
		return s.rebind(x)
	case dhcp6.Confirm:
		return s.confirm(x)
	case dhcp6.Release:
		x.text = textReleased
		return s.each(x, (*Server).released)
	case dhcp6.Decline:
		x.text = textDeclined
		return s.each(x, (*Server).declined)
	}
	return Next // Information-request: there is nothing to give
}

// each asks f about every IA until one of them ends the query.
func (s *Server) each(x *Exchange, f func(*Server, *Exchange, *ia) Verdict) Verdict {
	for i := range x.ias {
		if v := f(s, x, &x.ias[i]); v != Next {
			return v
		}
	}
	return Next
}

// solicited offers an address (RFC 9915 §18.3.9), or gives it on Rapid Commit.
func (s *Server) solicited(x *Exchange, a *ia) Verdict {
	if a.code != dhcp6.OptIANA {
		a.unavailable()
		return Next
	}
	return s.assign(x, a)
}

// requested gives an address (RFC 9915 §18.3.2).
func (s *Server) requested(x *Exchange, a *ia) Verdict {
	if a.code != dhcp6.OptIANA {
		a.unavailable()
		return Next
	}
	for addr := range a.addresses {
		if !addr.Addr.IsUnspecified() && !x.onLink(addr.Addr) {
			a.say(dhcp6.NotOnLink, textNotOnLink)
			return Next
		}
	}
	return s.assign(x, a)
}

// renewed extends a binding. Where there is none it makes one, which RFC 9915
// §18.3.4 leaves to us: the client has named this server, so no other will. What
// the client has besides comes back with lifetimes of 0.
func (s *Server) renewed(x *Exchange, a *ia) Verdict {
	switch a.code {
	case dhcp6.OptIATA:
		a.say(dhcp6.NoBinding, textNoBinding)
		return Next
	case dhcp6.OptIAPD:
		a.unavailable()
		return Next
	}
	a.retire = true
	return s.assign(x, a)
}

// rebind extends bindings (RFC 9915 §18.3.5). Every server hears a Rebind, so
// new bindings are made only where Rapid Commit says that there is no other. An
// answer that would say nothing is not sent.
func (s *Server) rebind(x *Exchange) Verdict {
	if v := s.each(x, (*Server).rebound); v != Next {
		return v
	}
	for i := range x.ias {
		if x.ias[i].answered {
			return Next
		}
	}
	return DropNoAnswer
}

func (s *Server) rebound(x *Exchange, a *ia) Verdict {
	if a.code != dhcp6.OptIANA {
		a.say(dhcp6.NoBinding, textNoBinding)
		return Next
	}
	a.retire = true
	if x.Subnet.Policy.RapidCommit || s.bound(x, a) {
		return s.assign(x, a)
	}
	a.offLinkOnly = true
	for addr := range a.addresses {
		if !x.onLink(addr.Addr) {
			a.answered = true // with lifetimes of 0 for these
		}
	}
	if !a.answered {
		a.say(dhcp6.NoBinding, textNoBinding)
	}
	return Next
}

// confirm tells a client whether its addresses are still appropriate for its
// link; without any there is no answer (RFC 9915 §18.3.3).
func (s *Server) confirm(x *Exchange) Verdict {
	any := false
	x.status, x.text = dhcp6.Success, textOnLink
	for i := range x.ias {
		for addr := range x.ias[i].addresses {
			any = true
			if !x.onLink(addr.Addr) {
				x.status, x.text = dhcp6.NotOnLink, textNotOnLink
			}
		}
	}
	if !any {
		return DropNoAnswer
	}
	return Next
}

// unavailable says that this server has nothing of the IA's kind to give.
func (a *ia) unavailable() {
	if a.code == dhcp6.OptIAPD {
		a.say(dhcp6.NoPrefixAvail, textNoPrefixes)
		return
	}
	a.say(dhcp6.NoAddrsAvail, textNoAddrs)
}

// say puts the IA into the answer with a status.
func (a *ia) say(status dhcp6.Status, text string) {
	a.answered, a.status, a.text = true, status, text
}

// hint returns the first address that the client names in the IA, and the
// lifetimes that it names with it.
func (a *ia) hint() (h dhcp6.IAAddr, ok bool) {
	for h = range a.addresses {
		return h, !h.Addr.IsUnspecified()
	}
	return dhcp6.IAAddr{}, false
}

// taken reports whether another IA of the same query was given an address.
func (x *Exchange) taken(addr netip.Addr) bool {
	for i := range x.ias {
		if x.ias[i].addr == addr {
			return true
		}
	}
	return false
}
