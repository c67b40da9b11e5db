package load

import (
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A timer is when a talk gives its message up, unless it has said something
// else since: then turn has moved on.
type timer struct {
	due  time.Duration
	slot int32
	turn uint32
}

// A queue holds timers of one duration, which end in the order they began.
type queue struct {
	all  []timer
	head int
}

func (q *queue) push(t timer) { q.all = append(q.all, t) }

// first returns the timer that ends first, nil without any.
func (q *queue) first() *timer {
	if q.head == len(q.all) {
		return nil
	}
	return &q.all[q.head]
}

// drop takes the first timer out.
func (q *queue) drop() {
	q.head++
	if q.head == len(q.all) || q.head >= 1024 && q.head*2 >= len(q.all) {
		q.all = q.all[:copy(q.all, q.all[q.head:])]
		q.head = 0
	}
}

// clients hands out the numbers of those who are not in a conversation: of a
// fixed set in turn, else a new one each time.
type clients struct {
	next int   // when there is no set
	ring []int // nil: no set
	head int
	n    int
}

func newClients(first, n int) clients {
	c := clients{next: first, n: n}
	for i := range n {
		c.ring = append(c.ring, first+i)
	}
	return c
}

func (c *clients) take() int {
	if c.ring == nil {
		c.next++
		return c.next - 1
	}
	client := c.ring[c.head]
	c.head = (c.head + 1) % len(c.ring)
	c.n--
	return client
}

func (c *clients) give(client int) {
	if c.ring == nil {
		return
	}
	c.ring[(c.head+c.n)%len(c.ring)] = client
	c.n++
}

// An outbox gathers messages, one behind the other in one buffer, for a send in
// one go.
type outbox struct {
	buf   []byte
	ends  []int
	batch []transport.Datagram
}

func (o *outbox) push(b []byte) { o.buf, o.ends = b, append(o.ends, len(b)) }

func (o *outbox) len() int { return len(o.ends) }

func (o *outbox) reset() { o.buf, o.ends = o.buf[:0], o.ends[:0] }

// send sends everything to where the template says.
func (o *outbox) send(n network, to transport.Datagram) (int, error) {
	o.batch = o.batch[:0]
	at := 0
	for _, end := range o.ends {
		to.Data = o.buf[at:end]
		o.batch = append(o.batch, to)
		at = end
	}
	return n.Write(o.batch)
}
