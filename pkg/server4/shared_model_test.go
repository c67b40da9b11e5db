package server4

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A village is a shared network whose server lives through restarts, power cuts and other
// configurations, with its leases in a file. Some clients have reservations. They are known, and pools are for those
// who are, for those who are not, and, in the second subnet, for everybody. Clients 7 and 8 have one hardware
// address and differ in their identifiers.
type village struct {
	rt   *rapid.T
	b    *bench
	disk *faultfs.FS

	layout

	allocator lease.Allocator
	policy    func(*topology.Policy)
	stored    time.Duration // how long an offer is stored; 0: it is not

	holds    map[netip.Addr]holding
	declined map[netip.Addr]time.Time // until when it is out of service
	perhaps  map[netip.Addr]time.Time // declined by one whose time was over, of which the table may have known
	offered  map[int]netip.Addr
}

// A holding is who has an address until when, as the client knows.
type holding struct {
	by    int
	until time.Time
}

// probation is how long an address is out of service that was declined.
const probation = 90 * time.Second

// villagers are the addresses that may ever be given.
var villagers = func() (all []netip.Addr) {
	for _, s := range []string{"192.0.2.100", "192.0.2.101", "192.0.2.102", "192.0.2.103", "192.0.2.110", "192.0.2.111",
		"192.0.2.200", "198.51.100.100", "198.51.100.101", "198.51.100.102"} {
		all = append(all, ip(s))
	}
	return all
}()

// A layout is one configuration of the village.
type layout struct {
	kept  map[int]netip.Addr // reservations; an invalid address: a name alone
	last  string             // of the pool for those who are not known
	apart bool               // the subnets are two links
}

// layouts are what a reload chooses from: reservations inside of a pool, outside, and without address; another
// client's, and one in the second subnet; a pool that has become smaller; and the second subnet gone to another link.
var layouts = []layout{
	{kept: map[int]netip.Addr{1: ip("192.0.2.102"), 2: ip("192.0.2.200"), 3: {}}, last: "192.0.2.103"},
	{kept: map[int]netip.Addr{4: ip("192.0.2.102"), 2: ip("198.51.100.101"), 3: {}}, last: "192.0.2.103"},
	{kept: map[int]netip.Addr{1: ip("192.0.2.102"), 7: ip("192.0.2.110")}, last: "192.0.2.101"},
	{kept: map[int]netip.Addr{1: ip("192.0.2.100"), 3: {}}, last: "192.0.2.103", apart: true},
}

func (l *layout) known(c int) bool {
	_, ok := l.kept[c]
	return ok || c == 8 && l.known(7) // by their hardware address
}

// own is the address that is reserved for a client.
func (l *layout) own(c int) netip.Addr {
	if c == 8 {
		c = 7
	}
	return l.kept[c]
}

// admits reports whether a client may be given an address.
func (l *layout) admits(c int, a netip.Addr) bool {
	for who, kept := range l.kept {
		if kept == a {
			return who == c || who == 7 && c == 8
		}
	}
	switch v := a.As4(); {
	case v[0] == 198:
		return !l.apart
	case v[3] < 110:
		return !l.known(c) && !ip(l.last).Less(a)
	default:
		return l.known(c) && v[3] < 112
	}
}

func (v *village) net() *topology.Topology {
	return net1(func(n *topology.Topology) {
		one, two := subnet(1, "192.0.2.0/24", "192.0.2.100", v.last), subnet(2, "198.51.100.0/24", "198.51.100.100", "198.51.100.102")
		one.Pools[0].Guard = topology.Guard{classify.Unknown}
		addPool(one, 1, "192.0.2.110", "192.0.2.111").Guard = topology.Guard{classify.Known}
		for c, a := range v.kept {
			s, text := one, ""
			if a.IsValid() {
				text = a.String()
			}
			if two.Prefix.Contains(a) {
				s = two
			}
			reserve(s, topology.HWAddress, "\x02\x00\x5e\x00\x00"+string(rune(c)), text, "")
		}
		n.Subnets = []*topology.Subnet{one, two}
		net := &topology.Network{Name: "village", Subnets: []*topology.Subnet{one, two}}
		for _, s := range n.Subnets {
			if !v.apart {
				s.Network = net
			}
			v.policy(&s.Policy)
			for _, p := range s.Pools {
				p.Lease.Use(v.allocator)
			}
		}
		if v.apart {
			two.FourOSix = topology.FourOSix{}
		}
	})
}

