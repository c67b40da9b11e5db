package leasefile

import (
	"fmt"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// A complete file is made beside the journal and takes its place when it is
// whole and durable.
type complete struct {
	f    *File
	h    Handle
	name string
	buf  []byte
	size int64 // octets written
	done int64 // octets synced

	beside bool // the journal is in use meanwhile, and its syncs come first
}

const (
	suffixNew = ".new"

	// writeSize is what is gathered before it is written, syncSize what is
	// written before it is synced. Beside a journal in use each write is synced
	// and then the disk is left alone for as long as that took: of the portions
	// and pauses that were tried this held up the journal's syncs least.
	writeSize = 256 << 10
	syncSize  = 2 << 20
	longPause = 20 * time.Millisecond
)

// create begins a complete file that will resemble like, the one in place.
func (f *File) create(like Handle) (*complete, error) {
	if err := f.fs.Mkdir(dir(f.name)); err != nil {
		return nil, err
	}
	c := &complete{f: f, name: f.name + suffixNew, buf: make([]byte, 0, writeSize+writeSize/8)}
	h, err := f.fs.Create(c.name, like)
	if err != nil {
		return nil, err
	}
	c.h = h
	c.buf = append(c.buf, f.schema.header()...)
	return c, nil
}

// change appends a row.
func (c *complete) change(ch lease.Change) error {
	c.buf = c.f.schema.appendRow(c.buf, ch)
	return c.flush(writeSize)
}

// raw appends rows as they are.
func (c *complete) raw(rows []byte) error {
	c.buf = append(c.buf, rows...)
	return c.flush(writeSize)
}

// flush writes what was gathered, once it is as much as least.
func (c *complete) flush(least int) error {
	if len(c.buf) < least {
		return nil
	}
	if _, err := c.h.WriteAt(c.buf, c.size); err != nil {
		return fmt.Errorf("write %q: %w", c.name, err)
	}
	c.size += int64(len(c.buf))
	c.buf = c.buf[:0]
	if c.beside {
		return c.yield()
	}
	if c.size-c.done < syncSize {
		return nil
	}
	return c.sync()
}

// yield syncs and gives way to the journal.
func (c *complete) yield() error {
	began := time.Now()
	err := c.sync()
	time.Sleep(min(time.Since(began), longPause))
	return err
}

func (c *complete) sync() error {
	if err := c.flush(1); err != nil {
		return err
	}
	if c.done == c.size {
		return nil
	}
	if err := c.h.Sync(); err != nil {
		return fmt.Errorf("sync %q: %w", c.name, err)
	}
	c.done = c.size
	return nil
}

// install puts the file in the journal's place.
func (c *complete) install() error {
	if err := c.sync(); err != nil {
		return err
	}
	if err := c.f.fs.Rename(c.name, c.f.name); err != nil {
		return err
	}
	if err := c.f.fs.SyncDir(dir(c.f.name)); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// abandon gives up a file that was not installed.
func (c *complete) abandon() {
	c.h.Close()
	_ = c.f.fs.Remove(c.name) // the next one replaces it
}
