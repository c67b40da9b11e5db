package client6

import (
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// refreshNow begins to ask for configuration alone (RFC 9915 §18.2.6): a server that
// has sent a Reconfigure, else everybody.
func (m *Machine) refreshNow(now time.Time, server []byte) {
	m.chosen = nil
	m.begin(now, Informing, server, 0)
}

// inform takes the answer. Options that are not in it are not used any more (RFC
// 9915 §18.2.10.5).
func (m *Machine) inform(now time.Time, a *answer) {
	m.maxRTs(a)
	if m.failure(a) {
		return
	}
	if !m.holds() {
		if string(m.server) != string(a.server) {
			m.key = nil
		}
		m.server, m.informed = a.server, true
		m.takeKey(a)
	}
	m.takeOptions(now, a)
	m.setbacks, m.sure = 0, true
	m.note(zap.InfoLevel, "configuration received")
	if m.holds() {
		m.enter(now, Bound)
	} else {
		m.refresh = after(now, m.refreshTime(a))
		m.enter(now, Informed)
	}
	m.save(now)
	m.apply(hostconf.Renew6)
	if m.holds() {
		m.settle(now)
	}
}

// refreshTime is how long what an answer brings may be used (RFC 9915 §21.23).
func (m *Machine) refreshTime(a *answer) time.Duration {
	d := irtDefault
	if v, ok := a.options.Option(dhcp6.OptInformationRefreshTime); ok && len(v) == 4 {
		d = max(seconds(be.Uint32(v)), irtMinimum)
	}
	if m.o.MaxRefresh > 0 {
		d = min(d, max(m.o.MaxRefresh, irtMinimum))
	}
	return d
}

// maxRTs takes what a server says of the longest retransmission times. What several
// Advertises say counts when they agree (RFC 9915 §18.2.9).
func (m *Machine) maxRTs(a *answer) {
	for i, said := range [2]uint32{a.solMaxRT, a.infMaxRT} {
		of, usual := &m.solMaxRT, uint32(solMaxRT)
		if i == 1 {
			of, usual = &m.infMaxRT, infMaxRT
		}
		switch {
		case said == 0:
		case a.kind == dhcp6.Advertise && m.x.told[i] != 0 && m.x.told[i] != said:
			*of, m.x.told[i] = usual, forever
		default:
			*of = said
			m.x.told[i] = said
		}
	}
	switch m.state {
	case Soliciting:
		m.x.mrt = time.Duration(m.solMaxRT) * time.Second
	case Informing:
		m.x.mrt = time.Duration(m.infMaxRT) * time.Second
	}
}

// failure reports whether a server could not do what it was asked for any reason of
// its own. It is asked again at the pace of the exchange. UseMulticast is obsolete
// and means the same to a client that always multicasts (RFC 9915 §21.13).
func (m *Machine) failure(a *answer) bool {
	if s := a.status.Status; s != dhcp6.UnspecFail && s != dhcp6.UseMulticast {
		return false
	}
	m.maxRTs(a)
	m.noteStatus(a)
	return true
}

// noteStatus says what a server says of the whole.
func (m *Machine) noteStatus(a *answer) {
	if a.status.Status != dhcp6.Success {
		m.note(zap.InfoLevel, "server reports a status", zap.Stringer("status", a.status.Status), zap.ByteString("text", short(a.status.Message)))
	}
}

// noteIA says what a server says of one IA.
func (m *Machine) noteIA(b *binding, ia *answeredIA) {
	m.note(zap.InfoLevel, "server reports a status", zap.Stringer("status", ia.status.Status), zap.ByteString("text", short(ia.status.Message)),
		zap.Stringer("kind", b.Kind), zap.Uint32("iaid", b.IAID))
}

// short bounds what a server may write into the log.
func short(text []byte) []byte { return text[:min(len(text), 200)] }
