package server6

import (
	"net/netip"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

var mac = string([]byte{2, 0, 0x5e, 0x10, 0, 1})

// reserve keeps addresses for a key in the first subnet.
func reserve(kind topology.IdentifierKind, id string, addrs ...netip.Addr) func(*topology.Topology, *Options) {
	return func(n *topology.Topology, _ *Options) {
		h := &topology.Reservation{Key: topology.Key{Kind: kind, ID: id}, Addrs: addrs}
		n.Subnets[0].Reservations = map[topology.Key]*topology.Reservation{h.Key: h}
	}
}

func TestReservationByIdentifier(t *testing.T) {
	kept := netip.MustParseAddr("2001:db8:1::7") // outside of the pool
	opaque := opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte("x")))
	fromMAC := netip.MustParseAddrPort("[fe80::5eff:fe10:1]:546") // of 02:00:5e:10:00:01
	layer2 := dhcp6.Relay{Link: relayLink, Peer: client.Addr(), Options: dhcp6.ClientLinkLayer{HWType: 1, Addr: []byte(mac)}.Append(nil)}
	tests := []struct {
		name   string
		kind   topology.IdentifierKind
		id     string
		client []byte
		peer   netip.AddrPort
		relay  *dhcp6.Relay
	}{
		{"DUID", topology.DUID, string(clientID), cid(), client, nil},
		{"hardware address in a DUID-LL", topology.HWAddress, mac, cid(), client, nil},
		{"hardware address in a DUID-LLT", topology.HWAddress, mac, opt(dhcp6.OptClientID, dhcp6.NewDUIDLLT(1, begin, []byte(mac))), client, nil},
		{"hardware address in a link-local address", topology.HWAddress, mac, opaque, fromMAC, nil},
		{"hardware address from the relay", topology.HWAddress, mac, opaque, client, &layer2},
		{"link-local address behind a relay", topology.HWAddress, mac, opaque, client, &dhcp6.Relay{Link: relayLink, Peer: fromMAC.Addr()}},
	}
	for _, tt := range tests {
		l := newLab(t, reserve(tt.kind, tt.id, kept))
		ask := func(mt dhcp6.MessageType, options ...[]byte) *answer {
			m := l.message(mt, append(options, tt.client)...)
			d := transport.Datagram{Data: m, Peer: tt.peer, Local: multicast, IfIndex: 7, At: l.now}
			if tt.relay != nil {
				d.Data, d.Peer, d.Local = relayed(m, *tt.relay), relayAddr, ours
			}
			return l.one(l.give(d))
		}
		if got := ask(dhcp6.Solicit, iaNA(1)).addr(); got != kept {
			t.Errorf("%s: offered %v", tt.name, got)
		}
		if got := ask(dhcp6.Request, iaNA(1), sid()).addr(); got != kept {
			t.Errorf("%s: given %v", tt.name, got)
		}
		if got := ask(dhcp6.Renew, iaNA(1, kept), sid()).addrs(); len(got) != 1 || got[0].Addr != kept {
			t.Errorf("%s: renewed %v", tt.name, got)
		}
		// A second IA gets what is free.
		if got := ask(dhcp6.Request, iaNA(1), iaNA(2), sid()).ias(dhcp6.OptIANA); len(got) != 2 || addrsOf(t, got[1])[0].Addr == kept {
			t.Errorf("%s: second IA %v", tt.name, got)
		}
	}
}

func TestReservedAddressIsNobodyElses(t *testing.T) {
	kept := netip.MustParseAddr("2001:db8:1::100") // the first of the pool
	l := newLab(t, reserve(topology.DUID, "another client", kept))
	if got := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1, kept))).addr(); got == kept {
		t.Error("offered")
	}
	if got := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1, kept))).addr(); got == kept {
		t.Error("given")
	}
	if got := l.ask(l.message(dhcp6.Renew, cid(), sid(), iaNA(9, kept))).addrs(); got[0].Addr == kept {
		t.Error("renewed into it")
	}
}

// A reservation made for somebody else after the lease was given ends it at the
// next renewal, and the client is told to stop using the address.
func TestReservationTakesALeaseAway(t *testing.T) {
	l := newLab(t)
	a := l.lease()
	n := *l.net.Subnets[0]
	next := &topology.Topology{Family: topology.V6, Subnets: []*topology.Subnet{&n}, Identifiers: l.net.Identifiers}
	n.Reserved = nil
	reserve(topology.DUID, "another client", a)(next, nil)
	next.Freeze()
	l.s.Replace(next)
	got := l.ask(l.message(dhcp6.Renew, cid(), sid(), iaNA(1, a))).addrs()
	if len(got) != 2 || got[0].Addr == a || got[0].Valid == 0 || got[1].Addr != a || got[1].Valid != 0 {
		t.Errorf("%+v", got)
	}
}

