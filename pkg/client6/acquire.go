package client6

import (
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// What gets a lease: Solicit, Advertise, Request, Reply (RFC 9915 §18.2.1, §18.2.2,
// §18.2.9).

// discover begins to look for servers, or for configuration where no leases are
// wanted, after a wait.
func (m *Machine) discover(now time.Time, wait time.Duration) {
	m.chosen = nil
	if len(m.ias) == 0 {
		m.refreshNow(now, nil)
		return
	}
	m.begin(now, Soliciting, nil, wait)
}

// anew begins from nothing, and stops using what there was (RFC 9915 §18.2.13); hints
// says whether the same is asked for. The more attempts have come to nothing, the
// longer it waits (§14.1).
func (m *Machine) anew(now time.Time, hints bool) {
	had := m.holds()
	for i := range m.ias {
		b := &m.ias[i]
		for _, l := range b.leases {
			b.hint(l.prefix)
		}
		b.leases, b.lost = nil, false
	}
	if !hints {
		m.dropHints()
	}
	m.forget()
	if m.applied != nil {
		m.apply(hostconf.Expire6)
	}
	if had {
		m.save(now)
	}
	var wait time.Duration
	if m.setbacks > 0 {
		wait = time.Second << min(m.setbacks, 12)
		wait = min(wait, time.Duration(m.solMaxRT)*time.Second)
	}
	m.setbacks++
	m.discover(now, wait)
}

// forget drops what came with the leases, but not what servers have set for good.
func (m *Machine) forget() {
	m.server, m.options, m.refresh, m.key, m.declined = nil, nil, time.Time{}, nil, nil
	m.informed, m.sure = false, false
}

// solicited takes an Advertise, or the Reply of a server that commits at once.
func (m *Machine) solicited(now time.Time, a *answer) {
	if a.kind == dhcp6.Reply {
		switch {
		case !m.o.RapidCommit || !a.rapid:
			m.ignore(a, errNoRapid)
		case m.failure(a):
		case a.offers() == 0:
			m.ignore(a, errNothing)
		default:
			m.bind(now, a, hostconf.Bound6)
		}
		return
	}
	m.maxRTs(a)
	if a.status.Status != dhcp6.Success || a.offers() == 0 { // RFC 9915 §18.2.9
		m.noteStatus(a)
		m.ignore(a, errNothing)
		return
	}
	m.offer(now, a)
}

// mostAdverts bounds how many servers are remembered.
const mostAdverts = 16

// offer keeps an Advertise until the first RT is over; one of preference 255, and one
// that comes later, is taken at once (RFC 9915 §18.2.1).
func (m *Machine) offer(now time.Time, a *answer) {
	of := func(old *answer) bool { return string(old.server) == string(a.server) }
	if i := slices.IndexFunc(m.x.adverts, of); i >= 0 {
		m.x.adverts[i] = a // the same again, or a second thought
	} else if len(m.x.adverts) < mostAdverts {
		m.x.adverts = append(m.x.adverts, a)
	}
	if a.preference == 255 {
		m.accept(now, a)
	} else if m.x.sent > 1 {
		m.choose(now)
	}
}

// choose accepts the best of what has been offered.
func (m *Machine) choose(now time.Time) (ended bool) {
	a := m.best()
	if a == nil {
		return false
	}
	m.accept(now, a)
	return true
}

// best is the Advertise of the highest preference; among those, the one that has
// something for the most IAs, then for the most hints, then the most of the options
// that were asked for; then the first (RFC 9915 §18.2.9).
func (m *Machine) best() (best *answer) {
	var most [4]int
	for _, a := range m.x.adverts {
		score := [4]int{int(a.preference), a.offers(), m.hintsMet(a), m.wishesMet(a)}
		if best == nil || less(most, score) {
			best, most = a, score
		}
	}
	return best
}

func less(a, b [4]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// hintsMet counts the IAs that are offered what was hinted at.
func (m *Machine) hintsMet(a *answer) (n int) {
	for i := range m.ias {
		for _, p := range a.offered(i) {
			if m.ias[i].meets(p) {
				n++
				break
			}
		}
	}
	return n
}

// meets reports whether a lease is what was hinted at: a former one, or of the
// wanted address or length.
func (b *binding) meets(p netip.Prefix) bool {
	h := b.Hint
	return slices.Contains(b.hints, p) || h == p || h.IsValid() && h.Addr().IsUnspecified() && h.Bits() == p.Bits()
}

func (m *Machine) wishesMet(a *answer) (n int) {
	for _, c := range m.request {
		if a.options.Has(c) {
			n++
		}
	}
	return n
}

// accept asks the server of an Advertise for what it has offered.
func (m *Machine) accept(now time.Time, a *answer) {
	rest := m.x.adverts
	for i := range rest {
		if rest[i] == a {
			rest = append(rest[:i:i], rest[i+1:]...)
			break
		}
	}
	m.chosen = a
	m.begin(now, Requesting, a.server, 0)
	m.x.adverts = rest
}

// requested takes the answer to a Request.
func (m *Machine) requested(now time.Time, a *answer) {
	switch {
	case m.failure(a): // asked again at the pace of the exchange (RFC 9915 §18.2.10)
	case a.status.Status == dhcp6.NotOnLink, !a.gives() && m.chosen != nil:
		m.noteStatus(a)
		if m.notOnLink(a) {
			m.dropHints()
		}
		m.notGranted(now)
	default:
		m.bind(now, a, m.boundAgain())
	}
}

// boundAgain is why the host is changed after a Request: it may have been sent for
// leases that were there and that the server had forgotten.
func (m *Machine) boundAgain() hostconf.Reason {
	if m.applied != nil {
		return hostconf.Rebind6
	}
	return hostconf.Bound6
}

// gives reports whether an answer has anything to use.
func (a *answer) gives() bool { return a.offers() > 0 }

// notOnLink reports whether the server says of addresses that they are of another
// link, at whatever level.
func (m *Machine) notOnLink(a *answer) bool {
	is := a.status.Status == dhcp6.NotOnLink
	for i := range a.ias {
		is = is || a.ias[i].status.Status == dhcp6.NotOnLink
	}
	return is
}

// dropHints has the next Solicit name no addresses.
func (m *Machine) dropHints() {
	for i := range m.ias {
		b := &m.ias[i]
		b.hints = nil
		if b.Kind != PD {
			b.Hint = netip.Prefix{}
		}
	}
}

// notGranted turns to the next server that has offered something, and else begins
// again (RFC 9915 §18.2.2). Leases that the server had forgotten are gone; where
// others are left, the client goes on with them.
func (m *Machine) notGranted(now time.Time) {
	if a := m.best(); a != nil {
		m.note(zap.WarnLevel, "server does not grant its offer")
		m.accept(now, a)
		return
	}
	m.chosen = nil
	for i := range m.ias {
		if b := &m.ias[i]; b.lost {
			b.leases, b.lost = nil, false
		}
	}
	if !m.holds() {
		m.anew(now, true)
		return
	}
	m.apply(hostconf.Expire6)
	m.save(now)
	m.settle(now)
}
