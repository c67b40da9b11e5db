package server4

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// Here the steps call the functions of hook points.

// hooked is the functions in force, and what follows from which there are.
type hooked struct {
	Hooks
	parking  bool // a packet may be parked
	planning bool // a function looks at leases before they are granted
	ends     bool // or before they end
}

var unhooked hooked

// Hook puts h, nil for none, in the place of the functions so far. A packet that
// is under way ends with those that it began with.
func (s *Server) Hook(h *Hooks) {
	if h == nil {
		s.hooks.Store(&unhooked)
		s.leases.OnLapse(nil)
		return
	}
	s.hooks.Store(&hooked{
		Hooks:    *h,
		parking:  h.SubnetSelect != nil || h.LeaseOffer != nil || h.LeasesCommitted != nil,
		planning: h.LeaseSelect != nil || h.LeaseRenew != nil || h.LeasesCommitted != nil,
		ends:     h.LeaseRelease != nil || h.LeaseDecline != nil || h.LeasesCommitted != nil,
	})
	if h.LeaseExpire == nil && h.LeaseRecover == nil {
		s.leases.OnLapse(nil)
		return
	}
	s.leases.OnLapse(&lease.Lapse{May: func(l *lease.Lease, remove bool) bool { return s.lapses(h, l, remove) }})
}

// lapses calls lease4_expire, and for an address that was declined lease4_recover
// after it, as Kea does. A panic of theirs must not end the server: the lease ends.
func (s *Server) lapses(h *Hooks, l *lease.Lease, remove bool) (ends bool) {
	defer func() {
		if r := recover(); r != nil {
			ends = true
			if n, ok := s.told.fault.Allow(); ok {
				s.log.Error("fault in a hook function", zap.Any("reason", r), zap.Stringer("addr", l.Resource.Prefix.Addr()),
					zap.ByteString("stack", debug.Stack()), zap.Uint64("missed", n))
			}
		}
	}()
	if h.LeaseExpire != nil && h.LeaseExpire(l, remove) == Skip {
		return false
	}
	return h.LeaseRecover == nil || l.State != lease.Declined || h.LeaseRecover(l) != Skip
}

// consult calls a function that may park the packet. On Next, x.next is what it
// said; on parked, x is no longer the caller's. A packet that comes back
// is at the same place again, and x.next is what was said then.
func (s *Server) consult(x *Exchange, h func(*Exchange) NextStep) Verdict {
	if x.returning {
		x.returning = false
	} else {
		x.mayPark = true
		n := h(x)
		x.mayPark = false
		switch {
		case x.full:
			x.full = false
			return DropQueueFull
		case x.ticket != nil:
			var away bool
			if n, away = s.lot.take(x, n); away {
				return parked
			}
		case n == Park:
			n = Drop // nobody could ever resume it
		}
		x.next = n
	}
	if x.next == Drop {
		return DropHook
	}
	return Next
}

// bufferReceive calls buffer4_receive for a message of which v is known: what the
// function puts in its place may be read where it was not.
func (s *Server) bufferReceive(x *Exchange, v Verdict) Verdict {
	if x.hooks.BufferReceive(x) == Drop {
		return DropHook
	}
	if x.changed {
		return Next
	}
	return v
}

// inner reports whether an envelope is in order and the message in it is not.
func inner(err error) bool {
	return !errors.Is(err, pkt4o6.ErrType) && !errors.Is(err, pkt4o6.ErrNoMessage) && !errors.Is(err, pkt4o6.ErrTwoMessage)
}

// packetReceive calls pkt4_receive.
func (s *Server) packetReceive(x *Exchange) Verdict {
	if n := x.hooks.PacketReceive(x); n == Skip || n == Drop {
		return DropHook
	}
	switch x.Type { // SetMessage may have put any in the place of what accept saw
	case dhcp4.Discover, dhcp4.Request, dhcp4.Decline, dhcp4.Release, dhcp4.Inform:
		return Next
	}
	return DropType
}

// nameUpdate calls ddns4_update for a lease out of a subnet, whose names p is about.
func (s *Server) nameUpdate(x *Exchange, sub *topology.Subnet, p *ddns.Params, host *topology.Reservation, a netip.Addr) {
	x.foresee(sub, p, host, a)
	n := NameUpdate{strings.Clone(x.hostname()), x.name.is.Fwd, x.name.is.Rev}
	before := n
	x.hooks.NameUpdate(x, &n)
	x.names, x.renamed, x.sameName = n, n != before, n.Hostname == before.Hostname
}

