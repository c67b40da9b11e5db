package load

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

const (
	maxRetries    = 7
	progressEvery = 500 * time.Millisecond
	longestWait   = 100 * time.Millisecond // until the context is looked at again
)

// Run holds the conversations of s and returns when they are over. When ctx
// ends it stops at once; what was in flight counts as neither completed nor
// lost. The report is good whenever the error is nil or that of ctx.
func Run(ctx context.Context, s Scenario) (Report, error) {
	if err := s.Check(); err != nil {
		return Report{}, err
	}
	s.complete()
	w, local, ifIndex, err := listen(&s)
	if err != nil {
		return Report{}, err
	}
	defer w.Close()
	return newRunner(s, w, local, ifIndex).run(ctx)
}

// A runner is a run of one scenario.
type runner struct {
	s       Scenario
	network network
	script  script
	to      transport.Datagram // template: where everything goes
	shown   *conversation      // nil: nobody looks

	start   time.Time
	talks   []talk
	free    []int32
	byXID   map[uint32]int32
	nextXID uint32
	idle    clients
	timers  [maxRetries + 1]queue
	out     outbox
	in      [wireSlots]transport.Datagram

	wound time.Duration // deadline of the reads, since start

	// what comes out
	begun, completed, lost, refused int
	late, strays, malformed, unsent int
	problem                         error // the first of sending
	steps                           [steps]stepCount
	whole                           histogram
	last                            time.Duration // when something was answered or lost
	shownAt                         time.Duration // progress
	shownDone                       int
}

type stepCount struct {
	sent, resent, answered, refused, lost int
	latency                               histogram
}

func newRunner(s Scenario, n network, local netip.AddrPort, ifIndex int) *runner {
	server := netip.AddrPortFrom(s.Server.Addr().WithZone(""), s.Server.Port())
	r := &runner{
		s: s, network: n, to: transport.Datagram{Peer: server, IfIndex: ifIndex},
		talks: make([]talk, s.InFlight), free: make([]int32, 0, s.InFlight),
		byXID: make(map[uint32]int32, s.InFlight), nextXID: rand.Uint32(),
		idle: newClients(s.First, s.Clients),
	}
	for i := range r.talks {
		r.free = append(r.free, int32(len(r.talks)-1-i))
	}
	if s.Kind == V6 {
		r.script = newScript6(&r.s, local)
	} else {
		r.script = newScript4(&r.s, local)
	}
	if s.Conversation != nil {
		r.shown = newConversation(s.Conversation, s.Kind, server)
	}
	return r
}

func (r *runner) run(ctx context.Context) (Report, error) {
	m, err := newMeter(r.s.PIDs)
	if err != nil {
		return Report{}, err
	}
	r.start = time.Now()
	for ctx.Err() == nil {
		now := time.Since(r.start)
		r.expire(now)
		r.begin(now)
		r.flush()
		r.progress(now)
		if r.over(now) {
			break
		}
		if err := r.wind(now); err != nil {
			return Report{}, err
		}
		n, err := r.network.Read(r.in[:])
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			if errors.Is(err, net.ErrClosed) {
				return Report{}, err
			}
			continue // what the host says about datagrams before, ICMP errors and the like
		}
		now = time.Since(r.start)
		for i := range r.in[:n] {
			r.receive(&r.in[i], now)
		}
	}
	r.report(Progress{Done: true})
	return r.summary(m), ctx.Err()
}

// starting reports whether conversations are still to begin.
func (r *runner) starting(now time.Duration) bool {
	return (r.s.Count == 0 || r.begun < r.s.Count) && (r.s.Duration == 0 || now < r.s.Duration)
}

func (r *runner) over(now time.Duration) bool {
	return !r.starting(now) && len(r.free) == len(r.talks)
}

