package lease

import "sync/atomic"

// A keptSet marks the resources of a pool that are reserved: no search finds
// them. It takes no lock, since whoever gives or frees a resource asks it; a resource
// changes its mark under the lock of its shard alone.
type keptSet struct {
	marks atomic.Pointer[bitmap] // what is taken in it is kept; nil: nothing ever was
}

func (s *keptSet) has(i uint64) bool {
	b := s.marks.Load()
	return b != nil && b.taken(i)
}

// add marks a resource of a pool of size resources.
func (s *keptSet) add(i, size uint64) {
	b := s.marks.Load()
	if b == nil {
		b = new(bitmap)
		b.reset(size)
		if !s.marks.CompareAndSwap(nil, b) {
			b = s.marks.Load()
		}
	}
	b.take(i)
}

func (s *keptSet) drop(i uint64) {
	if b := s.marks.Load(); b != nil {
		b.put(i)
	}
}

// all yields what is kept.
func (s *keptSet) all(yield func(uint64) bool) {
	if b := s.marks.Load(); b != nil {
		b.allTaken(yield)
	}
}

// Keep takes a resource of the pool out of what a search finds: it is reserved,
// and who may have it asks for it by Hint. However many are kept, a search
// does not come by them. Call it before Adopt, after it Table.Keep; what is not
// the pool's is left alone.
func (p *Pool) Keep(res Resource) {
	k := res.key()
	if i, ok := p.slot(&k); ok {
		p.kept.add(i, p.Size())
		p.free.take(i)
	}
}

// Keep is Pool.Keep for a pool in use, and its contrary: with kept false a search may
// find the resource again, unless somebody has it.
func (t *Table) Keep(p *Pool, res Resource, kept bool) {
	k := res.key()
	i, ok := p.slot(&k)
	if !ok {
		return
	}
	h := t.hashKey(&k)
	s := &t.shards[shardOf(h)]
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case kept && p.sparse: // its bitmap knows of these places alone
		p.kept.add(i, p.Size())
		p.free.take(i)
	case kept:
		p.kept.add(i, p.Size())
		p.take(i)
	case p.sparse:
		p.kept.drop(i)
		p.free.put(i)
	default:
		p.kept.drop(i)
		t.settle(s, &k, h)
	}
}
