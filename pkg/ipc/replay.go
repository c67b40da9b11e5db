package ipc

const (
	replayWindow = 64 // counters below the highest that may still come
	replayBoots  = 8  // starts of the peer that are remembered
)

// replays remembers which messages have come, by the boot id and the counter of
// their stamps. A boot id that is forgotten, since so many greater ones have
// come, is never taken again. A lesser one that is new is taken, since the clock
// may have been set back between two starts. So what came before this process
// started, which is not known, may be taken once more, until a later message of
// the same start of the peer has come.
type replays struct {
	boots [replayBoots]boot
	n     int
	floor uint64 // the greatest boot id forgotten
}

// A boot is one start of the peer.
type boot struct {
	id   uint64
	top  uint64 // the highest counter that has come
	seen uint64 // bit i: top-i has come
}

// first reports whether a message comes for the first time, and remembers it.
func (r *replays) first(s stamp) bool {
	for i := range r.boots[:r.n] {
		if b := &r.boots[i]; b.id == s.boot {
			return b.first(s.counter)
		}
	}
	if s.boot <= r.floor || s.counter == 0 {
		return false
	}
	b := r.room(s.boot)
	if b == nil {
		return false
	}
	*b = boot{id: s.boot, top: s.counter, seen: 1}
	return true
}

// room returns where a boot id is to be kept: in the place of the lowest when
// there is no other, nil when it would be the lowest itself.
func (r *replays) room(id uint64) *boot {
	if r.n < len(r.boots) {
		r.n++
		return &r.boots[r.n-1]
	}
	low := &r.boots[0]
	for i := range r.boots {
		if r.boots[i].id < low.id {
			low = &r.boots[i]
		}
	}
	if id < low.id {
		return nil
	}
	r.floor = low.id
	return low
}

func (b *boot) first(counter uint64) bool {
	if counter > b.top {
		b.seen = b.seen<<min(counter-b.top, replayWindow) | 1
		b.top = counter
		return true
	}
	back := b.top - counter
	if counter == 0 || back >= replayWindow || b.seen>>back&1 != 0 {
		return false
	}
	b.seen |= 1 << back
	return true
}
