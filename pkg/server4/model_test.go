package server4

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// small is a pool of six addresses, one of them reserved, with leases of a
// minute.
func small() *topology.Topology {
	return net1(func(n *topology.Topology) {
		s := subnet(1, "192.0.2.0/24", "192.0.2.100", "192.0.2.105")
		s.Policy.Valid = topology.Lifetime{Min: 60, Default: 60, Max: 60}
		reserve(s, topology.HWAddress, "\x02\x00\x5e\x00\x00\x01", "192.0.2.102", "")
		n.Subnets = []*topology.Subnet{s}
	})
}

// TestModel plays random clients against the server, with restarts from what a
// power cut leaves, and keeps a map of its own: no address is promised to two
// clients, nothing acknowledged is forgotten, reserved addresses are kept, and
// silence and NAK never come for an address that its client rightly holds.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		net := small()
		b := newBench(t, net)
		type held struct {
			by    int
			until time.Time
		}
		holds := make(map[netip.Addr]held)
		declined := make(map[netip.Addr]bool)
		perhaps := make(map[netip.Addr]bool) // declined by who held it last
		offered := make(map[int]netip.Addr)
		hw := func(c int) string { return fmt.Sprintf("02005e0000%02x", c) }
		client := rapid.IntRange(1, 8)
		way := rapid.SampledFrom(ways)
		addr := rapid.Custom(func(rt *rapid.T) netip.Addr {
			return netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(98, 107).Draw(rt, "octet"))})
		})
		mine := func(c int, a netip.Addr) bool { h, ok := holds[a]; return ok && h.by == c && b.now.Before(h.until) }

		// note checks a reply against the map and takes it down.
		note := func(c int, q query, m *dhcp4.Message) {
			if m == nil || m.Type() == dhcp4.Nak {
				return
			}
			a := m.YIAddr
			if h, ok := holds[a]; ok && h.by != c && b.now.Before(h.until) {
				rt.Fatalf("%v: %v given to %d while %d holds it until %v (now %v)", q.kind, a, c, h.by, h.until, b.now)
			}
			if declined[a] {
				rt.Fatalf("%v was declined and is given to %d", a, c)
			}
			if (a == ip("192.0.2.102")) != (c == 1) && !mine(c, a) {
				if kept := ip("192.0.2.102"); a == kept || !declined[kept] && !perhaps[kept] {
					rt.Fatalf("%v given to %d", a, c)
				}
			}
			if m.Type() == dhcp4.Ack {
				for other, h := range holds {
					if h.by == c && other != a {
						delete(holds, other) // the client has moved
					}
				}
				holds[a] = held{c, b.now.Add(60 * time.Second)}
				delete(offered, c)
			} else {
				offered[c] = a
			}
		}
		ask := func(c int, q query) *dhcp4.Message {
			q.hw = hw(c)
			m := way.Draw(rt, "way").ask(b, q)
			note(c, q, m)
			return m
		}
		hexAddr := func(a netip.Addr) string { v := a.As4(); return hexOf(v[:]) }
		rt.Repeat(map[string]func(*rapid.T){
			"discover": func(*rapid.T) {
				ask(client.Draw(rt, "client"), query{kind: dhcp4.Discover})
			},
			"take the offer": func(*rapid.T) {
				c := client.Draw(rt, "client")
				if a, ok := offered[c]; ok {
					ask(c, query{kind: dhcp4.Request, opts: "50=" + hexAddr(a) + " 54=c0000201"})
				}
			},
			"select anything": func(*rapid.T) {
				ask(client.Draw(rt, "client"), query{kind: dhcp4.Request, opts: "50=" + hexAddr(addr.Draw(rt, "addr")) + " 54=c0000201"})
			},
			"reboot": func(*rapid.T) {
				c, a := client.Draw(rt, "client"), addr.Draw(rt, "addr")
				m := ask(c, query{kind: dhcp4.Request, opts: "50=" + hexAddr(a)})
				if mine(c, a) && (m == nil || m.Type() != dhcp4.Ack) {
					rt.Fatalf("%d holds %v and hears %s", c, a, say(m))
				}
			},
			"renew": func(*rapid.T) {
				c, a := client.Draw(rt, "client"), addr.Draw(rt, "addr")
				was := mine(c, a)
				m := ask(c, query{kind: dhcp4.Request, ciaddr: a.String()})
				if was && (m == nil || m.Type() != dhcp4.Ack) {
					rt.Fatalf("%d renews %v and hears %s", c, a, say(m))
				}
			},
			"release": func(*rapid.T) {
				c, a := client.Draw(rt, "client"), addr.Draw(rt, "addr")
				ask(c, query{kind: dhcp4.Release, ciaddr: a.String(), opts: "54=c0000201"})
				if mine(c, a) {
					delete(holds, a)
				}
			},
			"decline": func(*rapid.T) {
				c, a := client.Draw(rt, "client"), addr.Draw(rt, "addr")
				ask(c, query{kind: dhcp4.Decline, opts: "50=" + hexAddr(a) + " 54=c0000201"})
				switch {
				case mine(c, a):
					delete(holds, a)
					declined[a] = true
				case holds[a].by == c: // its time is over, of which the table may not know yet
					perhaps[a] = true
				}
			},
			"wait": func(*rapid.T) {
				b.now = b.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "seconds")) * time.Second)
				b.table.Expire(b.now, 0)
			},
			"power cut": func(*rapid.T) {
				now, cut := b.now, b.store.PowerCut()
				b = newBench(t, small())
				b.now, b.store = now, cut
				b.table = lease.NewTable(cut, lease.TableOptions{})
				if _, err := b.table.Load(t.Context()); err != nil {
					rt.Fatal(err)
				}
				b.s = New(Options{Leases: b.table, Topology: small(), Interfaces: eth0(), Metrics: b.set})
				b.w = &worker{s: b.s}
				clear(offered)
			},
			"reload": func(*rapid.T) { b.s.Replace(small()) },
		})
	})
}

// TestWorkers lets many workers serve the same few clients while the
// configuration is replaced: no address is acknowledged to two of them.
func TestWorkers(t *testing.T) {
	b := newBench(t, small())
	var mu sync.Mutex
	owner := make(map[netip.Addr]string)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			w := bench{t: t, s: b.s, w: &worker{s: b.s}, now: b.now, sock: b.sock}
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 500 {
				hw := fmt.Sprintf("02005e00%02x%02x", 1, r.IntN(8))
				way := ways[r.IntN(2)]
				m := way.ask(&w, query{kind: dhcp4.Discover, hw: hw})
				if m == nil {
					continue
				}
				v := m.YIAddr.As4()
				m = way.ask(&w, query{kind: dhcp4.Request, hw: hw, opts: "50=" + hexOf(v[:]) + " 54=c0000201"})
				if m == nil || m.Type() != dhcp4.Ack {
					continue
				}
				mu.Lock()
				if o, ok := owner[m.YIAddr]; ok && o != hw {
					t.Errorf("%v acknowledged to %s and %s", m.YIAddr, o, hw)
				}
				owner[m.YIAddr] = hw
				mu.Unlock()
			}
		})
	}
	for range 50 {
		b.s.Replace(small())
		b.s.Links(eth0())
	}
	group.Wait()
	if len(owner) == 0 {
		t.Error("nobody got anything")
	}
}
