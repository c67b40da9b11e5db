package server4

import (
	"math/big"
	"strconv"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// What happens in a subnet, as server4 counts it for each, mostly what goes wrong.
const (
	failed        = iota // pools that may be used are full
	failedNoPools        // there is no pool that may be used
	failedNetwork
	failedSubnet
	failedClasses
	conflicts // the reserved address is in somebody else's hands
	reuses    // no trouble at all: a lease was given as it is
	troubles
)

var troubleNames = [troubles]string{
	failed: "v4-allocation-fail", failedNoPools: "v4-allocation-fail-no-pools", failedNetwork: "v4-allocation-fail-shared-network",
	failedSubnet: "v4-allocation-fail-subnet", failedClasses: "v4-allocation-fail-classes", conflicts: "v4-reservation-conflicts",
	reuses: "v4-lease-reuses",
}

// trouble counts what has gone wrong, for the server and for a subnet.
func (s *Server) trouble(what int, subnet uint32) {
	s.count.troubles[what].Inc()
	s.inSubnet.Inc(subnet, what)
}

// statistics reads what the lease table counts, under Kea's names
// ("subnet[1].assigned-addresses"): it is the engine's metrics.Source.
func (s *Server) statistics(yield func(metrics.Sample)) {
	for _, sub := range s.net.Load().Subnets {
		s.ofSubnet(sub, yield)
	}
	st := s.leases.Stats(lease.V4)
	yield(metrics.Gauge("assigned-addresses", st.Assigned))
	sums("", st, yield)
	yield(metrics.Gauge("pkt4-parked", int64(s.lot.parked())))
}

func (s *Server) ofSubnet(sub *topology.Subnet, yield func(metrics.Sample)) {
	prefix := "subnet[" + strconv.FormatUint(uint64(sub.ID), 10) + "]."
	all, pools := lease.Sums(sub.LeasePools(lease.V4))
	for id, sum := range pools {
		gauges(prefix+"pool["+strconv.FormatUint(uint64(id), 10)+"].", &sum.Stats, &sum.Total, yield)
	}
	st := s.leases.SubnetStats(sub.ID, lease.V4)
	st.Offers = all.Stats.Offers // which pools count, not subnets
	gauges(prefix, &st, &all.Total, yield)
	for what, name := range troubleNames {
		if n := s.inSubnet.Value(sub.ID, what); n > 0 || what >= conflicts { // the others appear with the first, as in Kea
			yield(metrics.Int(prefix+name, n))
		}
	}
}

func gauges(prefix string, st *lease.Stats, total *big.Int, yield func(metrics.Sample)) {
	yield(metrics.BigGauge(prefix+"total-addresses", total))
	yield(metrics.Gauge(prefix+"assigned-addresses", st.Assigned))
	yield(metrics.Gauge(prefix+"offered-addresses", st.Offers))
	sums(prefix, *st, yield)
}

// sums are the statistics that exist for the whole server too.
func sums(prefix string, st lease.Stats, yield func(metrics.Sample)) {
	yield(metrics.Int(prefix+"cumulative-assigned-addresses", st.Cumulative))
	yield(metrics.Gauge(prefix+"declined-addresses", st.Declined))
	yield(metrics.Int(prefix+"reclaimed-declined-addresses", st.ReclaimedDeclined))
	yield(metrics.Int(prefix+"reclaimed-leases", st.Reclaimed))
}
