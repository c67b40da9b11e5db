package clientd

import (
	"context"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/client4"
	"github.com/dhcp4o6/dhcp4o6/pkg/client6"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// open6 makes the seat of dhcp6c on one interface. With DHCPv4 over DHCPv6 it
// opens the pair with dhcp4c, or makes a second seat for DHCPv4 in this process
// (RFC 7341).
func (h *host) open6(l *config.ClientLink, link *netif.Interface) ([]*seat, error) {
	if l.Server.IsValid() {
		l.Server = at(l.Server, 547)
	}
	s, err := h.seat6(l, link)
	if err != nil || !l.Over6 || l.Over6Port > 0 || h.c.do == release {
		return only(s), err
	}
	inside, err := h.inside(l, link, s)
	if err != nil {
		s.discard()
		return nil, err
	}
	s.inside = inside
	return []*seat{s, inside}, nil
}

func only(s *seat) []*seat {
	if s == nil {
		return nil
	}
	return []*seat{s}
}

// inside is the DHCPv4 side of a dhcp6c that has both. What the file says of dhcp4c
// holds for it.
func (h *host) inside(l *config.ClientLink, link *netif.Interface, six *seat) (*seat, error) {
	l4 := h.cfg4.Link(l.Name)
	l4.Over6, l4.Stay = true, l.Stay
	if l4.Script == "" {
		l4.Script = l.Script
	}
	return h.seat4(&l4, link, func() (client4.Carrier, error) {
		return client4.NewOver6(six.pair, client4.Over6Options{}), nil
	})
}

// seat6 makes a seat of DHCPv6.
func (h *host) seat6(l *config.ClientLink, link *netif.Interface) (*seat, error) {
	s := newSeat("dhcp6c", l.Name, l)
	o := h.options6(l, link)
	system, err := h.system(l, requested6(l))
	if err != nil {
		return nil, err
	}
	store := client6.NewFile(h.leaseFile(s.program, l.Name))
	if o.Record, err = kept(h, s, store.Load); err != nil {
		return nil, err
	}
	if h.c.do == release && o.Record == nil {
		return nil, errNothing
	}
	if err := h.lock(s); err != nil {
		return nil, err
	}
	carrier, err := carry6(l)
	if err != nil {
		s.shut()
		return nil, say(l.Name, err)
	}
	ask := make(chan client6.Request, asks)
	s.ask = func(r request) bool { return offer(ask, client6.Request(r)) }
	run := client6.RunOptions{System: system, Store: store, Ask: ask, Clock: s.clock,
		Log: h.logOf(s), Watch: h.watch6(s), Release: h.c.do == release}
	if h.c.dryRun {
		run.Store = nil
	}
	over4, leave, err := h.over4(l, s, carrier)
	if err != nil {
		_ = carrier.Close()
		s.shut()
		return nil, say(l.Name, err)
	}
	run.Over4 = over4
	s.drop = func() {
		leave()
		_ = carrier.Close()
	}
	s.run = func(ctx context.Context) error {
		defer leave()
		return client6.Run(ctx, client6.New(o), carrier, run)
	}
	return s, nil
}

// carry6 opens the way to the servers: all on the link, or the one that is named.
func carry6(l *config.ClientLink) (client6.Carrier, error) {
	if l.Server.IsValid() {
		return client6.NewUnicast(l.Server, netip.AddrPort{})
	}
	return client6.NewWire(client6.WireOptions{Iface: l.Name})
}

// watch6 follows the machine.
func (h *host) watch6(s *seat) func(client6.Status) {
	return func(st client6.Status) {
		var record any
		if st.Record != nil {
			record = st.Record
		}
		has := st.State == client6.Bound || st.State == client6.Informed || record != nil && (st.State == client6.Renewing || st.State == client6.Rebinding)
		if s.watch(st.State.String(), st.Since, st.Next, record, has) {
			h.tellState(s)
		}
	}
}

// options6 says to the machine what file and command line say.
func (h *host) options6(l *config.ClientLink, link *netif.Interface) client6.Options {
	o := client6.Options{
		Iface: l.Name, DUID: h.duid, IAs: ias(l, link), InfoOnly: l.InfoOnly(),
		FourOverSix: l.Over6, RapidCommit: l.RapidCommit, Reconfigure: l.Reconfigure, Server: l.Server,
		Request: request6(l), FQDN: l.FQDN, NoDNS: l.NoDNS, Stay: l.Stay, Rand: chance(),
	}
	if l.UserClass != "" {
		o.UserClass = []string{l.UserClass}
	}
	for _, v := range l.VendorClasses {
		o.VendorClass = append(o.VendorClass, client6.VendorClass{Enterprise: v.Enterprise, Classes: v.Classes})
	}
	return o
}

// ias are the identity associations of an interface. Those that the file gives no
// IAID have that of the interface, the next one the next number.
func ias(l *config.ClientLink, link *netif.Interface) (out []client6.IA) {
	if l.IAs == nil {
		return []client6.IA{{Kind: client6.NA, IAID: iaid(link)}}
	}
	kinds := map[string]client6.IAKind{"na": client6.NA, "ta": client6.TA, "pd": client6.PD}
	taken := map[client6.IA]bool{} // by kind and IAID
	for _, ia := range l.IAs {
		if ia.IAID != nil {
			taken[client6.IA{Kind: kinds[ia.Type], IAID: *ia.IAID}] = true
		}
	}
	for _, ia := range l.IAs {
		one := client6.IA{Kind: kinds[ia.Type], IAID: iaid(link)}
		if ia.IAID != nil {
			one.IAID = *ia.IAID
		} else {
			for taken[one] {
				one.IAID++
			}
			taken[one] = true
		}
		one.Hint = ia.Hint
		out = append(out, one)
	}
	return out
}

// request6 is the Option Request option; nil leaves it to the machine.
func request6(l *config.ClientLink) []dhcp6.Code {
	if l.Request == nil && l.Also == nil {
		return nil
	}
	var list []dhcp6.Code
	if l.Request == nil {
		list = append(list, client6.DefaultRequest...)
	}
	for _, code := range append(append([]uint16(nil), l.Request...), l.Also...) {
		list = append(list, dhcp6.Code(code))
	}
	return list
}

// requested6 are the options that are asked for, as scripts are told.
func requested6(l *config.ClientLink) (names []string) {
	list := request6(l)
	if list == nil {
		list = client6.DefaultRequest
	}
	for _, code := range list {
		names = append(names, client6.VarName(code))
	}
	return names
}
