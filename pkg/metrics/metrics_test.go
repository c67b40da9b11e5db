package metrics

import (
	"math"
	"math/big"
	"reflect"
	"sync"
	"testing"
)

func TestSameNameSameCounter(t *testing.T) {
	var s Set
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				s.Counter("pkt4-received").Inc()
			}
		})
	}
	wg.Wait()
	s.Gauge("assigned-addresses").Add(3)
	s.Gauge("assigned-addresses").Add(-1)
	want := []Sample{Gauge("assigned-addresses", 2), Int("pkt4-received", 8000)}
	if got := s.All(); !reflect.DeepEqual(got, want) {
		t.Errorf("All() = %v, want %v", got, want)
	}
}

// What others count is read where they do, once for each who.
func TestSources(t *testing.T) {
	var s Set
	n := int64(4)
	s.Source("leases", func(yield func(Sample)) { yield(Int("stale", 1)) })
	s.Source("leases", func(yield func(Sample)) {
		yield(Gauge("subnet[1].assigned-addresses", n))
		yield(BigGauge("subnet[1].total-nas", new(big.Int).Lsh(big.NewInt(1), 64)))
	})
	s.Source("pair", func(yield func(Sample)) { yield(Int("4o6-no-peer", n)) })
	s.Counter("pkt4-received").Inc()
	n = 5
	total := Sample{Name: "subnet[1].total-nas", Value: math.MaxInt64, Big: new(big.Int).Lsh(big.NewInt(1), 64), Gauge: true}
	want := []Sample{Int("4o6-no-peer", 5), Int("pkt4-received", 1), Gauge("subnet[1].assigned-addresses", 5), total}
	if got := s.All(); !reflect.DeepEqual(got, want) {
		t.Errorf("All() = %v, want %v", got, want)
	}
	for _, w := range want {
		if got, ok := s.Find(w.Name); !ok || !reflect.DeepEqual(got, w) {
			t.Errorf("Find(%q) = %v, %v", w.Name, got, ok)
		}
	}
	if _, ok := s.Find("stale"); ok {
		t.Error("a source that was replaced is read")
	}
	if f := total.Float(); f != 1<<64 {
		t.Errorf("2^64 as a float is %v", f)
	}
	if b := BigGauge("n", big.NewInt(7)); b.Big != nil || b.Value != 7 {
		t.Errorf("a small number is %+v", b)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	var s Set
	c := s.Counter("x")
	if n := testing.AllocsPerRun(100, func() { c.Inc() }); n != 0 {
		t.Errorf("Inc allocates %v times", n)
	}
}
