package server4

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// resource names a whole IPv4 address to the table.
func resource(a netip.Addr) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(a, 32)}
}

// prepare fills in the request to the lease table: who asks, where from, and
// out of which pools.
func (x *Exchange) prepare() {
	r := &x.req
	r.Lease = lease.Lease{
		Resource: lease.Resource{Kind: lease.V4},
		ClientID: x.clientID,
		HWAddr:   x.Query.CHAddr(),
		HWType:   uint16(x.Query.HType),
		Subnet:   x.Subnet.ID,
	}
	r.Over6 = netip.Addr{}
	if x.over6 {
		r.Over6 = x.origin.Addr
	}
	r.Lookup = x.keys[:x.nkeys]
	r.Hint, r.Must, r.Fixed = lease.Resource{}, false, false
	r.Source, r.Now = x.source(), x.at
	r.MaxAge, r.Store, r.RelayInfo = 0, 0, nil
	r.Held, r.Remain, r.Reused = false, 0, false
	r.ByHWAddr = nil
	if x.Subnet.Mixed() {
		r.ByHWAddr = x.callbacks.byHWAddr
	}
	x.fixed = x.reservedAddr()
	if x.pools = x.Subnet.EveryPool(); x.pools == nil {
		x.gather()
	}
	r.Pools = x.pools
	if x.hooks.NameUpdate != nil {
		x.s.nameUpdate(x, x.Subnet, x.Subnet.Names(nil), x.Host, netip.Addr{})
	}
}

// gather makes a list of the pools of the link that admit the client.
func (x *Exchange) gather() {
	all := x.admitting[:0]
	for sub := range x.Subnet.Siblings(&x.classes) {
		for _, p := range sub.Pools {
			if p.Admits(&x.classes) {
				all = append(all, p.Lease)
			}
		}
	}
	x.admitting, x.pools = all, all
}

func (x *Exchange) hint(a netip.Addr) { x.req.Hint = resource(a) }

// A spot is what an address is to the client of an exchange. It is worked out once: nearly
// all that is asked on the way to a reply, by the table's callbacks too, is about one
// and the same address.
type spot struct {
	known bool
	addr  netip.Addr
	sub   *topology.Subnet      // of the client's link, holds the address; nil: none does
	pool  *topology.Pool        // likewise
	host  *topology.Reservation // what is reserved for the client in sub
	kept  bool                  // reserved for another client
}

// spotAt returns what address a is to the client. It is valid until the next call.
func (x *Exchange) spotAt(a netip.Addr) *spot {
	p := &x.spot
	if p.known && p.addr == a {
		return p
	}
	*p = spot{known: true, addr: a, sub: x.Net.OnLink(x.Subnet, a, &x.classes)}
	if p.sub == nil {
		return p
	}
	p.pool = p.sub.PoolOf(lease.V4, a)
	p.host = x.hostIn(p.sub)
	p.kept = x.Net.KeptFromOthers(p.sub, a, p.host)
	return p
}

// mayHave reports whether the client may use address a on this link: it is
// reserved for the client, or lies in a pool that admits it and is kept for nobody
// else.
func (x *Exchange) mayHave(a netip.Addr) bool {
	p := x.spotAt(a)
	switch {
	case p.sub == nil:
		return false
	case p.host != nil && p.host.Addr == a && (p.pool == nil || !p.sub.ReserveOut):
		return true
	case p.kept:
		return false
	case x.fixed.IsValid() && x.fixed != a:
		return false // it shall use the reserved one
	}
	return p.pool != nil && p.pool.Admits(&x.classes)
}

// reservedAddr is the address that is kept for the client on this link.
func (x *Exchange) reservedAddr() netip.Addr {
	if x.Subnet == nil {
		return netip.Addr{}
	}
	a, _ := x.Subnet.Keeps(x.Host)
	return a
}

// elsewhere reports whether somebody else holds a, or it is out of service.
func (x *Exchange) elsewhere(a netip.Addr) bool {
	l, ok := x.s.leases.ByResource(resource(a))
	if !ok {
		return false
	}
	switch l.State {
	case lease.Declined:
		return true
	case lease.Leased:
		if len(l.ClientID) > 0 && x.clientID != nil {
			return string(l.ClientID) != string(x.clientID)
		}
		return string(l.HWAddr) != string(x.Query.CHAddr())
	}
	return false
}

// reserved tells the table whether a resource is kept for another client.
func (x *Exchange) reserved(r lease.Resource) bool { return x.spotAt(r.Prefix.Addr()).kept }

// within tells the table whether the client may keep a lease that it has. Like
// every callback it runs under the table's locks and must not ask the table.
func (x *Exchange) within(r lease.Resource, _ uint32) bool { return x.mayHave(r.Prefix.Addr()) }

// shape sets what depends on the subnet and the pool that a lease is in: how long
// it lasts and the name that goes with it.
func (x *Exchange) shape(l *lease.Lease) {
	p := x.spotAt(l.Resource.Prefix.Addr())
	sub, host := p.sub, p.host
	if sub == nil {
		sub = x.Subnet
		host = x.hostIn(sub)
	}
	x.last(l, sub)
	x.decide(l, sub, sub.Names(p.pool), host)
	if x.plan.set {
		l.Valid = x.plan.valid
	}
}

// take makes a lease of the table the answer.
func (x *Exchange) take(l *lease.Lease, seq lease.Seq) {
	x.Lease, x.Seq = *l, seq
	x.tell()
	a := l.Resource.Prefix.Addr()
	p := x.spotAt(a)
	if p.sub == nil {
		x.Pool = x.Subnet.PoolOf(lease.V4, a)
		return
	}
	x.Host, x.Pool = p.host, p.pool
	x.settle(p.sub)
}
