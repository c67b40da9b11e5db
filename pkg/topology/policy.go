package topology

import "math"

// Of returns the timer for a lifetime in seconds; 0 means that there is none.
func (t Timer) Of(lifetime uint32) uint32 {
	switch {
	case t.Seconds > 0:
		return t.Seconds
	case t.Percent <= 0:
		return 0
	case lifetime == math.MaxUint32: // for ever
		return math.MaxUint32
	}
	return uint32(min(math.Round(t.Percent*float64(lifetime)), math.MaxUint32-1))
}

// Timers4 returns T1 and T2 for a lease of valid seconds, each 0 where it is not
// to be sent: T2 has to lie within the lease, and T1 before T2, or within the
// lease where T2 is not sent (RFC 2131 §4.4.5).
func (p *Policy) Timers4(valid uint32) (t1, t2 uint32) {
	ceiling := valid
	if t2 = p.T2.Of(valid); t2 >= ceiling {
		t2 = 0
	}
	if t2 > 0 {
		ceiling = t2
	}
	if t1 = p.T1.Of(valid); t1 >= ceiling {
		t1 = 0
	}
	return t1, t2
}

// Timers6 returns T1 and T2 of an IA whose shortest preferred lifetime is given.
// Zero leaves the time to the client; a T1 later than T2 is such a zero, since
// the client would have to throw away the whole IA (RFC 9915 §21.4).
func (p *Policy) Timers6(preferred uint32) (t1, t2 uint32) {
	t1, t2 = p.T1.Of(preferred), p.T2.Of(preferred)
	if t2 > 0 && t1 > t2 {
		t1 = 0
	}
	return t1, t2
}
