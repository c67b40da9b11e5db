package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// A Group is the sockets of one daemon and family. It is safe for concurrent
// use.
type Group struct {
	o  Options
	v4 bool

	mu       sync.Mutex
	specs    []Spec
	links    []netif.Interface
	conns    []*conn         // open and wanted
	leaving  map[key]*conn   // no longer wanted, until the worker has left
	left     bool            // one of those has left since the last reconcile
	failed   bool            // a wanted socket is not open; try again later
	reported map[string]bool // problems told, by interface and text
	serve    func(Conn)      // while Follow runs
	workers  sync.WaitGroup
	closed   bool

	overflows uint64 // of sockets that are closed by now
	refused   uint64 // likewise
	noTaps    bool   // the host does not permit them, which has been told
	capped    bool   // receive buffers are smaller than asked for, which has been told

	wake chan struct{} // holds one: left or failed has been set

	sending atomic.Pointer[sending] // conns, for Senders

	frameOnce   sync.Once
	frameSender atomic.Pointer[link.Sender] // nil: not opened, or not to be had
}

// Listen4 opens the sockets of a DHCPv4 server on the links as they are now.
// Links and addresses that are missing are waited for by Follow.
func Listen4(o Options) (*Group, error) { return listen(o, true, 67) }

// Listen6 opens the sockets of a DHCPv6 server on the links as they are now.
// Links and addresses that are missing are waited for by Follow.
func Listen6(o Options) (*Group, error) { return listen(o, false, 547) }

func listen(o Options, v4 bool, port uint16) (*Group, error) {
	for _, s := range o.Specs {
		if err := s.check(v4); err != nil {
			return nil, err
		}
	}
	o.defaults(port)
	g := &Group{o: o, v4: v4, specs: o.Specs, leaving: make(map[key]*conn), wake: make(chan struct{}, 1)}
	g.sending.Store(newSending(nil))
	links, err := netif.List()
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	lacks := g.reconcile(links)
	if !o.RequireAll {
		g.tell(lacks)
	}
	g.mu.Unlock()
	if o.RequireAll && len(lacks) > 0 {
		return nil, errors.Join(join(lacks), g.Close())
	}
	return g, nil
}

func (o *Options) defaults(port uint16) {
	if o.Port == 0 {
		o.Port = port
	}
	if o.ReceiveBuffer == 0 {
		o.ReceiveBuffer = 8 << 20
	}
	if o.SendBuffer == 0 {
		o.SendBuffer = 1 << 20
	}
	if o.Retry == 0 {
		o.Retry = 5 * time.Second
	}
}

// check refuses a spec that no link can ever satisfy.
func (s Spec) check(v4 bool) error {
	switch {
	case s.Iface == "":
		return errors.New("transport: interface without a name")
	case s.Iface == "*" && s.Addr.IsValid():
		return fmt.Errorf("transport: %s: an address needs the name of its interface", s)
	case s.Addr.IsValid() && (s.Addr.Is4() != v4 || s.Addr.Zone() != "" || s.Addr.IsUnspecified() || s.Addr.IsMulticast()):
		return fmt.Errorf("transport: %s: not an address that a server of this family can have", s)
	}
	return nil
}

// Follow serves every socket of the Group: serve(conn) runs in a goroutine of
// its own and is expected to read until Read says that it is over. Each picture
// from links opens the sockets that have become possible and ends those whose
// link or address is gone. links may be nil; when it is closed, the last
// picture stays. Follow returns when ctx is done, every serve has returned, and
// every socket is closed.
func (g *Group) Follow(ctx context.Context, links <-chan netif.Event, serve func(Conn)) {
	g.mu.Lock()
	g.serve = serve
	for _, c := range g.conns {
		g.start(c)
	}
	g.mu.Unlock()
	for ctx.Err() == nil {
		retry, stop := g.retryTimer()
		select {
		case <-ctx.Done():
		case e, ok := <-links:
			if !ok {
				links = nil // never ready again
				break
			}
			g.update(e.Interfaces)
		case <-g.wake:
			g.again(false)
		case <-retry:
			g.again(true)
		}
		stop()
	}
	g.mu.Lock()
	g.serve = nil
	for _, c := range g.conns {
		c.Stop()
	}
	g.mu.Unlock()
	g.workers.Wait()
	_ = g.Close() // nothing is left that could be lost
}

// update reconciles the Group with a new picture.
func (g *Group) update(links []netif.Interface) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.tell(g.reconcile(links))
	}
}

// again reconciles the Group with the picture it has: to try what has failed,
// or when a socket has been left whose address may be wanted.
func (g *Group) again(failed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed && (failed || g.left) {
		g.tell(g.reconcile(g.links))
	}
}

// retryTimer fires when a socket that failed should be tried again.
func (g *Group) retryTimer() (<-chan time.Time, func() bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.failed {
		return nil, func() bool { return false }
	}
	t := time.NewTimer(g.o.Retry)
	return t.C, t.Stop
}

// reconcile opens what links and specs ask for, ends what they do not, and
// returns what is missing after that. The lock is held.
func (g *Group) reconcile(links []netif.Interface) []lack {
	g.links, g.left = links, false
	p := wanted(g.v4, g.specs, links, g.answering())
	g.endOthers(p)
	opened, lacks := g.openMissing(p)
	g.adopt(opened, p)
	return append(p.lacks, lacks...)
}

// openMissing opens the sockets of p that are not open. One whose address is
// still being left comes later.
func (g *Group) openMissing(p plan) (opened []*conn, lacks []lack) {
	g.failed = false
	for _, k := range p.keys {
		if g.find(k) != nil || g.leavesStill(k) {
			continue
		}
		c, err := g.openConn(k, &p)
		if err != nil {
			g.failed = true
			lacks = append(lacks, lack{k.iface, err})
			continue
		}
		opened = append(opened, c)
	}
	return opened, lacks
}

// answering tells what the broadcast sockets answer from. The lock is held.
func (g *Group) answering() map[key]netip.Addr {
	m := make(map[key]netip.Addr)
	for _, c := range g.conns {
		if c.key.kind == broadcast {
			m[c.key] = c.Socket().Addr
		}
	}
	return m
}

// leavesStill tells whether a socket is being left that has the address of k on its
// link, under whatever name the link had.
func (g *Group) leavesStill(k key) bool {
	for old := range g.leaving {
		if old.index == k.index && old.kind == k.kind && old.addr == k.addr {
			return true
		}
	}
	return false
}

func (g *Group) find(k key) *conn {
	for _, c := range g.conns {
		if c.key == k {
			return c
		}
	}
	return nil
}

// adopt makes opened part of the Group and has them served. Sockets that were
// there before answer from the addresses of p now.
func (g *Group) adopt(opened []*conn, p plan) {
	g.conns = append(g.conns, opened...)
	for _, c := range g.conns {
		c.answerFrom(p.answers[c.key])
	}
	g.publish()
	if g.serve != nil {
		for _, c := range opened {
			g.start(c)
		}
	}
}

// publish shows Senders the sockets there are now.
func (g *Group) publish() {
	g.sending.Store(newSending(g.conns))
}

// start serves c until its worker returns.
func (g *Group) start(c *conn) {
	serve := g.serve
	c.served = true
	g.workers.Go(func() {
		serve(c)
		_ = c.Close() // reading is over, and a UDP socket holds nothing back
		c.batch.Release()
	})
}
