package lease

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"time"
	"unsafe"

	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// A key is a Resource in packed form: 16 octets of address (IPv4 in its mapped
// form), kind, prefix length, port set.
type key [22]byte

// key packs r; bits behind the prefix length count as zero.
func (r Resource) key() (k key) {
	a := pack(r.Prefix.Addr())
	n := r.Prefix.Bits()
	if width := r.Prefix.Addr().BitLen(); n >= 0 && n < width {
		a = a.prefix(uint8(width - n))
	}
	binary.BigEndian.PutUint64(k[0:], a.hi)
	binary.BigEndian.PutUint64(k[8:], a.lo)
	k[16], k[17] = byte(r.Kind), byte(n)
	k[18], k[19] = r.Ports.Offset, r.Ports.Len
	binary.BigEndian.PutUint16(k[20:], r.Ports.ID)
	return k
}

// known reports whether r names anything.
func (r Resource) known() bool { return r.Prefix.IsValid() }

func (k *key) addr() uint128 {
	return uint128{binary.BigEndian.Uint64(k[0:]), binary.BigEndian.Uint64(k[8:])}
}
func (k *key) kind() Kind  { return Kind(k[16]) }
func (k *key) bits() uint8 { return k[17] }
func (k *key) ports() softwire.PortSet {
	return softwire.PortSet{Offset: k[18], Len: k[19], ID: binary.BigEndian.Uint16(k[20:])}
}

func (k *key) resource() Resource {
	a := netip.AddrFrom16([16]byte(k[:16]))
	if k.kind() == V4 {
		a = netip.AddrFrom4([4]byte(k[12:16]))
	}
	return Resource{Kind: k.kind(), Prefix: netip.PrefixFrom(a, int(k.bits())), Ports: k.ports()}
}

// A record is a lease or an offer in the table: 128 octets without pointers, two cache
// lines. Its
// octets of variable length (identifier, hardware address, host name, context,
// in that order) stand in the record itself when they are few, as most clients'
// are, else in one block of the shard's arena.
type record struct {
	key      key
	state    State
	flags    uint8
	hwType   uint16
	hwSource uint16

	idLen   uint16 // client identifier, or DUID
	hostLen uint16
	hwLen   uint8
	ctxLen  uint32
	blob    uint32

	start, valid, preferred uint32 // seconds
	iaid, subnet, pool      uint32

	timer uint32 // the time of the first entry in the shard's timers, 0: none; of an offer: its place in the queue
	seq   uint64 // of the last change; of an offer: whose offers it counts among

	few [48]byte
}

const (
	used uint8 = 1 << iota
	fwdDNS
	revDNS
)

const forever = math.MaxUint32 // a lifetime (0xffffffff on the wire), or a deadline that never comes

// free reports whether a lease in state s leaves its resource to others.
func (s State) free() bool { return s == Released || s == Reclaimed }

// seconds clamps a time to what a record can say, 1970 to 2106.
func seconds(at time.Time) uint32 {
	return uint32(min(max(at.Unix(), 0), math.MaxUint32-1))
}

// lifetime clamps d likewise; Infinite becomes forever.
func lifetime(d time.Duration) uint32 {
	return uint32(min(max(int64(d/time.Second), 0), math.MaxUint32))
}

// later adds to a moment without passing the end of time.
func later(at uint32, d ...uint32) uint32 {
	sum := uint64(at)
	for _, n := range d {
		if n == forever {
			return forever
		}
		sum += uint64(n)
	}
	return uint32(min(sum, forever))
}

// A blob is the octets of variable length of one record.
type blob struct {
	id, hw, host, ctx []byte
}

func (l *Lease) blob() (b blob) {
	b.id = l.ClientID
	if l.Resource.Kind != V4 {
		b.id = l.DUID
	}
	b.hw = l.HWAddr
	b.host = unsafe.Slice(unsafe.StringData(l.Hostname), len(l.Hostname))
	b.ctx = l.UserContext
	return b
}

func (b *blob) len() int { return len(b.id) + len(b.hw) + len(b.host) + len(b.ctx) }

// fits reports whether a record can hold b.
func (b *blob) fits() bool {
	return len(b.id) <= math.MaxUint16 && len(b.hw) <= math.MaxUint8 && len(b.host) <= math.MaxUint16 && len(b.ctx) <= math.MaxInt32
}

func (r *record) blobLen() int {
	return int(r.idLen) + int(r.hwLen) + int(r.hostLen) + int(r.ctxLen)
}

// read returns the octets of a record; they share memory with the arena.
func (a *arena) read(r *record) (b blob) {
	n := r.blobLen()
	m := r.few[:min(n, len(r.few))]
	if r.blob != 0 {
		m = a.block(r.blob, n)
	}
	b.id, m = m[:r.idLen:r.idLen], m[r.idLen:]
	b.hw, m = m[:r.hwLen:r.hwLen], m[r.hwLen:]
	b.host, b.ctx = m[:r.hostLen:r.hostLen], m[r.hostLen:]
	return b
}

// write gives a record the octets of b and reports whether they are other ones.
func (a *arena) write(r *record, b *blob) (changed bool) {
	old := a.read(r)
	if bytes.Equal(old.id, b.id) && bytes.Equal(old.hw, b.hw) && bytes.Equal(old.host, b.host) && bytes.Equal(old.ctx, b.ctx) {
		return false
	}
	a.release(r.blob, r.blobLen())
	r.idLen, r.hwLen, r.hostLen, r.ctxLen = uint16(len(b.id)), uint8(len(b.hw)), uint16(len(b.host)), uint32(len(b.ctx))
	r.blob = 0
	m := r.few[:]
	if n := b.len(); n > len(m) {
		r.blob, m = a.alloc(n)
	}
	m = m[copy(m, b.id):]
	m = m[copy(m, b.hw):]
	m = m[copy(m, b.host):]
	copy(m, b.ctx)
	return true
}

// show writes the lease that r stands for to l. Its slices and its host name share
// memory with the arena: l must not outlive the shard's lock.
func (a *arena) show(r *record, l *Lease) {
	b := a.read(r)
	*l = Lease{
		Resource: r.key.resource(),
		HWAddr:   some(b.hw),
		HWType:   r.hwType, HWSource: r.hwSource,
		IAID: r.iaid, Subnet: r.subnet, Pool: r.pool,
		State: r.state,
		Start: time.Unix(int64(r.start), 0),
		Valid: time.Duration(r.valid) * time.Second, Preferred: time.Duration(r.preferred) * time.Second,
		Hostname: unsafe.String(unsafe.SliceData(b.host), len(b.host)),
		FwdDNS:   r.flags&fwdDNS != 0, RevDNS: r.flags&revDNS != 0,
		UserContext: some(b.ctx),
	}
	if l.Resource.Kind == V4 {
		l.ClientID = some(b.id)
	} else {
		l.DUID = some(b.id)
	}
}

// some makes empty slices nil.
func some(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// copy returns l with memory of its own.
func (l *Lease) copy() Lease {
	c := *l
	c.ClientID, c.HWAddr, c.DUID = bytes.Clone(l.ClientID), bytes.Clone(l.HWAddr), bytes.Clone(l.DUID)
	c.Hostname = string([]byte(l.Hostname))
	c.UserContext = bytes.Clone(l.UserContext)
	return c
}
