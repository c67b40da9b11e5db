package server6

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

func configured(options ...topology.Option) func(*topology.Topology, *Options) {
	return func(n *topology.Topology, _ *Options) {
		o := topology.Options(options)
		o.Sort()
		n.Options = o
		n.Subnets[0].Options, n.Subnets[0].Pools[0].Options = o, o
	}
}

func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// Option Request decides, but for what the operator forces or forbids.
func TestOptionsOnRequest(t *testing.T) {
	l := newLab(t, configured(optDNS, optServers,
		topology.Option{Code: uint16(dhcp6.OptSolMaxRT), Value: u32(120)},
		topology.Option{Code: uint16(dhcp6.OptInfMaxRT), Value: u32(130)},
		topology.Option{Code: uint16(dhcp6.OptDomainList), Value: []byte{1, 'a', 0}, Always: true},
		topology.Option{Code: uint16(dhcp6.OptNTPServer), Value: []byte{1}, Never: true},
		topology.Option{Code: uint16(dhcp6.OptInformationRefreshTime), Value: u32(86400)},
		topology.Option{Code: uint16(dhcp6.OptVendorOpts), Value: u32(1)},
		topology.Option{Code: uint16(dhcp6.OptVendorOpts), Value: u32(2)},
		topology.Option{Code: uint16(dhcp6.OptServerID), Value: []byte("mine"), Always: true},
	))
	all := oro(dhcp6.OptDNSServers, dhcp6.OptDHCP4oDHCP6Server, dhcp6.OptSolMaxRT, dhcp6.OptInfMaxRT, dhcp6.OptNTPServer,
		dhcp6.OptInformationRefreshTime, dhcp6.OptVendorOpts, dhcp6.OptDNSServers, 9999)
	tests := []struct {
		typ  dhcp6.MessageType
		oro  []byte
		want map[dhcp6.Code]int
	}{
		{dhcp6.Solicit, all, map[dhcp6.Code]int{dhcp6.OptDNSServers: 1, dhcp6.OptDHCP4oDHCP6Server: 1, dhcp6.OptSolMaxRT: 1,
			dhcp6.OptInfMaxRT: 1, dhcp6.OptDomainList: 1, dhcp6.OptVendorOpts: 2, dhcp6.OptServerID: 1}},
		{dhcp6.InformationRequest, all, map[dhcp6.Code]int{dhcp6.OptDNSServers: 1, dhcp6.OptDHCP4oDHCP6Server: 1, dhcp6.OptSolMaxRT: 1,
			dhcp6.OptInfMaxRT: 1, dhcp6.OptDomainList: 1, dhcp6.OptVendorOpts: 2, dhcp6.OptInformationRefreshTime: 1, dhcp6.OptServerID: 1}},
		{dhcp6.Request, nil, map[dhcp6.Code]int{dhcp6.OptDomainList: 1, dhcp6.OptServerID: 1}},
		{dhcp6.Renew, oro(dhcp6.OptDHCP4oDHCP6Server), map[dhcp6.Code]int{dhcp6.OptDHCP4oDHCP6Server: 1, dhcp6.OptDomainList: 1, dhcp6.OptServerID: 1}},
		{dhcp6.Confirm, all, map[dhcp6.Code]int{dhcp6.OptServerID: 1}},
	}
	for _, tt := range tests {
		options := [][]byte{cid(), tt.oro}
		if tt.typ != dhcp6.InformationRequest {
			options = append(options, iaNA(1, netip.MustParseAddr("2001:db8:1::100")))
		}
		if rules[tt.typ].server == required {
			options = append(options, sid())
		}
		a := l.ask(l.message(tt.typ, options...))
		if a == nil {
			t.Fatalf("%v: no answer", tt.typ)
		}
		for _, o := range l.net.Options {
			c := dhcp6.Code(o.Code)
			if got := a.e.Message.Options.Count(c); got != tt.want[c] {
				t.Errorf("%v: %d of %v, want %d", tt.typ, got, c, tt.want[c])
			}
		}
	}
}

// RFC 7341 §7.2: an empty list stands for multicast and is sent as it is.
func TestEmptyServerListIsSent(t *testing.T) {
	l := newLab(t)
	a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1), oro(dhcp6.OptDHCP4oDHCP6Server)))
	v, ok := a.e.Message.Options.Option(dhcp6.OptDHCP4oDHCP6Server)
	if !ok || len(v) != 0 {
		t.Errorf("%x %v", v, ok)
	}
}

