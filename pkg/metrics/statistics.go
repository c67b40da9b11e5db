package metrics

import (
	"math/big"
	"slices"
	"sync"
	"time"
)

// DefaultSamples is how many samples of a statistic Kea keeps.
const DefaultSamples = 20

// maxSamples bounds what one statistic may be told to keep.
const maxSamples = 1 << 16

// An Observation is a value and the moment at which it was first seen.
type Observation struct {
	Value int64
	Big   *big.Int // nil: Value is the number
	At    time.Time
}

// same reports whether two observations are of the same value.
func (o *Observation) same(p *Observation) bool {
	return o.Value == p.Value && (o.Big == nil) == (p.Big == nil) && (o.Big == nil || o.Big.Cmp(p.Big) == 0)
}

// samples limits how many are kept: by number or, when Age is set, by age.
type samples struct {
	count int
	age   time.Duration
}

// Statistics is a Set as Kea's statistic commands know it: each number with the
// samples of its recent values. What these commands reset or remove is reset for
// them alone; whoever reads the Set sees numbers that only grow.
//
// Kea notes a sample whenever it counts. Here counting is an atomic add, so a
// sample is noted when a statistic is read and has changed since the last time,
// and besides by Note, for those that somebody has asked samples of.
//
// It is safe for concurrent use, and holds up nobody who counts.
type Statistics struct {
	set   *Set
	start time.Time

	mu       sync.Mutex
	byName   map[string]*record
	defaults samples
	wantAll  bool // samples of every statistic are asked for
	wanted   int  // records whose samples are
}

// A record is what is known of one statistic besides its value.
type record struct {
	base   int64   // of a counter, taken off its value: it was reset then
	limit  samples // zero: the default
	want   bool    // samples of it are asked for
	hidden bool    // it was removed, and has not changed since
	last   []Observation
	seen   bool // in the walk at hand
}

// NewStatistics returns the statistics of a set, at their beginning.
func NewStatistics(set *Set, now time.Time) *Statistics {
	return &Statistics{set: set, start: now, byName: make(map[string]*record), defaults: samples{count: DefaultSamples}}
}

// Default sets how many samples a statistic keeps that was told nothing else, or
// how old ones if age is not 0. With want Note takes samples of all.
func (s *Statistics) Default(count int, age time.Duration, want bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.defaults = samples{clampCount(count), max(age, 0)}
	s.wantAll = want
}

func clampCount(n int) int { return min(max(n, 1), maxSamples) }

// All yields every statistic with its samples, newest first, sorted by name. The
// samples are valid during the call.
func (s *Statistics) All(now time.Time, yield func(name string, o []Observation)) {
	all := s.set.All()
	s.mu.Lock()
	defer s.mu.Unlock()
	var newest []Observation
	for i := range all {
		if r := s.note(&all[i], now); !r.hidden {
			newest = append(newest[:0], r.last...)
			slices.Reverse(newest)
			yield(all[i].Name, newest)
		}
	}
	s.forget(all)
}

// forget drops what is known of statistics that are no more, those of a subnet that
// was taken out of the configuration among them.
func (s *Statistics) forget(all []Sample) {
	if len(s.byName) == len(all) {
		return
	}
	for i := range all {
		if r := s.byName[all[i].Name]; r != nil {
			r.seen = true
		}
	}
	for name, r := range s.byName {
		if !r.seen {
			s.drop(name, r)
		}
		r.seen = false
	}
}

func (s *Statistics) drop(name string, r *record) {
	delete(s.byName, name)
	if r.want {
		s.wanted--
	}
}

