package server6

import (
	"math/big"
	"strconv"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// What goes wrong in a subnet, as server6 counts it for each.
const (
	failed        = iota // pools that may be used are full
	failedNoPools        // there is no pool that may be used
	failedNetwork
	failedSubnet
	failedClasses
	troubles
)

var troubleNames = [troubles]string{
	failed: "v6-allocation-fail", failedNoPools: "v6-allocation-fail-no-pools", failedNetwork: "v6-allocation-fail-shared-network",
	failedSubnet: "v6-allocation-fail-subnet", failedClasses: "v6-allocation-fail-classes",
}

// trouble counts what has gone wrong, for the server and for a subnet.
func (s *Server) trouble(what int, subnet uint32) {
	s.count.troubles[what].Inc()
	s.inSubnet.Inc(subnet, what)
}

// statistics reads what the lease table counts, under Kea's names
// ("subnet[1].assigned-nas"): it is the engine's metrics.Source. Prefixes are not
// delegated and addresses not registered (RFC 9686); their names stand here with 0,
// as whoever watches Kea expects.
func (s *Server) statistics(yield func(metrics.Sample)) {
	for _, n := range s.net.Load().Subnets {
		s.ofSubnet(n, yield)
	}
	var st lease.Stats
	if s.leases != nil {
		st = s.leases.Stats(lease.NA)
	}
	yield(metrics.Gauge("assigned-nas", st.Assigned))
	yield(metrics.Gauge("assigned-pds", 0))
	sums("", st, yield)
	yield(metrics.Gauge("4o6-receipts", int64(s.receipts.InUse())))
	yield(metrics.Int("4o6-receipts-evicted", int64(s.receipts.Evicted())))
	yield(metrics.Int("cumulative-assigned-pds", 0))
	yield(metrics.Int("cumulative-registered-nas", 0))
}

func (s *Server) ofSubnet(n *topology.Subnet, yield func(metrics.Sample)) {
	prefix := "subnet[" + strconv.FormatUint(uint64(n.ID), 10) + "]."
	all, pools := lease.Sums(n.LeasePools(lease.NA))
	for id, sum := range pools {
		gauges(prefix+"pool["+strconv.FormatUint(uint64(id), 10)+"].", &sum.Stats, &sum.Total, yield)
	}
	var st lease.Stats
	if s.leases != nil {
		st = s.leases.SubnetStats(n.ID, lease.NA)
	}
	st.Offers = all.Stats.Offers // which pools count, not subnets
	gauges(prefix, &st, &all.Total, yield)
	for what, name := range troubleNames {
		if n := s.inSubnet.Value(n.ID, what); n > 0 { // they appear with the first, as in Kea
			yield(metrics.Int(prefix+name, n))
		}
	}
	for _, name := range [...]string{"total-pds", "assigned-pds", "registered-nas"} {
		yield(metrics.Gauge(prefix+name, 0))
	}
	for _, name := range [...]string{"cumulative-assigned-pds", "cumulative-registered-nas", "v6-ia-na-lease-reuses", "v6-ia-pd-lease-reuses"} {
		yield(metrics.Int(prefix+name, 0))
	}
}

func gauges(prefix string, st *lease.Stats, total *big.Int, yield func(metrics.Sample)) {
	yield(metrics.BigGauge(prefix+"total-nas", total))
	yield(metrics.Gauge(prefix+"assigned-nas", st.Assigned))
	yield(metrics.Gauge(prefix+"offered-nas", st.Offers))
	sums(prefix, *st, yield)
}

// sums are the statistics that exist for the whole server too.
func sums(prefix string, st lease.Stats, yield func(metrics.Sample)) {
	yield(metrics.Int(prefix+"cumulative-assigned-nas", st.Cumulative))
	yield(metrics.Gauge(prefix+"declined-addresses", st.Declined))
	yield(metrics.Int(prefix+"reclaimed-declined-addresses", st.ReclaimedDeclined))
	yield(metrics.Int(prefix+"reclaimed-leases", st.Reclaimed))
}
