package server4

import (
	"bytes"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestSubnetSelectionComesBack: a client that sent option 118 takes no OFFER and no
// ACK without it (RFC 3011 §2), whatever it asks for.
func TestSubnetSelectionComesBack(t *testing.T) {
	for _, w := range ways {
		b := newBench(t, net1())
		for _, q := range []query{
			{kind: dhcp4.Discover, opts: "55=01 118=c0000200"},
			{kind: dhcp4.Request, opts: "50=c0000264 54=c0000201 118=c0000200"},
			{kind: dhcp4.Inform, ciaddr: "192.0.2.7", opts: "118=c0000200"},
		} {
			m := w.ask(b, q)
			if v, _ := m.Option(dhcp4.OptSubnetSelection); string(v) != "\xc0\x00\x02\x00" {
				t.Errorf("%s, %v: option 118 is %x", w.name, q.kind, v)
			}
		}
		m := w.ask(b, query{kind: dhcp4.Request, opts: "50=0a000001 54=c0000201 118=c0000200"})
		if m.Type() != dhcp4.Nak || m.Has(dhcp4.OptSubnetSelection) {
			t.Errorf("%s: %s; a NAK has no such option (RFC 2131 table 3)", w.name, say(m))
		}
	}
}

// TestSubnetSelectionHasRoom: however full the reply is, option 118 comes back, since
// the client takes no answer without it (RFC 3011 §2), and within the client's limit.
func TestSubnetSelectionHasRoom(t *testing.T) {
	for n := 1; n < 100; n++ {
		b := newBench(t, net1(func(n4 *topology.Topology) {
			for c := uint16(224); c < 232; c++ {
				setOption(n4.Subnets[0], topology.Option{Code: c, Value: bytes.Repeat([]byte{byte(c)}, 40), Always: true})
			}
			setOption(n4.Subnets[0], topology.Option{Code: 232, Value: bytes.Repeat([]byte{1}, n), Always: true})
			setOption(n4.Subnets[0], topology.Option{Code: 233, Value: []byte{1}, Always: true})
			setOption(n4.Subnets[0], topology.Option{Code: 234, Value: []byte{1}, Always: true})
		}))
		m := ways[0].ask(b, query{kind: dhcp4.Discover, opts: "57=0240 118=c0000200 82=010161"})
		if !m.Has(dhcp4.OptSubnetSelection) || !m.Has(dhcp4.OptRelayAgentInfo) || len(m.Bytes()) > 548 {
			t.Fatalf("beside an option of %d octets: %d octets, %s", n, len(m.Bytes()), say(m))
		}
	}
}

// TestSelectingWithoutSubnet: a client that chose this server is told that there is
// nothing for it; who did not may belong to another server (RFC 2131 §4.3.2).
func TestSelectingWithoutSubnet(t *testing.T) {
	elsewhere := func(n *topology.Topology) {
		n.Subnets[0] = subnet(2, "10.9.0.0/16", "10.9.1.0", "10.9.200.0")
		n.Subnets[0].FourOSix.Iface = "eth7"
	}
	for _, w := range ways {
		for _, tt := range []struct {
			q    query
			want string
		}{
			{query{kind: dhcp4.Request, opts: "50=c0000264 54=c0000201"}, "NAK 54=c0000201 56=6e6f207375626e657420666f722074686973206c696e6b"},
			{query{kind: dhcp4.Request, opts: "50=c0000264"}, "silence"},
			{query{kind: dhcp4.Request, ciaddr: "192.0.2.100"}, "silence"},
			{query{kind: dhcp4.Discover}, "silence"},
		} {
			if got := say(w.ask(newBench(t, net1(elsewhere)), tt.q)); got != tt.want {
				t.Errorf("%s, %v %s: %s, want %s", w.name, tt.q.kind, tt.q.opts, got, tt.want)
			}
		}
	}
}

// TestInformWithoutAddress: by way of a relay the answer can only be broadcast to
// its client, so that the relay is told to.
func TestInformWithoutAddress(t *testing.T) {
	for _, tt := range []struct {
		q    query
		want uint16
	}{
		{query{kind: dhcp4.Inform, giaddr: "192.0.2.9"}, dhcp4.FlagBroadcast},
		{query{kind: dhcp4.Inform, giaddr: "192.0.2.9", ciaddr: "192.0.2.7"}, 0},
		{query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}, 0},
	} {
		if m := ways[0].ask(newBench(t, net1()), tt.q); m.Flags != tt.want {
			t.Errorf("%v, ciaddr %q: flags %04x, want %04x", tt.q.kind, tt.q.ciaddr, m.Flags, tt.want)
		}
	}
}
