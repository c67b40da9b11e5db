package client6

import (
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// What keeps a lease: Renew, Rebind (RFC 9915 §18.2.4, §18.2.5), and Confirm or
// Rebind after a restart or a change of links (§18.2.12).

// renew begins to ask the server that has given the leases.
func (m *Machine) renew(now time.Time) {
	if over(m.t2(), now) {
		m.rebind(now)
		return
	}
	m.chosen = nil
	m.begin(now, Renewing, m.server, 0)
	m.x.end = m.t2()
}

// rebind begins to ask every server. The exchange ends with the last lease.
func (m *Machine) rebind(now time.Time) {
	m.note(zap.InfoLevel, "server does not answer, others are asked")
	m.chosen = nil
	m.begin(now, Rebinding, nil, 0)
}

// extended takes the answer to a Renew or a Rebind.
func (m *Machine) extended(now time.Time, a *answer) {
	if m.failure(a) {
		return
	}
	why := hostconf.Renew6
	switch m.state {
	case Rebinding:
		why = hostconf.Rebind6
	case Verifying:
		why = hostconf.Bound6
		if len(a.ias) == 0 { // says nothing of what was asked
			m.ignore(a, errNothing)
			return
		}
	}
	m.bind(now, a, why)
}

// bind takes over what a Reply brings (RFC 9915 §18.2.10.1).
func (m *Machine) bind(now time.Time, a *answer, why hostconf.Reason) {
	asked, fresh := m.state, m.chosen != nil || m.state == Soliciting
	m.serve(now, a)
	lost := m.merge(now, a, fresh)
	switch {
	case lost && asked != Requesting:
		m.save(now)
		if m.applied != nil { // the rest is as the server says
			m.takeOptions(now, a)
			m.apply(why)
		}
		m.askAgain(now)
		return
	case !m.holds():
		m.noteStatus(a)
		m.anew(now, true)
		return
	}
	m.chosen, m.setbacks, m.sure = nil, 0, true
	if asked == Renewing || asked == Rebinding {
		m.declines = 0
	}
	m.takeOptions(now, a)
	m.noteBound(now, why)
	if m.left(now, asked) {
		m.x.partial = true
		if asked == Renewing {
			m.x.end = m.t2()
		}
		m.save(now)
		m.apply(why)
		return // the exchange goes on for what the server has not spoken of
	}
	m.enter(now, Bound)
	m.save(now)
	m.apply(why)
	m.settle(now)
}

// serve makes a server ours.
func (m *Machine) serve(now time.Time, a *answer) {
	m.maxRTs(a)
	if string(m.server) != string(a.server) {
		m.key = nil // another server's
	}
	m.server = a.server
	m.takeKey(a)
}

// merge brings the bindings up to the answer. It reports whether the server has
// forgotten one.
func (m *Machine) merge(now time.Time, a *answer, fresh bool) (lost bool) {
	for i := range a.ias {
		ia := &a.ias[i]
		b := &m.ias[ia.at]
		switch ia.status.Status {
		case dhcp6.Success:
			b.take(now, ia, fresh)
		case dhcp6.NoBinding:
			if m.state != Requesting {
				b.lost, lost = true, true
			}
			m.noteIA(b, ia)
		default:
			m.noteIA(b, ia)
		}
	}
	if m.state == Requesting { // what a server that had forgotten it does not give again is gone
		for i := range m.ias {
			if b := &m.ias[i]; b.lost {
				b.leases, b.lost = nil, false
			}
		}
	}
	return lost
}

// askAgain sends a Request for all IAs to a server that has forgotten some (RFC 9915
// §18.2.10.1). What it has forgotten stays in use until that is answered: it is given
// again, as a rule.
func (m *Machine) askAgain(now time.Time) {
	m.chosen = nil
	m.begin(now, Requesting, m.server, 0)
}

// left reports whether a Renew or Rebind goes on, since the server has said nothing of
// an IA whose time for it has come (RFC 9915 §18.2.10.1: the client may wait for the
// normal retransmission).
func (m *Machine) left(now time.Time, asked State) bool {
	return (asked == Renewing || asked == Rebinding) && over(m.t1(), now)
}

// settle goes back to BOUND, or begins anew where nothing is left to hold, after
// giving back what another node has.
func (m *Machine) settle(now time.Time) {
	switch {
	case len(m.declined) > 0 && m.state != Declining:
		m.decline(now)
	case !m.holds():
		m.anew(now, true)
	default:
		m.declined = nil
		m.enter(now, Bound)
	}
}

// verify asks whether the leases are good on this link: by a Confirm, and where
// there are prefixes by a Rebind (RFC 9915 §18.2.12).
func (m *Machine) verify(now time.Time) {
	m.chosen, m.sure = nil, false
	if _, prefixes := m.held(); prefixes {
		m.begin(now, Verifying, nil, 0)
		return
	}
	m.begin(now, Confirming, nil, 0)
}

// confirmed takes the answer to a Confirm. One server that says yes is enough; a no
// counts when nobody has said yes before the Confirm is due again (RFC 9915
// §18.2.10.3).
func (m *Machine) confirmed(now time.Time, a *answer) {
	m.maxRTs(a)
	switch a.status.Status {
	case dhcp6.Success:
		m.resumeLeases(now)
	case dhcp6.NotOnLink:
		m.noteStatus(a)
		m.x.refused = true
	default:
		m.noteStatus(a)
	}
}

// moved ends a Confirm that was only answered with NotOnLink.
func (m *Machine) moved(now time.Time) (ended bool) {
	if !m.x.refused {
		return false
	}
	m.note(zap.InfoLevel, "leases are not good on this link")
	m.anew(now, false)
	return true
}

// unconfirmed goes on with leases that nobody has said anything about (RFC 9915
// §18.2.3).
func (m *Machine) unconfirmed(now time.Time) {
	if m.state == Confirming && m.x.refused {
		m.moved(now)
		return
	}
	m.note(zap.InfoLevel, "no server confirms the leases, they are used")
	m.resumeLeases(now)
}

// resumeLeases uses leases as they were.
func (m *Machine) resumeLeases(now time.Time) {
	m.enter(now, Bound)
	m.setbacks, m.sure = 0, true
	m.noteBound(now, hostconf.Bound6)
	m.apply(hostconf.Bound6)
	m.settle(now)
}

// noteBound says what the client has.
func (m *Machine) noteBound(now time.Time, why hostconf.Reason) {
	for i := range m.ias {
		for _, l := range m.ias[i].leases {
			m.note(zap.InfoLevel, "lease bound", zap.String("reason", string(why)), zap.Stringer("prefix", l.prefix),
				zap.Uint32("iaid", m.ias[i].IAID), zap.Uint32("valid", wire(validFor(l.valid, now))))
		}
	}
}

// validFor is how long a lease goes on.
func validFor(valid, now time.Time) time.Duration {
	if valid.IsZero() {
		return infinite
	}
	return valid.Sub(now)
}
