package server6

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// assign has the table offer or give an address for the IA: the one reserved
// for the client before all others.
func (s *Server) assign(x *Exchange, a *ia) Verdict {
	if x.Host != nil {
		for _, addr := range x.Host.Addrs {
			n := x.subnetOf(addr)
			if n == nil || !x.serves(n) || x.taken(addr) {
				continue
			}
			r := x.ask(a)
			r.Lease.Subnet = n.ID
			r.Hint, r.Must, r.Fixed = na(addr), true, true
			err := s.take(x, a)
			if errors.Is(err, lease.ErrNone) || errors.Is(err, lease.ErrOwner) {
				continue // in use for another IA of this client, or by somebody still
			}
			return s.outcome(x, a, err)
		}
	}
	r := x.ask(a)
	if h, ok := a.hint(); ok && x.onLink(h.Addr) {
		r.Hint = na(h.Addr)
	}
	return s.outcome(x, a, s.take(x, a))
}

// na is the resource of one address.
func na(a netip.Addr) lease.Resource {
	return lease.Resource{Kind: lease.NA, Prefix: netip.PrefixFrom(a, 128)}
}

// identity is how the table knows the client's IA.
func (x *Exchange) identity(a *ia) lease.Identity {
	return lease.Identity{Kind: lease.ByDUID, IAID: a.iaid, For: lease.NA, ID: x.ClientID}
}

// ask readies the request to the table for an IA.
func (x *Exchange) ask(a *ia) *lease.Request {
	x.current = a
	x.pools = x.pools[:0]
	for n := range x.Subnet.Siblings(&x.Classes) {
		for _, p := range n.Pools {
			if p.Lease != nil && p.Lease.Kind == lease.NA && p.Admits(&x.Classes) {
				x.pools = append(x.pools, p.Lease)
			}
		}
	}
	x.lookup[0] = x.identity(a)
	r := &x.request
	r.Lease = lease.Lease{
		Resource: lease.Resource{Kind: lease.NA},
		DUID:     x.ClientID, IAID: a.iaid,
		HWAddr: x.hwAddr, HWType: x.hwType, HWSource: x.hwFrom,
		Subnet: x.Subnet.ID,
	}
	r.Pools, r.Hint, r.Must, r.Fixed = x.pools, lease.Resource{}, false, false
	r.Source, r.Now = x.source(), x.now()
	return r
}

var sourceSeed = maphash.MakeSeed()

// source is whose open offers are counted together: those behind one relay, or
// on one link of ours. It is never 0.
func (x *Exchange) source() uint64 {
	if x.relayed() {
		return maphash.Comparable(sourceSeed, x.In.Peer.Addr()) | 1
	}
	return uint64(x.Link.IfIndex)<<1 | 1
}

// take asks the table and notes what it gave.
func (s *Server) take(x *Exchange, a *ia) error {
	call := s.leases.Offer
	if x.kept {
		call = s.leases.Grant
	}
	l, seq, err := call(&x.request)
	if err != nil {
		return err
	}
	x.Seq = max(x.Seq, seq)
	if x.name.of == nil {
		x.name.of = a
	}
	a.addr = l.Resource.Prefix.Addr()
	a.valid, a.preferred = seconds(l.Valid), seconds(l.Preferred)
	if a.subnet = x.subnetByID(l.Subnet); a.subnet != nil {
		a.pool = a.subnet.PoolOf(lease.NA, a.addr)
	}
	return nil
}

// outcome turns what the table said into what the client is told.
func (s *Server) outcome(x *Exchange, a *ia, err error) Verdict {
	switch {
	case err == nil:
		a.answered = true
		s.logLease(x, a)
		return Next
	case errors.Is(err, lease.ErrNone), errors.Is(err, lease.ErrOwner):
		a.unavailable()
		s.noneLeft(x)
		return Next
	case errors.Is(err, lease.ErrStale):
		return again
	case errors.Is(err, lease.ErrLimit):
		return DropOfferLimit
	}
	return s.refused(x, err)
}

// refused says why the table does nothing at all.
func (s *Server) refused(x *Exchange, err error) Verdict {
	if n, ok := s.told.table.Allow(); ok {
		s.log.Error("lease table refuses", zap.String("iface", x.Link.Iface), zap.Error(err), zap.Uint64("missed", n))
	}
	return DropStoreDown
}

func (s *Server) logLease(x *Exchange, a *ia) {
	text := "address offered"
	if x.kept {
		text = "address given"
	}
	if ce := s.leasing.Check(zap.DebugLevel, text); ce != nil {
		ce.Write(append(x.fields(), zap.Stringer("addr", a.addr), zap.Uint32("iaid", a.iaid),
			zap.Uint32("subnet", a.subnet.ID), zap.Uint32("valid", a.valid))...)
	}
}

