package server4

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

func reserve(s *topology.Subnet, kind topology.IdentifierKind, id, addr, name string) {
	r := &topology.Reservation{Key: topology.Key{Kind: kind, ID: id}, Hostname: name}
	if addr != "" {
		r.Addr = ip(addr)
	}
	if s.Reservations == nil {
		s.Reservations = make(map[topology.Key]*topology.Reservation)
	}
	s.Reservations[r.Key] = r
}

// TestReservations: who is known by what gets what is kept, in the pool or
// outside of it, and nobody else does.
func TestReservations(t *testing.T) {
	mac := "\x02\x00\x5e\x00\x00\x0a" // hwA
	n := net1(func(n *topology.Topology) {
		s := n.Subnets[0]
		reserve(s, topology.HWAddress, mac, "192.0.2.77", "byhw")
		reserve(s, topology.DUID, "\x00\x03\x00\x01\x01\x02\x03\x04\x05\x06", "192.0.2.100", "")
		reserve(s, topology.CircuitID, "port", "192.0.2.101", "")
		reserve(s, topology.ClientID, "\x01\x02\x03", "192.0.2.102", "")
	})
	const tail = " 54=c0000201 51=00000258 1=ffffff00 3=c0000201 6=c0000235"
	const name = " 12=62796877" // sent unasked, as by Kea
	discover := func(hw, opts string) query { return query{kind: dhcp4.Discover, hw: hw, opts: opts} }
	selecting := func(hw, addr, opts string) query {
		return query{kind: dhcp4.Request, hw: hw, opts: strings.TrimSpace("50=" + addr + " 54=c0000201 " + opts)}
	}
	duid := "61=ff0000000900030001010203040506"
	tests := []struct {
		name  string
		turns []turn
	}{
		{"by hardware address, outside of the pool", []turn{
			{0, discover(hwA, "55=0c"), "OFFER 192.0.2.77" + strings.Replace(tail, " 3=", " 12=62796877 3=", 1)},
			{0, selecting(hwA, "c000024d", ""), "ACK 192.0.2.77" + tail + name},
			{60 * time.Second, query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.77"}, "ACK 192.0.2.77" + tail + name},
			{60 * time.Second, discover(hwA, ""), "OFFER 192.0.2.77" + tail + name},
		}},
		{"whatever the client wishes", []turn{
			{0, discover(hwA, "50=c0000296"), "OFFER 192.0.2.77" + tail + name},
			{0, selecting(hwA, "c0000296", ""), "NAK 54=c0000201"},
		}},
		{"by DUID in the client identifier (RFC 4361)", []turn{
			{0, discover(hwB, duid), "OFFER 192.0.2.100" + tail + " 61=" + duid[3:]},
		}},
		{"by circuit-id", []turn{{0, discover(hwB, "82=0104706f7274"), "OFFER 192.0.2.101" + tail + " 82=0104706f7274"}}},
		{"by client identifier", []turn{{0, discover(hwB, "61=010203"), "OFFER 192.0.2.102" + tail + " 61=010203"}}},
		{"others do not get what is kept", []turn{
			{0, discover(hwB, ""), "OFFER 192.0.2.103" + tail},
			{0, discover("02005e00000c", "50=c0000264"), "OFFER 192.0.2.104" + tail},
			{0, selecting(hwB, "c0000264", ""), "NAK 54=c0000201"},
			{0, query{kind: dhcp4.Request, hw: hwB, ciaddr: "192.0.2.77"}, "NAK 54=c0000201"},
		}},
	}
	for _, tt := range tests {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				b := newBench(t, n)
				for i, turn := range tt.turns {
					b.now = b.now.Add(turn.after)
					if got := say(way.ask(b, turn.q)); !same(got, turn.want) {
						t.Fatalf("turn %d:\n got %s\nwant %s", i, got, turn.want)
					}
				}
			})
		}
	}
}

