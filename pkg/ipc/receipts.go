package ipc

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

const (
	receiptLife    = 30 * time.Second
	receiptBuckets = 4096 // a power of two
	receiptSlots   = 15
)

// Receipts remembers which queries were handed over, so that nothing leaves
// for the wire that was not asked for. A receipt is a keyed hash of what every
// peer gives back unchanged: the origin, the number of relay levels, of each
// level the hop count, both addresses and the first Interface-Id, and the xid
// of the DHCPv4 message. It steers nothing: the answer carries its own way.
//
// A receipt lives 30 seconds. The memory is fixed, about a megabyte; when one
// of its buckets is full the oldest receipt there gives way, being the one
// least likely to be waited for. Receipts is safe for concurrent use and
// allocates nothing after NewReceipts.
type Receipts struct {
	seed    maphash.Seed // secret of this process
	start   time.Time
	evicted atomic.Uint64
	buckets [receiptBuckets]bucket
}

// A bucket is four cache lines, of which a search reads two.
type bucket struct {
	sync.Mutex
	hash [receiptSlots]uint64
	till [receiptSlots]time.Duration // since start; zero: free
}

// NewReceipts returns an empty set with a key of its own.
func NewReceipts() *Receipts {
	return &Receipts{seed: maphash.MakeSeed(), start: time.Now()}
}

// Note records that the query e from o is being handed over. It is called
// before the query is written: the answer may be faster than the return. A
// query without a DHCPv4 message is not noted.
func (r *Receipts) Note(o Origin, e *dhcp6.Envelope) {
	h, ok := r.hash(&o, e)
	if !ok {
		return
	}
	now := time.Since(r.start)
	b := &r.buckets[h%receiptBuckets]
	b.Lock()
	defer b.Unlock()
	oldest := 0
	for i, till := range b.till {
		if till <= now {
			oldest = i
			break
		}
		if till < b.till[oldest] {
			oldest = i
		}
	}
	if b.till[oldest] > now {
		r.evicted.Add(1)
	}
	b.hash[oldest], b.till[oldest] = h, now+receiptLife
}

// Take reports whether the answer e to o was asked for, and uses the receipt
// up: a query noted once is answered once.
func (r *Receipts) Take(o Origin, e *dhcp6.Envelope) bool {
	_, ok := r.Redeem(o, e)
	return ok
}

// Redeem is Take and tells how long ago the query was noted. Where that is known
// although there is no receipt any more, the answer has come too late.
func (r *Receipts) Redeem(o Origin, e *dhcp6.Envelope) (after time.Duration, ok bool) {
	h, ok := r.hash(&o, e)
	if !ok {
		return 0, false
	}
	now := time.Since(r.start)
	b := &r.buckets[h%receiptBuckets]
	b.Lock()
	defer b.Unlock()
	for i, have := range b.hash {
		if have != h || b.till[i] == 0 {
			continue
		}
		after = now - (b.till[i] - receiptLife)
		if b.till[i] > now {
			b.till[i] = 0
			return after, true
		}
	}
	return after, false
}

// InUse returns how many receipts are waiting for their answer.
func (r *Receipts) InUse() (n int) {
	now := time.Since(r.start)
	for i := range r.buckets {
		b := &r.buckets[i]
		b.Lock()
		for _, till := range b.till {
			if till > now {
				n++
			}
		}
		b.Unlock()
	}
	return n
}

// Evicted returns how many receipts gave way before their time: more than
// fits in the table came in within 30 seconds.
func (r *Receipts) Evicted() uint64 { return r.evicted.Load() }

// hash returns the keyed hash of a query or of its answer; it is false
// without a DHCPv4 message that has an xid.
func (r *Receipts) hash(o *Origin, e *dhcp6.Envelope) (uint64, bool) {
	m, ok := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
	if !ok || len(m) < 8 {
		return 0, false
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	var fixed [48]byte
	a := o.Addr.As16()
	b := append(fixed[:0], a[:]...)
	b = be.AppendUint16(b, o.Port)
	b = append(b, byte(len(e.Relays)), byte(len(o.Iface)))
	b = append(b, m[4:8]...)
	h.Write(b)
	h.WriteString(o.Iface)
	for i := range e.Relays {
		l := &e.Relays[i]
		link, peer := l.Link.As16(), l.Peer.As16()
		id, present := l.Options.Option(dhcp6.OptInterfaceID)
		b = append(fixed[:0], l.Hops)
		b = append(b, link[:]...)
		b = append(b, peer[:]...)
		b = append(b, flag(present))
		b = be.AppendUint16(b, uint16(len(id)))
		h.Write(b)
		h.Write(id)
	}
	return h.Sum64(), true
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
