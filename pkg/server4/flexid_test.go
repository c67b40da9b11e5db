package server4

import (
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

func flexRule(t testing.TB, expr string) *topology.FlexRule {
	t.Helper()
	scope := classify.Scope{Family: optdef.V4, Names: classify.NewNames()}
	e, err := scope.CompileValue(expr)
	if err != nil {
		t.Fatal(err)
	}
	return &topology.FlexRule{Expr: e}
}

// TestFlexID: a host is found by what the expression makes of its query, and by
// nothing when that is empty.
func TestFlexID(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		n.FlexID = flexRule(t, "concat(relay4[1].hex, option[60].hex)")
		n.Identifiers = []topology.IdentifierKind{topology.FlexID, topology.HWAddress}
		reserve(n.Subnets[0], topology.FlexID, "port7box", "192.0.2.77", "")
		reserve(n.Subnets[0], topology.HWAddress, macB, "192.0.2.78", "")
	})
	for _, tt := range []struct{ name, hw, opts, want string }{
		{"both parts", hwA, "60=626f78 82=0105706f727437", "OFFER 192.0.2.77 "},
		{"before the hardware address", hwB, "60=626f78 82=0105706f727437", "OFFER 192.0.2.77 "},
		{"one part", hwA, "60=626f78", "OFFER 192.0.2.100 "},
		{"nothing", hwB, "", "OFFER 192.0.2.78 "},
	} {
		for _, way := range ways {
			got := say(way.ask(newBench(t, n), query{kind: dhcp4.Discover, hw: tt.hw, opts: tt.opts}))
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s, %s: got %s, want %s", tt.name, way.name, got, tt.want)
			}
		}
	}
}

// TestFlexIDSeesTheEnvelope: over 4o6 the expression may speak of the DHCPv6
// message.
func TestFlexIDSeesTheEnvelope(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		n.FlexID = flexRule(t, "pkt.iface")
		n.Identifiers = []topology.IdentifierKind{topology.FlexID}
		reserve(n.Subnets[0], topology.FlexID, "eth0", "192.0.2.77", "")
	})
	for _, way := range ways {
		if got := say(way.ask(newBench(t, n), query{kind: dhcp4.Discover})); !strings.HasPrefix(got, "OFFER 192.0.2.77 ") {
			t.Errorf("%s: %s", way.name, got)
		}
	}
}

// TestReplaceClientID: the port has the lease, whoever is behind it; the client
// gets back the identifier that it sent, or none.
func TestReplaceClientID(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := newBench(t, net1(func(n *topology.Topology) {
				n.FlexID = flexRule(t, "relay4[1].hex")
				n.FlexID.ReplaceClientID = true
			}))
			const port7, port8 = " 82=0105706f727437", " 82=0105706f727438"
			for i, tt := range []struct {
				q    query
				want string
			}{
				{query{kind: dhcp4.Discover, hw: hwA, opts: "61=0102" + port7}, "OFFER 192.0.2.100 "},
				{query{kind: dhcp4.Request, hw: hwA, opts: "61=0102 50=c0000264 54=c0000201" + port7}, "ACK 192.0.2.100 "},
				{query{kind: dhcp4.Discover, hw: hwB, opts: "61=0304" + port7}, "OFFER 192.0.2.100 "},
				{query{kind: dhcp4.Discover, hw: hwB, opts: "61=0102" + port8}, "OFFER 192.0.2.101 "},
				{query{kind: dhcp4.Discover, hw: "02005e00000c", opts: strings.TrimSpace(port7)}, "OFFER 192.0.2.100 "},
			} {
				m := way.ask(b, tt.q)
				if got := say(m); !strings.HasPrefix(got, tt.want) {
					t.Fatalf("turn %d: got %s, want %s", i, got, tt.want)
				}
				sent := ""
				if _, v, ok := strings.Cut(tt.q.opts, "61="); ok {
					sent = v[:4]
				}
				got, _ := m.Option(dhcp4.OptClientID)
				if want := unhex(t, sent); string(got) != string(want) {
					t.Errorf("turn %d: client identifier %x came back, want %x", i, got, want)
				}
			}
			l, ok := b.table.ByResource(resource(ip("192.0.2.100")))
			if !ok || string(l.ClientID) != "\x00port7" {
				t.Errorf("lease is kept under %q", l.ClientID)
			}
		})
	}
}

