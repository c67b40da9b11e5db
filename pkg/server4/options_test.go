package server4

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestReplyOptions holds which options are in which reply, and in which order.
func TestReplyOptions(t *testing.T) {
	opt := func(o topology.Option) func(*topology.Topology) {
		return func(n *topology.Topology) { setOption(n.Subnets[0], o) }
	}
	pol := func(f func(*topology.Policy)) func(*topology.Topology) {
		return func(n *topology.Topology) { f(&n.Subnets[0].Policy) }
	}
	discover := func(opts string) query { return query{kind: dhcp4.Discover, opts: opts} }
	head := "OFFER 192.0.2.100 54=c0000201 51=00000258"
	tests := []struct {
		name string
		net  func(*topology.Topology)
		q    query
		want string
	}{
		{"router, DNS and domain come unasked", opt(topology.Option{Code: 15, Value: []byte("a")}), discover(""),
			head + " 1=ffffff00 3=c0000201 6=c0000235 15=61"},
		{"what is asked for, in that order, once", opt(topology.Option{Code: 15, Value: []byte("a")}), discover("55=0f06060301330f"),
			head + " 1=ffffff00 15=61 6=c0000235 3=c0000201"},
		{"what is not asked for is not sent", opt(topology.Option{Code: 42, Value: []byte{1, 2, 3, 4}}), discover("55=03"),
			head + " 1=ffffff00 3=c0000201 6=c0000235"},
		{"always-send", opt(topology.Option{Code: 42, Value: []byte{1, 2, 3, 4}, Always: true}), discover("55=03"),
			head + " 1=ffffff00 3=c0000201 42=01020304 6=c0000235"},
		{"never-send, though asked for", opt(topology.Option{Code: 6, Value: []byte{1, 2, 3, 4}, Never: true}), discover("55=0306"),
			head + " 1=ffffff00 3=c0000201"},
		{"a subnet mask of the operator's", opt(topology.Option{Code: 1, Value: []byte{255, 0, 0, 0}}), discover("55=01"),
			head + " 1=ff000000 3=c0000201 6=c0000235"},
		{"the server's own options are not taken from option-data", opt(topology.Option{Code: 51, Value: []byte{0, 0, 0, 1}, Always: true}), discover("55=333a3b35343d5237"),
			head + " 1=ffffff00 3=c0000201 6=c0000235"},
		{"T1 and T2 in seconds", pol(func(p *topology.Policy) { p.T1.Seconds, p.T2.Seconds = 300, 500 }), discover(""),
			head + " 58=0000012c 59=000001f4 1=ffffff00 3=c0000201 6=c0000235"},
		{"T1 and T2 calculated", pol(func(p *topology.Policy) { p.T1.Percent, p.T2.Percent = 0.5, 0.875 }), discover(""),
			head + " 58=0000012c 59=0000020d 1=ffffff00 3=c0000201 6=c0000235"},
		{"T2 beyond the lifetime is left out", pol(func(p *topology.Policy) { p.T1.Seconds, p.T2.Seconds = 300, 600 }), discover(""),
			head + " 58=0000012c 1=ffffff00 3=c0000201 6=c0000235"},
		{"lifetime: the client's wish within the bounds", pol(func(p *topology.Policy) { p.Valid = topology.Lifetime{Min: 100, Default: 600, Max: 1000} }), discover("51=000000c8"),
			"OFFER 192.0.2.100 54=c0000201 51=000000c8 1=ffffff00 3=c0000201 6=c0000235"},
		{"lifetime: too much", pol(func(p *topology.Policy) { p.Valid = topology.Lifetime{Min: 100, Default: 600, Max: 1000} }), discover("51=ffffffff"),
			"OFFER 192.0.2.100 54=c0000201 51=000003e8 1=ffffff00 3=c0000201 6=c0000235"},
		{"lifetime: for ever", pol(func(p *topology.Policy) {
			p.Valid = topology.Lifetime{Min: 1 << 31, Default: 1<<32 - 1, Max: 1<<32 - 1}
			p.T1.Percent = 0.5
		}), discover(""),
			"OFFER 192.0.2.100 54=c0000201 51=ffffffff 1=ffffff00 3=c0000201 6=c0000235"},
		{"client identifier comes back (RFC 6842), option 82 last", nil, discover("82=010161 61=010203 55=03"),
			head + " 1=ffffff00 3=c0000201 6=c0000235 61=010203 82=010161"},
		{"echo-client-id off", pol(func(p *topology.Policy) { p.EchoClientID = false }), discover("82=010161 61=010203"),
			head + " 1=ffffff00 3=c0000201 6=c0000235 82=010161"},
		{"a malformed option 82 comes back as it was", nil, discover("82=01ff61"),
			head + " 1=ffffff00 3=c0000201 6=c0000235 82=01ff61"},
		{"NAK: identifiers and text alone", nil, query{kind: dhcp4.Request, opts: "50=0a000001 54=c0000201 55=0306 61=010203 82=010161"},
			"NAK 54=c0000201 56=" + fmt.Sprintf("%x", "requested address not available") + " 61=010203 82=010161"},
		{"host name comes back clean", nil, discover("12=486f7374204e616d6521"),
			head + " 1=ffffff00 3=c0000201 6=c0000235 12=686f73746e616d65"},
		{"host name asked for, none known", nil, discover("55=0c"),
			head + " 1=ffffff00 3=c0000201 6=c0000235"},
		{"FQDN: no update is done, S is overridden", nil, discover("81=010000486f73742e6578616d706c65"),
			head + " 1=ffffff00 3=c0000201 6=c0000235 81=0affff686f73742e6578616d706c652e"},
		{"FQDN in wire form", nil, discover("81=f4000004686f7374"),
			head + " 1=ffffff00 3=c0000201 6=c0000235 81=0cffff04686f737400"},
		{"with FQDN the host name says nothing", nil, discover("12=61 81=00000062"),
			head + " 1=ffffff00 3=c0000201 6=c0000235 81=08ffff622e"},
		{"INFORM: no lifetime, no timers", pol(func(p *topology.Policy) { p.T1.Seconds = 300 }), query{kind: dhcp4.Inform, ciaddr: "192.0.2.9", opts: "55=33"},
			"ACK 54=c0000201 3=c0000201 6=c0000235"},
		{"relay's server identifier of another length", nil, discover("82=0b030a0000"),
			head + " 1=ffffff00 3=c0000201 6=c0000235 82=0b030a0000"},
		{"relay's server identifier (RFC 5107)", nil, discover("82=0b040a000001"),
			"OFFER 192.0.2.100 54=0a000001 51=00000258 1=ffffff00 3=c0000201 6=c0000235 82=0b040a000001"},
		{"and the REQUEST that names it", nil, query{kind: dhcp4.Request, opts: "50=c0000264 54=0a000001 82=0b040a000001"},
			"ACK 192.0.2.100 54=0a000001 51=00000258 1=ffffff00 3=c0000201 6=c0000235 82=0b040a000001"},
		{"classless routes stand where the client names them, routers besides (RFC 3442)", opt(topology.Option{Code: 121, Value: []byte{0, 192, 0, 2, 1}}), discover("55=017903"),
			head + " 1=ffffff00 121=00c0000201 3=c0000201 6=c0000235"},
		{"an option without a value", opt(topology.Option{Code: 80, Value: []byte{}}), discover("55=50"),
			head + " 1=ffffff00 80= 3=c0000201 6=c0000235"},
		{"a PXE client's machine comes back (RFC 4578)", nil, discover("60=505845436c69656e74 97=00010203 61=0102"),
			head + " 1=ffffff00 3=c0000201 6=c0000235 97=00010203 61=0102"},
		{"unless the operator says otherwise", opt(topology.Option{Code: 97, Value: []byte{0, 7}}), discover("60=505845436c69656e74 97=00010203 55=61"),
			head + " 1=ffffff00 97=0007 3=c0000201 6=c0000235"},
		{"another client's does not", nil, discover("60=505858 97=00010203"),
			head + " 1=ffffff00 3=c0000201 6=c0000235"},
		{"IPv6-only preferred: who can do without gets no address (RFC 8925)", opt(topology.Option{Code: 108, Value: []byte{0, 0, 7, 8}}), discover("55=036c 51=000000c8"),
			"OFFER 54=c0000201 3=c0000201 108=00000708 6=c0000235"},
		{"but gets one that it requests", opt(topology.Option{Code: 108, Value: []byte{0, 0, 7, 8}}), query{kind: dhcp4.Request, opts: "50=c0000264 54=c0000201 55=036c"},
			"ACK 192.0.2.100 54=c0000201 51=00000258 1=ffffff00 3=c0000201 108=00000708 6=c0000235"},
		{"who does not ask is not told, always-send or not", opt(topology.Option{Code: 108, Value: []byte{0, 0, 7, 8}, Always: true}), discover("55=03"),
			head + " 1=ffffff00 3=c0000201 6=c0000235"},
		{"asked for, not configured", nil, discover("55=6c"),
			head + " 1=ffffff00 3=c0000201 6=c0000235"},
		{"never-send", opt(topology.Option{Code: 108, Value: []byte{0, 0, 7, 8}, Never: true}), discover("55=6c"),
			head + " 1=ffffff00 3=c0000201 6=c0000235"},
	}
	for _, tt := range tests {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				var edit []func(*topology.Topology)
				if tt.net != nil {
					edit = append(edit, tt.net)
				}
				b := newBench(t, net1(edit...))
				if got := say(way.ask(b, tt.q)); got != tt.want {
					t.Errorf("\n got %s\nwant %s", got, tt.want)
				}
			})
		}
	}
}

