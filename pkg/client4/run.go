package client4

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/clientloop"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// RunOptions are what Run works with. All but System may be left out.
type RunOptions struct {
	System hostconf.System
	Store  Store
	Log    *zap.Logger
	Ask    <-chan Request       // what the operator wants
	Clock  <-chan time.Duration // for how long the host slept; 0: the wall clock was set
	Watch  func(Status)         // called after each step; it must not wait

	// Release has the lease of the record given up, and nothing else done.
	Release bool
}

// A Request is what an operator asks of a running client.
type Request uint8

// The requests.
const (
	AskRenew   Request = iota // extend the lease now, or try at once to get one
	AskRelease                // give it up; Run ends
	AskInform                 // ask for the configuration anew
)

// Status is how a client stands.
type Status struct {
	State  State
	Since  time.Time // of the state
	Next   time.Time // when something is due; zero: nothing
	Record *Record   // the lease in force; nil: none
}

// Run lives the life of m until it has ended: when ctx ends, with the lease kept,
// or when the lease has been released. It closes c, and returns when nothing that
// it started goes on any more.
func Run(ctx context.Context, m *Machine, c Carrier, o RunOptions) error {
	r := &runner{m: m, c: c, o: o, log: o.Log, loop: clientloop.New(sources(c, &o))}
	if r.log == nil {
		r.log = zap.NewNop()
	}
	if g, ok := c.(Guard); ok {
		r.loop.Go(func() { r.conflicts(g.Conflicts()) })
	}
	buf := make([]byte, dhcp4.MaxLen)
	r.loop.Go(func() { r.loop.Receive(func() error { return r.receive(buf) }) })
	defer r.loop.End(func() {
		_ = c.Close() // there is nothing more to send
	})
	r.ctx = context.WithoutCancel(ctx) // the last change has to be carried out as well
	if o.Release {
		r.step(Release{})
	} else {
		r.step(Start{})
	}
	for !r.ended {
		r.step(r.loop.Next(ctx))
	}
	return r.err
}

// sources names what happens to a client for its machine.
func sources(c Carrier, o *RunOptions) clientloop.Sources[Event, Request] {
	return clientloop.Sources[Event, Request]{
		Stop: Stop{}, Timer: Timer{},
		Ready: c.Ready(), IsReady: func(up bool) Event { return Ready{Up: up} },
		Clock: o.Clock, IsClock: func(slept time.Duration) Event { return Clock{Slept: slept} },
		Ask: o.Ask, IsAsk: func(r Request) Event {
			return [...]Event{AskRenew: Renew{}, AskRelease: Release{}, AskInform: Inform{}}[r]
		},
	}
}

// A runner drives one machine. Its own goroutine is Run's; one receives, and one
// may wait for a probe.
type runner struct {
	m    *Machine
	c    Carrier
	o    RunOptions
	log  *zap.Logger
	ctx  context.Context
	loop *clientloop.Loop[Event, Request]

	ended bool
	err   error
}

// step tells the machine, and does what it says.
func (r *runner) step(e Event) {
	now := time.Now()
	for _, a := range r.m.Step(now, e) {
		r.do(a)
	}
	if r.o.Watch != nil {
		r.o.Watch(Status{State: r.m.state, Since: r.m.since, Next: r.m.timer, Record: r.m.record})
	}
}

func (r *runner) do(a Action) {
	switch a := a.(type) {
	case Send:
		if err := r.c.Send(&a); err != nil {
			r.loop.First(Refused{err})
		}
	case Arm:
		r.loop.Arm(a.At)
	case Probe:
		r.loop.Go(func() { r.probe(a.Addr) })
	case Apply:
		r.apply(&a.Change)
	case Save:
		if r.o.Store == nil {
			return
		}
		if err := r.o.Store.Save(a.Record); err != nil {
			r.log.Error("lease not saved", zap.Error(err))
		}
	case Note:
		a.write(r.log)
	case Done:
		r.ended, r.err = true, a.Err
	}
}

// apply has the host changed. The carrier is told of an address when the host has
// it, and before it goes. A script may find that somebody else has the address.
func (r *runner) apply(c *hostconf.Change) {
	c.PID = os.Getpid()
	is, was := addressOf(c.New), addressOf(c.Old)
	if was.IsValid() && !is.IsValid() {
		r.c.Bound(netip.Prefix{})
	}
	err := r.o.System.Apply(r.ctx, c)
	if errors.Is(err, hostconf.ErrTaken) && is.IsValid() {
		r.loop.First(refusal(c.Reason, is.Addr()))
		return
	}
	if err != nil {
		r.log.Error("host not changed", zap.String("reason", string(c.Reason)), zap.Error(err))
	}
	if is.IsValid() {
		r.c.Bound(is)
	}
}

// refusal is what it means when a script refuses an address: after TIMEOUT that the
// network is another one, else that somebody has it.
func refusal(why hostconf.Reason, a netip.Addr) Event {
	if why == hostconf.Timeout {
		return Rejected{Addr: a}
	}
	return Probed{Addr: a, Taken: true}
}

func addressOf(s *hostconf.Settings) netip.Prefix {
	if s == nil || len(s.Addresses) == 0 {
		return netip.Prefix{}
	}
	return s.Addresses[0].Prefix
}

// probe waits for the carrier to find out about an address. What it cannot find
// out does not keep the client from its lease, unless the link has gone: the news of
// that are on their way, and when it comes back the address is probed anew.
func (r *runner) probe(a netip.Addr) {
	taken, err := r.c.Probe(a)
	if errors.Is(err, ErrLink) {
		return
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		r.log.Warn("address not probed", zap.Stringer("addr", a), zap.Error(err))
	}
	r.loop.Tell(Probed{Addr: a, Taken: taken})
}

// conflicts tells of addresses that the host has and somebody else uses.
func (r *runner) conflicts(c <-chan netip.Addr) {
	for {
		select {
		case a, ok := <-c:
			if !ok || !r.loop.Tell(Probed{Addr: a, Taken: true}) {
				return
			}
		case <-r.loop.Done():
			return
		}
	}
}

// receive waits for a message.
func (r *runner) receive(buf []byte) error {
	n, from, err := r.c.Recv(buf)
	if err != nil {
		return err
	}
	r.loop.Tell(Received{Data: bytes.Clone(buf[:n]), From: from})
	return nil
}
