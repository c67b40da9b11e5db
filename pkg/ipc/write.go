package ipc

import "golang.org/x/sys/unix"

// Write sends each message with its origin put in, after taking out what the
// network may have put in its place. It copies Data, never waits, and skips
// what cannot be sent. It returns how many messages left and the first error:
// a [Fault], or the host's.
func (c *Conn) Write(out []Message) (int, error) {
	c.write.Lock()
	defer c.write.Unlock()
	c.mu.Lock()
	s := c.socket
	c.mu.Unlock()
	switch {
	case s == nil:
		return 0, c.refuseAll(out, ErrClosed)
	case c.side == V6Side && len(out) > 0:
		switch st, _ := s.guard.judge(s.guard.writes); st {
		case stranger:
			return 0, c.refuseAll(out, ErrOwner)
		case nobody:
			c.stats.Dropped.Add(uint64(len(out)))
			c.gone()
			return 0, unix.ECONNREFUSED
		}
	}
	var first error
	c.out.reset()
	c.writers.pad = c.pad.Load() && len(out) > 1
	for i := range out {
		if err := c.seal(&out[i]); err != nil {
			c.refuse(err)
			if first == nil {
				first = err
			}
		}
	}
	n, err := c.flush(s)
	if first == nil {
		first = err
	}
	return n, first
}

// seal appends the message to the outbox.
func (c *Conn) seal(m *Message) (err error) {
	defer c.caught(m.Data, &err)
	if !m.Origin.valid() {
		return ErrOrigin
	}
	d := m.Dialect
	if c.side == V6Side {
		d = c.Dialect()
	}
	if d == ISC {
		return c.sealISC(m)
	}
	w, signs := &c.writers, c.signs.Load()
	if w.stamp = (stamp{}); signs.mode != AuthOff {
		c.stamp.counter++
		w.stamp, w.key = c.stamp, signs.keys[0].id
	}
	w.add = &m.Origin
	b, err := w.run(c.out.buf, m.Data)
	w.add = nil
	if err != nil {
		return err
	}
	if signs.mode != AuthOff {
		signs.sign(b[w.start:], w.mac-w.start)
	}
	c.out.push(b)
	return nil
}

// sealISC appends a message behind its header, which has no place for a MAC.
func (c *Conn) sealISC(m *Message) error {
	if c.signs.Load().mode == AuthRequire {
		return ErrNoMAC
	}
	start := len(c.out.buf)
	b, err := c.writers.run(c.appendISC(c.out.buf, m), m.Data)
	if err != nil {
		return err
	}
	if len(b)-start > maxPayload {
		return ErrTooLong
	}
	c.out.push(b)
	return nil
}

// flush sends the outbox and counts.
func (c *Conn) flush(s *socket) (int, error) {
	n, err := c.out.send(s)
	c.stats.Sent.Add(uint64(n))
	c.stats.Dropped.Add(uint64(c.out.len() - n))
	if refused(err) {
		c.gone()
	}
	return n, err
}
