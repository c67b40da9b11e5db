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
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
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

// All four parts of RFC 7341 in one process, with the wire and both pairs in
// memory and the clock of testing/synctest: hours of a lease take no time. The same
// roads with real sockets are in clients4o6_test.go.

const (
	homeMAC  = "\x02\x00\x5e\x46\x00\x01"
	homeAddr = "198.51.100.10" // the only one in the pool
	homeLife = 4000 * time.Second

	at88    = `{"name": "dhcp4o6-server-addr", "data": "2001:db8:1::53"}`
	empty88 = `{"name": "dhcp4o6-server-addr", "csv-format": false, "data": ""}`
	no88    = `{"name": "dns-servers", "data": "2001:db8:1::53"}`
)

var (
	homeLL   = netip.MustParseAddr("fe80::5eff:fe46:1")
	homeDUID = dhcp6.NewDUIDLL(1, []byte(homeMAC))
	group6   = netip.MustParseAddr("ff02::1:2")
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

// TestClients4o6InMemory: with and without addresses in option 88, with and without a
// DHCPv6 lease, whichever of the two clients is there first.
func TestClients4o6InMemory(t *testing.T) {
	for _, option88 := range []string{at88, empty88} {
		for _, stateless := range []bool{false, true} {
			for _, first := range []int{4, 6} {
				synctest.Test(t, func(t *testing.T) { wholeLife(t, option88, stateless, first) })
			}
		}
	}
}

// wholeLife is a lease, its renewals for half a day, and its release.
func wholeLife(t *testing.T, option88 string, stateless bool, first int) {
	h := newHome(t, option88)
	var c4, c6 *homeClient
	if first == 4 {
		c4 = h.client4(nil)
		time.Sleep(10 * time.Minute)
		if got := h.asked(); len(got) > 0 {
			t.Fatalf("asked %v before START", got)
		}
		c6 = h.client6(stateless)
		c4.has(10*time.Second, homeAddr)
	} else {
		c6 = h.client6(stateless)
		time.Sleep(10 * time.Minute)
		c4 = h.client4(nil)
		c4.has(2*time.Second, homeAddr)
	}
	to := group6.String()
	if option88 == at88 {
		to = "2001:db8:1::53"
	}
	got := h.asked()
	if want := []dhcp4.MessageType{dhcp4.Discover, dhcp4.Request}; !slices.Equal(kindsOf(got), want) {
		t.Fatalf("asked %v, want %v", got, want)
	}
	if stateless != (c6.host.addr() == "") {
		t.Errorf("IPv6 address %q", c6.host.addr())
	}

	time.Sleep(12 * time.Hour)
	c4.has(0, homeAddr)
	renewals := h.asked()
	if n := len(renewals); n < 20 || n > 23 { // every 2000 s
		t.Errorf("%d renewals in half a day", n)
	}
	for _, q := range renewals {
		if q.kind != dhcp4.Request || !q.unicast {
			t.Errorf("renewal: %v, unicast flag %v", q.kind, q.unicast)
		}
	}

	c4.ask4 <- client4.AskRelease
	c4.stop()
	got = append(got, h.asked()...)
	if last := got[len(got)-1]; last.kind != dhcp4.Release || !last.unicast {
		t.Errorf("release: %v, unicast flag %v", last.kind, last.unicast)
	}
	for _, q := range slices.Concat(got, renewals) {
		if q.to != to {
			t.Errorf("%v to %s, want %s", q.kind, q.to, to)
		}
	}
	synctest.Wait()
	for l := range h.v4.table.All() {
		if l.State != lease.Released {
			t.Errorf("lease of %v is still there", l.Resource.Prefix)
		}
	}
	if c4.host.addr() != "" || c4.host.record != nil {
		t.Errorf("after the release: address %q, record %v", c4.host.addr(), c4.host.record)
	}
}

// TestClients4o6Withdrawn: without option 88 DHCPv4 goes quiet and the lease lasts to
// its end, no longer; with it there is one again at once.
func TestClients4o6Withdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, at88)
		h.client6(false)
		c := h.client4(nil)
		c.has(10*time.Second, homeAddr)
		h.asked()
		bound := time.Now()

		h.reload(no88) // the DHCPv6 client learns it at T1, in 600 s
		time.Sleep(time.Hour)
		c.has(0, homeAddr)
		if got := h.asked(); len(got) > 0 {
			t.Errorf("asked without option 88: %v", got)
		}
		c.has(10*time.Minute, "")
		if d := c.host.ended.Sub(bound); d < homeLife-time.Minute || d > homeLife+time.Second {
			t.Errorf("the lease lasted %v, want %v", d, homeLife)
		}
		time.Sleep(time.Hour)
		if got := h.asked(); len(got) > 0 {
			t.Errorf("asked without option 88: %v", got)
		}

		h.reload(empty88)
		c.has(11*time.Minute, homeAddr)
		for _, q := range h.asked() {
			if q.to != group6.String() {
				t.Errorf("%v to %s", q.kind, q.to)
			}
		}
		h.reload(at88) // and a change of addresses is followed by the next query
		time.Sleep(homeLife / 2)
		time.Sleep(time.Minute)
		if got := h.asked(); len(got) != 1 || got[0].to != "2001:db8:1::53" {
			t.Errorf("after the change: %v", got)
		}
	})
}

