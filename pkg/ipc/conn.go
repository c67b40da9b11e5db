package ipc

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// Options are what a [Conn] can be told. The zero value speaks to any peer.
type Options struct {
	ReceiveBuffer int  // octets of the socket's queue; 0: 4 MiB
	Pad           bool // the peer is ours: bring messages that leave together to equal lengths

	// Owners says which users may hold the peer's port; Trusted makes one. nil:
	// everybody may. The host is asked who that is for each batch that was read,
	// and by the v6 side before queries are handed over; with somebody else, or
	// nobody, all of them are refused. It may be called by the reader and a
	// writer at a time.
	Owners func(uid uint32) bool

	// Dialect is what the v6 side speaks and takes. The v4 side takes either.
	Dialect Dialect

	// Auth is for two daemons of ours that share a key.
	Auth Auth

	// OnPeer, when not nil, is called when the peer is found gone, and when it
	// is heard again. OnRefused is called for each message refused. Both are
	// called from within Read and Write, and must neither block nor call back.
	OnPeer    func(gone bool)
	OnRefused func(Fault)

	// OnPanic, when not nil, is called for a message that met a fault of ours,
	// before OnRefused, with the stack still as it was. It costs no other message.
	OnPanic func(fault any, message []byte)
}

// A Conn is one end of the pair. Read belongs to one goroutine at a time;
// everything else is safe for concurrent use. The port may change, go and come
// back while others read and write.
type Conn struct {
	side    Side
	options Options
	stats   Stats

	// may be changed at any time
	pad     atomic.Bool
	dialect atomic.Uint32
	owners  atomic.Pointer[func(uid uint32) bool]
	checks  atomic.Pointer[ring] // of the reader
	signs   atomic.Pointer[ring] // of whoever writes

	mu      sync.Mutex // held for a moment only, never while waiting for the network
	changed *sync.Cond // of socket, stopped and closed
	socket  *socket    // nil while the pair is off
	stopped bool
	closed  bool
	lost    uint64 // overflows of sockets before this one

	// of the reader
	in      inbox
	reading *socket // whose buffers in points into
	readers walk
	names   map[string]string // interface names seen, so that each is made once
	replays replays
	trial   []byte // memory for messages that are read only to see whether they are any

	// of whoever writes
	write   sync.Mutex
	writers walk
	out     outbox
	stamp   stamp // of the message before
}

// maxNames bounds the interface names that are remembered. A host has far
// fewer interfaces than that, a hostile peer has not.
const maxNames = 1024

// Dial opens side of the pair on port P: it binds [::1]:P or P+1 and connects
// it to the other, whether or not anybody is there. Port 0 opens nothing: Read
// waits and Write refuses until Reopen gives a port.
func Dial(side Side, port uint16, o Options) (*Conn, error) {
	c := newConn(side, o)
	if err := c.Reopen(port); err != nil {
		return nil, err
	}
	return c, nil
}

func newConn(side Side, o Options) *Conn {
	c := &Conn{side: side, options: o, names: make(map[string]string), stamp: newStamp()}
	c.changed = sync.NewCond(&c.mu)
	c.readers.want = side.reads()
	c.writers.want = side.sends()
	c.SetPad(o.Pad)
	c.SetOwners(o.Owners)
	c.SetDialect(o.Dialect)
	c.SetAuth(o.Auth)
	return c
}

// Stats returns the counters of c.
func (c *Conn) Stats() *Stats { return &c.stats }

// Overflows is how many messages have found the socket's queue full, as far as
// the kernel has told: it does so with the next message that finds room.
func (c *Conn) Overflows() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.lost
	if c.socket != nil {
		n += c.socket.batch.Overflows()
	}
	return n
}

// Port returns the port P in use, 0 when the pair is off.
func (c *Conn) Port() uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket == nil {
		return 0
	}
	return c.socket.port
}

// Read waits for at least one message and fills in with what has come, the
// suboptions of the pair taken out. Data is valid until the next Read. Bad
// messages are counted and skipped, and so is a peer that is not there. After
// Stop it returns os.ErrDeadlineExceeded; no other error ends the pair.
func (c *Conn) Read(in []Message) (int, error) {
	for {
		if n := c.take(in); n > 0 || len(in) == 0 {
			return n, nil
		}
		s, err := c.wait()
		c.readFrom(s)
		if err != nil {
			return 0, err
		}
		if err := c.in.fill(s); err != nil {
			c.missed(err)
		}
	}
}

