package lease

import "math/rand/v2"

// search finds the client a free resource.
func (a *attempt) search() (Seq, error) {
	stale := len(a.r.Pools) > 0
	for pools := a.r.Pools; len(pools) > 0; {
		n, first := 1, 0
		if pools[0].Allocator != Iterative {
			n, first = draw(pools)
		}
		for i := range n {
			p := a.t.sets.Load().cur.resolve(pools[(first+i)%n])
			if p == nil || p.Kind != a.me.kind {
				continue
			}
			stale = false
			if seq, err := a.pick(p); err != ErrNone {
				return seq, err
			}
		}
		pools = pools[n:]
	}
	if stale {
		return 0, ErrStale
	}
	return a.supplant()
}

// draw returns how many pools at the front are of one subnet, and which of them
// is to be asked first: where resources come in no order, pools do neither.
func draw(pools []*Pool) (n, first int) {
	for n = 1; n < len(pools) && pools[n].Subnet == pools[0].Subnet; n++ {
	}
	return n, rand.IntN(n)
}

// pick takes a free resource of the pool by its allocator.
func (a *attempt) pick(p *Pool) (Seq, error) {
	switch p.Allocator {
	case Random:
		return a.random(p)
	case FLQ:
		return a.queued(p)
	}
	return a.from(p, p.free.cursor.Load())
}

// from takes the next free resource at or after a place: as Kea's iterative
// allocator does, after the last one given.
func (a *attempt) from(p *Pool, begin uint64) (Seq, error) {
	seq, seen, err := a.scan(p, begin)
	for tries := 0; err == ErrNone && !seen && p.Free() > 0 && tries < 3; tries++ {
		seq, seen, err = a.scan(p, begin) // a bit on its way up the bitmap hid what is free
	}
	return seq, err
}

// scan goes once around the pool; seen says that something free was passed over.
func (a *attempt) scan(p *Pool, begin uint64) (seq Seq, seen bool, err error) {
	for i, around := begin, false; ; {
		j, ok := p.free.next(i)
		if around && (!ok || j >= begin) {
			return 0, seen, ErrNone
		}
		if !ok {
			i, around = 0, true
			continue
		}
		i, seen = j+1, true
		if a.keptFromMe(p.at(j)) || !p.free.take(j) {
			continue
		}
		p.free.cursor.Store(i)
		if seq, err = a.claimed(p, j); err != ErrOwner {
			return seq, seen, err
		}
	}
}

// supplant lets the oldest offer in the request's pools give way, once there is nothing
// that has run out.
func (a *attempt) supplant() (Seq, error) {
	tries := 0
	for _, p := range a.r.Pools {
		if p = a.t.sets.Load().cur.resolve(p); p != nil {
			tries += p.offers.len()
		}
	}
	if tries > 0 && !a.again {
		return 0, errOver
	}
	for ; tries > 0; tries-- {
		p := a.oldest()
		if p == nil {
			break
		}
		o, ok := p.offers.pop(func(uint32) bool { return true })
		if !ok {
			continue
		}
		k, ok := a.oust(o, p)
		if !ok {
			continue
		}
		if seq, err := a.give(&k, p); err != ErrOwner {
			return seq, err
		}
	}
	return 0, ErrNone
}

// oldest returns the pool with the oldest offer.
func (a *attempt) oldest() (first *Pool) {
	var at uint32
	for _, p := range a.r.Pools {
		if p = a.t.sets.Load().cur.resolve(p); p == nil || p.Kind != a.me.kind {
			continue
		}
		if o, ok := p.offers.oldest(); ok && (first == nil || o.at < at) {
			first, at = p, o.at
		}
	}
	return first
}

// oust ends the offer that a queue's entry stands for, if it still does and the
// client may have its resource.
func (a *attempt) oust(o offered, p *Pool) (k key, ok bool) {
	s := &a.t.shards[o.ref.shard()]
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.record(o.ref.slot())
	if r.flags&used == 0 || r.state != Offered || r.start != o.at {
		return k, false
	}
	k = r.key
	if _, in := p.slot(&k); !in {
		return k, false
	}
	if a.r.Reserved != nil && a.r.Reserved(k.resource()) {
		r.timer = p.offers.push(o)
		return k, false
	}
	a.t.withdraw(s, o.ref.slot(), r, a.t.hashKey(&k))
	return k, true
}
