package lease

import (
	"iter"
	"unsafe"
)

// Find returns the lease or offer that the client has, or had, as Grant would
// find it, and its Seq, and changes nothing. Identifiers are those of r; host name
// and context are left out, so that nothing is allocated.
func (t *Table) Find(r *Request) (Lease, Seq, bool) {
	a := attempt{t: t, r: r, now: seconds(r.Now)}
	a.identify()
	if r.Hint.known() {
		a.hint = r.Hint.key()
	}
	a.locked.lock(t)
	defer a.locked.unlock(t)
	a.lookup()
	if a.best.rank == none {
		return Lease{}, 0, false
	}
	k := &a.best.key
	h := t.hashKey(k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, offer := s.find(uint32(h), k)
	if a.best.rank == held {
		slot = offer
	}
	rec := s.at(slot)
	if rec == nil {
		return Lease{}, 0, false // supplanted since
	}
	l := *s.show(rec)
	l.ClientID, l.HWAddr, l.DUID = r.Lease.ClientID, r.Lease.HWAddr, r.Lease.DUID
	l.Hostname, l.UserContext = "", nil
	seq := Seq(rec.seq)
	if l.State == Offered {
		seq = 0
	}
	return l, seq, true
}

// A Standing is what a client is to a resource.
type Standing uint8

// The standings.
const (
	Free  Standing = iota // nobody's, or of somebody whose time is over
	Mine                  // leased to the client, for the time being or until a moment ago
	Taken                 // somebody else's, offers included, or not to be had by the client
)

// Stands says what Grant would find at a resource that the client of r names, and
// changes nothing. With Mine it returns a copy of the lease and its Seq.
func (t *Table) Stands(r *Request, res Resource) (Standing, Lease, Seq) {
	a := attempt{t: t, r: r, now: seconds(r.Now)}
	a.identify()
	k := res.key()
	h := t.hashKey(&k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	lslot, oslot := s.find(uint32(h), &k)
	if o := s.at(oslot); o != nil && !a.owns(s, o) && t.open(o.start, a.now) {
		return Taken, Lease{}, 0
	}
	l := s.at(lslot)
	switch {
	case l == nil || l.state.free():
		return Free, Lease{}, 0
	case l.state == Leased && a.owns(s, l):
		if !a.inSet(l) || !a.fits(l) {
			return Taken, Lease{}, 0
		}
		return Mine, s.show(l).copy(), Seq(l.seq)
	case later(l.start, l.valid) <= a.now:
		return Free, Lease{}, 0 // Grant ends it first
	}
	return Taken, Lease{}, 0
}

// InForce reports whether a resource is leased or out of service.
func (t *Table) InForce(res Resource) bool {
	k := res.key()
	h := t.hashKey(&k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	_, r := s.lease(uint32(h), &k)
	return r != nil && !r.state.free()
}

// ByResource returns a copy of the lease of a resource, in whatever state; offers
// are not leases.
func (t *Table) ByResource(res Resource) (Lease, bool) {
	k := res.key()
	h := t.hashKey(&k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	_, r := s.lease(uint32(h), &k)
	if r == nil {
		return Lease{}, false
	}
	return s.show(r).copy(), true
}

// ByIdentity returns copies of all leases of a client, in all subnets and states,
// offers left out.
func (t *Table) ByIdentity(id Identity) (all []Lease) {
	for _, at := range t.candidates(id.Kind, t.hash(id.Kind, id.For, id.IAID, id.ID), nil) {
		s := &t.shards[at.shard()]
		s.mu.Lock()
		r := s.record(at.slot())
		if b := s.arena.read(r); r.flags&used != 0 && r.state != Offered && r.named(&id, &b) {
			all = append(all, s.show(r).copy())
		}
		s.mu.Unlock()
	}
	return all
}

// All yields every lease, offers left out. Each is consistent in itself; the whole is
// not one moment's picture. The Lease is valid until the next one is yielded. No lock is held
// while it is looked at.
func (t *Table) All() iter.Seq[*Lease] {
	return func(yield func(*Lease) bool) {
		var b batch
		for i := range t.shards {
			for first := uint32(0); b.read(&t.shards[i], first); first += chunk {
				for j := range b.n {
					if !yield(&b.of[j]) {
						return
					}
				}
			}
		}
	}
}

// A batch is copies of one chunk of records.
type batch struct {
	of  [chunk]Lease
	n   int
	mem []byte
}

// read copies the leases of the chunk that begins at slot first; false: there is none.
func (b *batch) read(s *shard, first uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first >= s.next {
		return false
	}
	b.n, b.mem = 0, b.mem[:0]
	for slot := first; slot < min(first+chunk, s.next); slot++ {
		r := s.record(slot)
		if r.flags&used == 0 || r.state == Offered {
			continue
		}
		l := &b.of[b.n]
		s.arena.show(r, l)
		l.ClientID, l.HWAddr, l.DUID = b.keep(l.ClientID), b.keep(l.HWAddr), b.keep(l.DUID)
		l.UserContext = b.keep(l.UserContext)
		host := b.keep(unsafe.Slice(unsafe.StringData(l.Hostname), len(l.Hostname)))
		l.Hostname = unsafe.String(unsafe.SliceData(host), len(host))
		b.n++
	}
	return true
}

// keep copies v into the batch's memory. When that grows, what was kept before
// stays where it is.
func (b *batch) keep(v []byte) []byte {
	if len(v) == 0 {
		return nil
	}
	b.mem = append(b.mem, v...)
	return b.mem[len(b.mem)-len(v) : len(b.mem) : len(b.mem)]
}
