package client6

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// A host is a System in memory.
type host struct {
	mu      sync.Mutex
	has     *hostconf.Settings
	reasons []hostconf.Reason
	err     error
	check   func(*hostconf.Change)
}

func (h *host) Apply(_ context.Context, c *hostconf.Change) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.Old != h.has && c.Reason != hostconf.Preinit6 && c.Reason != hostconf.Release6 {
		panic("what was is not what is")
	}
	h.has = c.New
	h.reasons = append(h.reasons, c.Reason)
	if h.check != nil {
		h.check(c)
	}
	return h.err
}

func (h *host) last() hostconf.Reason {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reasons[len(h.reasons)-1]
}

func testMachine(o Options) *Machine {
	if o.IAs == nil && !o.InfoOnly {
		o.IAs = []IA{na, pd}
	}
	o.DUID, o.Iface, o.Rand = duid, "eth0", rand.New(rand.NewPCG(8, 9))
	return New(o)
}

// Run carries a client from its start to its end, and leaves no goroutine behind, which
// synctest sees to.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, h := newNetwork(newGiver()), new(host)
		store := NewFile(filepath.Join(t.TempDir(), "leases"))
		ctx, cancel := context.WithCancel(t.Context())
		var seen []State
		done := make(chan error)
		go func() {
			done <- Run(ctx, testMachine(Options{}), n, RunOptions{System: h, Store: store, Watch: func(s Status) {
				if len(seen) == 0 || seen[len(seen)-1] != s.State {
					seen = append(seen, s.State)
				}
				if s.State == Bound && (s.Record == nil || s.Next.IsZero()) {
					t.Errorf("%+v", s)
				}
			}})
		}()
		time.Sleep(90 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []State{Init, Soliciting, Requesting, Bound, Renewing, Bound, Renewing, Bound, Renewing, Bound, Stopped}
		if !slices.Equal(seen[:3], want[:3]) || seen[len(seen)-1] != Stopped || n.count(dhcp6.Renew) != 2 || n.looked != 1 {
			t.Errorf("%v, %d renewals, %d times looked for duplicates", seen, n.count(dhcp6.Renew), n.looked)
		}
		if h.last() != hostconf.Stop6 || h.has != nil {
			t.Errorf("%v", h.reasons)
		}
		r, err := store.Load()
		if err != nil || len(r.IAs) != 2 {
			t.Fatalf("%+v %v", r, err)
		}

		// The next life confirms what was, and then releases it.
		n = newNetwork(n.server)
		ask := make(chan Request)
		go func() {
			done <- Run(t.Context(), testMachine(Options{Record: r}), n, RunOptions{System: h, Store: store, Ask: ask})
		}()
		time.Sleep(time.Minute)
		if n.count(dhcp6.Solicit) != 0 || n.count(dhcp6.Rebind) != 1 || h.last() != hostconf.Bound6 {
			t.Errorf("sent %v, %v", n.sent, h.reasons)
		}
		ask <- AskInform
		time.Sleep(10 * time.Second)
		ask <- AskRenew
		time.Sleep(time.Second)
		if n.count(dhcp6.InformationRequest) != 1 || n.count(dhcp6.Renew) != 1 {
			t.Errorf("sent %v", n.sent)
		}
		ask <- AskRelease
		if err := <-done; err != nil {
			t.Error(err)
		}
		if r, err := store.Load(); r != nil || err != nil || h.last() != hostconf.Release6 || len(n.server.until) != 0 {
			t.Errorf("%+v %v, %v, server has %v", r, err, h.reasons, n.server.until)
		}
	})
}

// RunOptions.Release gives up the leases of the record, with a server or without.
func TestRunRelease(t *testing.T) {
	for _, down := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := aRecordAt(t, time.Now())
			n, h := newNetwork(newGiver()), new(host)
			n.down = down
			began := time.Now()
			if err := Run(t.Context(), testMachine(Options{Record: r}), n, RunOptions{System: h, Release: true}); err != nil {
				t.Error(err)
			}
			want := 1
			if down {
				want = 4
			}
			if n.count(dhcp6.Release) != want || h.last() != hostconf.Release6 || time.Since(began) > 20*time.Second {
				t.Errorf("sent %v, %v, in %v", n.sent, h.reasons, time.Since(began))
			}
		})
	}
}

