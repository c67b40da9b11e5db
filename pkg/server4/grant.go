package server4

import (
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
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
		Hostname: x.name.text(),
	}
	r.Over6 = netip.Addr{}
	if x.over6 {
		r.Over6 = x.origin.Addr
	}
	r.Lookup = x.keys[:x.nkeys]
	r.Hint, r.Must, r.Fixed = lease.Resource{}, false, false
	r.Source, r.Now = x.source(), x.at
	x.fixed = x.reservedAddr()
	x.pools = x.pools[:0]
	for sub := range x.Subnet.Siblings(x.classes) {
		for _, p := range sub.Pools {
			if p.Admits(x.classes) {
				x.pools = append(x.pools, p.Lease)
			}
		}
	}
	r.Pools = x.pools
}

func (x *Exchange) hint(a netip.Addr) { x.req.Hint = resource(a) }

// on returns the subnet of the client's link that holds a, nil when none does.
func (x *Exchange) on(a netip.Addr) *topology.Subnet {
	for sub := range x.Subnet.Siblings(x.classes) {
		if sub.Prefix.Contains(a) {
			return sub
		}
	}
	return nil
}

// mayHave reports whether the client may use address a on this link: it is
// reserved for the client, or lies in a pool that admits it and is kept for nobody
// else.
func (x *Exchange) mayHave(a netip.Addr) bool {
	sub := x.on(a)
	if sub == nil {
		return false
	}
	host := x.hostIn(sub)
	if host != nil && host.Addr == a {
		return true
	}
	if h := x.Net.Holder(sub, a); h != nil && h != host {
		return false
	}
	if x.fixed.IsValid() && x.fixed != a {
		return false // it shall use the reserved one
	}
	p := sub.PoolOf(lease.V4, a)
	return p != nil && p.Admits(x.classes)
}

// reservedAddr is the address that is kept for the client on this link.
func (x *Exchange) reservedAddr() netip.Addr {
	if x.Host == nil || !given(x.Host.Addr) || x.Subnet == nil || !x.Subnet.Prefix.Contains(x.Host.Addr) {
		return netip.Addr{}
	}
	return x.Host.Addr
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
func (x *Exchange) reserved(r lease.Resource) bool {
	a := r.Prefix.Addr()
	sub := x.on(a)
	if sub == nil {
		return false
	}
	h := x.Net.Holder(sub, a)
	return h != nil && h != x.hostIn(sub)
}

// within tells the table whether the client may keep a lease that it has. Like
// every callback it runs under the table's locks and must not ask the table.
func (x *Exchange) within(l *lease.Lease) bool { return x.mayHave(l.Resource.Prefix.Addr()) }

// shape sets what depends on the subnet that a lease is in: how long it lasts and
// the name that is reserved.
func (x *Exchange) shape(l *lease.Lease) {
	sub := x.on(l.Resource.Prefix.Addr())
	if sub == nil {
		sub = x.Subnet
	}
	hint, _ := x.Query.Uint32(dhcp4.OptLeaseTime)
	l.Valid = time.Duration(sub.Policy.Valid.Choose(hint)) * time.Second
	if h := x.hostIn(sub); h != nil && h.Hostname != "" {
		l.Hostname = h.Hostname
	}
}

// take makes a lease of the table the answer.
func (x *Exchange) take(l lease.Lease, seq lease.Seq) {
	x.Lease, x.Seq = l, seq
	if sub := x.on(l.Resource.Prefix.Addr()); sub != nil {
		x.settle(sub)
		x.Host = x.hostIn(sub)
	}
	x.Pool = x.Subnet.PoolOf(lease.V4, l.Resource.Prefix.Addr())
}
