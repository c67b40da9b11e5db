package leasefile

import "sync/atomic"

// Stats counts what a File has done since it was opened. It may be read at any
// time.
type Stats struct {
	Writes   atomic.Uint64 // batches of rows put at the end of the file, each with one sync
	Octets   atomic.Uint64 // of their rows
	Rewrites atomic.Uint64 // complete files that took the place of the one before
	Errors   atomic.Uint64 // writes and syncs that failed, and rewrites that were given up
}

// Stats returns the counters of f.
func (f *File) Stats() *Stats { return &f.stats }
