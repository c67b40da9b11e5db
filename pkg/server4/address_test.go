package server4

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// TestAddress holds where a native reply goes (RFC 2131 §4.1).
func TestAddress(t *testing.T) {
	onLink := func(n *topology.Topology) { n.Subnets[0].Iface, n.Subnets[0].Policy.Authoritative = "eth0", true }
	const mac = "02:00:5e:00:00:01"
	tests := []struct {
		name    string
		o       Options
		q       query
		peer    string // of the query; "": as a relay or client has it
		to      string
		mac     string
		ifIndex int
		flags   uint16
	}{
		{"through a relay: to it, port 67, by routing", Options{}, query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}, "", "192.0.2.9:67", "", 0, 0},
		{"through a relay with a port of its own (RFC 8357)", Options{}, query{kind: dhcp4.Discover, giaddr: "192.0.2.9", opts: "82=1300"}, "192.0.2.9:1067", "192.0.2.9:1067", "", 0, 0},
		{"a relay's port without the suboption", Options{}, query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}, "192.0.2.9:1067", "192.0.2.9:67", "", 0, 0},
		{"NAK through a relay: the relay shall broadcast", Options{}, query{kind: dhcp4.Request, giaddr: "192.0.2.9", opts: "50=0a000001 54=c0000201"}, "", "192.0.2.9:67", "", 0, 0x8000},
		{"no address, no flag: a frame for the client", Options{}, query{kind: dhcp4.Discover}, "", "192.0.2.100:68", mac, 2, 0},
		{"broadcast flag", Options{}, query{kind: dhcp4.Discover, flags: 0x8000}, "", "255.255.255.255:68", "", 2, 0x8000},
		{"renewing: to ciaddr", Options{}, query{kind: dhcp4.Request, ciaddr: "192.0.2.100"}, "", "192.0.2.100:68", "", 2, 0},
		{"renewing, broadcast flag: to ciaddr", Options{}, query{kind: dhcp4.Request, ciaddr: "192.0.2.100", flags: 0x8000}, "", "192.0.2.100:68", "", 2, 0x8000},
		{"NAK: broadcast", Options{}, query{kind: dhcp4.Request, opts: "50=0a000001 54=c0000201"}, "", "255.255.255.255:68", "", 2, 0},
		{"NAK for a client that has an address: broadcast", Options{}, query{kind: dhcp4.Request, ciaddr: "192.0.2.250"}, "", "255.255.255.255:68", "", 2, 0},
		{"INFORM: to ciaddr", Options{}, query{kind: dhcp4.Inform, ciaddr: "192.0.2.50"}, "", "192.0.2.50:68", "", 2, 0},
		{"INFORM through a relay: to ciaddr, by routing", Options{}, query{kind: dhcp4.Inform, ciaddr: "192.0.2.50", giaddr: "192.0.2.9", opts: "82=010161"}, "", "192.0.2.50:68", "", 0, 0},
		{"INFORM without ciaddr through a relay: to the relay, which shall broadcast", Options{}, query{kind: dhcp4.Inform, giaddr: "192.0.2.9"}, "", "192.0.2.9:67", "", 0, 0x8000},
		{"INFORM without ciaddr: to its source", Options{}, query{kind: dhcp4.Inform}, "192.0.2.50:68", "192.0.2.50:68", "", 2, 0},
		{"hardware that takes no frame of ours: broadcast", Options{}, query{kind: dhcp4.Discover, hw: "0102030405060708"}, "", "255.255.255.255:68", "", 2, 0},
		{"every reply to a port", Options{ReplyPort: 6068}, query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}, "", "192.0.2.9:6068", "", 0, 0},
		{"every reply to the source port", Options{ReplyToSource: true}, query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}, "192.0.2.9:40000", "192.0.2.9:40000", "", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Interfaces = eth0()
			b := newBenchWith(t, net1(onLink), tt.o)
			d := tt.q.datagram(t)
			if tt.peer != "" {
				d.Peer = netip.MustParseAddrPort(tt.peer)
			}
			out := b.native(d)
			if len(out) != 1 {
				t.Fatalf("%d replies, verdict %v", len(out), b.w.exchanges[0].verdict)
			}
			mac := ""
			if !out[0].To.IsZero() {
				mac = out[0].To.String()
			}
			if out[0].Peer != netip.MustParseAddrPort(tt.to) || mac != tt.mac || out[0].IfIndex != tt.ifIndex || out[0].Local != ip("192.0.2.1") {
				t.Errorf("to %v %s on %d from %v", out[0].Peer, mac, out[0].IfIndex, out[0].Local)
			}
			m := read(t, out[0].Data)
			if m.Flags != tt.flags || m.Hops != 0 || m.XID != tt.q.xid {
				t.Errorf("flags %x hops %d xid %x", m.Flags, m.Hops, m.XID)
			}
			if out[0].Peer.Port() == 68 && m.Has(dhcp4.OptRelayAgentInfo) {
				t.Error("a client sees option 82")
			}
			if want := tt.q.giaddr; want != "" && m.GIAddr != ip(want) {
				t.Errorf("giaddr %v", m.GIAddr)
			}
		})
	}
	t.Run("INFORM without any address is not answered", func(t *testing.T) {
		b := newBench(t, net1(onLink))
		if out := b.native(query{kind: dhcp4.Inform}.datagram(t)); len(out) != 0 || b.count("pkt4-drop-no-return") != 1 {
			t.Errorf("%d replies", len(out))
		}
	})
}

