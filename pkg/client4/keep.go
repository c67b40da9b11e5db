package client4

import (
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// What keeps a lease: RENEWING, REBINDING (RFC 2131 §4.4.5), INIT-REBOOT and
// REBOOTING (§4.4.2).

// renew begins to ask the server that granted the lease.
func (m *Machine) renew(now time.Time) {
	m.enter(now, Renewing)
	m.exchange(now)
	m.began, m.secs = now, 0
	m.want = want{m.lease.addr, m.lease.server}
	m.renewAgain(now)
}

// renewAgain asks, until T2. A server that has told no identifier, over 4o6, is
// asked as in REBINDING: nobody can say who it is.
func (m *Machine) renewAgain(now time.Time) {
	l := m.lease
	if !l.t2.IsZero() && !now.Before(l.t2) {
		m.rebind(now)
		return
	}
	if l.t2.IsZero() && m.tries == m.o.Timing.Requests { // for ever, and asked on the operator's word alone
		m.enter(now, Bound)
		return
	}
	m.extend(now)
	if l.server.IsValid() {
		m.unicast(l)
	} else {
		m.broadcast(l.addr)
	}
	if l.t2.IsZero() {
		m.again(now)
		return
	}
	m.tries++
	m.arm(m.halfway(now, l.t2))
}

// rebind begins to ask every server.
func (m *Machine) rebind(now time.Time) {
	m.note(zap.InfoLevel, "server does not answer, others are asked", zap.Stringer("addr", m.lease.addr), zap.Stringer("server", m.lease.server))
	m.enter(now, Rebinding)
	m.exchange(now)
	m.want = want{addr: m.lease.addr}
	m.rebindAgain(now)
}

func (m *Machine) rebindAgain(now time.Time) {
	m.extend(now)
	m.broadcast(m.lease.addr)
	m.tries++
	m.arm(m.halfway(now, m.lease.end))
}

// extend builds the DHCPREQUEST of RENEWING and REBINDING: ciaddr alone says which
// address (RFC 2131 §4.3.2).
func (m *Machine) extend(now time.Time) {
	m.secs = elapsed(m.began, now)
	m.begin(dhcp4.Request, m.lease.addr)
	m.addWishes()
}

// extended takes the answer to that.
func (m *Machine) extended(now time.Time, a *answer) {
	if a.kind == dhcp4.Nak {
		m.refused(now, a)
		return
	}
	if a.kind != dhcp4.Ack {
		m.ignore(a, errType)
		return
	}
	l := m.leaseOf(a, m.sent)
	if wait, ok := m.v6only(a); ok {
		m.giveUp(now, l)
		m.doWithout(now, wait)
		return
	}
	if l.expired(now) {
		m.ignore(a, errLate)
		return
	}
	why := hostconf.Renew
	if m.state == Rebinding {
		why = hostconf.Rebind
	}
	m.bind(now, l, why)
}

// reboot begins to ask whether a lease is still good here.
func (m *Machine) reboot(now time.Time) {
	m.enter(now, Rebooting)
	m.exchange(now)
	m.began = now
	m.want = want{addr: m.lease.addr}
	m.rebootAgain(now)
}

// rebootAgain asks, naming the address and no server (RFC 2131 §4.3.2).
func (m *Machine) rebootAgain(now time.Time) {
	if m.tries == m.o.Timing.Reboots {
		m.unconfirmed(now)
		return
	}
	m.secs = elapsed(m.began, now)
	m.begin(dhcp4.Request, netip.Addr{})
	m.addAddr(dhcp4.OptRequestedAddress, m.want.addr)
	m.addWishes()
	m.broadcast(netip.Addr{})
	m.again(now)
}

// confirmed takes the answer to that.
func (m *Machine) confirmed(now time.Time, a *answer) {
	switch a.kind {
	case dhcp4.Nak:
		m.refused(now, a)
	case dhcp4.Ack:
		m.granted(now, a, hostconf.Reboot)
	default:
		m.ignore(a, errType)
	}
}

// unconfirmed decides when nobody has answered in REBOOTING: the rest of the lease
// may be used (RFC 2131 §3.2). It is when the host has it on, for the link may have
// been away for a moment only, or when the options say so. It is applied anew: who
// takes a link down takes its routes down, and a script may look whether the
// gateway is there.
func (m *Machine) unconfirmed(now time.Time) {
	l := m.lease
	if m.on || m.o.KeepLast && !l.doubtful {
		m.note(zap.WarnLevel, "no server confirms the lease, it is used", zap.Stringer("addr", l.addr))
		m.bind(now, l, hostconf.Timeout)
		return
	}
	m.note(zap.InfoLevel, "no server confirms the lease of the file", zap.Stringer("addr", l.addr))
	m.drop(hostconf.Expire)
	m.hint = l.addr
	m.anew(now)
}

// rejected takes back a lease that the host will not have.
func (m *Machine) rejected(now time.Time, e Rejected) {
	l := m.lease
	if !m.on || l.addr != e.Addr {
		return
	}
	m.note(zap.WarnLevel, "host refuses the lease", zap.Stringer("addr", l.addr))
	m.drop(hostconf.Expire)
	m.hint = l.addr
	if m.leaving {
		m.gone(now)
		return
	}
	m.later(now, 0)
}