// wind sets the deadline of the next read. One that is already set and comes
// earlier than need be is left: it costs a turn of the loop now and then, and
// setting it would cost every turn.
func (r *runner) wind(now time.Duration) error {
	at := r.wake(now)
	if r.wound <= at && r.wound >= now+10*time.Microsecond {
		return nil
	}
	r.wound = at
	return r.network.SetReadDeadline(r.start.Add(at))
}

// wake tells until when nothing happens unless something is received.
func (r *runner) wake(now time.Duration) time.Duration {
	at := now + longestWait
	if r.starting(now) && r.s.Rate > 0 && len(r.free) > 0 {
		at = min(at, r.due())
	}
	for i := range r.timers {
		q := &r.timers[i]
		for e := q.first(); e != nil; e = q.first() {
			if r.waits(e) {
				at = min(at, e.due)
				break
			}
			q.drop() // answered long ago: not worth waking up for
		}
	}
	return max(at, now+10*time.Microsecond) // a deadline in the past would read nothing
}

// due is when the next conversation begins by the rate.
func (r *runner) due() time.Duration {
	return time.Duration(math.Round(float64(r.begun+r.late) * float64(time.Second) / r.s.Rate))
}

// begin begins the conversations that are due. With a rate, those for which
// there is no room are left out and counted as late: an open loop does not wait
// for the server.
func (r *runner) begin(now time.Duration) {
	for r.starting(now) {
		if r.s.Rate > 0 && r.due() > now {
			return
		}
		if len(r.free) == 0 {
			if r.s.Rate == 0 {
				return
			}
			r.late++
			continue
		}
		slot := r.free[len(r.free)-1]
		r.free = r.free[:len(r.free)-1]
		t := &r.talks[slot]
		*t = talk{client: r.idle.take(), step: r.s.first(), live: true, begun: now, turn: t.turn, server6: t.server6[:0], addr: r.s.Renew}
		r.begun++
		r.ask(slot, now)
	}
}

// ask sends t's present message for the first time, with a transaction id that
// is new, but for the DHCPREQUEST that answers an offer (RFC 2131 §4.4.1).
func (r *runner) ask(slot int32, now time.Duration) {
	t := &r.talks[slot]
	if t.xid == 0 || t.step != Request || r.s.Kind == V6 {
		delete(r.byXID, t.xid)
		t.xid = r.newXID()
		r.byXID[t.xid] = slot
	}
	t.asked, t.tries = now, 0
	r.steps[t.step].sent++
	r.send(slot, now)
	if r.s.silent(t.step) {
		r.steps[t.step].answered++ // as far as anybody can tell
		r.finish(slot, now)
	}
}

// newXID returns a transaction id that nothing in flight has; 0 is never one.
func (r *runner) newXID() uint32 {
	for {
		r.nextXID++
		x := r.nextXID
		if r.s.Kind == V6 {
			x &= 1<<24 - 1
		}
		if _, taken := r.byXID[x]; x != 0 && !taken {
			return x
		}
	}
}

// send puts t's message into the outbox and winds its timer.
func (r *runner) send(slot int32, now time.Duration) {
	t := &r.talks[slot]
	b := r.script.append(r.out.buf, t)
	if r.shown != nil && t.client == r.s.First {
		r.shown.sent(now, b[len(r.out.buf):])
	}
	r.out.push(b)
	t.turn++
	r.timers[t.tries].push(timer{due: now + r.s.Timeout<<t.tries, slot: slot, turn: t.turn})
	t.tries++
	if r.out.len() >= wireSlots {
		r.flush()
	}
}

func (r *runner) flush() {
	if r.out.len() == 0 {
		return
	}
	n, err := r.out.send(r.network, r.to)
	if n < r.out.len() { // lost, unless sending it again helps
		r.unsent += r.out.len() - n
		if r.problem == nil {
			r.problem = err
		}
	}
	r.out.reset()
}

