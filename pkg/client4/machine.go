package client4

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// A Machine is one client on one interface. It is for one goroutine at a time.
type Machine struct {
	o       Options
	request []byte // option 55
	asked   dhcp4.CodeSet

	state   State
	since   time.Time // of the state
	started bool
	up      bool      // the carrier can carry
	leaving bool      // a release waits for the carrier
	timer   time.Time // zero: not armed
	quiet   time.Time // nothing is sent from INIT before

	// the exchange that goes on
	xid    uint32
	began  time.Time // of getting an address: what secs counts from
	secs   uint16    // of the last DHCPDISCOVER, which the DHCPREQUEST repeats (RFC 2131 §3.1)
	sent   time.Time // the first message of the exchange
	tries  int       // messages of the exchange
	want   want      // what a DHCPREQUEST asks for
	offers []*lease

	// what there is
	lease   *lease     // in force, or of the record
	on      bool       // the host has it
	record  *Record    // of it, when it is on
	saved   time.Time  // when that was put on file last
	pending *lease     // granted, its address is being probed
	hint    netip.Addr // the last address, for DHCPDISCOVER

	remembered bool // the record was looked at
	setbacks   int  // since the last lease: DHCPNAKs, DHCPDECLINEs, offers that came to nothing
	failed     bool // FAIL was applied since then

	w    dhcp4.Builder
	in   dhcp4.Message
	acts []Action
}

// want is the address that is asked for, and the server that is asked: zero for
// whoever answers.
type want struct{ addr, server netip.Addr }

// New makes a machine in INIT, which waits for Start.
func New(o Options) *Machine {
	o.Timing = o.Timing.filled()
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	m := &Machine{o: o, request: o.request()}
	for _, c := range m.request {
		m.asked.Add(dhcp4.Code(c))
	}
	return m
}

// State returns the state.
func (m *Machine) State() State { return m.state }

// steps says, for each state, what an answer that was checked does, and what is due
// when the timer has run out.
var steps = [...]struct {
	answer func(*Machine, time.Time, *answer)
	due    func(*Machine, time.Time)
}{
	Init:       {nil, (*Machine).discover},
	Selecting:  {(*Machine).offered, (*Machine).discoverAgain},
	Requesting: {(*Machine).requested, (*Machine).requestAgain},
	Bound:      {nil, (*Machine).renew},
	Renewing:   {(*Machine).extended, (*Machine).renewAgain},
	Rebinding:  {(*Machine).extended, (*Machine).rebindAgain},
	InitReboot: {nil, (*Machine).reboot},
	Rebooting:  {(*Machine).confirmed, (*Machine).rebootAgain},
	V6Only:     {nil, (*Machine).anew},
	Informing:  {(*Machine).informed, (*Machine).informAgain},
	Stopped:    {nil, nil},
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
	case Timer:
		m.due(now)
	case Probed:
		m.probed(now, e)
	case Rejected:
		m.rejected(now, e)
	case Refused:
		m.note(zap.DebugLevel, "message not sent", zap.Stringer("state", m.state), zap.Error(e.Err))
	case Release:
		m.release(now)
	case Inform, Renew:
		m.hurry(now)
	case Stop:
		m.stop(now)
	}
	return m.acts
}

// start begins: with the lease of the record, if there is one that has not ended
// (RFC 2131 §4.4.2), else from nothing.
func (m *Machine) start(now time.Time) {
	if m.started {
		return
	}
	m.started, m.began = true, now
	m.checkOwn()
	m.apply(hostconf.Preinit, nil)
	m.remember(now)
	switch {
	case m.o.Inform.IsValid():
		m.enter(now, Informing)
	case m.lease != nil:
		m.enter(now, InitReboot)
	default:
		m.enter(now, Init)
	}
	m.resume(now)
}

// resume begins what the state is there for, when it can be begun.
func (m *Machine) resume(now time.Time) {
	switch {
	case !m.up:
	case m.leaving:
		m.part(now)
	case m.state == Init && now.Before(m.quiet):
		m.arm(m.quiet)
	case m.state == Init && m.o.Timing.Desync > 0 && m.setbacks == 0:
		m.arm(now.Add(time.Duration(m.o.Rand.Int64N(int64(m.o.Timing.Desync) + 1))))
	case m.state == Init:
		m.discover(now)
	case m.state == InitReboot:
		m.reboot(now)
	case m.state == Informing:
		m.inform(now)
	}
}

