package client6

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	crand "crypto/rand"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// A Machine is one client on one interface. It is for one goroutine at a time.
type Machine struct {
	o       Options
	request []dhcp6.Code

	state   State
	since   time.Time // of the state
	started bool
	up      bool      // the carrier can carry
	leaving bool      // a release waits for the carrier, or goes on
	giveUp  time.Time // when it is not waited for any longer
	timer   time.Time // zero: not armed

	// the exchange that goes on
	x      exchange
	bucket bucket
	chosen *answer // the Advertise that a Request accepts

	// what there is
	ias      []binding // as Options.IAs
	server   []byte    // who has given the leases
	got      time.Time // the last Reply that brought configuration
	options  []option  // of it, as far as they were asked for
	refresh  time.Time // when configuration is asked for again, where there is no lease; zero: never
	informed bool      // there is configuration without leases
	declined []decline

	applied *hostconf.Settings // what the host has; nil: nothing
	told    Servers4o6         // what the 4o6 side was told

	// what servers have set
	solMaxRT, infMaxRT uint32
	key                *reconfigureKey

	setbacks int  // attempts since there was a lease that came to nothing
	declines int  // since a lease was extended
	sure     bool // a server has said, since the link came up, that what there is is good here
	ended    bool

	acts []Action
}

// A decline is an address that another node has.
type decline struct {
	at     int // in ias
	prefix netip.Prefix
}

// New makes a machine in INIT, which waits for Start.
func New(o Options) *Machine {
	if o.Rand == nil {
		var seed [32]byte
		crand.Read(seed[:]) // transaction ids are not to be guessed (RFC 9915 §16.1)
		o.Rand = rand.New(rand.NewChaCha8(seed))
	}
	m := &Machine{o: o, request: o.request(), solMaxRT: solMaxRT, infMaxRT: infMaxRT}
	if !o.InfoOnly {
		for _, ia := range o.IAs {
			m.ias = append(m.ias, binding{IA: ia})
		}
	}
	return m
}

// State returns the state.
func (m *Machine) State() State { return m.state }

// steps says, for each state, what an answer that was checked does; what is done
// before a message is sent again, and whether that ends the exchange; what is done
// when the exchange has failed.
var steps = [...]struct {
	answer func(*Machine, time.Time, *answer)
	wait   func(*Machine, time.Time) (ended bool)
	failed func(*Machine, time.Time)
}{
	Soliciting: {(*Machine).solicited, (*Machine).choose, nil},
	Requesting: {(*Machine).requested, nil, (*Machine).notGranted},
	Confirming: {(*Machine).confirmed, (*Machine).moved, (*Machine).unconfirmed},
	Verifying:  {(*Machine).extended, nil, (*Machine).unconfirmed},
	Renewing:   {(*Machine).extended, nil, (*Machine).rebind},
	Rebinding:  {(*Machine).extended, nil, nil},
	Informing:  {(*Machine).inform, nil, nil},
	Releasing:  {(*Machine).released, nil, (*Machine).gone},
	Declining:  {(*Machine).declinedAll, nil, (*Machine).settle},
	Stopped:    {},
}

// Step tells the machine what happened, and when, and returns what is to be done, in
// this order. The slice is good until the next call. Times do not go back, but for
// their wall reading.
func (m *Machine) Step(now time.Time, e Event) []Action {
	m.acts = m.acts[:0]
	if m.state == Stopped {
		return nil
	}
	if c, ok := e.(Clock); ok {
		m.clock(now, c.Slept)
	}
	m.lapse(now)
	switch e := e.(type) {
	case Start:
		m.start(now)
	case Ready:
		m.ready(now, e.Up)
	case Received:
		m.received(now, e)
	case DAD:
		m.detected(now, e)
	case Refused:
		m.note(zap.DebugLevel, "message not sent", zap.Stringer("state", m.state), zap.Error(e.Err))
	case Release:
		m.release(now)
	case Inform:
		m.hurry(now, true)
	case Renew:
		m.hurry(now, false)
	case Stop:
		m.stop(now)
	}
	m.due(now)
	m.tell4o6()
	if at := m.deadline(); at != m.timer || e == (Timer{}) && !at.IsZero() {
		m.timer = at
		m.do(Arm{At: at})
	}
	if m.ended {
		m.do(Done{})
	}
	return m.acts
}

