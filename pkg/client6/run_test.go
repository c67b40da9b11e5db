package client6

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
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

// A host is a System in memory.
type host struct {
	mu      sync.Mutex
	has     *hostconf.Settings
	reasons []hostconf.Reason
	err     error
	check   func(*hostconf.Change)
}

func (h *host) Apply(_ context.Context, c *hostconf.Change) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.Old != h.has && c.Reason != hostconf.Preinit6 && c.Reason != hostconf.Release6 {
		panic("what was is not what is")
	}
	h.has = c.New
	h.reasons = append(h.reasons, c.Reason)
	if h.check != nil {
		h.check(c)
	}
	return h.err
}

func (h *host) last() hostconf.Reason {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reasons[len(h.reasons)-1]
}

func testMachine(o Options) *Machine {
	if o.IAs == nil && !o.InfoOnly {
		o.IAs = []IA{na, pd}
	}
	o.DUID, o.Iface, o.Rand = duid, "eth0", rand.New(rand.NewPCG(8, 9))
	return New(o)
}

// Run carries a client from its start to its end, and leaves no goroutine behind, which
// synctest sees to.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, h := newNetwork(newGiver()), new(host)
		store := NewFile(filepath.Join(t.TempDir(), "leases"))
		ctx, cancel := context.WithCancel(t.Context())
		var seen []State
		done := make(chan error)
		go func() {
			done <- Run(ctx, testMachine(Options{}), n, RunOptions{System: h, Store: store, Watch: func(s Status) {
				if len(seen) == 0 || seen[len(seen)-1] != s.State {
					seen = append(seen, s.State)
				}
				if s.State == Bound && (s.Record == nil || s.Next.IsZero()) {
					t.Errorf("%+v", s)
				}
			}})
		}()
		time.Sleep(90 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []State{Init, Soliciting, Requesting, Bound, Renewing, Bound, Renewing, Bound, Renewing, Bound, Stopped}
		if !slices.Equal(seen[:3], want[:3]) || seen[len(seen)-1] != Stopped || n.count(dhcp6.Renew) != 2 || n.looked != 1 {
			t.Errorf("%v, %d renewals, %d times looked for duplicates", seen, n.count(dhcp6.Renew), n.looked)
		}
		if h.last() != hostconf.Stop6 || h.has != nil {
			t.Errorf("%v", h.reasons)
		}
		r, err := store.Load()
		if err != nil || len(r.IAs) != 2 {
			t.Fatalf("%+v %v", r, err)
		}

		// The next life confirms what was, and then releases it.
		n = newNetwork(n.server)
		ask := make(chan Request)
		go func() {
			done <- Run(t.Context(), testMachine(Options{Record: r}), n, RunOptions{System: h, Store: store, Ask: ask})
		}()
		time.Sleep(time.Minute)
		if n.count(dhcp6.Solicit) != 0 || n.count(dhcp6.Rebind) != 1 || h.last() != hostconf.Bound6 {
			t.Errorf("sent %v, %v", n.sent, h.reasons)
		}
		ask <- AskInform
		time.Sleep(10 * time.Second)
		ask <- AskRenew
		time.Sleep(time.Second)
		if n.count(dhcp6.InformationRequest) != 1 || n.count(dhcp6.Renew) != 1 {
			t.Errorf("sent %v", n.sent)
		}
		ask <- AskRelease
		if err := <-done; err != nil {
			t.Error(err)
		}
		if r, err := store.Load(); r != nil || err != nil || h.last() != hostconf.Release6 || len(n.server.until) != 0 {
			t.Errorf("%+v %v, %v, server has %v", r, err, h.reasons, n.server.until)
		}
	})
}