// TestReservationConflict: while somebody else still holds the address, its
// client gets another; afterwards its own.
func TestReservationConflict(t *testing.T) {
	plain := net1()
	b := newBench(t, plain)
	ask := func(q query) string { return say(ways[1].ask(b, q)) }
	if got := ask(query{kind: dhcp4.Request, hw: hwB, ciaddr: "192.0.2.100"}); !strings.HasPrefix(got, "ACK 192.0.2.100") {
		t.Fatal(got)
	}
	b.s.Replace(net1(func(n *topology.Topology) {
		reserve(n.Subnets[0], topology.HWAddress, "\x02\x00\x5e\x00\x00\x0a", "192.0.2.100", "")
	}))
	steps := []struct {
		after time.Duration
		q     query
		want  string
	}{
		{0, query{kind: dhcp4.Discover, hw: hwA}, "OFFER 192.0.2.101"},
		{0, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000265 54=c0000201"}, "ACK 192.0.2.101"},
		{0, query{kind: dhcp4.Request, hw: hwB, ciaddr: "192.0.2.100"}, "NAK"},
		{0, query{kind: dhcp4.Release, hw: hwB, ciaddr: "192.0.2.100"}, "silence"},
		{0, query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.101"}, "NAK"},
		{0, query{kind: dhcp4.Discover, hw: hwA}, "OFFER 192.0.2.100"},
		{0, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"}, "ACK 192.0.2.100"},
	}
	for i, tt := range steps {
		b.now = b.now.Add(tt.after)
		if got := ask(tt.q); !strings.HasPrefix(got, tt.want) {
			t.Fatalf("step %d: %s, want %s", i, got, tt.want)
		}
	}
	if b.count("v4-reservation-conflicts") == 0 {
		t.Error("conflict not counted")
	}
}

// TestReservedElsewhere: who asks for another address than the one reserved for it is told so,
// as by Kea, but for a client in INIT-REBOOT without a lease; with a lease of the reserved
// address too, unlike Kea 2.2 in SELECTING.
func TestReservedElsewhere(t *testing.T) {
	for _, way := range ways {
		b := newBench(t, net1(func(n *topology.Topology) { reserve(n.Subnets[0], topology.HWAddress, macA, "192.0.2.150", "") }))
		for i, tt := range []struct {
			q    query
			want string
		}{
			{query{opts: "50=c0000265 54=c0000201"}, "NAK"},
			{query{ciaddr: "192.0.2.102"}, "NAK"},
			{query{ciaddr: "10.1.1.1"}, "NAK"},
			{query{opts: "50=c0000266"}, "silence"},
			{query{opts: "50=c0000296 54=c0000201"}, "ACK 192.0.2.150"},
			{query{opts: "50=c0000265 54=c0000201"}, "NAK"},
			{query{ciaddr: "192.0.2.102"}, "NAK"},
			{query{opts: "50=c0000266"}, "NAK"},
			{query{ciaddr: "192.0.2.150"}, "ACK 192.0.2.150"},
		} {
			tt.q.kind, tt.q.hw = dhcp4.Request, hwA
			if got := say(way.ask(b, tt.q)); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s, turn %d: %s, want %s", way.name, i, got, tt.want)
			}
		}
	}
}

// TestKnown: KNOWN and UNKNOWN guard pools.
func TestKnown(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		s := n.Subnets[0]
		s.Pools[0].Guard = topology.Guard{classify.Unknown}
		addPool(s, 1, "192.0.2.10", "192.0.2.19").Guard = topology.Guard{classify.Known}
		reserve(s, topology.HWAddress, "\x02\x00\x5e\x00\x00\x0a", "", "known")
	})
	b := newBench(t, n)
	for hw, want := range map[string]string{hwA: "192.0.2.10", hwB: "192.0.2.100"} {
		if m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hw}); m == nil || m.YIAddr != ip(want) {
			t.Errorf("%s: %s", hw, say(m))
		}
	}
	if m := ways[1].ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"}); m.Type() != dhcp4.Nak {
		t.Errorf("a known client got %s", say(m))
	}
}

