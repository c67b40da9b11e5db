package lease

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
)

// ErrMany says that more leases were asked for than were to be looked at.
var ErrMany = errors.New("lease: too many leases")

// stride is how many records are read under one lock of a shard: few enough that
// a packet that wants the same shard waits for some microseconds only.
const stride = 128

// Len returns the number of leases, whatever their state.
func (t *Table) Len() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += s.index.n - s.offers
		s.mu.Unlock()
	}
	return n
}

// each calls f for the records of a shard, offers among them, under its lock, which is
// released again and again. What comes and goes meanwhile may be missed or seen twice; what
// is there all the time is seen. false ends it.
func (s *shard) each(f func(*record) bool) bool {
	for first := uint32(0); ; first += stride {
		more, ended := s.some(first, f)
		if ended || !more {
			return !ended
		}
		runtime.Gosched() // who waits for the lock would else find it taken again
	}
}

// some is each for one stride.
func (s *shard) some(first uint32, f func(*record) bool) (more, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := min(first+stride, s.next)
	for slot := first; slot < end; slot++ {
		if r := s.record(slot); r.flags&used != 0 && !f(r) {
			return false, true
		}
	}
	return end < s.next, false
}

// scan calls f for every lease's record, as each does.
func (t *Table) scan(ctx context.Context, f func(*shard, *record) bool) error {
	for i := range t.shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &t.shards[i]
		if !s.each(func(r *record) bool { return r.state == Offered || f(s, r) }) {
			return nil
		}
		runtime.Gosched() // a packet may be waiting for the processor
	}
	return nil
}

// Walk calls each for the leases that want picks, in the order of their addresses,
// kinds and lengths. want is shown a lease under a lock: it has to be quick, to keep
// nothing and to ask the table nothing. each is called without a lock, with a lease of
// its own that want has picked a second time, since it may have changed in between; false
// ends the walk. When want picks more than limit (0: any number) ErrMany comes
// instead, before the first call of each. Memory is 22 octets for each lease picked.
func (t *Table) Walk(ctx context.Context, limit int, want, each func(*Lease) bool) error {
	var keys []key
	many := false
	err := t.scan(ctx, func(s *shard, r *record) bool {
		switch {
		case !want(s.show(r)):
		case limit > 0 && len(keys) == limit:
			many = true
		default:
			keys = append(keys, r.key)
		}
		return !many
	})
	if err == nil && many {
		err = ErrMany
	}
	if err != nil {
		return err
	}
	keys = inOrder(keys)
	for i := range keys {
		if i%stride == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if l, ok := t.read(&keys[i], want); ok && !each(&l) {
			return nil
		}
	}
	return nil
}

// read returns a copy of a lease if want still picks it.
func (t *Table) read(k *key, want func(*Lease) bool) (Lease, bool) {
	h := t.hashKey(k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	_, r := s.lease(uint32(h), k)
	if r == nil {
		return Lease{}, false
	}
	l := s.show(r)
	if want != nil && !want(l) {
		return Lease{}, false
	}
	return l.copy(), true
}

// Page returns limit leases in the order of their addresses, beginning behind the
// address after, or at the first one where after is invalid. Leases that share an
// address, port sets of it, are never parted: there may be some more than limit. Fewer
// than limit are the last ones.
//
// The first page after a while reads all keys; the next ones find them in order.
func (t *Table) Page(ctx context.Context, after netip.Addr, limit int) ([]Lease, error) {
	var page []Lease
	for len(page) < limit {
		want := limit - len(page)
		keys, err := t.lowest(ctx, after, want)
		if err != nil {
			return nil, err
		}
		for i := range keys {
			if l, ok := t.read(&keys[i], nil); ok {
				page = append(page, l)
			}
		}
		if len(keys) < want {
			break
		}
		after = keys[len(keys)-1].resource().Prefix.Addr() // some have gone since: go on
	}
	return page, nil
}