// TestCIAddr: an ACK has the client's address in ciaddr, an OFFER and a NAK have
// none; no answer but an OFFER and the ACK of a REQUEST has one in yiaddr (RFC 2131 §4.3.1,
// table 3), were it that of the client before.
func TestCIAddr(t *testing.T) {
	for _, way := range ways {
		b := newBench(t, net1())
		for _, tt := range []struct {
			q    query
			want string
		}{
			{query{kind: dhcp4.Request, ciaddr: "192.0.2.100"}, "192.0.2.100"},
			{query{kind: dhcp4.Discover, ciaddr: "192.0.2.100"}, "0.0.0.0"},
			{query{kind: dhcp4.Inform, ciaddr: "192.0.2.55"}, "192.0.2.55"},
			{query{kind: dhcp4.Request, hw: hwB, ciaddr: "192.0.2.100"}, "0.0.0.0"},
		} {
			if m := way.ask(b, tt.q); m == nil || m.CIAddr != ip(tt.want) {
				t.Errorf("%s, %v: %s, ciaddr %v", way.name, tt.q.kind, say(m), m.CIAddr)
			} else if got := given(m.YIAddr); got != (tt.q.kind != dhcp4.Inform && m.Type() != dhcp4.Nak) {
				t.Errorf("%s, %v: yiaddr %v", way.name, tt.q.kind, m.YIAddr)
			}
		}
	}
}

// TestEnvelope: the answer goes back the way the query came, with the origin
// that it came with and the flags zero.
func TestEnvelope(t *testing.T) {
	b := newBench(t, net1())
	inner := query{kind: dhcp4.Discover}.message(t)
	inner.Data[1] = 0x80 // the client says unicast
	link := ip("2001:db8::1").As16()
	var relayed []byte
	relayed = append(relayed, 12, 3)
	relayed = append(append(relayed, link[:]...), make([]byte, 16)...)
	relayed = dhcp6.AppendOption(relayed, dhcp6.OptInterfaceID, []byte("port7"))
	relayed = dhcp6.AppendOption(relayed, dhcp6.OptRelayMessage, inner.Data)
	far := ipc.Message{Data: relayed, Origin: ipc.Origin{Iface: "eth0", Addr: ip("2001:db8::9"), Port: 1547}}
	out := b.over6(inner, far)
	if len(out) != 2 {
		t.Fatalf("%d answers", len(out))
	}
	for i, in := range []ipc.Message{inner, far} {
		if out[i].Origin != in.Origin || out[i].Dialect != in.Dialect {
			t.Errorf("answer %d goes to %v, asked by %v", i, out[i].Origin, in.Origin)
		}
	}
	if !bytes.HasPrefix(out[0].Data, []byte{21, 0, 0, 0, 0, 87}) {
		t.Errorf("direct: % x...", out[0].Data[:8])
	}
	var e dhcp6.Envelope
	if err := e.Parse(out[1].Data); err != nil {
		t.Fatal(err)
	}
	id, _ := e.Relays[0].Options.Option(dhcp6.OptInterfaceID)
	if len(e.Relays) != 1 || !e.Down || e.Relays[0].Hops != 3 || e.Relays[0].Link != ip("2001:db8::1") || string(id) != "port7" {
		t.Errorf("relayed: %+v", e.Relays)
	}
}

// TestSource6 keeps the IPv6 source of a 4o6 client with its lease.
func TestSource6(t *testing.T) {
	b := newBench(t, net1())
	b.over6(query{kind: dhcp4.Request, ciaddr: "192.0.2.100", opts: "12=686f7374"}.message(t))
	l, ok := b.table.ByResource(resource(ip("192.0.2.100")))
	if want := `{"dhcp4o6":{"source":"fe80::2"}}`; !ok || string(l.UserContext) != want || l.Hostname != "host" {
		t.Errorf("%v: context %s, host name %q", ok, l.UserContext, l.Hostname)
	}
}

