package leasefile

import (
	"bufio"
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

// Load hands over the rows of the file in its order; see lease.Store. Before
// that it takes over what Kea left, cuts off a torn last row and makes what it
// is about to read durable, for the rows may be those of a daemon that was
// killed before its sync.
func (f *File) Load(ctx context.Context, each func(lease.Change) error) error {
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

func (f *File) load(ctx context.Context, each func(lease.Change) error) error {
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

// read hands over the rows of a journal of ours, and returns how many are damaged.
func (f *File) read(ctx context.Context, s *source, each func(lease.Change) error) (damaged int, err error) {
	if err := f.mend(s); err != nil {
		return 0, err
	}
	if err := s.h.Sync(); err != nil {
		return 0, fmt.Errorf("sync: %w", err)
	}
	// and its name: a daemon that was killed after the rename of a clean-up leaves
	// a folder that a power cut takes back to the file before
	if err := f.fs.SyncDir(dir(f.name)); err != nil {
		return 0, fmt.Errorf("sync folder: %w", err)
	}
	var mem arena
	var l lease.Lease
	row := func(line []byte) error {
		if err := s.layout.decode(line, &l, &mem); err != nil {
			return damage{err}
		}
		f.report.Rows++
		return each(lease.Change{Lease: &l, Remove: l.Valid == 0})
	}
	bad := func(_ int, reason error, _ []byte) error {
		if reason != nil {
			damaged++
		}
		return nil
	}
	_, err = s.scan(ctx, row, bad)
	return damaged, err
}

// decode reads a whole row. What l refers to is good until mem is used again.
func (l *layout) decode(line []byte, out *lease.Lease, mem *arena) error {
	var r row
	if err := l.split(line, &r); err != nil {
		return err
	}
	res, err := l.schema.resource(&r)
	if err != nil {
		return err
	}
	*out = lease.Lease{Resource: res}
	mem.reset()
	return l.schema.decode(&r, out, mem)
}

// damage marks an error as the row's own.
type damage struct{ error }

// What scan calls for a line that cannot be read: with its number, the reason and
// its octets, newline included. A line that is longer than a block comes in
// parts, those after the first without a reason.
type badLine func(number int, reason error, part []byte) error

// scan calls row for each line, newline excluded, and bad if it returns a damage.
// It returns how long a torn last line is.
func (s *source) scan(ctx context.Context, row func(line []byte) error, bad badLine) (torn int, err error) {
	n := s.size - s.rows
	file := io.NewSectionReader(s.h, s.rows, n)
	in := bufio.NewReaderSize(file, int(min(n+1, blockSize)))
	var d damage
	for number := 2; ; number++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		line, err := in.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull, err == nil && len(line) == blockSize:
			err = skipLong(in, number, line, bad)
		case err == nil && len(line) > 1:
			if s.layout.ours && s.torn(file, in, line[:len(line)-1]) {
				err = bad(number, errTorn, line)
			} else if err = row(line[:len(line)-1]); errors.As(err, &d) {
				err = bad(number, d.error, line)
			}
		case err == io.EOF && s.layout.whole(line):
			return 0, row(line)
		case err == io.EOF:
			return len(line), nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// torn reports whether a line is what a power cut left of a row that was written
// over blank lines, with rows of the same batch behind it: it has no checksum,
// and the blank lines stand where the rest was to be. A row that Kea or a person
// wrote has none behind it.
func (s *source) torn(file *io.SectionReader, in *bufio.Reader, line []byte) bool {
	var next [1]byte
	if in.Buffered() > 0 {
		b, _ := in.Peek(1) // in the buffer already: line stays good
		next[0] = b[0]
	} else if at, err := file.Seek(0, io.SeekCurrent); err == nil {
		if _, err := file.ReadAt(next[:], at); err != nil {
			return false // the end, or what the next read will report
		}
	}
	if next[0] != '\n' {
		return false
	}
	var r row
	return s.layout.split(line, &r) == nil && !r.summed
}

// skipLong hands a line over to bad, of which part was read.
func skipLong(in *bufio.Reader, number int, part []byte, bad badLine) error {
	reason := errTooLong
	for {
		if err := bad(number, reason, part); err != nil {
			return err
		}
		if part[len(part)-1] == '\n' {
			return nil
		}
		reason = nil
		var err error
		part, err = in.ReadSlice('\n')
		if err == io.EOF && len(part) == 0 {
			return nil
		}
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return err
		}
	}
}

// mend ends the last row, or cuts it off if it is torn, and ends the file there.
func (f *File) mend(s *source) error {
	if err := f.endRow(s); err != nil || !s.padded {
		return err
	}
	s.padded = false
	return s.h.Truncate(s.size)
}

func (f *File) endRow(s *source) error {
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
	if len(line) == 0 || l.split(line, &r) != nil || r.count != len(l.columns) || l.ours && !r.summed {
		return false
	}
	return l.decode(line, new(lease.Lease), new(arena)) == nil
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
