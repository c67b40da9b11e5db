package client6

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A network is a Carrier in memory with a server behind it. It loses messages, doubles
// them, and holds them up, as chance has it.
type network struct {
	ready  chan bool
	in     chan []byte
	closed chan struct{}
	once   sync.Once
	wait   sync.WaitGroup // for messages that are held up

	mu     sync.Mutex
	rand   *rand.Rand
	loss   float64 // of each message, on each way
	twice  float64
	most   time.Duration // that a message takes
	down   bool          // nobody answers
	server *giver
	sent   []dhcp6.MessageType
	taken  []netip.Addr // addresses that another node has
	refuse error        // of Send
	broken int          // reads that fail
	looked int          // calls of DAD
}

func newNetwork(server *giver) *network {
	n := &network{ready: make(chan bool, 4), in: make(chan []byte, 64), closed: make(chan struct{}), server: server, rand: rand.New(rand.NewPCG(5, 6))}
	n.ready <- true
	return n
}

func (n *network) Send(msg []byte, to netip.AddrPort) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuse != nil {
		return n.refuse
	}
	var e dhcp6.Envelope
	if err := e.Parse(msg); err != nil {
		return err
	}
	n.sent = append(n.sent, e.Message.Type)
	if n.down || n.rand.Float64() < n.loss {
		return nil
	}
	if a := n.server.answer(&e.Message); a != nil {
		n.carry(a)
		if n.rand.Float64() < n.twice {
			n.carry(a)
		}
	}
	return nil
}

// carry takes a message to the client, sooner or later or not at all.
func (n *network) carry(b []byte) {
	if n.rand.Float64() < n.loss {
		return
	}
	var d time.Duration
	if n.most > 0 {
		d = time.Duration(n.rand.Int64N(int64(n.most)))
	}
	n.wait.Go(func() {
		select {
		case <-time.After(d):
		case <-n.closed:
			return
		}
		select {
		case n.in <- b:
		case <-n.closed:
		}
	})
}

func (n *network) Recv(buf []byte) (int, netip.AddrPort, error) {
	n.mu.Lock()
	broken := n.broken > 0
	n.broken--
	n.mu.Unlock()
	if broken {
		return 0, netip.AddrPort{}, errors.New("network is down")
	}
	select {
	case b := <-n.in:
		return copy(buf, b), from, nil
	case <-n.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (n *network) DAD(addrs []netip.Addr) (taken []netip.Addr, err error) {
	select {
	case <-time.After(2 * time.Second):
	case <-n.closed:
		return nil, net.ErrClosed
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looked++
	for _, a := range addrs {
		if slices.Contains(n.taken, a) {
			taken = append(taken, a)
		}
	}
	return taken, nil
}

func (n *network) Ready() <-chan bool { return n.ready }

func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	n.wait.Wait()
	return nil
}

func (n *network) count(t dhcp6.MessageType) (c int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.sent {
		if s == t {
			c++
		}
	}
	return c
}

// A giver is a small server: it leases one address to each IA_NA and one prefix to each
// IA_PD, for an hour, and knows until when.
type giver struct {
	until   map[netip.Prefix]time.Time // what it knows
	granted map[netip.Prefix]time.Time // what it has said, whether it knows or not
	more    []byte                     // options of each Reply
	forgets bool                       // all bindings, once
	hash    byte                       // of the addresses it gives
}

const giverValid = 3600

func (g *giver) answer(q *dhcp6.Message) []byte {
	kind := dhcp6.Reply
	var opts []byte
	switch q.Type {
	case dhcp6.Solicit:
		kind = dhcp6.Advertise
		opts = g.ias(q, false, true)
	case dhcp6.Request:
		opts = g.ias(q, true, true)
	case dhcp6.Renew, dhcp6.Rebind:
		opts = g.ias(q, true, false)
	case dhcp6.Release, dhcp6.Decline:
		for p := range g.leases(q) {
			delete(g.until, p)
		}
		if q.Type == dhcp6.Decline {
			g.hash++
		}
	case dhcp6.Confirm, dhcp6.InformationRequest:
	default:
		return nil
	}
	m := &message{Message: *q}
	return answerTo(m, kind, opts, g.more).bytes()
}

// ias answers the IAs of a message, for good or as an offer. A Renew of what it does not
// know is NoBinding.
func (g *giver) ias(q *dhcp6.Message, grant, anew bool) (opts []byte) {
	if g.forgets && grant {
		g.until, g.forgets = map[netip.Prefix]time.Time{}, false
	}
	for c, v := range q.Options.All {
		if c != dhcp6.OptIANA && c != dhcp6.OptIAPD {
			continue
		}
		iaid := be.Uint32(v)
		text := fmt.Sprintf("2001:db8:1::%x:%x", iaid, g.hash)
		p := netip.PrefixFrom(netip.MustParseAddr(text), 128)
		if c == dhcp6.OptIAPD {
			text = fmt.Sprintf("2001:db8:%x00::/56", iaid)
			p = netip.MustParsePrefix(text)
		}
		until, known := g.until[p]
		var in []byte
		switch {
		case !anew && (!known || over(until, time.Now())):
			in = status(dhcp6.NoBinding)
		case c == dhcp6.OptIAPD:
			in = prefix(text, giverValid*3/4, giverValid)
		default:
			in = addr(text, giverValid*3/4, giverValid)
		}
		if grant && (anew || known) {
			g.until[p] = time.Now().Add(giverValid * time.Second)
			g.granted[p] = g.until[p]
		}
		if c == dhcp6.OptIAPD {
			opts = append(opts, iaPD(iaid, giverValid/2, giverValid*4/5, in)...)
		} else {
			opts = append(opts, iaNA(iaid, giverValid/2, giverValid*4/5, in)...)
		}
	}
	return opts
}

// leases yields what a message names.
func (g *giver) leases(q *dhcp6.Message) func(func(netip.Prefix) bool) {
	return func(yield func(netip.Prefix) bool) {
		for c, v := range q.Options.All {
			var in dhcp6.Options
			switch c {
			case dhcp6.OptIANA:
				x, _ := dhcp6.ParseIANA(v)
				in = x.Options
			case dhcp6.OptIAPD:
				x, _ := dhcp6.ParseIAPD(v)
				in = x.Options
			}
			for c, v := range in.All {
				var p netip.Prefix
				switch c {
				case dhcp6.OptIAAddr:
					x, _ := dhcp6.ParseIAAddr(v)
					p = netip.PrefixFrom(x.Addr, 128)
				case dhcp6.OptIAPrefix:
					x, _ := dhcp6.ParseIAPrefix(v)
					p = x.Prefix
				}
				if !yield(p) {
					return
				}
			}
		}
	}
}

func newGiver() *giver {
	return &giver{until: make(map[netip.Prefix]time.Time), granted: make(map[netip.Prefix]time.Time)}
}
