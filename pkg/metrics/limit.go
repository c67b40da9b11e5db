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
	next   atomic.Int64
	missed atomic.Uint64
}

// Allow reports whether this event goes through, and then how many were kept
// back since the last one that did.
func (l *Limit) Allow() (missed uint64, ok bool) {
	now, next := time.Now().UnixNano(), l.next.Load()
	if now < next || !l.next.CompareAndSwap(next, now+int64(every)) {
		l.missed.Add(1)
		return 0, false
	}
	return l.missed.Swap(0), true
}
