package lease

import "sync"

// A queue holds the open offers of a pool, oldest first. An offer that is renewed
// or ends crosses its entry out, for to look at a record only to find that it is
// no longer meant costs more than all else here. Where a reload moved an offer an
// entry may be left behind, so who takes one out compares it with the record all
// the same. The zero queue is empty. Its lock is a leaf.
type queue struct {
	mu    sync.Mutex
	ring  []offered
	head  int    // the first entry, which is never crossed out
	n     int    // crossed out ones among them
	first uint32 // the place of the first entry
}

// offered says that an offer was made or renewed in a second.
type offered struct {
	at  uint32
	ref ref // noRef: crossed out
}

// push appends an entry and returns its place, by which drop knows it.
func (q *queue) push(o offered) (place uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == len(q.ring) {
		ring := make([]offered, max(16, 2*q.n))
		n := copy(ring, q.ring[q.head:])
		copy(ring[n:], q.ring[:q.head])
		q.ring, q.head = ring, 0
	}
	q.ring[(q.head+q.n)%len(q.ring)] = o
	q.n++
	return q.first + uint32(q.n) - 1
}

// drop crosses out the entry that was put in at a place, if it is there yet.
func (q *queue) drop(place uint32, o offered) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := place - q.first // places may wrap
	if uint64(i) >= uint64(q.n) {
		return
	}
	if e := &q.ring[(q.head+int(i))%len(q.ring)]; *e == o {
		e.ref = noRef
		q.skip()
	}
}

// skip takes out what is crossed out at the front.
func (q *queue) skip() {
	for q.n > 0 && q.ring[q.head].ref == noRef {
		q.next()
	}
}

func (q *queue) next() {
	if q.head++; q.head == len(q.ring) {
		q.head = 0
	}
	q.n--
	q.first++
}

// pop takes out the oldest entry if want says so.
func (q *queue) pop(want func(at uint32) bool) (offered, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 || !want(q.ring[q.head].at) {
		return offered{}, false
	}
	o := q.ring[q.head]
	q.next()
	q.skip()
	return o, true
}

// oldest returns the oldest entry.
func (q *queue) oldest() (offered, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return offered{}, false
	}
	return q.ring[q.head], true
}

func (q *queue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ring, q.head, q.n = nil, 0, 0
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// sources counts the open offers of each source. Its lock is a leaf.
type sources struct {
	mu sync.Mutex
	n  map[uint64]int
}

// admit counts one more offer unless there are limit already.
func (c *sources) admit(source uint64, limit int) bool {
	if source == 0 || limit < 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[source] >= limit {
		return false
	}
	if c.n == nil {
		c.n = make(map[uint64]int)
	}
	c.n[source]++
	return true
}

// leave counts one offer less.
func (c *sources) leave(source uint64, limit int) {
	if source == 0 || limit < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[source]--; c.n[source] <= 0 {
		delete(c.n, source)
	}
}
