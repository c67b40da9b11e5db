package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

const (
	maxRetries    = 7 // of Fast: the last wait is 128 times the first
	maxStandard   = 200
	progressEvery = 500 * time.Millisecond
	longestWait   = 100 * time.Millisecond // until the context is looked at again
	shortestWait  = 10 * time.Microsecond  // a deadline in the past would read nothing
)

// Run holds the conversations of s and returns when they are over. When ctx
// ends it stops at once; what was in flight counts as neither completed nor
// lost. The report is good whenever the error is nil or that of ctx.
func Run(ctx context.Context, s Scenario) (Report, error) {
	if err := s.Check(); err != nil {
		return Report{}, err
	}
	s.complete()
	lines, err := open(&s)
	if err != nil {
		return Report{}, err
	}
	src, done := sourceOf(lines)
	defer done()
	defer closeAll(lines)
	return newRunner(s, lines, src).run(ctx)
}

// A runner is a run of one scenario.
type runner struct {
	s        Scenario // of the present phase
	lines    [2]*line // IPv6, IPv4; nil: not needed
	source   source
	scripts  [kinds]script
	four     [2]*script4   // the same: in DHCPV4-QUERY messages, and on IPv4
	six      *script6      // the same
	shown    *conversation // nil: nobody looks
	rng      *rand.Rand
	patience patience
	servers  servers

	start   time.Time
	talks   []talk
	free    []int32
	byXID   [kinds]map[uint32]int32
	nextXID uint32
	clients clients
	waiting timers
	mix     []Share
	weights int
	in      [wireSlots]transport.Datagram
	wound   time.Duration // deadline of the reads, since start

	phase string
	tally *tally
	shownProgress
}

func newRunner(s Scenario, lines [2]*line, src source) *runner {
	seed := s.Seed
	for seed == 0 {
		seed = rand.Uint64()
	}
	s.Seed = seed
	r := &runner{
		s: s, lines: lines, source: src, rng: rand.New(rand.NewPCG(seed, 0)), servers: newServers(),
		clients: clients{fixed: s.Clients, keep: s.Prepare > 0 || keeps(s.shares())},
		tally:   new(tally),
	}
	r.patience = patience{&r.s, r.rng}
	r.nextXID = r.rng.Uint32()
	for k := range r.byXID {
		r.byXID[k] = map[uint32]int32{}
	}
	if l := lines[0]; l != nil {
		r.four[0] = newScript4(&r.s, &r.servers, l.way, l.local)
		r.six = newScript6(&r.s, &r.servers, l.way)
		r.scripts[FourOverSix], r.scripts[V6] = r.four[0], r.six
	}
	if l := lines[1]; l != nil {
		r.four[1] = newScript4(&r.s, &r.servers, nil, l.local)
		r.scripts[V4] = r.four[1]
	}
	if s.Conversation != nil {
		r.shown = newConversation(s.Conversation)
	}
	return r
}

// loop holds the conversations of the present phase.
func (r *runner) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		now := time.Since(r.start)
		r.expire(now)
		more := r.begin(now)
		r.flush()
		r.progress(now)
		if r.over(now) {
			return nil
		}
		if err := r.wind(now, more); err != nil {
			return err
		}
		n, line, err := r.source.Read(r.in[:])
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			continue // what the host says about datagrams before, ICMP errors and the like
		}
		now = time.Since(r.start)
		for i := range r.in[:n] {
			r.receive(&r.in[i], line, now)
		}
	}
	return ctx.Err()
}

// wind sets the deadline of the next read. One that is already set and comes
// earlier than need be is left: it costs a turn of the loop now and then, and
// setting it would cost every turn.
func (r *runner) wind(now time.Duration, more bool) error {
	at := r.wake(now)
	if more {
		at = now + shortestWait
	}
	if r.wound <= at && r.wound >= now+shortestWait {
		return nil
	}
	r.wound = at
	return r.source.SetReadDeadline(r.start.Add(at))
}

