package lease

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/internal/member"
)

// ErrExists is what Put answers when there must be no lease and there is one.
var ErrExists = errors.New("lease: there is a lease already")

// A Condition says what Put is to find.
type Condition uint8

// The conditions of Put. A lease that is over and remembered counts as one.
const (
	Always  Condition = iota
	Absent            // there must be no lease of the resource
	Present           // there must be one
)

// Put makes l the lease of its resource on the operator's word and reports whether there
// was none before. It asks neither for a pool nor for who holds the resource; an
// offer of it ends. The pool is filled in, before Adopt that of l is kept. Where the client stays the same, what
// we have noted in its user context under "dhcp4o6" is kept unless l brings such a member
// of its own, and so is the type of its hardware address.
func (t *Table) Put(l *Lease, when Condition) (created bool, seq Seq, err error) {
	b := l.blob()
	switch err := t.ready(); {
	case err != nil:
		return false, 0, err
	case !b.fits():
		return false, 0, ErrTooLong
	}
	k := l.Resource.key()
	in := t.entrances(k.kind(), l.IAID, &b, nil)
	t.grasp(&k, in.stripes(), func(e *edit) { created, seq, err = e.put(l, when) })
	return created, seq, err
}

// Delete removes a lease, whatever its state and whoever holds it, without
// history.
func (t *Table) Delete(res Resource) (seq Seq, err error) {
	if err := t.ready(); err != nil {
		return 0, err
	}
	k := res.key()
	t.grasp(&k, stripes{}, func(e *edit) {
		if e.r == nil {
			err = ErrUnknown
			return
		}
		seq = e.remove()
	})
	return seq, err
}

// Reclaim ends all leases whose time is over, as Expire does, or with remove leaves
// no history of them. It returns how many and the Seq to wait for.
func (t *Table) Reclaim(ctx context.Context, now time.Time, remove bool) (n int, seq Seq, err error) {
	sec := seconds(now)
	over := func(l *Lease) bool {
		return !l.State.free() && later(seconds(l.Start), lifetime(l.Valid)) <= sec
	}
	err = t.Walk(ctx, 0, over, func(l *Lease) bool {
		if t.ready() != nil {
			return false
		}
		k := l.Resource.key()
		if ended, last := t.over(&k, sec, true, remove); ended {
			n, seq = n+1, last
		}
		return true
	})
	if err == nil {
		err = t.ready()
	}
	return n, seq, err
}

// An edit is a resource on which the operator has a hand: its shard and the client
// that it belongs to are locked.
type edit struct {
	t    *Table
	s    *shard
	k    *key
	h    uint64
	slot uint32
	r    *record // nil: there is no lease
}

// grasp calls do with the locks held of a resource, of the client that has it, and of
// those in z.
func (t *Table) grasp(k *key, z stripes, do func(*edit)) {
	h := t.hashKey(k)
	e := edit{t: t, s: &t.shards[shardOf(h)], k: k, h: h}
	for done := false; !done; {
		e.s.mu.Lock()
		all := e.clients(z)
		e.s.mu.Unlock()

		all.lock(t)
		e.s.mu.Lock()
		if done = e.clients(z) == all; done { // else it is another's by now
			do(&e)
		}
		e.s.mu.Unlock()
		all.unlock(t)
	}
}

// clients finds the lease and returns z and the locks of its client.
func (e *edit) clients(z stripes) stripes {
	e.slot, e.r = e.s.lease(uint32(e.h), e.k)
	if e.r != nil {
		for i, w := range e.t.owner(e.s, e.r) {
			z[i] |= w
		}
	}
	return z
}

func (e *edit) shard() uint32 { return shardOf(e.h) }
func (e *edit) ref() ref      { return makeRef(e.shard(), e.slot) }

func (e *edit) put(l *Lease, when Condition) (created bool, seq Seq, err error) {
	created = e.r == nil
	switch {
	case created && when == Present:
		return false, 0, ErrUnknown
	case !created && when == Absent:
		return false, 0, ErrExists
	}
	if _, slot := e.s.find(uint32(e.h), e.k); slot != noSlot {
		e.t.withdraw(e.s, slot, e.s.record(slot), e.h)
	}
	defer e.t.settle(e.s, e.k, e.h)
	was := Stats{}
	if created {
		var ok bool
		if e.slot, e.r, ok = e.s.add(e.k); !ok {
			return false, 0, ErrNone
		}
		e.s.index.add(uint32(e.h), e.ref())
	} else {
		was = inForce(e.r.state)
	}
	pl := e.t.places(e.shard(), e.k)
	now := e.kept(l, created)
	switch p := pl[0].p; {
	case p != nil && p.Subnet == l.Subnet:
		now.Pool = p.ID
	case len(e.t.sets.Load().cur.pools) > 0:
		now.Pool = 0
	}
	e.t.count(e.k, e.r.subnet, &pl, negative(was))
	if e.t.write(e.ref(), e.s, e.r, &now, nil) || created {
		e.r.seq = uint64(e.t.store.Append(Change{Lease: e.s.show(e.r)}))
	}
	e.t.count(e.k, e.r.subnet, &pl, inForce(e.r.state))
	e.s.wake(e.slot, e.r, e.t.deadline(e.r))
	return created, Seq(e.r.seq), nil
}

// kept returns l with what stays of the lease that it replaces.
func (e *edit) kept(l *Lease, created bool) Lease {
	now := *l
	if created {
		return now
	}
	old := e.s.arena.read(e.r)
	if len(l.HWAddr) > 0 && bytes.Equal(old.hw, l.HWAddr) {
		now.HWType, now.HWSource = e.r.hwType, e.r.hwSource
	}
	me := client{id: l.ClientID, hw: l.HWAddr, iaid: l.IAID, kind: e.k.kind()}
	if me.kind != V4 {
		me.id = l.DUID
	}
	if me.owns(e.s, e.r) {
		now.UserContext = keepOurs(old.ctx, l.UserContext)
	}
	return now
}

// keepOurs returns the user context ctx with our member of the one before, unless it
// has one itself.
func keepOurs(before, ctx []byte) []byte {
	at := bytes.IndexByte(before, '{')
	if at < 0 {
		return ctx
	}
	m, ok := member.Find(before[at:], "dhcp4o6")
	if !ok {
		return ctx
	}
	if len(ctx) == 0 {
		ctx = empty
	}
	top := bytes.IndexByte(ctx, '{')
	if top < 0 {
		return ctx
	}
	if _, ok := member.Find(ctx[top:], "dhcp4o6"); ok {
		return ctx
	}
	b := append([]byte(`{"dhcp4o6":`), before[at+m.Value:at+m.End]...)
	rest := bytes.TrimLeft(ctx[top+1:], " \t\r\n")
	if len(rest) > 0 && rest[0] != '}' {
		b = append(b, ',')
	}
	return append(b, rest...)
}

// remove forgets the lease.
func (e *edit) remove() Seq {
	pl := e.t.places(e.shard(), e.k)
	d := negative(inForce(e.r.state))
	for _, at := range pl { // forget counts for the subnet alone
		if at.p != nil {
			at.p.counts.add(&d)
		}
	}
	seq := e.t.store.Append(Change{Lease: e.s.show(e.r), Remove: true})
	e.t.forget(e.s, e.slot, e.r, e.h)
	e.t.settle(e.s, e.k, e.h)
	return seq
}
