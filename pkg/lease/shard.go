package lease

import "sync"

// A shard holds the resources whose hash falls on it: one lock, the records, and
// what finds them. Everything in it grows in small parts.
type shard struct {
	mu      sync.Mutex
	index   index  // leases and offers, by resource
	offers  int    // how many of them are offers
	members uint32 // changes with every record that comes or goes
	slab    []*[chunk]record
	next    uint32   // the first slot never used
	vacant  []uint32 // slots to use again
	arena   arena
	timers  timers
	scratch Lease // what Append and Request.Within are shown
	kept    kept  // what before keeps
}

// chunk is how many records are made at a time: as many as fill 16 KiB, a size of which
// the allocator wastes nothing, and in which every record begins with a cache line.
const chunk = 128

func (s *shard) record(slot uint32) *record { return &s.slab[slot/chunk][slot%chunk] }

// noSlot names no record.
const noSlot = ^uint32(0)

// at returns the record of a slot, nil for noSlot.
func (s *shard) at(slot uint32) *record {
	if slot == noSlot {
		return nil
	}
	return s.record(slot)
}

// add returns a new record; ok is false when the shard is full.
func (s *shard) add(k *key) (slot uint32, r *record, ok bool) {
	switch n := len(s.vacant); {
	case n > 0:
		slot = s.vacant[n-1]
		s.vacant = s.vacant[:n-1]
	case s.next == 1<<slotBits-1:
		return 0, nil, false
	default:
		if s.next%chunk == 0 {
			s.slab = append(s.slab, new([chunk]record))
		}
		slot = s.next
		s.next++
	}
	r = s.record(slot)
	*r = record{key: *k, flags: used}
	s.members++
	return slot, r, true
}

// drop ends a record.
func (s *shard) drop(slot uint32) {
	r := s.record(slot)
	s.arena.release(r.blob, r.blobLen())
	*r = record{}
	s.members++
	s.vacant = append(s.vacant, slot)
}

// find returns the lease and the offer of a resource, noSlot for what there is not.
func (s *shard) find(h uint32, k *key) (lease, offer uint32) {
	lease, offer = noSlot, noSlot
	x := &s.index
	if x.n == 0 {
		return lease, offer
	}
	for i := x.home(uint64(h) << 32); x.slots[i] != 0; i = x.after(i) {
		if uint32(x.slots[i]>>32) != h {
			continue
		}
		slot := ref(uint32(x.slots[i]) - 1).slot()
		switch r := s.record(slot); {
		case r.key != *k:
		case r.state == Offered:
			offer = slot
		case s.offers == 0:
			return slot, noSlot
		default:
			lease = slot
		}
	}
	return lease, offer
}

// lease returns the lease of a resource.
func (s *shard) lease(h uint32, k *key) (uint32, *record) {
	slot, _ := s.find(h, k)
	return slot, s.at(slot)
}

// wake has the record looked at when at has come.
func (s *shard) wake(slot uint32, r *record, at uint32) {
	if at != forever && (r.timer == 0 || at < r.timer) {
		r.timer = max(at, 1)
		s.timers.push(r.timer, slot)
	}
}

// show returns the lease that r stands for, valid while the shard is locked.
func (s *shard) show(r *record) *Lease {
	s.arena.show(r, &s.scratch)
	return &s.scratch
}
