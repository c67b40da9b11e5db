package lease

import "time"

// Release ends a lease on its holder's word and keeps its history. by names
// all identities of the client: a lease that was given to a client identifier is
// ended by that one only, unless the client names none.
func (t *Table) Release(res Resource, now time.Time, by ...Identity) (Seq, error) {
	k := res.key()
	return t.with(&k, by, func(s *shard, slot uint32, r *record, h uint64) Seq {
		return t.release(s, slot, r, h, seconds(now))
	})
}

// Decline puts a resource that its holder found in use elsewhere out of service
// for DeclineProbation. Who declined it has no part in it any more, as in Kea. by is as
// for Release.
func (t *Table) Decline(res Resource, now time.Time, by ...Identity) (Seq, error) {
	k := res.key()
	return t.with(&k, by, func(s *shard, slot uint32, r *record, h uint64) Seq {
		pl := t.places(shardOf(h), &k)
		t.count(&k, r.subnet, &pl, Stats{Declined: 1})
		l := Lease{
			Resource: res, Subnet: r.subnet, Pool: r.pool, State: Declined,
			Start: now, Valid: time.Duration(t.probation.Load()) * time.Second,
		}
		was := t.before(s, r)
		t.write(makeRef(shardOf(h), slot), s, r, &l, nil)
		r.seq = uint64(t.store.Append(Change{Lease: s.show(r)}))
		t.ended(was, Seq(r.seq))
		s.wake(slot, r, t.deadline(r))
		return Seq(r.seq)
	})
}

// with calls end for a lease in force that one client holds, with its locks held.
func (t *Table) with(k *key, by []Identity, end func(*shard, uint32, *record, uint64) Seq) (Seq, error) {
	if err := t.ready(); err != nil {
		return 0, err
	}
	me := who(k.kind(), by)
	h := t.hashKey(k)
	s := &t.shards[shardOf(h)]
	for {
		s.mu.Lock()
		_, r := s.lease(uint32(h), k)
		if r == nil {
			s.mu.Unlock()
			return 0, ErrUnknown
		}
		z := t.owner(s, r)
		s.mu.Unlock()

		z.lock(t)
		s.mu.Lock()
		slot, r := s.lease(uint32(h), k)
		if r != nil && t.owner(s, r) != z { // another's by now
			s.mu.Unlock()
			z.unlock(t)
			continue
		}
		seq, err := Seq(0), ErrUnknown
		switch {
		case r == nil || r.state.free():
		case r.state != Leased || !me.owns(s, r):
			err = ErrOwner
		default:
			seq, err = end(s, slot, r, h), nil
		}
		s.mu.Unlock()
		z.unlock(t)
		return seq, err
	}
}

// owner returns the locks of the client that r belongs to.
func (t *Table) owner(s *shard, r *record) stripes {
	b := s.arena.read(r)
	e := t.entrances(r.key.kind(), r.iaid, &b, nil)
	return e.stripes()
}
