package lease

import (
	"slices"
	"testing"
)

// fataler is what testing.TB and rapid.T share.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

var _ fataler = (*testing.T)(nil)

// check holds a table that nobody uses to what must be true of it: every index
// leads to every record once and to nothing else, and the bitmaps, the counts and the timers
// say what the records say.
func check(t fataler, tab *Table) {
	t.Helper()
	entered, held := 0, make(map[Resource]bool)
	assigned, offers := make(map[subnetKind]int64), make(map[uint64]int)
	for i := range tab.shards {
		s := &tab.shards[i]
		leases, open := 0, 0
		for slot := range s.next {
			r := s.record(slot)
			if r.flags&used == 0 {
				continue
			}
			h := tab.hashKey(&r.key)
			if shardOf(h) != uint32(i) {
				t.Fatalf("%v stands in the wrong shard", r.key.resource())
			}
			if r.state == Offered {
				open++
				if r.seq != 0 {
					offers[r.seq]++
				}
			} else {
				leases++
			}
			at, offer := s.find(uint32(h), &r.key)
			if r.state == Offered {
				at = offer
			}
			if at != slot {
				t.Fatalf("%v is not where its index says", r.key.resource())
			}
			b := s.arena.read(r)
			e := tab.entrances(r.key.kind(), r.iaid, &b, nil)
			for _, d := range e.of[:e.n] {
				entered++
				n := 0
				for _, at := range tab.candidates(d.kind, d.h, nil) {
					if at == makeRef(uint32(i), slot) {
						n++
					}
				}
				if n != 1 {
					t.Fatalf("%v is entered %d times under identity %d", r.key.resource(), n, d.kind)
				}
			}
			if !r.state.free() {
				held[r.key.resource()] = true
			}
			if r.state == Leased || r.state == Declined {
				assigned[subnetKind{r.subnet, r.key.kind()}]++
			}
			if end := tab.deadline(r); r.state != Offered && end != forever && (r.timer == 0 || r.timer > max(end, 1)) {
				t.Fatalf("%v ends at %d and is looked at at %d", r.key.resource(), end, r.timer)
			}
		}
		if s.index.n != leases+open || s.offers != open {
			t.Fatalf("shard %d: %d leases, %d offers; its index has %d, its count of offers is %d", i, leases, open, s.index.n, s.offers)
		}
	}
	n := 0
	for k := range tab.identities {
		for i := range tab.identities[k] {
			n += tab.identities[k][i].x.n
		}
	}
	if n != entered {
		t.Fatalf("identity indexes have %d entries, records %d", n, entered)
	}
	for id, c := range tab.subnets {
		if got := c.stats().Assigned; got != assigned[id] {
			t.Fatalf("subnet %v counts %d leases, has %d", id, got, assigned[id])
		}
	}
	for source, n := range tab.sources.n {
		if offers[source] != n {
			t.Fatalf("source %d counts %d offers, has %d", source, n, offers[source])
		}
	}
	for _, p := range tab.sets.Load().cur.pools {
		checkPool(t, p, held)
	}
}

// checkPool compares a pool's bitmap with what is held.
func checkPool(t fataler, p *Pool, held map[Resource]bool) {
	t.Helper()
	n := uint64(len(slices.Collect(p.kept.all)))
	for res := range held {
		k := res.key()
		if i, ok := p.slot(&k); ok {
			if !p.kept.has(i) {
				n++
			}
			if j, ok := p.free.next(i); ok && j == i && !p.sparse {
				t.Fatalf("%v is held and free", res)
			}
		}
	}
	if p.sparse {
		return
	}
	if p.Free() != p.Size()-n {
		t.Fatalf("pool %v-%v: %d free, %d held of %d", p.First, p.Last, p.Free(), n, p.Size())
	}
	if n > 1<<16 || p.Size() > 1<<16 {
		return
	}
	found := uint64(0)
	for i := uint64(0); ; i++ {
		j, ok := p.free.next(i)
		if !ok {
			break
		}
		found, i = found+1, j
	}
	if found != p.Free() {
		t.Fatalf("pool %v-%v: %d can be found, %d are free", p.First, p.Last, found, p.Free())
	}
	if p.line != nil {
		checkLine(t, p)
	}
}

// checkLine compares what may be picked from a free lease queue with what is free.
func checkLine(t fataler, p *Pool) {
	t.Helper()
	l := p.line
	in := make(map[uint64]bool)
	for at, prev := l.first, uint32(0); at != 0; at, prev = l.link(at-1).next, at {
		i := uint64(at - 1)
		if in[i] || l.link(at-1).prev != prev {
			t.Fatalf("place %d stands in line twice or behind another", i)
		}
		in[i] = true
	}
	for i := range p.Size() {
		free, isFree := p.free.next(i)
		fresh, isFresh := l.fresh.next(i)
		isFree, isFresh = isFree && free == i, isFresh && fresh == i
		if isFree != (isFresh || in[i]) || isFresh && in[i] {
			t.Fatalf("place %d: free %v, fresh %v, in line %v", i, isFree, isFresh, in[i])
		}
	}
}
