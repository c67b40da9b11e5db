package transport

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
)

// A conn is one socket of a Group.
type conn struct {
	group  *Group
	key    key
	batch  *Batch
	socket atomic.Pointer[Socket] // the address a broadcast socket answers from may change
	spread spread
	once   sync.Once // for end
	served bool      // it has a worker; under the Group's lock
}

// openConn opens the socket of p that k describes, with its tap.
func (g *Group) openConn(k key, p *plan) (*conn, error) {
	tap, err := g.tap(k, p)
	if err != nil {
		return nil, err
	}
	u, problems, err := openSocket(k, &g.o, tap)
	if err != nil {
		if tap != nil {
			tap.Close()
		}
		return nil, err
	}
	b, err := NewBatch(u, BatchOptions{Slots: g.o.Slots, GSO: g.o.Segment, Tap: tap, Link: k.index})
	if err != nil {
		return nil, err
	}
	c := &conn{group: g, key: k, batch: b}
	answer := p.answers[k]
	if k.kind != broadcast {
		answer = k.addr
	}
	c.socket.Store(&Socket{
		Iface: k.iface, IfIndex: k.index, Addr: answer,
		Multicast: k.kind != unicast, ReceiveBuffer: granted(b),
	})
	if n := c.Socket().ReceiveBuffer; n < g.o.ReceiveBuffer && !g.capped {
		g.capped = true
		problems = append(problems, fmt.Errorf("%w: %d octets instead of %d", ErrBuffer, n, g.o.ReceiveBuffer))
	}
	for _, p := range problems {
		c.report(p)
	}
	return c, nil
}

// answerFrom changes the address that a broadcast socket answers from.
func (c *conn) answerFrom(a netip.Addr) {
	if c.key.kind != broadcast || c.Socket().Addr == a {
		return
	}
	s := c.Socket()
	s.Addr = a
	c.socket.Store(&s)
}

func (c *conn) report(err error) { c.group.report(c.key.iface, err) }

// Socket is part of Conn.
func (c *conn) Socket() Socket { return *c.socket.Load() }

// Read is part of Conn.
func (c *conn) Read(in []Datagram) (int, error) { return c.batch.Read(in) }

// More is part of Conn.
func (c *conn) More(in []Datagram) int { return c.batch.More(in) }

// Stop is part of Conn.
func (c *conn) Stop() {
	// An error here means that the socket is closed, which stops it as well.
	_ = c.batch.SetReadDeadline(time.Unix(1, 0))
}

// Close is part of Conn.
func (c *conn) Close() error {
	err := c.end()
	c.group.forget(c)
	return err
}

// end closes the sockets, once.
func (c *conn) end() (err error) {
	c.once.Do(func() {
		c.spread.end()
		err = c.batch.Close()
	})
	return err
}

// discard closes a conn that nobody has read from.
func (c *conn) discard() {
	_ = c.end() // nothing is left that could be lost
	c.batch.Release()
}

// Write is part of Conn. Runs of datagrams that go by UDP leave in one batch; a
// frame leaves by itself.
func (c *conn) Write(out []Datagram) (sent int, err error) {
	s := c.socket.Load()
	for len(out) > 0 {
		n := 0
		for n < len(out) && out[n].To == (link.Addr{}) {
			c.route(&out[n], s)
			n++
		}
		if n > 0 {
			k, e := c.writeUDP(out[:n])
			sent, err = sent+k, first(err, e)
			out = out[n:]
			continue
		}
		if e := c.writeFrame(out[:1], s); e != nil {
			err = first(err, e)
		} else {
			sent++
		}
		out = out[1:]
	}
	return sent, err
}

// route fills in what the socket knows and the caller left open: the source of
// an answer to a broadcast, and the link of a link-local destination.
func (c *conn) route(d *Datagram, s *Socket) {
	if c.key.kind != group && !source(d.Local).IsValid() {
		d.Local = s.Addr
	}
	if d.IfIndex == 0 && c.key.addr.Is6() && d.Peer.Addr().IsLinkLocalUnicast() {
		d.IfIndex = s.IfIndex
	}
}

// writeUDP sends through the conn's own socket and, when its send buffer is
// full, the rest through those that stand by.
func (c *conn) writeUDP(out []Datagram) (int, error) {
	next, sent, err := c.batch.write(out)
	if next == len(out) {
		return sent, err
	}
	n, e := c.spread.write(c, out[next:])
	return sent + n, first(err, e)
}

// writeFrame sends d to the hardware address d.To. Where frames are switched
// off or not permitted it is broadcast, which a client without address hears
// too (RFC 2131 §4.1: a server that cannot unicast may broadcast).
func (c *conn) writeFrame(out []Datagram, s *Socket) error {
	d := &out[0]
	c.route(d, s)
	index := d.IfIndex
	if index == 0 {
		index = s.IfIndex
	}
	if f := c.group.frames(c.key.iface); f != nil {
		return f.Send(index, d.To, netip.AddrPortFrom(d.Local, c.group.o.Port), d.Peer, d.Data)
	}
	to := d.Peer
	d.Peer = netip.AddrPortFrom(limitedBroadcast, to.Port())
	_, err := c.writeUDP(out)
	d.Peer = to
	return err
}
