package lease

// search finds the client a free resource.
func (a *attempt) search() (Seq, error) {
	stale := len(a.r.Pools) > 0
	for _, p := range a.r.Pools {
		p = a.t.sets.Load().cur.resolve(p)
		if p == nil || p.Kind != a.me.kind {
			continue
		}
		stale = false
		if seq, err := a.from(p); err != ErrNone {
			return seq, err
		}
	}
	if stale {
		return 0, ErrStale
	}
	return a.supplant()
}

// from takes the next free resource after the last one given, as Kea's iterative
// allocator does.
func (a *attempt) from(p *Pool) (Seq, error) {
	seq, seen, err := a.scan(p)
	for tries := 0; err == ErrNone && !seen && p.Free() > 0 && tries < 3; tries++ {
		seq, seen, err = a.scan(p) // a bit on its way up the bitmap hid what is free
	}
	return seq, err
}

// scan goes once around the pool; seen says that something free was passed over.
func (a *attempt) scan(p *Pool) (seq Seq, seen bool, err error) {
	begin := p.free.cursor.Load()
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
		res := p.at(j)
		if a.r.Reserved != nil && a.r.Reserved(res) || !p.free.take(j) {
			continue
		}
		p.free.cursor.Store(i)
		k := res.key()
		if seq, err = a.give(&k, p); err != ErrOwner {
			return seq, seen, err
		}
	}
}

// supplant lets the oldest offer in the request's pools give way.
func (a *attempt) supplant() (Seq, error) {
	tries := 0
	for _, p := range a.r.Pools {
		if p = a.t.sets.Load().cur.resolve(p); p != nil {
			tries += p.offers.len()
		}
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
