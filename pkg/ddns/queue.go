package ddns

import (
	"net/netip"
	"sync"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// An entry is a request that waits, with the change of a lease that it tells of.
// It holds everything itself, so that to put one into the queue allocates nothing.
type entry struct {
	seq     lease.Seq
	remove  bool
	fwd     bool
	rev     bool
	mode    Mode
	ttl     uint32
	expires int64 // Unix seconds
	addr    netip.Addr
	id      identity
	n       uint8
	name    [maxName]byte
}

// fill makes e the request about a lease; ok is false when none can be made.
func (e *entry) fill(l *lease.Lease, p *Params, remove bool, seq lease.Seq) (ok bool) {
	if len(l.Hostname) > len(e.name) {
		return false
	}
	if l.Resource.Kind == lease.V4 {
		ok = e.id.v4(l.ClientID, l.HWAddr, l.HWType) == nil
	} else {
		ok = e.id.v6(l.DUID) == nil
	}
	e.seq, e.remove, e.fwd, e.rev = seq, remove, l.FwdDNS, l.RevDNS
	e.mode, e.ttl = p.Mode, p.ttl(uint32(l.Valid/time.Second))
	e.expires = l.Start.Unix() + int64(e.ttl)
	e.addr = l.Resource.Prefix.Addr()
	e.n = uint8(copy(e.name[:], l.Hostname))
	return ok
}

// append writes the request for the wire; ok is false when its name is none.
func (e *entry) append(b []byte) (_ []byte, ok bool) {
	name := string(e.name[:e.n])
	var buf [256]byte
	wire, ok := wireName(buf[:0], name)
	if !ok {
		return b, false
	}
	if name[len(name)-1] != '.' {
		name += "."
	}
	id := e.id.digest(wire)
	r := Request{Remove: e.remove, Fwd: e.fwd, Rev: e.rev, FQDN: name, Addr: e.addr, DHCID: id[:],
		Expires: time.Unix(e.expires, 0), TTL: e.ttl, Mode: e.mode}
	return r.Append(b), true
}

// A queue holds the entries that wait, in the order of the changes of each lease.
// It grows up to a limit.
type queue struct {
	mu    sync.Mutex
	ring  []entry
	head  int
	n     int
	limit int
	first uint64 // the number of the first entry
}

// firstRing is how many entries a queue has room for to begin with.
const firstRing = 16

// push returns room for one more entry behind all others, nil when there is none.
// The lock is held until done.
func (q *queue) push() *entry {
	q.mu.Lock()
	if q.n >= q.limit {
		q.mu.Unlock()
		return nil
	}
	if q.n == len(q.ring) {
		ring := make([]entry, min(max(firstRing, 2*q.n), q.limit))
		n := copy(ring, q.ring[q.head:])
		copy(ring[n:], q.ring[:q.head])
		q.ring, q.head = ring, 0
	}
	return &q.ring[(q.head+q.n)%len(q.ring)]
}

// done ends a push; the entry is in the queue when keep says so.
func (q *queue) done(keep bool) {
	if keep {
		q.n++
	}
	q.mu.Unlock()
}

// peek copies the first entry and returns its number.
func (q *queue) peek(e *entry) (number uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return 0, false
	}
	*e = q.ring[q.head]
	return q.first, true
}

// last returns the change that the last entry tells of.
func (q *queue) last() (seq lease.Seq, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return 0, false
	}
	return q.ring[(q.head+q.n-1)%len(q.ring)].seq, true
}

// pop takes out the first entry if it has this number.
func (q *queue) pop(number uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 || q.first != number {
		return
	}
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	q.first++
	if q.n == 0 && len(q.ring) > firstRing { // a burst is over
		q.ring, q.head = nil, 0
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// bound sets how long the queue may grow; 0 empties it. It returns how many entries that
// cost.
func (q *queue) bound(limit int) (lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit = limit
	if limit == 0 {
		lost = q.n
		q.first += uint64(q.n)
		q.ring, q.head, q.n = nil, 0, 0
	}
	return lost
}