// TestLinks holds how queries find their subnet, each rung once; the ladder
// itself is tested in package topology.
func TestLinks(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		n.Subnets[0].FourOSix = topology.FourOSix{}
		add := func(s *topology.Subnet, f topology.FourOSix) {
			s.FourOSix = f
			n.Subnets = append(n.Subnets, s)
		}
		add(subnet(2, "10.2.0.0/16", "10.2.0.10", "10.2.0.20"), topology.FourOSix{Iface: "eth1"})
		add(subnet(3, "10.3.0.0/16", "10.3.0.10", "10.3.0.20"), topology.FourOSix{Prefix: netip.MustParsePrefix("2001:db8:3::/48")})
		add(subnet(4, "10.4.0.0/16", "10.4.0.10", "10.4.0.20"), topology.FourOSix{InterfaceID: []byte("port4")})
		n.Subnets[0].Iface = "eth0"
	})
	relayed := func(link, id string, inner []byte) []byte {
		l := ip(link).As16()
		b := append(append([]byte{12, 0}, l[:]...), make([]byte, 16)...)
		if id != "" {
			b = dhcp6.AppendOption(b, dhcp6.OptInterfaceID, []byte(id))
		}
		return dhcp6.AppendOption(b, dhcp6.OptRelayMessage, inner)
	}
	tests := []struct {
		name   string
		q      query
		iface  string
		source string
		relay  func([]byte) []byte
		want   string
	}{
		{"4o6-interface", query{}, "eth1", "fe80::1", nil, "10.2.0.10"},
		{"4o6-subnet holds the source", query{}, "eth9", "2001:db8:3::1", nil, "10.3.0.10"},
		{"4o6-interface-id", query{}, "eth9", "fe80::1", func(b []byte) []byte { return relayed("::", "port4", b) }, "10.4.0.10"},
		{"link-address when nothing of Kea's matches", query{}, "eth9", "fe80::1", func(b []byte) []byte { return relayed("2001:db8:3::1", "", b) }, "10.3.0.10"},
		{"option 82.5", query{opts: "82=05040a040001"}, "eth9", "fe80::1", nil, "10.4.0.10"},
		{"option 118", query{opts: "118=0a040001"}, "eth9", "fe80::1", nil, "10.4.0.10"},
		{"giaddr", query{giaddr: "10.4.0.1"}, "eth9", "fe80::1", nil, "10.4.0.10"},
		{"nothing", query{}, "eth9", "fe80::1", nil, ""},
		{"a subnet without 4o6 keys is not for 4o6", query{giaddr: "192.0.2.9"}, "eth0", "fe80::1", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, n)
			tt.q.kind = dhcp4.Discover
			m := tt.q.message(t)
			m.Origin = ipc.Origin{Iface: tt.iface, Addr: ip(tt.source), Port: 546}
			if tt.relay != nil {
				m.Data = tt.relay(m.Data)
			}
			b.over6(m)
			x := b.w.exchanges[0]
			got := ""
			if x.Reply == dhcp4.Offer {
				got = x.Lease.Resource.Prefix.Addr().String()
			}
			if got != tt.want {
				t.Errorf("%q, want %q (%v)", got, tt.want, x.verdict)
			}
			if missed := b.count("4o6-no-subnet"); (missed == 1) != (tt.want == "") {
				t.Errorf("4o6-no-subnet is %d", missed)
			}
		})
	}
	t.Run("native: the interface", func(t *testing.T) {
		b := newBench(t, n)
		if out := b.native(query{kind: dhcp4.Discover}.datagram(t)); len(out) != 1 || read(t, out[0].Data).YIAddr != ip("192.0.2.100") {
			t.Errorf("%d replies", len(out))
		}
	})
	t.Run("native: option 118 beats giaddr", func(t *testing.T) {
		b := newBench(t, n)
		out := b.native(query{kind: dhcp4.Discover, giaddr: "192.0.2.9", opts: "118=0a040001"}.datagram(t))
		if len(out) != 1 || read(t, out[0].Data).YIAddr != ip("10.4.0.10") || out[0].Peer.Addr() != ip("192.0.2.9") {
			t.Errorf("%d replies", len(out))
		}
	})
	t.Run("no subnet at all", func(t *testing.T) {
		b := newBench(t, n)
		for _, k := range []dhcp4.MessageType{dhcp4.Discover, dhcp4.Request, dhcp4.Inform, dhcp4.Release, dhcp4.Decline} {
			q := query{kind: k, giaddr: "172.16.0.1", ciaddr: "172.16.0.9", opts: "50=ac100009"}
			if out := b.native(q.datagram(t)); len(out) != 0 {
				t.Errorf("%v: %d replies", k, len(out))
			}
		}
	})
	t.Run("no subnet, global options: INFORM", func(t *testing.T) {
		n := net1(func(n *topology.Topology) { n.Options = topology.Options{{Code: 6, Value: []byte{9, 9, 9, 9}}} })
		b := newBench(t, n)
		out := b.native(transport.Datagram(query{kind: dhcp4.Inform, giaddr: "172.16.0.1", ciaddr: "172.16.0.9"}.datagram(t)))
		if len(out) != 1 || say(read(t, out[0].Data)) != "ACK 54=c0000201 6=09090909" {
			t.Errorf("%d replies", len(out))
		}
	})
}