// noneLeft counts an address that could not be found, in the way of Kea: where
// that was, why, and that the client is in classes, which is always so.
func (s *Server) noneLeft(x *Exchange) {
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

// seconds is a lifetime as the wire has it; lease.Infinite is all ones.
func seconds(d time.Duration) uint32 { return uint32(d / time.Second) }

// reserved reports whether an address is kept for another client.
func (x *Exchange) reserved(r lease.Resource) bool {
	addr := r.Prefix.Addr()
	n := x.subnetOf(addr)
	if n == nil || n.ReserveOut {
		return false
	}
	return x.Net.KeptFromOthers(n, addr, x.Host)
}

// within reports whether a client may go on with a lease that it has: its subnet
// and pool still exist and admit it, and the address is not kept for another.
func (x *Exchange) within(r lease.Resource, subnet uint32) bool {
	addr := r.Prefix.Addr()
	n := x.subnetByID(subnet)
	if n == nil || !x.serves(n) || !n.Prefix.Contains(addr) {
		return false
	}
	if x.Net.Holder(n, addr) != nil {
		return !x.Net.KeptFromOthers(n, addr, x.Host)
	}
	p := n.PoolOf(lease.NA, addr)
	return p != nil && p.Admits(&x.Classes)
}

// shape sets the lifetimes and the name of a lease by what its subnet says. RFC 9915
// §21.6 has a server ignore the client's own; where the operator gives a range
// the client may choose within it, as with Kea.
func (x *Exchange) shape(l *lease.Lease) {
	n := x.subnetByID(l.Subnet)
	if n == nil {
		n = x.Subnet
	}
	var h dhcp6.IAAddr
	for h = range x.current.addresses {
		break
	}
	atMost, until := x.lifetimes(n)
	valid := until.Choose(h.Valid)
	preferred := min(atMost.Choose(h.Preferred), valid)
	l.Valid, l.Preferred = time.Duration(valid)*time.Second, time.Duration(preferred)*time.Second
	x.decide(l, n)
}

// bound reports whether the client's IA has a lease in force.
func (s *Server) bound(x *Exchange, a *ia) bool {
	l, _, ok := s.leases.Find(x.ask(a))
	if !ok || l.State != lease.Leased {
		return false
	}
	end, ends := l.Expires()
	return !ends || end.After(x.now())
}

// released ends the leases of an IA at the client's word (RFC 9915 §18.3.7).
func (s *Server) released(x *Exchange, a *ia) Verdict { return s.giveUp(x, a, s.leases.Release) }

// declined puts away addresses that the client found in use (RFC 9915 §18.3.8).
func (s *Server) declined(x *Exchange, a *ia) Verdict { return s.giveUp(x, a, s.leases.Decline) }

// giveUp asks the table to end the client's leases. Addresses that are not the
// client's are ignored; an IA without any binding is named in the answer.
func (s *Server) giveUp(x *Exchange, a *ia, end func(lease.Resource, time.Time, ...lease.Identity) (lease.Seq, error)) Verdict {
	if a.code != dhcp6.OptIANA {
		a.say(dhcp6.NoBinding, textNoBinding)
		return Next
	}
	bound := s.bound(x, a)
	for addr := range a.addresses {
		seq, err := end(na(addr.Addr), x.now(), x.lookup[:]...)
		switch {
		case err == nil:
			bound = true
			x.Seq = max(x.Seq, seq)
			s.logGivenUp(x, addr.Addr)
		case !errors.Is(err, lease.ErrUnknown) && !errors.Is(err, lease.ErrOwner):
			return s.refused(x, err)
		}
	}
	if !bound {
		a.say(dhcp6.NoBinding, textNoBinding)
	}
	return Next
}

// declinesTold is how many addresses declined within ten seconds are named in the
// log: one client can have any number of addresses and decline them all.
const declinesTold = 10

func (s *Server) logGivenUp(x *Exchange, addr netip.Addr) {
	if x.Query.Message.Type == dhcp6.Decline {
		if n, ok := s.told.declined.Allow(); ok {
			s.leasing.Warn("address declined, somebody else uses it", zap.Stringer("addr", addr), zap.Stringer("client", x.ClientID), zap.Uint64("missed", n))
		}
		return
	}
	if ce := s.leasing.Check(zap.DebugLevel, "address released"); ce != nil {
		ce.Write(append(x.fields(), zap.Stringer("addr", addr))...)
	}
}
