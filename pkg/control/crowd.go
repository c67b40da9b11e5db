package control

import (
	"net"
	"sync"
	"time"
)

// A crowd is the connections of one socket.
type crowd struct {
	slots chan struct{} // one for each connection that there may be

	mu      sync.Mutex
	closing bool
	guests  map[*guest]struct{}
	seen    uint64 // signs of life of all guests together
	gone    sync.WaitGroup
}

func newCrowd(limit int) *crowd {
	return &crowd{slots: make(chan struct{}, limit), guests: make(map[*guest]struct{})}
}

// A guest is one connection.
type guest struct {
	net.Conn
	crowd *crowd
	seal  *seal // what the connection is encrypted with, nil for nothing
	left  sync.Once

	// guarded by crowd.mu
	running bool   // it has a command under way
	evicted bool   // it has to make room for others
	last    uint64 // crowd.seen at its last sign of life
}

// accept waits for a connection. When there are as many as may be, the one that
// has been silent for longest makes room: an honest client sends its command at
// once and is never that. While all have a command under way, others wait.
func (c *crowd) accept(l net.Listener) (*guest, error) {
	conn, err := l.Accept()
	if err != nil {
		return nil, err
	}
	for !c.room() {
		if !c.makeRoom() {
			conn.Close()
			return nil, net.ErrClosed
		}
	}
	g := &guest{Conn: conn, crowd: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		<-c.slots
		conn.Close()
		return nil, net.ErrClosed
	}
	c.guests[g] = struct{}{}
	c.live(g)
	c.gone.Add(1)
	return g, nil
}

// room waits a moment for a slot.
func (c *crowd) room() bool {
	select {
	case c.slots <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(time.Millisecond)
	defer timer.Stop()
	select {
	case c.slots <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

// makeRoom sends the guest away that has been silent for longest. It reports
// false when nobody is let in any more.
func (c *crowd) makeRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var oldest *guest
	for g := range c.guests {
		switch {
		case g.evicted: // it is on its way
			return !c.closing
		case !g.running && (oldest == nil || g.last < oldest.last):
			oldest = g
		}
	}
	if oldest == nil {
		return !c.closing
	}
	oldest.evicted = true
	if r, ok := oldest.Conn.(interface{ CloseRead() error }); ok {
		r.CloseRead() // it can still be told why
	}
	return !c.closing
}

// live notes a sign of life.
func (c *crowd) live(g *guest) {
	c.seen++
	g.last = c.seen
}

// Close ends the connection and makes room for another.
func (g *guest) Close() error {
	err := g.Conn.Close()
	g.left.Do(func() {
		g.crowd.mu.Lock()
		delete(g.crowd.guests, g)
		g.crowd.mu.Unlock()
		<-g.crowd.slots
		g.crowd.gone.Done()
	})
	return err
}

// begin marks the connection as one that waits for an answer, and reports false
// when it has been dismissed.
func (g *guest) begin() bool {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	if g.crowd.closing {
		return false
	}
	g.running = true
	return true
}

// end says that the answer is out.
func (g *guest) end() {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	g.running = false
	g.crowd.live(g)
}

// isEvicted reports whether the guest had to make room.
func (g *guest) isEvicted() bool {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	return g.evicted
}

// shut lets nobody in any more and sends away all who wait for no answer.
func (c *crowd) shut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	c.dismissLocked(false)
}

// dismiss sends all away who wait for no answer, or really all.
func (c *crowd) dismiss(all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dismissLocked(all)
}

// dismissLocked closes the connections beneath their owners, who see to the rest.
func (c *crowd) dismissLocked(all bool) {
	for g := range c.guests {
		if all || !g.running {
			g.Conn.Close()
		}
	}
}
