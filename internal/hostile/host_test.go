package hostile

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/server6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

var (
	server   = netip.MustParseAddr("192.0.2.1")
	server6a = netip.MustParseAddr("2001:db8:46::1")
	sender   = netip.MustParseAddr("2001:db8:46::66")
	group    = netip.MustParseAddr("ff02::1:2")
	link     = []netif.Interface{{Index: 2, Name: "eth0", Up: true, Addrs: []netip.Prefix{
		netip.PrefixFrom(server, 24), netip.PrefixFrom(server6a, 64)}}}
	duid = dhcp6.NewDUIDLL(1, []byte{2, 0, 0x5e, 0x46, 0, 2})
)

// Both families have few addresses, so that they are used up early on. The v4
// subnet is for every road.
const (
	conf4 = `{"Dhcp4": {"valid-lifetime": 600, "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "interface": "eth0",
		"4o6-interface": "eth0", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]}}`
	conf6 = `{"Dhcp6": {"valid-lifetime": 600, "preferred-lifetime": 400, "subnet6": [{"id": 1, "subnet": "2001:db8:46::/64",
		"interface": "eth0", "rapid-commit": true, "pools": [{"pool": "2001:db8:46::1000 - 2001:db8:46::10ff"}]}]}}`
)

// A host is both engines without their daemons: packets come out of functions.
type host struct {
	t      testing.TB
	now    time.Time // zero: the time that it is
	lines  *counted
	v4, v6 *engine
	s4     *server4.Server
	s6     *server6.Server
}

type engine struct {
	stats *metrics.Set
	table *lease.Table
}

func newHost(t testing.TB, level zapcore.Level) *host {
	t.Helper()
	return newHostOn(t, level, new(leasetest.Memory), new(leasetest.Memory))
}

func newHostOn(t testing.TB, level zapcore.Level, leases4, leases6 lease.Store) *host {
	t.Helper()
	h := &host{t: t, lines: new(counted), v4: newEngine(t, leases4), v6: newEngine(t, leases6)}
	log := zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewProductionEncoderConfig()), h.lines, level))
	h.s4 = server4.New(server4.Options{
		Log: log, Metrics: h.v4.stats, Leases: h.v4.table, Topology: load(t, conf4, topology.V4), Interfaces: link,
	})
	h.s6 = server6.New(server6.Options{
		Log: log, Metrics: h.v6.stats, Leases: h.v6.table, Topology: load(t, conf6, topology.V6), ServerID: duid, Pair: nowhere{},
	})
	return h
}

func newEngine(t testing.TB, leases lease.Store) *engine {
	e := &engine{new(metrics.Set), lease.NewTable(leases, lease.TableOptions{DeclineProbation: time.Hour})}
	if _, err := e.table.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	return e
}

func load(t testing.TB, text string, f topology.Family) *topology.Topology {
	t.Helper()
	name := t.TempDir() + "/dhcp.json"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load(name, f, config.Options{})
	if cfg == nil {
		t.Fatal(problems)
	}
	return cfg.Topology
}

func (e *engine) count(name string) int64 { return e.stats.Counter(name).Value() }

// nowhere is a pair whose other side never answers.
type nowhere struct{}

func (nowhere) Read([]ipc.Message) (int, error)      { return 0, os.ErrDeadlineExceeded }
func (nowhere) Write(out []ipc.Message) (int, error) { return len(out), nil }
func (nowhere) Stop()                                {}

// A wire is a socket that reads what next makes until that is nil, then ends.
type wire struct {
	socket transport.Socket
	peer   netip.AddrPort
	local  netip.Addr
	at     func() time.Time
	next   func() []byte
	sent   func(transport.Datagram)
	bufs   [64][]byte
}

func (w *wire) Read(in []transport.Datagram) (n int, err error) {
	for n < len(in) && n < len(w.bufs) {
		b := w.next()
		if b == nil {
			break
		}
		w.bufs[n] = append(w.bufs[n][:0], b...)
		in[n] = transport.Datagram{Data: w.bufs[n], Peer: w.peer, Local: w.local, IfIndex: 2, At: w.at()}
		n++
	}
	if n == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return n, nil
}

func (w *wire) Write(out []transport.Datagram) (int, error) {
	for _, d := range out {
		w.sent(d)
	}
	return len(out), nil
}

func (w *wire) More([]transport.Datagram) int { return 0 }

func (w *wire) Stop()                    {}
func (w *wire) Close() error             { return nil }
func (w *wire) Socket() transport.Socket { return w.socket }

// A pipe is the v4 side of the pair, read and written likewise.
type pipe struct {
	next func() []byte
	sent func(ipc.Message)
	bufs [64][]byte
}

func (p *pipe) Read(in []ipc.Message) (n int, err error) {
	for n < len(in) && n < len(p.bufs) {
		b := p.next()
		if b == nil {
			break
		}
		p.bufs[n] = append(p.bufs[n][:0], b...)
		in[n] = ipc.Message{Data: p.bufs[n], Origin: ipc.Origin{Iface: "eth0", Addr: sender, Port: 546}}
		n++
	}
	if n == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return n, nil
}

func (p *pipe) Write(out []ipc.Message) (int, error) {
	for _, m := range out {
		p.sent(m)
	}
	return len(out), nil
}

func (p *pipe) Stop() {}

