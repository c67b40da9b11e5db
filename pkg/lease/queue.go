package lease

import "sync"

// A queue holds the open offers of a pool, oldest first. An offer that was renewed
// or ended leaves its entry behind; who takes an entry out compares it with the
// record. The zero queue is empty. Its lock is a leaf.
type queue struct {
	mu   sync.Mutex
	ring []offered
	head int
	n    int
}

// offered says that an offer was made or renewed in a second.
type offered struct {
	at  uint32
	ref ref
}

func (q *queue) push(o offered) {
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
}

// pop takes out the oldest entry if want says so.
func (q *queue) pop(want func(at uint32) bool) (offered, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 || !want(q.ring[q.head].at) {
		return offered{}, false
	}
	o := q.ring[q.head]
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return o, true
}

// first returns the oldest entry.
func (q *queue) first() (offered, bool) {
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
