// Package metrics counts under the statistic names that Kea uses and operators
// know ("pkt4-received", "pkt6-dhcpv4-query-received"), and under names of our
// own beside them ("4o6-forwarded").
//
// A counter is looked up once, when its owner is made, and costs one atomic add
// after that. A Set is read as a whole by whoever reports: a control command, a
// scrape, a test.
package metrics

import (
	"sort"
	"sync"
	"sync/atomic"
)

// A Counter is one number that goes up, or up and down when it is a gauge such
// as assigned-addresses. It is safe for concurrent use; the zero value is 0.
type Counter struct{ n atomic.Int64 }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Add adds n, which may be negative for a gauge.
func (c *Counter) Add(n int) { c.n.Add(int64(n)) }

// Set replaces the value.
func (c *Counter) Set(n int64) { c.n.Store(n) }

// Value returns the current value.
func (c *Counter) Value() int64 { return c.n.Load() }

// A Set holds the counters of one daemon by name. It is safe for concurrent
// use; the zero value is an empty set.
type Set struct {
	mu     sync.RWMutex
	byName map[string]*Counter
}

// Counter returns the counter of that name, made on first use. The same name
// always gives the same counter.
func (s *Set) Counter(name string) *Counter {
	s.mu.RLock()
	c := s.byName[name]
	s.mu.RUnlock()
	if c != nil {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.byName[name]; c != nil {
		return c
	}
	if s.byName == nil {
		s.byName = make(map[string]*Counter)
	}
	c = new(Counter)
	s.byName[name] = c
	return c
}

// A Sample is one counter as it stood when the set was read.
type Sample struct {
	Name  string
	Value int64
}

// All returns every counter, sorted by name.
func (s *Set) All() []Sample {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]Sample, 0, len(s.byName))
	for name, c := range s.byName {
		all = append(all, Sample{name, c.Value()})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}