// The roads into the two engines. sent gets what leaves.
var roads = []struct {
	name  string
	v4    bool
	make  func(*Source) []byte
	drive func(h *host, next func() []byte, sent func([]byte))
}{
	{"v4 broadcast", true, (*Source).V4, func(h *host, next func() []byte, sent func([]byte)) {
		h.serve4(netip.MustParseAddrPort("0.0.0.0:68"), netip.MustParseAddr("255.255.255.255"), next, sent)
	}},
	{"v4 by relay", true, (*Source).V4, func(h *host, next func() []byte, sent func([]byte)) {
		h.serve4(netip.MustParseAddrPort("192.0.2.66:67"), server, next, sent)
	}},
	{"v4 over the pair", true, (*Source).V6, func(h *host, next func() []byte, sent func([]byte)) {
		h.s4.Serve4o6(context.Background(), &pipe{next: next, sent: func(m ipc.Message) { sent(m.Data) }})
	}},
	{"v6 multicast", false, (*Source).V6, func(h *host, next func() []byte, sent func([]byte)) {
		h.serve6(netip.AddrPortFrom(sender, 546), group, next, sent)
	}},
	{"v6 unicast", false, (*Source).V6, func(h *host, next func() []byte, sent func([]byte)) {
		h.serve6(netip.AddrPortFrom(sender, 547), server6a, next, sent)
	}},
	{"v6 from the pair", false, (*Source).Pair, func(h *host, next func() []byte, sent func([]byte)) {
		w := &wire{at: h.time, sent: func(d transport.Datagram) { sent(d.Data) }}
		h.s6.Return(context.Background(), &pipe{next: next}, w)
	}},
}

func (h *host) time() time.Time {
	if h.now.IsZero() {
		return time.Now()
	}
	return h.now
}

func (h *host) serve4(peer netip.AddrPort, local netip.Addr, next func() []byte, sent func([]byte)) {
	w := &wire{
		socket: transport.Socket{Iface: "eth0", IfIndex: 2, Addr: server, Multicast: local != server},
		peer:   peer, local: local, at: h.time, next: next, sent: func(d transport.Datagram) { sent(d.Data) },
	}
	h.s4.Serve(context.Background(), w)
}

func (h *host) serve6(peer netip.AddrPort, local netip.Addr, next func() []byte, sent func([]byte)) {
	w := &wire{
		socket: transport.Socket{Iface: "eth0", IfIndex: 2, Addr: local, Multicast: local == group},
		peer:   peer, local: local, at: h.time, next: next, sent: func(d transport.Datagram) { sent(d.Data) },
	}
	h.s6.Serve(context.Background(), w)
}

// ask gives the engines one packet by a road of roads, and returns what leaves, nil
// for nothing.
func (h *host) ask(road string, m []byte) (answer []byte) {
	h.t.Helper()
	for _, r := range roads {
		if r.name == road {
			r.drive(h, limited(1, func() []byte { return m }), func(b []byte) { answer = slices.Clone(b) })
			return answer
		}
	}
	h.t.Fatalf("no road %q", road)
	return nil
}

// reply4 reads a DHCPv4 answer, out of its DHCPV4-RESPONSE where it is in one.
func reply4(b []byte) *dhcp4.Message {
	var e dhcp6.Envelope
	m := new(dhcp4.Message)
	if len(b) > 0 && b[0] != byte(dhcp4.BootReply) && e.Parse(b) == nil {
		b, _ = e.Message.Options.Option(dhcp6.OptDHCPv4Message)
	}
	if m.Parse(b) != nil {
		return nil
	}
	return m
}

// A client4 says what a DHCPv4 client says.
type client4 struct {
	hw     [6]byte
	id     []byte
	giaddr netip.Addr
	more   func(*dhcp4.Builder)
}

func (c client4) say(t dhcp4.MessageType, ciaddr, wish netip.Addr) []byte {
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType, w.Header.Flags = 77, 1, dhcp4.FlagBroadcast
	w.Query(t, nil)
	w.SetCHAddr(c.hw[:])
	w.Header.CIAddr, w.Header.GIAddr = ciaddr, c.giaddr
	if wish.IsValid() {
		w.Add(dhcp4.OptRequestedAddress, wish.AsSlice())
	}
	if c.id != nil {
		w.Add(dhcp4.OptClientID, c.id)
	}
	if t != dhcp4.Discover && !ciaddr.IsValid() || t == dhcp4.Release {
		w.Add(dhcp4.OptServerID, server.AsSlice())
	}
	if c.more != nil {
		c.more(&w)
	}
	return w.Bytes()
}

// lease walks DISCOVER to ACK by a road; it is false when the client gets nothing.
func (c client4) lease(h *host, road string) (netip.Addr, bool) {
	h.t.Helper()
	wrap := func(m []byte) []byte {
		if road == "v4 over the pair" {
			return dhcp6.AppendOption([]byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}, dhcp6.OptDHCPv4Message, m)
		}
		return m
	}
	offer := reply4(h.ask(road, wrap(c.say(dhcp4.Discover, netip.Addr{}, netip.Addr{}))))
	if offer == nil || offer.Type() != dhcp4.Offer {
		return netip.Addr{}, false
	}
	ack := reply4(h.ask(road, wrap(c.say(dhcp4.Request, netip.Addr{}, offer.YIAddr))))
	return offer.YIAddr, ack != nil && ack.Type() == dhcp4.Ack && ack.YIAddr == offer.YIAddr
}

// counted is a log that only counts: lines, octets, and lines that tell of a fault.
type counted struct {
	mu            sync.Mutex
	lines, octets int
	last          string
}

func (c *counted) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines, c.octets = c.lines+1, c.octets+len(b)
	c.last = string(b)
	return len(b), nil
}

func (c *counted) Sync() error { return nil }