// RunOptions.Release gives up the leases of the record, with a server or without.
func TestRunRelease(t *testing.T) {
	for _, down := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := aRecordAt(t, time.Now())
			n, h := newNetwork(newGiver()), new(host)
			n.down = down
			began := time.Now()
			if err := Run(t.Context(), testMachine(Options{Record: r}), n, RunOptions{System: h, Release: true}); err != nil {
				t.Error(err)
			}
			want := 1
			if down {
				want = 4
			}
			if n.count(dhcp6.Release) != want || h.last() != hostconf.Release6 || time.Since(began) > 20*time.Second {
				t.Errorf("sent %v, %v, in %v", n.sent, h.reasons, time.Since(began))
			}
		})
	}
}

func aRecordAt(t *testing.T, now time.Time) *Record {
	l := newLab(t, Options{IAs: []IA{na}})
	l.now = now
	l.bound(lease1())
	return lastSaved(l)
}

// What a script, or the link, says about duplicates ends in a Decline.
func TestRunDeclines(t *testing.T) {
	for _, script := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n, h := newNetwork(newGiver()), new(host)
			taken := netip.MustParseAddr("2001:db8:1::1:0")
			if script {
				h.check = func(c *hostconf.Change) {
					h.err = nil
					if c.New != nil && slices.ContainsFunc(c.New.Addresses, func(a hostconf.Address) bool { return a.Prefix.Addr() == taken }) {
						h.err = fmt.Errorf("hostconf: %w", errors.Join(errors.New("another"), &hostconf.TakenError{Addr: taken}))
					}
				}
			} else {
				n.taken = []netip.Addr{taken}
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				done <- Run(ctx, testMachine(Options{IAs: []IA{na}}), n, RunOptions{System: h})
			}()
			time.Sleep(time.Minute)
			if n.count(dhcp6.Decline) != 1 || h.has == nil || h.has.Addresses[0].Prefix.Addr() == taken {
				t.Errorf("sent %v, %v", n.sent, h.reasons)
			}
			cancel()
			<-done
		})
	}
}

// What cannot be sent, read, saved or applied is told, and the client goes on.
func TestRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, h := newNetwork(newGiver()), new(host)
		n.refuse, n.broken, h.err = errors.New("no buffer space"), 3, errors.New("not permitted")
		core, logs := observer.New(zap.DebugLevel)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- Run(ctx, testMachine(Options{}), n, RunOptions{System: h, Log: zap.New(core), Store: NewFile("/nowhere/leases")})
		}()
		time.Sleep(10 * time.Second)
		n.mu.Lock()
		n.refuse = nil
		n.mu.Unlock()
		time.Sleep(10 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, text := range []string{"message not sent", "host not changed", "lease not saved", "lease bound", "state changed"} {
			if logs.FilterMessage(text).Len() == 0 {
				t.Errorf("nobody says %q", text)
			}
		}
	})
}

// over4 is an Over4 that keeps what it is told.
type over4 struct {
	mu      sync.Mutex
	set     []Servers4o6
	answers [][]byte
	closed  bool
}

func (o *over4) Set(a []netip.Addr, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.set = append(o.set, Servers4o6{a, known})
}

func (o *over4) Answer(msg []byte, _ netip.AddrPort) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers = append(o.answers, slices.Clone(msg))
}

func (o *over4) Close() { o.closed = true }

// What is IPv4's goes to its side, and nothing else (RFC 7341 §8).
func TestRunOver4(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGiver()
		g.more = opt(dhcp6.OptDHCP4oDHCP6Server)
		n, h, o := newNetwork(g), new(host), new(over4)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- Run(ctx, testMachine(Options{FourOverSix: true}), n, RunOptions{System: h, Over4: o})
		}()
		time.Sleep(time.Minute)
		n.in <- []byte{21, 0, 0, 0, 0, 87, 0, 1, 9}
		n.in <- []byte{}
		n.in <- []byte{7, 0, 0, 0}
		synctest.Wait()
		cancel()
		<-done
		if len(o.answers) != 1 || o.answers[0][8] != 9 || !o.closed {
			t.Errorf("%v, closed %v", o.answers, o.closed)
		}
		if len(o.set) != 2 || !o.set[0].Known || len(o.set[0].Addrs) != 0 || o.set[1].Known {
			t.Errorf("%v", o.set)
		}
	})
}
