package client6

import (
	"net/netip"
	"slices"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// An option is one that was asked for and came. It is ours to keep.
type option struct {
	code  dhcp6.Code
	value []byte
}

// several are the options that a message may have more than one of and that are of
// use each: one for each enterprise, one for each softwire (RFC 9915 §21.16, §21.17;
// RFC 7598 §5).
var several = []dhcp6.Code{dhcp6.OptVendorClass, dhcp6.OptVendorOpts, dhcp6.OptS46ContMAPE, dhcp6.OptS46ContMAPT, dhcp6.OptS46ContLW}

// mostOptions bounds what is kept of an answer.
const mostOptions = 256

// takeOptions keeps what was asked for and forgets what is not there any more (RFC
// 9915 §18.2.10.5).
func (m *Machine) takeOptions(now time.Time, a *answer) {
	m.got, m.options = now, nil
	for c, v := range a.options.All {
		if !slices.Contains(m.request, c) || len(m.options) == mostOptions {
			continue
		}
		if _, there := m.option(c); !there || slices.Contains(several, c) {
			m.options = append(m.options, option{c, v})
		}
	}
}

func (m *Machine) option(c dhcp6.Code) (value []byte, ok bool) { return optionOf(m.options, c) }

func optionOf(in []option, c dhcp6.Code) (value []byte, ok bool) {
	for _, o := range in {
		if o.code == c {
			return o.value, true
		}
	}
	return nil, false
}

// servers4o6 is what option 88 says (RFC 7341 §7.2): not known where it is missing,
// or no list of addresses.
func (m *Machine) servers4o6() (addrs []netip.Addr, known bool) {
	v, ok := m.option(dhcp6.OptDHCP4oDHCP6Server)
	list, err := dhcp6.ParseAddrs(v)
	if !ok || err != nil {
		return nil, false
	}
	for a := range list.All {
		away := !a.IsLoopback() || m.o.Server.IsValid() // who named a server may have it on this host
		if away && !a.IsUnspecified() && !a.Is4In6() && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	// A list of addresses that cannot be is not the empty list, which means multicast.
	return addrs, len(addrs) > 0 || list.Len() == 0
}

// settings is what the host is to have now; nil: nothing.
func (m *Machine) settings() *hostconf.Settings {
	if !m.holds() && !m.informed {
		return nil
	}
	s := new(hostconf.Settings)
	for i := range m.ias {
		m.ias[i].give(s)
	}
	translate(s, m.options, m.o.Iface)
	s.Vars = vars(m.o.DUID, m.server, m.options)
	return s
}

// give adds what a binding holds to the settings.
func (b *binding) give(s *hostconf.Settings) {
	for _, l := range b.leases {
		terms := hostconf.Terms{IAID: b.IAID, Temporary: b.Kind == TA, Starts: b.got, Renew: b.t1, Rebind: b.t2}
		if b.Kind == PD {
			s.Prefixes = append(s.Prefixes, hostconf.Prefix{Prefix: l.prefix, Preferred: l.preferred, Valid: l.valid, Terms: terms})
		} else {
			s.Addresses = append(s.Addresses, hostconf.Address{Prefix: l.prefix, Preferred: l.preferred, Valid: l.valid, Terms: terms})
		}
	}
}

// translate reads the options that say something to the host. What makes no sense is
// left out.
func translate(s *hostconf.Settings, options []option, iface string) {
	for _, o := range options {
		switch o.code {
		case dhcp6.OptDNSServers:
			s.DNS = addresses(o.value, iface)
		case dhcp6.OptDomainList:
			s.Search = names(o.value)
		case dhcp6.OptSNTPServers:
			s.NTP = union(s.NTP, addresses(o.value, iface))
		case dhcp6.OptNTPServer:
			s.NTP = union(ntpServers(o.value, iface), s.NTP)
		case dhcp6.OptCaptivePortal:
			if hostconf.IsURI(string(o.value)) {
				s.CaptivePortal = string(o.value)
			}
		case dhcp6.OptS46ContMAPE, dhcp6.OptS46ContMAPT, dhcp6.OptS46ContLW:
			if w, ok := softwireOf(o.code, o.value); ok {
				s.Softwires = append(s.Softwires, w)
			}
		}
	}
}

// addresses are those of a list that a host can send to. Link-local ones are of the
// link that they came by.
func addresses(v []byte, iface string) (all []netip.Addr) {
	list, err := dhcp6.ParseAddrs(v)
	if err != nil {
		return nil
	}
	for a := range list.All {
		if a, ok := reachable(a, iface); ok {
			all = union(all, []netip.Addr{a})
		}
	}
	return all
}

func reachable(a netip.Addr, iface string) (netip.Addr, bool) {
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.Is4In6() {
		return a, false
	}
	if a.IsLinkLocalUnicast() {
		a = a.WithZone(iface)
	}
	return a, true
}

func union(a, b []netip.Addr) []netip.Addr {
	all := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}

// ntpAddr is the suboption that holds the address of one server (RFC 5908 §4.1). The
// others hold a group and a name.
const ntpAddr = 1

// ntpServers reads the NTP Server option (RFC 5908 §4).
func ntpServers(v []byte, iface string) (all []netip.Addr) {
	in, err := dhcp6.ParseOptions(v)
	if err != nil {
		return nil
	}
	for c, v := range in.All {
		if c == ntpAddr && len(v) == 16 {
			if a, ok := reachable(netip.AddrFrom16([16]byte(v)), iface); ok {
				all = union(all, []netip.Addr{a})
			}
		}
	}
	return all
}

// Settings are what the record gives a host.
func (r *Record) Settings() *hostconf.Settings {
	s := new(hostconf.Settings)
	for _, ia := range r.IAs {
		b := binding{IA: IA{Kind: ia.Kind, IAID: ia.IAID}, got: ia.Updated, t1: seconds(ia.T1), t2: seconds(ia.T2)}
		for _, l := range ia.Leases {
			b.leases = append(b.leases, lease{prefix: l.Prefix, preferred: l.Preferred, valid: l.Valid})
		}
		b.give(s)
	}
	var options []option
	for _, o := range r.Options {
		options = append(options, option{o.Code, o.Value})
	}
	translate(s, options, r.Interface)
	s.Vars = vars(r.DUID, r.Server, options)
	return s
}
