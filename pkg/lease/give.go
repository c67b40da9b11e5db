package lease

import (
	"bytes"
	"time"
)

// given is one resource that an attempt has its hand on, under its shard's lock.
type given struct {
	*attempt
	k key
	h uint64

	oslot, lslot uint32 // its offer and its lease, or noSlot
	settled      bool   // the lease's context is made
}

// decide settles who holds the resource: this is the one place where it is done. from
// is the pool where it was claimed by search; nil: it was not.
func (g *given) decide(from *Pool) (Seq, error) {
	if g.o() != nil && !g.owns(g.s(), g.o()) {
		if g.t.open(g.o().start, g.now) {
			return 0, ErrOwner
		}
		g.t.withdraw(g.s(), g.oslot, g.o(), g.h)
		g.oslot = noSlot
	}
	if l := g.l(); l != nil && !l.state.free() {
		switch {
		case l.state == Leased && g.owns(g.s(), l):
			return g.mine()
		case !g.again && g.k == g.hint && g.t.overdue(l, g.now, false):
			return 0, errOver
		}
		return 0, ErrOwner
	}
	p := from
	if p == nil {
		if p = g.pool(&g.k); p == nil && !(g.r.Fixed && g.k == g.hint) {
			return 0, ErrNone
		}
		if p != nil && !g.allowed() {
			return 0, ErrNone
		}
	}
	if p != nil && !g.current(p) {
		return 0, ErrStale
	}
	return g.take(p)
}

// allowed reports whether a resource that the client names may be given to it.
func (g *given) allowed() bool {
	if g.r.Fixed && g.k == g.hint || g.r.Reserved == nil {
		return true
	}
	return !g.r.Reserved(g.k.resource())
}

// current reports whether a resource of the request's pool p may be given under
// the configuration that is in force now.
func (g *given) current(p *Pool) bool {
	cur := g.t.sets.Load().cur
	if p.set.Load() == cur {
		return true
	}
	q, _ := cur.find(&g.k)
	return q != nil && q.Subnet == p.Subnet
}

// mine goes on with a lease that the client has.
func (g *given) mine() (Seq, error) {
	l := g.l()
	if !g.inSet(l) || !g.fits(l) {
		return 0, ErrNone
	}
	p := g.pool(&g.k)
	if p != nil && !g.current(p) {
		return 0, ErrStale
	}
	if end := later(l.start, l.valid); g.offer && end > g.now {
		g.shape(p, l, Leased, l.start)
		if g.r.Store == 0 || end > later(g.now, lifetime(g.r.Store)) {
			if g.r.MaxAge > 0 {
				g.context(l)
				g.reuse(l)
			}
			return Seq(l.seq), nil
		}
	}
	return g.take(p)
}

// take gives the client what is free or its own.
func (g *given) take(p *Pool) (Seq, error) {
	if !g.offer {
		return g.grant(p)
	}
	g.shape(p, g.l(), Offered, g.now)
	if g.r.Store > 0 {
		return g.grant(p)
	}
	return 0, g.keep(p)
}

// shape fills in the request's lease.
func (g *given) shape(p *Pool, had *record, st State, start uint32) {
	l := &g.r.Lease
	g.r.Held, g.r.Remain = had != nil && !had.state.free(), 0
	if g.r.Held {
		g.r.Remain = remain(had, g.now)
	}
	l.Resource, l.State, l.Start = g.k.resource(), st, moment(start)
	switch {
	case p != nil:
		l.Subnet, l.Pool = p.Subnet, p.ID
	case had != nil && !had.state.free():
		l.Subnet, l.Pool = had.subnet, had.pool
	default:
		l.Pool = 0
	}
	if g.r.Shape != nil {
		g.r.Shape(l)
	}
}

// remain returns how long a lease still lasts.
func remain(r *record, now uint32) time.Duration {
	switch end := later(r.start, r.valid); {
	case end == forever:
		return Infinite
	case end > now:
		return time.Duration(end-now) * time.Second
	}
	return 0
}

// reuse reports whether the client's lease is given as it is: it is young enough, and
// nothing but its time would be another.
func (g *given) reuse(had *record) bool {
	r, l := g.r, &g.r.Lease
	if r.MaxAge == 0 || had.state != Leased || g.now < had.start || g.now-had.start > lifetime(r.MaxAge) || later(had.start, had.valid) <= g.now {
		return false
	}
	b, old := l.blob(), g.s().arena.read(had)
	r.Reused = had.valid == lifetime(l.Valid) && had.subnet == l.Subnet && had.pool == l.Pool && had.iaid == l.IAID &&
		had.preferred == lifetime(l.Preferred) && had.hwType == l.HWType && had.hwSource == l.HWSource &&
		(had.flags&fwdDNS != 0) == l.FwdDNS && (had.flags&revDNS != 0) == l.RevDNS &&
		bytes.Equal(old.id, b.id) && bytes.Equal(old.hw, b.hw) && bytes.Equal(old.host, b.host) && bytes.Equal(old.ctx, b.ctx)
	if r.Reused {
		l.Start = moment(had.start)
	}
	return r.Reused
}

