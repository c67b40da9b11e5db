package config

import (
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

var allocators = map[string]lease.Allocator{"random": lease.Random, "flq": lease.FLQ}

// leasing reads what becomes of leases in the course of time.
func (c *compiler) leasing(l levels, p *topology.Policy) {
	p.OfferLifetime = l.uint32("offer-lifetime", 0)
	p.StoreExtendedInfo = l.bool("store-extended-info", false)
	p.Cache = l.cache()
	p.AdaptiveThreshold = l.float("adaptive-lease-time-threshold", 0)
	if p.AdaptiveThreshold >= 1 {
		p.AdaptiveThreshold = 0
	}
	if m := l[0].get("adaptive-lease-time-threshold"); m != nil {
		switch {
		case m.float == 0:
			c.errorf(m, "0 is no threshold; it is above 0, and 1 switches it off")
		case p.AdaptiveThreshold > 0 && l.text("allocator", "") != "flq":
			c.warnf(m, "changes nothing here: only the allocator flq looks at it")
		}
	}
}

// cache reads how long leases are given as they are. Each key is inherited by itself; either
// of them switches caching on, and by 0 off.
func (l levels) cache() (x topology.Cache) {
	share, age := l.find("cache-threshold"), l.find("cache-max-age")
	if share == nil && age == nil || share != nil && share.float == 0 {
		return x
	}
	x.MaxAge = maxU32
	if share != nil {
		x.Threshold = share.float
	}
	if age != nil {
		x.MaxAge = uint32(age.num)
	}
	return x
}
