package server6

import (
	"strconv"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Refresh brings the statistics of subnets and pools up to date, under Kea's
// names ("subnet[1].assigned-nas"). They are counted by the lease table; call it
// before the metrics are read.
func (s *Server) Refresh() {
	if s.leases == nil {
		return
	}
	var sum lease.Stats
	for _, n := range s.net.Load().Subnets {
		prefix := "subnet[" + strconv.FormatUint(uint64(n.ID), 10) + "]."
		st := s.leases.SubnetStats(n.ID, lease.NA)
		total := uint64(0)
		for _, p := range n.Pools {
			if p.Lease.Kind != lease.NA {
				continue
			}
			total = min(total+min(p.Lease.Size(), 1<<62), 1<<62)
			s.gauges(prefix+"pool["+strconv.FormatUint(uint64(p.Lease.ID), 10)+"].", p.Lease.Stats(), p.Lease.Size())
		}
		s.gauges(prefix, st, total)
		sum.Declined += st.Declined
		sum.Cumulative += st.Cumulative
		sum.Reclaimed += st.Reclaimed
		sum.ReclaimedDeclined += st.ReclaimedDeclined
	}
	s.sums("", sum)
}

func (s *Server) gauges(prefix string, st lease.Stats, total uint64) {
	s.set.Counter(prefix + "total-nas").Set(int64(min(total, 1<<62)))
	s.set.Counter(prefix + "assigned-nas").Set(st.Assigned)
	s.sums(prefix, st)
}

// sums are the statistics that exist for the whole server too.
func (s *Server) sums(prefix string, st lease.Stats) {
	s.set.Counter(prefix + "cumulative-assigned-nas").Set(st.Cumulative)
	s.set.Counter(prefix + "declined-addresses").Set(st.Declined)
	s.set.Counter(prefix + "reclaimed-declined-addresses").Set(st.ReclaimedDeclined)
	s.set.Counter(prefix + "reclaimed-leases").Set(st.Reclaimed)
}
