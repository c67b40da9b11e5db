package metrics

import (
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
	s.Counter("assigned-addresses").Add(3)
	s.Counter("assigned-addresses").Add(-1)
	want := []Sample{{"assigned-addresses", 2}, {"pkt4-received", 8000}}
	if got := s.All(); !reflect.DeepEqual(got, want) {
		t.Errorf("All() = %v, want %v", got, want)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	var s Set
	c := s.Counter("x")
	if n := testing.AllocsPerRun(100, func() { c.Inc() }); n != 0 {
		t.Errorf("Inc allocates %v times", n)
	}
}
