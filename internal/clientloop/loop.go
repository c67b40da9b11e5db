// Package clientloop brings what happens around a DHCP client to its state machine,
// one event after the other: the timer, the link, the host's clock, the operator, and
// what other goroutines of the client have to tell.
//
//	l := clientloop.New(sources)
//	defer l.End(carrier.Close)
//	l.Go(func() { l.Receive(one) })
//	for !ended {
//		step(l.Next(ctx))
//	}
package clientloop

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Sources are where events come from, and what the machine calls them: E is its type
// of events, R that of an operator's requests. A nil channel yields nothing.
type Sources[E, R any] struct {
	Stop  E // the context of Next is done
	Timer E // the time that Arm named has come

	Ready   <-chan bool // whether messages can be carried; closed: never again
	IsReady func(up bool) E

	Clock   <-chan time.Duration // for how long the host slept; 0: its clock was set
	IsClock func(slept time.Duration) E

	Ask   <-chan R
	IsAsk func(R) E
}

// A Loop belongs to one goroutine; others call Tell and Receive.
type Loop[E, R any] struct {
	from   Sources[E, R]
	timer  *time.Timer
	first  []E    // comes before all else
	told   chan E // by other goroutines
	done   chan struct{}
	others sync.WaitGroup
}

// New returns a Loop whose timer is not armed.
func New[E, R any](from Sources[E, R]) *Loop[E, R] {
	l := &Loop[E, R]{from: from, timer: time.NewTimer(0), told: make(chan E), done: make(chan struct{})}
	l.timer.Stop()
	return l
}

// Go runs f in a goroutine that End waits for.
func (l *Loop[E, R]) Go(f func()) { l.others.Go(f) }

// Done is closed by End.
func (l *Loop[E, R]) Done() <-chan struct{} { return l.done }

// End has Tell and Receive return, calls stop, which ends whatever else the goroutines
// of Go wait for, and waits for them.
func (l *Loop[E, R]) End(stop func()) {
	close(l.done)
	stop()
	l.timer.Stop()
	l.others.Wait()
}

// Arm has the Timer event come at a time, in place of the one named before; the
// zero time: never.
func (l *Loop[E, R]) Arm(at time.Time) {
	l.timer.Stop()
	if !at.IsZero() {
		l.timer.Reset(time.Until(at))
	}
}

// First has e be what Next returns before it waits for anything.
func (l *Loop[E, R]) First(e E) { l.first = append(l.first, e) }

// Tell hands over an event from another goroutine; false when the loop has ended.
func (l *Loop[E, R]) Tell(e E) bool {
	select {
	case l.told <- e:
		return true
	case <-l.done:
		return false
	}
}

// Next waits for what happens.
func (l *Loop[E, R]) Next(ctx context.Context) E {
	if len(l.first) > 0 {
		e := l.first[0]
		l.first = l.first[1:]
		return e
	}
	for {
		select {
		case <-ctx.Done():
			return l.from.Stop
		case e := <-l.told:
			return e
		case <-l.timer.C:
			return l.from.Timer
		case up, ok := <-l.from.Ready:
			if !ok {
				l.from.Ready = nil
			}
			return l.from.IsReady(up)
		case slept, ok := <-l.from.Clock:
			if ok {
				return l.from.IsClock(slept)
			}
			l.from.Clock = nil
		case ask, ok := <-l.from.Ask:
			if ok {
				return l.from.IsAsk(ask)
			}
			l.from.Ask = nil
		}
	}
}

// again is how long Receive rests after an error, ENETDOWN say.
const again = time.Second

// Receive calls one, which waits for a message and tells of it, until that returns
// net.ErrClosed or the loop has ended.
func (l *Loop[E, R]) Receive(one func() error) {
	for {
		err := one()
		if errors.Is(err, net.ErrClosed) || err != nil && !l.rest() {
			return
		}
	}
}

// rest waits a moment; false when the loop has ended.
func (l *Loop[E, R]) rest() bool {
	t := time.NewTimer(again)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}
