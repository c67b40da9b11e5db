package server4

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// sharing makes a network of net1's subnet, where clients are known by their
// identifier, and one with a single address, where they are not.
func sharing(n *topology.Topology) {
	two := subnet(2, "198.51.100.0/24", "198.51.100.7", "198.51.100.7")
	two.Policy.MatchClientID, two.FourOSix = false, topology.FourOSix{}
	net := &topology.Network{Name: "n", Subnets: []*topology.Subnet{n.Subnets[0], two}}
	n.Subnets[0].Network, two.Network = net, net
	n.Subnets[0].Pools = nil
	addPool(n.Subnets[0], 0, "192.0.2.100", "192.0.2.100")
	n.Subnets = append(n.Subnets, two)
}

// A boot loader and the system that it loads share a hardware address. With
// match-client-id they are two clients when each names an identifier of its own, and one
// when either names none; without it they are one. In a network that holds
// for each subnet by itself.
func TestMatchClientID(t *testing.T) { converse(t, oneOrTwo()) }

func oneOrTwo() []conversation {
	ignoring := func(n *topology.Topology) { n.Subnets[0].Policy.MatchClientID = false }
	const pxe, system = "61=0001aa", "61=0001bb"
	const first, second = "192.0.2.100", "192.0.2.101"
	discover := func(opts string) query { return query{kind: dhcp4.Discover, hw: hwA, opts: opts} }
	selecting := func(addr, opts string) query {
		return query{kind: dhcp4.Request, hw: hwA, opts: "50=" + addr + " 54=c0000201 " + opts}
	}
	const one, other, away = "c0000264", "c0000265", "c6336407"
	id := func(opts string) string { return " " + opts }
	const given2 = " 54=c0000201 51=00000258 1=ffffff00 3=c0000201 6=c0000235"
	return []conversation{
		{"two identifiers, two clients", nil, []turn{
			{0, selecting(one, pxe), "ACK " + first + given1 + id(pxe)},
			{0, discover(system), "OFFER " + second + given1 + id(system)},
			{0, selecting(other, system), "ACK " + second + given1 + id(system)},
			{0, discover(pxe), "OFFER " + first + given1 + id(pxe)},
			{0, selecting(one, system), "NAK 54=c0000201 56=61646472657373"},
		}},
		{"the boot loader names none", nil, []turn{
			{0, selecting(one, ""), "ACK " + first + given1},
			{0, discover(system), "OFFER " + first + given1 + id(system)},
			{0, selecting(one, system), "ACK " + first + given1 + id(system)},
			{0, discover(""), "OFFER " + first + given1},
		}},
		{"ignored, they are one client", []func(*topology.Topology){ignoring}, []turn{
			{0, selecting(one, pxe), "ACK " + first + given1 + id(pxe)},
			{0, discover(system), "OFFER " + first + given1 + id(system)},
			{0, selecting(one, system), "ACK " + first + given1 + id(system)},
			{0, discover(pxe), "OFFER " + first + given1 + id(pxe)},
		}},
		{"each subnet of a network by itself", []func(*topology.Topology){sharing}, []turn{
			{0, selecting(one, pxe), "ACK " + first + given1 + id(pxe)},
			{0, discover(system), "OFFER 198.51.100.7" + given2 + id(system)}, // another client in subnet 1, which is full
			{0, selecting(away, system), "ACK 198.51.100.7" + given2 + id(system)},
			{0, discover("61=0001cc"), "OFFER 198.51.100.7" + given2 + id("61=0001cc")}, // and the same in subnet 2
			{0, discover(pxe), "OFFER " + first + given1 + id(pxe)},                     // by its identifier first
			{0, query{kind: dhcp4.Discover, hw: hwB, opts: system}, "silence"},          // which is no name in subnet 2
		}},
	}
}

// TestMatchClientIDAgainstKea holds the same conversations with kea-dhcp4, but for the
// network, and compares the addresses.
func TestMatchClientIDAgainstKea(t *testing.T) {
	p := besideKea(t)
	if p == nil {
		return
	}
	xid := uint32(9000)
	for _, r := range roads {
		for _, c := range oneOrTwo()[:3] {
			t.Run(c.name+", "+r.name, func(t *testing.T) {
				conn := startKea(t, &r, p, fmt.Sprintf(keaConfig, fmt.Sprintf(`"match-client-id": %v`, c.net == nil), "", ""))
				for i, turn := range c.turns {
					xid++
					turn.q.xid = xid
					got := "silence"
					if m := r.ask(t, conn, turn.q); m != nil {
						got = strings.TrimPrefix(m.Type().String(), "DHCP")
						if !m.YIAddr.IsUnspecified() {
							got += " " + m.YIAddr.String()
						}
					}
					if !strings.HasPrefix(turn.want, got+" ") {
						t.Errorf("turn %d: Kea says %s, we say %s", i, got, turn.want)
					}
				}
			})
		}
	}
}

// In a subnet where identifiers are ignored none is stored.
func TestIgnoredIdentifierIsNotStored(t *testing.T) {
	for _, way := range ways {
		b := newBench(t, net1(sharing))
		for addr, want := range map[string]int{"192.0.2.100": 3, "198.51.100.7": 0} {
			a := ip(addr).As4()
			q := query{kind: dhcp4.Request, hw: "02005e0000" + hex2(a[3]), opts: "61=0001" + hex2(a[3]) + " 54=c0000201 50=" + hex2(a[0]) + hex2(a[1]) + hex2(a[2]) + hex2(a[3])}
			if m := way.ask(b, q); m == nil || m.Type() != dhcp4.Ack {
				t.Fatalf("%s: %s", way.name, say(m))
			}
			if l, _ := b.table.ByResource(resource(ip(addr))); len(l.ClientID) != want {
				t.Errorf("%s: %s is kept under %x", way.name, addr, l.ClientID)
			}
		}
	}
}

func hex2(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}