// Get returns the samples of one statistic, newest first, and whether there is one
// of that name.
func (s *Statistics) Get(name string, now time.Time) ([]Observation, bool) {
	m, ok := s.set.Find(name)
	if !ok {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.note(&m, now)
	if r.hidden {
		return nil, false
	}
	newest := slices.Clone(r.last)
	slices.Reverse(newest)
	return newest, true
}

// note brings the record of a statistic up to date. The caller holds mu.
func (s *Statistics) note(m *Sample, now time.Time) *record {
	r := s.byName[m.Name]
	if r == nil {
		r = new(record)
		s.byName[m.Name] = r
	}
	o := Observation{Value: m.Value, Big: m.Big, At: now}
	if m.Big == nil {
		o.Value -= r.base
	}
	switch n := len(r.last); {
	case n == 0:
		if o.Value == 0 {
			o.At = s.start // as it was all the time
		}
		r.last = append(make([]Observation, 0, 1), o)
	case !r.last[n-1].same(&o):
		if r.hidden { // it begins anew
			r.hidden, r.last = false, r.last[:0]
		}
		r.last = append(r.last, o)
	}
	s.trim(r, now)
	return r
}

// trim lets go of samples beyond the limit, but never of the newest.
func (s *Statistics) trim(r *record, now time.Time) {
	l := r.limit
	if l == (samples{}) {
		l = s.defaults
	}
	drop := 0
	if l.age > 0 {
		for drop < len(r.last)-1 && now.Sub(r.last[drop].At) > l.age {
			drop++
		}
		drop = max(drop, len(r.last)-maxSamples)
	} else {
		drop = max(0, len(r.last)-l.count)
	}
	r.last = slices.Delete(r.last, 0, drop)
}

// Note takes a sample of every statistic that samples are asked of and that has
// changed. Call it once a second; it costs nothing while nobody has asked.
func (s *Statistics) Note(now time.Time) {
	s.mu.Lock()
	all, some := s.wantAll, s.wanted > 0
	s.mu.Unlock()
	if !all && !some {
		return
	}
	values := s.set.All()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range values {
		if r := s.byName[values[i].Name]; all || r != nil && r.want {
			s.note(&values[i], now)
		}
	}
}

// Reset sets a statistic to 0 and forgets its samples. A gauge tells what there
// is and stays. It reports whether there is one of that name.
func (s *Statistics) Reset(name string, now time.Time) bool {
	return s.change(name, now, func(m *Sample, r *record) { s.reset(m, r, now) })
}

func (s *Statistics) reset(m *Sample, r *record, now time.Time) {
	if !m.Gauge {
		r.base = m.Value
	}
	o := Observation{Value: m.Value - r.base, Big: m.Big, At: now}
	r.last = append(r.last[:0], o)
}

// ResetAll does it with every statistic.
func (s *Statistics) ResetAll(now time.Time) {
	s.changeAll(now, func(m *Sample, r *record) { s.reset(m, r, now) })
}

// Remove forgets a statistic until it changes, and begins it at 0 then. It
// reports whether there was one of that name.
func (s *Statistics) Remove(name string, now time.Time) bool {
	return s.change(name, now, func(m *Sample, r *record) { s.remove(m, r, now) })
}

func (s *Statistics) remove(m *Sample, r *record, now time.Time) {
	s.reset(m, r, now)
	r.hidden = true
	r.limit = samples{}
	s.want(r, false)
}

// RemoveAll does it with every statistic.
func (s *Statistics) RemoveAll(now time.Time) {
	s.changeAll(now, func(m *Sample, r *record) { s.remove(m, r, now) })
}

func (s *Statistics) want(r *record, on bool) {
	switch {
	case on && !r.want:
		s.wanted++
	case !on && r.want:
		s.wanted--
	}
	r.want = on
}

// Keep limits the samples of a statistic: to a number, or to an age if that is
// not 0. It reports whether there is one of that name.
func (s *Statistics) Keep(name string, count int, age time.Duration, now time.Time) bool {
	return s.change(name, now, func(_ *Sample, r *record) {
		r.limit = samples{clampCount(count), max(age, 0)}
		s.want(r, true)
		s.trim(r, now)
	})
}

// KeepAll limits the samples of every statistic, those that come later too.
func (s *Statistics) KeepAll(count int, age time.Duration, now time.Time) {
	s.Default(count, age, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.byName {
		r.limit = samples{}
		s.trim(r, now)
	}
}

func (s *Statistics) change(name string, now time.Time, f func(*Sample, *record)) bool {
	m, ok := s.set.Find(name)
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.note(&m, now)
	if r.hidden {
		return false
	}
	f(&m, r)
	return true
}

func (s *Statistics) changeAll(now time.Time, f func(*Sample, *record)) {
	all := s.set.All()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range all {
		if r := s.note(&all[i], now); !r.hidden {
			f(&all[i], r)
		}
	}
}
