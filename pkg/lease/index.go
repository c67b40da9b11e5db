package lease

// An index finds records by hash: open addressing over one array without
// pointers, which the garbage collector never walks. An entry is 32 bits of the
// hash and the record's ref; who asks compares the record itself. One hash may
// have many entries. An index is a leaf or lies under its shard's lock; it is small, as a
// table has dozens of them, so that growing one holds nobody up for long.
type index struct {
	slots []uint64
	n     int
}

// A ref names a record: its shard, then its slot in the shard.
type ref uint32

// Shards are few enough for their heads to stay in a processor's cache, and as many as it
// takes for one to grow within a fraction of a millisecond at a million leases.
const (
	shardBits = 6
	shards    = 1 << shardBits
	slotBits  = 32 - shardBits
	noRef     = ^ref(0)
)

// shardOf returns the shard, and the part of an identity's index, that a hash falls on.
func shardOf(h uint64) uint32 { return uint32(h >> (64 - shardBits)) }

func makeRef(shard, slot uint32) ref { return ref(shard<<slotBits | slot) }
func (r ref) shard() uint32          { return uint32(r) >> slotBits }
func (r ref) slot() uint32           { return uint32(r) & (1<<slotBits - 1) }

// entry is never zero: the ref is stored plus one.
func entry(h uint32, r ref) uint64 { return uint64(h)<<32 | uint64(uint32(r)+1) }

func (x *index) home(e uint64) int { return int((e >> 32) * uint64(len(x.slots)) >> 32) }

// add enters r under h, once.
func (x *index) add(h uint32, r ref) {
	if (x.n+1)*5 > len(x.slots)*4 {
		x.grow()
	}
	e := entry(h, r)
	i := x.home(e)
	for ; x.slots[i] != 0; i = x.after(i) {
		if x.slots[i] == e {
			return
		}
	}
	x.slots[i] = e
	x.n++
}

func (x *index) after(i int) int {
	if i++; i == len(x.slots) {
		return 0
	}
	return i
}

// grow makes the array half as large again.
func (x *index) grow() {
	old := x.slots
	x.slots = make([]uint64, max(8, len(old)+len(old)/2))
	for _, e := range old {
		if e == 0 {
			continue
		}
		i := x.home(e)
		for x.slots[i] != 0 {
			i = x.after(i)
		}
		x.slots[i] = e
	}
}

// remove takes r out from under h.
func (x *index) remove(h uint32, r ref) {
	if x.n == 0 {
		return
	}
	e := entry(h, r)
	i := x.home(e)
	for x.slots[i] != e {
		if x.slots[i] == 0 {
			return
		}
		i = x.after(i)
	}
	x.n--
	// Close the gap: an entry whose home is not between the gap and itself
	// would no longer be found behind it.
	for j := x.after(i); x.slots[j] != 0; j = x.after(j) {
		home := x.home(x.slots[j])
		if i <= j && (home <= i || home > j) || i > j && home <= i && home > j {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = 0
}

// all appends the refs under h to to.
func (x *index) all(h uint32, to []ref) []ref {
	if x.n == 0 {
		return to
	}
	for i := x.home(uint64(h) << 32); x.slots[i] != 0; i = x.after(i) {
		if uint32(x.slots[i]>>32) == h {
			to = append(to, ref(uint32(x.slots[i])-1))
		}
	}
	return to
}
