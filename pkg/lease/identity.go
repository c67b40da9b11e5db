package lease

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync"
	"unsafe"
)

// A partition is one part of the index of an identity: one kind has dozens of
// them. Its lock is a leaf.
type partition struct {
	mu sync.Mutex
	x  index
}

// stripes is a set of identity locks. A client is locked by locking those of
// all its identities, in ascending order.
type stripes [shards / 64]uint64

func (z *stripes) add(h uint64) { z[shardOf(h)>>6] |= 1 << (shardOf(h) & 63) }

func (z *stripes) lock(t *Table) {
	for i, w := range z {
		for ; w != 0; w &= w - 1 {
			t.clients[i<<6+bits.TrailingZeros64(w)].Lock()
		}
	}
}

func (z *stripes) unlock(t *Table) {
	for i, w := range z {
		for ; w != 0; w &= w - 1 {
			t.clients[i<<6+bits.TrailingZeros64(w)].Unlock()
		}
	}
}

// hash mixes an identity with the table's secret: nobody can choose
// identifiers that fall together. Its first 8 bits choose lock and partition.
func (t *Table) hash(kind IdentityKind, of Kind, iaid uint32, id []byte) uint64 {
	h := maphash.Bytes(t.seed, id)
	if kind != ByDUID {
		return h
	}
	var b [13]byte
	binary.LittleEndian.PutUint64(b[:], h)
	binary.LittleEndian.PutUint32(b[8:], iaid)
	b[12] = byte(of)
	return maphash.Bytes(t.seed, b[:])
}

// hashes are those of a request's identities, worked out once.
type hashes struct {
	ids []Identity
	of  [4]uint64 // those that are further behind are worked out each time
}

// at returns the hash of the identity i.
func (x *hashes) at(t *Table, i int) uint64 {
	if i < len(x.of) {
		return x.of[i]
	}
	id := &x.ids[i]
	return t.hash(id.Kind, id.For, id.IAID, id.ID)
}

// hash is Table.hash for an identity that is one of x's most of the time. It knows it by
// its memory. x may be nil.
func (x *hashes) hash(t *Table, kind IdentityKind, of Kind, iaid uint32, id []byte) uint64 {
	if x != nil {
		for i := range min(len(x.ids), len(x.of)) {
			d := &x.ids[i]
			if d.Kind == kind && len(d.ID) == len(id) && unsafe.SliceData(d.ID) == unsafe.SliceData(id) &&
				(kind != ByDUID || d.For == of && d.IAID == iaid) {
				return x.of[i]
			}
		}
	}
	return t.hash(kind, of, iaid, id)
}

func (t *Table) hashKey(k *key) uint64 { return maphash.Bytes(t.seed, k[:]) }

// An entrance is an identity under which a record is indexed.
type entrance struct {
	kind IdentityKind
	h    uint64
}

// entrances are the identities of one record: for v4 client identifier and hardware
// address, for v6 one.
type entrances struct {
	of [2]entrance
	n  int
}

// entrances returns the identities of a record with the octets b. known may be nil.
func (t *Table) entrances(k Kind, iaid uint32, b *blob, known *hashes) (e entrances) {
	add := func(kind IdentityKind, id []byte) {
		if len(id) > 0 {
			e.of[e.n] = entrance{kind, known.hash(t, kind, k, iaid, id)}
			e.n++
		}
	}
	if k != V4 {
		add(ByDUID, b.id)
		return e
	}
	add(ByClientID, b.id)
	add(ByHWAddr, b.hw)
	return e
}

func (e *entrances) stripes() (z stripes) {
	for _, d := range e.of[:e.n] {
		z.add(d.h)
	}
	return z
}

func (t *Table) enter(e *entrances, r ref) {
	for _, d := range e.of[:e.n] {
		p := &t.identities[d.kind][shardOf(d.h)]
		p.mu.Lock()
		p.x.add(uint32(d.h), r)
		p.mu.Unlock()
	}
}

func (t *Table) leave(e *entrances, r ref) {
	for _, d := range e.of[:e.n] {
		p := &t.identities[d.kind][shardOf(d.h)]
		p.mu.Lock()
		p.x.remove(uint32(d.h), r)
		p.mu.Unlock()
	}
}

// candidates appends the records that an identity may have to to.
func (t *Table) candidates(kind IdentityKind, h uint64, to []ref) []ref {
	p := &t.identities[kind][shardOf(h)]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.x.all(uint32(h), to)
}

// named reports whether r, whose octets are b, is indexed under id.
func (r *record) named(id *Identity, b *blob) bool {
	v4 := r.key.kind() == V4
	switch id.Kind {
	case ByClientID:
		return v4 && bytes.Equal(b.id, id.ID)
	case ByHWAddr:
		return v4 && bytes.Equal(b.hw, id.ID) && sameType(r.hwType, id.HWType)
	default:
		return !v4 && r.key.kind() == id.For && r.iaid == id.IAID && bytes.Equal(b.id, id.ID)
	}
}

func sameType(a, b uint16) bool { return a == b || a == 0 || b == 0 }

// A client is who asks: what it is known by.
type client struct {
	id, hw []byte // v4: client identifier and hardware address; v6: DUID in id
	hwType uint16
	iaid   uint32
	kind   Kind
}

// who returns the client that a set of identities names.
func who(k Kind, ids []Identity) (c client) {
	c.kind = k
	for i := range ids {
		id := &ids[i]
		switch {
		case id.Kind == ByHWAddr && k == V4:
			c.hw, c.hwType = id.ID, id.HWType
		case id.Kind == ByClientID && k == V4:
			c.id = id.ID
		case id.Kind == ByDUID && k != V4 && id.For == k:
			c.id, c.iaid = id.ID, id.IAID
		}
	}
	return c
}

// owns reports whether r is the client's. When both sides have a client identifier it
// alone decides (RFC 2131 §2, RFC 6842): two clients behind one hardware address
// are two. Where one of them has none the hardware address decides, as in Kea,
// so that a boot loader and the system it loads share a lease.
func (c *client) owns(s *shard, r *record) bool {
	b := s.arena.read(r)
	return c.has(r, &b)
}

// has is owns for a record whose octets are b.
func (c *client) has(r *record, b *blob) bool {
	switch {
	case r.key.kind() != c.kind:
		return false
	case c.kind != V4:
		return len(b.id) > 0 && r.iaid == c.iaid && bytes.Equal(b.id, c.id)
	case len(b.id) > 0 && len(c.id) > 0:
		return bytes.Equal(b.id, c.id)
	default:
		return len(b.hw) > 0 && bytes.Equal(b.hw, c.hw) && sameType(r.hwType, c.hwType)
	}
}
