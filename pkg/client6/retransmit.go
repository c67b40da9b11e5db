package client6

import (
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// The parameters of RFC 9915 §7.6.
const (
	solMaxDelay = time.Second
	solMaxRT    = 3600 // seconds, unless a server says otherwise
	infMaxRT    = 3600
	cnfMaxRD    = 10 * time.Second

	irtDefault = 86400 * time.Second
	irtMinimum = 600 * time.Second
)

// A schedule is how a message is sent again (RFC 9915 §15).
type schedule struct {
	delay time.Duration // the first one waits for a random time up to this
	irt   time.Duration
	mrt   time.Duration // 0: no bound
	mrc   int           // 0: no bound
	mrd   time.Duration // 0: no bound of its own
}

// schedules are those of RFC 9915 §18.2, by state. The bounds of Solicit and
// Information-request are set by servers.
var schedules = [...]schedule{
	Soliciting: {delay: solMaxDelay, irt: time.Second},
	Requesting: {irt: time.Second, mrt: 30 * time.Second, mrc: 10},
	Confirming: {delay: time.Second, irt: time.Second, mrt: 4 * time.Second, mrd: cnfMaxRD},
	Verifying:  {delay: time.Second, irt: time.Second, mrt: 4 * time.Second, mrd: cnfMaxRD}, // §18.2.12
	Renewing:   {irt: 10 * time.Second, mrt: 600 * time.Second},
	Rebinding:  {irt: 10 * time.Second, mrt: 600 * time.Second},
	Informing:  {delay: time.Second, irt: time.Second},
	Releasing:  {irt: time.Second, mrc: 4},
	Declining:  {irt: time.Second, mrc: 4},
	Stopped:    {},
}

// An exchange is one message and its retransmissions, up to the answer.
type exchange struct {
	schedule
	xid    [3]byte
	server []byte    // who is asked; nil: everybody
	sent   int       // messages so far
	first  time.Time // of them
	rt     time.Duration
	next   time.Time // when the next message is due; zero: no exchange goes on
	end    time.Time // when the exchange has failed, from the first message on; zero: never

	adverts []*answer // what has been offered
	told    [2]uint32 // SOL_MAX_RT and INF_MAX_RT of the Advertises
	partial bool      // answered already, but for some IAs
	refused bool      // a server has said NotOnLink to a Confirm
}

// begin starts the exchange of a state, after the state's random delay and a wait.
func (m *Machine) begin(now time.Time, s State, server []byte, wait time.Duration) {
	m.enter(now, s)
	x := exchange{schedule: schedules[s], server: server}
	switch s {
	case Soliciting:
		x.mrt = time.Duration(m.solMaxRT) * time.Second
	case Informing:
		x.mrt = time.Duration(m.infMaxRT) * time.Second
	}
	id := m.o.Rand.Uint32()
	x.xid = [3]byte{byte(id >> 16), byte(id >> 8), byte(id)}
	if x.delay > 0 {
		wait += time.Duration(m.o.Rand.Int64N(int64(x.delay) + 1))
	}
	x.next = now.Add(wait)
	m.x = x
	if wait == 0 {
		m.transmit(now)
	}
}

// transmit sends the message of the exchange once more, as its state builds it, and
// sets when that is due again.
func (m *Machine) transmit(now time.Time) {
	x := &m.x
	if at := m.bucket.take(now); at.After(now) {
		x.next = at
		m.note(zap.DebugLevel, "message held back", zap.Stringer("state", m.state))
		return
	}
	if x.sent == 0 {
		x.first = now
		if x.mrd > 0 {
			x.end = now.Add(x.mrd)
		}
	}
	x.sent++
	x.rt = m.nextRT()
	x.next = now.Add(x.rt)
	m.do(Send{Data: m.message(now), To: m.o.Server})
}

// nextRT is how long the message that is being sent waits for its answer (RFC 9915
// §15). The first Solicit waits for longer than IRT (§18.2.1).
func (m *Machine) nextRT() time.Duration {
	x := &m.x
	rand := 0.2*m.o.Rand.Float64() - 0.1
	var rt time.Duration
	switch {
	case x.sent == 1 && m.state == Soliciting:
		rand = 0.1 * (1 - m.o.Rand.Float64()) // above 0, up to 0.1
		return max(spread(x.irt, 1, rand), x.irt+1)
	case x.sent == 1:
		rt = spread(x.irt, 1, rand)
	default:
		rt = spread(x.rt, 2, rand)
	}
	if x.mrt > 0 && rt > x.mrt {
		rt = spread(x.mrt, 1, rand)
	}
	return rt
}

// spread is n times d, and rand times d.
func spread(d time.Duration, n, rand float64) time.Duration {
	return time.Duration(float64(d) * (n + rand))
}

// The rate of RFC 9915 §14.1: 20 messages in 20 seconds.
const (
	burst    = 20
	interval = time.Second
)

// A bucket bounds the rate at which messages leave: of tokens, one for each.
type bucket struct {
	empty time.Time // when it would have been empty, had it been filled without bound since
}

// take takes a token, or says when there will be one.
func (b *bucket) take(now time.Time) (at time.Time) {
	if full := now.Add(-burst * interval); b.empty.Before(full) {
		b.empty = full
	}
	next := b.empty.Add(interval)
	if next.After(now) {
		return next
	}
	b.empty = next
	return now
}

// elapsed is the value of the Elapsed Time option (RFC 9915 §21.9).
func (x *exchange) elapsed(now time.Time) uint16 {
	if x.sent <= 1 {
		return 0
	}
	return uint16(min(max(now.Sub(x.first)/(10*time.Millisecond), 0), 0xffff))
}

// messageTypes are what is sent in each state.
var messageTypes = [...]dhcp6.MessageType{
	Soliciting: dhcp6.Solicit, Requesting: dhcp6.Request, Confirming: dhcp6.Confirm, Verifying: dhcp6.Rebind,
	Renewing: dhcp6.Renew, Rebinding: dhcp6.Rebind, Informing: dhcp6.InformationRequest,
	Releasing: dhcp6.Release, Declining: dhcp6.Decline, Stopped: 0,
}
