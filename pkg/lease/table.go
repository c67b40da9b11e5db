package lease

import (
	"context"
	"hash/maphash"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// TableOptions are the settings of a table. The zero value is Kea's defaults
// and ours.
type TableOptions struct {
	OfferHold          time.Duration // how long an offer keeps its resource, in whole seconds; 0: 10 s
	MaxOffersPerSource int           // bound on open offers with the same Request.Source; 0: 65536; negative: none
	DeclineProbation   time.Duration // how long a declined resource is kept out; 0: 24 h
	HoldReclaimed      time.Duration // how long a released or reclaimed lease keeps its history; 0: 1 h; negative: not at all
	DropReleased       bool          // a released lease keeps no history, whatever HoldReclaimed says
}

func (o *TableOptions) setDefaults() {
	if o.OfferHold == 0 {
		o.OfferHold = 10 * time.Second
	}
	o.OfferHold = max(o.OfferHold, time.Second)
	if o.MaxOffersPerSource == 0 {
		o.MaxOffersPerSource = 1 << 16
	}
	if o.DeclineProbation == 0 {
		o.DeclineProbation = 24 * time.Hour
	}
	if o.HoldReclaimed == 0 {
		o.HoldReclaimed = time.Hour
	}
	o.HoldReclaimed = max(o.HoldReclaimed, 0)
}

// A Table decides who holds what. It is safe for concurrent use once Load has
// returned; it starts no goroutine.
//
// Locks are taken in this order and never back: the client's identities (all of
// them, ascending), then one resource, then leaves (a part of an index, a pool's
// queue of offers) that are held for a few instructions and never two at once.
// What the bitmaps and indexes say is a hint; who holds a resource is settled under
// the resource's lock, where its change is also rendered into the journal.
type Table struct {
	store Store
	seed  maphash.Seed

	// whole seconds, atomic since a reload may change them
	hold, probation, history atomic.Uint32
	dropReleased             atomic.Bool
	maxOffers                atomic.Int64

	clients    [shards]sync.Mutex // locks of identities
	shards     [shards]shard      // resources
	identities [ByDUID + 1][shards]partition

	adopt   sync.Mutex // held by Adopt
	sets    atomic.Pointer[sets]
	outside queue // offers outside of all pools
	sources sources

	subnetsMu sync.RWMutex // a leaf
	subnets   map[subnetKind]*counts

	names func(was, is *Lease, seq Seq) // nil: nobody watches

	order   order         // of pages
	turn    atomic.Uint32 // the shard where the next Expire begins
	durable atomic.Uint64
	down    atomic.Pointer[error]
	closed  atomic.Bool
	onLapse atomic.Pointer[Lapse]
	sync    sync.Mutex // held by the one who syncs
	clean   sync.Mutex // held by the one who rewrites
}

type subnetKind struct {
	subnet uint32
	kind   Kind
}

// NewTable returns an empty table whose changes go to s. Call Load, then Adopt,
// before asking for leases.
func NewTable(s Store, o TableOptions) *Table {
	t := &Table{store: s, seed: maphash.MakeSeed(), subnets: make(map[subnetKind]*counts)}
	t.sets.Store(&sets{cur: newPoolSet(nil)})
	t.Configure(o)
	return t
}

// Configure replaces the settings; what is offered or reclaimed already is judged
// by the new ones.
func (t *Table) Configure(o TableOptions) {
	o.setDefaults()
	t.hold.Store(lifetime(o.OfferHold))
	t.probation.Store(lifetime(o.DeclineProbation))
	t.history.Store(lifetime(o.HoldReclaimed))
	t.dropReleased.Store(o.DropReleased)
	t.maxOffers.Store(int64(o.MaxOffersPerSource))
}

// Load reads what the store holds and returns the number of leases. It is called
// once, before anything else.
func (t *Table) Load(ctx context.Context) (int, error) {
	err := t.store.Load(ctx, t.load)
	n := 0
	for i := range t.shards {
		n += t.shards[i].index.n
	}
	if n >= 100_000 {
		debug.FreeOSMemory() // what growing and parsing left behind; a third of all there is
	}
	return n, err
}

// load takes over one change from the store.
func (t *Table) load(c Change) error {
	l := c.Lease
	k := l.Resource.key()
	h := t.hashKey(&k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, r := s.lease(uint32(h), &k)
	if c.Remove {
		if r != nil {
			t.forget(s, slot, r, h)
		}
		return nil
	}
	b := l.blob()
	if !b.fits() {
		return ErrTooLong
	}
	if r == nil {
		var ok bool
		if slot, r, ok = s.add(&k); !ok {
			return ErrNone
		}
		s.index.add(uint32(h), makeRef(shardOf(h), slot))
	} else {
		t.count(&k, r.subnet, &places{}, negative(inForce(r.state)))
	}
	t.write(makeRef(shardOf(h), slot), s, r, l, nil)
	t.count(&k, r.subnet, &places{}, inForce(r.state))
	s.wake(slot, r, t.deadline(r))
	return nil
}

// write makes r the lease l, except the sequence, and reports whether that
// changed anything. The indexes follow. known may be nil.
func (t *Table) write(at ref, s *shard, r *record, l *Lease, known *hashes) (changed bool) {
	was := *r
	r.state = l.State
	r.flags = used
	if l.FwdDNS {
		r.flags |= fwdDNS
	}
	if l.RevDNS {
		r.flags |= revDNS
	}
	r.hwType, r.hwSource = l.HWType, l.HWSource
	r.start, r.valid, r.preferred = seconds(l.Start), lifetime(l.Valid), lifetime(l.Preferred)
	r.iaid, r.subnet, r.pool = l.IAID, l.Subnet, l.Pool
	changed = *r != was

	b := l.blob()
	old := s.arena.read(r)
	if r.iaid != was.iaid || string(old.id) != string(b.id) || string(old.hw) != string(b.hw) {
		out := t.entrances(r.key.kind(), was.iaid, &old, nil)
		in := t.entrances(r.key.kind(), r.iaid, &b, known)
		t.leave(&out, at)
		s.arena.write(r, &b)
		t.enter(&in, at)
		return true
	}
	return s.arena.write(r, &b) || changed
}

// forget removes a lease's record.
func (t *Table) forget(s *shard, slot uint32, r *record, h uint64) {
	at := makeRef(shardOf(h), slot)
	b := s.arena.read(r)
	out := t.entrances(r.key.kind(), r.iaid, &b, nil)
	t.leave(&out, at)
	s.index.remove(uint32(h), at)
	t.count(&r.key, r.subnet, &places{}, negative(inForce(r.state)))
	s.drop(slot)
}

// deadline is when r wants to be looked at: the end of a lease or a probation,
// then the end of its history.
func (t *Table) deadline(r *record) uint32 {
	if r.state.free() {
		return later(r.start, r.valid, t.history.Load())
	}
	return later(r.start, r.valid)
}

// count adds d to the counts of a subnet and of pools.
func (t *Table) count(k *key, subnet uint32, pl *places, d Stats) {
	if d == (Stats{}) {
		return
	}
	if p := pl[0].p; p != nil && p.Subnet == subnet {
		p.subnet.add(&d)
	} else {
		t.subnet(subnet, k.kind()).add(&d)
	}
	for _, at := range pl {
		if at.p != nil {
			at.p.counts.add(&d)
		}
	}
}

func negative(d Stats) Stats {
	return Stats{-d.Assigned, -d.Declined, -d.Cumulative, -d.Reclaimed, -d.ReclaimedDeclined, -d.Offers}
}

func (t *Table) subnet(id uint32, k Kind) *counts {
	t.subnetsMu.RLock()
	c := t.subnets[subnetKind{id, k}]
	t.subnetsMu.RUnlock()
	if c != nil {
		return c
	}
	t.subnetsMu.Lock()
	defer t.subnetsMu.Unlock()
	if c = t.subnets[subnetKind{id, k}]; c == nil {
		c = new(counts)
		t.subnets[subnetKind{id, k}] = c
	}
	return c
}

// SubnetStats returns the counts of one kind of resource in a subnet.
func (t *Table) SubnetStats(subnet uint32, k Kind) Stats {
	t.subnetsMu.RLock()
	defer t.subnetsMu.RUnlock()
	if c := t.subnets[subnetKind{subnet, k}]; c != nil {
		return c.stats()
	}
	return Stats{}
}
