package transport

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// A Source is something that datagrams are read from. A Port is one.
type Source interface {
	Receive(b []byte) (n int, from netip.AddrPort, err error) // net.ErrClosed after Close
	SetReadDeadline(t time.Time) error
}

// A Switch reads from one Source after another, as a client's sockets come and go
// with its address and its link. Receive is for one goroutine, the rest is safe for
// concurrent use. The zero Switch has no source yet.
type Switch struct {
	mu      sync.Mutex
	now     Source
	closed  bool
	changed chan struct{} // closed at the next change; nil: nobody waits
}

// Set has Receive read from src from now on; nil: from nothing. The source before
// is not closed; what it receives waits there.
func (s *Switch) Set(src Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src == s.now || s.closed {
		return
	}
	if src != nil {
		_ = src.SetReadDeadline(time.Time{}) // a closed one says so when it is read from
	}
	s.turn(src)
}

// Close ends Receive, but closes no source.
func (s *Switch) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.turn(nil)
}

// turn changes over, and wakes who reads from the old source or waits for one.
func (s *Switch) turn(src Source) {
	old := s.now
	s.now = src
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	if old != nil {
		_ = old.SetReadDeadline(time.Unix(1, 0))
	}
}

// look returns the source of the moment, and what is closed when it is no longer.
func (s *Switch) look() (src Source, changed <-chan struct{}, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil && !s.closed {
		s.changed = make(chan struct{})
	}
	return s.now, s.changed, s.closed
}

// Receive waits for a datagram from the source of the moment, and for a source
// where there is none or it is closed. The error after Close is net.ErrClosed; others
// are those of the source.
func (s *Switch) Receive(b []byte) (n int, from netip.AddrPort, err error) {
	for {
		src, changed, closed := s.look()
		if closed {
			return 0, from, net.ErrClosed
		}
		if src != nil {
			n, from, err = src.Receive(b)
			if !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
				return n, from, err
			}
		}
		<-changed
	}
}
