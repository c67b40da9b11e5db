package server6

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// loud makes the server log everything, to nowhere: what is logged is formatted.
func loud(_ *topology.Topology, o *Options) {
	o.Log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.DebugLevel))
}

// templates are good messages of every kind, direct and relayed.
func (l *lab) templates() [][]byte {
	a := netip.MustParseAddr("2001:db8:1::101")
	all := [][]byte{query4(1), l.message(dhcp6.InformationRequest, cid(), oro(dhcp6.OptDNSServers))}
	for mt := dhcp6.Solicit; mt <= dhcp6.Decline; mt++ {
		m := l.message(mt, cid(), iaNA(1, a), iaNA(2), oro(dhcp6.OptDNSServers))
		if rules[mt].server == required {
			m = append(m, sid()...)
		}
		all = append(all, m)
	}
	for _, m := range all[:len(all):len(all)] {
		all = append(all, relayed(m, roads[2].levels...))
	}
	return all
}

// Cut at every octet, nothing panics and nothing but silence comes of a message
// whose layers do not add up.
func TestCutAtEveryOctet(t *testing.T) {
	l := newLab(t, loud)
	for _, m := range l.templates() {
		for n := range m {
			for _, a := range l.give(l.in(m[:n:n])) {
				if len(m) > 0 && dhcp6.MessageType(m[0]) == dhcp6.RelayForw {
					t.Fatalf("a relay message cut after %d octets is answered: %x", n, a.Data)
				}
			}
		}
	}
	if l.counted("pkt6-drop-panic") != 0 {
		t.Error("a panic")
	}
}

// Good messages with a few octets changed, debug logging on: no panic, and every
// answer parses and fits.
func TestChangedOctets(t *testing.T) {
	l := newLab(t, loud)
	r := rand.New(rand.NewPCG(1, 2))
	templates := l.templates()
	for range 20000 {
		m := bytes.Clone(templates[r.IntN(len(templates))])
		for range 1 + r.IntN(4) {
			m[r.IntN(len(m))] = byte(r.Uint32())
		}
		d := l.in(m)
		if r.IntN(2) == 0 {
			d.Peer, d.Local = relayAddr, ours
		}
		for _, a := range l.give(d) {
			var e dhcp6.Envelope
			if err := e.Parse(a.Data); err != nil || len(a.Data) > dhcp6.MaxMessage {
				t.Fatalf("%x\nanswered by\n%x: %v", m, a.Data, err)
			}
		}
		l.pair.taken()
	}
	if l.counted("pkt6-drop-panic") != 0 {
		t.Error("a panic")
	}
}

func FuzzServe(f *testing.F) {
	l := newLab(f, loud)
	for _, m := range l.templates() {
		f.Add(m, false)
		f.Add(m, true)
	}
	f.Fuzz(func(t *testing.T, m []byte, unicast bool) {
		d := l.in(m)
		if unicast {
			d.Local = loopback
		}
		for _, a := range l.give(d) {
			var e, q dhcp6.Envelope
			if err := e.Parse(a.Data); err != nil {
				t.Fatalf("answer %x: %v", a.Data, err)
			}
			if q.Parse(m) != nil || len(q.Relays) != len(e.Relays) || e.Message.XID != q.Message.XID {
				t.Fatalf("answer %x", a.Data)
			}
			if id, _ := e.Message.Options.Option(dhcp6.OptServerID); !bytes.Equal(id, serverID) {
				t.Fatal("without our identifier")
			}
		}
		l.pair.taken()
		if l.counted("pkt6-drop-panic") != 0 {
			t.Fatal("a panic")
		}
	})
}

