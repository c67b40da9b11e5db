package server6

import (
	"context"
	"iter"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// memory is a lease.Store without a medium.
type memory struct {
	sync.Mutex
	seq  lease.Seq
	fail error // of Sync
	hold chan struct{}

	syncs int
}

func (m *memory) Load(context.Context, func(lease.Change) error) error { return nil }

func (m *memory) Append(lease.Change) lease.Seq {
	m.Lock()
	defer m.Unlock()
	m.seq++
	return m.seq
}

func (m *memory) Sync() (lease.Seq, error) {
	m.Lock()
	hold, seq, err := m.hold, m.seq, m.fail
	m.syncs++
	m.Unlock()
	if hold != nil {
		<-hold
	}
	return seq, err
}

func (m *memory) Rewrite(_ context.Context, all iter.Seq[*lease.Lease]) error {
	for range all {
	}
	return nil
}

func (m *memory) Close() error { return nil }

// wire is a transport.Conn that keeps what is written to it.
type wire struct {
	socket transport.Socket
	out    []transport.Datagram
	keep   bool // copies of the data, for tests that look at it
	refuse int  // datagrams that do not go out
}

func (w *wire) Read([]transport.Datagram) (int, error) { return 0, os.ErrDeadlineExceeded }
func (w *wire) More([]transport.Datagram) int          { return 0 }
func (w *wire) Stop()                                  {}
func (w *wire) Close() error                           { return nil }
func (w *wire) Socket() transport.Socket               { return w.socket }

func (w *wire) Write(out []transport.Datagram) (int, error) {
	if w.refuse > 0 {
		return max(len(out)-w.refuse, 0), net.ErrClosed
	}
	if w.keep {
		for _, d := range out {
			d.Data = append([]byte(nil), d.Data...)
			w.out = append(w.out, d)
		}
	}
	return len(out), nil
}

// pair is the DHCPv4 daemon's end, in memory.
type pair struct {
	mu      sync.Mutex
	queries []ipc.Message
	answers chan []ipc.Message
	stopped chan struct{}
	once    sync.Once
	keep    bool
	err     error // of Write
}

func newPair() *pair {
	return &pair{answers: make(chan []ipc.Message, 16), stopped: make(chan struct{}), keep: true}
}

func (p *pair) Write(out []ipc.Message) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	if p.keep {
		for _, m := range out {
			m.Data = append([]byte(nil), m.Data...)
			p.queries = append(p.queries, m)
		}
	}
	return len(out), nil
}

func (p *pair) Read(in []ipc.Message) (int, error) {
	select {
	case m := <-p.answers:
		return copy(in, m), nil
	case <-p.stopped:
		return 0, os.ErrDeadlineExceeded
	}
}

func (p *pair) Stop() { p.once.Do(func() { close(p.stopped) }) }

// taken returns what was handed over since the last call.
func (p *pair) taken() []ipc.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queries
	p.queries = nil
	return q
}

var (
	serverID   = dhcp6.NewDUIDEN(32473, []byte("server"))
	clientID   = dhcp6.NewDUIDLL(1, []byte{2, 0, 0x5e, 0x10, 0, 1})
	client     = netip.MustParseAddrPort("[fe80::1]:546")
	multicast  = netip.MustParseAddr("ff02::1:2")
	loopback   = netip.IPv6Loopback()
	ours       = netip.MustParseAddr("2001:db8:1::53")
	begin      = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	prefix     = netip.MustParsePrefix("2001:db8:1::/64")
	relayAddr  = netip.MustParseAddrPort("[2001:db8:ffff::1]:547")
	relayLink  = netip.MustParseAddr("2001:db8:1::1")
	otherLink  = netip.MustParseAddr("2001:db8:2::1")
	optDNS     = topology.Option{Code: uint16(dhcp6.OptDNSServers), Value: netip.MustParseAddr("2001:db8::53").AsSlice()}
	optServers = topology.Option{Code: uint16(dhcp6.OptDHCP4oDHCP6Server), Value: []byte{}}
)

// A lab is a server with all that it needs, and one worker on interface eth0.
type lab struct {
	t     testing.TB
	s     *Server
	net   *topology.Topology
	store *memory
	table *lease.Table
	stats *metrics.Set
	pair  *pair
	wire  *wire
	w     *worker
	now   time.Time
	xid   byte
}