func aRecordAt(t *testing.T, now time.Time) *Record {
	l := newLab(t, Options{IAs: []IA{na}})
	l.now = now
	l.bound(lease1())
	return lastSaved(l)
}

// What a script, or the link, says about duplicates ends in a Decline.
func TestRunDeclines(t *testing.T) {
	for _, script := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n, h := newNetwork(newGiver()), new(host)
			taken := netip.MustParseAddr("2001:db8:1::1:0")
			if script {
				h.check = func(c *hostconf.Change) {
					h.err = nil
					if c.New != nil && slices.ContainsFunc(c.New.Addresses, func(a hostconf.Address) bool { return a.Prefix.Addr() == taken }) {
						h.err = fmt.Errorf("hostconf: %w", errors.Join(errors.New("another"), &hostconf.TakenError{Addr: taken}))
					}
				}
			} else {
				n.taken = []netip.Addr{taken}
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				done <- Run(ctx, testMachine(Options{IAs: []IA{na}}), n, RunOptions{System: h})
			}()
			time.Sleep(time.Minute)
			if n.count(dhcp6.Decline) != 1 || h.has == nil || h.has.Addresses[0].Prefix.Addr() == taken {
				t.Errorf("sent %v, %v", n.sent, h.reasons)
			}
			cancel()
			<-done
		})
	}
}

// What cannot be sent, read, saved or applied is told, and the client goes on.
func TestRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, h := newNetwork(newGiver()), new(host)
		n.refuse, n.broken, h.err = errors.New("no buffer space"), 3, errors.New("not permitted")
		core, logs := observer.New(zap.DebugLevel)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- Run(ctx, testMachine(Options{}), n, RunOptions{System: h, Log: zap.New(core), Store: NewFile("/nowhere/leases")})
		}()
		time.Sleep(10 * time.Second)
		n.mu.Lock()
		n.refuse = nil
		n.mu.Unlock()
		time.Sleep(10 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, text := range []string{"message not sent", "host not changed", "lease not saved", "lease bound", "state changed"} {
			if logs.FilterMessage(text).Len() == 0 {
				t.Errorf("nobody says %q", text)
			}
		}
	})
}

// over4 is an Over4 that keeps what it is told.
type over4 struct {
	mu      sync.Mutex
	set     []Servers4o6
	answers [][]byte
	closed  bool
}

func (o *over4) Set(a []netip.Addr, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.set = append(o.set, Servers4o6{a, known})
}

func (o *over4) Answer(msg []byte, _ netip.AddrPort) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers = append(o.answers, slices.Clone(msg))
}

func (o *over4) Close() { o.closed = true }

// What is IPv4's goes to its side, and nothing else (RFC 7341 §8).
func TestRunOver4(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGiver()
		g.more = opt(dhcp6.OptDHCP4oDHCP6Server)
		n, h, o := newNetwork(g), new(host), new(over4)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- Run(ctx, testMachine(Options{FourOverSix: true}), n, RunOptions{System: h, Over4: o})
		}()
		time.Sleep(time.Minute)
		n.in <- []byte{21, 0, 0, 0, 0, 87, 0, 1, 9}
		n.in <- []byte{}
		n.in <- []byte{7, 0, 0, 0}
		synctest.Wait()
		cancel()
		<-done
		if len(o.answers) != 1 || o.answers[0][8] != 9 || !o.closed {
			t.Errorf("%v, closed %v", o.answers, o.closed)
		}
		if len(o.set) != 2 || !o.set[0].Known || len(o.set[0].Addrs) != 0 || o.set[1].Known {
			t.Errorf("%v", o.set)
		}
	})
}