// keep makes or renews an offer. Its lease has its shape already.
func (g *given) keep(p *Pool) error {
	o, slot := g.o(), g.oslot
	pl := g.t.places(g.shard(), &g.k)
	if o == nil {
		limit := int(g.t.maxOffers.Load())
		if !g.t.sources.admit(g.r.Source, limit) {
			return ErrLimit
		}
		var ok bool
		if slot, o, ok = g.s().add(&g.k); !ok {
			g.t.sources.leave(g.r.Source, limit)
			return ErrNone
		}
		o.state, o.seq = Offered, g.r.Source
		g.s().index.add(uint32(g.h), g.ref(slot))
		g.s().offers++
		pl.countOffer(1)
	} else {
		pl.queue(g.t).drop(o.timer, offered{o.start, g.ref(slot)})
	}
	g.name(o, slot)
	o.start = g.now
	o.subnet, o.pool = g.r.Lease.Subnet, g.r.Lease.Pool
	g.push(o, slot, &pl)
	g.into = pl[0].p
	pl.settle(true)
	return nil
}

// push enters an offer behind all others of its pools.
func (g *given) push(o *record, slot uint32, pl *places) {
	e := offered{o.start, g.ref(slot)}
	o.timer = pl.queue(g.t).push(e)
	if p := pl[1].p; p != nil && pl[0].p != nil {
		p.offers.push(e)
	}
}

// name makes an offer that of the one who asks now: a client that named no
// identifier before may do so now, and then no other client with its hardware address is meant.
func (g *given) name(o *record, slot uint32) {
	l := &g.r.Lease
	b := l.blob()
	b.host, b.ctx = nil, nil
	old := g.s().arena.read(o)
	o.hwType = l.HWType
	if o.iaid == l.IAID && bytes.Equal(old.id, b.id) && bytes.Equal(old.hw, b.hw) {
		return
	}
	out := g.t.entrances(o.key.kind(), o.iaid, &old, nil)
	g.t.leave(&out, g.ref(slot))
	o.iaid = l.IAID
	g.s().arena.write(o, &b)
	in := &g.ins
	if g.r.ByHWAddr != nil { // Shape may have taken the identifier away
		e := g.t.entrances(o.key.kind(), o.iaid, &b, &g.hashes)
		in = &e
	}
	g.t.enter(in, g.ref(slot))
}

// grant makes or extends a lease, or one that is an offer.
func (g *given) grant(p *Pool) (Seq, error) {
	l := g.l()
	g.shape(p, l, Leased, g.now)
	if g.offer {
		g.r.Lease.Valid, g.r.Lease.FwdDNS, g.r.Lease.RevDNS = g.r.Store, false, false
	}
	g.context(l)
	if b := g.r.Lease.blob(); !b.fits() {
		return 0, ErrTooLong
	}
	if g.r.MaxAge > 0 && l != nil && !g.offer && g.reuse(l) {
		if g.o() != nil {
			g.t.withdraw(g.s(), g.oslot, g.o(), g.h)
		}
		return Seq(l.seq), nil
	}
	fresh := l == nil
	pl := g.t.places(g.shard(), &g.k)
	switch {
	case g.o() != nil && fresh:
		g.promote(&pl)
	case g.o() != nil:
		g.t.withdraw(g.s(), g.oslot, g.o(), g.h)
		g.oslot = noSlot
	case fresh:
		slot, l, ok := g.s().add(&g.k)
		if !ok {
			return 0, ErrNone
		}
		l.state = Released
		g.s().index.add(uint32(g.h), g.ref(slot))
		g.lslot = slot
	}
	l = g.l()
	was, subnet := l.state, l.subnet
	before := g.t.before(g.s(), l)
	if g.t.write(g.ref(g.lslot), g.s(), l, &g.r.Lease, &g.hashes) || fresh {
		l.seq = uint64(g.t.store.Append(Change{Lease: g.s().show(l)}))
		g.named(before, Seq(l.seq))
	}
	g.s().wake(g.lslot, l, g.t.deadline(l))
	g.book(was, subnet, l.subnet, &pl)
	return Seq(l.seq), nil
}

