package flow

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/server6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// The servers' host: one interface, one address of each family.
var (
	addr4      = netip.MustParseAddr("192.0.2.1")
	addr6      = netip.MustParseAddr("2001:db8:1::53")
	multicast6 = netip.MustParseAddr("ff02::1:2")
	broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	serverDUID = dhcp6.NewDUIDEN(32473, []byte{1})
	socket4    = transport.Socket{Iface: "eth0", IfIndex: 2, Addr: addr4}
	socket6    = transport.Socket{Iface: "eth0", IfIndex: 2, Addr: multicast6, Multicast: true}
)

// A lab is both daemons on one host, and the wires before it.
type lab struct {
	t      *testing.T
	dir    string // of lease files
	config string
	noIPv4 bool
	pair   ipc.Memory
	v4, v6 daemon

	client *part // who has spoken last, and its transaction
	xid    uint32

	mu   sync.Mutex
	out  bytes.Buffer // what is written for the reader
	back []datagram   // what has left for the wires
}

type datagram struct {
	over4 bool
	transport.Datagram
}

// A daemon is one server while it runs.
type daemon struct {
	name    string
	table   *lease.Table
	far     transport.Conn // the network's end of its wire
	replace func(*topology.Topology)
	stop    func()
}

// A wire is the server's end, as if it were a socket on eth0.
type wire struct {
	transport.Conn
	socket transport.Socket
}

func (w wire) Socket() transport.Socket { return w.socket }

func newLab(t *testing.T, dir string) *lab { return &lab{t: t, dir: dir} }

func (l *lab) begin() {
	l.start("dhcp4d")
	l.start("dhcp6d")
}

func (l *lab) close() {
	for _, d := range []*daemon{&l.v6, &l.v4} {
		if d.stop != nil {
			d.stop()
		}
	}
}

func (l *lab) daemon(name string) *daemon {
	switch name {
	case "dhcp4d":
		return &l.v4
	case "dhcp6d":
		return &l.v6
	}
	l.t.Fatalf("unknown daemon %q", name)
	return nil
}

// stop ends a daemon as a signal would.
func (l *lab) stop(name string) {
	d := l.daemon(name)
	d.stop()
	d.stop = nil
}

// start starts a daemon over what its lease file holds.
func (l *lab) start(name string) {
	d := l.daemon(name)
	d.name = name
	family, store, side, socket := topology.V4, leasefile.V4, ipc.V4Side, socket4
	if d == &l.v6 {
		family, store, side, socket = topology.V6, leasefile.V6, ipc.V6Side, socket6
	}
	cfg := l.load(family)
	file, err := leasefile.Open(filepath.Join(l.dir, name+"-leases.csv"), leasefile.Options{Family: store})
	if err != nil {
		l.t.Fatal(err)
	}
	d.table = lease.NewTable(file, lease.TableOptions{
		OfferHold: cfg.Ours.OfferHold, DeclineProbation: cfg.DeclineProbation, HoldReclaimed: cfg.Expired.Hold,
	})
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := d.table.Load(ctx); err != nil {
		l.t.Fatal(err)
	}
	pair := l.pair.Dial(side, ipc.Options{
		OnRefused: func(f ipc.Fault) { l.say(name, "ipc", "refused: %v", f) },
		OnPeer: func(gone bool) {
			if gone {
				l.say(name, "ipc", "nobody there")
			}
		},
	})
	near, far := transport.Pipe()
	d.far = far
	var serving sync.WaitGroup
	served := wire{near, socket}
	if family == topology.V4 {
		s := l.server4(d, cfg)
		d.replace = s.Replace
		serving.Go(func() { s.Serve(ctx, served) })
		serving.Go(func() { s.Serve4o6(ctx, pair) })
	} else {
		s := l.server6(d, cfg, pair)
		d.replace = s.Replace
		serving.Go(func() { s.Serve(ctx, served) })
		serving.Go(func() { s.Return(ctx, pair, served) })
	}
	serving.Go(func() { l.listen(far, family == topology.V4) })
	d.stop = func() {
		cancel()
		far.Stop()
		serving.Wait()
		if err := pair.Close(); err != nil {
			l.t.Error(err)
		}
		if err := d.table.Close(); err != nil {
			l.t.Error(err)
		}
	}
	synctest.Wait()
}

func (l *lab) server4(d *daemon, cfg *config.Config) *server4.Server {
	host := []netif.Interface{{Index: 2, Name: "eth0", Up: true, Addrs: []netip.Prefix{netip.PrefixFrom(addr6, 64)}}}
	if !l.noIPv4 {
		host[0].Addrs = append(host[0].Addrs, netip.PrefixFrom(addr4, 24))
	}
	return server4.New(server4.Options{
		Leases: d.table, Topology: cfg.Topology, Interfaces: host,
		ServerIDFile: filepath.Join(l.dir, "dhcp4d-serverid"), Trace: l.trace4,
	})
}

