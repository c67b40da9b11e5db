package lease

import (
	"math"
	"time"
)

// Expire ends all offers and leases whose time has come, and forgets the histories that are
// old enough; with a limit, at most so many of each. It returns how many. A lease that
// ran out is Reclaimed and remembered for HoldReclaimed. While the store is down only
// offers end. It waits for no I/O; call it, or Reap, every few seconds.
func (t *Table) Expire(now time.Time, limit int) (n int) {
	if limit <= 0 {
		limit = math.MaxInt
	}
	r := t.reap(seconds(now), limit, limit)
	return r.offers + r.leases + r.histories
}

// historiesPerLease is how many histories Reap forgets for each lease that it may end: they must
// not come in more quickly than they go.
const historiesPerLease = 10

// Reap is Expire for rounds of reclamation: limit is of leases in force alone, of which it
// returns how many ended. more says that something is left; the Seq is that of the last change, for
// Commit: where no packet comes nobody else does it.
func (t *Table) Reap(now time.Time, limit int) (leases int, more bool, last Seq) {
	r := t.reap(seconds(now), limit, historiesPerLease*limit)
	return r.leases, r.more, r.last
}

// reaped is what one call of reap has ended, and whether it was kept from more.
type reaped struct {
	offers, leases, histories int
	more                      bool
	last                      Seq
}

// reap ends at most limit offers and as many leases, and forgets at most so many histories.
func (t *Table) reap(now uint32, limit, histories int) (r reaped) {
	r.offers = t.lapse(&t.outside, now, limit)
	for _, p := range t.sets.Load().cur.pools {
		if r.offers >= limit {
			r.more = true
			break
		}
		r.offers += t.lapse(&p.offers, now, limit-r.offers)
	}
	if t.ready() != nil {
		return r
	}
	turn := t.turn.Load()
	for i := range uint32(shards) {
		at := (turn + i) % shards
		for was := true; was; {
			if r.leases >= limit || r.histories >= histories {
				t.turn.Store(at)
				r.more = true
				return r
			}
			var ended, history bool
			var seq Seq
			was, ended, history, seq = t.expire(at, now)
			r.last = max(r.last, seq)
			switch {
			case ended && history:
				r.histories++
			case ended:
				r.leases++
			}
		}
	}
	return r
}

// Flush forgets the histories that are old enough and ends nothing else, where there are no
// rounds of reclamation. It looks at every lease. The Seq is as with Reap.
func (t *Table) Flush(now time.Time) (histories int, last Seq) {
	if t.ready() != nil {
		return 0, 0
	}
	sec := seconds(now)
	var old []key
	for i := range t.shards {
		s := &t.shards[i]
		old = old[:0]
		s.each(func(r *record) bool {
			if r.state.free() && t.deadline(r) <= sec {
				old = append(old, r.key)
			}
			return true
		})
		for i := range old {
			if forgotten, seq := t.forgetOld(&old[i], sec); forgotten {
				histories, last = histories+1, max(last, seq)
			}
		}
	}
	return histories, last
}
