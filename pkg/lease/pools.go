package lease

import (
	"slices"
	"sync/atomic"
)

// A poolSet is the pools of one configuration, by place.
type poolSet struct {
	pools []*Pool
	byKey [PD + 1][]*Pool // ascending by first address
	spans map[span]*Pool
}

func newPoolSet(pools []*Pool) *poolSet {
	c := &poolSet{pools: pools, spans: make(map[span]*Pool, len(pools))}
	for _, p := range pools {
		c.byKey[p.Kind] = append(c.byKey[p.Kind], p)
		c.spans[p.span()] = p
	}
	for _, of := range c.byKey {
		slices.SortFunc(of, func(p, q *Pool) int {
			switch {
			case p.first.less(q.first):
				return -1
			case q.first.less(p.first):
				return 1
			}
			return 0
		})
	}
	return c
}

// find returns the pool that a resource belongs to and its place there.
func (c *poolSet) find(k *key) (*Pool, uint64) {
	of, a := c.byKey[k.kind()], k.addr()
	lo, hi := 0, len(of) // the last pool that begins at or before a
	for lo < hi {
		if m := (lo + hi) / 2; a.less(of[m].first) {
			hi = m
		} else {
			lo = m + 1
		}
	}
	if lo == 0 {
		return nil, 0
	}
	if i, ok := of[lo-1].slot(k); ok {
		return of[lo-1], i
	}
	return nil, 0
}

// resolve returns the pool of the set that stands for p: itself, or the one of the
// same subnet and range; nil: there is none.
func (c *poolSet) resolve(p *Pool) *Pool {
	if p.set.Load() == c {
		return p
	}
	return c.spans[p.span()]
}

// sets are the pools in use and, while Adopt runs, those that come next. What
// happens to a resource is noted in both, in the next ones from the moment
// that Adopt has read the resource's shard.
type sets struct {
	cur, next *poolSet
	read      *[shards]bool // each under its shard's lock
}

// A place is where a resource stands in a pool.
type place struct {
	p *Pool
	i uint64
}

// places are the pools that must hear of what happens to a resource. They are looked
// up, used and forgotten under the lock of its shard.
type places [2]place

func (t *Table) places(shard uint32, k *key) (pl places) {
	s := t.sets.Load()
	pl[0].p, pl[0].i = s.cur.find(k)
	if s.next != nil && s.read[shard] {
		if p, i := s.next.find(k); p != pl[0].p {
			pl[1] = place{p, i}
		}
	}
	return pl
}

// queue returns where an offer of the resource has its entry.
func (pl *places) queue(t *Table) *queue {
	for _, at := range pl {
		if at.p != nil {
			return &at.p.offers
		}
	}
	return &t.outside
}

// settle makes the bitmaps say whether the resource is held.
func (pl *places) settle(held bool) {
	for _, at := range pl {
		if at.p == nil {
			continue
		}
		if at.p.kept.has(at.i) {
			continue // it is never free
		}
		switch {
		case held:
			at.p.take(at.i)
		default:
			at.p.put(at.i)
		}
	}
}

// Adopt makes pools the current ones, in one step for all workers, and returns how
// many leases in force lie outside of them all. Requests that name pools
// of before go on where the same range is still there, and get ErrStale otherwise.
func (t *Table) Adopt(pools []*Pool) (outside int) {
	t.adopt.Lock()
	defer t.adopt.Unlock()
	old := t.sets.Load().cur
	if len(pools) > 0 && slices.Equal(old.pools, pools) {
		return 0 // nothing but reservations has changed
	}
	next := newPoolSet(slices.Clone(pools))
	for _, p := range next.pools {
		if p.set.Load() != old {
			p.begin(old.spans[p.span()])
			p.subnet = t.subnet(p.Subnet, p.Kind)
		}
	}
	read := new([shards]bool)
	t.sets.Store(&sets{cur: old, next: next, read: read})
	for i := range t.shards {
		outside += t.fill(uint32(i), old, next, read)
	}
	for _, p := range next.pools {
		p.set.Store(next)
	}
	t.sets.Store(&sets{cur: next})
	return outside
}

