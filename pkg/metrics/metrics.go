// Package metrics counts under the statistic names that Kea uses and operators
// know ("pkt4-received", "pkt6-dhcpv4-query-received"), and under names of our
// own beside them ("4o6-forwarded").
//
// A counter is looked up once, when its owner is made, and costs one atomic add
// after that; a histogram costs two. What others count already (leases, sockets)
// is not counted again: a Source reads it there. A Set is read as a whole by
// whoever reports: Statistics for the statistic commands, Collector for a scrape,
// All for a test. Reading holds up nobody who counts.
package metrics

import (
	"math"
	"math/big"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// A Counter is one number that goes up, or up and down when it is a gauge such
// as assigned-addresses. It is safe for concurrent use; the zero value is 0.
type Counter struct {
	n     atomic.Int64
	gauge bool
}

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Add adds n, which may be negative for a gauge.
func (c *Counter) Add(n int) { c.n.Add(int64(n)) }

// Set replaces the value.
func (c *Counter) Set(n int64) { c.n.Store(n) }

// Value returns the current value.
func (c *Counter) Value() int64 { return c.n.Load() }

// A Sample is one number as it stood when the set was read.
type Sample struct {
	Name  string
	Value int64    // the greatest there is when the number is Big
	Big   *big.Int // nil: Value is the number
	Gauge bool     // it also goes down: what there is, not what has happened
}

// Int returns a sample of n.
func Int(name string, n int64) Sample { return Sample{Name: name, Value: n} }

// Gauge returns a sample of n that also goes down.
func Gauge(name string, n int64) Sample { return Sample{Name: name, Value: n, Gauge: true} }

// BigGauge is Gauge for a number that may be greater than any int64, as that of
// the addresses of a /64 is. It keeps n.
func BigGauge(name string, n *big.Int) Sample {
	if n.IsInt64() {
		return Gauge(name, n.Int64())
	}
	return Sample{Name: name, Value: math.MaxInt64, Big: n, Gauge: true}
}

// Float returns the number, rounded where it has to be.
func (s *Sample) Float() float64 {
	if s.Big != nil {
		f, _ := new(big.Float).SetInt(s.Big).Float64()
		return f
	}
	return float64(s.Value)
}

// A Source reads numbers that are counted elsewhere, each time that a Set is read.
// It must not block, nor use the Set.
type Source func(yield func(Sample))

// A Set holds the numbers of one daemon by name. It is safe for concurrent use;
// the zero value is an empty set.
type Set struct {
	mu         sync.RWMutex
	byName     map[string]*Counter
	histograms map[string]*Histogram
	sources    map[string]Source
}

// Counter returns the counter of that name, made on first use. The same name
// always gives the same counter.
func (s *Set) Counter(name string) *Counter { return s.counter(name, false) }

// Gauge returns the counter of that name, which also goes down. It is made on
// first use.
func (s *Set) Gauge(name string) *Counter { return s.counter(name, true) }

func (s *Set) counter(name string, gauge bool) *Counter {
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
	c = &Counter{gauge: gauge}
	s.byName[name] = c
	return c
}

// Source has f read with the set. who names it: another source of that name is
// replaced, so that a server that is made anew is not read twice.
func (s *Set) Source(who string, f Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sources == nil {
		s.sources = make(map[string]Source)
	}
	s.sources[who] = f
}

// All returns every number, sorted by name.
func (s *Set) All() []Sample {
	s.mu.RLock()
	all := make([]Sample, 0, len(s.byName))
	for name, c := range s.byName {
		all = append(all, Sample{Name: name, Value: c.Value(), Gauge: c.gauge})
	}
	sources := s.readers()
	s.mu.RUnlock()
	for _, f := range sources {
		f(func(m Sample) { all = append(all, m) })
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// Find returns the number of one name. Those of sources take a look at all that
// the source has.
func (s *Set) Find(name string) (found Sample, ok bool) {
	s.mu.RLock()
	c := s.byName[name]
	sources := s.readers()
	s.mu.RUnlock()
	if c != nil {
		return Sample{Name: name, Value: c.Value(), Gauge: c.gauge}, true
	}
	for _, f := range sources {
		f(func(m Sample) {
			if m.Name == name {
				found, ok = m, true
				found.Name = strings.Clone(name)
			}
		})
	}
	return found, ok
}

// readers returns the sources, which are called without the lock. The caller
// holds it.
func (s *Set) readers() []Source {
	all := make([]Source, 0, len(s.sources))
	for _, f := range s.sources {
		all = append(all, f)
	}
	return all
}
