package client6

import (
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// What ends a lease: Release (RFC 9915 §18.2.7), Decline (§18.2.8), and the end of
// the client.

// patience is how long a release waits for the carrier.
const patience = 5 * time.Second

// release gives the leases back. The host stops using them first.
func (m *Machine) release(now time.Time) {
	if m.leaving {
		return
	}
	if !m.started {
		m.remember(now)
	}
	m.leaving, m.started, m.giveUp = true, true, now.Add(patience)
	if m.applied == nil {
		m.applied = m.settings() // of the record: a client before us may have put it on
	}
	old := m.applied
	m.applied = nil
	if old != nil {
		m.do(Apply{hostconf.Change{Reason: hostconf.Release6, Iface: m.o.Iface, Old: old}})
	}
	m.enter(now, Init)
	if !m.holds() {
		m.gone(now)
	} else if m.up {
		m.part(now)
	}
}

// part tells the server.
func (m *Machine) part(now time.Time) {
	m.giveUp = time.Time{}
	m.begin(now, Releasing, m.server, 0)
}

// released takes the answer, whatever it says (RFC 9915 §18.2.10.2).
func (m *Machine) released(now time.Time, a *answer) {
	m.noteStatus(a)
	m.note(zap.InfoLevel, "lease given up")
	m.gone(now)
}

// gone ends the machine without leases.
func (m *Machine) gone(now time.Time) {
	for i := range m.ias {
		m.ias[i].leases = nil
	}
	m.do(Save{})
	m.end(now)
}

// stop ends the machine, which keeps its leases in the record; not those that a
// server has been told are given back (RFC 9915 §18.2.7).
func (m *Machine) stop(now time.Time) {
	if m.state == Releasing && m.x.sent > 0 {
		m.gone(now)
		return
	}
	if m.applied != nil && !m.o.Stay {
		old := m.applied
		m.applied = nil
		m.do(Apply{hostconf.Change{Reason: hostconf.Stop6, Iface: m.o.Iface, Old: old}})
	}
	m.end(now)
}

func (m *Machine) end(now time.Time) {
	m.enter(now, Stopped)
	m.sure, m.ended = false, true
}

// detected takes the end of duplicate address detection. An address that another
// node has is taken from the host, and declined when no other exchange goes on.
func (m *Machine) detected(now time.Time, e DAD) {
	if !e.Failed || m.leaving {
		return
	}
	p, before := netip.PrefixFrom(e.Addr, 128), len(m.declined)
	for i := range m.ias {
		b := &m.ias[i]
		if b.Kind == PD || b.find(p) == nil {
			continue
		}
		m.note(zap.WarnLevel, "address is in use by another host, declined", zap.Stringer("addr", e.Addr), zap.Uint32("iaid", b.IAID))
		b.remove(p)
		m.declined = append(m.declined, decline{i, p}) // of a second time too: it is told again
		m.apply(hostconf.Expire6)
		m.save(now)
	}
	if len(m.declined) > before && m.up && (m.state == Bound || m.state == Declining || !m.holds()) {
		m.decline(now)
	}
}

// decline begins to give such addresses back.
func (m *Machine) decline(now time.Time) {
	if m.state != Declining {
		m.declines++ // a server that gives the same again is asked less and less often
		m.setbacks = m.declines
	}
	m.begin(now, Declining, m.server, 0)
}

// declinedAll takes the answer, whatever it says (RFC 9915 §18.2.10.2).
func (m *Machine) declinedAll(now time.Time, a *answer) {
	m.noteStatus(a)
	m.declined = nil
	m.settle(now)
}