// TestScopes: what is nearer to the client hides what is further out.
func TestScopes(t *testing.T) {
	at := func(v byte) topology.Option { return topology.Option{Code: 42, Value: []byte{v}, Always: true} }
	n := net1(func(n *topology.Topology) {
		setOption(n.Subnets[0], at(1))
		p := addPool(n.Subnets[0], 1, "192.0.2.10", "192.0.2.19")
		p.Options = topology.Merge(p.Options, topology.Options{at(2)})
		host := func(mac string, addr string, o ...topology.Option) {
			r := &topology.Reservation{Key: topology.Key{Kind: topology.HWAddress, ID: string(unhex(t, mac))}, Options: o}
			if addr != "" {
				r.Addr = ip(addr)
			}
			if n.Subnets[0].Reservations == nil {
				n.Subnets[0].Reservations = make(map[topology.Key]*topology.Reservation)
			}
			n.Subnets[0].Reservations[r.Key] = r
		}
		host(hwA, "", at(3))
		host(hwB, "192.0.2.12", topology.Option{Code: 42, Never: true})
	})
	tests := []struct{ name, hw, opts, want string }{
		{"subnet, in a pool without its own", "02005e000001", "", "2a01"},
		{"pool", "02005e000002", "50=c000020a", "2a02"},
		{"host", hwA, "", "2a03"},
		{"host hides it", hwB, "", ""},
	}
	for _, tt := range tests {
		b := newBench(t, n)
		m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: tt.hw, opts: tt.opts})
		got := ""
		if v, ok := m.Option(42); ok {
			got = fmt.Sprintf("2a%x", v)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q (%s)", tt.name, got, tt.want, say(m))
		}
	}
}

