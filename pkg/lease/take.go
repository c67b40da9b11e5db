package lease

import (
	"slices"
	"time"
)

// Offer finds a resource for the client and keeps it for OfferHold: the lease that
// it has, else what it was offered before, else the lease that it had, else the
// hint, else the next free one. With Fixed the hint comes first. It changes
// nothing durable; the Seq is that of the lease it rests on. The lease is
// r.Lease, filled in.
func (t *Table) Offer(r *Request) (Lease, Seq, error) { return t.answer(r, true) }

// Grant gives the client a lease or extends the one it has. The reply may leave
// when Commit has returned nil for the Seq. Nothing is written when nothing changes;
// the Seq is then that of the lease's last change. What else the client had in this
// subnet set ends with it, as in Kea. The lease is r.Lease, filled in.
func (t *Table) Grant(r *Request) (Lease, Seq, error) { return t.answer(r, false) }

func (t *Table) answer(r *Request, offer bool) (Lease, Seq, error) {
	if err := t.ready(); err != nil {
		return Lease{}, 0, err
	}
	if b := r.Lease.blob(); !b.fits() {
		return Lease{}, 0, ErrTooLong
	}
	subnet, pool, id := r.Lease.Subnet, r.Lease.Pool, r.Lease.ClientID
	seq, err := t.attempt(r, offer, false)
	if (err == ErrNone || err == ErrOwner || err == errOver) && (t.makeRoom(r) || err == errOver) {
		r.Lease.Subnet, r.Lease.Pool, r.Lease.ClientID = subnet, pool, id
		seq, err = t.attempt(r, offer, true)
	}
	if err != nil {
		return Lease{}, 0, err
	}
	return r.Lease, seq, nil
}

// An attempt is one request on its way through the table, with the client locked.
type attempt struct {
	t      *Table
	r      *Request
	offer  bool
	again  bool // there was one before, and what has run out was ended since
	now    uint32
	hint   key
	me     client
	hashes hashes    // of r.Lookup
	ins    entrances // where the lease will be entered
	locked stripes

	best   claim    // the lease or offer to go on with
	others [8]claim // what else the client has in the subnet set
	n      int
	late   *change // what of a grant is yet to be told
	into   *Pool   // whose queue an offer has entered
}

// A claim is what lookup found: a record of the client's, as it was.
type claim struct {
	key  key
	rank rank
	at   uint32 // start
}

// rank orders what a client has by how much it is worth.
type rank uint8

const (
	none rank = iota
	had       // released or run out; free unless somebody took it
	held      // an open offer
	have      // a lease in force
	want      // likewise, and the client asks for it
)

func (t *Table) attempt(r *Request, offer, again bool) (Seq, error) {
	a := attempt{t: t, r: r, offer: offer, again: again, now: seconds(r.Now)}
	r.Reused = false
	a.identify()
	if r.Hint.known() {
		a.hint = r.Hint.key()
	}
	if offer {
		a.tidy()
	}
	a.locked.lock(t)
	defer a.locked.unlock(t)
	a.lookup()
	seq, err := a.choose()
	if err != nil {
		return 0, err
	}
	seq = max(seq, a.endOthers())
	a.tell()
	if a.into != nil && len(a.r.Pools) > fewPools {
		a.t.lapse(&a.into.offers, a.now, 2)
	}
	return seq, nil
}

// fewPools is how many pools are worth a look each for every packet.
const fewPools = 8

// tidy ends a few offers that have lapsed in the pools that this one may come
// from: every offer enters one, so that the queues stay short without a timer. Of many
// pools it is the one that the offer enters, when it has.
func (a *attempt) tidy() {
	cur := a.t.sets.Load().cur
	if len(a.r.Pools) > fewPools {
		a.t.lapse(&a.t.outside, a.now, 1)
		return
	}
	for _, p := range a.r.Pools {
		if p = cur.resolve(p); p != nil {
			a.t.lapse(&p.offers, a.now, 2)
		}
	}
	a.t.lapse(&a.t.outside, a.now, 1)
}

