package load

import "time"

// A tally is what comes out of a phase.
type tally struct {
	began time.Duration // the phase
	last  time.Duration // when something was answered or lost

	begun, completed, late    int
	strays, malformed, unsent int
	problem                   error // the first of sending
	steps                     [kinds][steps]stepCount
	acts                      [kinds][acts]actCount
	whole                     histogram
	back                      histogram // since the phase began: who came back, in a storm
}

type stepCount struct {
	sent, resent, answered, refused, lost int
	latency                               histogram
}

type actCount struct {
	begun, completed, refused, lost int
	latency                         histogram
}

// failed returns how many conversations were lost, and refused.
func (t *tally) failed() (lost, refused int) {
	for k := range t.acts {
		for a := range t.acts[k] {
			lost += t.acts[k][a].lost
			refused += t.acts[k][a].refused
		}
	}
	return lost, refused
}

// took is the time from the beginning to the last answer or loss.
func (t *tally) took() time.Duration { return t.last - t.began }

func (t *tally) perSecond() float64 {
	if t.took() <= 0 {
		return 0
	}
	return float64(t.completed) / t.took().Seconds()
}

func (t *tally) preparation() *Preparation {
	p := &Preparation{Took: t.took(), Begun: t.begun, Completed: t.completed, PerSecond: t.perSecond()}
	p.Lost, p.Refused = t.failed()
	return p
}

// shownProgress is what Progress was told last.
type shownProgress struct {
	shownAt   time.Duration
	shownDone int
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
	now, t := time.Since(r.start), r.tally
	lost, refused := t.failed()
	p.Phase, p.Elapsed, p.Begun, p.Completed, p.Lost = r.phase, now, t.begun, t.completed, lost+refused
	p.Of, p.InFlight = r.s.Count, len(r.talks)-len(r.free)
	if d := now - r.shownAt; d > 0 {
		p.PerSecond = float64(t.completed-r.shownDone) / d.Seconds()
	}
	p.P50, p.P99 = t.whole.quantile(0.50), t.whole.quantile(0.99)
	r.shownAt, r.shownDone = now, t.completed
	r.s.Progress(p)
}

func (r *runner) summary(m *meter, before *Preparation, interrupted bool) Report {
	t := r.tally
	lost, refused := t.failed()
	o := Report{
		Scenario: r.s.name(), Server: r.s.Server.String(), Relays: r.s.Relays, Seed: r.s.Seed,
		Took: t.took(), Interrupted: interrupted, Prepared: before,
		Begun: t.begun, Completed: t.completed, Lost: lost, Refused: refused, Late: t.late,
		PerSecond: t.perSecond(), Conversation: t.whole.latency(),
		Strays: t.strays, Malformed: t.malformed, Unsent: t.unsent,
	}
	if r.s.Server4.Addr().IsValid() {
		o.Server4 = r.s.Server4.String()
	}
	if t.problem != nil {
		o.Problem = t.problem.Error()
	}
	if r.s.Storm > 0 {
		o.Storm = &StormReport{Clients: r.s.Storm, Held: r.s.Count, Back: t.completed, After: t.back.latency()}
	}
	for k := range t.steps {
		r.addSteps(&o, Kind(k))
	}
	o.Processes, o.Own = m.read(t.completed)
	return o
}

func (r *runner) addSteps(o *Report, k Kind) {
	for i := range r.tally.acts[k] {
		if a := &r.tally.acts[k][i]; a.begun > 0 {
			o.Acts = append(o.Acts, ActReport{k.String(), Act(i).String(), a.begun, a.completed, a.refused, a.lost, a.latency.latency()})
		}
	}
	for i := range r.tally.steps[k] {
		if c := &r.tally.steps[k][i]; c.sent > 0 {
			o.Steps = append(o.Steps, StepReport{k.String(), k.name(Step(i)), c.sent, c.resent, c.answered, c.refused, c.lost, c.latency.latency()})
		}
	}
}
