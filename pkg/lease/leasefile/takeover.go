package leasefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

const (
	suffixLock      = ".lock"
	suffixDamaged   = ".damaged"
	suffixTakenOver = ".taken-over"
)

func dir(name string) string { return filepath.Dir(name) }

// A source is a file that leases are read from.
type source struct {
	name   string
	h      Handle
	size   int64
	layout layout
	rows   int64 // offset of the first row
	padded bool  // there are blank lines behind size
}

// source opens a file and reads its header. A file that ends inside the header
// has no rows: Kea was stopped while it made it.
func (f *File) source(name string) (*source, error) {
	h, err := f.fs.Open(name)
	if err != nil {
		return nil, err
	}
	s := &source{name: name, h: h}
	if err := s.header(f.schema); err != nil {
		h.Close()
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return s, nil
}

// maxHeader is more than any header has.
const maxHeader = 4096

func (s *source) header(schema *schema) (err error) {
	if s.size, err = s.h.Size(); err != nil {
		return err
	}
	b := make([]byte, min(s.size, maxHeader))
	if _, err := s.h.ReadAt(b, 0); err != nil {
		return err
	}
	line, _, whole := bytes.Cut(b, []byte{'\n'})
	if !whole {
		if !bytes.HasPrefix(schema.header(), line) {
			return errHeader
		}
		s.rows = s.size
		return nil
	}
	s.rows = int64(len(line) + 1)
	s.layout, err = schema.parseHeader(line)
	if err == nil && s.layout.ours {
		err = s.unpad()
	}
	return err
}

// takeOver sees to it that one file of ours is the whole truth. What Kea's
// clean-up left is read in Kea's order. The new file has every row of the old
// ones, removals included, so that nothing comes back if we are stopped before
// the old files are put away and they are read once more.
func (f *File) takeOver(ctx context.Context) error {
	if err := f.fs.Remove(f.name + suffixNew); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	side, err := f.sideFiles()
	defer closeAll(side)
	if err != nil {
		return err
	}
	all := side
	main, err := f.source(f.name)
	switch {
	case err == nil:
		defer main.h.Close()
		all = append(all[:len(all):len(all)], main)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if main != nil && main.layout.ours && len(side) == 0 && !f.report.AfterFailure {
		return nil
	}
	for _, s := range all {
		if s != main || !s.layout.ours && s.rows < s.size {
			f.report.TakenOver = append(f.report.TakenOver, s.name)
		}
	}
	f.report.Created = len(all) == 0
	if err := f.convert(ctx, all); err != nil {
		return err
	}
	if len(side) == 0 {
		return nil
	}
	return f.putAway()
}

// sideFiles opens what Kea reads before the lease file: what a clean-up has
// completed, else what the last one left and the journal of the next.
func (f *File) sideFiles() (found []*source, err error) {
	for _, suffixes := range [][]string{{keaCompleted}, {keaPrevious, keaInput}} {
		for _, suffix := range suffixes {
			s, err := f.source(f.name + suffix)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return found, err
			}
			found = append(found, s)
		}
		if len(found) > 0 {
			break
		}
	}
	return found, nil
}

func closeAll(sources []*source) {
	for _, s := range sources {
		s.h.Close()
	}
}

// putAway moves Kea's side files out of its way and ours. The completed file
// goes last: as long as it is there it hides the other two, which may hold
// leases that were removed since.
func (f *File) putAway() error {
	for _, suffix := range []string{keaPrevious, keaInput, keaOutput, keaCompleted} {
		if suffix == keaCompleted {
			if err := f.fs.SyncDir(dir(f.name)); err != nil {
				return err
			}
		}
		name := f.name + suffix
		var err error
		if suffix == keaOutput {
			err = f.fs.Remove(name)
		} else {
			err = f.fs.Rename(name, name+suffixTakenOver)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return f.fs.SyncDir(dir(f.name))
}

// convert writes the rows of the sources, in order, to a complete new file. Rows
// that cannot be read are kept aside first.
func (f *File) convert(ctx context.Context, sources []*source) error {
	var like Handle
	if n := len(sources); n > 0 {
		like = sources[n-1].h
	}
	c, err := f.create(like)
	if err != nil {
		return err
	}
	a := &aside{f: f}
	for _, s := range sources {
		if err = f.copyRows(ctx, c, s, a); err != nil {
			err = fmt.Errorf("%q: %w", s.name, err)
			break
		}
	}
	err = errors.Join(err, a.close(err == nil))
	if err == nil {
		err = c.install()
	}
	if err != nil {
		c.abandon()
		return err
	}
	f.report.Rewritten = true
	return c.h.Close()
}

func (f *File) copyRows(ctx context.Context, c *complete, s *source, a *aside) error {
	mem := new(arena)
	row := func(line []byte) error { return s.copyRow(c, line, mem) }
	bad := func(number int, reason error, line []byte) error {
		if reason == nil {
			return a.write(line)
		}
		return f.damaged(a, Damage{s.name, number, reason}, line)
	}
	torn, err := s.scan(ctx, row, bad)
	f.report.Torn += int64(torn)
	return err
}

// copyRow copies a row: as it is if it is one of ours, else rendered anew.
func (s *source) copyRow(c *complete, line []byte, mem *arena) error {
	var r row
	if s.layout.split(line, &r) == nil && r.summed && s.layout.ours {
		return c.raw(append(line, '\n'))
	}
	var l lease.Lease
	if err := s.layout.decode(line, &l, mem); err != nil {
		return damage{err}
	}
	return c.change(lease.Change{Lease: &l, Remove: l.Valid == 0})
}

// damaged reports a row and keeps it aside.
func (f *File) damaged(a *aside, d Damage, line []byte) error {
	f.report.Damaged++
	if len(f.report.Damage) < maxDamage {
		f.report.Damage = append(f.report.Damage, d)
	}
	if f.o.MaxRowErrors > 0 && f.report.Damaged > f.o.MaxRowErrors {
		return fmt.Errorf("more than %d rows are damaged, the last one: %w", f.o.MaxRowErrors, d)
	}
	return a.keep(d, line)
}

// aside is the file that damaged rows are kept in.
type aside struct {
	f    *File
	h    Handle
	size int64
}

func (a *aside) open() (err error) {
	if a.h != nil {
		return nil
	}
	name := a.f.name + suffixDamaged
	a.h, err = a.f.fs.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		a.h, err = a.f.fs.Create(name, nil)
	}
	if err != nil {
		return err
	}
	a.f.report.Aside = name
	a.size, err = a.h.Size()
	return err
}

func (a *aside) write(b []byte) error {
	if err := a.open(); err != nil {
		return err
	}
	n, err := a.h.WriteAt(b, a.size)
	a.size += int64(n)
	return err
}

// keep writes the row, its newline included, and before it where it was and what
// is wrong with it.
func (a *aside) keep(d Damage, line []byte) error {
	return a.write(append(fmt.Appendf(nil, "# %v\n", d), line...))
}

// close makes what was kept durable, before the file it came from is replaced.
func (a *aside) close(keep bool) error {
	if a.h == nil {
		return nil
	}
	var err error
	if keep {
		if err = a.h.Sync(); err == nil {
			err = a.f.fs.SyncDir(dir(a.f.name))
		}
	}
	return errors.Join(err, a.h.Close())
}