// identify finds out who the client is and which locks that means.
func (a *attempt) identify() {
	l := &a.r.Lease
	k := l.Resource.Kind
	a.me = who(k, a.r.Lookup)
	if len(a.r.Lookup) == 0 {
		a.me = client{id: l.ClientID, hw: l.HWAddr, hwType: l.HWType, iaid: l.IAID, kind: k}
		if k != V4 {
			a.me.id = l.DUID
		}
	}
	if k == V4 && len(a.me.hw) == 0 {
		a.me.hw, a.me.hwType = l.HWAddr, l.HWType
	}
	a.hashes.ids = a.r.Lookup
	for i := range a.r.Lookup {
		id := &a.r.Lookup[i]
		h := a.t.hash(id.Kind, id.For, id.IAID, id.ID)
		if i < len(a.hashes.of) {
			a.hashes.of[i] = h
		}
		a.locked.add(h)
	}
	b := l.blob()
	a.ins = a.t.entrances(k, l.IAID, &b, &a.hashes)
	for _, d := range a.ins.of[:a.ins.n] {
		a.locked.add(d.h)
	}
}

// lookup finds what the client has: by the first identity that leads to
// something that it may go on with.
func (a *attempt) lookup() {
	for i := range a.r.Lookup {
		id := &a.r.Lookup[i]
		if len(id.ID) == 0 {
			continue
		}
		var buf [16]ref
		for _, at := range a.t.candidates(id.Kind, a.hashes.at(a.t, i), buf[:0]) {
			a.look(at, id)
		}
		if a.best.rank != none {
			return
		}
	}
}

// known is who the client is where r is leased, in a network where that differs.
func (a *attempt) known(r *record) client {
	me := a.me
	if a.r.ByHWAddr(r.subnet) {
		me.id = nil
	}
	return me
}

// owns reports whether r is the client's.
func (a *attempt) owns(s *shard, r *record) bool {
	if a.r.ByHWAddr == nil {
		return a.me.owns(s, r)
	}
	me := a.known(r)
	return me.owns(s, r)
}

// look judges one record that an identity may lead to.
func (a *attempt) look(at ref, id *Identity) {
	s := &a.t.shards[at.shard()]
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.record(at.slot())
	if r.flags&used == 0 {
		return
	}
	b := s.arena.read(r)
	if !r.named(id, &b) || !a.inSet(r) {
		return
	}
	if a.r.ByHWAddr == nil {
		if !a.me.has(r, &b) {
			return
		}
	} else if me := a.known(r); !me.has(r, &b) || id.Kind == ByClientID && len(me.id) == 0 {
		return
	}
	c := claim{key: r.key, rank: a.rank(r), at: r.start}
	switch {
	case c.rank > a.best.rank || c.rank == a.best.rank && c.rank != none && c.at > a.best.at:
		c, a.best = a.best, c
		fallthrough
	default:
		a.other(c)
	}
}

// other keeps in mind what ends when the client gets something else.
func (a *attempt) other(c claim) {
	if c.key == (key{}) || a.n == len(a.others) {
		return
	}
	for _, d := range a.others[:a.n] {
		if d.key == c.key {
			return
		}
	}
	a.others[a.n] = c
	a.n++
}

// inSet reports whether a record is of the subnets that the request is about: it says so, or lies in
// one of their pools, since a subnet may have had another number when the lease was given.
func (a *attempt) inSet(r *record) bool {
	if r.subnet == a.r.Lease.Subnet {
		return true
	}
	for _, p := range a.r.Pools {
		if p.Subnet == r.subnet {
			return true
		}
	}
	return a.pool(&r.key) != nil
}

