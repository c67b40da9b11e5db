package metrics

import (
	"sync"
	"testing"
)

func TestPerID(t *testing.T) {
	p := NewPerID(2)
	var w sync.WaitGroup
	for range 4 {
		w.Go(func() {
			for i := range uint32(1000) {
				p.Inc(i%3, int(i%2))
			}
		})
	}
	w.Wait()
	sum := int64(0)
	for id := range uint32(4) {
		sum += p.Value(id, 0) + p.Value(id, 1)
	}
	if sum != 4000 || p.Value(3, 0) != 0 {
		t.Errorf("%d events, %d of a thing that saw none", sum, p.Value(3, 0))
	}
	if n := testing.AllocsPerRun(100, func() { p.Inc(1, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