func TestSeveralReservedAddressesGoToSeveralIAs(t *testing.T) {
	one, two := netip.MustParseAddr("2001:db8:1::7"), netip.MustParseAddr("2001:db8:1::8")
	l := newLab(t, reserve(topology.DUID, string(clientID), one, two))
	ias := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1), iaNA(2), iaNA(3))).ias(dhcp6.OptIANA)
	if len(ias) != 3 || addrsOf(t, ias[0])[0].Addr != one || addrsOf(t, ias[1])[0].Addr != two {
		t.Errorf("%+v", ias)
	}
	// In the other order, from a message of its own, each IA keeps what it has.
	ias = l.ask(l.message(dhcp6.Renew, cid(), sid(), iaNA(2, two), iaNA(1, one))).ias(dhcp6.OptIANA)
	if addrsOf(t, ias[0])[0].Addr != two || addrsOf(t, ias[1])[0].Addr != one {
		t.Errorf("renewed: %v %v", addrsOf(t, ias[0]), addrsOf(t, ias[1]))
	}
}

func TestGuardsByReservation(t *testing.T) {
	l := newLab(t, reserve(topology.DUID, string(clientID)), func(n *topology.Topology, _ *Options) {
		n.Subnets[0].Pools[0].Guard = topology.Guard{classify.Known}
	})
	if got := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1))).addrs(); len(got) != 1 {
		t.Error("a known client is refused")
	}
	stranger := opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte("x")))
	if got := l.ask(l.message(dhcp6.Solicit, stranger, iaNA(1))).addrs(); len(got) != 0 {
		t.Error("an unknown client is served")
	}
}

func TestEthernetFromLinkLocal(t *testing.T) {
	tests := map[string]bool{
		"fe80::5eff:fe10:1":         true,
		"fe80::1":                   false,
		"2001:db8::5eff:fe10:1":     false,
		"fe80::1234:5678:9abc:def0": false,
		"fe80::aaaa:aaff:feaa:aaaa": true,
	}
	for a, want := range tests {
		if _, ok := ethernet(netip.MustParseAddr(a)); ok != want {
			t.Errorf("%s: %v", a, ok)
		}
	}
	if got, _ := ethernet(netip.MustParseAddr("fe80::5eff:fe10:1")); string(got[:]) != mac {
		t.Errorf("%x", got)
	}
}

// A reservation opens the subnet that it is in: KNOWN is known after the look-up.
func TestReservationInAGuardedSubnetOfTheNetwork(t *testing.T) {
	kept := netip.MustParseAddr("2001:db8:2::7")
	l := newLab(t, func(n *topology.Topology, _ *Options) {
		one, two := subnet(1, prefix, 4), subnet(2, netip.MustParsePrefix("2001:db8:2::/64"), 4)
		net := &topology.Network{Name: "both", Subnets: []*topology.Subnet{one, two}}
		one.Network, two.Network, one.Iface = net, net, "eth0"
		two.Guard = topology.Guard{classify.Known}
		h := &topology.Reservation{Key: topology.Key{Kind: topology.DUID, ID: string(clientID)}, Addrs: []netip.Addr{kept}}
		two.Reservations = map[topology.Key]*topology.Reservation{h.Key: h}
		n.Subnets = []*topology.Subnet{one, two}
	})
	if got := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1))).addr(); got != kept {
		t.Errorf("given %v", got)
	}
	if got := l.ask(l.message(dhcp6.Renew, cid(), sid(), iaNA(1, kept))).addr(); got != kept {
		t.Errorf("renewed %v", got)
	}
	for i := range byte(8) {
		stranger := opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte{i, 9}))
		for _, a := range l.ask(l.message(dhcp6.Request, stranger, sid(), iaNA(1))).addrs() {
			if !prefix.Contains(a.Addr) {
				t.Errorf("a stranger is given %v", a.Addr)
			}
		}
	}
}

// TestReservationByFlexID: a host is found by what the library flex_id makes of its
// message, of the relay's part too; nobody else gets what is kept.
func TestReservationByFlexID(t *testing.T) {
	kept := netip.MustParseAddr("2001:db8:1::7")
	l := newLab(t, reserve(topology.FlexID, "port7", kept), func(n *topology.Topology, _ *Options) {
		scope := classify.Scope{Family: optdef.V6, Names: classify.NewNames()}
		e, err := scope.CompileValue("relay6[0].option[18].hex")
		if err != nil {
			t.Fatal(err)
		}
		n.FlexID = &topology.FlexRule{Expr: e}
		n.Identifiers = []topology.IdentifierKind{topology.FlexID, topology.DUID}
	})
	for port, want := range map[string]bool{"port7": true, "port8": false} {
		m := l.message(dhcp6.Solicit, iaNA(1), opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte(port))))
		r := dhcp6.Relay{Link: relayLink, Peer: client.Addr(), Options: dhcp6.AppendOption(nil, dhcp6.OptInterfaceID, []byte(port))}
		d := transport.Datagram{Data: relayed(m, r), Peer: relayAddr, Local: ours, IfIndex: 7, At: l.now}
		if got := l.one(l.give(d)).addr(); !got.IsValid() || (got == kept) != want {
			t.Errorf("%s is offered %v", port, got)
		}
	}
}
