package client4

import (
	"bytes"
	"net/netip"
	"strings"
	"sync"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// definitions are the standard options. They are made when the first lease comes.
var definitions = sync.OnceValue(func() *optdef.Set { return optdef.New(optdef.V4) })

// A reader turns an answer into settings. What was not asked for, and what is not
// well-formed, is left out.
type reader struct {
	asked    dhcp4.CodeSet
	all      bool // what was asked for is not known: all is taken
	noHijack bool
	over6    bool
	loopback bool // tests
}

func (m *Machine) reader() *reader {
	return &reader{asked: m.asked, noHijack: m.o.NoHijack, over6: m.o.FourOverSix, loopback: m.o.Server.IsLoopback()}
}

// option returns an option that was asked for and says something.
func (r *reader) option(in *dhcp4.Message, c dhcp4.Code) ([]byte, bool) {
	if !r.all && !r.asked.Has(c) {
		return nil, false
	}
	v, ok := in.Option(c)
	return v, ok && len(v) > 0
}

// settings reads the answer that l was made of.
func (r *reader) settings(in *dhcp4.Message, l *lease) *hostconf.Settings {
	s := &hostconf.Settings{}
	var network netip.Prefix
	if !l.informed() {
		network = r.network(in, l.addr)
		s.Addresses = []hostconf.Address{{Prefix: network, Broadcast: r.broadcast(in, network), Preferred: l.end, Valid: l.end}}
		s.PortSet, _ = portSet(in)
	}
	s.Routes = r.routes(in, network)
	s.DNS = r.hosts(in, dhcp4.OptDNS)
	s.NTP = r.hosts(in, dhcp4.OptNTPServers)
	if v, ok := r.option(in, dhcp4.OptInterfaceMTU); ok && len(v) == 2 && be.Uint16(v) >= minMTU {
		s.MTU = int(be.Uint16(v))
	}
	if v, ok := r.option(in, dhcp4.OptHostName); ok && hostconf.IsName(text(v)) {
		s.HostName = text(v)
	}
	r.domains(in, s)
	if v, ok := r.option(in, dhcp4.OptCaptivePortal); ok && hostconf.IsURI(text(v)) {
		s.CaptivePortal = text(v)
	}
	s.Vars = r.vars(in, l, network)
	return s
}

// minMTU is the least MTU that there is (RFC 2132 §5.1). What would harm the host is
// for the System to say, which knows the link.
const minMTU = 68

// network returns the address with the length of its network. A mask that is none
// does not count. Without one the network is that of the address's class, as all
// clients have it; over 4o6 the address is on no network.
func (r *reader) network(in *dhcp4.Message, a netip.Addr) netip.Prefix {
	if v, ok := in.Option(dhcp4.OptSubnetMask); ok && len(v) == 4 {
		if bits, ok := maskBits(be.Uint32(v)); ok {
			return netip.PrefixFrom(a, bits)
		}
	}
	if r.over6 {
		return netip.PrefixFrom(a, 32)
	}
	return netip.PrefixFrom(a, classBits(a))
}

// maskBits returns the length of a prefix from its mask: ones, then zeros. No network
// is larger than those of class A: a mask of one bit would put half of the internet on
// the link, whatever is refused of routes.
func maskBits(mask uint32) (bits int, ok bool) {
	for bits < 32 && mask&(1<<31) != 0 {
		bits, mask = bits+1, mask<<1
	}
	return bits, mask == 0 && bits >= 8
}

func classBits(a netip.Addr) int {
	switch n := a.As4()[0]; {
	case n < 128:
		return 8
	case n < 192:
		return 16
	}
	return 24
}

// broadcast returns option 28 where it is the last address of the network, or the
// one of all ones; else the zero Addr, and the host finds the address itself.
func (r *reader) broadcast(in *dhcp4.Message, p netip.Prefix) netip.Addr {
	v, ok := r.option(in, dhcp4.OptBroadcastAddress)
	if !ok || len(v) != 4 || p.Bits() > 30 {
		return netip.Addr{}
	}
	if a := netip.AddrFrom4([4]byte(v)); a == lastOf(p) || a == anyone {
		return a
	}
	return netip.Addr{}
}

func lastOf(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	return netip.AddrFrom4([4]byte(be.AppendUint32(nil, be.Uint32(a[:])|^uint32(0)>>p.Bits())))
}

// hosts reads a list of addresses, those of no host left out, each once.
func (r *reader) hosts(in *dhcp4.Message, c dhcp4.Code) (all []netip.Addr) {
	v, ok := r.option(in, c)
	if !ok || len(v)%4 != 0 {
		return nil
	}
	seen := make(map[netip.Addr]bool)
	for ; len(v) > 0; v = v[4:] {
		if a := netip.AddrFrom4([4]byte(v)); isHost(a, r.loopback) && !seen[a] {
			seen[a] = true
			all = append(all, a)
		}
	}
	return all
}

// isHost reports whether a is a host's address: no network 0 or 127, no multicast,
// nothing from 240 up (RFC 1122 §3.2.1.3).
func isHost(a netip.Addr, loopback bool) bool {
	n := a.As4()[0]
	return n != 0 && n < 224 && (n != 127 || loopback)
}

// domains reads options 15 and 119. Of several names in option 15, which is meant
// for one (RFC 2132 §3.17), all are searched where there is no option 119.
func (r *reader) domains(in *dhcp4.Message, s *hostconf.Settings) {
	if v, ok := r.option(in, dhcp4.OptDomainName); ok {
		names := domainList(text(v))
		if areNames(names) {
			s.Domain = names[0]
			if len(names) > 1 {
				s.Search = names
			}
		}
	}
	if names := r.search(in); len(names) > 0 {
		s.Search = names
	}
}

// search reads the search list (RFC 3397), names that are none left out.
func (r *reader) search(in *dhcp4.Message) (all []string) {
	v, ok := r.option(in, dhcp4.OptDomainSearch)
	d, known := definitions().ByCode("", uint16(dhcp4.OptDomainSearch))
	if !ok || !known || d.Check(v) != nil {
		return nil
	}
	for name := range strings.SplitSeq(d.Text(v), ", ") {
		if name = strings.TrimSuffix(name, "."); hostconf.IsName(name) {
			all = append(all, name)
		}
	}
	return all
}

// text is the value of an option as it is meant: NULs at its end are none of it
// (RFC 2132 §2).
func text(v []byte) string { return string(bytes.TrimRight(v, "\x00")) }
