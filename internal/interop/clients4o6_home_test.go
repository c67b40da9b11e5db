package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/client4"
	"github.com/dhcp4o6/dhcp4o6/pkg/client6"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/server6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A home is one link with both servers at one end, and a client host at the other.
type home struct {
	t       *testing.T
	dir     string
	servers ipc.Memory // the pair of the servers
	clients ipc.Memory // that of the client host
	port    uint16     // where that one is on sockets; 0: it is not

	v4, v6 *homeServer
	far    transport.Conn // of the DHCPv6 server's wire

	mu      sync.Mutex
	wire    *homeWire
	queries []homeQuery
}

// A homeQuery is a DHCPV4-QUERY that the client host has sent.
type homeQuery struct {
	at      time.Time
	kind    dhcp4.MessageType
	unicast bool
	to      string
}

type homeServer struct {
	table   *lease.Table
	replace func(*topology.Topology)
	stop    func()
}

func newHome(t *testing.T, option88 string) *home {
	h := &home{t: t, dir: t.TempDir()}
	h.start4(option88)
	h.start6(option88)
	t.Cleanup(func() {
		h.v6.stop()
		h.v4.stop()
	})
	return h
}

// load compiles the configuration of both servers.
func (h *home) load(f topology.Family, option88 string) *config.Config {
	h.t.Helper()
	name := filepath.Join(h.dir, "home.json")
	text := fmt.Sprintf(`{
		"Dhcp4": {"dhcp4o6-port": 786, "valid-lifetime": 4000, "calculate-tee-times": true, "subnet4": [{"id": 1,
			"subnet": "198.51.100.0/24", "pools": [{"pool": "%[1]s - %[1]s"}], "4o6-interface": "eth0"}]},
		"Dhcp6": {"dhcp4o6-port": 786, "renew-timer": 600, "rebind-timer": 1200, "preferred-lifetime": 6000, "valid-lifetime": 8000, "option-data": [%[2]s],
			"subnet6": [{"id": 1, "subnet": "2001:db8:1::/64", "interface": "eth0", "pools": [{"pool": "2001:db8:1::1000 - 2001:db8:1::1fff"}]}]}}`, homeAddr, option88)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	cfg, problems := config.Load(name, f, config.Options{})
	for i := range problems {
		h.t.Error(problems[i].String())
	}
	if cfg == nil {
		h.t.FailNow()
	}
	return cfg
}

// table opens what a server holds.
func (h *home) table(ctx context.Context, cfg *config.Config, name string, f leasefile.Family) *lease.Table {
	h.t.Helper()
	file, err := leasefile.Open(filepath.Join(h.dir, name), leasefile.Options{Family: f})
	if err != nil {
		h.t.Fatal(err)
	}
	table := lease.NewTable(file, lease.TableOptions{OfferHold: cfg.Ours.OfferHold, HoldReclaimed: cfg.Expired.Hold})
	if _, err := table.Load(ctx); err != nil {
		h.t.Fatal(err)
	}
	return table
}

func (h *home) start4(option88 string) {
	cfg := h.load(topology.V4, option88)
	ctx, cancel := context.WithCancel(context.Background())
	d := &homeServer{table: h.table(ctx, cfg, "leases4.csv", leasefile.V4)}
	pair := h.servers.Dial(ipc.V4Side, ipc.Options{})
	s := server4.New(server4.Options{Leases: d.table, Topology: cfg.Topology, ServerIDFile: filepath.Join(h.dir, "serverid"),
		Interfaces: []netif.Interface{{Index: 2, Name: "eth0", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("198.51.100.1/24")}}}})
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve4o6(ctx, pair) })
	d.replace = s.Replace
	d.stop = h.stopper(cancel, &serving, pair, d.table)
	h.v4 = d
}