// readFrom gives the buffers of the socket before back: nothing that was read
// from it is valid any more.
func (c *Conn) readFrom(s *socket) {
	if c.reading != nil && c.reading != s {
		c.reading.batch.Release()
	}
	c.reading = s
}

// wait returns the socket to read from, waiting while the pair is off.
func (c *Conn) wait() (*socket, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.socket == nil && !c.stopped {
		c.changed.Wait()
	}
	if c.stopped {
		return nil, os.ErrDeadlineExceeded
	}
	return c.socket, nil
}

// missed counts what kept Read from a datagram. A deadline or a closed socket
// is Stop or Reopen: the next turn of the loop finds out which.
func (c *Conn) missed(err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
	case refused(err):
		c.gone()
	default:
		c.stats.Errors.Add(1)
	}
}

// take opens messages that have been received until in is full or none is
// left.
func (c *Conn) take(in []Message) int {
	n := 0
	for n < len(in) {
		data, genuine, ok := c.in.pop()
		if !ok {
			break
		}
		if err := c.open(&in[n], data, genuine); err != nil {
			if err == ErrNewcomer && len(data) == 0 {
				continue // a greeting
			}
			c.refuse(err)
			continue
		}
		n++
	}
	if n > 0 {
		c.stats.Received.Add(uint64(n))
		if c.stats.down.CompareAndSwap(true, false) && c.options.OnPeer != nil {
			c.options.OnPeer(false)
		}
	}
	return n
}

// open takes the origin out of data, in place.
func (c *Conn) open(m *Message, data []byte, genuine bool) (err error) {
	defer c.caught(data, &err)
	switch {
	case !genuine:
		return ErrSource
	case c.in.from == stranger:
		return ErrOwner
	case c.in.from == nobody:
		return ErrNobody
	case c.in.from == newcomer && c.mistrusts():
		return ErrNewcomer
	}
	isc := inISC(data)
	if c.side == V6Side && isc != (c.Dialect() == ISC) {
		return ErrDialect
	}
	if err := c.authentic(data, isc); err != nil {
		return err
	}
	if isc {
		return c.openISC(m, data)
	}
	return c.openKea(m, data)
}

// mistrusts reports whether a message may be somebody else's although the peer has
// the port by now.
func (c *Conn) mistrusts() bool {
	return c.side == V4Side && c.reading.guard.strict && c.checks.Load().mode != AuthRequire
}

func (c *Conn) openKea(m *Message, data []byte) error {
	w := &c.readers
	out, err := w.run(data[:0], data)
	if err != nil {
		return err
	}
	if err := w.found.check(); err != nil {
		return err
	}
	m.Data, m.Dialect, m.Echo = out, Kea, Echo{}
	m.Origin = Origin{Iface: c.name(w.found.name[:w.found.nameLen]), Addr: w.found.addr, Port: w.found.port}
	return nil
}

// name returns b as a string, the same one each time.
func (c *Conn) name(b []byte) string {
	if s, ok := c.names[string(b)]; ok {
		return s
	}
	if len(c.names) == maxNames {
		clear(c.names)
	}
	s := string(b)
	c.names[s] = s
	return s
}

// caught turns a panic into a fault of one message. It has to be deferred itself.
func (c *Conn) caught(message []byte, err *error) {
	p := recover()
	if p == nil {
		return
	}
	*err = ErrPanic
	if c.options.OnPanic != nil {
		c.options.OnPanic(p, message)
	}
}

// refuse counts a message that is not taken.
func (c *Conn) refuse(err error) {
	f, ok := err.(Fault)
	if !ok {
		c.stats.Errors.Add(1)
		return
	}
	c.stats.faults[f].Add(1)
	if c.options.OnRefused != nil {
		c.options.OnRefused(f)
	}
}

// refuseAll counts messages none of which is taken, and returns why.
func (c *Conn) refuseAll(out []Message, f Fault) error {
	for range out {
		c.refuse(f)
	}
	return f
}

// gone counts that nobody holds the peer's port.
func (c *Conn) gone() {
	c.stats.PeerDown.Add(1)
	if c.stats.down.CompareAndSwap(false, true) && c.options.OnPeer != nil {
		c.options.OnPeer(true)
	}
}

// Stop makes Read return, now and from now on. Write still works, so that the
// last batch can be answered.
func (c *Conn) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.socket != nil {
		c.socket.wake()
	}
	c.changed.Broadcast()
}

// Close stops c and gives the port back.
func (c *Conn) Close() error {
	c.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.socket
	c.socket, c.closed = nil, true
	if s == nil {
		return nil
	}
	c.lost += s.batch.Overflows()
	return s.close()
}
