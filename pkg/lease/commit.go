package lease

import (
	"context"
	"fmt"
)

// ready returns why nothing may be granted now.
func (t *Table) ready() error {
	if t.closed.Load() {
		return ErrClosed
	}
	return t.Down()
}

// Down returns why nothing can be made durable now, nil when all is well. Clean
// heals it. Until then Offer, Grant, Release and Decline answer with it at
// once: nobody is promised what cannot be kept.
func (t *Table) Down() error {
	if err := t.down.Load(); err != nil {
		return *err
	}
	return nil
}

// fail marks the store as down.
func (t *Table) fail(cause error) error {
	err := fmt.Errorf("%w: %w", ErrDown, cause)
	t.down.Store(&err)
	return err
}

// Durable reports whether a crash could no longer undo the change s.
func (t *Table) Durable(s Seq) bool { return uint64(s) <= t.durable.Load() }

// Commit returns when every change up to s is durable, or with the reason why that
// cannot be had now, which wraps ErrDown. Who comes first syncs for all who have
// appended by then; those who come during a sync wait for it and the next
// of them syncs for the rest. So the sync in progress is what gathers the next
// batch, and no goroutine of its own is needed.
func (t *Table) Commit(s Seq) error {
	if t.Durable(s) {
		return nil
	}
	t.sync.Lock()
	defer t.sync.Unlock()
	if t.Durable(s) {
		return nil
	}
	if err := t.ready(); err != nil {
		return err
	}
	if err := t.syncLocked(); err != nil {
		return err
	}
	if !t.Durable(s) {
		return t.fail(fmt.Errorf("store synced up to %d, not %d", t.durable.Load(), s))
	}
	return nil
}

func (t *Table) syncLocked() error {
	seq, err := t.store.Sync()
	if err != nil {
		return t.fail(err)
	}
	t.durable.Store(max(t.durable.Load(), uint64(seq)))
	return nil
}

// Clean has the store write a fresh complete copy of the table, which clears away
// what is out of date and heals a store that is down. Work goes on meanwhile.
func (t *Table) Clean(ctx context.Context) error {
	t.clean.Lock()
	defer t.clean.Unlock()
	if t.closed.Load() {
		return ErrClosed
	}
	if err := t.store.Rewrite(ctx, t.All()); err != nil {
		return fmt.Errorf("lease: clean up: %w", err)
	}
	t.sync.Lock()
	defer t.sync.Unlock()
	if t.closed.Load() {
		return ErrClosed
	}
	if err := t.syncLocked(); err != nil {
		return err
	}
	t.down.Store(nil)
	return nil
}

// Close makes durable what is left and closes the store. Stop the workers first.
func (t *Table) Close() error {
	if t.closed.Swap(true) {
		return ErrClosed
	}
	t.clean.Lock()
	defer t.clean.Unlock()
	t.sync.Lock()
	defer t.sync.Unlock()
	err := t.Down()
	if err == nil {
		err = t.syncLocked()
	}
	if e := t.store.Close(); err == nil {
		err = e
	}
	return err
}