// open starts the server from what is on the disk.
func (v *village) open(t *testing.T, now time.Time) {
	file, err := leasefile.Open("/lib/leases.csv", leasefile.Options{Family: leasefile.V4, FS: v.disk})
	if err != nil {
		v.rt.Fatal(err)
	}
	v.b = &bench{t: t, now: now, set: new(metrics.Set), table: lease.NewTable(file, lease.TableOptions{DeclineProbation: probation})}
	if _, err := v.b.table.Load(context.Background()); err != nil {
		v.rt.Fatal(err)
	}
	v.b.s = New(Options{Leases: v.b.table, Topology: v.net(), Interfaces: eth0(), Metrics: v.b.set})
	v.b.w = &worker{s: v.b.s}
	v.b.sock.Iface, v.b.sock.IfIndex, v.b.sock.Addr = "eth0", 2, ip("192.0.2.1")
	clear(v.offered)
}

func (v *village) has(c int, a netip.Addr) bool {
	h, ok := v.holds[a]
	return ok && h.by == c && v.b.now.Before(h.until)
}

// free reports whether nobody but c can have a.
func (v *village) free(c int, a netip.Addr) bool {
	h, ok := v.holds[a]
	return v.admits(c, a) && !v.b.now.Before(v.declined[a]) && !v.b.now.Before(v.perhaps[a]) && (!ok || h.by == c || !v.b.now.Before(h.until))
}

// offeredTo reports whether somebody has an offer of a, which he got before it was reserved.
func (v *village) offeredTo(a netip.Addr) bool {
	for _, offered := range v.offered {
		if offered == a {
			return true
		}
	}
	return false
}

// ask has a client ask and checks what it hears.
func (v *village) ask(c int, q query) *dhcp4.Message {
	q.hw = fmt.Sprintf("02005e0000%02x", c)
	switch c {
	case 8:
		q.hw, q.opts = "02005e000007", "61=ff08 "+q.opts
	case 7, 9:
		q.opts = fmt.Sprintf("61=ff%02x %s", c, q.opts)
	}
	m := rapid.SampledFrom(ways).Draw(v.rt, "way").ask(v.b, q)
	switch {
	case m == nil && q.kind == dhcp4.Discover:
		if i := slices.IndexFunc(villagers, func(a netip.Addr) bool { return v.free(c, a) }); i >= 0 {
			v.rt.Fatalf("nothing for %d, while %v is free", c, villagers[i])
		}
		return m
	case m == nil, m.Type() == dhcp4.Nak:
		return m
	}
	a := m.YIAddr
	h, ok := v.holds[a]
	switch kept := v.own(c); {
	case ok && h.by != c && v.b.now.Before(h.until):
		v.rt.Fatalf("%v: %v given to %d while %d holds it until %v (now %v)", q.kind, a, c, h.by, h.until, v.b.now)
	case v.b.now.Before(v.declined[a]):
		v.rt.Fatalf("%v was declined and is given to %d", a, c)
	case !v.admits(c, a):
		v.rt.Fatalf("%v given to %d", a, c)
	case q.kind == dhcp4.Discover && kept.IsValid() && v.free(c, kept) && a != kept && !v.offeredTo(kept):
		v.rt.Fatalf("%v offered to %d, for whom %v is kept", a, c, kept)
	}
	lasts, _ := m.Uint32(dhcp4.OptLeaseTime)
	v.note(c, a, m.Type(), time.Duration(lasts)*time.Second)
	return m
}

// note takes down what a client was given.
func (v *village) note(c int, a netip.Addr, t dhcp4.MessageType, lasts time.Duration) {
	if t == dhcp4.Ack {
		for other, h := range v.holds {
			if h.by == c && other != a && !(v.apart && other.As4()[0] != a.As4()[0]) {
				delete(v.holds, other) // the client has moved
			}
		}
		v.holds[a] = holding{c, v.b.now.Add(lasts)}
		delete(v.offered, c)
		return
	}
	v.offered[c] = a
	if until := v.b.now.Add(v.stored); v.stored > 0 && (!v.has(c, a) || v.holds[a].until.Before(until)) {
		v.holds[a] = holding{c, until}
	}
}

