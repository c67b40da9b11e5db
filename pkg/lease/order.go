package lease

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// An order is the keys of the table by address, for those who turn pages. It is kept
// for each shard as long as nothing comes to it or goes, and as a whole for
// some seconds after the last page: 22 octets for each lease. A shard in which
// much happens is never put in order, but read each time.
type order struct {
	mu     sync.Mutex // held over a page
	shards *[shards]sorted
	forget *time.Timer
}

// sorted is the keys of one shard, those of offers among them.
type sorted struct {
	keys    []key
	members uint32 // shard.members when they were read
	ordered bool
	quiet   uint32 // shard.members at the page before, plus one
}

// orderKept is how long the order outlasts the last page.
const orderKept = 15 * time.Second

// open locks the order and has it forgotten some time after done.
func (o *order) open() (done func()) {
	o.mu.Lock()
	if o.forget != nil {
		o.forget.Stop()
	}
	if o.shards == nil {
		o.shards = new([shards]sorted)
	}
	return func() {
		o.forget = time.AfterFunc(orderKept, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.shards = nil
		})
		o.mu.Unlock()
	}
}

// lowest returns the first n keys behind an address and what shares the address of
// the last one, sorted; keys of offers are among them.
func (t *Table) lowest(ctx context.Context, after netip.Addr, n int) ([]key, error) {
	defer t.order.open()()
	m := merge{rest: make([][]key, 0, shards+1)}
	l := lowest{n: n, limit: uint128{^uint64(0), ^uint64(0)}}
	if after.IsValid() {
		l.behind, l.from = true, pack(after)
	}
	for i := range t.shards {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, o := &t.shards[i], &t.order.shards[i]
		s.mu.Lock()
		now := s.members
		s.mu.Unlock()
		switch {
		case o.ordered && o.members == now:
		case o.quiet == now+1:
			o.keys = inOrder(s.keys(o.keys[:0]))
			o.members, o.ordered = now, true
		default:
			*o = sorted{quiet: now + 1}
			s.each(l.add)
			continue
		}
		m.push(l.tail(o.keys))
	}
	m.push(l.done())
	return m.first(n), nil
}

// keys appends all keys to to.
func (s *shard) keys(to []key) []key {
	s.each(func(r *record) bool {
		to = append(to, r.key)
		return true
	})
	return to
}

// A lowest gathers the lowest keys behind an address.
type lowest struct {
	n      int
	behind bool
	from   uint128
	limit  uint128 // no address behind it is wanted any more
	keys   []key
}

func (l *lowest) add(r *record) bool {
	a := r.key.addr()
	if l.behind && !l.from.less(a) || l.limit.less(a) {
		return true
	}
	if l.keys = append(l.keys, r.key); len(l.keys) >= 2*l.n+stride {
		l.keys = first(inOrder(l.keys), l.n)
		l.limit = l.keys[len(l.keys)-1].addr()
	}
	return true
}

func (l *lowest) done() []key { return inOrder(l.keys) }

// tail returns the part of sorted keys that is behind the address.
func (l *lowest) tail(keys []key) []key {
	if !l.behind {
		return keys
	}
	i, _ := slices.BinarySearchFunc(keys, l.from, func(k key, from uint128) int {
		if from.less(k.addr()) {
			return 1
		}
		return -1
	})
	return keys[i:]
}

// first returns the first n of sorted keys with all that share an address with the last
// of them.
func first(keys []key, n int) []key {
	if len(keys) <= n {
		return keys
	}
	for n < len(keys) && keys[n].addr() == keys[n-1].addr() {
		n++
	}
	return keys[:n]
}

// A merge is sorted runs of keys, a heap by the first key of each.
type merge struct{ rest [][]key }

func (m *merge) push(keys []key) {
	if len(keys) == 0 {
		return
	}
	m.rest = append(m.rest, keys)
	q := m.rest
	for i := len(q) - 1; i > 0 && compare(&q[i][0], &q[(i-1)/2][0]) < 0; i = (i - 1) / 2 {
		q[i], q[(i-1)/2] = q[(i-1)/2], q[i]
	}
}

// next takes out the lowest key.
func (m *merge) next() key {
	q := m.rest
	k := q[0][0]
	if q[0] = q[0][1:]; len(q[0]) == 0 {
		q[0] = q[len(q)-1]
		m.rest = q[:len(q)-1]
		q = m.rest
	}
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(q); c++ {
			if compare(&q[c][0], &q[least][0]) < 0 {
				least = c
			}
		}
		if least == i {
			return k
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}

// first takes out the first n keys with all that share an address with the last of them.
func (m *merge) first(n int) []key {
	var keys []key
	for len(m.rest) > 0 && (len(keys) < n || m.rest[0][0].addr() == keys[len(keys)-1].addr()) {
		keys = append(keys, m.next())
	}
	return keys
}

// compare orders keys by address, kind, length and ports.
func compare(a, b *key) int {
	x, y := a.addr(), b.addr()
	if c := cmp.Or(cmp.Compare(x.hi, y.hi), cmp.Compare(x.lo, y.lo)); c != 0 {
		return c
	}
	return slices.Compare(a[16:], b[16:])
}

// inOrder sorts keys and drops those that stand twice.
func inOrder(keys []key) []key {
	slices.SortFunc(keys, func(a, b key) int { return compare(&a, &b) })
	return slices.Compact(keys)
}
