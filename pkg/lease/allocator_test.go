package lease

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var allocators = map[string]Allocator{"iterative": Iterative, "random": Random, "flq": FLQ}

// using returns a table with one pool that chooses by a.
func using(t testing.TB, a Allocator, p *Pool) *Table {
	p.Use(a)
	return newTable(t, new(Volatile), TableOptions{}, p)
}

// every returns the addresses that clients get one after the other until there are none.
func every(t *testing.T, tab *Table, p *Pool) (all []Resource) {
	for n := 0; ; n++ {
		l, _, err := tab.Grant(v4("", fmt.Sprintf("h%05d", n), p))
		if err == ErrNone {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l.Resource)
	}
}

// Each allocator gives every address of a pool once, but for those that are reserved.
func TestAllocatorsGiveAll(t *testing.T) {
	for name, a := range allocators {
		t.Run(name, func(t *testing.T) {
			p := pool4(t, "192.0.2.0", "192.0.3.255")
			p.Keep(addr4("192.0.2.7"))
			tab := using(t, a, p)
			all := every(t, tab, p)
			seen := make(map[Resource]bool)
			for _, r := range all {
				seen[r] = true
			}
			if len(all) != 511 || len(seen) != 511 || seen[addr4("192.0.2.7")] {
				t.Errorf("%d addresses given, %d different ones", len(all), len(seen))
			}
			sorted := slices.IsSortedFunc(all, func(a, b Resource) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
			if sorted != (a == Iterative) {
				t.Errorf("in order: %v", sorted)
			}
			check(t, tab)
		})
	}
}

// What another client has reserved without Keep is passed over, and the last free
// one is found all the same.
func TestAllocatorsPassOverReserved(t *testing.T) {
	for name, a := range allocators {
		t.Run(name, func(t *testing.T) {
			p := pool4(t, "192.0.2.0", "192.0.2.63")
			tab := using(t, a, p)
			only := addr4("192.0.2.41")
			for range 3 {
				r := v4("", "one", p)
				r.Reserved = func(r Resource) bool { return r != only }
				if got := mustGrant(t, tab, r); got != only {
					t.Fatalf("got %v", got)
				}
				check(t, tab)
				if _, err := tab.Release(only, t0, r.Lookup...); err != nil {
					t.Fatal(err)
				}
			}
			r := v4("", "one", p)
			r.Reserved = func(Resource) bool { return true }
			if _, _, err := tab.Grant(r); err != ErrNone {
				t.Errorf("everything is reserved: %v", err)
			}
			check(t, tab)
		})
	}
}

// With the free lease queue what was given back first is given first, however it
// came and went in between.
func TestFLQ(t *testing.T) {
	p := pool4(t, "192.0.2.0", "192.0.2.15")
	tab := using(t, FLQ, p)
	all := every(t, tab, p)
	back := []int{5, 2, 11, 7}
	for _, n := range back {
		r := v4("", fmt.Sprintf("h%05d", n), p)
		if _, err := tab.Release(all[n], t0, r.Lookup...); err != nil {
			t.Fatal(err)
		}
	}
	r := v4("", "again", p) // asks for one, gives it back: that goes to the end
	r.Hint, r.Must = all[2], true
	mustGrant(t, tab, r)
	if _, err := tab.Release(all[2], t0, r.Lookup...); err != nil {
		t.Fatal(err)
	}
	check(t, tab)
	for i, n := range []int{5, 11, 7, 2} {
		if got := mustGrant(t, tab, v4("", fmt.Sprintf("new%d", i), p)); got != all[n] {
			t.Errorf("%d: got %v, want %v", i, got, all[n])
		}
	}
	check(t, tab)
}

// Pools of one subnet are asked in no order either, but in order where one pool goes
// before another by subnet.
func TestPoolsAreDrawn(t *testing.T) {
	var pools []*Pool
	for i, s := range []struct {
		subnet      uint32
		first, last string
	}{{1, "192.0.2.0", "192.0.2.99"}, {1, "192.0.2.100", "192.0.2.199"}, {2, "198.51.100.0", "198.51.100.99"}} {
		p, err := NewPool(V4, s.subnet, uint32(i), netip.MustParseAddr(s.first), netip.MustParseAddr(s.last), 32)
		if err != nil {
			t.Fatal(err)
		}
		p.Use(Random)
		pools = append(pools, p)
	}
	tab := newTable(t, new(Volatile), TableOptions{}, pools...)
	for n := range 60 {
		r := v4("", fmt.Sprintf("h%05d", n), pools[0])
		r.Pools = pools
		mustGrant(t, tab, r)
	}
	given := [3]int64{pools[0].Stats().Assigned, pools[1].Stats().Assigned, pools[2].Stats().Assigned}
	if given[0] < 10 || given[1] < 10 || given[2] != 0 {
		t.Errorf("given from the pools: %v", given)
	}
	check(t, tab)
}

// A pool too large for a bitmap gives no address twice and costs no memory for those
// that were given back.
func TestAllocatorsOfLargePools(t *testing.T) {
	for _, a := range []Allocator{Random, FLQ} {
		first := netip.MustParseAddr("2001:db8::")
		p, err := NewPool(NA, 1, 0, first, netip.MustParseAddr("2001:db8::ffff:ffff:ffff:ffff"), 128)
		if err != nil {
			t.Fatal(err)
		}
		tab := using(t, a, p)
		seen := make(map[Resource]bool)
		for n := range 1000 {
			r := &Request{Now: t0, Pools: []*Pool{p}}
			duid := fmt.Appendf(nil, "duid%d", n)
			r.Lease = Lease{Resource: Resource{Kind: NA}, Subnet: 1, DUID: duid, Valid: time.Hour}
			r.Lookup = []Identity{{Kind: ByDUID, For: NA, ID: duid}}
			seen[mustGrant(t, tab, r)] = true
		}
		if len(seen) != 1000 || p.Size()-p.Free() != 1000 {
			t.Errorf("%d addresses, %d in use", len(seen), p.Size()-p.Free())
		}
		for i := range p.free.root.Load().kids {
			if p.free.root.Load().kids[i].Load() != nil {
				t.Error("the bitmap has grown")
			}
		}
		check(t, tab)
	}
}

// BenchmarkAllocator gives a new client an address and takes it back, in pools of a million that
// are more or less full.
func BenchmarkAllocator(b *testing.B) {
	const size = 1_000_000
	for _, name := range []string{"iterative", "random", "flq"} {
		for _, full := range []int{0, 90, 99} {
			b.Run(fmt.Sprintf("%s/full=%d%%", name, full), func(b *testing.B) {
				p := wide(b, size)
				tab := using(b, allocators[name], p)
				ask := newAsker(p)
				for n := range size / 100 * full {
					if _, _, err := tab.Grant(ask.client(n, t0)); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				defer cpu(b)()
				for n := size; b.Loop(); n++ { // somebody new each time
					l, _, err := tab.Grant(ask.client(n, t0))
					if err != nil {
						b.Fatal(err)
					}
					if _, err := tab.Release(l.Resource, t0, ask.ids[0], ask.ids[1]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
