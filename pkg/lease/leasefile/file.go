package leasefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Options say how a lease file is opened. The zero value is a file of IPv4
// leases with Kea's defaults.
type Options struct {
	Family       Family
	MaxRowErrors int      // Kea's max-row-errors: more damaged rows than this refuse the file; 0: any number is survived
	PIDFiles     []string // of Kea's servers that may work on this file: a running one refuses the start

	// RawSync keeps the Go scheduler out of fdatasync, which saves CPU where
	// GOMAXPROCS is above the number of workers, and lets a disk that hangs
	// hold up the whole process.
	RawSync bool

	FS FS // nil: the machine's
}

// A File is the embedded store. It is safe for concurrent use.
type File struct {
	name   string
	o      Options
	fs     FS
	schema *schema
	lock   Lock
	report Report
	stats  Stats

	// the journal buffer; mu is taken under the locks of the table
	mu        sync.Mutex
	buf       []byte
	seq       lease.Seq // of the last change
	gathering bool      // changes are kept; otherwise the store is down or not loaded, and a Rewrite will have them all
	closed    bool

	// the medium; commit is held over one write and sync
	commit  sync.Mutex
	file    Handle
	size    atomic.Int64 // octets of rows written so far
	room    int64        // end of the blank lines laid ahead; up to size: none are
	synced  time.Time    // when the last sync was done
	spare   []byte       // the buffer that mu does not have
	durable lease.Seq
	failed  error // why the store is down; nil: it is up

	rewriting sync.Mutex // held over Load, Rewrite and Close
}

// ErrGone says that the lease file was removed under the store.
var ErrGone = errors.New("the file was removed")

// spareLimit is the size above which a buffer is given back to the heap.
const spareLimit = 8 << 20

// Open takes the lock of the named lease file, which admits one daemon, and
// refuses a file that Kea works on. It makes the file's folder if that is
// missing, and reads nothing; Load does.
func Open(name string, o Options) (*File, error) {
	f := &File{name: name, o: o, fs: o.FS, schema: &schemas[o.Family]}
	if f.fs == nil {
		f.fs = system{rawSync: o.RawSync}
		if target, err := filepath.EvalSymlinks(name); err == nil {
			f.name = target // a new file takes the place of the old one, not of the link to it
		}
		for _, p := range o.PIDFiles {
			if pid := runningKea("/proc", p); pid != 0 {
				return nil, fmt.Errorf("leasefile: open %q: Kea runs as process %d (%s)", name, pid, p)
			}
		}
	}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("leasefile: open %q: %w", name, err)
	}
	return f, nil
}

func (f *File) open() error {
	if err := f.fs.Mkdir(dir(f.name)); err != nil {
		return err
	}
	l, note, err := f.fs.Lock(f.name + suffixLock)
	if err != nil {
		return err
	}
	if err := f.fs.Foreign(f.name); err != nil {
		return errors.Join(err, l.Close())
	}
	f.lock = l
	f.report = Report{Name: f.name, AfterFailure: strings.HasSuffix(note, noteDown)}
	if !f.report.AfterFailure {
		f.note(noteUp)
	}
	return nil
}

// What the lock file says. A daemon that was killed while its store was down
// leaves a file whose end may be read from memory and yet not be on the disk;
// the next start writes a complete new one.
const (
	noteUp   = "up"
	noteDown = "down"
)

// note leaves a word for the next start. It is help, not a promise: a lock file
// that cannot be written leaves nothing worse than the disk had.
func (f *File) note(word string) {
	_ = f.lock.Note(fmt.Sprintf("process %d %s", os.Getpid(), word))
}

// Append renders a change into the journal buffer; see lease.Store. A lease with
// no lifetime left is a removal, as in Kea.
func (f *File) Append(c lease.Change) lease.Seq {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	if f.gathering {
		f.buf = f.schema.appendRow(f.buf, c)
	}
	return f.seq
}

// Sync makes everything appended so far durable with one write and one
// fdatasync; see lease.Store. Its error is lease.ErrDown, wrapped with the
// reason, from the first failure on until Rewrite has succeeded.
func (f *File) Sync() (lease.Seq, error) {
	f.commit.Lock()
	defer f.commit.Unlock()
	if f.failed != nil {
		return f.durable, f.failed
	}
	if f.file == nil {
		return f.durable, lease.ErrClosed
	}
	batch, last := f.take()
	if len(batch) > 0 {
		if err := f.write(batch); err != nil {
			f.give(batch)
			return f.durable, f.fail(err)
		}
	}
	f.give(batch)
	f.durable = last
	return last, nil
}

// take takes the journal buffer away and the number of its last change. The
// caller holds commit.
func (f *File) take() (batch []byte, last lease.Seq) {
	f.mu.Lock()
	defer f.mu.Unlock()
	batch, f.buf = f.buf, f.spare
	f.spare = nil
	return batch, f.seq
}

// give returns a buffer that take took. The caller holds commit.
func (f *File) give(batch []byte) {
	if cap(batch) <= spareLimit {
		f.spare = batch[:0]
	}
}

// untake puts rows that did not get to the medium back in front of those that
// came since. The caller holds commit.
func (f *File) untake(batch []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf = append(batch, f.buf...)
}

// write puts rows at the end of the journal, durably.
func (f *File) write(batch []byte) error {
	at := f.size.Load()
	if err := f.place(batch, at); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	linked, err := f.file.Linked()
	if err != nil {
		return err
	}
	if !linked {
		return ErrGone
	}
	f.size.Store(at + int64(len(batch)))
	f.stats.Writes.Add(1)
	f.stats.Octets.Add(uint64(len(batch)))
	f.synced = time.Now()
	return nil
}

// fail takes the store down: what the end of the file holds is unknown from now
// on, so nothing more is written to it. The caller holds commit.
func (f *File) fail(err error) error {
	f.failed = fmt.Errorf("%w: %q: %w", lease.ErrDown, f.name, err)
	f.stats.Errors.Add(1)
	f.note(noteDown)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gathering = false
	f.buf = nil
	return f.failed
}

// Close syncs what was appended, closes the file and gives up the lock. An error
// says that the last changes may not be durable.
func (f *File) Close() error {
	f.rewriting.Lock()
	defer f.rewriting.Unlock()
	f.mu.Lock()
	was := f.closed
	f.closed = true
	f.mu.Unlock()
	if was {
		return nil
	}
	var err error
	if f.file != nil {
		_, err = f.Sync()
		f.commit.Lock()
		defer f.commit.Unlock()
		if f.failed == nil {
			err = errors.Join(err, f.trim())
			f.failed = fmt.Errorf("%w: %q", lease.ErrClosed, f.name)
		}
		err = errors.Join(err, f.file.Close())
		f.file = nil
		f.mu.Lock()
		f.gathering = false
		f.mu.Unlock()
	}
	return errors.Join(err, f.lock.Close())
}

// Name returns the name of the lease file.
func (f *File) Name() string { return f.name }

// Size returns how many octets the journal has on the medium; what it has
// grown by since the last Rewrite tells when the next one pays.
func (f *File) Size() int64 { return f.size.Load() }
