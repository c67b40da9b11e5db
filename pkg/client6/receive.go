package client6

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// received takes a message that came in (RFC 9915 §16).
func (m *Machine) received(now time.Time, e Received) {
	if !m.started || !m.up {
		return
	}
	a, err := m.read(slices.Clone(e.Data))
	if err == nil {
		err = m.accepts(a)
	}
	if err != nil {
		m.note(zap.DebugLevel, "answer ignored", zap.Stringer("state", m.state), zap.Stringer("from", e.From), zap.Error(err))
		return
	}
	if a.kind == dhcp6.Reconfigure {
		m.reconfigure(now, a)
		return
	}
	steps[m.state].answer(m, now, a)
}

// accepts reports why a message is not what the state waits for, nil when it is.
func (m *Machine) accepts(a *answer) error {
	if a.kind == dhcp6.Reconfigure {
		return nil // has no transaction, and checks of its own
	}
	if steps[m.state].answer == nil || m.x.sent == 0 {
		return errType
	}
	if a.kind != dhcp6.Reply && m.state != Soliciting {
		return errType
	}
	if a.xid != m.x.xid {
		return errXID
	}
	if m.x.server != nil && string(a.server) != string(m.x.server) {
		return errServer
	}
	return nil
}

// ignore says why an answer is of no use.
func (m *Machine) ignore(a *answer, why error) {
	m.note(zap.DebugLevel, "answer ignored", zap.Stringer("state", m.state), zap.Stringer("type", a.kind), zap.Error(why))
}
