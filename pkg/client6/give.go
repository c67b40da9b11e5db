package client6

import (
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// What the machine gives away of what it holds: to the host, and to the 4o6 side.

// apply has the host changed from what it has to what there is.
func (m *Machine) apply(why hostconf.Reason) {
	c := hostconf.Change{Reason: why, Iface: m.o.Iface, Old: m.applied, New: m.settings()}
	m.applied = c.New
	m.do(Apply{c})
	m.watch()
}

// watch has duplicate address detection followed for addresses that are new on the
// host (RFC 9915 §18.2.10.1).
func (m *Machine) watch() {
	var fresh []netip.Addr
	for i := range m.ias {
		for j := range m.ias[i].leases {
			if l := &m.ias[i].leases[j]; m.ias[i].Kind != PD && !l.watched {
				l.watched = true
				fresh = append(fresh, l.prefix.Addr())
			}
		}
	}
	if len(fresh) > 0 && m.applied != nil {
		m.do(Watch{fresh})
	}
}

// unwatch has detection followed again the next time: a kernel begins it anew when
// the link comes back.
func (m *Machine) unwatch() {
	for i := range m.ias {
		for j := range m.ias[i].leases {
			m.ias[i].leases[j].watched = false
		}
	}
}

// tell4o6 says what option 88 says, when that is another than before. It counts
// while its network is there: from the Reply that brings it to the one that does not
// (RFC 7341 §7.2), or to the loss of the leases that it came with.
func (m *Machine) tell4o6() {
	var is Servers4o6
	if m.sure && m.applied != nil && m.o.FourOverSix {
		is.Addrs, is.Known = m.servers4o6()
	}
	if is.Known != m.told.Known || !slices.Equal(is.Addrs, m.told.Addrs) {
		m.told = is
		m.do(is)
	}
}
