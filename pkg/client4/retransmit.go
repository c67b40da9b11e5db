package client4

import "time"

// backoff is how long the nth message of an exchange, counted from 1, is given to
// be answered: 4, 8, 16, 32, 64, 64, ... seconds, each a second more or less
// (RFC 2131 §4.1).
func (m *Machine) backoff(n int) time.Duration {
	t := &m.o.Timing
	d := t.First
	for range min(n-1, 62) {
		if d >= t.Longest/2 {
			d = max(d, t.Longest)
			break
		}
		d *= 2
	}
	return max(d+time.Duration(m.fuzz(1)*float64(t.Jitter)), 0)
}

// halfway is when to ask again in RENEWING and REBINDING: after half of the time
// that is left, but after a minute at the soonest, and at the end at the latest
// (RFC 2131 §4.4.5).
func (m *Machine) halfway(now, end time.Time) time.Time {
	at := now.Add(max(end.Sub(now)/2, m.o.Timing.Renew))
	if at.After(end) {
		return end
	}
	return at
}

// again counts a message of the exchange and arms the timer for the next.
func (m *Machine) again(now time.Time) {
	m.tries++
	m.arm(now.Add(m.backoff(m.tries)))
}

// exchange begins another exchange.
func (m *Machine) exchange(now time.Time) {
	m.xid, m.sent, m.tries = m.o.Rand.Uint32(), now, 0
}