// rank says what a record of the client's is worth; none: it may not be kept.
func (a *attempt) rank(r *record) rank {
	if !a.fits(r) {
		return none
	}
	switch {
	case r.state == Offered && a.t.open(r.start, a.now):
		return held
	case r.state == Leased && a.offer && later(r.start, r.valid) <= a.now:
		return had // a lease that ran out is no promise: it is offered anew
	case r.state == Leased && r.key == a.hint:
		return want
	case r.state == Leased:
		return have
	case r.state.free() && a.pool(&r.key) != nil:
		return had
	}
	return none
}

// fits asks the request whether the client may keep what r is.
func (a *attempt) fits(r *record) bool {
	res := r.key.resource()
	if a.r.Reserved != nil && !(a.r.Fixed && r.key == a.hint) && a.r.Reserved(res) {
		return false
	}
	return a.r.Within == nil || a.r.Within(res, r.subnet)
}

// pool returns the pool of the request in which a resource lies.
func (a *attempt) pool(k *key) *Pool {
	if all := a.r.Pools; len(all) > fewPools {
		if cur := a.t.sets.Load().cur; all[0].set.Load() == cur { // all are of the pools in force
			if p, _ := cur.find(k); slices.Contains(all, p) {
				return p
			}
			return nil
		}
	}
	for _, p := range a.r.Pools {
		if _, ok := p.slot(k); ok {
			return p
		}
	}
	return nil
}

// choose goes through what the client can be given, best first.
func (a *attempt) choose() (Seq, error) {
	hinted := a.hint != (key{})
	if hinted && (a.r.Fixed || a.r.Must) {
		seq, err := a.get(&a.hint)
		if a.r.Must || !elsewhere(err) {
			return seq, err
		}
		hinted = false
	}
	if a.best.rank != none {
		if seq, err := a.give(&a.best.key, nil); !elsewhere(err) {
			return seq, err
		}
	}
	if hinted {
		if seq, err := a.get(&a.hint); !elsewhere(err) {
			return seq, err
		}
	}
	return a.search()
}

// elsewhere reports whether err leaves it open that another resource will do.
func elsewhere(err error) bool { return err == ErrNone || err == ErrOwner }

// get tries to give the client one resource that was not claimed in a bitmap.
func (a *attempt) get(k *key) (Seq, error) {
	if k.kind() != a.me.kind {
		return 0, ErrNone
	}
	return a.give(k, nil)
}

// give tries to give the client the resource k. from is the pool where it was claimed for the
// client, if it was.
func (a *attempt) give(k *key, from *Pool) (Seq, error) {
	h := a.t.hashKey(k)
	s := &a.t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	g := given{attempt: a, k: *k, h: h}
	g.lslot, g.oslot = s.find(uint32(h), k)
	seq, err := g.decide(from)
	if err != nil && from != nil {
		g.settle()
	}
	return seq, err
}

// endOthers ends what else the client has in the subnet set, once it has been given something:
// offers always, leases when this is a grant.
func (a *attempt) endOthers() (last Seq) {
	k := a.r.Lease.Resource.key()
	if a.best.rank != none {
		a.other(a.best)
	}
	for i := range a.others[:a.n] {
		if c := &a.others[i]; c.key != k {
			last = max(last, a.end(&c.key))
		}
	}
	return last
}

func (a *attempt) end(k *key) (seq Seq) {
	h := a.t.hashKey(k)
	s := &a.t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	lslot, oslot := s.find(uint32(h), k)
	if o := s.at(oslot); o != nil && a.owns(s, o) {
		a.t.withdraw(s, oslot, o, h)
		a.t.settle(s, k, h)
	}
	if r := s.at(lslot); r != nil && !a.offer && r.state == Leased && a.owns(s, r) {
		seq = a.t.release(s, lslot, r, h, a.now)
	}
	return seq
}

// open reports whether an offer of a second still holds in another. Both directions
// count: after a clock has jumped back nothing is kept for ever.
func (t *Table) open(at, now uint32) bool {
	hold := t.hold.Load()
	return now < later(at, hold) && at < later(now, hold)
}

// moment makes a time of a record's seconds.
func moment(sec uint32) time.Time { return time.Unix(int64(sec), 0) }
