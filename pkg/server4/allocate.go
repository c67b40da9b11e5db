package server4

import (
	"errors"
	"net/netip"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// allocate does what the message asks of the lease table and decides which
// reply there will be.
func (s *Server) allocate(x *Exchange) Verdict {
	switch x.Type {
	case dhcp4.Discover:
		return s.discover(x)
	case dhcp4.Request:
		if x.bootp {
			return s.bootp(x)
		}
		return s.request(x)
	case dhcp4.Release:
		return s.release(x)
	case dhcp4.Decline:
		return s.decline(x)
	}
	x.Reply = dhcp4.Ack // INFORM: options only, no lease is looked at (RFC 2131 §4.3.5)
	return Next
}

// discover makes an offer: the address reserved for the client, the one that it
// has or had, the one that it wishes, or any (RFC 2131 §4.3.1).
func (s *Server) discover(x *Exchange) Verdict {
	if x.doesWithout() {
		x.Lease, x.Reply = lease.Lease{Resource: resource(netip.IPv4Unspecified())}, dhcp4.Offer
		return Next
	}
	x.prepare()
	x.wish()
	_, seq, err := s.leases.Offer(&x.req)
	if x.req.Fixed && (errors.Is(err, lease.ErrOwner) || errors.Is(err, lease.ErrNone)) {
		s.conflict(x)
		x.wish()
		_, seq, err = s.leases.Offer(&x.req)
	}
	if err != nil {
		return s.failed(x, err)
	}
	if x.hooks.NameUpdate != nil {
		s.nameOffer(x)
	}
	x.take(&x.req.Lease, seq)
	x.Reply = dhcp4.Offer
	if x.hooks.LeaseSelect != nil {
		return s.offered(x)
	}
	return Next
}

// wish asks the table for the address reserved for the client, and for no other;
// else for the one that the client would like, if it may have it.
func (x *Exchange) wish() {
	r := &x.req
	r.Hint, r.Fixed, r.Must = lease.Resource{}, false, false
	if x.fixed.IsValid() {
		x.hint(x.fixed)
		r.Fixed, r.Must = true, true
	} else if a, ok := x.Query.Addr(dhcp4.OptRequestedAddress); ok && given(a) && x.mayHave(a) {
		x.hint(a)
	}
}

// conflict notes that somebody else holds the address reserved for the client:
// meanwhile any other will do.
func (s *Server) conflict(x *Exchange) {
	s.trouble(conflicts, x.Subnet.ID)
	x.fixed = netip.Addr{}
}

// request answers a DHCPREQUEST by the state of the client that its fields show
// (RFC 2131 §4.3.2, table 4).
func (s *Server) request(x *Exchange) Verdict {
	if x.Subnet == nil {
		return x.nak("no subnet for this link")
	}
	x.prepare()
	want, state := x.asked(), (*Server).reboot
	switch {
	case !given(want):
		return DropIncomplete
	case given(x.Query.CIAddr):
		state = (*Server).extend
	case x.Query.Has(dhcp4.OptServerID):
		state = (*Server).selecting
	}
	if x.fixed.IsValid() && x.fixed != want && x.elsewhere(x.fixed) {
		s.conflict(x)
	}
	return state(s, x, want)
}

// selecting grants what was offered to a client that chose this server. It is
// told when it cannot have it.
func (s *Server) selecting(x *Exchange, want netip.Addr) Verdict {
	if !x.mayHave(want) {
		return x.nak("requested address not available")
	}
	return s.grant(x, want, true)
}

// reboot answers a client that came up again and asks whether its address still
// holds: yes or no if we know the client, else silence, unless we are the
// authority on this link (RFC 2131 §4.3.2, INIT-REBOOT). An offer is no record of
// the client, but over 4o6, where it may have taken the offer of a server without
// identifier. A lease that has run out is one, as long as nobody else has the address.
func (s *Server) reboot(x *Exchange, want netip.Addr) Verdict {
	l, seq, known := s.known(x)
	same := l.Resource.Prefix.Addr() == want
	switch {
	case !known, l.State == lease.Offered && !(same && x.over6):
		return x.refuse("unknown client")
	case !same || !x.mayHave(want):
		x.Seq = seq // the lease that it does have
		return x.nak("another address is leased to this client")
	}
	return s.grant(x, want, true)
}

// extend answers a client that uses its address and wants to go on (RFC 2131
// §4.3.2, RENEWING and REBINDING).
func (s *Server) extend(x *Exchange, want netip.Addr) Verdict {
	if !x.mayHave(want) {
		if l, seq, known := s.known(x); known && l.State == lease.Leased {
			x.Seq = seq
			return x.nak("address no longer available")
		}
		if x.reserved(resource(want)) {
			return x.nak("address kept for another client")
		}
		if x.fixed.IsValid() && x.fixed != want { // it is known, and not by this address
			return x.nak("another address is reserved for this client")
		}
		return x.refuse("address not of this link")
	}
	return s.grant(x, want, false)
}

// known finds the lease or offer that the client has on this link, whether or not
// it may keep it, or the lease that ran out and is free to go on with.
func (s *Server) known(x *Exchange) (lease.Lease, lease.Seq, bool) {
	x.req.Within, x.req.Reserved = nil, nil
	l, seq, ok := s.leases.Find(&x.req)
	x.req.Within, x.req.Reserved = x.callbacks.within, x.callbacks.reserved
	return l, seq, ok && l.State != lease.Released && l.State != lease.Declined
}

// grant leases an address that mayHave let through. named says that the client
// must be told when it is not to be had.
func (s *Server) grant(x *Exchange, want netip.Addr, named bool) Verdict {
	x.hint(want)
	x.req.Must = true
	x.req.Fixed = want == x.fixed
	if x.hooks.NameUpdate != nil {
		s.nameAgain(x, want)
	}
	if x.hooks.planning {
		if v, decided := s.granting(x, want); decided {
			return v
		}
	}
	_, seq, err := s.leases.Grant(&x.req)
	switch {
	case err == nil:
		x.take(&x.req.Lease, seq)
		return x.ack()
	case errors.Is(err, lease.ErrOwner):
		x.Seq = seq
		return x.nak("address in use by another client")
	case errors.Is(err, lease.ErrNone):
		if named {
			return x.nak("address not available")
		}
		return x.refuse("address not available")
	}
	return s.failed(x, err)
}

// ack has the client told that the lease is its.
func (x *Exchange) ack() Verdict {
	x.Reply = dhcp4.Ack
	return Next
}

// nak refuses the client's address.
func (x *Exchange) nak(why string) Verdict {
	x.Reply, x.why = dhcp4.Nak, why
	return Next
}

// refuse refuses the address of a client that we do not know: with a NAK where
// we are the authority, else in silence, as another server may know it.
func (x *Exchange) refuse(why string) Verdict {
	if x.Policy.Authoritative {
		return x.nak(why)
	}
	return DropUnknown
}

// release ends a lease on its holder's word. There is no reply (RFC 2131 §4.3.4).
func (s *Server) release(x *Exchange) Verdict {
	if !given(x.Query.CIAddr) {
		return DropIncomplete
	}
	if x.hooks.ends {
		if v := s.ending(x, x.Query.CIAddr, x.hooks.LeaseRelease); v != Next {
			return v
		}
	}
	seq, err := s.leases.Release(resource(x.Query.CIAddr), x.at, x.keys[:x.nkeys]...)
	if err != nil {
		return s.failed(x, err)
	}
	x.Seq = seq
	s.event(x, "lease released", x.Query.CIAddr)
	return Done
}

// declinesTold is how many addresses declined within ten seconds are named in the
// log: one client can have any number of addresses and decline them all.
const declinesTold = 10

// decline takes an address that its client found in use out of service. There
// is no reply (RFC 2131 §4.3.3).
func (s *Server) decline(x *Exchange) Verdict {
	addr, ok := x.Query.Addr(dhcp4.OptRequestedAddress)
	if !ok || !given(addr) {
		return DropIncomplete
	}
	if x.hooks.ends {
		if v := s.ending(x, addr, x.hooks.LeaseDecline); v != Next {
			return v
		}
	}
	seq, err := s.leases.Decline(resource(addr), x.at, x.keys[:x.nkeys]...)
	if err != nil {
		return s.failed(x, err)
	}
	x.Seq = seq
	if n, ok := s.told.declined.Allow(); ok {
		s.leasing.Info("address declined by its client", append(x.fields(), zap.Stringer("addr", addr), zap.Uint64("missed", n))...)
	}
	return Done
}

// failed turns an error of the table into a verdict.
func (s *Server) failed(x *Exchange, err error) Verdict {
	switch {
	case errors.Is(err, lease.ErrStale):
		return again
	case errors.Is(err, lease.ErrNone):
		s.exhausted(x)
		return DropNoAddress
	case errors.Is(err, lease.ErrLimit):
		return DropOfferLimit
	case errors.Is(err, lease.ErrUnknown), errors.Is(err, lease.ErrOwner):
		return DropNotHolder
	}
	if n, ok := s.told.table.Allow(); ok {
		s.log.Error("lease table refuses", zap.String("iface", x.iface), zap.Error(err), zap.Uint64("missed", n))
	}
	return DropStoreDown
}

// exhausted counts an address that could not be found, in the way of Kea: where
// that was, why, and that the client is in classes, which is always so.
func (s *Server) exhausted(x *Exchange) {
	where, why := failedSubnet, failed
	if x.Subnet.Network != nil {
		where = failedNetwork
	}
	if len(x.pools) == 0 {
		why = failedNoPools
	}
	s.trouble(where, x.Subnet.ID)
	s.trouble(why, x.Subnet.ID)
	s.trouble(failedClasses, x.Subnet.ID)
	if n, ok := s.told.exhausted.Allow(); ok {
		s.leasing.Warn("no address for a client", append(x.fields(), zap.Uint32("subnet", x.Subnet.ID), zap.Uint64("missed", n))...)
	}
}

// asked is the address that the client says it has or wants.
func (x *Exchange) asked() netip.Addr {
	if given(x.Query.CIAddr) {
		return x.Query.CIAddr
	}
	a, _ := x.Query.Addr(dhcp4.OptRequestedAddress)
	return a
}

// event logs what became of a lease, at debug level: it happens for each packet.
func (s *Server) event(x *Exchange, what string, addr netip.Addr) {
	if ce := s.leasing.Check(zap.DebugLevel, what); ce != nil {
		ce.Write(append(x.fields(), zap.Stringer("addr", addr))...)
	}
}
