package ipc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// ClientOptions are what a [ClientConn] can be told. The zero value speaks to
// any peer.
type ClientOptions struct {
	// Owners says which users may hold the peer's port, as in [Options]: who may
	// not is neither heard nor spoken to.
	Owners func(uid uint32) bool

	// OnPeer, when not nil, is called when the peer is found gone, and when it is
	// heard again. OnRefused is called for each message refused. Both are called
	// from within Recv and the calls that send, and must neither block nor call back.
	OnPeer    func(gone bool)
	OnRefused func(Fault)
}

// A ClientConn is one end of the pair on a client host: the v6 side has the
// DHCPv6 client, the v4 side the DHCPv4 client whose messages travel in DHCPv6.
// Recv belongs to one goroutine at a time; everything else is safe for concurrent
// use. The peer may come, go and come back; neither end has to be restarted for it.
type ClientConn struct {
	side    Side
	options ClientOptions
	stats   Stats
	owners  atomic.Pointer[func(uid uint32) bool]
	socket  *socket
	closed  atomic.Bool

	in inbox // of the reader

	// of whoever sends
	write sync.Mutex
	out   []byte
	batch [1]transport.Datagram
}

// clientSlots is how many datagrams a read takes: two daemons that take turns
// have one under way, seldom more.
const clientSlots = 4

// DialClient opens side of the clients' pair on port Q: it binds [::1]:Q for the
// v6 side, Q+1 for the v4 side, and connects it to the other, whether or not
// anybody is there. Without SO_REUSEADDR: who comes second is told so.
func DialClient(side Side, port uint16, o ClientOptions) (*ClientConn, error) {
	if port == 0 || port == maxOption {
		return nil, fmt.Errorf("ipc: port %d: the clients' pair needs a port and the next one", port)
	}
	local := netip.AddrPortFrom(netip.IPv6Loopback(), side.local(port))
	peer := netip.AddrPortFrom(netip.IPv6Loopback(), side.remote(port))
	u, err := net.DialUDP("udp6", net.UDPAddrFromAddrPort(local), net.UDPAddrFromAddrPort(peer))
	if err != nil {
		return nil, fmt.Errorf("ipc: open the clients' %s side of port %d: %w", side, port, err)
	}
	s := &socket{port: port, peer: peer}
	if s.batch, err = transport.NewBatch(u, transport.BatchOptions{Slots: clientSlots}); err != nil {
		return nil, fmt.Errorf("ipc: open the clients' %s side of port %d: %w", side, port, err)
	}
	c := newClient(side, o)
	c.socket = s
	s.guard.watch(&c.owners, local, peer)
	return c, nil
}

func newClient(side Side, o ClientOptions) *ClientConn {
	c := &ClientConn{side: side, options: o}
	c.owners.Store(&c.options.Owners)
	return c
}

// Side says which end this is.
func (c *ClientConn) Side() Side { return c.side }

// Stats returns the counters of c.
func (c *ClientConn) Stats() *Stats { return &c.stats }

// Checked is [Conn.Checked].
func (c *ClientConn) Checked() bool { return c.socket.guard.reads != nil }

// Recv waits for what the peer says. Data is valid until the next Recv. What is
// no message of the dialect is counted and skipped. When the host reports that
// nobody is at the peer's port, that is a Gone. After Close it returns
// net.ErrClosed; there is no other error.
func (c *ClientConn) Recv() (ClientMessage, error) {
	for {
		if m, ok := c.take(); ok {
			return m, nil
		}
		err := c.in.fill(c.socket)
		switch {
		case err == nil:
		case c.closed.Load(), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			c.socket.batch.Release()
			return ClientMessage{}, net.ErrClosed
		case refused(err):
			c.gone()
			return ClientMessage{Word: Gone}, nil
		default:
			c.stats.Errors.Add(1)
		}
	}
}

