package lease

import "time"

// A Lapse is told of leases in force whose time is over, and of declined resources
// whose probation is. Its functions are called by Expire and Reclaim, one
// lease at a time, and by Grant and Offer when they look for what has run out;
// never under a lock of the table, which they may ask. They do not wait. A lease
// is asked about by one of them at a time.
type Lapse struct {
	// May is asked before the lease is ended; remove says that nothing of it will
	// be remembered. With false the lease stays as it is for LapseRetry.
	May func(l *Lease, remove bool) bool

	// Done is told afterwards.
	Done func(l *Lease, remove bool)
}

// LapseRetry is how long a lease is left alone that May did not let end.
const LapseRetry = time.Minute

// OnLapse has l told, and nobody else; nil ends that. It returns what was told
// before.
func (t *Table) OnLapse(l *Lapse) *Lapse { return t.onLapse.Swap(l) }

// mayLapse asks whether a lease that is over may end. A copy of it is handed out.
func (f *Lapse) mayLapse(l *Lease, remove bool) bool { return f.May == nil || f.May(l, remove) }

func (f *Lapse) lapsed(l *Lease, remove bool) {
	if f.Done != nil {
		f.Done(l, remove)
	}
}
