package transport

import "sync"

// Ready yields whether something can be used, first as it is, then as it changes.
// A reader that is slow misses changes that were undone, and never the last one.
type Ready struct {
	mu   sync.Mutex
	c    chan bool
	last bool
	said bool
}

// NewReady returns a Ready of which nothing is known yet.
func NewReady() *Ready { return &Ready{c: make(chan bool, 2)} }

// C is what readers receive from; it is never closed.
func (r *Ready) C() <-chan bool { return r.c }

// Set says how it is now. It does not wait.
func (r *Ready) Set(up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said && r.last == up {
		return
	}
	r.said, r.last = true, up
	for len(r.c) == cap(r.c) { // two that nobody has taken: there and back again
		r.take()
		r.take()
	}
	r.c <- up // there is room: nobody else sends
}

// take throws away what waits, if anything does.
func (r *Ready) take() {
	select {
	case <-r.c:
	default:
	}
}