// promote makes the record of an offer that of the lease that is granted on it:
// it is found by the same key and identities, so the indexes stay as they are.
func (g *given) promote(pl *places) {
	o := g.o()
	g.t.unoffer(g.s(), g.oslot, o, g.h, pl)
	o.state, o.seq, o.timer = Released, 0, 0
	g.lslot, g.oslot = g.oslot, noSlot
}

// book counts a grant.
func (g *given) book(was State, from, to uint32, pl *places) {
	if !was.free() && from == to {
		return
	}
	if !was.free() { // the subnet has another number now
		g.t.count(&g.k, from, &places{}, Stats{Assigned: -1})
		g.t.count(&g.k, to, &places{}, Stats{Assigned: 1})
		return
	}
	g.t.count(&g.k, to, pl, Stats{Assigned: 1, Cumulative: 1})
	pl.settle(true)
}

// s is worked out each time rather than kept: what Store.Append is shown belongs to
// the shard, and a field here would make the compiler believe that the whole
// attempt goes there with it, and move it to the heap. For the same reason
// the offer and the lease are kept as slots.
func (g *given) s() *shard { return &g.t.shards[shardOf(g.h)] }

// o returns the resource's offer, nil if there is none, and l its lease.
func (g *given) o() *record { return g.s().at(g.oslot) }
func (g *given) l() *record { return g.s().at(g.lslot) }

func (g *given) shard() uint32       { return shardOf(g.h) }
func (g *given) ref(slot uint32) ref { return makeRef(g.shard(), slot) }
func (g *given) settle()             { g.t.settle(g.s(), &g.k, g.h) }

// settle brings the bitmaps in line with the records of a resource. Every path that
// claimed a resource or changed who holds it ends here or in places.settle.
func (t *Table) settle(s *shard, k *key, h uint64) {
	lslot, oslot := s.find(uint32(h), k)
	l := s.at(lslot)
	pl := t.places(shardOf(h), k)
	pl.settle(oslot != noSlot || l != nil && !l.state.free())
}

// countOffer counts in pools alone.
func (pl *places) countOffer(n int64) {
	for _, at := range pl {
		if at.p != nil {
			at.p.counts.offers.Add(n)
		}
	}
}

// withdraw ends an offer; the bitmaps are the caller's to settle.
func (t *Table) withdraw(s *shard, slot uint32, o *record, h uint64) {
	at := makeRef(shardOf(h), slot)
	b := s.arena.read(o)
	out := t.entrances(o.key.kind(), o.iaid, &b, nil)
	t.leave(&out, at)
	pl := t.places(shardOf(h), &o.key)
	t.unoffer(s, slot, o, h, &pl)
	s.index.remove(uint32(h), at)
	s.drop(slot)
}

// unoffer takes a record out of what concerns offers alone.
func (t *Table) unoffer(s *shard, slot uint32, o *record, h uint64, pl *places) {
	pl.queue(t).drop(o.timer, offered{o.start, makeRef(shardOf(h), slot)})
	pl.countOffer(-1)
	t.sources.leave(o.seq, int(t.maxOffers.Load()))
	s.offers--
}

// release ends a lease in force and leaves its history, if any is kept: it then says how long it
// lasted, never less than a second, since Kea reads a lifetime of zero as removal.
func (t *Table) release(s *shard, slot uint32, r *record, h uint64, now uint32) Seq {
	k := r.key
	pl := t.places(shardOf(h), &k)
	t.count(&k, r.subnet, &pl, negative(inForce(r.state)))
	was := t.before(s, r)
	if t.history.Load() == 0 || t.dropReleased.Load() {
		r.state = Released
		seq := t.store.Append(Change{Lease: s.show(r), Remove: true})
		t.ended(was, seq)
		t.forget(s, slot, r, h)
		t.settle(s, &k, h)
		return seq
	}
	r.state, r.start = Released, min(r.start, now)
	r.valid, r.preferred = max(now-r.start, 1), 0
	r.flags &^= inDNS
	seq := t.store.Append(Change{Lease: s.show(r)})
	r.seq = uint64(seq)
	t.ended(was, seq)
	s.wake(slot, r, t.deadline(r))
	t.settle(s, &k, h)
	return seq
}

// lapse ends at most n offers of a queue whose time is over.
func (t *Table) lapse(q *queue, now uint32, n int) (ended int) {
	for range n {
		o, ok := q.pop(func(at uint32) bool { return !t.open(at, now) })
		if !ok {
			break
		}
		s := &t.shards[o.ref.shard()]
		s.mu.Lock()
		if r := s.record(o.ref.slot()); r.flags&used != 0 && r.state == Offered && r.start == o.at {
			k := r.key
			h := t.hashKey(&k)
			t.withdraw(s, o.ref.slot(), r, h)
			t.settle(s, &k, h)
			ended++
		}
		s.mu.Unlock()
	}
	return ended
}
