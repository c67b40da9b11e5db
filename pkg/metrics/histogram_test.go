package metrics

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// A value is counted in the first bucket whose bound is not below it.
func TestHistogramBuckets(t *testing.T) {
	for name, scale := range map[string]Scale{"durations": Durations, "sizes": Sizes, "odd": {[]int64{0, 3, 4, 1 << 62}, 1}, "none": {nil, 1}} {
		h := NewHistogram(scale)
		want := make([]uint64, len(scale.Bounds)+1)
		values := []int64{0, 1, 2, math.MaxInt64, -5}
		for _, b := range scale.Bounds {
			values = append(values, b-1, b, b+1)
		}
		for range 1000 {
			values = append(values, rand.Int64()>>rand.IntN(63))
		}
		sum := int64(0)
		for _, v := range values {
			h.Observe(v)
			sum += max(v, 0)
			i, _ := slices.BinarySearch(scale.Bounds, max(v, 0))
			want[i]++
		}
		for i := range want {
			if got := h.counts[i].Load(); got != want[i] {
				t.Errorf("%s: bucket %d has %d values, want %d", name, i, got, want[i])
			}
		}
		if h.sum.Load() != sum || h.Count() != uint64(len(values)) {
			t.Errorf("%s: sum %d of %d values, want %d of %d", name, h.sum.Load(), h.Count(), sum, len(values))
		}
	}
}

func TestDurations(t *testing.T) {
	b := Durations.Bounds
	if !slices.IsSorted(b) || b[0] != int64(10*time.Microsecond) || b[len(b)-1] != int64(5*time.Second) {
		t.Errorf("bounds %v", b)
	}
}

func TestHistogramIsSafe(t *testing.T) {
	var s Set
	var w sync.WaitGroup
	for range 4 {
		w.Go(func() {
			for i := range int64(1000) {
				s.Histogram("batch-size", Sizes, "").Observe(i % 70)
			}
		})
	}
	w.Wait()
	if n := s.Histogram("batch-size", Sizes, "").Count(); n != 4000 {
		t.Errorf("%d values", n)
	}
}

func TestObservingDoesNotAllocate(t *testing.T) {
	h := NewHistogram(Durations)
	at := time.Now()
	if n := testing.AllocsPerRun(100, func() { h.Observe(12345); h.Since(at, at) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	h := NewHistogram(Durations)
	v := int64(1)
	for b.Loop() {
		h.Observe(v)
		v = (v*7 + 13) & (1<<30 - 1)
	}
}

func BenchmarkInc(b *testing.B) {
	c := new(Set).Counter("x")
	for b.Loop() {
		c.Inc()
	}
}
