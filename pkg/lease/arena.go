package lease

// An arena keeps the octets of variable length that belong to records
// (identifiers, host names, contexts) in pages without pointers. Blocks come in
// steps of 16 octets; what is freed is used again for blocks of its size. What
// is larger than any block stands in a map. The zero arena is empty.
type arena struct {
	pages [][]byte
	used  uint32               // units handed out of the last page
	free  [maxUnits + 1]uint32 // by size: the first free block; its first octets name the next
	big   map[uint32][]byte
	bigs  uint32
}

const (
	unit      = 16
	maxUnits  = 64  // blocks up to 1 KiB
	pageUnits = 512 // pages of 8 KiB
	bigBit    = 1 << 31
)

// alloc returns a block of n octets and its name, which is never zero. n is not zero.
func (a *arena) alloc(n int) (uint32, []byte) {
	if n > unit*maxUnits {
		return a.allocBig(n)
	}
	units := uint32(n+unit-1) / unit
	if at := a.free[units]; at != 0 {
		b := a.block(at, n)
		next := a.block(at, 4)
		a.free[units] = uint32(next[0]) | uint32(next[1])<<8 | uint32(next[2])<<16 | uint32(next[3])<<24
		return at, b
	}
	if len(a.pages) == 0 || a.used+units > pageUnits {
		a.addPage()
	}
	at := uint32(len(a.pages)-1)*pageUnits + a.used + 1
	a.used += units
	return at, a.block(at, n)
}

// addPage begins a new page; the rest of the last one becomes a free block.
func (a *arena) addPage() {
	if len(a.pages) > 0 && a.used < pageUnits {
		rest := pageUnits - a.used // fewer than maxUnits, or it would have been used
		a.release(uint32(len(a.pages)-1)*pageUnits+a.used+1, int(rest*unit))
	}
	a.pages = append(a.pages, make([]byte, pageUnits*unit))
	a.used = 0
}

func (a *arena) allocBig(n int) (uint32, []byte) {
	if a.big == nil {
		a.big = make(map[uint32][]byte)
	}
	at := bigBit | a.bigs
	for a.big[at] != nil {
		a.bigs = (a.bigs + 1) &^ bigBit
		at = bigBit | a.bigs
	}
	a.bigs = (a.bigs + 1) &^ bigBit
	b := make([]byte, n)
	a.big[at] = b
	return at, b
}

// block returns the n octets of a block.
func (a *arena) block(at uint32, n int) []byte {
	if at == 0 {
		return nil
	}
	if at&bigBit != 0 {
		return a.big[at][:n]
	}
	page, off := (at-1)/pageUnits, (at-1)%pageUnits*unit
	return a.pages[page][off : int(off)+n : int(off)+n]
}

// release gives back a block of n octets.
func (a *arena) release(at uint32, n int) {
	switch {
	case at == 0:
	case at&bigBit != 0:
		delete(a.big, at)
	default:
		units := (n + unit - 1) / unit
		b, next := a.block(at, 4), a.free[units]
		b[0], b[1], b[2], b[3] = byte(next), byte(next>>8), byte(next>>16), byte(next>>24)
		a.free[units] = at
	}
}