// fill enters what one shard holds into the next pools, those left out that are
// in use already.
func (t *Table) fill(shard uint32, old, next *poolSet, read *[shards]bool) (outside int) {
	s := &t.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	read[shard] = true
	for slot := range s.next {
		r := s.record(slot)
		if r.flags&used == 0 || r.state.free() {
			continue
		}
		p, i := next.find(&r.key)
		switch {
		case p == nil && r.state != Offered:
			outside++
		case p == nil:
			if was, _ := old.find(&r.key); was != nil { // its entry goes with the pool
				r.timer = t.outside.push(offered{r.start, makeRef(shard, slot)})
			}
		case p == nil || p.set.Load() == old:
		case r.state == Offered:
			p.take(i)
			r.timer = p.offers.push(offered{r.start, makeRef(shard, slot)})
			p.counts.offers.Add(1)
		default:
			p.take(i)
			d := inForce(r.state)
			p.counts.add(&d)
		}
	}
	return outside
}

// begin makes p a pool in which everything is free and that goes on where the
// pool of the same range, if there was one, left off.
func (p *Pool) begin(before *Pool) {
	p.free.reset(p.Size())
	if p.line != nil {
		p.line = newLine(p.Size())
	}
	for i := range p.kept.all {
		p.free.take(i)
		if p.line != nil {
			p.line.fresh.take(i)
		}
	}
	p.offers.clear()
	p.counts.clear()
	if before != nil {
		p.free.cursor.Store(before.free.cursor.Load())
		p.counts.inherit(&before.counts)
	}
}

// counts are Stats in the making.
type counts struct {
	assigned, declined, cumulative, reclaimed, reclaimedDeclined, offers atomic.Int64
}

// Stats are the counts of a subnet or a pool.
type Stats struct {
	Assigned          int64 // leases in force, declined ones among them
	Declined          int64
	Cumulative        int64 // leases given since the start, extensions left out
	Reclaimed         int64 // leases that ran out since the start, declined ones among them
	ReclaimedDeclined int64
	Offers            int64 // open now
}

func (c *counts) add(d *Stats) {
	add := func(a *atomic.Int64, n int64) {
		if n != 0 {
			a.Add(n)
		}
	}
	add(&c.assigned, d.Assigned)
	add(&c.declined, d.Declined)
	add(&c.cumulative, d.Cumulative)
	add(&c.reclaimed, d.Reclaimed)
	add(&c.reclaimedDeclined, d.ReclaimedDeclined)
	add(&c.offers, d.Offers)
}

func (c *counts) stats() Stats {
	return Stats{
		Assigned: c.assigned.Load(), Declined: c.declined.Load(), Cumulative: c.cumulative.Load(),
		Reclaimed: c.reclaimed.Load(), ReclaimedDeclined: c.reclaimedDeclined.Load(), Offers: c.offers.Load(),
	}
}

func (c *counts) clear() {
	c.assigned.Store(0)
	c.declined.Store(0)
	c.cumulative.Store(0)
	c.reclaimed.Store(0)
	c.reclaimedDeclined.Store(0)
	c.offers.Store(0)
}

// inherit takes over what was counted since the start; what is counted now is
// found in the records.
func (c *counts) inherit(from *counts) {
	c.cumulative.Store(from.cumulative.Load())
	c.reclaimed.Store(from.reclaimed.Load())
	c.reclaimedDeclined.Store(from.reclaimedDeclined.Load())
}

// Stats returns the pool's counts.
func (p *Pool) Stats() Stats { return p.counts.stats() }

// inForce returns what a lease in state s adds to the counts of those in force.
func inForce(s State) (d Stats) {
	if !s.free() {
		d.Assigned = 1
	}
	if s == Declined {
		d.Declined = 1
	}
	return d
}