func (h *home) start6(option88 string) {
	cfg := h.load(topology.V6, option88)
	ctx, cancel := context.WithCancel(context.Background())
	d := &homeServer{table: h.table(ctx, cfg, "leases6.csv", leasefile.V6)}
	pair := h.servers.Dial(ipc.V6Side, ipc.Options{})
	near, far := transport.Pipe()
	h.mu.Lock()
	h.far = far
	h.mu.Unlock()
	served := homeSocket{near}
	s := server6.New(server6.Options{Leases: d.table, Topology: cfg.Topology, ServerID: dhcp6.NewDUIDEN(32473, []byte{1}), Pair: pair})
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(ctx, served) })
	serving.Go(func() { s.Return(ctx, pair, served) })
	serving.Go(func() { h.listen(far) })
	d.replace = s.Replace
	d.stop = h.stopper(func() { cancel(); far.Stop() }, &serving, pair, d.table)
	h.v6 = d
}

func (h *home) stopper(end func(), serving *sync.WaitGroup, pair *ipc.Conn, table *lease.Table) func() {
	return sync.OnceFunc(func() {
		end()
		serving.Wait()
		pair.Close()
		if err := table.Close(); err != nil {
			h.t.Error(err)
		}
	})
}

// reload has both servers change over to another option 88.
func (h *home) reload(option88 string) {
	h.v4.replace(h.load(topology.V4, option88).Topology)
	h.v6.replace(h.load(topology.V6, option88).Topology)
}

// A homeSocket is the DHCPv6 server's end of the wire.
type homeSocket struct{ transport.Conn }

func (homeSocket) Socket() transport.Socket {
	return transport.Socket{Iface: "eth0", IfIndex: 2, Addr: group6, Multicast: true}
}

// listen hands what the server sends to the client host.
func (h *home) listen(far transport.Conn) {
	var in [16]transport.Datagram
	for {
		n, err := far.Read(in[:])
		if err != nil {
			return
		}
		for _, d := range in[:n] {
			h.mu.Lock()
			w := h.wire
			h.mu.Unlock()
			if w != nil && d.Peer == netip.AddrPortFrom(homeLL, 546) {
				w.in <- bytes.Clone(d.Data)
			}
		}
	}
}

// A homeWire is the Carrier of the DHCPv6 client.
type homeWire struct {
	h     *home
	in    chan []byte
	ready chan bool
	done  chan struct{}
	once  sync.Once
}

func (h *home) newWire() *homeWire {
	w := &homeWire{h: h, in: make(chan []byte, 100), ready: make(chan bool, 1), done: make(chan struct{})}
	w.ready <- true
	h.mu.Lock()
	h.wire = w
	h.mu.Unlock()
	return w
}

func (w *homeWire) Send(msg []byte, to netip.AddrPort) error {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	local := group6
	if to.IsValid() {
		local = to.Addr()
	}
	if dhcp6.MessageType(msg[0]) == dhcp6.DHCPv4Query {
		q := homeQuery{at: time.Now(), unicast: msg[1]&0x80 != 0, to: local.String()}
		var m dhcp4.Message
		if m.Parse(msg[8:]) == nil {
			q.kind = m.Type()
		}
		w.h.queries = append(w.h.queries, q)
	}
	d := transport.Datagram{Data: bytes.Clone(msg), IfIndex: 2, Local: local, Peer: netip.AddrPortFrom(homeLL, 546)}
	w.h.far.Write([]transport.Datagram{d}) // a server that is away is a wire without an end
	return nil
}

