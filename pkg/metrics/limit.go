package metrics

import (
	"sync/atomic"
	"time"
)

// every is how often one and the same trouble is worth a line in the log.
const every = 10 * time.Second

// A Limit lets one event through in ten seconds and counts the others: for log
// lines about what a hostile or broken peer can bring about as often as it
// likes. It is safe for concurrent use; the zero value lets the first through.
type Limit struct {
	Burst int64 // so many go through in ten seconds; 0: one

	next   atomic.Int64
	used   atomic.Int64
	missed atomic.Uint64
}

// Allow reports whether this event goes through, and then how many were kept
// back since the last one that did.
func (l *Limit) Allow() (missed uint64, ok bool) {
	now, next := time.Now().UnixNano(), l.next.Load()
	if now >= next && l.next.CompareAndSwap(next, now+int64(every)) {
		l.used.Store(1)
		return l.missed.Swap(0), true
	}
	if l.Burst > 1 && l.used.Add(1) <= l.Burst {
		return 0, true
	}
	l.missed.Add(1)
	return 0, false
}
