package load

import (
	"math/rand/v2"
	"time"
)

// A Patience says how clients wait for answers.
type Patience uint8

// The ways to wait.
const (
	Fast     Patience = iota // Timeout, doubled with each of Retries: nothing holds a loop up for long
	Standard                 // as real clients do: RFC 2131 §4.1, RFC 9915 §15
)

// standard4 is the back-off of a DHCPv4 client, each with a second more or less
// (RFC 2131 §4.1); as many transmissions are made as there are waits.
var standard4 = [...]time.Duration{4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, 64 * time.Second}

// A backoff holds the parameters of RFC 9915 §15; zero for none.
type backoff struct {
	irt, mrt time.Duration
	mrc      int
	mrd      time.Duration
}

// standard6 are the parameters of DHCPv6 clients (RFC 9915 §7.6, §18.2). What
// has neither MRC nor MRD there goes on until Scenario.GiveUp.
var standard6 = [steps]backoff{
	Discover: {irt: time.Second, mrt: time.Hour},
	Request:  {irt: time.Second, mrt: 30 * time.Second, mrc: 10},
	Renew:    {irt: 10 * time.Second, mrt: 600 * time.Second},
	Rebind:   {irt: 10 * time.Second, mrt: 600 * time.Second},
	Reboot:   {irt: time.Second, mrt: 4 * time.Second, mrd: 10 * time.Second},
	Release:  {irt: time.Second, mrc: 4},
	Decline:  {irt: time.Second, mrc: 4},
	Inform:   {irt: time.Second, mrt: time.Hour},
}

// patience computes waits for a scenario.
type patience struct {
	s   *Scenario
	rng *rand.Rand
}

// wait returns how long t waits for an answer to the message that it sends now,
// for the time that t.tries counts. t.backoff keeps what RFC 9915 calls RTprev.
func (p patience) wait(t *talk, now time.Duration) time.Duration {
	switch {
	case p.s.Patience == Fast:
		return p.s.Timeout << (t.tries - 1)
	case t.kind != V6:
		base := standard4[min(int(t.tries), len(standard4))-1]
		return p.scale(base + time.Duration((2*p.rng.Float64()-1)*float64(time.Second)))
	}
	b := &standard6[t.step]
	t.backoff = p.next(t, b)
	wait := p.scale(t.backoff)
	if limit := p.limit(b); limit > 0 {
		wait = min(wait, max(t.asked+limit-now, 0))
	}
	return wait
}

// next is RT of RFC 9915 §15. RAND of a first Solicit is greater than zero
// (§18.2.1), so that nobody hears the answer before everybody could be asked.
func (p patience) next(t *talk, b *backoff) time.Duration {
	random := p.rng.Float64()*0.2 - 0.1
	if t.tries > 1 {
		rt := 2*t.backoff + time.Duration(random*float64(t.backoff))
		if b.mrt == 0 || rt <= b.mrt {
			return rt
		}
		return b.mrt + time.Duration(random*float64(b.mrt))
	}
	if t.step == Discover {
		random = max(-random, random, 1e-3)
	}
	return b.irt + time.Duration(random*float64(b.irt))
}

// limit is the time after which a message is given up, whatever the count; 0:
// the count decides.
func (p patience) limit(b *backoff) time.Duration {
	switch {
	case b.mrd > 0:
		return p.scale(b.mrd)
	case b.mrc == 0:
		return p.scale(p.s.GiveUp)
	}
	return 0
}

// again reports whether t's message is sent once more after it was waited for.
func (p patience) again(t *talk, now time.Duration) bool {
	sent := int(t.tries)
	switch {
	case p.s.Patience == Fast || p.s.Retries != 0:
		return sent <= p.s.Retries
	case t.kind != V6:
		return sent < len(standard4)
	}
	b := &standard6[t.step]
	if limit := p.limit(b); limit > 0 && now-t.asked >= limit {
		return false
	}
	return b.mrc == 0 || sent < b.mrc
}

func (p patience) scale(d time.Duration) time.Duration {
	if p.s.TimeScale == 1 {
		return d
	}
	return time.Duration(float64(d) * p.s.TimeScale)
}

// unscale returns the time that has passed for a client.
func (p patience) unscale(d time.Duration) time.Duration {
	if p.s.TimeScale == 1 {
		return d
	}
	return time.Duration(float64(d) / p.s.TimeScale)
}
