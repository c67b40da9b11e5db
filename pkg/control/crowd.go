package control

import (
	"net"
	"sync"
)

// A crowd is the connections of one socket.
type crowd struct {
	slots chan struct{} // one for each connection that there may be

	mu      sync.Mutex
	closing bool
	guests  map[*guest]struct{}
	gone    sync.WaitGroup
}

func newCrowd(limit int) *crowd {
	return &crowd{slots: make(chan struct{}, limit), guests: make(map[*guest]struct{})}
}

// A guest is one connection.
type guest struct {
	net.Conn
	crowd   *crowd
	seal    *seal // what the connection is encrypted with, nil for nothing
	running bool  // it has a command under way; guarded by crowd.mu
	left    sync.Once
}

// accept waits for a free slot, then for a connection: those that are too many
// stay in the backlog.
func (c *crowd) accept(l net.Listener) (*guest, error) {
	c.slots <- struct{}{}
	conn, err := l.Accept()
	if err != nil {
		<-c.slots
		return nil, err
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
	c.gone.Add(1)
	return g, nil
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