func TestInformationRequest(t *testing.T) {
	t.Run("the identifier comes back when there is one", func(t *testing.T) {
		for _, r := range roads {
			l := newLab(t)
			a := l.travel(r, l.message(dhcp6.InformationRequest, cid(), oro(dhcp6.OptDNSServers))).is(dhcp6.Reply)
			if !bytes.Equal(a.option(dhcp6.OptClientID), clientID) || !a.has(dhcp6.OptDNSServers) {
				t.Errorf("%s: %x", r.name, a.to.Data)
			}
			a = l.travel(r, l.message(dhcp6.InformationRequest, oro(dhcp6.OptDNSServers))).is(dhcp6.Reply)
			if a.has(dhcp6.OptClientID) || !a.has(dhcp6.OptDNSServers) {
				t.Errorf("%s, no identifier: %x", r.name, a.to.Data)
			}
		}
	})
	t.Run("a refresh time below IRT_MINIMUM is raised", func(t *testing.T) {
		l := newLab(t, configured(topology.Option{Code: uint16(dhcp6.OptInformationRefreshTime), Value: u32(10)}))
		a := l.ask(l.message(dhcp6.InformationRequest, oro(dhcp6.OptInformationRefreshTime))).is(dhcp6.Reply)
		if got := a.option(dhcp6.OptInformationRefreshTime); !bytes.Equal(got, u32(600)) {
			t.Errorf("%x (RFC 9915 §21.23)", got)
		}
	})
	t.Run("for another server", func(t *testing.T) {
		l := newLab(t)
		if a := l.ask(l.message(dhcp6.InformationRequest, opt(dhcp6.OptServerID, []byte{0, 9, 9}))); a != nil {
			t.Error("answered")
		}
	})
}

// A front has no subnets: it answers Information-request when it has something
// to tell, and nothing else.
func TestWithoutSubnets(t *testing.T) {
	none := func(n *topology.Topology, o *Options) { n.Subnets, o.Leases = nil, nil }
	with := func(n *topology.Topology, o *Options) { none(n, o); n.Options = topology.Options{optDNS, optServers} }
	front, silent := newLab(t, with), newLab(t, none)
	for _, r := range roads {
		a := front.travel(r, front.message(dhcp6.InformationRequest, cid(), oro(dhcp6.OptDHCP4oDHCP6Server))).is(dhcp6.Reply)
		if !a.has(dhcp6.OptDHCP4oDHCP6Server) || a.has(dhcp6.OptDNSServers) {
			t.Errorf("%s: %x", r.name, a.to.Data)
		}
		if silent.travel(r, silent.message(dhcp6.InformationRequest, cid())) != nil {
			t.Errorf("%s: an Information-request answered with nothing", r.name)
		}
		for _, mt := range []dhcp6.MessageType{dhcp6.Solicit, dhcp6.Request, dhcp6.Renew, dhcp6.Rebind, dhcp6.Release, dhcp6.Decline, dhcp6.Confirm} {
			options := [][]byte{cid(), iaNA(1, relayLink)}
			if rules[mt].server == required {
				options = append(options, sid())
			}
			if front.travel(r, front.message(mt, options...)) != nil {
				t.Errorf("%s: %v answered", r.name, mt)
			}
		}
	}
	if front.counted("pkt6-drop-no-subnet") == 0 {
		t.Error("not counted")
	}
}

func TestHostOptionsComeFirst(t *testing.T) {
	l := newLab(t, func(n *topology.Topology, _ *Options) {
		h := &topology.Reservation{
			Key: topology.Key{Kind: topology.DUID, ID: string(clientID)},
			Options: topology.Options{
				{Code: uint16(dhcp6.OptDNSServers), Value: loopback.AsSlice()},
				{Code: uint16(dhcp6.OptDHCP4oDHCP6Server), Never: true},
			},
		}
		n.Subnets[0].Reservations = map[topology.Key]*topology.Reservation{h.Key: h}
	})
	ask := oro(dhcp6.OptDNSServers, dhcp6.OptDHCP4oDHCP6Server)
	a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1), ask))
	if !bytes.Equal(a.option(dhcp6.OptDNSServers), loopback.AsSlice()) || a.e.Message.Options.Count(dhcp6.OptDNSServers) != 1 {
		t.Errorf("%x", a.option(dhcp6.OptDNSServers))
	}
	if a.has(dhcp6.OptDHCP4oDHCP6Server) {
		t.Error("an option that the host must not have")
	}
}

// A request for 30,000 options costs what its length costs, and the answer holds
// each option once.
func TestManyRequestedCodes(t *testing.T) {
	l := newLab(t)
	codes := make([]dhcp6.Code, 30000)
	for i := range codes {
		codes[i] = dhcp6.Code(i % 1000)
	}
	for range 2 { // the set is empty again after the first
		a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1), oro(codes...))).is(dhcp6.Advertise)
		if a.e.Message.Options.Count(dhcp6.OptDNSServers) != 1 || len(a.to.Data) > 200 {
			t.Errorf("answer of %d octets", len(a.to.Data))
		}
		for _, x := range l.w.exchanges {
			if x.asked.bits != nil && *x.asked.bits != [1024]uint64{} {
				t.Fatal("codes are left in the set")
			}
		}
	}
	if a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1), opt(dhcp6.OptORO, []byte{0}))).is(dhcp6.Advertise); a.has(dhcp6.OptDNSServers) {
		t.Error("half a code was taken for one")
	}
}
