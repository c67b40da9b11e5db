package control

import (
	"errors"
	"io"
	"time"
)

var (
	errLong = errors.New("the command is too long")
	errBusy = errors.New("too many large commands at once, try again later")
)

// A large command is read with pauses, 16 MiB in a quarter of a second: a writer
// who never stops would take a processor from the packets otherwise.
const (
	piece  = 256 << 10
	breath = 4 * time.Millisecond
)

func pieces(n int) int { return n / piece }

// An input is the command of one connection as it arrives.
type input struct {
	frame
	buf    []byte
	budget *budget
	held   int // octets taken from the budget
	limit  int
}

// read reads on until the command is complete, or with all of it until the end
// of r. io.ErrUnexpectedEOF says that r has ended before.
func (in *input) read(r io.Reader, all bool) error {
	for {
		if err := in.room(); err != nil {
			return err
		}
		n, err := r.Read(in.buf[len(in.buf):cap(in.buf)])
		if pieces(len(in.buf)+n) > pieces(len(in.buf)) {
			time.Sleep(breath)
		}
		in.buf = in.buf[:len(in.buf)+n]
		bad := in.scan(in.buf)
		switch {
		case bad != nil:
			return bad
		case in.complete() && !all:
			return nil
		case err == io.EOF && !in.finished():
			return io.ErrUnexpectedEOF
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// room makes room for more. The buffer doubles, so that all its copies together
// are no longer than what it holds in the end.
func (in *input) room() error {
	switch {
	case cap(in.buf) == 0:
		in.buf = make([]byte, 0, min(1024, in.limit))
		return nil
	case len(in.buf) < cap(in.buf):
		return nil
	case len(in.buf) >= in.limit:
		return errLong
	}
	size := min(2*cap(in.buf), in.limit)
	if size > small {
		if !in.budget.take(size - in.held) {
			return errBusy
		}
		in.held = size
	}
	in.buf = append(make([]byte, 0, size), in.buf...)
	return nil
}

// text is the command without what stands around it.
func (in *input) text() []byte {
	return in.buf[in.begin:in.end]
}

// drop forgets the command and gives its memory back.
func (in *input) drop() {
	in.budget.give(in.held)
	in.buf, in.held = nil, 0
}
