package metrics

import (
	"math/bits"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"
)

// A Scale says which buckets a Histogram has.
type Scale struct {
	Bounds []int64 // the greatest value of each bucket, ascending; greater ones go into one more
	Per    float64 // how many make one when they are reported: 1e9 for a time.Duration told in seconds
}

// The scales in use.
var (
	// Durations goes from 10 µs to 5 s by 1, 2.5, 5.
	Durations = Scale{durations(), 1e9}

	// Sizes is for numbers of things that a batch of 128 may hold.
	Sizes = Scale{[]int64{1, 2, 4, 8, 16, 32, 64, 128}, 1}
)

func durations() (all []int64) {
	for d := 10 * time.Microsecond; d <= time.Second; d *= 10 {
		all = append(all, int64(d), int64(d*5/2), int64(d*5))
	}
	return all
}

// A Histogram counts how often values of which size were seen. It is safe for
// concurrent use, takes no lock and allocates nothing: an observation is a look
// into a table and two atomic adds.
type Histogram struct {
	scale  Scale
	help   string
	first  [65]uint8 // by bit length: the first bucket that such a value may belong to
	sum    atomic.Int64
	counts []atomic.Uint64
}

// NewHistogram returns an empty histogram of at most 255 buckets.
func NewHistogram(s Scale) *Histogram {
	h := &Histogram{scale: s, counts: make([]atomic.Uint64, len(s.Bounds)+1)}
	for n := range h.first {
		least := int64(0) // of this bit length; an int64 has 63 at most
		if n > 0 {
			least = 1 << min(n-1, 62)
		}
		h.first[n] = uint8(sort.Search(len(s.Bounds), func(i int) bool { return least <= s.Bounds[i] }))
	}
	return h
}

// Observe counts a value. One below 0, as a clock that was set back yields, counts
// as 0.
func (h *Histogram) Observe(v int64) {
	v = max(v, 0)
	i := int(h.first[bits.Len64(uint64(v))])
	for i < len(h.scale.Bounds) && v > h.scale.Bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(v)
}

// Since counts the time that has passed from one moment to another.
func (h *Histogram) Since(from, to time.Time) { h.Observe(int64(to.Sub(from))) }

// Count returns how many values were observed.
func (h *Histogram) Count() (n uint64) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// Histogram returns the histogram of that name, made on first use; help says in
// one sentence what it tells. The same name always gives the same histogram.
func (s *Set) Histogram(name string, scale Scale, help string) *Histogram {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.histograms[name]; h != nil {
		return h
	}
	if s.histograms == nil {
		s.histograms = make(map[string]*Histogram)
	}
	h := NewHistogram(scale)
	h.help = help
	s.histograms[name] = h
	return h
}

// A named histogram is one of a set's.
type named struct {
	name string
	*Histogram
}

// allHistograms returns the set's histograms, sorted by name.
func (s *Set) allHistograms() (all []named) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name, h := range s.histograms {
		all = append(all, named{name, h})
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	return all
}
