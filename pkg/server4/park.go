package server4

import (
	"container/list"
	"sync"
	"time"
)

// ParkHold is how long a parked packet is kept when Options.ParkHold is 0. No
// client waits longer for one answer (RFC 2131 §4.1: 64 s, and it has asked
// again by then).
const ParkHold = 60 * time.Second

// A Parked is a packet that a hook function keeps back until it has found out
// what it needs: the Exchange is out of the worker's hands, with all its memory,
// and nobody may touch it but the function that is given to Resume. Its methods
// are safe for concurrent use.
type Parked struct {
	lot     *lot
	x       *Exchange
	home    *worker // whose socket it came by, and leaves by
	at      place   // the step that asked
	holders int     // how many calls of Park wait for their Resume
	waiting bool    // out of the worker's hands
	gone    bool    // going on, or dropped
	then    []func(*Exchange) NextStep
	until   time.Time
	entry   *list.Element // in lot.waiting
}

// A place is a step of one of the two tables.
type place struct {
	behind bool // the commit: in after, not in path
	step   int
}

// A lot is where the packets of a server are parked.
type lot struct {
	s    *Server
	hold time.Duration

	mu      sync.Mutex
	idle    *sync.Cond // a worker's busy is 0
	limit   int        // 0: none
	n       int        // taken, by those not yet waiting too
	waiting list.List  // of *Parked, the oldest first
	timer   *time.Timer
}

func newLot(s *Server, limit int, hold time.Duration) *lot {
	if hold <= 0 {
		hold = ParkHold
	}
	l := &lot{s: s, limit: limit, hold: hold}
	l.idle = sync.NewCond(&l.mu)
	return l
}

// ParkLimit sets how many packets may be parked at a time: Kea's
// parked-packet-limit, where 0 is any number.
func (s *Server) ParkLimit(n int) {
	s.lot.mu.Lock()
	defer s.lot.mu.Unlock()
	s.lot.limit = n
}

// parked is how many packets are waiting.
func (l *lot) parked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// Park keeps the packet back until Resume or Drop of what it returns; a function
// that has called it returns Park. It may be called at the points that say so,
// by each of several functions, and until the function returns. It returns nil at
// any other point, and when as many packets are parked as may be: the packet
// is then dropped, whatever the function returns.
func (x *Exchange) Park() *Parked {
	if !x.mayPark || x.full {
		return nil
	}
	l := x.s.lot
	l.mu.Lock()
	defer l.mu.Unlock()
	if x.ticket == nil {
		if l.limit > 0 && l.n >= l.limit {
			x.full = true
			return nil
		}
		l.n++
		x.ticket = &Parked{lot: l, x: x, home: x.w.root(), at: x.place}
	}
	x.ticket.holders++
	return x.ticket
}

// Resume lets the packet go on, when it was parked by several at the last of
// their calls: what is left of its way is done before Resume returns, on the
// caller's goroutine, the commit of its lease included. then, if it is not nil,
// is called before that and says which next step the hook point sees. Resume
// reports false when there is nothing to resume: the packet was dropped
// meanwhile, or resumed as often as it was parked.
func (p *Parked) Resume(then func(*Exchange) NextStep) bool {
	l := p.lot
	l.mu.Lock()
	if p.gone || p.holders == 0 {
		l.mu.Unlock()
		return false
	}
	if then != nil {
		p.then = append(p.then, then)
	}
	p.holders--
	if p.holders > 0 || !p.waiting {
		l.mu.Unlock()
		return true // by the last one, or the worker that has it still
	}
	l.remove(p)
	p.home.busy++
	l.mu.Unlock()

	defer l.left(p.home)
	l.s.resume(p)
	return true
}

// Drop has the packet dropped, whoever else parked it, as if every hook function
// had said so. It reports false when there is nothing to drop.
func (p *Parked) Drop() bool {
	l := p.lot
	l.mu.Lock()
	ok := !p.gone && p.holders > 0
	if ok && !p.waiting {
		p.then = append(p.then, func(*Exchange) NextStep { return Drop })
		p.holders = 0
	} else if ok {
		l.remove(p)
	}
	waiting := p.waiting
	l.mu.Unlock()
	if ok && waiting {
		l.s.dropped(p.x, DropHook)
	}
	return ok
}

