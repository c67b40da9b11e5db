package leasefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// blockSize is how much of a file is read at once, and the longest line.
const blockSize = 1 << 20

// Load reads the file; see lease.Store. What it hands over may be kept. Before
// that it takes over what Kea left, cuts off a torn last row and makes what it
// is about to read durable, for the rows may be those of a daemon that was
// killed before its sync.
func (f *File) Load(ctx context.Context, each func(lease.Lease) error) error {
	f.rewriting.Lock()
	defer f.rewriting.Unlock()
	began := time.Now()
	if err := f.load(ctx, each); err != nil {
		return fmt.Errorf("leasefile: load %q: %w", f.name, err)
	}
	f.report.Took = time.Since(began)
	return nil
}

var errLoaded = errors.New("loaded already, or closed")

func (f *File) load(ctx context.Context, each func(lease.Lease) error) error {
	if f.file != nil || f.closed {
		return errLoaded
	}
	if err := f.takeOver(ctx); err != nil {
		return err
	}
	s, err := f.source(f.name)
	if err != nil {
		return err
	}
	damaged, err := f.read(ctx, s, each)
	if err == nil && damaged > 0 {
		// the rows are numbered and kept aside as the file is copied without them
		if err = f.convert(ctx, []*source{s}); err == nil {
			s.h.Close()
			s, err = f.source(f.name)
		}
	}
	if err != nil {
		if s != nil {
			s.h.Close()
		}
		return err
	}
	f.use(s.h, s.size)
	return nil
}

// use makes h the journal.
func (f *File) use(h Handle, size int64) {
	f.commit.Lock()
	defer f.commit.Unlock()
	f.file = h
	f.size.Store(size)
	f.report.Size = size
	f.note(noteUp)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gathering = true
}

// read reads a journal of ours, and returns how many rows are damaged.
func (f *File) read(ctx context.Context, s *source, each func(lease.Lease) error) (damaged int, err error) {
	if err := f.mend(s); err != nil {
		return 0, err
	}
	if err := s.h.Sync(); err != nil {
		return 0, fmt.Errorf("sync: %w", err)
	}
	r := reader{s: s, each: each, seen: newSeen(s.size), report: &f.report}
	b := backward{h: s.h, low: s.rows, high: s.size}
	for {
		if err := ctx.Err(); err != nil {
			return r.damaged, err
		}
		lines, err := b.next()
		if err == io.EOF {
			return r.damaged, nil
		}
		if err != nil {
			return r.damaged, err
		}
		if err := r.block(lines); err != nil {
			return r.damaged, err
		}
	}
}

// mend ends the last row, or cuts it off if it is torn.
func (f *File) mend(s *source) error {
	end, err := lastNewline(s.h, s.rows, s.size)
	if err != nil || end == s.size {
		return err
	}
	torn := s.size - end
	if torn <= blockSize {
		line := make([]byte, torn)
		if _, err := s.h.ReadAt(line, end); err != nil {
			return err
		}
		if s.layout.whole(line) {
			_, err := s.h.WriteAt([]byte{'\n'}, s.size)
			s.size++
			return err
		}
	}
	f.report.Torn += torn
	s.size = end
	return s.h.Truncate(end)
}

// whole reports whether a last line without a newline is a whole row. One of
// ours ends with its checksum; Kea's has none, so its columns must be all there.
func (l *layout) whole(line []byte) bool {
	var r row
	if l.split(line, &r) != nil || r.count != len(l.columns) || l.ours && !r.summed {
		return false
	}
	var rec lease.Lease
	if _, err := l.schema.resource(&r); err != nil {
		return false
	}
	return l.schema.decode(&r, &rec, new(arena)) == nil
}

// lastNewline returns the offset behind the last newline, low if there is none.
func lastNewline(h io.ReaderAt, low, high int64) (int64, error) {
	buf := make([]byte, min(blockSize, high-low))
	for high > low {
		b := buf[:min(int64(len(buf)), high-low)]
		if _, err := h.ReadAt(b, high-int64(len(b))); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			return high - int64(len(b)) + int64(i) + 1, nil
		}
		high -= int64(len(b))
	}
	return low, nil
}

// backward cuts a file into blocks of whole lines, the last block first, so that
// the first row of an address to be seen is its truth and the others need not
// be kept.
type backward struct {
	h         io.ReaderAt
	low, high int64
	buf       []byte
}

// next returns the whole lines before those of the last call, in the order of
// the file; io.EOF when there are no more. A line longer than a block comes
// alone, cut short, which no row survives.
func (b *backward) next() ([]byte, error) {
	if b.high == b.low {
		return nil, io.EOF
	}
	if b.buf == nil {
		b.buf = make([]byte, min(blockSize, b.high-b.low))
	}
	at := max(b.low, b.high-blockSize)
	lines := b.buf[:b.high-at]
	if _, err := b.h.ReadAt(lines, at); err != nil {
		return nil, err
	}
	if at == b.low {
		b.high = b.low
		return lines, nil
	}
	first := bytes.IndexByte(lines, '\n') + 1
	if first < len(lines) {
		b.high = at + int64(first)
		return lines[first:], nil
	}
	end, err := lastNewline(b.h, b.low, at)
	b.high = end
	return lines, err
}

// reader turns rows into leases.
type reader struct {
	s       *source
	each    func(lease.Lease) error
	seen    seen
	mem     arena
	starts  []int
	damaged int
	report  *Report
}

// block reads the rows of a block, the last first.
func (r *reader) block(lines []byte) error {
	r.starts = r.starts[:0]
	for at := 0; at < len(lines); {
		r.starts = append(r.starts, at)
		at += bytes.IndexByte(lines[at:], '\n') + 1
	}
	end := len(lines) - 1
	for i := len(r.starts) - 1; i >= 0; i-- {
		line := lines[r.starts[i]:end]
		end = r.starts[i] - 1
		if len(line) == 0 {
			continue
		}
		if err := r.row(line); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) row(line []byte) error {
	var fields row
	var l lease.Lease
	schema := r.s.layout.schema
	err := r.s.layout.split(line, &fields)
	if err == nil {
		l.Resource, err = schema.resource(&fields)
	}
	if err == nil && fields.summed && r.seen.has(&l.Resource) {
		r.report.Rows++
		return nil
	}
	if err == nil {
		err = schema.decode(&fields, &l, &r.mem)
	}
	if err != nil || len(line) >= blockSize-1 {
		r.damaged++
		return nil
	}
	r.report.Rows++
	if !r.seen.add(&l.Resource) || l.Valid == 0 {
		return nil
	}
	r.report.Leases++
	return r.each(l)
}
