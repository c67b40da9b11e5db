package server4

import (
	"math"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// last sets how long a lease in a subnet lasts, and what else the table has to know
// that is different from subnet to subnet. Like all that shape does it runs under the table's locks.
func (x *Exchange) last(l *lease.Lease, sub *topology.Subnet) {
	hint, _ := x.Query.Uint32(dhcp4.OptLeaseTime)
	p, bounds := &sub.Policy, x.lifetime(sub)
	x.valid = bounds.Choose(hint)
	if p.AdaptiveThreshold > 0 && x.crowded(l, sub) {
		x.valid = max(bounds.Min, wire(x.req.Remain)) // it gives up nothing that it has
	}
	if x.bootp {
		x.valid = math.MaxUint32
	}
	l.Valid = seconds(x.valid)
	r := &x.req
	r.MaxAge = seconds(p.Cache.Age(x.valid))
	if x.Type == dhcp4.Discover {
		r.Store = seconds(x.offerLifetime(p))
	}
	if r.ByHWAddr != nil {
		l.ClientID = x.clientID
		if !p.MatchClientID {
			l.ClientID = nil
		}
	}
	r.RelayInfo = nil
	if p.StoreExtendedInfo {
		x.noteRelay()
	}
}

// seconds makes a duration of a number as it stands on the wire, wire the number of
// the duration; all ones are for ever.
func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

func wire(d time.Duration) uint32 { return uint32(min(d/time.Second, math.MaxUint32)) }

// crowded reports whether the pools of a subnet that admit the client are as full as the
// adaptive threshold says, the lease included (with the free lease queue alone, as in Kea).
func (x *Exchange) crowded(l *lease.Lease, sub *topology.Subnet) bool {
	var size, busy float64
	inside := false
	for _, p := range x.pools {
		if p.Subnet != sub.ID || p.Allocator != lease.FLQ {
			continue
		}
		size += float64(p.Size())
		busy += float64(p.Stats().Assigned)
		if p.Contains(l.Resource) {
			inside = true
		}
	}
	if !x.req.Held {
		busy++
	}
	return inside && busy >= sub.Policy.AdaptiveThreshold*size
}

// tell settles what the client is told about the time of its lease: the rest of it
// where it is not extended. An offer that is stored for a while is told as the
// lease that it will be.
func (x *Exchange) tell() {
	l := &x.Lease
	switch {
	case !x.req.Reused:
		if x.req.Store > 0 && l.Valid == x.req.Store {
			l.Valid = seconds(x.valid)
		}
		return
	case l.Valid != lease.Infinite:
		end, _ := l.Expires()
		l.Valid = end.Sub(x.at.Truncate(time.Second))
	}
	x.asWas = true
	x.s.trouble(reuses, l.Subnet)
}

// byHWAddr tells the table in which subnets of the link clients are known by
// hardware address alone (match-client-id).
func (x *Exchange) byHWAddr(subnet uint32) bool {
	sub := x.Subnet.Sibling(subnet)
	return sub != nil && !sub.Policy.MatchClientID
}