// subnet returns one with a pool of n addresses behind ::100.
func subnet(id uint32, p netip.Prefix, n int) *topology.Subnet {
	first := p.Addr().As16()
	last := first
	first[14] = 1
	last[14], last[15] = byte(1+(n-1)>>8), byte(n-1)
	pool, err := lease.NewPool(lease.NA, id, 0, netip.AddrFrom16(first), netip.AddrFrom16(last), 128)
	if err != nil {
		panic(err)
	}
	options := topology.Options{optDNS, optServers}
	return &topology.Subnet{
		ID: id, Prefix: p, Options: options, Policy: policy,
		Pools:     []*topology.Pool{{Lease: pool, Options: options}},
		ReserveIn: true,
	}
}

var policy = topology.Policy{
	Valid:     topology.Lifetime{Min: 4000, Default: 4000, Max: 4000},
	Preferred: topology.Lifetime{Min: 2500, Default: 2500, Max: 2500},
	T1:        topology.Timer{Percent: 0.5}, T2: topology.Timer{Percent: 0.8},
}

// newLab makes a lab with one subnet on eth0, changed by each of edit.
func newLab(t testing.TB, edit ...func(*topology.Topology, *Options)) *lab {
	eth0 := subnet(1, prefix, 256)
	eth0.Iface = "eth0"
	l := &lab{
		t: t, store: new(memory), stats: new(metrics.Set), pair: newPair(), now: begin,
		wire: &wire{socket: transport.Socket{Iface: "eth0", IfIndex: 7, Addr: multicast, Multicast: true}, keep: true},
		net: &topology.Topology{
			Family: topology.V6, Subnets: []*topology.Subnet{eth0}, Policy: policy,
			Identifiers: []topology.IdentifierKind{topology.HWAddress, topology.DUID},
		},
	}
	l.table = lease.NewTable(l.store, lease.TableOptions{})
	if _, err := l.table.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	o := Options{Log: zap.NewNop(), Metrics: l.stats, Leases: l.table, ServerID: serverID, Pair: l.pair}
	for _, f := range edit {
		f(l.net, &o)
	}
	l.net.Freeze()
	o.Topology = l.net
	l.s = New(o)
	l.s.serves(l.wire.socket, +1)
	l.w = newWorker(l.wire)
	return l
}

// in is a datagram that a client on the link sent to everybody.
func (l *lab) in(data []byte) transport.Datagram {
	return transport.Datagram{Data: data, Peer: client, Local: multicast, IfIndex: 7, At: l.now}
}

// give has the server take datagrams as one batch and returns what it sends.
func (l *lab) give(in ...transport.Datagram) []transport.Datagram {
	l.wire.out = nil
	l.s.serve(l.w, in)
	return l.wire.out
}

// ask sends one message from the client and returns the answer, nil for none.
func (l *lab) ask(m []byte) *answer {
	l.t.Helper()
	return l.one(l.give(l.in(m)))
}

// one reads the only datagram that was sent.
func (l *lab) one(out []transport.Datagram) *answer {
	l.t.Helper()
	if len(out) == 0 {
		return nil
	}
	if len(out) > 1 {
		l.t.Fatalf("%d answers", len(out))
	}
	a := &answer{t: l.t, to: out[0]}
	if err := a.e.Parse(out[0].Data); err != nil {
		l.t.Fatalf("answer %x: %v", out[0].Data, err)
	}
	return a
}

// counted reports a counter.
func (l *lab) counted(name string) int {
	m, _ := l.stats.Find(name)
	return int(m.Value)
}

// message builds one of a type, with options in order.
func (l *lab) message(t dhcp6.MessageType, options ...[]byte) []byte {
	l.xid++
	m := []byte{byte(t), 0xaa, 0xbb, l.xid}
	for _, o := range options {
		m = append(m, o...)
	}
	return m
}

func opt(c dhcp6.Code, v []byte) []byte { return dhcp6.AppendOption(nil, c, v) }
func cid() []byte                       { return opt(dhcp6.OptClientID, clientID) }
func sid() []byte                       { return opt(dhcp6.OptServerID, serverID) }