// A lease in force while option 88 is away for a while is looked at again, and kept.
func TestClients4o6GivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, at88)
		h.client6(false)
		c := h.client4(nil)
		c.has(10*time.Second, homeAddr)
		since := c.host.since
		h.reload(no88)
		time.Sleep(20 * time.Minute)
		h.reload(at88)
		time.Sleep(20 * time.Minute)
		c.has(0, homeAddr)
		for _, q := range h.asked()[2:] {
			if q.kind != dhcp4.Request {
				t.Errorf("asked %v", q.kind)
			}
		}
		if !c.host.ended.IsZero() {
			t.Errorf("the address of %v was taken away for a while", since)
		}
	})
}

// TestClients4o6Restarts: each side of each pair is killed and comes back, while the
// others run on.
func TestClients4o6Restarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, at88)
		c6 := h.client6(false)
		c4 := h.client4(nil)
		c4.has(10*time.Second, homeAddr)

		for range 2 { // the servers, both and away over a renewal
			c4.ask4 <- client4.AskRenew
			synctest.Wait()
			h.v6.stop()
			h.v4.stop()
			time.Sleep(homeLife * 3 / 4)
			h.start4(at88)
			h.start6(at88)
			time.Sleep(homeLife / 2)
			c4.has(0, homeAddr)
		}
		if !c4.host.ended.IsZero() {
			t.Error("the servers' restart has cost the address")
		}

		c6.stop() // the DHCPv6 client
		h.asked()
		time.Sleep(homeLife / 4)
		c4.has(0, homeAddr)
		if got := h.asked(); len(got) > 0 {
			t.Errorf("asked without a DHCPv6 client: %v", got)
		}
		h.client6(false)
		time.Sleep(5 * time.Second)
		if got := kindsOf(h.asked()); !slices.Equal(got, []dhcp4.MessageType{dhcp4.Request}) {
			t.Errorf("when it is back: %v", got)
		}
		c4.has(0, homeAddr)

		for range 2 { // the DHCPv4 client, which has its lease on file
			record := c4.host.record
			c4.stop()
			h.asked()
			time.Sleep(time.Minute)
			c4 = h.client4(record)
			c4.has(2*time.Second, homeAddr)
			if got := h.asked(); !slices.Equal(kindsOf(got), []dhcp4.MessageType{dhcp4.Request}) || got[0].unicast {
				t.Errorf("with a lease on file: %v", got)
			}
		}
	})
}

// TestClients4o6OnSockets: the clients' pair on a port that anybody could take, where
// each side looks at who holds the other's. Nothing is lost for it, the DHCPRELEASE of a
// DHCPv4 client on its way out least of all.
func TestClients4o6OnSockets(t *testing.T) {
	h := newHome(t, at88)
	h.port = freeClientPort(t)
	c6 := h.client6(true)
	for range 3 {
		c4 := h.client4(nil)
		within(t, "a lease", func() bool { return c4.host.addr() == homeAddr })
		c4.ask4 <- client4.AskRelease
		c4.stop()
		within(t, "its release", func() bool {
			for l := range h.v4.table.All() {
				if l.State == lease.Leased {
					return false
				}
			}
			return true
		})
	}
	c4 := h.client4(nil)
	within(t, "a lease", func() bool { return c4.host.addr() == homeAddr })
	c6.stop()
	h.client6(true)
	c4.ask4 <- client4.AskRenew
	within(t, "START", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.queries) > 3*3+2
	})
}

// within waits for something that happens soon.
func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}

// freeClientPort returns a port that is free on ::1, and the next one with it.
func freeClientPort(t *testing.T) uint16 {
	t.Helper()
	for range 100 {
		a, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
		if err != nil {
			need.Skip(t, "needs [::1]: %v", err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		b, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: port + 1})
		a.Close()
		if err == nil {
			b.Close()
			return uint16(port)
		}
	}
	t.Fatal("no two neighbouring ports are free")
	return 0
}
