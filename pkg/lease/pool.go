package lease

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"sync/atomic"
)

// ErrPool is wrapped by what NewPool answers to a range that cannot be a pool.
var ErrPool = errors.New("lease: bad pool")

// A Pool is a range of resources that leases are taken from, with the bitmap
// of those that are free. Make it with NewPool; hand all pools of a configuration
// to Table.Adopt before asking for leases from them. The exported fields are
// read only. Safe for concurrent use.
type Pool struct {
	Kind        Kind
	Subnet, ID  uint32
	First, Last netip.Addr
	Len         uint8     // prefix length of one resource: 32, 128, or the delegated length
	Allocator   Allocator // as Use left it

	first, last uint128
	shift       uint8 // bits of an address behind Len
	kept        keptSet
	set         atomic.Pointer[poolSet]
	free        bitmap
	line        *line // with FLQ
	sparse      bool  // so large that there is no bitmap: what is free is found by trial
	offers      queue
	swept       atomic.Uint64 // where makeRoomIn goes on, any number of times around
	counts      counts
	subnet      *counts // of the subnet and kind, set when a table first adopts the pool
}

// NewPool returns the pool of resources of prefix length n from first to last,
// both included. The prefixes of a PD pool are named by their first addresses.
func NewPool(k Kind, subnet, id uint32, first, last netip.Addr, n uint8) (*Pool, error) {
	width := uint8(128)
	if k == V4 {
		width = 32
	}
	switch {
	case k > PD, !first.IsValid(), first.BitLen() != int(width), last.BitLen() != int(width):
		return nil, fmt.Errorf("%w: %v - %v is of the wrong family", ErrPool, first, last)
	case last.Less(first):
		return nil, fmt.Errorf("%w: %v is after %v", ErrPool, first, last)
	case n == 0, n > width, k != PD && n != width:
		return nil, fmt.Errorf("%w: prefix length %d", ErrPool, n)
	}
	p := &Pool{Kind: k, Subnet: subnet, ID: id, First: first.WithZone(""), Last: last.WithZone(""), Len: n, shift: width - n}
	p.first = pack(p.First).prefix(p.shift)
	p.last = pack(p.Last).prefix(p.shift)
	p.free.reset(p.Size())
	return p, nil
}

// Size returns the number of resources; pools over 1<<62 count as 1<<62.
func (p *Pool) Size() uint64 {
	d := p.last.minus(p.first).shift(p.shift)
	if d.hi != 0 || d.lo >= 1<<62 {
		return 1 << 62
	}
	return d.lo + 1
}

// Free returns how many resources nobody holds and a search may find.
func (p *Pool) Free() uint64 {
	n := p.free.free.Load()
	if p.sparse {
		n -= p.counts.assigned.Load() + p.counts.offers.Load()
	}
	return uint64(max(n, 0))
}

// Contains reports whether res is one of the pool's resources.
func (p *Pool) Contains(res Resource) bool {
	k := res.key()
	_, ok := p.slot(&k)
	return ok
}

// slot returns the place of a resource in the bitmap.
func (p *Pool) slot(k *key) (uint64, bool) {
	if k.kind() != p.Kind || k.bits() != p.Len || !k.ports().Whole() {
		return 0, false
	}
	a := k.addr()
	if a.less(p.first) || p.last.less(a) {
		return 0, false
	}
	d := a.minus(p.first).shift(p.shift)
	if d.hi != 0 || d.lo >= p.free.size {
		return 0, false
	}
	return d.lo, true
}

// at returns the resource at a place of the bitmap.
func (p *Pool) at(i uint64) Resource {
	a := p.first.plus(i, p.shift)
	var addr netip.Addr
	if p.Kind == V4 {
		addr = netip.AddrFrom4([4]byte{byte(a.lo >> 24), byte(a.lo >> 16), byte(a.lo >> 8), byte(a.lo)})
	} else {
		addr = netip.AddrFrom16(a.bytes())
	}
	return Resource{Kind: p.Kind, Prefix: netip.PrefixFrom(addr, int(p.Len))}
}

// span is what makes two pools of different configurations the same one.
type span struct {
	kind        Kind
	len         uint8
	subnet      uint32
	first, last uint128
}

func (p *Pool) span() span { return span{p.Kind, p.Len, p.Subnet, p.first, p.last} }

// A uint128 is an address as a number; IPv4 in its IPv4-mapped form.
type uint128 struct{ hi, lo uint64 }

func pack(a netip.Addr) uint128 {
	b := a.As16()
	return uint128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (u uint128) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], u.hi)
	binary.BigEndian.PutUint64(b[8:], u.lo)
	return b
}

func (u uint128) less(v uint128) bool { return u.hi < v.hi || u.hi == v.hi && u.lo < v.lo }

func (u uint128) minus(v uint128) uint128 {
	lo, borrow := bits.Sub64(u.lo, v.lo, 0)
	hi, _ := bits.Sub64(u.hi, v.hi, borrow)
	return uint128{hi, lo}
}

// shift returns u without its last n bits, n at most 128.
func (u uint128) shift(n uint8) uint128 {
	if n >= 64 {
		return uint128{0, u.hi >> (n - 64)}
	}
	return uint128{u.hi >> n, u.lo>>n | u.hi<<(64-n)}
}

// prefix returns u with its last n bits zero.
func (u uint128) prefix(n uint8) uint128 {
	if n >= 64 {
		return uint128{u.hi >> (n - 64) << (n - 64), 0}
	}
	return uint128{u.hi, u.lo >> n << n}
}

// plus returns u + i<<n.
func (u uint128) plus(i uint64, n uint8) uint128 {
	d := uint128{i >> (64 - n), i << n}
	if n >= 64 {
		d = uint128{i << (n - 64), 0}
	}
	lo, carry := bits.Add64(u.lo, d.lo, 0)
	hi, _ := bits.Add64(u.hi, d.hi, carry)
	return uint128{hi, lo}
}