// iaNA is an IA_NA option with addresses in it.
func iaNA(iaid uint32, addrs ...netip.Addr) []byte {
	b, mark := dhcp6.OpenIANA(nil, iaid, 0, 0)
	for _, a := range addrs {
		b = dhcp6.IAAddr{Addr: a}.Append(b)
	}
	return dhcp6.Shut(b, mark)
}

func oro(codes ...dhcp6.Code) []byte {
	b, mark := dhcp6.Open(nil, dhcp6.OptORO)
	for _, c := range codes {
		b = append(b, byte(c>>8), byte(c))
	}
	return dhcp6.Shut(b, mark)
}

// relayed wraps a message in levels, the outermost first.
func relayed(m []byte, levels ...dhcp6.Relay) []byte {
	var e dhcp6.Envelope
	if err := e.Parse(m); err != nil {
		panic(err)
	}
	e.Relays = levels
	return e.Append(nil)
}

// An answer is a datagram that the server sent.
type answer struct {
	t  testing.TB
	to transport.Datagram
	e  dhcp6.Envelope
}

func (a *answer) is(t dhcp6.MessageType) *answer {
	if a == nil {
		panic("no answer, want " + t.String())
	}
	a.t.Helper()
	if a.e.Message.Type != t {
		a.t.Fatalf("answer is %v, want %v", a.e.Message.Type, t)
	}
	return a
}

// option returns the value of an option of the message.
func (a *answer) option(c dhcp6.Code) []byte {
	v, _ := a.e.Message.Options.Option(c)
	return v
}

func (a *answer) has(c dhcp6.Code) bool { return a.e.Message.Options.Has(c) }

// status returns the status of the message, or of none: 0xffff.
func (a *answer) status() dhcp6.Status { return statusOf(a.e.Message.Options) }

const noStatus = dhcp6.Status(0xffff)

func statusOf(o dhcp6.Options) dhcp6.Status {
	v, ok := o.Option(dhcp6.OptStatusCode)
	if !ok {
		return noStatus
	}
	s, err := dhcp6.ParseStatusCode(v)
	if err != nil {
		panic(err)
	}
	return s.Status
}

// ias returns the IAs of a kind.
func (a *answer) ias(c dhcp6.Code) []dhcp6.IANA {
	var all []dhcp6.IANA
	for code, v := range a.e.Message.Options.All {
		if code != c {
			continue
		}
		if c == dhcp6.OptIATA {
			ta, err := dhcp6.ParseIATA(v)
			if err != nil {
				a.t.Fatal(err)
			}
			all = append(all, dhcp6.IANA{IAID: ta.IAID, Options: ta.Options})
			continue
		}
		ia, err := dhcp6.ParseIANA(v)
		if err != nil {
			a.t.Fatal(err)
		}
		all = append(all, ia)
	}
	return all
}

// addrs returns the addresses in the only IA_NA.
func (a *answer) addrs() []dhcp6.IAAddr {
	a.t.Helper()
	ias := a.ias(dhcp6.OptIANA)
	if len(ias) != 1 {
		a.t.Fatalf("%d IA_NA options, want 1", len(ias))
	}
	return addrsOf(a.t, ias[0])
}

func addrsOf(t testing.TB, ia dhcp6.IANA) []dhcp6.IAAddr {
	var all []dhcp6.IAAddr
	for c, v := range ia.Options.All {
		if c == dhcp6.OptIAAddr {
			addr, err := dhcp6.ParseIAAddr(v)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, addr)
		}
	}
	return all
}

// addr returns the only address of the only IA_NA.
func (a *answer) addr() netip.Addr {
	a.t.Helper()
	all := a.addrs()
	if len(all) != 1 {
		a.t.Fatalf("%d addresses, want 1", len(all))
	}
	return all[0].Addr
}

// lease takes the client through Solicit and Request and returns its address.
func (l *lab) lease() netip.Addr {
	l.t.Helper()
	offered := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1))).is(dhcp6.Advertise).addr()
	given := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1, offered))).is(dhcp6.Reply).addr()
	if given != offered {
		l.t.Fatalf("offered %v, given %v", offered, given)
	}
	return given
}
