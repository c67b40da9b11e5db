package client4

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// A fakeCarrier is a link in memory with a server on it.
type fakeCarrier struct {
	ready  chan bool
	in     chan []byte
	closed chan struct{}
	once   sync.Once

	conflicts chan netip.Addr

	mu     sync.Mutex
	sent   []dhcp4.MessageType
	bound  []netip.Prefix
	silent bool
	refuse error // of Send
	broken int   // reads that fail
	taken  []netip.Addr
	down   bool // probes end at once, for want of a link
}

func newFakeCarrier() *fakeCarrier {
	c := &fakeCarrier{ready: make(chan bool, 1), in: make(chan []byte, 16), closed: make(chan struct{}), conflicts: make(chan netip.Addr)}
	c.ready <- true
	return c
}

func (c *fakeCarrier) Send(s *Send) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil {
		return c.refuse
	}
	var q dhcp4.Message
	if err := q.Parse(s.Data); err != nil {
		return err
	}
	c.sent = append(c.sent, q.Type())
	if c.silent {
		return nil
	}
	switch q.Type() {
	case dhcp4.Discover:
		c.in <- reply(&q, dhcp4.Offer)
	case dhcp4.Request:
		c.in <- reply(&q, dhcp4.Ack)
	}
	return nil
}

func (c *fakeCarrier) Recv(buf []byte) (int, netip.Addr, error) {
	c.mu.Lock()
	broken := c.broken > 0
	c.broken--
	c.mu.Unlock()
	if broken {
		return 0, netip.Addr{}, errors.New("network is down")
	}
	select {
	case b := <-c.in:
		return copy(buf, b), netip.Addr{}, nil
	case <-c.closed:
		return 0, netip.Addr{}, net.ErrClosed
	}
}

func (c *fakeCarrier) Bound(a netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bound = append(c.bound, a)
}

func (c *fakeCarrier) Probe(a netip.Addr) (bool, error) {
	c.mu.Lock()
	taken, down := slices.Contains(c.taken, a), c.down
	c.taken = nil
	c.mu.Unlock()
	if down {
		return false, ErrLink
	}
	select {
	case <-time.After(3 * time.Second):
		return taken, nil
	case <-c.closed:
		return false, net.ErrClosed
	}
}

func (c *fakeCarrier) Conflicts() <-chan netip.Addr { return c.conflicts }

func (c *fakeCarrier) Ready() <-chan bool { return c.ready }

func (c *fakeCarrier) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *fakeCarrier) types() []dhcp4.MessageType {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sent)
}

// A fakeSystem notes what it is told.
type fakeSystem struct {
	mu      sync.Mutex
	changes []hostconf.Change
	err     error
}

func (s *fakeSystem) Apply(_ context.Context, c *hostconf.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = append(s.changes, *c)
	return s.err
}

func (s *fakeSystem) reasons() (all []hostconf.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.changes {
		all = append(all, c.Reason)
	}
	return all
}

// A fakeStore keeps a record in memory.
type fakeStore struct {
	mu  sync.Mutex
	r   *Record
	err error
}

func (s *fakeStore) Save(r *Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r = r
	return s.err
}

func (s *fakeStore) Load() (*Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r, nil
}

func (s *fakeStore) record() *Record {
	r, _ := s.Load()
	return r
}

// A life is one Run in a bubble of synctest, which fails when a goroutine is left.
type life struct {
	c     *fakeCarrier
	sys   *fakeSystem
	store *fakeStore
	ask   chan Request
	clock chan time.Duration
	logs  *observer.ObservedLogs
	stop  context.CancelFunc
	end   chan error

	mu    sync.Mutex
	steps int
	last  Status
}

// status returns how the client stands, and how many steps it took to get there.
func (l *life) status() (Status, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.steps
}

func (l *life) state() State {
	s, _ := l.status()
	return s.State
}