// The largest questions cost bounded time, and their answers stay bounded.
func TestLargeQuestions(t *testing.T) {
	l := newLab(t)
	many := func(o []byte, n int) []byte { return bytes.Repeat(o, n) }
	addrs := make([]netip.Addr, 440)
	for i := range addrs {
		a := prefix.Addr().As16()
		a[14], a[15] = byte(i>>8)|4, byte(i)
		addrs[i] = netip.AddrFrom16(a)
	}
	long := make([]byte, 0, 65000)
	for i := range 30000 {
		long = binary.BigEndian.AppendUint16(long, uint16(i))
	}
	deep := l.message(dhcp6.Solicit, cid(), iaNA(1))
	for i := range dhcp6.MaxRelays {
		deep = relayed(deep, dhcp6.Relay{Hops: byte(i), Link: relayLink, Options: append(opt(dhcp6.OptRemoteID, make([]byte, 1500)), opt(dhcp6.OptERO, []byte{0, 37})...)})
		if i == 0 {
			deep = l.message(dhcp6.Solicit, cid(), iaNA(1))
		}
	}
	tests := []struct {
		name string
		m    []byte
	}{
		{"3,000 IAs", l.message(dhcp6.Solicit, cid(), many(iaNA(1), 3000))},
		{"64 IAs", l.message(dhcp6.Request, cid(), sid(), many(iaNA(1), 64))},
		{"30,000 codes", l.message(dhcp6.Solicit, cid(), iaNA(1), opt(dhcp6.OptORO, long))},
		{"440 addresses to renew", l.message(dhcp6.Renew, cid(), sid(), iaNA(1, addrs...))},
		{"15,000 empty options", l.message(dhcp6.Solicit, cid(), many(opt(9999, nil), 15000))},
		{"deep and wide relays", deep},
	}
	for _, tt := range tests {
		var out []transport.Datagram
		took := time.Hour
		for range 5 { // the least is not another process's time
			began := time.Now()
			out = l.give(l.in(tt.m))
			took = min(took, time.Since(began))
		}
		if took > 100*time.Millisecond {
			t.Errorf("%s took %v", tt.name, took)
		}
		for _, a := range out {
			if len(a.Data) > len(tt.m)+4096 {
				t.Errorf("%s: %d octets answered by %d", tt.name, len(tt.m), len(a.Data))
			}
		}
	}
	// And a neighbour's question is answered as ever.
	l.ask(l.message(dhcp6.Solicit, opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(1, []byte("n"))), iaNA(1))).is(dhcp6.Advertise)
}

// probes reads the client's side of a capture: what hand-made clients and relays
// sent to port 547 from elsewhere, in order.
func probes(t *testing.T, name string) (all []transport.Datagram) {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for b = b[24:]; len(b) >= 16; {
		size := int(binary.LittleEndian.Uint32(b[8:]))
		frame := b[16 : 16+size]
		b = b[16+size:]
		if len(frame) < 62 || binary.BigEndian.Uint16(frame[12:]) != 0x86dd || frame[20] != 17 {
			continue
		}
		udp := frame[54:]
		if binary.BigEndian.Uint16(udp[2:]) != 547 {
			continue
		}
		from := netip.AddrPortFrom(netip.AddrFrom16([16]byte(frame[22:38])), binary.BigEndian.Uint16(udp))
		all = append(all, transport.Datagram{
			Data: udp[8:binary.BigEndian.Uint16(udp[4:])], Peer: from, Local: netip.AddrFrom16([16]byte(frame[38:54])), IfIndex: 7,
		})
	}
	return all
}

// The questions that kea-dhcp6 was asked on the wire, and what becomes of each:
// handed over as it came, or dropped for a reason. Kea hands over 6, 7 and 8 too,
// but for an empty message; RFC 7341 §11 discards a query without a DHCPv4 message.
func TestQuestionsThatKeaWasAsked(t *testing.T) {
	handed := ""
	rules := []struct{ question, drop string }{
		{"by unicast", handed},
		{"by multicast", handed},
		{"unicast flag set", handed},
		{"client options besides", handed},
		{"no option 87", "no-message"},
		{"two options 87", "no-message"},
		{"empty option 87", "no-message"},
		{"option 87 of 10 octets", "no-message"},
		{"type 21", "message-type"},
		{"option 17 of enterprise 9", handed},
		{"option 17 of 2495 with an origin", handed}, // package ipc takes the origin out
		{"both", handed},
		{"option 17 of 2495 with suboption 1", handed},
		{"relayed", handed},
		{"relayed from port 1547 with option 135", handed},
		{"relayed from port 1547 without it", handed},
		{"type 21, relayed", "message-type"},
		{"two relays", handed},
		{"Relay-reply", "message-type"},
		{"Relay-reply", "message-type"},
		{"Relay-forward around type 21", "message-type"},
		{"plain", handed}, {"plain", handed}, {"plain", handed}, {"plain", handed},
	}
	l := newLab(t)
	questions := probes(t, "../../testdata/captures/probe-kea6.pcap")
	if len(questions) != len(rules) {
		t.Fatalf("%d questions, %d rules", len(questions), len(rules))
	}
	for i, d := range questions {
		r := rules[i]
		before := l.counted("pkt6-drop-" + r.drop)
		if out := l.give(d); len(out) != 0 {
			t.Errorf("%d, %s: answered", i+1, r.question)
		}
		q := l.pair.taken()
		switch {
		case r.drop == handed && (len(q) != 1 || !bytes.Equal(q[0].Data, d.Data) || q[0].Origin.Addr != d.Peer.Addr() || q[0].Origin.Port != d.Peer.Port()):
			t.Errorf("%d, %s: handed over %v", i+1, r.question, q)
		case r.drop != handed && (len(q) != 0 || l.counted("pkt6-drop-"+r.drop) != before+1):
			t.Errorf("%d, %s: %d handed over, dropped for %s %d times", i+1, r.question, len(q), r.drop, l.counted("pkt6-drop-"+r.drop)-before)
		}
	}
}