func (w *homeWire) Recv(buf []byte) (int, netip.AddrPort, error) {
	select {
	case b := <-w.in:
		return copy(buf, b), netip.MustParseAddrPort("[fe80::53]:547"), nil
	case <-w.done:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (w *homeWire) DAD([]netip.Addr) ([]netip.Addr, error) { return nil, nil }
func (w *homeWire) Ready() <-chan bool                     { return w.ready }

func (w *homeWire) Close() error {
	w.once.Do(func() { close(w.done) })
	return nil
}

// A homeHost is what a lease makes of the client host, and its file.
type homeHost struct {
	mu     sync.Mutex
	is     *hostconf.Settings
	since  time.Time
	ended  time.Time
	record *client4.Record
}

func (s *homeHost) Apply(_ context.Context, c *hostconf.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.New == nil && s.is != nil {
		s.ended = time.Now()
	}
	s.is, s.since = c.New, time.Now()
	return nil
}

func (s *homeHost) addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.is == nil || len(s.is.Addresses) == 0 {
		return ""
	}
	return s.is.Addresses[0].Prefix.Addr().String()
}

func (s *homeHost) Save(r *client4.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record = r
	return nil
}

func (s *homeHost) Load() (*client4.Record, error) { return s.record, nil }

// A homeClient is one side of the client host, running.
type homeClient struct {
	h    *home
	host homeHost
	ask4 chan client4.Request
	stop func()
}

// dial opens one side of the client host's pair.
func (h *home) dial(side ipc.Side) *ipc.ClientConn {
	if h.port == 0 {
		return h.clients.DialClient(side, ipc.ClientOptions{})
	}
	c, err := ipc.DialClient(side, h.port, ipc.ClientOptions{Owners: ipc.Trusted()})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// client6 runs the DHCPv6 client with its Front.
func (h *home) client6(stateless bool) *homeClient {
	c := &homeClient{h: h}
	wire := h.newWire()
	front := client6.NewFront(h.dial(ipc.V6Side), client6.FrontOptions{})
	way := front.Way(wire)
	m := client6.New(client6.Options{Iface: "eth0", DUID: homeDUID, IAs: []client6.IA{{Kind: client6.NA, IAID: 1}}, InfoOnly: stateless,
		FourOverSix: true, Rand: rand.New(rand.NewPCG(1, 2))})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { front.Run(ctx) })
	running.Go(func() {
		if err := client6.Run(ctx, m, wire, client6.RunOptions{System: &c.host, Over4: way}); err != nil {
			h.t.Errorf("DHCPv6 client: %v", err)
		}
	})
	c.end(func() { cancel(); running.Wait() })
	return c
}

// client4 runs the DHCPv4 client over the pair, with the lease of a life before.
func (h *home) client4(last *client4.Record) *homeClient {
	c := &homeClient{h: h, ask4: make(chan client4.Request)}
	over := client4.NewOver6(h.dial(ipc.V4Side), client4.Over6Options{Rand: rand.New(rand.NewPCG(5, 6))})
	m := client4.New(client4.Options{Iface: "eth0", HWType: 1, HWAddr: []byte(homeMAC), FourOverSix: true, Record: last, Rand: rand.New(rand.NewPCG(3, 4))})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := client4.Run(ctx, m, over, client4.RunOptions{System: &c.host, Store: &c.host, Ask: c.ask4}); err != nil {
			h.t.Errorf("DHCPv4 client: %v", err)
		}
	})
	c.end(func() { cancel(); running.Wait() })
	return c
}

func (c *homeClient) end(f func()) {
	c.stop = sync.OnceFunc(f)
	c.h.t.Cleanup(c.stop)
}

// asked returns the queries that have left since it was asked last.
func (h *home) asked() (all []homeQuery) {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	all, h.queries = h.queries, nil
	return all
}

func kindsOf(all []homeQuery) (kinds []dhcp4.MessageType) {
	for _, q := range all {
		kinds = append(kinds, q.kind)
	}
	return kinds
}

// has waits until the client has the address, or has none, as long as it may take.
func (c *homeClient) has(within time.Duration, want string) {
	c.h.t.Helper()
	for end := time.Now().Add(within); c.host.addr() != want; time.Sleep(time.Second) {
		if time.Now().After(end) {
			c.h.t.Fatalf("has %q, not %q, after %v", c.host.addr(), want, within)
		}
	}
}