// TestBootFields: siaddr, sname and file, the host's before the subnet's.
func TestBootFields(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		p := &n.Subnets[0].Policy
		p.NextServer, p.ServerHostname, p.BootFileName = ip("192.0.2.3"), "subnet", "subnet.img"
		r := &topology.Reservation{Key: topology.Key{Kind: topology.HWAddress, ID: string(unhex(t, hwA))}, NextServer: ip("192.0.2.4"), BootFileName: "host.img"}
		n.Subnets[0].Reservations = map[topology.Key]*topology.Reservation{r.Key: r}
	})
	for _, tt := range []struct{ hw, next, sname, file string }{
		{hwB, "192.0.2.3", "subnet", "subnet.img"},
		{hwA, "192.0.2.4", "subnet", "host.img"},
	} {
		for _, kind := range []dhcp4.MessageType{dhcp4.Discover, dhcp4.Inform} {
			m := ways[0].ask(newBench(t, n), query{kind: kind, hw: tt.hw})
			sname, file := strings.TrimRight(string(m.SName()), "\x00"), strings.TrimRight(string(m.File()), "\x00")
			if m.SIAddr != ip(tt.next) || sname != tt.sname || file != tt.file {
				t.Errorf("%v of %s: %v %q %q", kind, tt.hw, m.SIAddr, sname, file)
			}
		}
	}
}

