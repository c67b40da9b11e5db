package ddns

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Config is how name change requests leave: the key dhcp-ddns.
type Config struct {
	Enable bool
	Server netip.AddrPort
	Sender netip.AddrPort // no address: any; port 0: any
	Queue  int            // max-queue-size
}

// Options are what an Updater is made of. All of Held, Resumed and Lost are called
// by Run; nil ones are left out.
type Options struct {
	Durable func(lease.Seq) bool  // whether a change of a lease cannot be lost any more
	Commit  func(lease.Seq) error // sees to it

	// Dial opens the way to the daemon; nil: UDP.
	Dial func(sender, server netip.AddrPort) (net.Conn, error)

	Held    func(err error, waiting int) // requests do not get out; they wait
	Resumed func(waiting int)            // they do again
	Lost    func(n uint64)               // so many found the queue full
}

// Stats are what an Updater counts.
type Stats struct {
	Queued  atomic.Uint64 // requests made
	Sent    atomic.Uint64
	Failed  atomic.Uint64 // attempts to send
	Full    atomic.Uint64 // requests that found the queue full
	Invalid atomic.Uint64 // names or identifiers of which no request can be made
	Tossed  atomic.Uint64 // requests that waited when updates were switched off
	Held    atomic.Bool   // requests wait for the daemon
}

// An Updater tells kea-dhcp-ddns what is to stand in the DNS. It is safe for
// concurrent use.
type Updater struct {
	opt   Options
	state atomic.Pointer[state]
	queue queue
	wake  chan struct{} // holds one: there is something to send
	again chan struct{} // holds one: the configuration has changed
	stats Stats

	// of Run
	conn net.Conn
	via  *state // what conn was opened by
	buf  []byte
	lost uint64 // of stats.Full, told
}

type state struct {
	cfg    Config
	params func(*lease.Lease) *Params
}

// New returns an Updater that is switched off.
func New(o Options) *Updater {
	if o.Dial == nil {
		o.Dial = dialUDP
	}
	u := &Updater{opt: o, wake: make(chan struct{}, 1), again: make(chan struct{}, 1)}
	u.state.Store(&state{})
	return u
}

// Stats returns the counters.
func (u *Updater) Stats() *Stats { return &u.stats }

// Waiting returns how many requests wait.
func (u *Updater) Waiting() int { return u.queue.len() }

// Configure has requests go the way that c says; switched off, what waits is
// forgotten. params finds the parameters of a lease, nil where there are none; it
// is called with locks of the lease table held.
func (u *Updater) Configure(c Config, params func(*lease.Lease) *Params) {
	u.state.Store(&state{cfg: c, params: params})
	limit := 0
	if c.Enable {
		limit = max(c.Queue, 1)
	}
	u.stats.Tossed.Add(uint64(u.queue.bound(limit)))
	nudge(u.again)
}

func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Changed takes note of a lease of which the DNS is to know, or no longer, as
// lease.Table.WatchNames tells it.
func (u *Updater) Changed(was, is *lease.Lease, seq lease.Seq) {
	st := u.state.Load()
	if !st.cfg.Enable {
		return
	}
	if is == nil {
		u.request(st, was, true, seq)
		return
	}
	p := st.of(is)
	if !p.Send || was != nil && !p.UpdateOnRenew && same(was, is) {
		return
	}
	if was != nil {
		u.request(st, was, true, seq)
	}
	u.request(st, is, false, seq)
}

// Tell asks for the records of a lease, or that they go, on the operator's word. It
// reports whether updates are made at all, which is all that it does for nil.
func (u *Updater) Tell(l *lease.Lease, remove bool, seq lease.Seq) bool {
	st := u.state.Load()
	if st.cfg.Enable && l != nil {
		u.request(st, l, remove, seq)
	}
	return st.cfg.Enable
}

// of returns the parameters of a lease.
func (s *state) of(l *lease.Lease) *Params {
	if p := s.params(l); p != nil {
		return p
	}
	return &Default
}

// same reports whether the DNS is to hold the same for two leases of one resource.
func same(a, b *lease.Lease) bool {
	return a.FwdDNS == b.FwdDNS && a.RevDNS == b.RevDNS && strings.EqualFold(a.Hostname, b.Hostname)
}

// request puts a request about a lease into the queue if there is anything to ask
// for.
func (u *Updater) request(st *state, l *lease.Lease, remove bool, seq lease.Seq) {
	if l.Hostname == "" || !l.FwdDNS && !l.RevDNS || l.Resource.Kind == lease.PD {
		return
	}
	e := u.queue.push()
	if e == nil {
		u.stats.Full.Add(1)
		return
	}
	ok := e.fill(l, st.of(l), remove, seq)
	u.queue.done(ok)
	if !ok {
		u.stats.Invalid.Add(1)
		return
	}
	u.stats.Queued.Add(1)
	nudge(u.wake)
}

