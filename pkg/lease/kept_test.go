package lease

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

// A reservation may come and go while the pool is in use: a search does not find its
// address, and finds it again, unless somebody has it.
func TestKeepInUse(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.2")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	const first, second = "\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x02"
	tab.Keep(p, addr4("192.0.2.1"), true)
	tab.Keep(p, addr4("192.0.2.9"), true) // not of the pool
	if got := mustGrant(t, tab, v4("", first, p)); got != addr4("192.0.2.2") {
		t.Fatalf("given %v", got)
	}
	if _, _, err := tab.Offer(v4("", second, p)); !errors.Is(err, ErrNone) {
		t.Fatalf("the kept address was offered: %v", err)
	}
	tab.Keep(p, addr4("192.0.2.2"), true) // which the first client has
	tab.Keep(p, addr4("192.0.2.2"), false)
	if p.Free() != 0 {
		t.Errorf("%d free", p.Free())
	}
	tab.Keep(p, addr4("192.0.2.1"), false)
	if got := mustGrant(t, tab, v4("", second, p)); got != addr4("192.0.2.1") {
		t.Errorf("given %v", got)
	}
	check(t, tab)

	// of leases that end while their address is kept, nothing is free
	tab.Keep(p, addr4("192.0.2.2"), true)
	if _, err := tab.Release(addr4("192.0.2.2"), t0, Identity{Kind: ByHWAddr, ID: []byte(first)}); err != nil {
		t.Fatal(err)
	}
	if p.Free() != 0 {
		t.Errorf("%d free after a release", p.Free())
	}
	// and a pool of the same range that a reload brings has the marks of its own
	next := pool4(t, "192.0.2.1", "192.0.2.2")
	tab.Adopt([]*Pool{next})
	if next.Free() != 1 {
		t.Errorf("%d free after a reload", next.Free())
	}
	check(t, tab)
}

// Adopting the pools that are in use changes nothing of what they hold.
func TestAdoptTheSamePools(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.9")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	mustGrant(t, tab, v4("", "\x02\x00\x00\x00\x00\x01", p))
	tab.Adopt([]*Pool{p})
	if p.Free() != 8 || p.Stats().Assigned != 1 {
		t.Errorf("%d free, %+v", p.Free(), p.Stats())
	}
	check(t, tab)
}

// Marks that many set and clear at once end as the last of each says, while clients
// are served.
func TestKeepBesideClients(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.200")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	var w sync.WaitGroup
	for n := range 4 {
		w.Go(func() {
			for i := n; i < 200; i += 4 {
				for range 20 {
					tab.Keep(p, p.at(uint64(i)), true)
					tab.Keep(p, p.at(uint64(i)), false)
				}
				tab.Keep(p, p.at(uint64(i)), i%2 == 0)
			}
		})
	}
	w.Go(func() {
		for i := range 50 {
			hw := string([]byte{2, 0, 0, 0, 0, byte(i)})
			if got, _, err := tab.Grant(v4("", hw, p)); err == nil && i%2 == 0 {
				_, _ = tab.Release(got.Resource, t0, Identity{Kind: ByHWAddr, ID: []byte(hw)})
			}
		}
	})
	w.Wait()
	check(t, tab)
	if got := slices.Collect(p.kept.all); len(got) != 100 || got[0] != 0 || got[99] != 198 {
		t.Errorf("kept: %d, %v", len(got), got)
	}
	held := 0
	for _, i := range slices.Collect(p.free.allTaken) {
		if i%2 == 1 {
			held++
		}
	}
	if st := p.Stats(); p.Free() != 100-uint64(held) || st.Assigned < int64(held) {
		t.Errorf("%d free with %d held: %+v", p.Free(), held, st)
	}
}
