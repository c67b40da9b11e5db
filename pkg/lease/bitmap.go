package lease

import (
	"math/bits"
	"sync/atomic"
)

// A bitmap marks the free ones among size resources. It is a tree of 64-bit
// words in which every word above the leaves says which of its 64 children hold
// a free one, so that the next free one is found in as many steps as there are
// levels, whatever the size and however full. Parts nobody has touched do not
// exist and are wholly free: the /64 pool costs what its leases cost.
//
// All methods are safe for concurrent use and take no lock. A word above may
// lag behind the one below for a moment: who empties a word clears the bit above
// and then looks at the word again; who fills an empty word sets the bit above
// after it. One of the two always sees the other.
type bitmap struct {
	size   uint64
	levels int // of inner nodes
	root   atomic.Pointer[inner]
	free   atomic.Int64
	cursor atomic.Uint64 // where the next search begins
}

const (
	leafBits  = 12 // a leaf covers 64 words of 64 bits
	maxLevels = 9  // 12 + 9*6 bits: any size there is
)

// A leaf is 4096 resources.
type leaf struct {
	some  atomic.Uint64
	words [64]atomic.Uint64 // a set bit is a free resource
}

// An inner node has inner children, or leaves at the lowest level.
type inner struct {
	some   atomic.Uint64
	kids   *[64]atomic.Pointer[inner]
	leaves *[64]atomic.Pointer[leaf]
}

// childBits returns how many bits of an index the child of a node at a level
// covers; level 1 is the parent of leaves.
func childBits(level int) uint { return uint(leafBits + 6*(level-1)) }

// reset makes b the bitmap of size free resources. Not safe for concurrent use.
func (b *bitmap) reset(size uint64) {
	b.size, b.levels = size, 1
	for b.levels < maxLevels && size > 1<<childBits(b.levels+1) {
		b.levels++
	}
	b.root.Store(newInner(b.levels, 0, size))
	b.free.Store(int64(min(size, 1<<62)))
	b.cursor.Store(0)
}

// prefix returns a word with its first n bits set, where n counts the parts of
// 1<<shift that the room from base to size has.
func prefix(base, size uint64, shift uint) uint64 {
	if base >= size {
		return 0
	}
	n := (size - base + (1<<shift - 1)) >> shift
	if n >= 64 {
		return ^uint64(0)
	}
	return 1<<n - 1
}

func newInner(level int, base, size uint64) *inner {
	n := new(inner)
	if level == 1 {
		n.leaves = new([64]atomic.Pointer[leaf])
	} else {
		n.kids = new([64]atomic.Pointer[inner])
	}
	n.some.Store(prefix(base, size, childBits(level)))
	return n
}

func newLeaf(base, size uint64) *leaf {
	l := new(leaf)
	l.some.Store(prefix(base, size, 6))
	for i := range l.words {
		l.words[i].Store(prefix(base+uint64(i)<<6, size, 0))
	}
	return l
}

// A way is the nodes from the root (at levels) down to the parent of a leaf (1).
type way [maxLevels + 1]*inner

// walk returns the leaf of resource i, made if need be, and the way to it.
func (b *bitmap) walk(i uint64, w *way) *leaf {
	n := b.root.Load()
	for level := b.levels; ; level-- {
		w[level] = n
		shift := childBits(level)
		slot := i >> shift & 63
		base := i >> shift << shift
		if level == 1 {
			p := &n.leaves[slot]
			l := p.Load()
			if l == nil {
				p.CompareAndSwap(nil, newLeaf(base, b.size))
				l = p.Load()
			}
			return l
		}
		p := &n.kids[slot]
		k := p.Load()
		if k == nil {
			p.CompareAndSwap(nil, newInner(level-1, base, b.size))
			k = p.Load()
		}
		n = k
	}
}

// take claims resource i and reports whether it was free.
func (b *bitmap) take(i uint64) bool {
	var w way
	l := b.walk(i, &w)
	word, bit := &l.words[i>>6&63], uint64(1)<<(i&63)
	old := word.And(^bit)
	if old&bit == 0 {
		return false
	}
	b.free.Add(-1)
	if old == bit {
		b.sink(i, l, word, &w)
	}
	return true
}