// How long Run waits: for a worker to commit a lease before it does so itself,
// looking so often; and before it tries again what did not work.
const (
	glance  = 2 * time.Millisecond
	glances = 50
	holdMin = time.Second
	holdMax = 30 * time.Second
)

// Run sends what Changed takes note of until ctx ends, and then what is left, as
// far as that is possible at once. The caller waits for it.
func (u *Updater) Run(ctx context.Context) {
	defer u.hangUp()
	var e entry
	for hold := holdMin; ctx.Err() == nil; {
		number, ok := u.queue.peek(&e)
		if !ok {
			u.idle()
			u.rest(ctx, 0)
			continue
		}
		if !u.settled(ctx, e.seq) {
			continue
		}
		if err := u.send(&e); err != nil {
			u.hold(err)
			u.rest(ctx, hold)
			hold = min(2*hold, holdMax)
			continue
		}
		u.queue.pop(number)
		hold = holdMin
	}
	u.flush()
}

// idle gives back the socket of a configuration that is gone. Where updates are
// switched off nothing is held back either.
func (u *Updater) idle() {
	st := u.state.Load()
	if u.via != st {
		u.hangUp()
	}
	if !st.cfg.Enable {
		u.stats.Held.Store(false)
	}
}

// rest waits for d, or for something new when d is 0.
func (u *Updater) rest(ctx context.Context, d time.Duration) {
	if n := u.stats.Full.Load(); n != u.lost && u.opt.Lost != nil {
		u.opt.Lost(n - u.lost)
		u.lost = n
	}
	if d == 0 {
		select {
		case <-ctx.Done():
		case <-u.wake:
		case <-u.again:
		}
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-u.again:
	}
}

// settled waits until a change is durable. Its worker is about to commit it, with
// others; only when that takes too long is it done here.
func (u *Updater) settled(ctx context.Context, seq lease.Seq) bool {
	for range glances {
		if u.opt.Durable(seq) {
			return true
		}
		u.rest(ctx, glance)
		if ctx.Err() != nil {
			return false
		}
	}
	if u.opt.Commit(seq) == nil {
		return true
	}
	u.rest(ctx, holdMin) // the store is down, which others complain of
	return false
}

// hold notes that requests do not get out.
func (u *Updater) hold(err error) {
	u.stats.Failed.Add(1)
	u.hangUp()
	if !u.stats.Held.Swap(true) && u.opt.Held != nil {
		u.opt.Held(err, u.queue.len())
	}
}

// flow notes that they do.
func (u *Updater) flow() {
	u.stats.Sent.Add(1)
	if u.stats.Held.Swap(false) && u.opt.Resumed != nil {
		u.opt.Resumed(u.queue.len())
	}
}

// flush sends what is left, without patience.
func (u *Updater) flush() {
	if seq, ok := u.queue.last(); !ok || u.opt.Commit(seq) != nil {
		return
	}
	var e entry
	for {
		number, ok := u.queue.peek(&e)
		if !ok || !u.opt.Durable(e.seq) {
			return
		}
		if err := u.send(&e); err != nil {
			u.hold(err)
			return
		}
		u.queue.pop(number)
	}
}

// send sends one request. One that cannot be made is counted and passed over.
func (u *Updater) send(e *entry) error {
	st := u.state.Load()
	if u.via != st {
		u.hangUp()
	}
	if !st.cfg.Enable { // and the queue is empty
		return nil
	}
	var ok bool
	if u.buf, ok = e.append(u.buf[:0]); !ok {
		u.stats.Invalid.Add(1)
		return nil
	}
	if u.conn == nil {
		conn, err := u.opt.Dial(st.cfg.Sender, st.cfg.Server)
		if err != nil {
			return err
		}
		u.conn, u.via = conn, st
	}
	if _, err := u.conn.Write(u.buf); err != nil {
		return err
	}
	if err := refused(u.conn); err != nil {
		return err
	}
	u.flow()
	return nil
}

// hangUp closes the way to the daemon.
func (u *Updater) hangUp() {
	if u.conn != nil {
		_ = u.conn.Close() // a datagram socket has nothing to lose
	}
	u.conn, u.via = nil, nil
}

// dialUDP opens a socket that is connected to the daemon, so that the host says
// when nobody listens there.
func dialUDP(sender, server netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{}
	if sender.Addr().IsValid() || sender.Port() != 0 {
		d.LocalAddr = net.UDPAddrFromAddrPort(sender)
	}
	return d.Dial("udp", server.String())
}

// refused returns what the host has to say of a datagram that it took: on this
// host, that nobody listens is known by the time that Write returns.
func refused(c net.Conn) error {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var pending int
	var failed error
	err = raw.Control(func(fd uintptr) {
		pending, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return failed
	case pending != 0:
		return syscall.Errno(pending)
	}
	return nil
}
