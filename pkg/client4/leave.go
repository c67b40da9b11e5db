package client4

import (
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// release gives the lease up, as soon as the carrier can carry that.
func (m *Machine) release(now time.Time) {
	if m.leaving {
		return
	}
	m.leaving = true
	m.remember(now)
	switch {
	case m.pending != nil: // it is the server's word that counts, not the host's
		m.giveUp(now, m.pending)
		m.gone(now)
	case m.lease == nil || m.lease.informed():
		m.gone(now)
	case m.up:
		m.part(now)
	default: // over 4o6 the DHCPv6 side has to say START first
		m.arm(now.Add(m.o.Timing.Leave))
	}
}

// part tells the server, and ends.
func (m *Machine) part(now time.Time) {
	m.giveUp(now, m.lease)
	m.gone(now)
}

// gone ends the machine after a release.
func (m *Machine) gone(now time.Time) {
	m.drop(hostconf.Release)
	m.do(Save{})
	m.end(now)
}

// giveUp sends the DHCPRELEASE of a lease (RFC 2131 §4.4.6). It is neither answered
// nor sent again.
func (m *Machine) giveUp(now time.Time, l *lease) {
	m.exchange(now)
	m.secs = 0
	m.begin(dhcp4.Release, l.addr)
	m.addAddr(dhcp4.OptServerID, l.server)
	m.note(zap.InfoLevel, "lease given up", zap.Stringer("addr", l.addr), zap.Stringer("server", l.server))
	if l.server.IsValid() {
		m.unicast(l)
	} else {
		m.broadcast(l.addr)
	}
}

// stop ends the machine. The lease stays in the record, and on the host where the
// options say so.
func (m *Machine) stop(now time.Time) {
	if m.on && !m.o.Stay {
		m.drop(hostconf.Stop)
	}
	m.end(now)
}

func (m *Machine) end(now time.Time) {
	m.enter(now, Stopped)
	m.do(Done{})
}

// inform asks for all but an address (RFC 2131 §4.4.3).
func (m *Machine) inform(now time.Time) {
	m.enter(now, Informing)
	m.began = now
	m.exchange(now)
	m.informAgain(now)
}

func (m *Machine) informAgain(now time.Time) {
	m.secs = elapsed(m.began, now)
	m.begin(dhcp4.Inform, m.o.Inform.Addr())
	m.addWishes()
	if l := m.lease; l != nil && l.server.IsValid() && m.tries == 0 { // a server that is known is asked first
		m.unicast(&lease{addr: m.o.Inform.Addr(), server: l.server})
	} else {
		m.broadcast(m.o.Inform.Addr())
	}
	m.again(now)
}

// informed takes the answer to that. It has no end; it is asked for anew when the
// link comes back, or somebody says so.
func (m *Machine) informed(now time.Time, a *answer) {
	if a.kind != dhcp4.Ack {
		m.ignore(a, errType)
		return
	}
	l := m.leaseOf(a, m.sent)
	m.note(zap.InfoLevel, "configuration received", zap.Stringer("server", l.server))
	m.apply(hostconf.Bound, l)
	m.lease, m.on, m.failed = l, true, false
	m.enter(now, Bound)
}

// minV6Only is the least V6ONLY_WAIT (RFC 8925 §3.4).
const minV6Only = 300 * time.Second

// v6only returns for how long the network would have the client do without IPv4.
// Who has not asked does not listen, nor does anybody to an option of another
// length (RFC 8925 §3.1, §3.2).
func (m *Machine) v6only(a *answer) (time.Duration, bool) {
	n, ok := a.in.Uint32(dhcp4.OptIPv6OnlyPreferred)
	if !ok || !m.asked.Has(dhcp4.OptIPv6OnlyPreferred) {
		return 0, false
	}
	return max(time.Duration(n)*time.Second, minV6Only), true
}

// doWithout leaves IPv4 alone for a while.
func (m *Machine) doWithout(now time.Time, wait time.Duration) {
	m.note(zap.InfoLevel, "network prefers IPv6 only, IPv4 is left off", zap.Int64("valid", inSeconds(wait)))
	had := m.lease != nil
	if had {
		m.drop(hostconf.V6Only)
		m.do(Save{})
	} else {
		m.apply(hostconf.V6Only, nil)
	}
	m.hint, m.offers, m.pending = netip.Addr{}, nil, nil
	m.setbacks, m.failed = 0, false
	m.enter(now, V6Only)
	m.arm(now.Add(wait))
}
