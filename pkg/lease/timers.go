package lease

// timers is a heap of moments at which records want to be looked at, earliest
// first, four children to a node. An entry is the second and the slot. Entries
// are not moved when a lease is extended: the one who finds an entry due looks
// at the record and enters it anew if it is not yet time, so that a renewal
// costs nothing here. Order is by absolute time, so that a clock that jumps can only
// make entries due sooner or later, never lose them.
type timers []uint64

func (h *timers) push(at, slot uint32) {
	*h = append(*h, uint64(at)<<32|uint64(slot))
	q := *h
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 4
		if q[up] <= q[i] {
			break
		}
		q[up], q[i] = q[i], q[up]
		i = up
	}
}

// first returns the earliest entry.
func (h timers) first() (at, slot uint32, ok bool) {
	if len(h) == 0 {
		return 0, 0, false
	}
	return uint32(h[0] >> 32), uint32(h[0]), true
}

// pop removes the earliest entry.
func (h *timers) pop() {
	q := *h
	n := len(q) - 1
	q[0] = q[n]
	q = q[:n]
	for i := 0; ; {
		least := i
		for c := 4*i + 1; c < min(4*i+5, n); c++ {
			if q[c] < q[least] {
				least = c
			}
		}
		if least == i {
			break
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
	*h = q
}
