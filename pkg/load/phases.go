package load

import (
	"context"
	"slices"
	"time"
)

// run holds all phases: the leases that are prepared, and what is measured.
func (r *runner) run(ctx context.Context) (Report, error) {
	m, err := newMeter(r.s.PIDs)
	if err != nil {
		return Report{}, err
	}
	r.start = time.Now()
	main := r.s
	var before *Preparation
	if main.Prepare > 0 {
		err = r.prepare(ctx)
		before = r.tally.preparation()
		if err == nil {
			err = pause(ctx, main.Pause)
		}
	}
	if main.Storm > 0 {
		main.Count, main.Mix = r.clients.held(), r.returning()
		main.InFlight = min(main.InFlight, max(main.Count, 1))
	}
	m.restart()
	r.enter(main, map[bool]string{true: "storm"}[main.Storm > 0])
	if err == nil && (main.Storm == 0 || main.Count > 0) {
		err = r.loop(ctx)
	}
	if err != nil && ctx.Err() == nil {
		return Report{}, err
	}
	r.report(Progress{Done: true})
	return r.summary(m, before, ctx.Err() != nil), ctx.Err()
}

// prepare takes the leases that clients hold when the run begins.
func (r *runner) prepare(ctx context.Context) error {
	s := r.s
	s.Mix = leasesOf(s.shares())
	s.Count, s.Duration, s.Rate, s.Delay = s.Prepare, 0, 0, 0
	s.Renewals, s.Release, s.Storm = 0, false, 0
	if s.Patience == Standard {
		s.Patience, s.Timeout, s.Retries = Fast, time.Second, 4
	}
	s.InFlight = min(s.InFlight, preparing)
	r.enter(s, "prepare")
	err := r.loop(ctx)
	r.report(Progress{})
	return err
}

// returning is the mix of a storm: everybody who holds a lease, once.
func (r *runner) returning() []Share {
	var mix []Share
	for k := range r.clients.holders {
		mix = append(mix, Share{Kind(k), ActReturn, r.clients.holders[k].n})
	}
	return mix
}

// preparing is how many leases are taken at a time: few enough for any server.
const preparing = 64

// enter begins a phase: s is what is done in it.
func (r *runner) enter(s Scenario, phase string) {
	r.s, r.phase = s, phase
	now := time.Since(r.start)
	r.tally = &tally{began: now, last: now}
	r.wound = 0
	r.mix, r.weights = slices.Clone(s.shares()), 0
	for _, share := range r.mix {
		r.weights += share.Weight
	}
	r.talks, r.waiting = make([]talk, s.InFlight), newTimers(s.InFlight)
	r.free = make([]int32, 0, s.InFlight)
	for i := range r.talks {
		r.free = append(r.free, int32(len(r.talks)-1-i))
	}
	r.shownAt, r.shownDone = now, 0
}

// pause waits between the phases.
func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
