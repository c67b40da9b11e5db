package leasefile

import (
	"context"
	"fmt"
	"iter"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// A rewrite is one run of Rewrite.
type rewrite struct {
	f       *File
	c       *complete
	from    int64 // what the journal holds from here on may be missing in the snapshot
	healing bool  // the store is down: there is no journal, only the buffer
}

// catchUp ends when less than a batch's worth is left, or after so many rounds.
const (
	fewOctets = 64 << 10
	maxRounds = 10
)

// Rewrite replaces the file by a complete one; see lease.Store. Changes made
// meanwhile go to the old file as ever and are copied in rounds; only the last
// round, small by then, holds up Sync. An error leaves the old file in use,
// unless it is ErrDown.
func (f *File) Rewrite(ctx context.Context, all iter.Seq[*lease.Lease]) error {
	f.rewriting.Lock()
	defer f.rewriting.Unlock()
	if f.file == nil {
		return fmt.Errorf("leasefile: rewrite %q: %w", f.name, lease.ErrClosed)
	}
	w := &rewrite{f: f}
	w.begin()
	old := f.file
	if err := w.run(ctx, all); err != nil {
		w.giveUp()
		f.stats.Errors.Add(1)
		return fmt.Errorf("leasefile: rewrite %q: %w", f.name, err)
	}
	f.stats.Rewrites.Add(1)
	old.Close() // outside of commit: to free a large file takes time
	return nil
}

// begin notes where the journal is: all that is before this point in time is in
// the snapshot, and from now on changes are kept even if the store is down.
func (w *rewrite) begin() {
	f := w.f
	f.mu.Lock()
	defer f.mu.Unlock()
	w.from = f.size.Load()
	w.healing = !f.gathering
	f.gathering = true
}

// giveUp leaves a store that was down as it was.
func (w *rewrite) giveUp() {
	if w.c != nil {
		w.c.abandon()
	}
	if !w.healing {
		return
	}
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.gathering = false
	w.f.buf = nil
}

func (w *rewrite) run(ctx context.Context, all iter.Seq[*lease.Lease]) (err error) {
	if w.healing {
		if err := w.f.relock(); err != nil {
			return err
		}
	}
	if w.c, err = w.f.create(w.f.file); err != nil {
		return err
	}
	w.c.beside = !w.healing
	if err := w.snapshot(ctx, all); err != nil {
		return err
	}
	for range maxRounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := w.round()
		if err != nil {
			return err
		}
		if n < fewOctets {
			break
		}
	}
	return w.finish()
}

func (w *rewrite) snapshot(ctx context.Context, all iter.Seq[*lease.Lease]) error {
	for l := range all {
		if err := w.c.change(lease.Change{Lease: l}); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// round copies what came since the last one and returns how much that was.
func (w *rewrite) round() (int64, error) {
	var n int64
	var err error
	if w.healing {
		w.f.commit.Lock()
		batch, _ := w.f.take()
		n = int64(len(batch))
		err = w.c.raw(batch)
		w.f.give(batch)
		w.f.commit.Unlock()
	} else {
		n, err = w.copyTo(w.f.size.Load())
	}
	if err != nil {
		return n, err
	}
	return n, w.c.sync()
}

// copyTo copies the journal up to an offset.
func (w *rewrite) copyTo(end int64) (int64, error) {
	n := end - w.from
	buf := make([]byte, min(n, writeSize))
	for w.from < end {
		b := buf[:min(end-w.from, writeSize)]
		if _, err := w.f.file.ReadAt(b, w.from); err != nil {
			return n, fmt.Errorf("read back: %w", err)
		}
		if err := w.c.raw(b); err != nil {
			return n, err
		}
		w.from += int64(len(b))
	}
	return n, nil
}

// finish copies the rest while nobody can sync, and moves the file into place.
func (w *rewrite) finish() error {
	f := w.f
	f.commit.Lock()
	defer f.commit.Unlock()
	w.c.beside = false // they wait for us now
	if !w.healing {
		if f.failed != nil {
			return f.failed
		}
		if _, err := w.copyTo(f.size.Load()); err != nil {
			return err
		}
	}
	batch, last := f.take()
	err := w.c.raw(batch)
	if err == nil {
		err = w.c.install()
	}
	if err != nil {
		return w.undo(batch, err)
	}
	f.give(batch)
	f.file, f.durable, f.failed = w.c.h, last, nil
	f.size.Store(w.c.size)
	f.room = 0
	if w.healing {
		f.note(noteUp)
	}
	return nil
}

// undo goes back to the old journal when that is still the file in place. If the
// new one is there and the folder was not synced, either may be there after a
// power cut, and the store is down.
func (w *rewrite) undo(batch []byte, err error) error {
	f := w.f
	if w.healing {
		return err
	}
	if same, e := f.fs.Is(f.name, f.file); e != nil || !same {
		return f.fail(err)
	}
	f.untake(batch)
	return err
}

// relock takes the lock anew when the lock file went with its folder.
func (f *File) relock() error {
	if linked, err := f.lock.Linked(); err != nil || linked {
		return err
	}
	if err := f.fs.Mkdir(dir(f.name)); err != nil {
		return err
	}
	l, _, err := f.fs.Lock(f.name + suffixLock)
	if err != nil {
		return err
	}
	f.lock.Close()
	f.lock = l
	return nil
}
