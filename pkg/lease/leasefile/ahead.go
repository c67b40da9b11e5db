package leasefile

import (
	"bytes"
	"io"
	"time"
)

// Under load the journal runs over blank lines that were laid ahead of it: a
// row that is written over durable octets changes neither size nor blocks, so
// its sync has less to do (fdatasync(2)); how much less is up to the file system
// (docs/speed.md). Kea skips blank lines as we do, so the file stays readable to
// everybody; and they are cut off as soon as the load is over, so that whoever
// follows the file sees its end.
const (
	aheadSize = 128 << 10

	loaded = 10 * time.Millisecond // a sync that comes so soon after another is load
	idle   = time.Second           // load is over when none has come for so long
)

var blankLines = bytes.Repeat([]byte{'\n'}, aheadSize)

// place writes rows at the end of the journal, and under load blank lines behind
// them when the journal has come to the end of those before. That these cannot
// be written is no error: the next row grows the file. The caller holds commit.
func (f *File) place(rows []byte, at int64) error {
	if _, err := f.file.WriteAt(rows, at); err != nil {
		return err
	}
	if end := at + int64(len(rows)); end > f.room {
		f.room = end
		if time.Since(f.synced) < loaded {
			n, _ := f.file.WriteAt(blankLines, end)
			f.room += int64(n)
		}
	}
	return nil
}

// Trim cuts off what was laid ahead of the journal once the load is over. It is
// to be called every second or so; it does nothing most of the time.
func (f *File) Trim() error {
	f.commit.Lock()
	defer f.commit.Unlock()
	if f.failed != nil || f.file == nil || time.Since(f.synced) < idle {
		return nil
	}
	return f.trim()
}

// trim cuts the file off behind its last row. The caller holds commit.
func (f *File) trim() error {
	size := f.size.Load()
	if f.room <= size {
		return nil
	}
	f.room = 0
	return f.file.Truncate(size)
}

// unpad leaves blank lines at the end out of the source. The newline of the last
// row is left out too, so that a row that is torn is seen to be.
func (s *source) unpad() error {
	end, err := lastOctet(s.h, s.rows, s.size)
	if err != nil || s.size-end < 2 {
		return err
	}
	s.padded = true
	s.size = end
	return nil
}

// lastOctet returns the offset behind the last octet that is not a newline, low
// if there is none.
func lastOctet(h io.ReaderAt, low, high int64) (int64, error) {
	buf := make([]byte, min(aheadSize, high-low))
	for high > low {
		b := buf[:min(int64(len(buf)), high-low)]
		high -= int64(len(b))
		if _, err := h.ReadAt(b, high); err != nil {
			return 0, err
		}
		if n := len(bytes.TrimRight(b, "\n")); n > 0 {
			return high + int64(n), nil
		}
	}
	return low, nil
}
