package lease

import (
	"math/rand/v2"
	"sync"
)

// An Allocator is how a pool chooses among its free resources ("allocator" of
// Kea's configuration). With each the cost is nearly the same however full the pool is.
type Allocator uint8

// The allocators. A pool of more than 1<<31 resources takes FLQ for Random: to keep
// a line of what was given back in it, memory would have to grow without end.
const (
	Iterative Allocator = iota // the next one after the last one given
	Random                     // any, each as likely as the others
	FLQ                        // the free lease queue: what was given back first, after those never given, which come in no order
)

// Use makes a the pool's allocator. Call it before Adopt.
func (p *Pool) Use(a Allocator) {
	p.Allocator, p.line, p.sparse = a, nil, false
	switch {
	case a == Iterative:
	case p.Size() > 1<<31:
		p.Allocator, p.sparse = Random, true
	case a == FLQ:
		p.line = newLine(p.Size())
	}
}

// take claims a place and reports whether it was free.
func (p *Pool) take(i uint64) bool {
	switch {
	case p.line != nil:
		return p.line.take(&p.free, i)
	case p.sparse:
		return true // the record of the resource tells
	}
	return p.free.take(i)
}

// put gives a place back.
func (p *Pool) put(i uint64) {
	switch {
	case p.line != nil:
		p.line.put(&p.free, i)
	case !p.sparse:
		p.free.put(i)
	}
}

// probes is how many places a random allocator tries before it takes the next free
// one after the last of them. Until a pool is nine tenths full that happens less
// than every second time.
const probes = 8

// random takes a resource that no client can foretell.
func (a *attempt) random(p *Pool) (Seq, error) {
	n := probes
	if p.sparse {
		n = 64 // nearly all of it is free
	}
	for range n {
		i := rand.Uint64N(p.free.size)
		if p.kept.has(i) || a.keptFromMe(p.at(i)) || !p.take(i) {
			continue
		}
		if seq, err := a.claimed(p, i); err != ErrOwner {
			return seq, err
		}
	}
	if p.sparse {
		return 0, ErrNone
	}
	return a.from(p, rand.Uint64N(p.free.size))
}

// queued takes the resource that has been free for longest.
func (a *attempt) queued(p *Pool) (Seq, error) {
	for tries := p.Free(); tries > 0; tries-- {
		i, ok := p.line.pick(&p.free)
		if !ok {
			break
		}
		if a.keptFromMe(p.at(i)) {
			p.put(i)
			continue
		}
		if seq, err := a.claimed(p, i); err != ErrOwner {
			return seq, err
		}
	}
	return 0, ErrNone
}

func (a *attempt) keptFromMe(res Resource) bool { return a.r.Reserved != nil && a.r.Reserved(res) }

// claimed gives the client the resource of a place that take or pick claimed.
func (a *attempt) claimed(p *Pool, i uint64) (Seq, error) {
	res := p.at(i)
	k := res.key()
	return a.give(&k, p)
}

// A line is what a pool with the free lease queue has beside its bitmap: which
// places were never given since the pool came into use, and the others that are free,
// those given back first at the front. Memory grows with the places that were given back once.
// Its lock is a leaf.
type line struct {
	mu          sync.Mutex
	fresh       bitmap
	pages       map[uint32]*[linkPage]link
	first, last uint32 // places, plus one; 0: the line is empty
}

// A link is one place's neighbours in the line, plus one; 0: none.
type link struct{ next, prev uint32 }

const linkPage = 512

func newLine(size uint64) *line {
	l := &line{pages: make(map[uint32]*[linkPage]link)}
	l.fresh.reset(size)
	return l
}

// take claims a place of the bitmap.
func (l *line) take(free *bitmap, i uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !free.take(i) {
		return false
	}
	if !l.fresh.take(i) {
		l.leave(uint32(i))
	}
	return true
}

// put gives a place back to the bitmap, behind all others.
func (l *line) put(free *bitmap, i uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if free.put(i) {
		l.join(uint32(i))
	}
}

// pick claims the place whose turn it is.
func (l *line) pick(free *bitmap) (i uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fresh.free.Load() > 0 {
		if i, ok = l.fresh.next(rand.Uint64N(l.fresh.size)); !ok {
			i, ok = l.fresh.next(0)
		}
	}
	switch {
	case ok:
		l.fresh.take(i)
	case l.first == 0:
		return 0, false
	default:
		i = uint64(l.first - 1)
		l.leave(uint32(i))
	}
	free.take(i)
	return i, true
}

func (l *line) link(i uint32) *link {
	p := l.pages[i/linkPage]
	if p == nil {
		p = new([linkPage]link)
		l.pages[i/linkPage] = p
	}
	return &p[i%linkPage]
}

// join puts a place at the end of the line.
func (l *line) join(i uint32) {
	n := l.link(i)
	*n = link{prev: l.last}
	if l.last == 0 {
		l.first = i + 1
	} else {
		l.link(l.last - 1).next = i + 1
	}
	l.last = i + 1
}

// leave takes a place that is in the line out of it.
func (l *line) leave(i uint32) {
	n := l.link(i)
	if n.prev == 0 {
		l.first = n.next
	} else {
		l.link(n.prev - 1).next = n.next
	}
	if n.next == 0 {
		l.last = n.prev
	} else {
		l.link(n.next - 1).prev = n.prev
	}
	*n = link{}
}