// expire sends again what was not answered in time, and gives up in the end.
func (r *runner) expire(now time.Duration) {
	for i := range r.timers {
		q := &r.timers[i]
		for e := q.first(); e != nil && e.due <= now; e = q.first() {
			slot, waits := e.slot, r.waits(e)
			q.drop()
			if waits {
				r.unanswered(slot, now)
			}
		}
	}
}

// waits reports whether the message of a timer is still without an answer.
func (r *runner) waits(e *timer) bool {
	t := &r.talks[e.slot]
	return t.live && t.turn == e.turn
}

func (r *runner) unanswered(slot int32, now time.Duration) {
	t := &r.talks[slot]
	if t.tries <= r.s.Retries {
		r.steps[t.step].resent++
		r.send(slot, now)
		return
	}
	r.steps[t.step].lost++
	r.lost++
	r.end(slot, now)
}

// receive finds the conversation of a datagram and moves it on.
func (r *runner) receive(d *transport.Datagram, now time.Duration) {
	xid, err := r.script.parse(d.Data)
	if err != nil {
		r.malformed++
		return
	}
	slot, ok := r.byXID[xid]
	if !ok {
		r.strays++
		return
	}
	t := &r.talks[slot]
	v := r.script.judge(t)
	if r.shown != nil && t.client == r.s.First {
		r.shown.received(now, d.Data, d.Peer)
	}
	c := &r.steps[t.step]
	switch v {
	case stray:
		r.strays++
		return
	case refused:
		c.refused++
		r.refused++
		r.end(slot, now)
		return
	}
	c.answered++
	c.latency.add(now - t.asked)
	if r.s.next(t) {
		r.ask(slot, now)
		return
	}
	r.finish(slot, now)
}

// finish ends a conversation that had every answer.
func (r *runner) finish(slot int32, now time.Duration) {
	r.completed++
	r.whole.add(now - r.talks[slot].begun)
	r.end(slot, now)
}

func (r *runner) end(slot int32, now time.Duration) {
	t := &r.talks[slot]
	delete(r.byXID, t.xid)
	t.live, t.xid = false, 0
	t.turn++
	r.last = now
	r.free = append(r.free, slot)
	r.idle.give(t.client)
}

// progress calls back about twice a second.
func (r *runner) progress(now time.Duration) {
	if r.s.Progress != nil && now-r.shownAt >= progressEvery {
		r.report(Progress{})
	}
}

func (r *runner) report(p Progress) {
	if r.s.Progress == nil {
		return
	}
	now := time.Since(r.start)
	p.Elapsed, p.Begun, p.Completed, p.Lost = now, r.begun, r.completed, r.lost+r.refused
	p.InFlight = len(r.talks) - len(r.free)
	if d := now - r.shownAt; d > 0 {
		p.PerSecond = float64(r.completed-r.shownDone) / d.Seconds()
	}
	p.P50, p.P99 = r.whole.quantile(0.50), r.whole.quantile(0.99)
	r.shownAt, r.shownDone = now, r.completed
	r.s.Progress(p)
}

func (r *runner) summary(m *meter) Report {
	o := Report{
		Scenario: r.s.Kind.String(), Server: r.s.Server.String(), Relays: r.s.Relays, Took: r.last,
		Begun: r.begun, Completed: r.completed, Lost: r.lost, Refused: r.refused, Late: r.late,
		Conversation: r.whole.latency(), Strays: r.strays, Malformed: r.malformed, Unsent: r.unsent,
	}
	if r.problem != nil {
		o.Problem = r.problem.Error()
	}
	if r.last > 0 {
		o.PerSecond = float64(r.completed) / r.last.Seconds()
	}
	for i := range r.steps {
		c := &r.steps[i]
		if c.sent > 0 {
			o.Steps = append(o.Steps, StepReport{r.s.Kind.name(Step(i)), c.sent, c.resent, c.answered, c.refused, c.lost, c.latency.latency()})
		}
	}
	o.CPU, o.Own = m.read(r.completed)
	return o
}