// TestSharedNetwork: a client on one link gets from the other subnets of the link
// what the first cannot give, with what belongs to that subnet.
func TestSharedNetwork(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		n.Subnets[0].Pools = nil
		addPool(n.Subnets[0], 0, "192.0.2.100", "192.0.2.100")
		second := subnet(2, "198.51.100.0/25", "198.51.100.10", "198.51.100.20")
		second.FourOSix = topology.FourOSix{}
		second.Policy.Valid = topology.Lifetime{Min: 60, Default: 60, Max: 60}
		reserve(second, topology.HWAddress, "\x02\x00\x5e\x00\x00\x0a", "198.51.100.77", "")
		n.Subnets = append(n.Subnets, second)
		net := &topology.Network{Name: "link", Subnets: n.Subnets}
		for _, s := range n.Subnets {
			s.Network = net
		}
	})
	const second = " 54=c0000201 51=0000003c 1=ffffff80 3=c0000201 6=c0000235"
	for _, way := range ways {
		b := newBench(t, n)
		for i, tt := range []struct {
			q    query
			want string
		}{
			{query{kind: dhcp4.Discover, hw: hwB}, "OFFER 192.0.2.100 54=c0000201 51=00000258 1=ffffff00 3=c0000201 6=c0000235"},
			{query{kind: dhcp4.Discover, hw: "02005e00000c"}, "OFFER 198.51.100.10" + second},
			{query{kind: dhcp4.Request, hw: "02005e00000c", opts: "50=c633640a 54=c0000201"}, "ACK 198.51.100.10" + second},
			{query{kind: dhcp4.Request, hw: "02005e00000c", ciaddr: "198.51.100.10"}, "ACK 198.51.100.10" + second},
			{query{kind: dhcp4.Discover, hw: hwA}, "OFFER 198.51.100.77" + second}, // reserved there
		} {
			if got := say(way.ask(b, tt.q)); got != tt.want {
				t.Errorf("%s %d:\n got %s\nwant %s", way.name, i, got, tt.want)
			}
		}
	}
}

// TestGuardedSubnet: a subnet for a class that nobody is in serves nobody.
func TestGuardedSubnet(t *testing.T) {
	b := newBench(t, net1(func(n *topology.Topology) { n.Subnets[0].Guard = topology.Guard{99} }))
	for _, q := range []query{{kind: dhcp4.Discover}, {kind: dhcp4.Request, ciaddr: "192.0.2.100"}} {
		if m := ways[1].ask(b, q); m != nil {
			t.Errorf("%v: %s", q.kind, say(m))
		}
	}
	if b.count("pkt4-drop-no-subnet") != 2 || b.count("pkt4-receive-drop") != 2 {
		t.Error("not counted")
	}
}

