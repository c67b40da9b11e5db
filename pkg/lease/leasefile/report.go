package leasefile

import (
	"fmt"
	"time"
)

// A Report is what a start found in a lease file.
type Report struct {
	Name      string
	Created   bool          // there was no file
	Rows      int           // rows that were read, removals and outdated ones included
	Damaged   int           // rows that could not be read
	Damage    []Damage      // the first of them
	Aside     string        // the file they were kept in; empty: none was damaged
	Torn      int64         // octets of a torn last row, cut off
	TakenOver []string      // Kea's files whose leases were taken over, in the order of reading
	Rewritten bool          // a complete new file was written
	Size      int64         // octets of the file
	Took      time.Duration // to load it

	// AfterFailure: the last daemon was killed while its store was down. What
	// could be read was written to a new file before it was relied on.
	AfterFailure bool
}

// Damage is one row that could not be read.
type Damage struct {
	File string
	Line int
	Err  error
}

// Error says where the row stands and what is wrong with it.
func (d Damage) Error() string { return fmt.Sprintf("%s:%d: %v", d.File, d.Line, d.Err) }

// Unwrap returns the reason alone.
func (d Damage) Unwrap() error { return d.Err }

// maxDamage bounds Report.Damage; the file kept aside has them all.
const maxDamage = 32

// Report returns what Load found. Call it after Load has returned.
func (f *File) Report() Report { return f.report }