// nameAgain is nameUpdate for an address that is not out of the subnet that the query
// led to, or out of a pool that has names of its own, and reports whether it is
// such a one. So does Kea.
func (s *Server) nameAgain(x *Exchange, a netip.Addr) bool {
	p := *x.spotAt(a)
	if p.sub == nil || p.sub == x.Subnet && p.sub.Names(p.pool) == p.sub.Names(nil) {
		return false
	}
	s.nameUpdate(x, p.sub, p.sub.Names(p.pool), p.host, a)
	return true
}

// nameOffer has the offer say the name that nameAgain comes to.
func (s *Server) nameOffer(x *Exchange) {
	l := &x.req.Lease
	a := l.Resource.Prefix.Addr()
	if s.nameAgain(x, a) {
		p := x.spotAt(a)
		x.decide(l, p.sub, p.sub.Names(p.pool), p.host)
	}
}

// offered calls lease4_select for an address that was found.
func (s *Server) offered(x *Exchange) Verdict {
	l := x.Lease
	if x.hooks.LeaseSelect(x, &l, true) == Skip {
		if x.req.Store > 0 && !x.req.Held { // it stands among the leases by now
			if _, err := s.leases.Release(l.Resource, x.at, x.keys[:x.nkeys]...); err != nil {
				return s.failed(x, err)
			}
		}
		return DropHook
	}
	x.Lease.Valid, x.Lease.Hostname, x.Lease.UserContext = bounded(l.Valid), l.Hostname, l.UserContext
	x.rename(l.Hostname)
	return Next
}

// A plan is a lease as hook functions want it, which shape then makes it.
type plan struct {
	set   bool
	valid time.Duration
}

// granting calls lease4_renew or lease4_select for an address that the client may
// have, and reports whether that decides the matter.
func (s *Server) granting(x *Exchange, want netip.Addr) (v Verdict, decided bool) {
	stands, had, seq := s.leases.Stands(&x.req, resource(want))
	if stands == lease.Taken {
		return Next, false // no lease is about to be made, as the table will say
	}
	x.foretell(stands, &had)
	l := x.planned(want)
	l.UserContext = had.UserContext
	switch renews := stands == lease.Mine; { // also when its time is over: it has not ended, and goes on
	case renews && x.hooks.LeaseRenew != nil:
		if x.hooks.LeaseRenew(x, &l) == Skip {
			if over(&had, x.at) { // nothing is left of it
				return x.nak("no lease for this client"), true
			}
			return s.keepOld(x, want, seq)
		}
	case !renews && x.hooks.LeaseSelect != nil:
		if x.hooks.LeaseSelect(x, &l, false) == Skip {
			return x.nak("no lease for this client"), true
		}
	}
	x.plan = plan{true, bounded(l.Valid)}
	if !bytes.Equal(l.UserContext, had.UserContext) && isObject(l.UserContext) {
		x.req.Lease.UserContext = l.UserContext
	}
	x.rename(l.Hostname)
	if x.hooks.LeasesCommitted != nil {
		s.leaves(x, want)
	}
	return Next, false
}

// leaves notes the lease that ends with the grant of another address.
func (s *Server) leaves(x *Exchange, want netip.Addr) {
	old, _, ok := s.known(x)
	if !ok || old.State != lease.Leased || old.Resource == resource(want) {
		return
	}
	if left, ok := s.leases.ByResource(old.Resource); ok {
		x.left = append(x.left, left)
	}
}

// foretell says of the lease that the client has what the table will say of it when
// it asks for the shape of the new one.
func (x *Exchange) foretell(stands lease.Standing, had *lease.Lease) {
	r := &x.req
	if r.Held, r.Remain = stands == lease.Mine, 0; !r.Held {
		return
	}
	if end, ends := had.Expires(); ends {
		r.Remain = max(0, end.Sub(x.at.Truncate(time.Second)))
	} else {
		r.Remain = lease.Infinite
	}
}