// TestLimit: option 57 is kept, with overload where it helps; without it a reply
// grows as far as an Ethernet goes; what echoes is always there.
func TestLimit(t *testing.T) {
	big := func(n *topology.Topology) {
		for c := uint16(224); c < 232; c++ {
			setOption(n.Subnets[0], topology.Option{Code: c, Value: bytes.Repeat([]byte{byte(c)}, 60), Always: true})
		}
	}
	id := strings.Repeat("ab", 100)
	tests := []struct {
		name     string
		opts     string
		max, min int
		options  int // of the eight
		overload bool
	}{
		{"576", "57=0240", 548, 500, 5, true},
		{"less than is legal counts as 576", "57=0010", 548, 500, 5, true},
		{"1500", "57=05dc", 1472, 700, 8, false},
		{"none", "", 1472, 650, 8, true},
	}
	for _, tt := range tests {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				b := newBench(t, net1(big))
				m := way.ask(b, query{kind: dhcp4.Discover, opts: tt.opts + " 61=" + id + " 82=010161"})
				if n := len(m.Bytes()); n > tt.max || n < tt.min {
					t.Errorf("%d octets", n)
				}
				n := 0
				for c := dhcp4.Code(224); c < 232; c++ {
					if v, ok := m.Option(c); ok {
						n++
						if !bytes.Equal(v, bytes.Repeat([]byte{byte(c)}, 60)) {
							t.Errorf("option %d is %x", c, v)
						}
					}
				}
				if n < tt.options || (n < 8) != (b.count("pkt4-option-no-room") > 0) {
					t.Errorf("%d options, %d counted as left out", n, b.count("pkt4-option-no-room"))
				}
				if m.Has(dhcp4.OptOverload) != tt.overload {
					t.Errorf("overload: %v", m.Has(dhcp4.OptOverload))
				}
				if v, _ := m.Option(dhcp4.OptClientID); fmt.Sprintf("%x", v) != id {
					t.Errorf("client identifier %x", v)
				}
				if v, _ := m.Option(dhcp4.OptRelayAgentInfo); fmt.Sprintf("%x", v) != "010161" {
					t.Errorf("option 82 %x", v)
				}
			})
		}
	}
}

// TestFramesFitTheLink: what goes to a hardware address fits the link, whatever the client
// says that it takes; what the kernel sends, in fragments if need be, is as long as
// the client says. To who says nothing all is sent in one piece.
func TestFramesFitTheLink(t *testing.T) {
	big := func(n *topology.Topology) {
		for c := uint16(224); c < 254; c++ {
			setOption(n.Subnets[0], topology.Option{Code: c, Value: bytes.Repeat([]byte{byte(c)}, 100), Always: true})
		}
	}
	for _, tt := range []struct {
		name     string
		mtu      int
		q        query
		min, max int
	}{
		{"a large option 57", 1500, query{opts: "57=0fa0"}, 1300, 1472},
		{"the largest", 1500, query{opts: "57=ffff"}, 1300, 1472},
		{"on a tunnel", 1450, query{opts: "57=ffff"}, 1250, 1422},
		{"on a tunnel, less than it carries", 1450, query{opts: "57=04b0"}, 1000, 1172},
		{"on a tunnel, without option 57", 1300, query{}, 1100, 1272},
		{"frames of 9000 octets", 9000, query{opts: "57=ffff"}, 3000, 8972},
		{"the least MTU of IPv4", 68, query{opts: "57=ffff"}, 400, 548},
		{"nobody knows the MTU", 0, query{opts: "57=ffff"}, 3000, 65507},
		{"broadcast flag", 1450, query{opts: "57=ffff", flags: dhcp4.FlagBroadcast}, 3000, 65507},
		{"broadcast flag, without option 57", 1300, query{flags: dhcp4.FlagBroadcast}, 1100, 1272},
		{"to ciaddr, without option 57", 1300, query{kind: dhcp4.Request, ciaddr: "192.0.2.100"}, 1100, 1272},
		{"relayed, without option 57", 1300, query{giaddr: "192.0.2.9"}, 1350, 1472},
		{"relayed", 1450, query{opts: "57=ffff", giaddr: "192.0.2.9"}, 3000, 65507},
		{"to ciaddr", 1450, query{kind: dhcp4.Request, opts: "57=ffff", ciaddr: "192.0.2.100"}, 3000, 65507},
	} {
		links := eth0()
		links[0].MTU = tt.mtu
		b := newBench(t, net1(big))
		b.s.Links(links)
		if tt.q.kind == 0 {
			tt.q.kind = dhcp4.Discover
		}
		tt.q.hw = hwA
		out := b.native(tt.q.datagram(t))
		if len(out) != 1 || len(out[0].Data) < tt.min || len(out[0].Data) > tt.max {
			t.Errorf("%s: %d replies, %d octets", tt.name, len(out), len(out[0].Data))
		}
		if got := read(t, out[0].Data); got.YIAddr != ip("192.0.2.100") {
			t.Errorf("%s: %s", tt.name, say(got))
		}
	}
}