// start begins: with the leases of the record, if there are any that have not
// ended, else from nothing.
func (m *Machine) start(now time.Time) {
	if m.started {
		return
	}
	m.started, m.since = true, now
	m.checkName()
	m.do(Apply{hostconf.Change{Reason: hostconf.Preinit6, Iface: m.o.Iface}})
	m.remember(now)
	m.resume(now)
}

// resume begins what can be begun when the carrier can carry.
func (m *Machine) resume(now time.Time) {
	switch {
	case !m.started || !m.up:
	case m.leaving:
		m.part(now)
	case m.holds():
		m.verify(now)
	case len(m.declined) > 0:
		m.decline(now)
	default:
		m.discover(now, 0)
	}
}

// ready follows the carrier. A link that was away may be another one when it comes
// back: leases are verified then (RFC 9915 §18.2.12).
func (m *Machine) ready(now time.Time, up bool) {
	if m.up == up {
		return
	}
	m.up = up
	if !m.started {
		return
	}
	if up {
		m.note(zap.DebugLevel, "link ready", zap.Stringer("state", m.state))
		m.resume(now)
		return
	}
	m.note(zap.InfoLevel, "link not ready", zap.Stringer("state", m.state))
	if m.state == Releasing {
		m.gone(now)
		return
	}
	m.sure = false
	m.unwatch()
	m.enter(now, Init)
}

// due does what the time has come for.
func (m *Machine) due(now time.Time) {
	if m.ended {
		return
	}
	if m.leaving && (over(m.giveUp, now) || !m.holds()) {
		m.gone(now)
		return
	}
	for range len(steps) { // each round ends an exchange or sends a message
		x := &m.x
		s := steps[m.state]
		switch {
		case m.state != Bound && m.state != Informed && !x.next.IsZero():
			if m.awaited(now) {
				continue
			}
			switch {
			case over(x.end, now), over(x.next, now) && x.mrc > 0 && x.sent == x.mrc:
				m.failed(now, s.failed)
			case !over(x.next, now):
				return
			case x.sent > 0 && s.wait != nil && s.wait(m, now):
			default:
				m.transmit(now)
				return
			}
		case m.state == Bound && over(m.t1(), now):
			m.renew(now)
		case m.state == Informed && over(m.refresh, now):
			m.refreshNow(now, nil)
		default:
			return
		}
	}
}

func (m *Machine) failed(now time.Time, then func(*Machine, time.Time)) {
	m.note(zap.DebugLevel, "no answer", zap.Stringer("state", m.state), zap.Int("messages", m.x.sent))
	m.x.next = time.Time{}
	then(m, now)
}

// awaited turns to what cannot wait for the end of the exchange: leases are renewed
// in time, whatever else is asked for. An exchange that went on for the sake of an IA
// ends with it.
func (m *Machine) awaited(now time.Time) (turned bool) {
	late := m.holds() && over(m.t1(), now)
	switch {
	case m.state == Informing && late:
		m.renew(now)
	case m.x.partial && !late:
		m.settle(now)
	default:
		return false
	}
	return true
}

// deadline is when the machine wants to be asked again.
func (m *Machine) deadline() (at time.Time) {
	if m.state == Stopped {
		return time.Time{}
	}
	at = m.change()
	if m.leaving {
		at = sooner(at, m.giveUp)
	}
	if !m.up {
		return at
	}
	switch m.state {
	case Bound:
		at = sooner(at, m.t1())
	case Informed:
		at = sooner(at, m.refresh)
	case Informing:
		if m.holds() {
			at = sooner(at, m.t1())
		}
	}
	return sooner(at, sooner(m.x.next, m.x.end))
}

