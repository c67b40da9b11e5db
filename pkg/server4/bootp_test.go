package server4

import (
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

func withBOOTP(n *topology.Topology) { n.BOOTP = true }

// TestBOOTP: a query without a message type gets an address for ever and what is
// configured, without any option of DHCP's own (RFC 1534 §2), in 300 octets and
// more; the same client gets the same address.
func TestBOOTP(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := newBench(t, net1(withBOOTP))
			for _, hw := range []string{hwA, hwB, hwA} {
				want := map[string]string{hwA: " 192.0.2.100", hwB: " 192.0.2.101"}[hw] + " 1=ffffff00 3=c0000201 6=c0000235 118=c0000200 82=0104706f7274"
				m := way.ask(b, query{hw: hw, opts: "118=c0000200 82=0104706f7274"})
				if m == nil {
					t.Fatal("silence")
				}
				if got := say(m); !strings.HasSuffix(got, want) || m.Has(dhcp4.OptMessageType) {
					t.Errorf("got %s, want %s", got, want)
				}
				if n := len(m.Bytes()); n < 300 {
					t.Errorf("reply has %d octets", n)
				}
			}
			l, ok := b.table.ByResource(resource(ip("192.0.2.100")))
			if !ok || l.State != lease.Leased || l.Valid != lease.Infinite {
				t.Errorf("lease is %+v", l)
			}
			b.now = b.now.Add(1000 * time.Hour)
			b.table.Expire(b.now, 10)
			if m := way.ask(b, query{kind: dhcp4.Discover, hw: "02005e00000c"}); m.YIAddr != ip("192.0.2.102") {
				t.Errorf("a lease for ever has ended: %s", say(m))
			}
		})
	}
}

// TestBOOTPOff: without the library there is silence, as in a packet that is no
// BOOTP, whatever its library.
func TestBOOTPOff(t *testing.T) {
	for _, way := range ways {
		b := newBench(t, net1())
		if m := way.ask(b, query{hw: hwA}); m != nil || b.count("pkt4-drop-bootp") != 1 {
			t.Errorf("%s: %s", way.name, say(m))
		}
		b = newBench(t, net1(withBOOTP))
		if m := way.ask(b, query{hw: hwA, opts: "53=010203"}); m != nil {
			t.Errorf("%s: a bad message type: %s", way.name, say(m))
		}
	}
}

// TestBOOTPGrows: what is configured goes into the options field of a reply that is larger
// than 300 octets then, as far as an Ethernet carries it, and nothing into file and
// sname, in which a BOOTP client reads names (RFC 951 §3).
func TestBOOTPGrows(t *testing.T) {
	for _, way := range ways {
		b := newBench(t, net1(withBOOTP, func(n *topology.Topology) {
			setOption(n.Subnets[0], topology.Option{Code: 17, Value: []byte(strings.Repeat("p", 240)), Always: true})
			setOption(n.Subnets[0], topology.Option{Code: 15, Value: []byte(strings.Repeat("d", 240)), Always: true})
		}))
		m := way.ask(b, query{hw: hwA})
		if m == nil || !m.Has(17) || !m.Has(15) || m.Has(dhcp4.OptOverload) || len(m.Bytes()) < 720 {
			t.Errorf("%s: %s", way.name, say(m))
		}
	}
}

// TestBOOTPWho: reservations and the class BOOTP hold for BOOTP clients too, and one
// that says its address keeps it or hears nothing.
func TestBOOTPWho(t *testing.T) {
	n := net1(withBOOTP, func(n *topology.Topology) {
		s := n.Subnets[0]
		addPool(s, 7, "192.0.2.20", "192.0.2.29").Guard = topology.Guard{classify.BOOTP}
		s.Pools[0], s.Pools[1] = s.Pools[1], s.Pools[0]
		reserve(s, topology.HWAddress, macA, "192.0.2.77", "boot")
	})
	for _, tt := range []struct {
		name string
		q    query
		want string
	}{
		{"of the class", query{hw: hwB}, "192.0.2.20"},
		{"reserved", query{hw: hwA}, "192.0.2.77"},
		{"has an address", query{hw: hwB, ciaddr: "192.0.2.25"}, "192.0.2.25"},
		{"has an address of another", query{hw: hwB, ciaddr: "192.0.2.77"}, ""},
		{"DHCP", query{kind: dhcp4.Discover, hw: hwB}, "192.0.2.100"},
	} {
		for _, way := range ways {
			m := way.ask(newBench(t, n), tt.q)
			if tt.want == "" && m == nil {
				continue
			}
			if m == nil || m.YIAddr.String() != tt.want {
				t.Errorf("%s, %s: %s, want %s", tt.name, way.name, say(m), tt.want)
			}
		}
	}
}

// TestBOOTPGoes: the reply goes where RFC 1542 §5.4 says, as one of DHCP does.
func TestBOOTPGoes(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    query
		to   string
	}{
		{"relayed", query{giaddr: "192.0.2.9"}, "192.0.2.9:67"},
		{"on the link", query{}, "192.0.2.100:68"},
		{"on the link, broadcast", query{flags: dhcp4.FlagBroadcast}, "255.255.255.255:68"},
		{"has an address", query{ciaddr: "192.0.2.100"}, "192.0.2.100:68"},
	} {
		out := newBench(t, net1(withBOOTP)).native(tt.q.datagram(t))
		if len(out) != 1 || out[0].Peer.String() != tt.to {
			t.Errorf("%s: %v, want %s", tt.name, out, tt.to)
		}
	}
}

// TestBOOTPNowhere: without a subnet there is silence, whatever the query names.
func TestBOOTPNowhere(t *testing.T) {
	b := newBench(t, net1(withBOOTP))
	if m := ways[0].ask(b, query{giaddr: "10.0.0.1", opts: "54=c0000201"}); m != nil || b.count("pkt4-drop-no-subnet") != 1 {
		t.Errorf("%s", say(m))
	}
}