func TestNames(t *testing.T) {
	wire := func(flags byte, v string) string { return fmt.Sprintf("81=%02x0000%x", flags, v) }
	tests := []struct{ name, opts, want string }{
		{"none", "", ""},
		{"plain", fmt.Sprintf("12=%x", "Host-1.Example"), "host-1.example"},
		{"injection", fmt.Sprintf("12=%x", "a\n\",'}$(b)\x00c"), "abc"},
		{"nothing left", fmt.Sprintf("12=%x", "\n{}"), ""},
		{"a dot at the end", fmt.Sprintf("12=%x", "a.b."), "a.b."},
		{"a NUL at the end", fmt.Sprintf("12=%x", "host\x00"), "host"},
		{"dots alone", fmt.Sprintf("12=%x", "..."), ""},
		{"an empty label", fmt.Sprintf("12=%x", "aaa..bbb"), ""},
		{"a dot in front", fmt.Sprintf("12=%x", ".a"), ""},
		{"a label of 63", fmt.Sprintf("12=%x", strings.Repeat("a", 63)), strings.Repeat("a", 63)},
		{"a label of 64", fmt.Sprintf("12=%x", strings.Repeat("a", 64)), ""},
		{"254 octets", fmt.Sprintf("12=%x", strings.Repeat("abcd.", 50)+"abc."), strings.Repeat("abcd.", 50) + "abc."},
		{"254 octets without room for the root", fmt.Sprintf("12=%x", strings.Repeat("abcd.", 50)+"abcd"), ""},
		{"more than 255", fmt.Sprintf("12=%x 12=%x", strings.Repeat("abcd.", 40), strings.Repeat("abcd.", 40)), ""},
		{"FQDN in text", wire(0, "Host.Example"), "host.example."},
		{"FQDN in wire form", wire(4, "\x04host\x07example\x00"), "host.example."},
		{"FQDN in wire form, partial", wire(4, "\x04host"), "host."},
		{"FQDN with a label past the end", wire(4, "\x09host"), ""},
		{"FQDN with a pointer", wire(4, "\xc0\x00"), ""},
		{"FQDN with a dot in a label", wire(4, "\x05ho.st\x00"), "host."},
		{"FQDN too short", "81=0000", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var q dhcp4.Message
			if err := q.Parse(query{kind: dhcp4.Discover, opts: tt.opts}.bytes(t)); err != nil {
				t.Fatal(err)
			}
			var h name
			h.read(&q)
			ddns.Default.Decide(&h.is, &h.asked, "", ip("192.0.2.9"))
			if got := h.text(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestLongEcho: identifier and relay information of any length come back to who
// sets no limit, and what a limit keeps out is counted.
func TestLongEcho(t *testing.T) {
	id, info := strings.Repeat("ab", 250), "01f8"+strings.Repeat("cd", 248)
	for _, tt := range []struct {
		name, opts string
		whole      bool
	}{
		{"no limit", "", true},
		{"1500", "57=05dc ", true},
		{"576", "57=0240 ", false},
	} {
		for _, way := range ways {
			b := newBench(t, net1())
			m := way.ask(b, query{kind: dhcp4.Discover, opts: tt.opts + "61=" + id + " 82=" + info})
			v61, _ := m.Option(dhcp4.OptClientID)
			v82, _ := m.Option(dhcp4.OptRelayAgentInfo)
			whole := fmt.Sprintf("%x %x", v61, v82) == id+" "+info
			if lost := b.count("pkt4-option-no-room"); whole != tt.whole || (lost > 0) == whole {
				t.Errorf("%s, %s: identifier of %d octets, relay information of %d, %d counted as left out", tt.name, way.name, len(v61), len(v82), lost)
			}
			if !m.YIAddr.IsValid() || m.YIAddr.IsUnspecified() || !m.Has(dhcp4.OptLeaseTime) {
				t.Errorf("%s, %s: no lease in %s", tt.name, way.name, say(m))
			}
		}
	}
}