func (l *lab) server6(d *daemon, cfg *config.Config, pair server6.Pair) *server6.Server {
	return server6.New(server6.Options{
		Leases: d.table, Topology: cfg.Topology, ServerID: serverDUID, Pair: pair, Trace: l.trace6,
	})
}

// load reads the configuration in force. It has to be without fault.
func (l *lab) load(f topology.Family) *config.Config {
	name := filepath.Join(folder, l.config)
	if _, err := os.Stat(name); err != nil {
		l.t.Fatal(err)
	}
	cfg, problems := config.Load(name, f, config.Options{})
	for i := range problems {
		l.t.Error(problems[i].String())
	}
	if cfg == nil {
		l.t.FailNow()
	}
	return cfg
}

// reload has the daemons change over to another configuration.
func (l *lab) reload(name string) {
	l.config = name
	l.v4.replace(l.load(topology.V4).Topology)
	l.v6.replace(l.load(topology.V6).Topology)
}

// expire reclaims what has expired, as the daemons do every few seconds.
func (l *lab) expire() {
	for _, d := range []*daemon{&l.v6, &l.v4} {
		if n := d.table.Expire(time.Now(), 1000); n > 0 {
			l.say(d.name, "reclaim", "%d", n)
		}
	}
}

var states = map[lease.State]string{
	lease.Leased: "leased", lease.Declined: "declined", lease.Reclaimed: "reclaimed",
	lease.Released: "released", lease.Offered: "offered",
}

// leases tells what the daemons hold.
func (l *lab) leases() {
	for _, d := range []*daemon{&l.v6, &l.v4} {
		var all []string
		for x := range d.table.All() {
			line := fmt.Sprintf("%v %s", x.Resource.Prefix.Addr(), states[x.State])
			if len(x.DUID) > 0 {
				line += fmt.Sprintf(" %v IA %d", dhcp6.DUID(x.DUID), x.IAID)
			} else if len(x.HWAddr) > 0 {
				line += " " + net.HardwareAddr(x.HWAddr).String()
			}
			if x.Hostname != "" {
				line += " " + x.Hostname
			}
			if left := time.Until(x.Start.Add(x.Valid)); x.Valid == lease.Infinite {
				line += " for ever"
			} else if left > 0 {
				line += fmt.Sprintf(" %gs", left.Seconds())
			}
			all = append(all, strings.TrimRight(line+" "+string(x.UserContext), " "))
		}
		slices.Sort(all)
		for _, line := range all {
			l.say(d.name, "lease", "%s", line)
		}
	}
}

// listen collects what a daemon sends.
func (l *lab) listen(far transport.Conn, over4 bool) {
	var in [16]transport.Datagram
	for {
		n, err := far.Read(in[:])
		if err != nil {
			return
		}
		l.mu.Lock()
		for _, d := range in[:n] {
			d.Data = bytes.Clone(d.Data)
			l.back = append(l.back, datagram{over4, d})
		}
		l.mu.Unlock()
	}
}

// say writes what a hop did.
func (l *lab) say(daemon, step, format string, a ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.out, "  %s  %-6s %s\n", daemon, step, fmt.Sprintf(format, a...))
}

// send6 sends a DHCPv6 message the client's way.
func (s *script) send6(c *part, data []byte) {
	d := transport.Datagram{Data: data, IfIndex: socket6.IfIndex, Local: multicast6, Peer: netip.AddrPortFrom(c.linkLocal(), 546)}
	if to := c.args.value("to"); to != "" {
		d.Local = s.addr(to)
	}
	if n := len(c.via); n > 0 {
		port := uint16(547)
		if own := c.via[n-1].args.value("port"); own != "" {
			port = uint16(s.number(own, 16))
		}
		d.Local, d.Peer = addr6, netip.AddrPortFrom(s.relayAddr(c.via[n-1]), port)
	}
	s.write(s.lab.v6.far, d)
}

// send4 sends a DHCPv4 message to UDP port 67.
func (s *script) send4(c *part, a args, data []byte) {
	d := transport.Datagram{Data: data, IfIndex: socket4.IfIndex, Local: broadcast4, Peer: netip.AddrPortFrom(netip.IPv4Unspecified(), 68)}
	if from := a.value("ciaddr"); from != "" {
		d.Peer = netip.AddrPortFrom(s.addr(from), 68)
	}
	switch r := c.relay4(a); {
	case r != nil:
		d.Local, d.Peer = addr4, netip.AddrPortFrom(s.addr(r.args.value("giaddr")), 67)
	case a.has("unicast"):
		d.Local = addr4
	}
	s.write(s.lab.v4.far, d)
}

func (s *script) write(far transport.Conn, d transport.Datagram) {
	if n, err := far.Write([]transport.Datagram{d}); n != 1 {
		s.fail("not sent: %v", err)
	}
}
