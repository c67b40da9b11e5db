package client4

import (
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// What leads to a lease: INIT, SELECTING and REQUESTING (RFC 2131 §4.4.1).

// anew goes back to INIT and begins at once, or when the carrier can.
func (m *Machine) anew(now time.Time) {
	m.pending, m.offers = nil, nil
	m.began = now
	m.enter(now, Init)
	m.resume(now)
}

// later goes back to INIT and begins after a while: the longer the more often it
// has come to nothing since the last lease, so that no server, and nobody who
// poses as one, keeps the client busy.
func (m *Machine) later(now time.Time, atLeast time.Duration) {
	m.setbacks++
	wait := atLeast
	if m.setbacks > 1 {
		wait = max(wait, m.backoff(m.setbacks-1))
	}
	m.quiet = now.Add(wait)
	m.anew(now)
}

// discover begins to look for servers.
func (m *Machine) discover(now time.Time) {
	m.enter(now, Selecting)
	m.exchange(now)
	m.offers = nil
	m.discoverAgain(now)
}

// discoverAgain sends a DHCPDISCOVER, or chooses, if there are offers by now.
func (m *Machine) discoverAgain(now time.Time) {
	if len(m.offers) > 0 {
		m.choose(now)
		return
	}
	if m.tries == 5 && !m.failed { // two minutes: the host may do without a server (RFC 3927)
		m.failed = true
		m.note(zap.WarnLevel, "no server answers")
		m.apply(hostconf.Fail, nil)
	}
	m.secs = elapsed(m.began, now)
	m.begin(dhcp4.Discover, netip.Addr{})
	m.addAddr(dhcp4.OptRequestedAddress, m.hint)
	m.addWishes()
	m.broadcast(netip.Addr{})
	m.again(now)
}

// offered keeps an offer. The first one ends the wait for the next DHCPDISCOVER:
// the best of those that come while offers are collected is taken.
func (m *Machine) offered(now time.Time, a *answer) {
	if a.kind != dhcp4.Offer {
		m.ignore(a, errType)
		return
	}
	if wait, ok := m.v6only(a); ok {
		m.doWithout(now, wait)
		return
	}
	l := m.leaseOf(a, now)
	m.note(zap.DebugLevel, "offer", zap.Stringer("addr", l.addr), zap.Stringer("server", l.server))
	if len(m.offers) < 16 {
		m.offers = append(m.offers, l)
	}
	switch {
	case m.o.Timing.Collect == 0:
		m.choose(now)
	case len(m.offers) == 1:
		m.arm(now.Add(m.o.Timing.Collect))
	}
}

// choose takes the best offer: of the address that the client had, else with the
// most of what was asked for, else the first.
func (m *Machine) choose(now time.Time) {
	best := slices.MaxFunc(m.offers, func(a, b *lease) int { return m.worth(a) - m.worth(b) })
	m.offers = nil
	m.want = want{best.addr, best.server}
	m.enter(now, Requesting)
	m.sent, m.tries = now, 0
	m.requestAgain(now)
}

func (m *Machine) worth(l *lease) int {
	n := 0
	if l.addr == m.hint {
		n = 1 << 8
	}
	if m.in.Parse(l.message) == nil {
		for _, c := range m.request {
			if m.in.Has(dhcp4.Code(c)) {
				n++
			}
		}
	}
	return n
}

// requestAgain sends the DHCPREQUEST for an offer, with the xid and the secs of the
// DHCPDISCOVER (RFC 2131 §3.1), or gives up after some.
func (m *Machine) requestAgain(now time.Time) {
	if m.tries == m.o.Timing.Requests {
		m.note(zap.WarnLevel, "server does not grant its offer", zap.Stringer("addr", m.want.addr), zap.Stringer("server", m.want.server))
		m.later(now, 0)
		return
	}
	m.begin(dhcp4.Request, netip.Addr{})
	m.addAddr(dhcp4.OptRequestedAddress, m.want.addr)
	m.addAddr(dhcp4.OptServerID, m.want.server)
	m.addWishes()
	m.broadcast(netip.Addr{})
	m.again(now)
}

// requested takes the answer to that.
func (m *Machine) requested(now time.Time, a *answer) {
	switch a.kind {
	case dhcp4.Nak:
		m.refused(now, a)
	case dhcp4.Ack:
		m.granted(now, a, hostconf.Bound)
	default:
		m.ignore(a, errType)
	}
}

// granted takes a DHCPACK for an address that the host does not have yet.
func (m *Machine) granted(now time.Time, a *answer, why hostconf.Reason) {
	l := m.leaseOf(a, m.sent)
	if wait, ok := m.v6only(a); ok {
		m.giveUp(now, l)
		m.doWithout(now, wait)
		return
	}
	if m.on && l.expired(now) { // what is left of the lease in force is more
		m.ignore(a, errLate)
		return
	}
	if l.expired(now) {
		m.note(zap.WarnLevel, "lease came too late", zap.Stringer("addr", l.addr), zap.Stringer("server", l.server))
		m.later(now, 0)
		return
	}
	// An address that is shared is on other hosts too (RFC 7618), and over 4o6 it is
	// on no link.
	if m.o.Probe && !m.o.FourOverSix && l.settings.PortSet.Whole() && !m.on {
		m.pending = l
		m.do(Probe{Addr: l.addr})
		m.arm(now.Add(m.o.Timing.Probe))
		return
	}
	m.bind(now, l, why)
}

// probed takes the lease whose address nobody has, and declines one that somebody
// has (RFC 2131 §3.1, §4.4.4), though it be found out only when it is on the host.
func (m *Machine) probed(now time.Time, e Probed) {
	l := m.pending
	switch {
	case l != nil && l.addr == e.Addr && !e.Taken:
		m.bindPending(now)
	case l != nil && l.addr == e.Addr:
		m.decline(now, l)
	case m.on && m.lease.addr == e.Addr && e.Taken:
		m.decline(now, m.lease)
	}
}

func (m *Machine) decline(now time.Time, l *lease) {
	m.note(zap.WarnLevel, "address is in use by another host, declined", zap.Stringer("addr", l.addr), zap.Stringer("server", l.server))
	m.exchange(now)
	m.secs = 0
	m.begin(dhcp4.Decline, netip.Addr{})
	m.addAddr(dhcp4.OptRequestedAddress, l.addr)
	m.addAddr(dhcp4.OptServerID, l.server)
	m.broadcast(netip.Addr{})
	m.forget()
	if m.leaving {
		m.gone(now)
		return
	}
	m.later(now, m.o.Timing.Decline)
}

func (m *Machine) bindPending(now time.Time) {
	if m.pending.expired(now) { // the host slept
		m.later(now, 0)
		return
	}
	why := hostconf.Bound
	if m.state == Rebooting {
		why = hostconf.Reboot
	}
	m.bind(now, m.pending, why)
}

// refused begins anew after a DHCPNAK: the address is not to be used any more
// (RFC 2131 §3.1, §4.4.5).
func (m *Machine) refused(now time.Time, a *answer) {
	m.note(zap.WarnLevel, "server refuses the address", zap.Stringer("server", a.server), zap.String("reason", a.message()))
	m.forget()
	m.later(now, 0)
}

// forget drops the lease and its record.
func (m *Machine) forget() {
	m.drop(hostconf.Expire)
	m.hint = netip.Addr{}
	m.do(Save{})
}

// seldom is how often at most a renewal is put on file: a server that grants two
// seconds at a time must not wear out the disk. What is on file then is over soon.
const seldom = 10 * time.Second

// bind puts a lease in force.
func (m *Machine) bind(now time.Time, l *lease, why hostconf.Reason) {
	m.note(zap.InfoLevel, "lease bound", zap.Stringer("addr", l.addr), zap.Stringer("server", l.server), zap.Int64("valid", inSeconds(l.life)), zap.String("reason", string(why)))
	old := m.lease
	if !m.on {
		m.lease = nil // the host has not what the record says
	}
	m.apply(why, l)
	m.lease, m.on, m.hint = l, true, l.addr
	m.setbacks, m.failed, m.pending, m.offers = 0, false, nil, nil
	if m.write(now); old != l && (old == nil || old.addr != l.addr || now.Sub(m.saved) >= seldom) {
		m.save(now)
	}
	m.enter(now, Bound)
	m.arm(l.t1)
}