// take returns the first message of those that were read.
func (c *ClientConn) take() (m ClientMessage, ok bool) {
	for {
		data, genuine, ok := c.in.pop()
		if !ok {
			return m, false
		}
		err := m.Parse(c.side, data)
		if err == nil {
			err = c.admit(m.Word, genuine)
		}
		if err != nil {
			c.refuse(err.(Fault))
			continue
		}
		c.stats.Received.Add(1)
		if c.stats.down.CompareAndSwap(true, false) && c.options.OnPeer != nil {
			c.options.OnPeer(false)
		}
		return m, true
	}
}

// admit says whether w may be believed, by who has the peer's port. What a peer
// that is new there says first, or one that has left since, may be another's word.
// Messages are not taken then; control words are, since all that they bring about is
// a POLL, or an answer to one, which goes to who is there now. Of a peer that has left
// (dhclient -r does, having sent its DHCPRELEASE) everything is heard on a port which
// nobody else could have had.
func (c *ClientConn) admit(w Word, genuine bool) error {
	doubt := c.socket.guard.strict && (w == Query || w == Answer)
	switch {
	case !genuine:
		return ErrSource
	case c.in.from == stranger:
		return ErrOwner
	case c.in.from == nobody && doubt:
		return ErrNobody
	case c.in.from == newcomer && doubt:
		return ErrNewcomer
	}
	return nil
}

// Poll asks the v6 side for START or STOP.
func (c *ClientConn) Poll() error { return c.Send(ClientMessage{Word: Poll}) }

// Query hands a DHCPV4-QUERY to the v6 side.
func (c *ClientConn) Query(b []byte) error { return c.Send(ClientMessage{Word: Query, Data: b}) }

// Started tells the v4 side that it may ask.
func (c *ClientConn) Started() error { return c.Send(ClientMessage{Word: Start}) }

// Stopped tells the v4 side to be silent.
func (c *ClientConn) Stopped() error { return c.Send(ClientMessage{Word: Stop}) }

// Answer hands a DHCPv4 message to the v4 side, with the address of the server
// that it came from.
func (c *ClientConn) Answer(b []byte, server netip.Addr) error {
	return c.Send(ClientMessage{Word: Answer, Data: b, Server: server})
}

// Send says m to the peer. It copies Data and never waits. An error is a [Fault],
// or the host's: unix.ECONNREFUSED when nobody is there.
func (c *ClientConn) Send(m ClientMessage) error {
	c.write.Lock()
	defer c.write.Unlock()
	if c.closed.Load() {
		return net.ErrClosed
	}
	err := c.seal(&m)
	if err != nil {
		c.refuse(err.(Fault))
		return err
	}
	switch st, _ := c.socket.guard.judge(c.socket.guard.writes); st {
	case stranger:
		c.refuse(ErrOwner)
		return ErrOwner
	case nobody:
		err = unix.ECONNREFUSED
	default:
		err = c.send()
	}
	switch {
	case err == nil:
		c.stats.Sent.Add(1)
		return nil
	case refused(err):
		c.gone()
	}
	c.stats.Dropped.Add(1)
	return err
}

func (c *ClientConn) seal(m *ClientMessage) (err error) {
	if m.Word.goesTo() == c.side {
		return ErrType
	}
	c.out, err = m.Append(c.out[:0])
	return err
}

// send writes what was sealed. A refusal that the host reports belongs to a
// datagram before; this one has not left then, and goes once more.
func (c *ClientConn) send() error {
	c.batch[0] = transport.Datagram{Data: c.out}
	_, err := c.socket.batch.Write(c.batch[:])
	if refused(err) {
		_, err = c.socket.batch.Write(c.batch[:])
	}
	return err
}

func (c *ClientConn) refuse(f Fault) {
	c.stats.faults[f].Add(1)
	if c.options.OnRefused != nil {
		c.options.OnRefused(f)
	}
}

// gone counts that nobody holds the peer's port.
func (c *ClientConn) gone() {
	c.stats.PeerDown.Add(1)
	if c.stats.down.CompareAndSwap(false, true) && c.options.OnPeer != nil {
		c.options.OnPeer(true)
	}
}

// Close gives the port back. Recv returns, now and from now on.
func (c *ClientConn) Close() error {
	c.write.Lock()
	defer c.write.Unlock()
	if c.closed.Swap(true) {
		return nil
	}
	return c.socket.close()
}