func live(t *testing.T, release bool, change ...func(*Options)) *life {
	o := testOptions()
	for _, c := range change {
		c(&o)
	}
	core, logs := observer.New(zap.DebugLevel)
	l := &life{c: newFakeCarrier(), sys: &fakeSystem{}, store: &fakeStore{r: o.Record}, ask: make(chan Request), clock: make(chan time.Duration), logs: logs, end: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	l.stop = cancel
	t.Cleanup(cancel)
	go func() {
		l.end <- Run(ctx, New(o), l.c, RunOptions{System: l.sys, Store: l.store, Log: zap.New(core), Ask: l.ask, Clock: l.clock, Release: release,
			Watch: func(s Status) {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.steps, l.last = l.steps+1, s
			}})
	}()
	synctest.Wait()
	return l
}

// pass lets fake time go by.
func (l *life) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestRun: a lease is got, renewed for weeks, and kept when the context ends; while
// nothing is due nothing is done.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false)
		begin, steps := l.status()
		if begin.State != Bound || begin.Record == nil || l.store.record() == nil {
			t.Fatalf("status %+v", begin)
		}
		l.pass(29 * time.Minute)
		if _, now := l.status(); now != steps {
			t.Errorf("%d steps while nothing was due", now-steps)
		}
		if want := time.Until(begin.Next); want <= 0 || want > 2*time.Minute {
			t.Errorf("next is due in %v", want)
		}
		l.pass(21 * 24 * time.Hour)
		if n := len(l.c.types()); n < 2+980 || n > 2+1030 {
			t.Errorf("%d messages in three weeks of leases of an hour", n)
		}
		l.stop()
		if err := <-l.end; err != nil {
			t.Error(err)
		}
		got := l.sys.reasons()
		if got[0] != hostconf.Preinit || got[1] != hostconf.Bound || got[2] != hostconf.Renew || got[len(got)-1] != hostconf.Stop {
			t.Errorf("applied %v", got)
		}
		if l.store.record() == nil || l.state() != Stopped || l.sys.changes[1].PID == 0 {
			t.Errorf("record %v, state %v", l.store.record(), l.state())
		}
		if want := []netip.Prefix{netip.PrefixFrom(leaseAddr, 24)}; !slices.Equal(l.c.bound[:1], want) || l.c.bound[len(l.c.bound)-1].IsValid() {
			t.Errorf("the carrier was told of %v", l.c.bound)
		}
	})
}

// TestRunEndsInEveryState: whatever it waits for, Run returns and leaves nothing behind.
func TestRunEndsInEveryState(t *testing.T) {
	for name, prepare := range map[string]func(l *life){
		"at once":      func(*life) {},
		"probing":      func(l *life) { l.pass(time.Second) },
		"after a fail": func(l *life) { l.pass(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := live(t, false, func(o *Options) { o.Probe = true })
				prepare(l)
				l.stop()
				if err := <-l.end; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestRunAsked: the operator's requests; a release ends Run and forgets the lease.
func TestRunAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false)
		l.ask <- AskRenew
		synctest.Wait()
		l.ask <- AskInform
		synctest.Wait()
		l.ask <- AskRelease
		if err := <-l.end; err != nil {
			t.Error(err)
		}
		want := []dhcp4.MessageType{dhcp4.Discover, dhcp4.Request, dhcp4.Request, dhcp4.Request, dhcp4.Release}
		if got := l.c.types(); !slices.Equal(got, want) {
			t.Errorf("sent %v, want %v", got, want)
		}
		if got := l.sys.reasons(); got[len(got)-1] != hostconf.Release || l.store.record() != nil {
			t.Errorf("applied %v, record %v", got, l.store.record())
		}
	})
}

// TestRunReleasesTheRecord: dhcp4c --release, with nobody else running.
func TestRunReleasesTheRecord(t *testing.T) {
	var record *Record
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false)
		l.stop()
		<-l.end
		record = l.store.record()
		l = live(t, true, func(o *Options) { o.Record = record })
		if err := <-l.end; err != nil || !slices.Equal(l.c.types(), []dhcp4.MessageType{dhcp4.Release}) || l.store.record() != nil {
			t.Errorf("%v, sent %v, record %v", err, l.c.types(), l.store.record())
		}
	})
}

// TestRunProbes: an address that somebody has is declined; the next try gets it.
func TestRunProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false, func(o *Options) { o.Probe = true })
		l.c.mu.Lock()
		l.c.taken = []netip.Addr{leaseAddr}
		l.c.mu.Unlock()
		l.stop()
		<-l.end

		l = live(t, false, func(o *Options) { o.Probe = true; o.Timing.Desync = time.Second })
		l.c.mu.Lock()
		l.c.taken = []netip.Addr{leaseAddr}
		l.c.mu.Unlock()
		l.pass(5 * time.Second)
		if l.state() != Init {
			t.Errorf("state %v", l.state())
		}
		l.pass(20 * time.Second)
		want := []dhcp4.MessageType{dhcp4.Discover, dhcp4.Request, dhcp4.Decline, dhcp4.Discover, dhcp4.Request}
		if got := l.c.types(); l.state() != Bound || !slices.Equal(got, want) {
			t.Errorf("state %v, sent %v", l.state(), got)
		}
	})
}

// TestRunProbesNoLink: when the link goes down in the middle of a probe, and the news
// of it come later, the address is not used unprobed.
func TestRunProbesNoLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false, func(o *Options) { o.Probe = true; o.Timing.Desync = time.Second })
		l.c.mu.Lock()
		l.c.down = true
		l.c.mu.Unlock()
		l.pass(2 * time.Second)
		l.c.ready <- false
		synctest.Wait()
		if got := l.sys.reasons(); slices.Contains(got, hostconf.Bound) || l.state() != Init {
			t.Errorf("state %v, applied %v", l.state(), got)
		}
		l.c.mu.Lock()
		l.c.down = false
		l.c.mu.Unlock()
		l.c.ready <- true
		l.pass(2 * time.Second)
		if l.state() != Requesting {
			t.Errorf("state %v before the probe has ended", l.state())
		}
		l.pass(3 * time.Second)
		if l.state() != Bound {
			t.Errorf("state %v", l.state())
		}
		l.stop()
		<-l.end
	})
}

