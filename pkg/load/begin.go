package load

import (
	"math"
	"time"
)

// atOnce bounds how many conversations begin before answers are looked at.
const atOnce = 512

// starting reports whether conversations are still to begin.
func (r *runner) starting(now time.Duration) bool {
	return (r.s.Count == 0 || r.tally.begun < r.s.Count) && (r.s.Duration == 0 || now-r.tally.began < r.s.Duration)
}

func (r *runner) over(now time.Duration) bool {
	return !r.starting(now) && len(r.free) == r.s.InFlight
}

// due is when the next conversation begins by the rate.
func (r *runner) due() time.Duration {
	return r.tally.began + time.Duration(math.Round(float64(r.tally.begun+r.tally.late)*float64(time.Second)/r.s.Rate))
}

// begin begins the conversations that are due and reports whether more of them
// are. With a rate, those for which there is no room are left out and counted
// as late: an open loop does not wait for the server.
func (r *runner) begin(now time.Duration) (more bool) {
	for n := 0; r.starting(now); n++ {
		if r.s.Rate > 0 && r.due() > now {
			return false
		}
		if n == atOnce {
			return true
		}
		if len(r.free) > 0 && r.beginOne(now) {
			continue
		}
		if r.s.Rate == 0 {
			return false
		}
		r.tally.late++
	}
	return false
}

// beginOne begins a conversation in a free slot; false: every client is busy.
func (r *runner) beginOne(now time.Duration) bool {
	share := r.choose()
	client, holds, ok := r.client(&share)
	if !ok {
		return false
	}
	slot := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	t := &r.talks[slot]
	*t = talk{client: client, kind: share.Kind, act: share.Act, live: true, holds: holds, begun: now, addr: r.s.Renew}
	if holds {
		t.addr, t.server = r.clients.book.get(client)
	}
	t.step = actSteps[t.act]
	if t.step == Renew {
		t.step = r.s.renewal(t)
	}
	r.tally.begun++
	r.tally.acts[t.kind][t.act].begun++
	if r.s.Delay > 0 {
		r.waiting.set(slot, now+r.patience.scale(time.Duration(r.rng.Float64()*float64(r.s.Delay))))
		return true
	}
	r.ask(slot, now)
	return true
}

// choose draws a share of the mix; in a storm each of them has a turn for
// everybody who comes back, and no more.
func (r *runner) choose() Share {
	i := 0
	if len(r.mix) > 1 {
		n := r.rng.IntN(r.weights)
		for n >= r.mix[i].Weight {
			n -= r.mix[i].Weight
			i++
		}
	}
	s := r.mix[i]
	if r.s.Storm > 0 {
		r.mix[i].Weight--
		r.weights--
	}
	return s
}

// client returns who does what was drawn. Where nobody holds a lease that is
// needed one is taken instead, and where everybody who is there is of another
// kind it is that of which one is taken.
func (r *runner) client(s *Share) (client int, holds, ok bool) {
	c := &r.clients
	switch {
	case r.s.Renew.IsValid():
		client, _, ok = c.take(s.Kind)
		return client, false, ok
	case s.Act != ActLease:
		if client, ok = c.holders[s.Kind].pop(); ok {
			return client, true, true
		}
		if s.Act.needsLease() {
			s.Act = ActLease
		}
	}
	if client, holds, ok = c.take(s.Kind); ok {
		return client, holds, ok
	}
	for _, other := range r.mix {
		if client, holds, ok = c.take(other.Kind); ok {
			*s = Share{Kind: other.Kind, Act: ActLease}
			return client, holds, true
		}
	}
	return 0, false, false
}
