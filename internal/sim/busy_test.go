package sim

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A crowd is the clients of one worker, who ask without a pause on a network that loses
// nothing. Several crowds are served at once.
type crowd struct {
	*world
	random  *rand.Rand
	clients []*client
	asked   map[uint32]*question
	xid     uint32
	acks    int
}

// next has some clients ask: for an address if they have none, and whatever one does with
// an address if they have.
func (c *crowd) next(limit int) (queries []flight) {
	if c.failed.Load() || c.t.Failed() {
		return nil
	}
	clear(c.asked)
	for _, i := range c.random.Perm(len(c.clients))[:1+c.random.IntN(min(limit, len(c.clients)))] {
		q := c.question(c.clients[i])
		c.asked[q.xid] = q
		queries = append(queries, flight{data: c.family.query(q), c: q.c})
	}
	return queries
}

// question is what a client asks next. Its asking is what it was offered.
func (c *crowd) question(who *client) *question {
	c.xid++
	q := &question{c: who, kind: discover, xid: c.xid, addr: who.addr, first: time.Now()}
	switch n := c.random.IntN(20); {
	case who.asking != nil:
		q.kind, q.addr = request, who.asking.addr
		who.asking = nil
	case !who.addr.IsValid():
	case n < 4:
		q.kind, who.addr = release, netip.Addr{}
		c.drop(who)
	case n < 8:
		q.kind = reboot
	default:
		q.kind = renew
	}
	return q
}

// drop has a client use its address no more.
func (c *crowd) drop(who *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.claims, func(_ netip.Addr, had claim) bool { return had.c == who })
}

func (c *crowd) left(data []byte) {
	r, err := c.family.read(data)
	q := c.asked[r.xid]
	if err != nil || q == nil {
		c.wrong("an answer to nobody leaves: %x, %v", data, err)
		return
	}
	who := q.c
	switch {
	case r.is == offer:
		who.asking = &question{addr: r.addr}
	case r.is == ack && q.kind != release:
		c.acks++
		if why := c.give(q, r); why != "" {
			c.wrong("client %d is told that %v is its own: %s", who.n, r.addr, why)
		}
		if !c.failed.Load() {
			who.addr = r.addr
		}
	case r.is == nak && who.addr.IsValid() && q.kind != request && q.kind != release:
		c.wrong("client %d is refused %v, which it holds", who.n, q.addr)
	}
}

// give judges an address as its answer leaves: it is on the disk, and nobody else's.
func (c *crowd) give(q *question, r reply) string {
	who, until := q.c, q.first.Add(r.valid-time.Second) // in whole seconds
	files := c.disk.Durable(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(files) == 0 {
		return "there is no lease file on the disk"
	}
	for _, f := range files {
		m, err := c.octets(f)
		if err != nil {
			return err.Error()
		}
		l, ok := m[r.addr]
		if why := c.missing(&l, ok, who, until); why != "" {
			return "on the disk " + why
		}
	}
	if had := c.claims[r.addr]; had.c != nil && had.c != who {
		return "another holds it"
	}
	if !c.failed.Load() {
		maps.DeleteFunc(c.claims, func(_ netip.Addr, had claim) bool { return had.c == who })
		c.claims[r.addr] = claim{who, until}
	}
	return ""
}

// TestCrashBusy is TestCrash with four workers at once and a clean-up that never ends, in
// a third as many lives and in real time: what it has is chance, and the race detector.
// Leases last longer than the test.
func TestCrashBusy(t *testing.T) {
	cuts, seed := settings(t)
	cuts = (cuts + 2) / 3
	for family, f := range families {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, f, uint64(seed))
			w.outage = 0
			crowds := make([]*crowd, 4)
			for i := range crowds {
				c := &crowd{world: w, random: rand.New(rand.NewPCG(uint64(seed), uint64(i))), asked: make(map[uint32]*question)}
				for j, who := range w.clients {
					if j%len(crowds) == i {
						c.clients = append(c.clients, who)
					}
				}
				c.xid = uint32(i) << 20
				crowds[i] = c
			}
			acks := 0
			for cut := range cuts {
				w.start()
				if !t.Failed() {
					w.busy(crowds)
				}
				if t.Failed() {
					t.Fatalf("SIM_SEED=%d, life %d:\n%s", seed, cut+1, strings.Join(w.log, "\n"))
				}
			}
			for _, c := range crowds {
				acks += c.acks
			}
			t.Logf("%d lives, %d starts: %d leases acknowledged, healed %d times", cuts, w.restarts, acks, w.healed)
			if acks < 20*cuts {
				t.Error("too little happened for this to say anything")
			}
		})
	}
}

// busy is one life with every crowd at work.
func (w *world) busy(crowds []*crowd) {
	w.disk.Inject(w.faults(20+w.random.IntN(300), w.random.IntN(2) == 0))
	serve := w.family.engine(w.table)
	var workers sync.WaitGroup
	for _, c := range crowds {
		for _, who := range c.clients {
			who.asking = nil // offers are forgotten
		}
		workers.Go(func() { serve(c) })
	}
	for !w.failed.Load() && !w.t.Failed() {
		down := w.table.Down() != nil
		err := w.table.Clean(w.t.Context())
		if down && err == nil {
			w.healed++
		}
		runtime.Gosched()
	}
	workers.Wait()
	w.after()
}
