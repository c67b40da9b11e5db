package leasefile

import (
	"context"
	"fmt"
	"iter"
	"os"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Write writes a complete lease file, which is durable when it returns: a copy
// beside the one in use. It replaces nothing: a file of that name is an error.
func Write(ctx context.Context, name string, family Family, all iter.Seq[*lease.Lease]) error {
	f := &File{name: name, fs: system{}, schema: &schemas[family]}
	c, err := f.create(nil)
	if err == nil {
		c.beside = true
		err = c.copy(ctx, all)
		c.h.Close() // it is synced, or of no use
		if e := f.fs.Remove(c.name); err == nil {
			err = e
		}
	}
	if err != nil {
		return fmt.Errorf("leasefile: write %q: %w", name, err)
	}
	return nil
}

// copy fills the file and gives it its name, beside the one under which it was made.
func (c *complete) copy(ctx context.Context, all iter.Seq[*lease.Lease]) error {
	for l := range all {
		if err := c.change(lease.Change{Lease: l}); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := c.sync(); err != nil {
		return err
	}
	if err := os.Link(c.name, c.f.name); err != nil { // unlike rename it replaces nothing
		return err
	}
	return c.f.fs.SyncDir(dir(c.f.name))
}
