package topology

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

var hostKeys = rapid.Custom(func(t *rapid.T) Key {
	kind := rapid.SampledFrom([]IdentifierKind{HWAddress, ClientID}).Draw(t, "kind")
	return Key{Kind: kind, ID: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id")}
})

// drawLink is a network of subnets, with or without guards, whose prefixes may lie within each other, with
// reservations of few clients.
func drawLink(t *rapid.T) *Topology {
	guards := rapid.Just(Guard(nil))
	if rapid.Bool().Draw(t, "guarded") {
		guards = rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]classify.ID{classify.All, red}), 0, 1), func(g []classify.ID) Guard { return g })
	}
	net := &Network{Guard: guards.Draw(t, "guard")}
	top := &Topology{Identifiers: []IdentifierKind{HWAddress, ClientID}}
	for i := range uint32(rapid.IntRange(1, 6).Draw(t, "subnets")) {
		s := &Subnet{ID: 1 + i*7%11, Prefix: prefix4.Draw(t, "prefix"), Guard: guards.Draw(t, "guard"), ReserveIn: rapid.IntRange(0, 4).Draw(t, "reserve") > 0, Reservations: make(map[Key]*Reservation)}
		for n := range rapid.IntRange(0, 2).Draw(t, "pools") {
			a := netip.AddrFrom4([4]byte{172, 16, byte(i), byte(n)})
			p, err := lease.NewPool(lease.V4, s.ID, uint32(n), a, a, 32)
			if err != nil {
				t.Fatal(err)
			}
			s.Pools = append(s.Pools, &Pool{Lease: p, Guard: guards.Draw(t, "guard")})
		}
		for _, k := range rapid.SliceOfN(hostKeys, 0, 2).Draw(t, "hosts") {
			s.Reservations[k] = &Reservation{Key: k}
		}
		if rapid.IntRange(0, 5).Draw(t, "alone") > 0 {
			s.Network = net
			net.Subnets = append(net.Subnets, s)
		}
		top.Subnets = append(top.Subnets, s)
	}
	top.Freeze()
	return top
}

// TestWithinANetwork: what is looked up within a link by an index is what going through its subnets finds,
// also after single reservations were changed.
func TestWithinANetwork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := drawLink(t)
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			s := rapid.SampledFrom(top.Subnets).Draw(t, "of")
			k := hostKeys.Draw(t, "key")
			m := maps.Clone(s.Reservations)
			var gone, fresh []*Reservation
			if old := m[k]; old != nil {
				gone = append(gone, old)
				delete(m, k)
			}
			if rapid.Bool().Draw(t, "fresh") {
				m[k] = &Reservation{Key: k}
				fresh = append(fresh, m[k])
			}
			top = top.WithReservations(s.ID, m, gone, fresh)
		}
		s := rapid.SampledFrom(top.Subnets).Draw(t, "subnet")
		c := drawClasses(t)

		a := address4.Draw(t, "address")
		var want *Subnet
		for n := range s.Siblings(c) {
			if want == nil && given(a) && n.Prefix.Contains(a) {
				want = n
			}
		}
		if got := top.OnLink(s, a, c); given(a) && got != want {
			t.Fatalf("%v: %+v, want %+v", a, got, want)
		}

		var ids []Identifier
		for _, k := range rapid.SliceOfN(hostKeys, 0, 3).Draw(t, "identifiers") {
			ids = append(ids, Identifier{k.Kind, []byte(k.ID)})
		}
		var found, all []uint32
		for n := range s.Reserving(ids, c) {
			if top.Own(n, ids) != nil {
				found = append(found, n.ID)
			}
		}
		var pools []*lease.Pool
		for n := range s.Siblings(c) {
			if top.Own(n, ids) != nil {
				all = append(all, n.ID)
			}
			for _, p := range n.Pools {
				if p.Admits(c) {
					pools = append(pools, p.Lease)
				}
			}
		}
		if !slices.Equal(found, all) {
			t.Fatalf("reserved in %v, want %v", found, all)
		}
		if every := s.EveryPool(); every != nil && !slices.Equal(every, pools) {
			t.Fatalf("pools %v, want %v", every, pools)
		}
	})
}
