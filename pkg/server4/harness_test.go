package server4

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// start is when every test begins.
var start = time.Unix(1_800_000_000, 0)

// A bench is a server over a store in memory, with a worker that is driven by
// hand: what goes in is answered at once, as a batch of its own.
type bench struct {
	t     testing.TB
	s     *Server
	w     *worker
	store *leasetest.Memory
	table *lease.Table
	set   *metrics.Set
	now   time.Time
	sock  transport.Socket
}

func newBench(t testing.TB, net *topology.Topology) *bench {
	return newBenchWith(t, net, Options{Interfaces: eth0()})
}

func eth0() []netif.Interface {
	return []netif.Interface{{Index: 2, Name: "eth0", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}}
}

func newBenchWith(t testing.TB, net *topology.Topology, o Options) *bench {
	b := &bench{t: t, store: new(leasetest.Memory), set: new(metrics.Set), now: start}
	b.table = lease.NewTable(b.store, lease.TableOptions{})
	if _, err := b.table.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	o.Leases, o.Metrics, o.Topology = b.table, b.set, net
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	b.s = New(o)
	b.w = &worker{s: b.s}
	b.sock = transport.Socket{Iface: "eth0", IfIndex: 2, Addr: ip("192.0.2.1")}
	return b
}

// native gives datagrams to the server as one batch and returns what it sends.
func (b *bench) native(in ...transport.Datagram) []transport.Datagram {
	for i := range in {
		in[i].At = b.now
		b.w.slot(i).native(&in[i], &b.sock)
	}
	b.w.turn(len(in))
	return b.w.out
}

// over6 is native for the loopback pair.
func (b *bench) over6(in ...ipc.Message) []ipc.Message {
	for i := range in {
		b.w.slot(i).tunnelled(&in[i], b.now)
	}
	b.w.turn(len(in))
	return b.w.answers
}

// A query is what a client sends, in a form to write tables with.
type query struct {
	kind   dhcp4.MessageType
	xid    uint32
	hw     string // hex; "-": none; "": 02005e000001
	ciaddr string
	giaddr string
	flags  uint16
	hops   byte
	opts   string // code=hex, with spaces between: "50=c0000264 61=..."
}

func (q query) bytes(t testing.TB) []byte {
	t.Helper()
	var w dhcp4.Builder
	hw := q.hw
	switch hw {
	case "":
		hw = "02005e000001"
	case "-":
		hw = ""
	}
	w.Header.HType, w.Header.XID, w.Header.Flags, w.Header.Hops = 1, q.xid, q.flags, q.hops
	if q.ciaddr != "" {
		w.Header.CIAddr = ip(q.ciaddr)
	}
	if q.giaddr != "" {
		w.Header.GIAddr = ip(q.giaddr)
	}
	w.SetCHAddr(unhex(t, hw))
	w.Query(q.kind, nil)
	for _, o := range strings.Fields(q.opts) {
		var code uint8
		c, v, _ := strings.Cut(o, "=")
		if _, err := fmt.Sscan(c, &code); err != nil {
			t.Fatal(err)
		}
		w.Add(dhcp4.Code(code), unhex(t, v))
	}
	return bytes.Clone(w.Bytes())
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return b
}

// datagram is a query as a relay or a client sends it.
func (q query) datagram(t testing.TB) transport.Datagram {
	d := transport.Datagram{Data: q.bytes(t), IfIndex: 2, Local: ip("192.0.2.1"), Peer: netip.AddrPortFrom(ip("192.0.2.9"), 67)}
	if q.giaddr == "" {
		d.Peer = netip.AddrPortFrom(ip("0.0.0.0"), 68)
		d.Local = broadcast
	}
	if q.ciaddr != "" && q.giaddr == "" {
		d.Peer, d.Local = netip.AddrPortFrom(ip(q.ciaddr), 68), ip("192.0.2.1")
	}
	return d
}

// message is a query as the v6 side hands it over.
func (q query) message(t testing.TB) ipc.Message {
	var p pkt4o6.Packet
	return ipc.Message{Data: p.Wrap(nil, q.bytes(t), false), Origin: ipc.Origin{Iface: "eth0", Addr: ip("fe80::2"), Port: 546}}
}

