package load

import (
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// parse reads a datagram and returns the kind and the transaction id of the
// answer in it.
func (r *runner) parse(d *transport.Datagram, line int) (Kind, uint32, error) {
	if line == lineOf(V4) {
		xid, err := r.four[1].parse(d.Data)
		return V4, xid, err
	}
	m, err := r.lines[line].way.parse(d.Data)
	if err != nil {
		return 0, 0, err
	}
	if m.Type == dhcp6.DHCPv4Response {
		xid, err := r.four[0].take(m)
		return FourOverSix, xid, err
	}
	xid, err := r.six.take(m)
	return V6, xid, err
}

// receive finds the conversation of a datagram and moves it on.
func (r *runner) receive(d *transport.Datagram, line int, now time.Duration) {
	kind, xid, err := r.parse(d, line)
	if err != nil {
		r.tally.malformed++
		return
	}
	slot, ok := r.byXID[kind][xid]
	if !ok {
		r.tally.strays++
		return
	}
	t := &r.talks[slot]
	if a := r.s.source(t.client, kind == V4); a.IsValid() && d.Local.IsValid() && d.Local != a {
		r.tally.strays++ // it went to another client
		return
	}
	v := r.scripts[kind].judge(t)
	if r.shows(t) {
		r.shown.received(now, kind, d.Peer, d.Data)
	}
	c := &r.tally.steps[kind][t.step]
	switch v {
	case stray:
		r.tally.strays++
		return
	case refused:
		c.refused++
		r.tally.acts[kind][t.act].refused++
		t.holds = t.holds && t.step == Discover
		r.end(slot, now)
		return
	}
	c.answered++
	c.latency.add(now - t.asked)
	r.note(t)
	if r.s.next(t) {
		r.ask(slot, now)
		return
	}
	r.finish(slot, now)
}

// note keeps what an answer has given to t's client, or taken from it.
func (r *runner) note(t *talk) {
	switch t.step {
	case Release, Decline:
		t.holds = false
	case Request, Renew, Rebind, Reboot:
		t.holds = true
		if r.clients.keep {
			r.clients.book.put(t.client, t.addr, t.server)
		}
	}
}

// finish ends a conversation that had every answer.
func (r *runner) finish(slot int32, now time.Duration) {
	t := &r.talks[slot]
	a := &r.tally.acts[t.kind][t.act]
	a.completed++
	a.latency.add(now - t.begun)
	r.tally.completed++
	r.tally.whole.add(now - t.begun)
	if r.s.Storm > 0 {
		r.tally.back.add(now - r.tally.began)
	}
	r.end(slot, now)
}

func (r *runner) end(slot int32, now time.Duration) {
	t := &r.talks[slot]
	r.forget(t)
	t.live, t.xid = false, 0
	r.waiting.clear(slot)
	r.tally.last = now
	r.free = append(r.free, slot)
	r.clients.give(t.client, t.kind, t.holds)
}
