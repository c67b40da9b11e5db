package ipc

import (
	"fmt"
	"net"
)

// Reopen moves c to another port while others read and write. The new socket
// is open and connected before it takes the place of the old one; when that
// fails the old one goes on. The same port keeps its socket, port 0 closes it.
func (c *Conn) Reopen(port uint16) error {
	s, err := c.Stage(port)
	if err != nil {
		return err
	}
	return s.Commit()
}

// A Staged is a change of port that is ready but not made, for a
// reconfiguration that may still fail elsewhere. Either Commit or Discard ends
// it.
type Staged struct {
	conn   *Conn
	socket *socket // nil: close, or keep
	keep   bool
}

// Stage opens what Commit will put in place.
func (c *Conn) Stage(port uint16) (*Staged, error) {
	if port == maxOption {
		return nil, fmt.Errorf("ipc: port %d: the pair needs the next one too", port)
	}
	s := &Staged{conn: c, keep: port == c.Port()}
	if s.keep || port == 0 {
		return s, nil
	}
	var err error
	if s.socket, err = c.dial(port); err != nil {
		return nil, err
	}
	return s, nil
}

// Commit puts the staged socket in the place of the old one. It fails only
// when the Conn has been closed meanwhile.
func (s *Staged) Commit() error {
	if s.keep {
		return nil
	}
	c := s.conn
	c.write.Lock() // so that no write meets a socket that closes under it
	defer c.write.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		s.Discard()
		return fmt.Errorf("ipc: reopen: %w", net.ErrClosed)
	}
	old := c.socket
	c.socket = s.socket
	c.stats.down.Store(false)
	c.changed.Broadcast()
	if old != nil {
		c.lost += old.batch.Overflows()
		old.close() // wakes the reader, which finds the new one
	}
	return nil
}

// Discard closes what was staged; the Conn goes on as it is.
func (s *Staged) Discard() {
	if s.socket != nil {
		s.socket.close()
		s.socket.batch.Release()
	}
}
