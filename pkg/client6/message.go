package client6

import (
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// message builds the message of the exchange as it is to be sent now: what has
// expired since the last time is not in it (RFC 9915 §15).
func (m *Machine) message(now time.Time) []byte {
	kind := messageTypes[m.state]
	b := append(make([]byte, 0, 512), byte(kind))
	b = append(b, m.x.xid[:]...)
	b = dhcp6.AppendOption(b, dhcp6.OptClientID, m.o.DUID)
	if m.x.server != nil {
		b = dhcp6.AppendOption(b, dhcp6.OptServerID, m.x.server)
	}
	b = dhcp6.AppendOption(b, dhcp6.OptElapsedTime, be.AppendUint16(nil, m.x.elapsed(now)))
	switch kind {
	case dhcp6.Solicit, dhcp6.Request, dhcp6.Renew, dhcp6.Rebind, dhcp6.InformationRequest:
		b = m.appendWishes(b, kind)
	}
	switch kind {
	case dhcp6.Solicit:
		if m.o.RapidCommit {
			b = dhcp6.AppendOption(b, dhcp6.OptRapidCommit, nil)
		}
		for i := range m.ias {
			b = appendIA(b, &m.ias[i].IA, m.ias[i].wishes())
		}
	case dhcp6.Request:
		b = m.appendRequested(b)
	case dhcp6.Renew, dhcp6.Rebind:
		for i := range m.ias {
			b = appendIA(b, &m.ias[i].IA, m.ias[i].renewed())
		}
	case dhcp6.Confirm, dhcp6.Release:
		for i := range m.ias {
			if p := m.ias[i].prefixes(); len(p) > 0 {
				b = appendIA(b, &m.ias[i].IA, p)
			}
		}
	case dhcp6.Decline:
		b = m.appendDeclined(b)
	}
	return b
}

// appendWishes writes what the client would like to have, and who it is.
func (m *Machine) appendWishes(b []byte, kind dhcp6.MessageType) []byte {
	b, mark := dhcp6.Open(b, dhcp6.OptORO)
	for _, c := range m.request {
		b = be.AppendUint16(b, uint16(c))
	}
	if kind == dhcp6.InformationRequest { // RFC 9915 §18.2.6
		b = be.AppendUint16(b, uint16(dhcp6.OptInformationRefreshTime))
		b = be.AppendUint16(b, uint16(dhcp6.OptInfMaxRT))
	} else { // §18.2.1, §18.2.2, §18.2.4
		b = be.AppendUint16(b, uint16(dhcp6.OptSolMaxRT))
	}
	b = dhcp6.Shut(b, mark)
	if m.o.Reconfigure {
		b = dhcp6.AppendOption(b, dhcp6.OptReconfAccept, nil)
	}
	if len(m.o.UserClass) > 0 {
		b, mark = dhcp6.Open(b, dhcp6.OptUserClass)
		b = dhcp6.Shut(appendOpaques(b, m.o.UserClass), mark)
	}
	for _, c := range m.o.VendorClass {
		b, mark = dhcp6.Open(b, dhcp6.OptVendorClass)
		b = be.AppendUint32(b, c.Enterprise)
		b = dhcp6.Shut(appendOpaques(b, c.Classes), mark)
	}
	if m.o.FQDN != "" && kind != dhcp6.InformationRequest { // RFC 4704 §4
		b, mark = dhcp6.Open(b, dhcp6.OptClientFQDN)
		b = dhcp6.Shut(m.appendFQDN(b), mark)
	}
	return b
}

func appendOpaques(b []byte, all []string) []byte {
	for _, s := range all {
		b = append(be.AppendUint16(b, uint16(len(s))), s...)
	}
	return b
}

// appendRequested writes the IAs of a Request: with what the server has offered, or,
// where it has forgotten what it gave, with what the client has (RFC 9915
// §18.2.10.1).
func (m *Machine) appendRequested(b []byte) []byte {
	for i := range m.ias {
		p := m.ias[i].renewed()
		if m.chosen != nil {
			if p = m.chosen.offered(i); p == nil {
				p = m.ias[i].wishes()
			}
		}
		b = appendIA(b, &m.ias[i].IA, p)
	}
	return b
}

// appendDeclined writes the addresses that another node has (RFC 9915 §18.2.8).
func (m *Machine) appendDeclined(b []byte) []byte {
	for i := range m.ias {
		var p []netip.Prefix
		for _, d := range m.declined {
			if d.at == i {
				p = append(p, d.prefix)
			}
		}
		if len(p) > 0 {
			b = appendIA(b, &m.ias[i].IA, p)
		}
	}
	return b
}

// appendIA writes an IA with addresses or prefixes. All times are 0 (RFC 9915 §21.4,
// §21.6, §21.21, §21.22).
func appendIA(b []byte, ia *IA, leases []netip.Prefix) []byte {
	var mark int
	switch ia.Kind {
	case NA:
		b, mark = dhcp6.OpenIANA(b, ia.IAID, 0, 0)
	case TA:
		b, mark = dhcp6.OpenIATA(b, ia.IAID)
	case PD:
		b, mark = dhcp6.OpenIAPD(b, ia.IAID, 0, 0)
	}
	for _, p := range leases {
		if ia.Kind == PD {
			b = dhcp6.IAPrefix{Prefix: p}.Append(b)
		} else {
			b = dhcp6.IAAddr{Addr: p.Addr()}.Append(b)
		}
	}
	return dhcp6.Shut(b, mark)
}

// prefixes are what a binding holds.
func (b *binding) prefixes() (all []netip.Prefix) {
	for _, l := range b.leases {
		all = append(all, l.prefix)
	}
	return all
}

// renewed is what a Renew or Rebind says of a binding: what it holds, else the
// length that its prefix should have (RFC 9915 §18.2.4).
func (b *binding) renewed() []netip.Prefix {
	if len(b.leases) > 0 {
		return b.prefixes()
	}
	if b.Kind == PD && b.Hint.Bits() > 0 {
		return []netip.Prefix{netip.PrefixFrom(netip.IPv6Unspecified(), b.Hint.Bits())}
	}
	return nil
}

// wishes is what a Solicit says of a binding: what it held before, else its hint.
func (b *binding) wishes() []netip.Prefix {
	switch {
	case len(b.hints) > 0:
		return b.hints
	case b.Kind == PD && b.Hint.Bits() > 0, usable(b.Kind, b.Hint):
		return []netip.Prefix{b.Hint}
	}
	return nil
}

// offered is what an Advertise has for one IA, nil where it has nothing.
func (a *answer) offered(at int) (all []netip.Prefix) {
	for i := range a.ias {
		if a.ias[i].at != at || !a.ias[i].good() {
			continue
		}
		for _, l := range a.ias[i].leases {
			if l.valid > 0 {
				all = append(all, l.prefix)
			}
		}
	}
	return all
}
