package transport

import (
	"errors"
	"net"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
)

// Replace serves specs instead of those so far. It is all or nothing: when a
// socket of the new set cannot be opened, the old set stays as it is and the
// error says why. Sockets in both sets stay open and lose nothing. What waits
// for a link or an address is no error, unless RequireAll says so.
func (g *Group) Replace(specs []Spec) error {
	for _, s := range specs {
		if err := s.check(g.v4); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return net.ErrClosed
	}
	p := wanted(g.v4, specs, g.links, g.answering())
	opened, lacks := g.openMissing(p)
	if g.o.RequireAll {
		lacks = append(lacks, p.lacks...)
	}
	if len(lacks) > 0 {
		for _, c := range opened {
			c.discard()
		}
		g.failed = true // of the old set some may be missing too
		g.nudge()
		return join(lacks)
	}
	g.specs = slices.Clone(specs)
	g.endOthers(p)
	g.adopt(opened, p)
	g.tell(p.lacks)
	return nil
}

// endOthers ends the sockets that p does not want. A worker that serves one
// finishes its batch first; the address is free when it has left.
func (g *Group) endOthers(p plan) {
	kept := g.conns[:0:0]
	for _, c := range g.conns {
		if slices.Contains(p.keys, c.key) {
			kept = append(kept, c)
			continue
		}
		if !c.served {
			c.discard()
			continue
		}
		g.leaving[c.key] = c
		c.Stop()
	}
	g.conns = kept
	g.publish()
}

// forget takes c, which is about to be closed, out of the Group.
func (g *Group) forget(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaving[c.key] == c {
		delete(g.leaving, c.key)
		g.retire(c)
		g.left = true
		g.nudge()
		return
	}
	if i := slices.Index(g.conns, c); i >= 0 {
		g.conns = slices.Delete(g.conns, i, i+1)
		g.retire(c)
		g.failed = true // wanted still, though its worker gave up
		g.publish()
		g.nudge()
	}
}

// nudge has Follow look at the state of the Group.
func (g *Group) nudge() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// Sockets returns what is open now.
func (g *Group) Sockets() []Socket {
	conns := g.sending.Load().all
	s := make([]Socket, len(conns))
	for i, c := range conns {
		s[i] = c.Socket()
	}
	return s
}

// retire keeps what c has counted; it is about to be closed.
func (g *Group) retire(c *conn) {
	g.overflows += c.batch.Overflows()
	g.refused += c.batch.Refused()
}

// Overflows is how many datagrams have found the socket buffer full, as far as
// the kernel has told: it does so with the next datagram that finds room.
func (g *Group) Overflows() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count(g.overflows, (*Batch).Overflows)
}

// Refused is how many packets of the port were left out: malformed, or with a wrong
// checksum. Only those read from packet sockets are counted here; others the kernel
// counts.
func (g *Group) Refused() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count(g.refused, (*Batch).Refused)
}

// count adds to n what the open sockets have counted. The lock is held.
func (g *Group) count(n uint64, of func(*Batch) uint64) uint64 {
	for _, c := range g.conns {
		n += of(c.batch)
	}
	for _, c := range g.leaving {
		n += of(c.batch)
	}
	return n
}

// Close closes every socket. After Follow it has nothing to do; it is for a
// Group that was never followed, or whose start failed later.
func (g *Group) Close() error {
	g.mu.Lock()
	g.closed = true
	conns := g.conns
	for _, c := range g.leaving {
		conns = append(conns, c)
	}
	g.conns = nil
	g.publish()
	g.mu.Unlock()
	var err error
	for _, c := range conns {
		err = errors.Join(err, c.end())
	}
	g.frameOnce.Do(func() {}) // from now on none is opened
	if f := g.frameSender.Swap(nil); f != nil {
		err = errors.Join(err, f.Close())
	}
	return err
}

// frames returns what sends frames, nil when there is none. It is opened when
// the first frame is to be sent, so that a server whose clients all come
// through relays never needs the privilege.
func (g *Group) frames(iface string) *link.Sender {
	if !g.o.Raw {
		return nil
	}
	g.frameOnce.Do(func() {
		s, err := link.Open(g.o.Framer)
		if err != nil {
			g.report(iface, err)
			return
		}
		g.frameSender.Store(s)
	})
	return g.frameSender.Load()
}

// tell reports what is missing, each problem once until it is gone.
func (g *Group) tell(lacks []lack) {
	now := make(map[string]bool, len(lacks))
	for _, l := range lacks {
		text := l.iface + "\x00" + l.err.Error()
		if !g.reported[text] && !now[text] {
			g.report(l.iface, l.err)
		}
		now[text] = true
	}
	g.reported = now
}

func (g *Group) report(iface string, err error) {
	if g.o.OnProblem != nil {
		g.o.OnProblem(iface, err)
	}
}

func join(lacks []lack) error {
	var err error
	for _, l := range lacks {
		err = errors.Join(err, l.err)
	}
	return err
}
