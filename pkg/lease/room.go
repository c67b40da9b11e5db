package lease

// What a request that found nothing looks at before it tries again.
const (
	sweep = 256  // leases that have run out
	looks = 4096 // places of its own pools, when there are more of those
)

// makeRoom ends leases that have run out and were not reclaimed yet, and reports whether the
// request may find more now: the one that it names, and where another will do any few. When so many have run out that
// those are not all of them, leases of the request's own pools are looked for; each place there costs a
// look at the table, which is not worth while as long as nothing has run out.
func (t *Table) makeRoom(r *Request) bool {
	now, named := seconds(r.Now), false
	if r.Hint.known() {
		k := r.Hint.key()
		named, _ = t.over(&k, now, false, false)
	}
	if r.Must {
		return named
	}
	some := t.reap(now, sweep, sweep)
	if some.more {
		t.makeRoomIn(r, now)
	}
	return named || some.more || some.leases+some.offers > 0
}

// makeRoomIn ends leases of the request's pools that have run out, until it has found some
// in one of them. It goes on where it left off the time before.
func (t *Table) makeRoomIn(r *Request, now uint32) {
	left := uint64(looks)
	for _, p := range r.Pools {
		p = t.sets.Load().cur.resolve(p)
		if p == nil || p.sparse || p.Kind != r.Lease.Resource.Kind {
			continue
		}
		n := min(left, p.Size())
		left -= n
		found := 0
		for at := p.swept.Add(n) - n; n > 0 && found < sweep; at, n = at+1, n-1 {
			res := p.at(at % p.Size())
			k := res.key()
			if ended, _ := t.over(&k, now, false, false); ended {
				found++
			}
		}
		if found > 0 || left == 0 {
			return
		}
	}
}
