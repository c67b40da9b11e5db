package lease

import (
	"iter"
	"math/big"
)

// Total returns the number of the pool's resources, however great; Size stops at
// 1<<62.
func (p *Pool) Total() *big.Int {
	d := p.last.minus(p.first).shift(p.shift)
	n := new(big.Int).SetUint64(d.hi)
	n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(d.lo))
	return n.Add(n, big.NewInt(1))
}

// Stats returns the counts of one kind of resource in all subnets that there are or
// have been; offers are counted by pools alone.
func (t *Table) Stats(k Kind) (sum Stats) {
	t.subnetsMu.RLock()
	defer t.subnetsMu.RUnlock()
	for id, c := range t.subnets {
		if id.kind != k {
			continue
		}
		sum = sum.Add(c.stats())
	}
	return sum
}

// Add returns the sums of two counts.
func (s Stats) Add(o Stats) Stats {
	return Stats{
		s.Assigned + o.Assigned, s.Declined + o.Declined, s.Cumulative + o.Cumulative,
		s.Reclaimed + o.Reclaimed, s.ReclaimedDeclined + o.ReclaimedDeclined, s.Offers + o.Offers,
	}
}

// A Sum is what several pools have together.
type Sum struct {
	Total big.Int
	Stats Stats
}

func (s *Sum) add(p *Pool) {
	s.Total.Add(&s.Total, p.Total())
	s.Stats = s.Stats.Add(p.Stats())
}

// Sums adds pools up, all of them and those of each ID: without pool-id all of a
// subnet have 0.
func Sums(pools iter.Seq[*Pool]) (all *Sum, byID map[uint32]*Sum) {
	all, byID = new(Sum), make(map[uint32]*Sum, 1)
	for p := range pools {
		if byID[p.ID] == nil {
			byID[p.ID] = new(Sum)
		}
		all.add(p)
		byID[p.ID].add(p)
	}
	return all, byID
}
