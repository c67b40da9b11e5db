package client6

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
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
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
	Over4  Over4                // where IPv4 goes through this client

	// Release has the leases of the record given up, and nothing else done.
	Release bool
}

// Over4 is the way of IPv4 through this client (RFC 7341 §8): it is told what option
// 88 says, and gets the DHCPV4-RESPONSE messages that come in. Nothing of it waits.
type Over4 interface {
	Set(servers []netip.Addr, known bool)
	Answer(msg []byte, from netip.AddrPort) // does not keep msg
	Close()
}

// A Request is what an operator asks of a running client.
type Request uint8

// The requests.
const (
	AskRenew   Request = iota // extend the leases now, or try at once to get some
	AskRelease                // give them up; Run ends
	AskInform                 // ask for the configuration anew
)

// Status is how a client stands.
type Status struct {
	State  State
	Since  time.Time // of the state
	Next   time.Time // when something is due; zero: nothing
	Record *Record   // what is in force; nil: nothing
}

// Run lives the life of m until it has ended: when ctx ends, with the leases kept,
// or when they have been released. It closes c, and returns when nothing that it
// started goes on any more.
func Run(ctx context.Context, m *Machine, c Carrier, o RunOptions) error {
	r := &runner{m: m, c: c, o: o, log: o.Log, loop: clientloop.New(sources(c, &o))}
	if r.log == nil {
		r.log = zap.NewNop()
	}
	buf := make([]byte, dhcp6.MaxMessage)
	r.loop.Go(func() { r.loop.Receive(func() error { return r.receive(buf) }) })
	defer r.loop.End(func() {
		if o.Over4 != nil {
			o.Over4.Close()
		}
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

// A runner drives one machine. Its own goroutine is Run's; one receives, and others
// may wait for the end of duplicate address detection.
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
		r.o.Watch(Status{State: r.m.state, Since: r.m.since, Next: r.m.timer, Record: r.m.Record(now)})
	}
}

func (r *runner) do(a Action) {
	switch a := a.(type) {
	case Send:
		if err := r.c.Send(a.Data, a.To); err != nil {
			r.loop.First(Refused{err})
		}
	case Arm:
		r.loop.Arm(a.At)
	case Watch:
		r.loop.Go(func() { r.watch(a.Addrs) })
	case Apply:
		r.apply(&a.Change)
	case Save:
		if r.o.Store == nil {
			return
		}
		if err := r.o.Store.Save(a.Record); err != nil {
			r.log.Error("lease not saved", zap.Error(err))
		}
	case Servers4o6:
		if r.o.Over4 != nil {
			r.o.Over4.Set(a.Addrs, a.Known)
		}
	case Note:
		a.write(r.log)
	case Done:
		r.ended, r.err = true, a.Err
	}
}

func (r *runner) apply(c *hostconf.Change) {
	c.PID = os.Getpid()
	if err := r.o.System.Apply(r.ctx, c); err != nil {
		r.log.Error("host not changed", zap.String("reason", string(c.Reason)), zap.Error(err))
		for _, a := range takenIn(err) {
			r.loop.First(DAD{Addr: a, Failed: true})
		}
	}
}

// takenIn returns the addresses that a script says another node has.
func takenIn(err error) (all []netip.Addr) {
	switch err := err.(type) {
	case *hostconf.TakenError:
		return []netip.Addr{err.Addr}
	case interface{ Unwrap() []error }:
		for _, e := range err.Unwrap() {
			all = append(all, takenIn(e)...)
		}
	case interface{ Unwrap() error }:
		return takenIn(err.Unwrap())
	}
	return all
}

// watch waits for the carrier to find out about addresses. What it cannot find out
// does not keep the client from its leases.
func (r *runner) watch(addrs []netip.Addr) {
	taken, err := r.c.DAD(addrs)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		r.log.Warn("duplicate addresses not looked for", zap.Error(err))
	}
	for _, a := range taken {
		if !r.loop.Tell(DAD{Addr: a, Failed: true}) {
			return
		}
	}
}

// receive waits for a message. What belongs to IPv4 is handed on.
func (r *runner) receive(buf []byte) error {
	n, from, err := r.c.Recv(buf)
	switch {
	case err != nil:
		return err
	case n > 0 && dhcp6.MessageType(buf[0]) == dhcp6.DHCPv4Response:
		if r.o.Over4 != nil {
			r.o.Over4.Answer(buf[:n], from)
		}
	default:
		r.loop.Tell(Received{Data: bytes.Clone(buf[:n]), From: from})
	}
	return nil
}