// sink clears the bits above a word that has become zero.
func (b *bitmap) sink(i uint64, l *leaf, word *atomic.Uint64, w *way) {
	bit := uint64(1) << (i >> 6 & 63)
	old := l.some.And(^bit)
	if word.Load() != 0 {
		b.raise(i, l, w)
		return
	}
	below := &l.some
	for level := 1; old == bit && level <= b.levels; level++ {
		n := w[level]
		bit = 1 << (i >> childBits(level) & 63)
		old = n.some.And(^bit)
		if below.Load() != 0 {
			b.lift(i, level, w)
			return
		}
		below = &n.some
	}
}

// put gives resource i back and reports whether it was taken.
func (b *bitmap) put(i uint64) bool {
	var w way
	l := b.walk(i, &w)
	bit := uint64(1) << (i & 63)
	old := l.words[i>>6&63].Or(bit)
	if old&bit != 0 {
		return false
	}
	b.free.Add(1)
	if old == 0 {
		b.raise(i, l, &w)
	}
	return true
}

// raise sets the bits above a word that is no longer zero.
func (b *bitmap) raise(i uint64, l *leaf, w *way) {
	if l.some.Or(1<<(i>>6&63)) == 0 {
		b.lift(i, 1, w)
	}
}

// lift sets the bits from a level upwards. Where a word had a bit set already,
// the bits above it are somebody else's work.
func (b *bitmap) lift(i uint64, level int, w *way) {
	for ; level <= b.levels; level++ {
		if w[level].some.Or(1<<(i>>childBits(level)&63)) != 0 {
			return
		}
	}
}

// next returns the first free resource at or after from.
func (b *bitmap) next(from uint64) (uint64, bool) {
	if from >= b.size {
		return 0, false
	}
	return b.nextIn(b.root.Load(), b.levels, 0, from)
}

func (b *bitmap) nextIn(n *inner, level int, base, from uint64) (uint64, bool) {
	shift := childBits(level)
	for some := n.some.Load() >> ((from - base) >> shift) << ((from - base) >> shift); some != 0; some &= some - 1 {
		slot := uint64(bits.TrailingZeros64(some))
		start := base + slot<<shift
		first := max(from, start)
		if level == 1 {
			l := n.leaves[slot].Load()
			if l == nil {
				return first, first < b.size
			}
			if i, ok := l.next(start, first); ok {
				return i, true
			}
			continue
		}
		k := n.kids[slot].Load()
		if k == nil {
			return first, first < b.size
		}
		if i, ok := b.nextIn(k, level-1, start, first); ok {
			return i, true
		}
	}
	return 0, false
}

func (l *leaf) next(base, from uint64) (uint64, bool) {
	at := from - base
	for some := l.some.Load() >> (at >> 6) << (at >> 6); some != 0; some &= some - 1 {
		slot := uint64(bits.TrailingZeros64(some))
		word := l.words[slot].Load()
		if slot == at>>6 {
			word = word >> (at & 63) << (at & 63)
		}
		if word != 0 {
			return base + slot<<6 + uint64(bits.TrailingZeros64(word)), true
		}
	}
	return 0, false
}

// taken reports whether somebody holds resource i. It makes no part of the tree.
func (b *bitmap) taken(i uint64) bool {
	n := b.root.Load()
	for level := b.levels; level > 1; level-- {
		if n = n.kids[i>>childBits(level)&63].Load(); n == nil {
			return false
		}
	}
	l := n.leaves[i>>childBits(1)&63].Load()
	return l != nil && l.words[i>>6&63].Load()&(1<<(i&63)) == 0
}

// allTaken yields the resources that are taken, in order.
func (b *bitmap) allTaken(yield func(uint64) bool) {
	b.takenIn(b.root.Load(), b.levels, 0, yield)
}

func (b *bitmap) takenIn(n *inner, level int, base uint64, yield func(uint64) bool) bool {
	for slot := range uint64(64) {
		start := base + slot<<childBits(level)
		if level > 1 {
			if k := n.kids[slot].Load(); k != nil && !b.takenIn(k, level-1, start, yield) {
				return false
			}
			continue
		}
		if l := n.leaves[slot].Load(); l != nil && !l.taken(start, b.size, yield) {
			return false
		}
	}
	return true
}

func (l *leaf) taken(base, size uint64, yield func(uint64) bool) bool {
	for slot := range l.words {
		start := base + uint64(slot)<<6
		for word := prefix(start, size, 0) &^ l.words[slot].Load(); word != 0; word &= word - 1 {
			if !yield(start + uint64(bits.TrailingZeros64(word))) {
				return false
			}
		}
	}
	return true
}
