package server4

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// Options are what a Server is made of.
type Options struct {
	Log      *zap.Logger        // nil: silence
	Metrics  *metrics.Set       // nil: one of its own
	Leases   *lease.Table       // loaded; the Server adopts the pools of its topology
	Topology *topology.Topology // frozen

	// Interfaces is the host's picture of the moment, for server identifiers.
	Interfaces []netif.Interface

	// ServerIDFile keeps the server identifiers over restarts; "" keeps none.
	ServerIDFile string

	// ReplyToSource sends every native reply to the port that the query came
	// from, ReplyPort (when not 0) to that port: for tests without privileges.
	ReplyToSource bool
	ReplyPort     uint16

	// Hooks, when not nil, are called as packets pass, until Server.Hook changes that. ParkLimit is how many may
	// be parked at a time, 0 for any number, and ParkHold how long, 0 for the
	// constant of that name.
	Hooks     *Hooks
	ParkLimit int
	ParkHold  time.Duration

	// Trace, when not nil, is told what every step did: for tests and tools.
	Trace func(Event)
}

// A Server answers DHCPv4 queries. It is safe for concurrent use.
type Server struct {
	opt      Options
	log      *zap.Logger
	said     // what is said of packets and leases
	set      *metrics.Set
	count    *counters
	leases   *lease.Table
	inSubnet *metrics.PerID // troubles
	trace    func(Event)
	hooks    atomic.Pointer[hooked]
	lot      *lot
	told     struct{ read, commit, table, exhausted, fault, declined, room, test metrics.Limit }

	net atomic.Pointer[topology.Topology]
	ids atomic.Pointer[identifiers]

	disabled atomic.Bool

	reload sync.Mutex // held while the topology is exchanged
	links  []netif.Interface
	ifaces atomic.Pointer[[]netif.Interface] // links, for who does not hold reload
	mtus   atomic.Pointer[map[int]int]       // of those, by index
	kept   *identifierFile                   // what is on disk, or should be
}

// said is the loggers of single packets and leases, by the names that Kea's have:
// an operator sets the severity of each.
type said struct{ packets, bad, leasing *zap.Logger }

func newSaid(log *zap.Logger) said {
	return said{log.Named("packets"), log.Named("bad-packets"), log.Named("leases")}
}

// New returns a server that answers by o.Topology. It chooses the server
// identifiers.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Metrics == nil {
		o.Metrics = new(metrics.Set)
	}
	s := &Server{opt: o, log: o.Log, said: newSaid(o.Log), set: o.Metrics, count: newCounters(o.Metrics), leases: o.Leases, inSubnet: metrics.NewPerID(troubles), trace: o.Trace, links: o.Interfaces}
	s.told.declined.Burst = declinesTold
	s.lot = newLot(s, o.ParkLimit, o.ParkHold)
	s.noteLinks(o.Interfaces)
	s.Hook(o.Hooks)
	s.Replace(o.Topology)
	s.set.Source("server4", s.statistics)
	return s
}

// Replace makes t the topology in force: the next packet sees it, and the lease
// table its pools. A packet under way ends with the one that it began with, or is
// answered anew when its pool is no more.
func (s *Server) Replace(t *topology.Topology) {
	s.reload.Lock()
	defer s.reload.Unlock()
	if outside := t.Stray(s.leases.Adopt(pools(t)), s.leases.InForce); outside > 0 {
		s.log.Warn("leases lie outside of all pools", zap.Int("leases", outside))
	}
	s.net.Store(t)
	t.Settle(s.leases.Keep)
	s.chooseIdentifiers(t, time.Now())
}

// Links tells the server that the host's interfaces or addresses changed.
func (s *Server) Links(now []netif.Interface) {
	s.reload.Lock()
	defer s.reload.Unlock()
	s.links = now
	s.noteLinks(now)
	ids := s.ids.Load().extend(now)
	s.ids.Store(ids)
	s.keepLate(ids)
}

// current returns the topology in force, waiting for one that is just being
// put there.
func (s *Server) current() *topology.Topology {
	s.reload.Lock()
	defer s.reload.Unlock()
	return s.net.Load()
}

// pools lists the lease pools of a topology.
func pools(t *topology.Topology) (all []*lease.Pool) {
	for _, sub := range t.Subnets {
		for _, p := range sub.Pools {
			all = append(all, p.Lease)
		}
	}
	return all
}
