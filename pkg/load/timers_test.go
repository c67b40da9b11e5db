package load

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The heap is a plain map from slots to moments, whose earliest it finds.
func TestTimersModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const slots = 20
		h, model := newTimers(slots), map[int32]time.Duration{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				slot, due := int32(rapid.IntRange(0, slots-1).Draw(t, "slot")), time.Duration(rapid.IntRange(0, 50).Draw(t, "due"))
				h.set(slot, due)
				model[slot] = due
			},
			"clear": func(t *rapid.T) {
				slot := int32(rapid.IntRange(0, slots-1).Draw(t, "slot"))
				h.clear(slot)
				delete(model, slot)
			},
			"": func(t *rapid.T) {
				slot, due, ok := h.first()
				if ok != (len(model) > 0) || ok && model[slot] != due {
					t.Fatalf("%d at %v, %v; want one of %v", slot, due, ok, model)
				}
				for _, other := range model {
					if other < due {
						t.Fatalf("%v comes before %v", other, due)
					}
				}
			},
		})
	})
}

// Numbers come out of the queue in the order in which they went in.
func TestFIFOModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f fifo
		var model []int
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "n") {
					f.push(next)
					model = append(model, next)
					next++
				}
			},
			"pop": func(t *rapid.T) {
				got, ok := f.pop()
				if ok != (len(model) > 0) || ok && got != model[0] {
					t.Fatalf("%d, %v", got, ok)
				}
				model = model[min(1, len(model)):]
			},
		})
	})
}
