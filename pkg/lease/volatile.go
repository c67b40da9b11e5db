package lease

import (
	"context"
	"iter"
	"sync/atomic"
)

// Volatile is the store that remembers nothing, for "persist": false: every change
// counts as durable at once and is gone with the process. The zero value is ready.
type Volatile struct{ seq atomic.Uint64 }

// Load finds nothing.
func (v *Volatile) Load(context.Context, func(Change) error) error { return nil }

// Append numbers the change and forgets it.
func (v *Volatile) Append(Change) Seq { return Seq(v.seq.Add(1)) }

// Sync returns the number of the last change.
func (v *Volatile) Sync() (Seq, error) { return Seq(v.seq.Load()), nil }

// Rewrite has nothing to do.
func (v *Volatile) Rewrite(context.Context, iter.Seq[*Lease]) error { return nil }

// Close has nothing to do either.
func (v *Volatile) Close() error { return nil }
