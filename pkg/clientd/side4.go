package clientd

import (
	"context"
	"encoding/binary"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/client4"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// open4 makes the seat of dhcp4c on one interface.
func (h *host) open4(l *config.ClientLink, link *netif.Interface) ([]*seat, error) {
	carry := func() (client4.Carrier, error) {
		if l.Server.IsValid() {
			return client4.NewUnicast(at(l.Server, 67), netip.AddrPort{})
		}
		return client4.NewWire(client4.WireOptions{Iface: l.Name})
	}
	if l.Over6 {
		if l.Over6Port == 0 {
			return nil, fail(exitUsage, "%s: --4o6 wants the port of the pair with dhcp6c, --4o6-port; dhcp6c --4o6 does without", l.Name)
		}
		carry = func() (client4.Carrier, error) {
			conn, err := ipc.DialClient(ipc.V4Side, l.Over6Port, h.pairOptions())
			if err != nil {
				return nil, err
			}
			return client4.NewOver6(conn, client4.Over6Options{}), nil
		}
	}
	s, err := h.seat4(l, link, carry)
	if err != nil {
		return nil, err
	}
	return []*seat{s}, nil
}

// at is where a server is; the usual port where none is named.
func at(server netip.AddrPort, port uint16) netip.AddrPort {
	if server.Port() == 0 {
		return netip.AddrPortFrom(server.Addr(), port)
	}
	return server
}

// seat4 makes a seat of DHCPv4 over any carrier.
func (h *host) seat4(l *config.ClientLink, link *netif.Interface, carry func() (client4.Carrier, error)) (*seat, error) {
	s := newSeat("dhcp4c", l.Name, l)
	o, err := h.options4(l, link)
	if err != nil {
		return nil, err
	}
	system, err := h.system(l, requested4(l))
	if err != nil {
		return nil, err
	}
	store := client4.NewFile(h.leaseFile(s.program, l.Name))
	if o.Record, err = kept(h, s, store.Load); err != nil {
		return nil, err
	}
	if h.c.do == release && o.Record == nil {
		return nil, errNothing
	}
	if err := h.lock(s); err != nil {
		return nil, err
	}
	carrier, err := carry()
	if err != nil {
		s.shut()
		return nil, say(l.Name, err)
	}
	ask := make(chan client4.Request, asks)
	s.ask = func(r request) bool { return offer(ask, client4.Request(r)) }
	run := client4.RunOptions{System: system, Store: store, Ask: ask, Clock: s.clock,
		Log: h.logOf(s), Watch: h.watch4(s), Release: h.c.do == release}
	if h.c.dryRun {
		run.Store = nil
	}
	s.drop = func() { _ = carrier.Close() }
	s.run = func(ctx context.Context) error { return client4.Run(ctx, client4.New(o), carrier, run) }
	return s, nil
}

// watch4 follows the machine. A lease is had in three states; in BOUND there may be
// none, after an answer to DHCPINFORM.
func (h *host) watch4(s *seat) func(client4.Status) {
	return func(st client4.Status) {
		var record any
		if st.Record != nil {
			record = st.Record
		}
		has := st.State == client4.Bound || record != nil && (st.State == client4.Renewing || st.State == client4.Rebinding)
		if s.watch(st.State.String(), st.Since, st.Next, record, has) {
			h.tellState(s)
		}
	}
}

// options4 says to the machine what file and command line say.
func (h *host) options4(l *config.ClientLink, link *netif.Interface) (client4.Options, error) {
	t := l.Timing
	o := client4.Options{
		Iface: l.Name, HWType: hwType(link), HWAddr: link.HWAddr, ClientID: h.clientID(l, link),
		FourOverSix: l.Over6, Server: l.Server.Addr(), Request: request4(l),
		HostName: l.HostName, FQDN: l.FQDN, NoDNS: l.NoDNS, VendorClass: l.VendorClass, UserClass: l.UserClass, LeaseTime: l.LeaseTime,
		Probe: l.Probe && !l.Over6, V6Only: l.V6Only, NoHijack: l.NoHijack, KeepLast: l.KeepLast, Stay: l.Stay, Rand: chance(),
		Timing: client4.Timing{Desync: t.InitialDelay, First: t.InitialInterval, Longest: t.BackoffCutoff, Collect: t.SelectTimeout,
			Requests: t.Requests, Reboots: t.Reboots},
	}
	if link.Loopback {
		o.HWAddr = nil
	}
	if h.k.family == 6 { // the server that is named is dhcp6c's
		o.Server = h.cfg4.Link(l.Name).Server.Addr()
	}
	if h.c.inform && h.k.family == 4 {
		own, err := addressOf(link)
		if err != nil {
			return o, err
		}
		o.Inform = own
	}
	return o, nil
}

// clientID is option 61: RFC 4361's unless the operator has it otherwise.
func (h *host) clientID(l *config.ClientLink, link *netif.Interface) []byte {
	switch {
	case l.ClientID != nil:
		return l.ClientID
	case l.HWClientID && len(link.HWAddr) > 0:
		return append([]byte{hwType(link)}, link.HWAddr...) // RFC 2132 §9.14
	}
	id := iaid(link)
	if l.IAID != nil {
		id = *l.IAID
	}
	const nodeSpecific = 255 // RFC 4361 §6.1
	return append(binary.BigEndian.AppendUint32([]byte{nodeSpecific}, id), h.duid...)
}

// hwType is the type of a link in one octet. Numbers beyond that are Linux's own,
// of loopback and tunnels (RFC 2131 has none for them).
func hwType(link *netif.Interface) uint8 {
	if link.HWType > 255 {
		return 1
	}
	return uint8(link.HWType)
}

// request4 is the parameter request list; nil leaves it to the machine.
func request4(l *config.ClientLink) []byte {
	if l.Request == nil && l.Also == nil {
		return nil
	}
	var list []byte
	if l.Request == nil {
		list = append(list, client4.DefaultRequest...)
	}
	for _, code := range append(append([]uint16(nil), l.Request...), l.Also...) {
		list = append(list, byte(code))
	}
	return list
}

// requested4 are the options that are asked for, as scripts are told.
func requested4(l *config.ClientLink) (names []string) {
	list := request4(l)
	if list == nil {
		list = client4.DefaultRequest
	}
	for _, code := range list {
		names = append(names, client4.VarName(dhcp4.Code(code)))
	}
	return names
}