// left notes that a resumed packet has gone its way.
func (l *lot) left(w *worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.busy--; w.busy == 0 {
		l.idle.Broadcast()
	}
}

// take decides what becomes of a packet that was parked in the function that has
// returned n: it goes on at once when it has been resumed already, or when it is
// to be left out or dropped; else it leaves the worker with its memory, which is
// why the worker gets an Exchange to go on with. The caller must not touch x when
// it is told that it is away.
func (l *lot) take(x *Exchange, n NextStep) (next NextStep, away bool) {
	p := x.ticket
	x.ticket = nil
	l.mu.Lock()
	if n == Skip || n == Drop || p.holders == 0 {
		p.gone = true
		l.n--
		l.mu.Unlock()
		if n == Skip || n == Drop {
			return n, false
		}
		return p.outcome(), false
	}
	p.waiting, p.until = true, time.Now().Add(l.hold)
	x.w.replace(x)
	p.entry = l.waiting.PushBack(p)
	if l.waiting.Len() == 1 {
		l.arm(l.hold)
	}
	l.mu.Unlock()
	return Park, true
}

// outcome asks the functions given to Resume, in order.
func (p *Parked) outcome() NextStep {
	for _, f := range p.then {
		if n := f(p.x); n == Skip || n == Drop {
			return n
		}
	}
	return Continue
}

// cancel forgets what was parked in a function that did not return.
func (l *lot) cancel(x *Exchange) {
	p := x.ticket
	if p == nil {
		return
	}
	x.ticket = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	p.gone = true
	l.n--
}

// remove takes a waiting packet out.
func (l *lot) remove(p *Parked) {
	p.gone = true
	l.n--
	l.waiting.Remove(p.entry)
	if l.waiting.Len() == 0 {
		l.timer.Stop()
	}
}

// arm has expire called. One timer serves all: they wait equally long.
func (l *lot) arm(d time.Duration) {
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.expire)
	} else {
		l.timer.Reset(d)
	}
}

// expire drops what has been parked for too long.
func (l *lot) expire() {
	now := time.Now()
	l.drop(DropParkedLong, func(p *Parked) bool { return !p.until.After(now) })
	l.mu.Lock()
	defer l.mu.Unlock()
	if first := l.waiting.Front(); first != nil {
		l.arm(max(0, time.Until(first.Value.(*Parked).until)))
	}
}

// leave drops what is parked of a worker that ends, and waits for what is on its
// way out by the worker's socket.
func (l *lot) leave(w *worker) {
	l.drop(DropStopping, func(p *Parked) bool { return p.home == w })
	l.mu.Lock()
	defer l.mu.Unlock()
	for w.busy > 0 {
		l.idle.Wait()
	}
}

// drop drops the waiting packets of which over says so.
func (l *lot) drop(why Verdict, over func(*Parked) bool) {
	var all []*Parked
	l.mu.Lock()
	for e := l.waiting.Front(); e != nil; {
		p := e.Value.(*Parked)
		e = e.Next()
		if over(p) {
			l.remove(p)
			all = append(all, p)
		}
	}
	l.mu.Unlock()
	for _, p := range all {
		l.s.dropped(p.x, why)
	}
}

// resume takes a packet through the rest of its way.
func (s *Server) resume(p *Parked) {
	x, home := p.x, p.home
	w := &worker{s: s, home: home, conn: home.conn, pair: home.pair, name: home.name}
	x.w, x.slot, w.exchanges[0] = w, 0, x
	v := s.goOn(p)
	w.exchanges[0].verdict = v // x, or what stands there since it was parked again
	if v <= Done {
		w.commit(x.Seq, time.Now())
	}
	w.conclude(1)
	w.write()
}

// goOn is answer or finish from the step on that has parked the packet.
func (s *Server) goOn(p *Parked) (v Verdict) {
	x := p.x
	defer s.caught(x, &v)
	x.next, x.returning = p.outcome(), true
	if !p.at.behind {
		return s.walk(x, p.at.step)
	}
	x.from = p.at.step
	if x.Reply == 0 {
		return Done
	}
	return Next
}