// TestFlexIDAsDUID: with cid-as-rfc4361-duid a reservation by DUID finds it too.
func TestFlexIDAsDUID(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		n.FlexID = flexRule(t, "option[60].hex")
		n.FlexID.ReplaceClientID, n.FlexID.AsDUID = true, true
		reserve(n.Subnets[0], topology.DUID, "box", "192.0.2.77", "")
	})
	if got := say(ways[0].ask(newBench(t, n), query{kind: dhcp4.Discover, opts: "60=626f78"})); !strings.HasPrefix(got, "OFFER 192.0.2.77 ") {
		t.Error(got)
	}
}

// TestFlexIDAllocatesNothing: identifiers are made in memory of the exchange.
func TestFlexIDAllocatesNothing(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		n.EarlyGlobal = true
		n.FlexID = flexRule(t, "concat(relay4[1].hex, option[60].hex)")
		n.FlexID.ReplaceClientID = true
		n.Identifiers = append(n.Identifiers, topology.FlexID)
		reserveGlobal(n, topology.FlexID, "port7box", "192.0.2.77", "")
	})
	b := newBench(t, n)
	d := query{kind: dhcp4.Discover, hw: hwA, giaddr: "192.0.2.9", opts: "60=626f78 82=0105706f727437"}.datagram(t)
	for range 10 {
		b.native(d)
	}
	if len(b.w.out) == 0 {
		t.Fatal("no offer")
	}
	if n := testing.AllocsPerRun(200, func() { b.native(d) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestFlexIDIsRecalled: a flex-id made of relay agent information is that of the
// lease when its client renews without the relay (stash-agent-options).
func TestFlexIDIsRecalled(t *testing.T) {
	b := newBench(t, net1(keepingInfo, func(n *topology.Topology) {
		n.StashAgentOptions = true
		n.FlexID = flexRule(t, "relay4[1].hex")
		n.Identifiers = []topology.IdentifierKind{topology.FlexID}
		reserve(n.Subnets[0], topology.FlexID, "port7", "192.0.2.77", "house")
	}))
	b.native(query{kind: dhcp4.Request, hw: hwA, giaddr: "192.0.2.9", opts: "50=c000024d 54=c0000201 82=" + agent}.datagram(t))
	out := b.native(query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.77"}.datagram(t))
	if len(out) != 1 {
		t.Fatalf("%d answers", len(out))
	}
	if got := say(read(t, out[0].Data)); !strings.HasPrefix(got, "ACK 192.0.2.77 ") || !strings.Contains(got, "12=686f757365") {
		t.Error(got)
	}
}

// TestFlexIDSeesTheDestination: to a flex-id a broadcast query was sent where the
// tests of classes see that it was sent.
func TestFlexIDSeesTheDestination(t *testing.T) {
	b := newBench(t, net1(func(n *topology.Topology) {
		n.FlexID = flexRule(t, "addrtotext(pkt.dst)")
		n.Identifiers = []topology.IdentifierKind{topology.FlexID}
		reserve(n.Subnets[0], topology.FlexID, "255.255.255.255", "192.0.2.77", "")
	}))
	out := b.native(query{kind: dhcp4.Discover, hw: hwA}.datagram(t))
	if len(out) != 1 {
		t.Fatalf("%d answers", len(out))
	}
	if got := say(read(t, out[0].Data)); !strings.HasPrefix(got, "OFFER 192.0.2.77 ") {
		t.Error(got)
	}
}
