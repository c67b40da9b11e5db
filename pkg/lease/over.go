package lease

import (
	"errors"
	"time"
)

// errOver says that leases whose time is over have to be ended before an attempt goes on: one
// holds what the request names, or else an open offer would have to give way.
var errOver = errors.New("lease: leases that are over may still be there")

// overdue reports whether a record is a lease in force whose time is over, and which nobody
// is about to end. again has one count too that a Lapse has put off.
func (t *Table) overdue(r *record, now uint32, again bool) bool {
	return !r.state.free() && t.deadline(r) <= now && r.timer != 0 && (r.timer <= now || again)
}

// A leaving is a lease or a history whose time is over, on its way out: its entry in the
// timers is gone, so that nobody else comes upon it, and nobody is told of it twice.
type leaving struct {
	shard, slot uint32
	key         key
	seq         uint64
	owner       stripes
	told        *Lapse // who is asked; nil: nobody
	lease       *Lease // with told: a copy
	remove      bool   // nothing of it is to be remembered
}

// takeOut takes the record of a slot, whose shard is locked, out of the timers.
func (t *Table) takeOut(shard, slot uint32, r *record, remove bool) (o leaving) {
	s := &t.shards[shard]
	r.timer = 0
	o = leaving{shard: shard, slot: slot, key: r.key, seq: r.seq, owner: t.owner(s, r), remove: remove || t.history.Load() == 0}
	if f := t.onLapse.Load(); f != nil && !r.state.free() {
		l := s.show(r).copy()
		o.told, o.lease = f, &l
	}
	return o
}

// expire deals with the first due record of a shard and reports whether there was
// one, whether it ended, and whether it was but a history.
func (t *Table) expire(shard, now uint32) (was, ended, history bool, seq Seq) {
	s := &t.shards[shard]
	s.mu.Lock()
	slot, r := t.due(s, now)
	if r == nil {
		s.mu.Unlock()
		return false, false, false, 0
	}
	s.timers.pop()
	history = r.state.free()
	o := t.takeOut(shard, slot, r, false)
	s.mu.Unlock()
	ended, seq = t.end(&o, now)
	return true, ended, history, seq
}

// over ends the lease of a resource if it is overdue.
func (t *Table) over(k *key, now uint32, again, remove bool) (ended bool, seq Seq) {
	h := t.hashKey(k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	slot, r := s.lease(uint32(h), k)
	if r == nil || !t.overdue(r, now, again) {
		s.mu.Unlock()
		return false, 0
	}
	o := t.takeOut(shardOf(h), slot, r, remove)
	s.mu.Unlock()
	return t.end(&o, now)
}

// forgetOld forgets the history of a resource if it is old enough.
func (t *Table) forgetOld(k *key, now uint32) (ended bool, seq Seq) {
	h := t.hashKey(k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	slot, r := s.lease(uint32(h), k)
	if r == nil || !r.state.free() || t.deadline(r) > now || r.timer == 0 {
		s.mu.Unlock()
		return false, 0
	}
	o := t.takeOut(shardOf(h), slot, r, true)
	s.mu.Unlock()
	return t.end(&o, now)
}

// end ends what is overdue, if it may end and nothing has happened to it meanwhile. It
// locks the owner, as takeOut found it, and looks again.
func (t *Table) end(o *leaving, now uint32) (ended bool, seq Seq) {
	may := o.told == nil || o.told.mayLapse(o.lease, o.remove)
	s := &t.shards[o.shard]
	o.owner.lock(t)
	s.mu.Lock()
	r := s.record(o.slot)
	mine := r.flags&used != 0 && r.state != Offered && r.timer == 0 // else somebody has entered it anew
	same := mine && r.key == o.key && r.seq == o.seq && t.deadline(r) <= now && t.owner(s, r) == o.owner
	switch {
	case same && may:
		ended, seq = true, t.lapsed(s, o.shard, o.slot, r, o.remove)
	case same:
		s.wake(o.slot, r, now+uint32(LapseRetry/time.Second))
	case mine:
		s.wake(o.slot, r, t.deadline(r))
	}
	s.mu.Unlock()
	o.owner.unlock(t)
	if ended && o.told != nil {
		o.told.lapsed(o.lease, o.remove)
	}
	return ended, seq
}

// due returns the first record of a shard whose deadline has come; it stays the first
// entry of the timers. Entries that are out of date are put right on the way.
func (t *Table) due(s *shard, now uint32) (uint32, *record) {
	for {
		when, slot, ok := s.timers.first()
		if !ok || when > now {
			return 0, nil
		}
		r := s.record(slot)
		if r.flags&used != 0 && r.state != Offered && r.timer == when {
			end := t.deadline(r)
			if end <= now {
				return slot, r
			}
			r.timer = 0
			s.timers.pop()
			s.wake(slot, r, end)
			continue
		}
		s.timers.pop()
	}
}

// lapsed moves a record that is due one step on: from force to history, from
// history, or with remove, to nothing.
func (t *Table) lapsed(s *shard, shard, slot uint32, r *record, remove bool) (seq Seq) {
	k := r.key
	h := t.hashKey(&k)
	pl := t.places(shard, &k)
	was := r.state
	if !was.free() {
		d := negative(inForce(was))
		d.Reclaimed = 1
		if was == Declined {
			d.ReclaimedDeclined = 1
		}
		t.count(&k, r.subnet, &pl, d)
		r.state = Reclaimed
	}
	named := t.before(s, r)
	r.flags &^= inDNS
	if !was.free() && !remove {
		seq = t.store.Append(Change{Lease: s.show(r)})
		r.seq = uint64(seq)
		s.wake(slot, r, t.deadline(r))
	} else {
		seq = t.store.Append(Change{Lease: s.show(r), Remove: true})
		t.forget(s, slot, r, h)
	}
	t.ended(named, seq)
	t.settle(s, &k, h)
	return seq
}
