package clientloop_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/clientloop"
)

// sources are of a machine whose events are their names.
func sources(ready chan bool, clock chan time.Duration, ask chan int) clientloop.Sources[string, int] {
	return clientloop.Sources[string, int]{
		Stop: "stop", Timer: "timer",
		Ready: ready, IsReady: func(up bool) string { return fmt.Sprint("ready ", up) },
		Clock: clock, IsClock: func(slept time.Duration) string { return fmt.Sprint("slept ", slept) },
		Ask: ask, IsAsk: func(r int) string { return fmt.Sprint("asked ", r) },
	}
}

func TestNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready, clock, ask := make(chan bool), make(chan time.Duration), make(chan int)
		l := clientloop.New(sources(ready, clock, ask))
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		next := func(want string, after time.Duration) {
			t.Helper()
			if got := l.Next(ctx); got != want || time.Since(start) != after {
				t.Errorf("%s after %v, want %s after %v", got, time.Since(start), want, after)
			}
		}
		l.Arm(start.Add(time.Minute))
		l.Arm(start.Add(2 * time.Minute)) // in place of the other
		l.First("one")
		l.First("two")
		l.Go(func() { l.Tell("told") })
		synctest.Wait()
		next("one", 0)
		next("two", 0)
		next("told", 0)
		l.Go(func() {
			for _, send := range []func(){
				func() { ready <- true }, func() { clock <- 0 }, func() { ask <- 7 },
				func() { close(clock) }, func() { close(ask) }, func() { close(ready) },
			} {
				time.Sleep(time.Second)
				send()
			}
		})
		next("ready true", time.Second)
		next("slept 0s", 2*time.Second)
		next("asked 7", 3*time.Second)
		next("ready false", 6*time.Second) // what is closed says nothing but that
		next("timer", 2*time.Minute)
		l.Arm(start.Add(3 * time.Minute))
		l.Arm(time.Time{})
		l.Go(func() { time.Sleep(time.Hour); cancel() })
		next("stop", time.Hour+2*time.Minute)
		l.End(func() {})
	})
}

// TestReceive: errors but the last are rested after, a second each, and whoever
// tells or rests when the loop ends is let go.
func TestReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clientloop.New(sources(nil, nil, nil))
		start, calls := time.Now(), 0
		l.Go(func() {
			l.Receive(func() error {
				if calls++; calls == 4 {
					return net.ErrClosed
				}
				return errors.New("link is down")
			})
			l.Tell("closed")
		})
		if e := l.Next(t.Context()); e != "closed" || calls != 4 || time.Since(start) != 3*time.Second {
			t.Errorf("%q after %d calls and %v", e, calls, time.Since(start))
		}
		told := true
		l.Go(func() { told = l.Tell("nobody hears it") })
		l.Go(func() { l.Receive(func() error { return errors.New("link is down") }) })
		synctest.Wait()
		stopped := false
		l.End(func() { stopped = true })
		select {
		case <-l.Done():
		default:
			t.Error("the end is not told")
		}
		if told || !stopped {
			t.Error(told, stopped)
		}
	})
}
