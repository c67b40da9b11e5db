package sim

import (
	"net/netip"
	"time"
)

// A kind is what a client asks for. Both families have the same ones.
type kind uint8

const (
	discover kind = iota // DISCOVER, Solicit
	request              // REQUEST in SELECTING, Request
	renew                // REQUEST in RENEWING, Renew
	reboot               // REQUEST in INIT-REBOOT, Rebind
	release
	decline
)

func (k kind) String() string {
	return [...]string{"discover", "request", "renew", "reboot", "release", "decline"}[k]
}

// A verdict is what an answer says.
type verdict uint8

const (
	nothing verdict = iota // that matters here
	offer
	ack
	nak
)

func (v verdict) String() string { return [...]string{"nothing", "offer", "ack", "nak"}[v] }

// A question is one message of a client's, sent again until it is answered.
type question struct {
	c     *client
	kind  kind
	xid   uint32
	addr  netip.Addr // asked for, extended or given up
	first time.Time
	again time.Time
	tries int
}

// A reply is an answer as the client reads it.
type reply struct {
	xid   uint32
	is    verdict
	addr  netip.Addr
	valid time.Duration
}

// A client wants an address, keeps it for a while, and gives it up in one way or another.
type client struct {
	n       int
	relayed bool
	named   bool // it has a client identifier (v4)
	addr    netip.Addr
	until   time.Time // by its own clock: from when it asked
	asking  *question
	quiet   time.Time // it says nothing before: what it sent last may still be on its way
}

// The network holds a datagram back for so long at most. A client lets twice that pass
// between two matters, as a real one does by orders of magnitude: nothing in DHCP would
// tell a late RELEASE from a new one.
const longest = 4 * time.Second

// act lets the client do what it would do in this second.
func (w *world) act(c *client, now time.Time) {
	if c.addr.IsValid() && !now.Before(c.until) {
		c.addr = netip.Addr{}
	}
	if q := c.asking; q != nil {
		if now.Before(q.again) {
			return
		}
		if q.tries == 4 || q.kind == release && q.tries == 2 || q.kind == decline && q.tries == 2 {
			c.asking, c.quiet = nil, now.Add(2*longest)
			return
		}
		w.ask(q, now)
		return
	}
	if now.Before(c.quiet) {
		return
	}
	if !c.addr.IsValid() {
		if w.random.IntN(4) == 0 {
			w.begin(c, discover, netip.Addr{}, now)
		}
		return
	}
	switch n := w.random.IntN(120); {
	case n < 8:
		w.begin(c, renew, c.addr, now)
	case n < 10:
		w.begin(c, reboot, c.addr, now)
	case n < 13:
		w.begin(c, release, c.addr, now)
	case n < 14:
		w.begin(c, decline, c.addr, now)
	case n < 15:
		c.addr = netip.Addr{} // it has lost its memory
	}
}

// begin has the client ask something new. Who gives an address up uses it no more.
func (w *world) begin(c *client, k kind, addr netip.Addr, now time.Time) {
	w.xid++
	q := &question{c: c, kind: k, xid: w.xid, addr: addr, first: now}
	w.questions[q.xid] = q
	c.asking = q
	if k == release || k == decline {
		if w.claims[addr].c == c {
			delete(w.claims, addr)
		}
		c.addr = netip.Addr{}
	}
	w.ask(q, now)
}

func (w *world) ask(q *question, now time.Time) {
	q.tries++
	q.again = now.Add(time.Duration(3+w.random.IntN(3)) * time.Second)
	w.note("client %d: %v %v, xid %x", q.c.n, q.kind, q.addr, q.xid)
	w.carry(flight{data: w.family.query(q), c: q.c}, now)
}

// hear has the client take an answer.
func (w *world) hear(c *client, r reply, now time.Time) {
	q := c.asking
	if q == nil || q.xid != r.xid {
		return // late, or doubled
	}
	switch {
	case r.is == offer && q.kind == discover:
		w.begin(c, request, r.addr, now)
	case r.is == ack && q.kind != discover && q.kind != release && q.kind != decline:
		c.asking, c.quiet = nil, now.Add(2*longest)
		c.addr, c.until = r.addr, q.first.Add(r.valid)
	case r.is == nak:
		c.asking, c.quiet = nil, now.Add(2*longest)
		c.addr = netip.Addr{}
	}
}
