package topology

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
)

// none is the ordinal of no subnet.
const none = math.MaxUint32

// A list is ordinals of subnets in Topology.Subnets, ascending, so that the
// lowest stands for the lowest subnet id.
type list []uint32

// after returns the first ordinal that is n or higher, else none.
func (l list) after(n uint32) uint32 {
	if len(l) == 0 {
		return none
	}
	if l[0] >= n { // nearly always: nobody was refused by a guard yet
		return l[0]
	}
	if i, _ := slices.BinarySearch(l, n); i < len(l) {
		return l[i]
	}
	return none
}

// A prefixIndex finds every subnet whose prefix holds an address. Prefixes
// nest or are apart, so they cut the line of addresses into at most twice as
// many spans, each of which belongs to one narrowest prefix; the wider ones are
// reached by its parents. There are no pointers to chase but those few.
type prefixIndex struct {
	starts []position // of the spans, ascending
	spans  []int32    // node of each span, -1: no prefix is there
	nodes  []prefixNode
}

type prefixNode struct {
	parent  int32 // the narrowest prefix around this one, -1: none
	subnets list
}

// A position is an address as two numbers; IPv4 stands as ::ffff:a.b.c.d.
type position struct{ hi, lo uint64 }

func positionOf(a netip.Addr) position {
	b := a.As16()
	return position{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (p position) compare(q position) int {
	if c := cmp.Compare(p.hi, q.hi); c != 0 {
		return c
	}
	return cmp.Compare(p.lo, q.lo)
}

// last returns the last position of the prefix that begins at p and leaves
// free bits open.
func (p position) last(free int) position {
	if free >= 64 {
		return position{p.hi | (1<<(free-64) - 1), math.MaxUint64} // 1<<64 is 0 in Go, so 128 works too
	}
	return position{p.hi, p.lo | (1<<free - 1)}
}

// next returns the position after p; ok is false after the very last.
func (p position) next() (q position, ok bool) {
	if p.lo++; p.lo == 0 {
		p.hi++
	}
	return p, p != position{}
}

// A prefixRow is one prefix that leads to one subnet.
type prefixRow struct {
	prefix netip.Prefix
	subnet uint32
}

// newPrefixIndex builds the index from rows in any order. A prefix that is not
// valid holds nothing.
func newPrefixIndex(rows []prefixRow) prefixIndex {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r prefixRow) bool { return !r.prefix.IsValid() })
	for i, r := range rows {
		rows[i].prefix = r.prefix.Masked()
	}
	slices.SortFunc(rows, func(a, b prefixRow) int {
		return cmp.Or(
			positionOf(a.prefix.Addr()).compare(positionOf(b.prefix.Addr())),
			cmp.Compare(a.prefix.Bits(), b.prefix.Bits()), // the wider first, as it is the parent
			cmp.Compare(a.subnet, b.subnet),
		)
	})
	var x prefixIndex
	var open []openPrefix
	for i := 0; i < len(rows); {
		p := rows[i].prefix
		var l list
		for ; i < len(rows) && rows[i].prefix == p; i++ {
			if n := len(l); n == 0 || l[n-1] != rows[i].subnet {
				l = append(l, rows[i].subnet)
			}
		}
		start := positionOf(p.Addr())
		open = x.close(open, func(last position) bool { return last.compare(start) < 0 })
		x.nodes = append(x.nodes, prefixNode{parent: top(open), subnets: l})
		node := int32(len(x.nodes) - 1)
		open = append(open, openPrefix{node, start.last(p.Addr().BitLen() - p.Bits())})
		x.mark(start, node)
	}
	x.close(open, func(position) bool { return true })
	return x
}

// An openPrefix is one that the sweep over the addresses has entered.
type openPrefix struct {
	node int32
	last position
}

func top(open []openPrefix) int32 {
	if len(open) == 0 {
		return -1
	}
	return open[len(open)-1].node
}

// close leaves the innermost prefixes for which ended says so; what lies behind
// each belongs to the one around it.
func (x *prefixIndex) close(open []openPrefix, ended func(last position) bool) []openPrefix {
	for len(open) > 0 && ended(open[len(open)-1].last) {
		at, more := open[len(open)-1].last.next()
		open = open[:len(open)-1]
		if more {
			x.mark(at, top(open))
		}
	}
	return open
}

// mark begins a span of node at p; one that began there already was empty.
func (x *prefixIndex) mark(p position, node int32) {
	if n := len(x.starts); n > 0 && x.starts[n-1] == p {
		x.spans[n-1] = node
		return
	}
	x.starts, x.spans = append(x.starts, p), append(x.spans, node)
}

// find returns the node of the narrowest prefix that holds a, -1 for none.
func (x *prefixIndex) find(a netip.Addr) int32 {
	if len(x.starts) == 0 {
		return -1
	}
	p := positionOf(a)
	lo, hi := 0, len(x.starts) // starts[lo-1] <= p < starts[hi]
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if x.starts[mid].compare(p) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return -1
	}
	return x.spans[lo-1]
}

// after returns the first ordinal that is n or higher among the subnets of
// node's prefix and of every prefix around it.
func (x *prefixIndex) after(node int32, n uint32) uint32 {
	best := uint32(none)
	for ; node >= 0; node = x.nodes[node].parent {
		best = min(best, x.nodes[node].subnets.after(n))
	}
	return best
}