// bounded is a lifetime that a lease may have: a row of the lease file with none is read
// as a removal, by Kea too.
func bounded(d time.Duration) time.Duration { return min(max(d, time.Second), lease.Infinite) }

// isObject reports whether a user context is one that the lease file may hold: a row with
// anything but a JSON object is damaged, to Kea as well.
func isObject(b json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte{'{'}) && json.Valid(b)
}

// planned is the lease that Grant is about to make.
func (x *Exchange) planned(want netip.Addr) lease.Lease {
	l := x.req.Lease
	l.Resource, l.Start, l.State = resource(want), x.at.Truncate(time.Second), lease.Leased
	p := x.spotAt(want)
	if p.sub != nil {
		l.Subnet = p.sub.ID
	}
	if p.pool != nil {
		l.Pool = p.pool.Lease.ID
	}
	x.shape(&l)
	l.Hostname = strings.Clone(l.Hostname)
	return l
}

// keepOld answers with the lease as it is.
func (s *Server) keepOld(x *Exchange, want netip.Addr, seq lease.Seq) (Verdict, bool) {
	l, ok := s.leases.ByResource(resource(want))
	if !ok || l.State != lease.Leased {
		return DropUnknown, true // it ended meanwhile
	}
	if end, ends := l.Expires(); ends {
		l.Valid = max(0, end.Sub(x.at).Truncate(time.Second))
	}
	x.take(&l, seq)
	x.asWas = true
	return x.ack(), true
}

// rename has the reply say the name that the lease got.
func (x *Exchange) rename(name string) {
	switch name {
	case x.hostname():
		return
	case "":
		x.unnamed = true
		x.name.is.Clear()
		return
	}
	if !x.renamed {
		x.names.Forward, x.names.Reverse = x.name.is.Fwd, x.name.is.Rev
	}
	x.names.Hostname, x.renamed, x.sameName = name, true, false
	x.Subnet.Names(x.Pool).Rename(&x.name.is, name, x.names.Forward, x.names.Reverse, x.Lease.Resource.Prefix.Addr())
}

func over(l *lease.Lease, now time.Time) bool {
	end, ends := l.Expires()
	return ends && !end.After(now)
}

// ending calls lease4_release or lease4_decline for a lease that the client holds.
// Whether it does hold it is settled by the table.
func (s *Server) ending(x *Exchange, a netip.Addr, h func(*Exchange, *lease.Lease) NextStep) Verdict {
	l, ok := s.leases.ByResource(resource(a))
	if !ok || l.State != lease.Leased || !x.holds(&l) {
		return Next
	}
	if h != nil {
		if n := h(x, &l); n == Skip || n == Drop {
			return DropHook
		}
	}
	if x.hooks.LeasesCommitted != nil {
		x.left = append(x.left, l)
	}
	return Next
}

// holds reports whether l is the client's.
func (x *Exchange) holds(l *lease.Lease) bool {
	if len(l.ClientID) > 0 && x.clientID != nil {
		return string(l.ClientID) == string(x.clientID)
	}
	return string(l.HWAddr) == string(x.Query.CHAddr())
}

// serverDecline takes an address out of service that was found in use before it
// was offered. Nothing rests on it that could leave, so nobody waits until it is
// durable.
func (s *Server) serverDecline(x *Exchange) Verdict {
	l := lease.Lease{Resource: x.Lease.Resource, Subnet: x.Lease.Subnet}
	if _, err := s.leases.Condemn(&l, x.at); err != nil {
		return s.failed(x, err)
	}
	s.event(x, "address found in use", l.Resource.Prefix.Addr())
	if h := x.hooks.LeaseServerDecline; h != nil {
		h(x, &l)
	}
	return DropInUse
}

// changes is what has become durable with the packet.
func (s *Server) changes(x *Exchange) *Committed {
	c := new(Committed)
	switch {
	case x.Type == dhcp4.Request:
		if !x.asWas && !x.req.Reused { // a lease that stays as it was has not been written
			c.Leases = []lease.Lease{x.Lease}
		}
		c.Deleted = x.left
	case x.Type == dhcp4.Release:
		c.Deleted = x.left
	default: // DECLINE: the address is nobody's by now
		for _, l := range x.left {
			if l, ok := s.leases.ByResource(l.Resource); ok {
				c.Leases = append(c.Leases, l)
			}
		}
	}
	return c
}