// wake tells until when nothing happens unless something is received.
func (r *runner) wake(now time.Duration) time.Duration {
	at := now + longestWait
	if r.starting(now) && r.s.Rate > 0 && len(r.free) > 0 {
		at = min(at, r.due())
	}
	if _, due, ok := r.waiting.first(); ok {
		at = min(at, due)
	}
	return max(at, now+shortestWait)
}

// ask sends t's present message for the first time, with a transaction id that
// is new, but for the DHCPREQUEST that answers an offer (RFC 2131 §4.4.1).
func (r *runner) ask(slot int32, now time.Duration) {
	t := &r.talks[slot]
	if t.xid == 0 || t.step != Request || t.kind == V6 {
		r.forget(t)
		t.xid = r.newXID(t.kind)
		r.byXID[t.kind][t.xid] = slot
	}
	t.asked, t.tries = now, 0
	r.tally.steps[t.kind][t.step].sent++
	r.send(slot, now)
	if t.kind.silent(t.step) {
		r.tally.steps[t.kind][t.step].answered++ // as far as anybody can tell
		t.holds = false
		r.finish(slot, now)
	}
}

func (r *runner) forget(t *talk) {
	if t.xid != 0 {
		delete(r.byXID[t.kind], t.xid)
	}
}

// newXID returns a transaction id that nothing in flight has; 0 is never one.
func (r *runner) newXID(k Kind) uint32 {
	for {
		r.nextXID++
		x := r.nextXID
		if k == V6 {
			x &= 1<<24 - 1
		}
		if _, taken := r.byXID[k][x]; x != 0 && !taken {
			return x
		}
	}
}

// send puts t's message into the outbox and winds its timer.
func (r *runner) send(slot int32, now time.Duration) {
	t := &r.talks[slot]
	if t.step != Request || t.kind == V6 { // that has the secs of its DHCPDISCOVER (RFC 2131 §3.1)
		t.elapsed = r.patience.unscale(now - t.asked)
	}
	l := r.lines[lineOf(t.kind)]
	b := r.scripts[t.kind].append(l.out.buf, t)
	if r.shows(t) {
		r.shown.sent(now, t.kind, l.to.Peer, b[len(l.out.buf):])
	}
	to := l.to
	to.Local = r.s.source(t.client, t.kind == V4)
	l.out.push(b, to)
	t.tries++
	r.waiting.set(slot, now+r.patience.wait(t, now))
	if l.out.len() >= wireSlots {
		r.flushLine(l)
	}
}

// shows reports whether somebody looks at t: it is the first client's.
func (r *runner) shows(t *talk) bool { return r.shown != nil && t.client == 0 }

func (r *runner) flush() {
	for _, l := range r.lines {
		if l != nil && l.out.len() > 0 {
			r.flushLine(l)
		}
	}
}

func (r *runner) flushLine(l *line) {
	n, err := l.out.send(l.network)
	if n < l.out.len() { // lost, unless sending it again helps
		r.tally.unsent += l.out.len() - n
		if r.tally.problem == nil {
			r.tally.problem = err
		}
	}
	l.out.reset()
}

// expire sends again what was not answered in time, and gives up in the end.
func (r *runner) expire(now time.Duration) {
	for {
		slot, due, ok := r.waiting.first()
		if !ok || due > now {
			return
		}
		r.unanswered(slot, now)
	}
}

func (r *runner) unanswered(slot int32, now time.Duration) {
	t := &r.talks[slot]
	switch {
	case t.xid == 0: // it has waited to begin
		t.begun = now
		r.ask(slot, now)
		return
	case r.patience.again(t, now):
		r.tally.steps[t.kind][t.step].resent++
		r.send(slot, now)
		return
	}
	r.tally.steps[t.kind][t.step].lost++
	r.tally.acts[t.kind][t.act].lost++
	r.end(slot, now)
}