// TestClientIdentity: the client identifier tells clients apart, unless
// match-client-id is off; one that is too short or too long says nothing.
func TestClientIdentity(t *testing.T) {
	off := func(n *topology.Topology) { n.Subnets[0].Policy.MatchClientID = false }
	id := func(n int) string { return "61=" + strings.Repeat("07", n) }
	tests := []struct {
		name          string
		net           []func(*topology.Topology)
		first, second query
		same          bool
	}{
		{"one identifier, two cards", nil, query{hw: hwA, opts: id(3)}, query{hw: hwB, opts: id(3)}, true},
		{"two identifiers, one card", nil, query{hw: hwA, opts: id(3)}, query{hw: hwA, opts: id(4)}, false},
		{"no hardware address, one identifier", nil, query{hw: "-", opts: id(3)}, query{hw: "-", opts: id(3)}, true},
		{"match-client-id off: two identifiers, one card", []func(*topology.Topology){off}, query{hw: hwA, opts: id(3)}, query{hw: hwA, opts: id(4)}, true},
		{"match-client-id off: one identifier, two cards", []func(*topology.Topology){off}, query{hw: hwA, opts: id(3)}, query{hw: hwB, opts: id(3)}, false},
		{"identifier of no octets", nil, query{hw: hwA, opts: id(0)}, query{hw: hwB, opts: id(0)}, false},
		{"identifier of one octet", nil, query{hw: hwA, opts: id(1)}, query{hw: hwB, opts: id(1)}, false},
		{"identifier of 2 octets", nil, query{hw: hwA, opts: id(2)}, query{hw: hwB, opts: id(2)}, true},
		{"identifier of 128 octets", nil, query{hw: hwA, opts: id(128)}, query{hw: hwB, opts: id(128)}, true},
		{"identifier of 129 octets", nil, query{hw: hwA, opts: id(129)}, query{hw: hwB, opts: id(129)}, false},
		{"identifier of 255 octets", nil, query{hw: hwA, opts: id(255)}, query{hw: hwB, opts: id(255)}, false},
		{"identifier of 300 octets, in two parts", nil, query{hw: hwA, opts: id(300)}, query{hw: hwB, opts: id(300)}, false},
	}
	for _, tt := range tests {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				b := newBench(t, net1(tt.net...))
				tt.first.kind, tt.first.ciaddr = dhcp4.Request, "192.0.2.150"
				tt.second.kind = dhcp4.Discover
				if m := way.ask(b, tt.first); m == nil || m.Type() != dhcp4.Ack {
					t.Fatal(say(m))
				}
				m := way.ask(b, tt.second)
				if m == nil || (m.YIAddr == ip("192.0.2.150")) != tt.same {
					t.Errorf("second client: %s", say(m))
				}
				l, _ := b.table.ByResource(resource(ip("192.0.2.150")))
				if n := len(l.ClientID); n == 1 || n > maxClientID {
					t.Errorf("identifier of %d octets stored, which Kea does not load", n)
				}
			})
		}
	}
	t.Run("neither", func(t *testing.T) {
		b := newBench(t, net1())
		for _, q := range []query{{kind: dhcp4.Discover, hw: "-"}, {kind: dhcp4.Discover, hw: "-", opts: id(1)}} {
			if m := ways[1].ask(b, q); m != nil {
				t.Error(say(m))
			}
		}
		if b.count("pkt4-drop-no-identity") != 2 {
			t.Error("not counted")
		}
	})
}

// TestStrayLeases: leases outside of all pools are told of when a configuration comes into force,
// but not those of addresses that are reserved, in a subnet or globally.
func TestStrayLeases(t *testing.T) {
	reserved := func(n *topology.Topology) {
		reserve(n.Subnets[0], topology.HWAddress, "\x02\x00\x5e\x00\x00\x0a", "192.0.2.77", "")
		n.Subnets[0].ReserveGlobal = true
		k := topology.Key{Kind: topology.HWAddress, ID: "\x02\x00\x5e\x00\x00\x0b"}
		n.Reservations = map[topology.Key]*topology.Reservation{k: {Key: k, Addr: ip("192.0.2.78")}}
	}
	core, said := observer.New(zap.WarnLevel)
	b := newBenchWith(t, net1(reserved), Options{Interfaces: eth0(), Log: zap.New(core)})
	for hw, addr := range map[string]string{hwA: "192.0.2.77", hwB: "192.0.2.78", "02005e00000c": "192.0.2.100"} {
		if got := say(ways[0].ask(b, query{kind: dhcp4.Request, hw: hw, ciaddr: addr})); !strings.HasPrefix(got, "ACK "+addr) {
			t.Fatal(got)
		}
	}
	b.s.Replace(net1(reserved))
	if n := said.Len(); n != 0 {
		t.Errorf("with reservations: %v", said.All())
	}
	b.s.Replace(net1())
	if all := said.TakeAll(); len(all) != 1 || all[0].ContextMap()["leases"] != int64(2) {
		t.Errorf("without: %v", all)
	}
}
