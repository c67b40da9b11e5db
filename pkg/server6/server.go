package server6

import (
	"context"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// Pair is the way to the DHCPv4 daemon and back; *ipc.Conn is one.
type Pair interface {
	Read(in []ipc.Message) (int, error)
	Write(out []ipc.Message) (int, error)
	Stop()
}

// Options are what a Server is made of.
type Options struct {
	Log      *zap.Logger        // nil: silent
	Metrics  *metrics.Set       // nil: counted for nobody
	Leases   *lease.Table       // may be nil when no topology will have subnets
	Topology *topology.Topology // nil: no subnets, no options
	ServerID dhcp6.DUID         // see LoadServerID

	// Pair takes the DHCPV4-QUERYs; nil drops them.
	Pair Pair

	// ClientPort is where every answer goes, to relays too, whatever port the
	// RFC names: for tests without privileges. ToSource sends each answer to the
	// port that its query came from. Neither: 546 and 547 (RFC 9915 §7.2).
	ClientPort uint16
	ToSource   bool

	// Trace, when not nil, is told what every step did: for tests and tools.
	Trace func(Event)
}

// A Server answers DHCPv6 queries. It is safe for concurrent use; it starts no
// goroutine.
type Server struct {
	log      *zap.Logger
	said     // what is said of packets and leases
	set      *metrics.Set
	leases   *lease.Table
	duid     dhcp6.DUID
	pair     Pair
	receipts *ipc.Receipts
	port     uint16
	toSource bool
	trace    func(Event)
	count    counters
	inSubnet *metrics.PerID // troubles
	net      atomic.Pointer[topology.Topology]
	disabled atomic.Bool
	swap     sync.Mutex // held while the topology and the table's pools are replaced

	links struct {
		sync.RWMutex
		served map[string]link
	}
	told struct{ pair, read, commit, table, exhausted, fault, declined, test metrics.Limit } // log lines
}

// A link is an interface that is served, by so many sockets.
type link struct {
	index, sockets int
}

// said is the loggers of single packets and leases, by the names that Kea's have:
// an operator sets the severity of each.
type said struct{ packets, bad, leasing *zap.Logger }

func newSaid(log *zap.Logger) said {
	return said{log.Named("packets"), log.Named("bad-packets"), log.Named("leases")}
}

// New returns a server; Serve and Return put it to work. The lease table adopts
// the pools of the topology.
func New(o Options) *Server {
	s := &Server{
		log: o.Log, leases: o.Leases, duid: o.ServerID, pair: o.Pair,
		port: o.ClientPort, toSource: o.ToSource, trace: o.Trace,
		receipts: ipc.NewReceipts(), inSubnet: metrics.NewPerID(troubles),
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	s.said = newSaid(s.log)
	s.told.declined.Burst = declinesTold
	if o.Metrics == nil {
		o.Metrics = new(metrics.Set)
	}
	s.set = o.Metrics
	s.count.init(o.Metrics)
	s.links.served = make(map[string]link)
	s.Replace(o.Topology)
	s.set.Source("server6", s.statistics)
	return s
}

// Replace puts another configuration in force and has the lease table adopt its
// pools: the next query sees it, a query under way goes on with the one it began
// with. nil stands for one without subnets.
func (s *Server) Replace(t *topology.Topology) {
	if t == nil {
		t = &topology.Topology{Family: topology.V6}
		t.Freeze()
	}
	s.swap.Lock()
	defer s.swap.Unlock()
	if s.leases != nil {
		if n := t.Stray(s.leases.Adopt(pools(t)), s.leases.InForce); n > 0 {
			s.log.Warn("leases lie outside of all pools", zap.Int("leases", n))
		}
	}
	s.net.Store(t)
	if s.leases != nil {
		t.Settle(s.leases.Keep)
	}
}

// current returns the topology in force, after a replacement that is under way.
func (s *Server) current() *topology.Topology {
	s.swap.Lock()
	defer s.swap.Unlock()
	return s.net.Load()
}

// pools returns all pools of a topology.
func pools(t *topology.Topology) []*lease.Pool {
	var all []*lease.Pool
	for _, n := range t.Subnets {
		for _, p := range n.Pools {
			if p.Lease != nil {
				all = append(all, p.Lease)
			}
		}
	}
	return all
}

// Serve answers what comes in on conn until ctx ends; the caller waits for it.
func (s *Server) Serve(ctx context.Context, conn transport.Conn) {
	socket := conn.Socket()
	s.serves(socket, +1)
	defer s.serves(socket, -1)
	defer context.AfterFunc(ctx, conn.Stop)()
	s.work(conn)
}

// serves notes that a socket on an interface is served, or is no more. A link
// that is made anew under its name has another index, and a socket of the old one
// may be left only after one of the new one is served.
func (s *Server) serves(socket transport.Socket, n int) {
	s.links.Lock()
	defer s.links.Unlock()
	l := s.links.served[socket.Iface]
	l.sockets += n
	if n > 0 {
		l.index = socket.IfIndex
	}
	s.links.served[socket.Iface] = l
	if l.sockets == 0 {
		delete(s.links.served, socket.Iface)
	}
}

// ifIndex returns the index of an interface that is served.
func (s *Server) ifIndex(name string) (int, bool) {
	s.links.RLock()
	defer s.links.RUnlock()
	l, ok := s.links.served[name]
	return l.index, ok
}