// ready follows the carrier. A link that was away may be another one when it
// comes back: a lease is verified then (RFC 2131 §3.7), and the wait of RFC 8925
// §3.2 is over.
func (m *Machine) ready(now time.Time, up bool) {
	if m.up == up {
		return
	}
	m.up = up
	if !m.started && !m.leaving {
		return
	}
	if up {
		m.note(zap.DebugLevel, "link ready", zap.Stringer("state", m.state))
	} else {
		m.note(zap.InfoLevel, "link not ready", zap.Stringer("state", m.state))
	}
	m.pending, m.offers = nil, nil
	switch m.state {
	case Init, Selecting, Requesting:
		m.enter(now, Init)
	case Bound, Renewing, Rebinding, InitReboot, Rebooting:
		m.relink(now)
	case V6Only:
		if up {
			m.enter(now, Init)
		}
	}
	m.resume(now)
}

// relink looks after a lease when the link went or came back.
func (m *Machine) relink(now time.Time) {
	switch {
	case !m.up:
		m.arm(m.lease.end)
	case m.lease.informed():
		m.enter(now, Informing)
	default:
		m.enter(now, InitReboot)
	}
}

// hurry does at once what would be done later.
func (m *Machine) hurry(now time.Time) {
	if !m.started || !m.up {
		return
	}
	switch m.state {
	case Bound, Renewing:
		if m.lease.informed() {
			m.inform(now)
		} else {
			m.renew(now)
		}
	case Rebinding:
		m.rebind(now)
	case Init, V6Only:
		m.setbacks, m.quiet = 0, time.Time{}
		m.anew(now)
	}
}

// due does what the timer was armed for.
func (m *Machine) due(now time.Time) {
	switch {
	case m.timer.IsZero():
	case now.Before(m.timer): // the timer of Run is early, or it was armed again meanwhile
		m.arm(m.timer)
	case m.leaving:
		m.gone(now)
	case !m.up:
		m.arm(m.endOfLease())
	case m.pending != nil:
		m.bindPending(now) // the probe has told nothing: nobody is there
	default:
		m.timer = time.Time{}
		steps[m.state].due(m, now)
	}
}

// lapse ends a lease whose time is over, whatever it is that happened just now
// (RFC 2131 §4.4.5). One that has been granted anew, and is being probed, has no end yet.
func (m *Machine) lapse(now time.Time) {
	l := m.lease
	if l == nil || m.pending != nil || !l.expired(now) {
		return
	}
	m.note(zap.WarnLevel, "lease has expired", zap.Stringer("addr", l.addr), zap.Stringer("server", l.server))
	m.drop(hostconf.Expire)
	m.hint = l.addr
	if m.leaving {
		m.gone(now)
		return
	}
	switch m.state {
	case Bound, Renewing, Rebinding, InitReboot, Rebooting:
		m.anew(now)
	}
}

// clock takes what the host slept off all times to come, and has the record tell
// its times by the clock as it is now.
func (m *Machine) clock(now time.Time, slept time.Duration) {
	if slept > 0 {
		for _, t := range []*time.Time{&m.timer, &m.quiet, &m.saved, &m.began, &m.sent, &m.since} {
			earlier(t, slept)
		}
		for _, l := range append([]*lease{m.lease, m.pending}, m.offers...) {
			if l != nil {
				l.earlier(slept)
			}
		}
	}
	if m.record != nil {
		m.write(now)
		m.save(now)
	}
	if !m.timer.IsZero() {
		m.arm(m.timer)
	}
}

func earlier(t *time.Time, by time.Duration) {
	if !t.IsZero() {
		*t = t.Add(-by)
	}
}

func (m *Machine) enter(now time.Time, s State) {
	if s == m.state {
		return
	}
	m.note(zap.DebugLevel, "state changed", zap.Stringer("state", s))
	m.state, m.since = s, now
	m.arm(time.Time{})
}

func (m *Machine) arm(at time.Time) {
	m.timer = at
	m.do(Arm{At: at})
}

func (m *Machine) do(a Action) { m.acts = append(m.acts, a) }

func (m *Machine) note(level zapcore.Level, text string, fields ...zap.Field) {
	m.do(Note{Level: level, Text: text, Fields: fields})
}

// apply has the host changed from what it has to what to gives it.
func (m *Machine) apply(why hostconf.Reason, to *lease) {
	c := hostconf.Change{Reason: why, Iface: m.o.Iface}
	if m.lease != nil {
		c.Old = m.lease.settings
	}
	if to != nil {
		c.New = to.settings
	}
	m.do(Apply{c})
}

// drop takes the lease from the host.
func (m *Machine) drop(why hostconf.Reason) {
	if m.lease == nil {
		return
	}
	m.apply(why, nil)
	m.lease, m.on, m.record = nil, false, nil
}

func (m *Machine) endOfLease() time.Time {
	if m.lease == nil {
		return time.Time{}
	}
	return m.lease.end
}