// The two ways in which a query comes. Every rule about messages holds for both.
var ways = []struct {
	name string
	ask  func(*bench, query) *dhcp4.Message // nil: no reply
}{
	{"native relayed", func(b *bench, q query) *dhcp4.Message {
		if q.giaddr == "" {
			q.giaddr = "192.0.2.9"
		}
		out := b.native(q.datagram(b.t))
		if len(out) == 0 {
			return nil
		}
		return read(b.t, out[0].Data)
	}},
	{"4o6", func(b *bench, q query) *dhcp4.Message {
		out := b.over6(q.message(b.t))
		if len(out) == 0 {
			return nil
		}
		var p pkt4o6.Packet
		if err := p.Envelope.Parse(bytes.Clone(out[0].Data)); err != nil {
			b.t.Fatal(err)
		}
		if err := p.OpenResponse(); err != nil {
			b.t.Fatal(err)
		}
		return read(b.t, p.Query.Bytes())
	}},
}

func read(t testing.TB, b []byte) *dhcp4.Message {
	t.Helper()
	m := new(dhcp4.Message)
	if err := m.Parse(bytes.Clone(b)); err != nil {
		t.Fatalf("reply does not parse: %v", err)
	}
	return m
}

// say writes a reply down for comparison: its type, yiaddr, and options in the
// order of the wire but for the type.
func say(m *dhcp4.Message) string {
	if m == nil {
		return "silence"
	}
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(m.Type().String(), "DHCP"))
	if !m.YIAddr.IsUnspecified() {
		fmt.Fprintf(&b, " %v", m.YIAddr)
	}
	for c, v := range m.All {
		if c != dhcp4.OptMessageType {
			fmt.Fprintf(&b, " %d=%x", c, v)
		}
	}
	return b.String()
}

// net1 is one subnet with a pool of 100 addresses from 192.0.2.100 on, lifetime
// 600 s, DNS and router configured, that both relayed and 4o6 queries lead to.
func net1(edit ...func(*topology.Topology)) *topology.Topology {
	t := &topology.Topology{Family: topology.V4, Policy: policy(),
		Identifiers: []topology.IdentifierKind{topology.HWAddress, topology.DUID, topology.CircuitID, topology.ClientID}}
	t.Subnets = []*topology.Subnet{subnet(1, "192.0.2.0/24", "192.0.2.100", "192.0.2.199")}
	for _, e := range edit {
		e(t)
	}
	t.Freeze()
	return t
}

func policy() topology.Policy {
	return topology.Policy{Valid: topology.Lifetime{Min: 600, Default: 600, Max: 600}, MatchClientID: true, EchoClientID: true}
}

func subnet(id uint32, prefix, first, last string) *topology.Subnet {
	s := &topology.Subnet{ID: id, Prefix: netip.MustParsePrefix(prefix), Policy: policy(), ReserveIn: true,
		FourOSix: topology.FourOSix{Iface: "eth0"},
		Options:  topology.Options{{Code: 3, Value: []byte{192, 0, 2, 1}}, {Code: 6, Value: []byte{192, 0, 2, 53}}}}
	addPool(s, 0, first, last)
	return s
}

func addPool(s *topology.Subnet, id uint32, first, last string) *topology.Pool {
	lp, err := lease.NewPool(lease.V4, s.ID, id, ip(first), ip(last), 32)
	if err != nil {
		panic(err)
	}
	p := &topology.Pool{Lease: lp, Options: s.Options}
	s.Pools = append(s.Pools, p)
	return p
}

// setOption lays an option over those of a subnet and its pools.
func setOption(s *topology.Subnet, o topology.Option) {
	s.Options = topology.Merge(s.Options, topology.Options{o})
	for _, p := range s.Pools {
		p.Options = topology.Merge(p.Options, topology.Options{o})
	}
}

// count returns a statistic, 0 for one that there is not.
func (b *bench) count(name string) int64 {
	m, _ := b.set.Find(name)
	return m.Value
}