// TestRunScriptFindsNoGateway: a lease that no server confirms, and that a script does
// not want, is not declined: nobody else has the address.
func TestRunScriptFindsNoGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false)
		l.c.mu.Lock()
		l.c.silent = true
		l.c.mu.Unlock()
		l.sys.mu.Lock()
		l.sys.err = hostconf.ErrTaken
		l.sys.mu.Unlock()
		l.c.ready <- false
		l.c.ready <- true
		l.pass(20 * time.Second)
		if got := l.sys.reasons(); l.state() != Selecting || got[len(got)-1] != hostconf.Expire || slices.Contains(l.c.types(), dhcp4.Decline) {
			t.Errorf("state %v, applied %v, sent %v", l.state(), got, l.c.types())
		}
		l.stop()
		<-l.end
	})
}

// TestRunGuards: an address that another host turns out to use is declined
// (RFC 5227 §2.4).
func TestRunGuards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false)
		l.c.conflicts <- otherAddr // not ours any more
		l.pass(time.Second)
		if l.state() != Bound {
			t.Fatalf("state %v", l.state())
		}
		l.c.conflicts <- leaseAddr
		l.pass(time.Second)
		if got := l.c.types(); l.state() != Init || got[len(got)-1] != dhcp4.Decline {
			t.Errorf("state %v, sent %v", l.state(), got)
		}
		close(l.c.conflicts)
		l.pass(20 * time.Second)
		if l.state() != Bound {
			t.Errorf("state %v", l.state())
		}
		l.stop()
		<-l.end
	})
}

// TestRunScriptRefuses: what a script says of an address counts as a probe does.
func TestRunScriptRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false, func(o *Options) { o.Timing.Desync = time.Second })
		l.sys.mu.Lock()
		l.sys.err = fmt.Errorf("exit status 1: %w", hostconf.ErrTaken)
		l.sys.mu.Unlock()
		l.pass(2 * time.Second)
		if l.state() != Init || l.store.record() != nil {
			t.Errorf("state %v", l.state())
		}
		l.sys.mu.Lock()
		l.sys.err = nil
		l.sys.mu.Unlock()
		l.pass(20 * time.Second)
		want := []dhcp4.MessageType{dhcp4.Discover, dhcp4.Request, dhcp4.Decline, dhcp4.Discover, dhcp4.Request}
		if got := l.c.types(); l.state() != Bound || !slices.Equal(got, want) {
			t.Errorf("state %v, sent %v", l.state(), got)
		}
		l.stop()
		<-l.end
	})
}

// TestRunBearsTrouble: sends that fail, reads that fail, a disk that is full, a
// host that cannot be changed: all are told, and none ends the client.
func TestRunBearsTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false, func(o *Options) { o.Timing.Desync = time.Minute })
		l.c.mu.Lock()
		l.c.refuse, l.c.broken = errors.New("network is down"), 3
		l.c.mu.Unlock()
		l.store.mu.Lock()
		l.store.err = errors.New("no space left on device")
		l.store.mu.Unlock()
		l.sys.mu.Lock()
		l.sys.err = errors.New("operation not permitted")
		l.sys.mu.Unlock()
		l.c.in <- []byte("nonsense")
		l.pass(2 * time.Minute)
		if l.state() != Selecting {
			t.Fatalf("state %v", l.state())
		}
		l.c.mu.Lock()
		l.c.refuse = nil
		l.c.mu.Unlock()
		l.pass(2 * time.Minute)
		if l.state() != Bound {
			t.Fatalf("state %v", l.state())
		}
		for _, text := range []string{"message not sent", "answer ignored", "lease not saved", "host not changed"} {
			if l.logs.FilterMessage(text).Len() == 0 {
				t.Errorf("nothing says %q", text)
			}
		}
		l.stop()
		<-l.end
	})
}

// TestRunClock: what the host slept counts; a link that closes is one that is down.
func TestRunClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := live(t, false)
		l.c.mu.Lock()
		l.c.silent = true
		l.c.mu.Unlock()
		l.clock <- 45 * time.Minute
		l.pass(0)
		if l.state() != Renewing {
			t.Errorf("state %v", l.state())
		}
		close(l.c.ready)
		l.clock <- 0
		l.pass(15 * time.Minute)
		if s, _ := l.status(); s.State != Init || s.Record != nil {
			t.Errorf("status %+v", s)
		}
		close(l.clock)
		close(l.ask)
		l.stop()
		<-l.end
	})
}