// checkName leaves out a name of ours that no message can hold.
func (m *Machine) checkName() {
	if m.o.FQDN != "" && !hostconf.IsName(m.o.FQDN) {
		m.note(zap.WarnLevel, "domain name cannot be sent", zap.String("name", m.o.FQDN))
		m.o.FQDN = ""
	}
}

// lapse ends leases whose time is over, whatever it is that happened just now, and
// tells of those that are not preferred any more.
func (m *Machine) lapse(now time.Time) {
	expired, deprecated := 0, false
	for i := range m.ias {
		b := &m.ias[i]
		for _, l := range slices.Clone(b.leases) {
			switch {
			case over(l.valid, now):
				m.note(zap.WarnLevel, "lease has expired", zap.Stringer("prefix", l.prefix), zap.Uint32("iaid", b.IAID))
				b.remove(l.prefix)
				b.hint(l.prefix)
				expired++
			case over(l.preferred, now) && !l.deprecated:
				b.find(l.prefix).deprecated, deprecated = true, true
			}
		}
	}
	if m.applied != nil && expired > 0 {
		m.apply(hostconf.Expire6)
	} else if m.applied != nil && deprecated {
		m.apply(hostconf.Depref6)
	}
	if expired == 0 {
		return
	}
	m.save(now)
	if !m.holds() && !m.leaving && m.state != Init {
		m.anew(now, true)
	}
}

// hint remembers a lease for the next Solicit.
func (b *binding) hint(p netip.Prefix) {
	if !slices.Contains(b.hints, p) && len(b.hints) < mostLeases {
		b.hints = append(b.hints, p)
	}
}

// hurry does at once what would be done later.
func (m *Machine) hurry(now time.Time, informOnly bool) {
	if !m.started || !m.up || m.leaving {
		return
	}
	switch m.state {
	case Bound:
		if informOnly {
			m.refreshNow(now, nil)
			return
		}
		m.renew(now)
	case Renewing:
		m.renew(now)
	case Rebinding:
		m.rebind(now)
	case Informed, Informing:
		m.refreshNow(now, nil)
	case Soliciting:
		m.setbacks = 0
		m.discover(now, 0)
	}
}

// clock takes what the host slept off all times to come, verifies the leases after
// that (RFC 9915 §18.2.12), and has the record tell its times by the clock as it is.
func (m *Machine) clock(now time.Time, slept time.Duration) {
	if slept > 0 { // not off m.timer: that one stood still, and is armed anew
		for _, t := range []*time.Time{&m.since, &m.giveUp, &m.got, &m.refresh, &m.x.first, &m.x.next, &m.x.end, &m.bucket.empty} {
			earlier(t, slept)
		}
		for i := range m.ias {
			b := &m.ias[i]
			earlier(&b.got, slept)
			for j := range b.leases {
				earlier(&b.leases[j].preferred, slept)
				earlier(&b.leases[j].valid, slept)
			}
		}
		m.lapse(now)
		if m.up && !m.leaving && (m.state == Bound || m.state == Renewing || m.state == Informed) {
			m.resume(now)
		}
	}
	if m.applied != nil {
		m.save(now)
	}
}

func earlier(t *time.Time, by time.Duration) {
	if !t.IsZero() {
		*t = t.Add(-by)
	}
}

// enter changes the state. The exchange that went on is over.
func (m *Machine) enter(now time.Time, s State) {
	m.x = exchange{}
	if s == m.state {
		return
	}
	m.note(zap.DebugLevel, "state changed", zap.Stringer("state", s))
	m.state, m.since = s, now
}

func (m *Machine) do(a Action) { m.acts = append(m.acts, a) }

func (m *Machine) note(level zapcore.Level, text string, fields ...zap.Field) {
	m.do(Note{Level: level, Text: text, Fields: fields})
}