// TestVillage plays random clients against a server of a shared network with guarded pools and
// reservations, by each allocator, with each of the keys about leases in the course of time: no
// address is promised to two clients or to one whom it is not for, who holds one keeps it over restarts
// and power cuts, and who asks for one gets it as long as any is free.
func TestVillage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := &village{rt: rt, disk: faultfs.New(rapid.Uint64().Draw(rt, "disk")), holds: make(map[netip.Addr]holding),
			declined: make(map[netip.Addr]time.Time), perhaps: make(map[netip.Addr]time.Time), layout: layouts[0], offered: make(map[int]netip.Addr)}
		v.allocator = rapid.SampledFrom([]lease.Allocator{lease.Iterative, lease.Random, lease.FLQ}).Draw(rt, "allocator")
		v.stored = time.Duration(rapid.SampledFrom([]int{0, 20}).Draw(rt, "offer-lifetime")) * time.Second
		cache := rapid.SampledFrom([]topology.Cache{{}, {MaxAge: 30}, {MaxAge: 1<<32 - 1, Threshold: 0.25}}).Draw(rt, "cache")
		v.policy = func(p *topology.Policy) {
			p.Valid = topology.Lifetime{Min: 25, Default: 60, Max: 60}
			p.OfferLifetime, p.Cache, p.AdaptiveThreshold = uint32(v.stored.Seconds()), cache, 0.5
		}
		v.open(t, start)
		client, addr := rapid.IntRange(1, 9), rapid.SampledFrom(villagers)
		hexAddr := func(a netip.Addr) string { o := a.As4(); return hexOf(o[:]) }
		// keeps reports whether c must not lose a: it holds it, may have it, and nothing else is kept for it.
		keeps := func(c int, a netip.Addr) bool {
			kept := v.own(c)
			return v.has(c, a) && v.admits(c, a) && (!kept.IsValid() || kept == a)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"discover": func(*rapid.T) {
				c := client.Draw(rt, "client")
				m := v.ask(c, query{kind: dhcp4.Discover})
				for a := range v.holds { // of several, which it got on links that are one by now, any is right
					if keeps(c, a) && v.stored == 0 && (m == nil || !keeps(c, m.YIAddr)) {
						rt.Fatalf("%d holds %v and is offered %s", c, a, say(m))
					}
				}
			},
			"take the offer": func(*rapid.T) {
				c := client.Draw(rt, "client")
				if a, ok := v.offered[c]; ok {
					v.ask(c, query{kind: dhcp4.Request, opts: "50=" + hexAddr(a) + " 54=c0000201"})
				}
			},
			"select anything": func(*rapid.T) {
				v.ask(client.Draw(rt, "client"), query{kind: dhcp4.Request, opts: "50=" + hexAddr(addr.Draw(rt, "addr")) + " 54=c0000201"})
			},
			"renew": func(*rapid.T) {
				c, a := client.Draw(rt, "client"), addr.Draw(rt, "addr")
				was := keeps(c, a)
				if m := v.ask(c, query{kind: dhcp4.Request, ciaddr: a.String()}); was && (m == nil || m.Type() != dhcp4.Ack) {
					rt.Fatalf("%d renews %v and hears %s", c, a, say(m))
				}
			},
			"release": func(*rapid.T) {
				c, a := client.Draw(rt, "client"), addr.Draw(rt, "addr")
				v.ask(c, query{kind: dhcp4.Release, ciaddr: a.String(), opts: "54=c0000201"})
				if v.has(c, a) {
					delete(v.holds, a)
				}
			},
			"decline": func(*rapid.T) {
				c, a := client.Draw(rt, "client"), addr.Draw(rt, "addr")
				v.ask(c, query{kind: dhcp4.Decline, opts: "50=" + hexAddr(a) + " 54=c0000201"})
				switch {
				case v.has(c, a):
					delete(v.holds, a)
					v.declined[a] = v.b.now.Add(probation)
				case v.holds[a].by == c:
					v.perhaps[a] = v.b.now.Add(probation)
				}
			},
			"wait": func(*rapid.T) {
				v.b.now = v.b.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "seconds")) * time.Second)
				v.b.table.Expire(v.b.now, rapid.IntRange(0, 4).Draw(rt, "limit"))
			},
			"reload": func(*rapid.T) {
				v.layout = rapid.SampledFrom(layouts).Draw(rt, "layout")
				v.b.s.Replace(v.net())
			},
			"clean up": func(*rapid.T) {
				if err := v.b.table.Clean(context.Background()); err != nil {
					rt.Fatal(err)
				}
			},
			"restart": func(*rapid.T) {
				if err := v.b.table.Close(); err != nil {
					rt.Fatal(err)
				}
				v.open(t, v.b.now)
			},
			"power cut": func(*rapid.T) {
				v.disk = v.disk.PowerCut()
				v.open(t, v.b.now)
			},
		})
	})
}
