package load

import "time"

// timers hold one moment for each slot that waits for one, in a heap that knows
// where each slot stands: memory is bounded by the slots, and nothing in it is
// out of date.
type timers struct {
	heap []int32         // slots, the earliest first
	due  []time.Duration // by slot
	at   []int32         // by slot: where it stands in heap, -1: nowhere
}

func newTimers(slots int) timers {
	t := timers{heap: make([]int32, 0, slots), due: make([]time.Duration, slots), at: make([]int32, slots)}
	for i := range t.at {
		t.at[i] = -1
	}
	return t
}

// first returns the slot whose moment comes first.
func (t *timers) first() (slot int32, due time.Duration, ok bool) {
	if len(t.heap) == 0 {
		return 0, 0, false
	}
	return t.heap[0], t.due[t.heap[0]], true
}

// set gives a slot its moment, instead of the one it may have.
func (t *timers) set(slot int32, due time.Duration) {
	i := t.at[slot]
	if i < 0 {
		i = int32(len(t.heap))
		t.heap, t.at[slot] = append(t.heap, slot), i
	}
	t.due[slot] = due
	t.down(t.up(i))
}

// clear takes a slot out.
func (t *timers) clear(slot int32) {
	i := t.at[slot]
	if i < 0 {
		return
	}
	last := int32(len(t.heap) - 1)
	t.swap(i, last)
	t.heap, t.at[slot] = t.heap[:last], -1
	if i < last {
		t.down(t.up(i))
	}
}

func (t *timers) swap(i, j int32) {
	h := t.heap
	h[i], h[j] = h[j], h[i]
	t.at[h[i]], t.at[h[j]] = i, j
}

func (t *timers) less(i, j int32) bool { return t.due[t.heap[i]] < t.due[t.heap[j]] }

func (t *timers) up(i int32) int32 {
	for i > 0 && t.less(i, (i-1)/2) {
		t.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

func (t *timers) down(i int32) {
	for n := int32(len(t.heap)); ; {
		c := 2*i + 1
		if c >= n {
			return
		}
		if c+1 < n && t.less(c+1, c) {
			c++
		}
		if !t.less(c, i) {
			return
		}
		t.swap(i, c)
		i = c
	}
}
