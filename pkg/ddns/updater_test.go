package ddns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// A wire takes what is sent in place of kea-dhcp-ddns.
type wire struct {
	net.Conn
	mu     sync.Mutex
	got    []string
	err    error
	dialed int
	closed atomic.Int32
}

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	r, err := Parse(b)
	if err != nil {
		return 0, err
	}
	what := "+"
	if r.Remove {
		what = "-"
	}
	if r.Fwd {
		what += "A"
	}
	if r.Rev {
		what += "P"
	}
	w.got = append(w.got, fmt.Sprintf("%s %s %v", what, r.FQDN, r.Addr))
	return len(b), nil
}

func (w *wire) Close() error { w.closed.Add(1); return nil }

func (w *wire) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// said returns what came since it was asked before.
func (w *wire) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.got, ", ")
	w.got = nil
	return s
}

// A desk is an Updater with a wire and a table whose changes are durable up to a
// number.
type desk struct {
	*Updater
	wire    wire
	durable atomic.Uint64
	commits atomic.Int32
	down    atomic.Bool
	told    []string
	params  Params
}

func newDesk(t *testing.T, queue int) *desk {
	d := &desk{params: Default}
	d.params.Send = true
	d.durable.Store(1 << 40)
	d.Updater = New(Options{
		Durable: func(s lease.Seq) bool { return uint64(s) <= d.durable.Load() },
		Commit: func(s lease.Seq) error {
			d.commits.Add(1)
			if d.down.Load() {
				return lease.ErrDown
			}
			d.durable.Store(max(d.durable.Load(), uint64(s)))
			return nil
		},
		Dial:    func(_, _ netip.AddrPort) (net.Conn, error) { d.wire.dialed++; return &d.wire, nil },
		Held:    func(err error, n int) { d.told = append(d.told, fmt.Sprintf("held %d", n)) },
		Resumed: func(n int) { d.told = append(d.told, fmt.Sprintf("resumed %d", n)) },
		Lost:    func(n uint64) { d.told = append(d.told, fmt.Sprintf("lost %d", n)) },
	})
	d.enable(true, queue)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return d
}

func (d *desk) enable(on bool, queue int) {
	d.Configure(Config{Enable: on, Queue: queue}, func(*lease.Lease) *Params { return &d.params })
}

// named is a lease of an address of 192.0.2.0/24 with a name in both directions.
func named(n byte, name string) *lease.Lease {
	return &lease.Lease{Resource: lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), 32)},
		HWAddr: []byte{2, 0, 0, 0, 0, n}, HWType: 1, Hostname: name, FwdDNS: true, RevDNS: true, Start: time.Unix(1_800_000_000, 0), Valid: time.Hour}
}

func TestWhatIsSent(t *testing.T) {
	half := named(1, "a.")
	half.FwdDNS = false
	nothing := named(1, "a.")
	nothing.FwdDNS, nothing.RevDNS = false, false
	for _, tt := range []struct {
		name    string
		was, is *lease.Lease
		edit    func(*Params)
		want    string
	}{
		{"given", nil, named(1, "a."), nil, "+AP a. 192.0.2.1"},
		{"over", named(1, "a."), nil, nil, "-AP a. 192.0.2.1"},
		{"extended", named(1, "a."), named(1, "a."), nil, ""},
		{"extended, in other letters", named(1, "A."), named(1, "a."), nil, ""},
		{"extended, with ddns-update-on-renew", named(1, "a."), named(1, "a."), func(p *Params) { p.UpdateOnRenew = true }, "-AP a. 192.0.2.1, +AP a. 192.0.2.1"},
		{"another name", named(1, "a."), named(1, "b."), nil, "-AP a. 192.0.2.1, +AP b. 192.0.2.1"},
		{"one direction less", named(1, "a."), half, nil, "-AP a. 192.0.2.1, +P a. 192.0.2.1"},
		{"no longer", named(1, "a."), nothing, nil, "-AP a. 192.0.2.1"},
		{"not in this subnet", named(1, "a."), nothing, func(p *Params) { p.Send = false }, ""},
		{"over, in a subnet without updates", named(1, "a."), nil, func(p *Params) { p.Send = false }, "-AP a. 192.0.2.1"},
		{"no name", nil, named(1, ""), nil, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, 10)
			if tt.edit != nil {
				tt.edit(&d.params)
			}
			d.Changed(tt.was, tt.is, 1)
			synctest.Wait()
			if got := d.wire.said(); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			}
		})
	}
}

// TestBehindTheCommit: nothing is sent of what a crash could undo. A change that
// nobody commits is committed in the end.
func TestBehindTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 10)
		d.durable.Store(4)
		d.Changed(nil, named(1, "a."), 5)
		time.Sleep(10 * time.Millisecond)
		if got := d.wire.said(); got != "" || d.commits.Load() != 0 {
			t.Fatalf("sent %q, %d commits", got, d.commits.Load())
		}
		d.durable.Store(5) // its worker did
		time.Sleep(10 * time.Millisecond)
		if got := d.wire.said(); got == "" || d.commits.Load() != 0 {
			t.Fatalf("sent %q, %d commits", got, d.commits.Load())
		}
		d.Changed(nil, named(2, "b."), 6) // nobody does
		time.Sleep(time.Second)
		if got := d.wire.said(); got == "" || d.commits.Load() != 1 {
			t.Fatalf("sent %q, %d commits", got, d.commits.Load())
		}
		d.down.Store(true)
		d.Changed(nil, named(3, "c."), 7)
		time.Sleep(time.Minute)
		if got := d.wire.said(); got != "" {
			t.Fatalf("sent %q while the store is down", got)
		}
		d.down.Store(false)
		time.Sleep(2 * time.Second)
		if got := d.wire.said(); got != "+AP c. 192.0.2.3" {
			t.Fatalf("sent %q after it was mended", got)
		}
	})
}

// TestHeldBack: while the daemon is away requests wait, each is tried again less and
// less often, and they come in order when it is there.
func TestHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 3)
		d.wire.fail(syscall.ECONNREFUSED)
		for n := range byte(5) {
			d.Changed(nil, named(n, "a."), 1)
		}
		time.Sleep(5 * time.Minute)
		st := d.Stats()
		if n := st.Failed.Load(); n < 12 || n > 18 || !st.Held.Load() || st.Full.Load() != 2 || d.Waiting() != 3 {
			t.Errorf("%d attempts, held %v, %d lost, %d waiting", n, st.Held.Load(), st.Full.Load(), d.Waiting())
		}
		d.wire.fail(nil)
		time.Sleep(31 * time.Second)
		if got, want := d.wire.said(), "+AP a. 192.0.2.0, +AP a. 192.0.2.1, +AP a. 192.0.2.2"; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
		if got, want := fmt.Sprint(d.told), "[held 3 lost 2 resumed 3]"; got != want {
			t.Errorf("said %s, want %s", got, want)
		}
	})
}

// TestSwitchedOff: what waits is forgotten, as with Kea; switched on again, the way
// to the daemon is a new one, and it is taken at once.
func TestSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 10)
		d.wire.fail(errors.New("away"))
		d.Changed(nil, named(1, "a."), 1)
		d.Changed(nil, named(2, "b."), 1)
		time.Sleep(10 * time.Minute)
		d.enable(false, 10)
		d.Changed(nil, named(3, "c."), 1)
		if n := d.Stats().Tossed.Load(); n != 2 || d.Waiting() != 0 {
			t.Errorf("%d forgotten, %d waiting", n, d.Waiting())
		}
		d.wire.fail(nil)
		d.enable(true, 10)
		d.Changed(nil, named(4, "d."), 1)
		synctest.Wait()
		if got := d.wire.said(); got != "+AP d. 192.0.2.4" {
			t.Errorf("sent %q", got)
		}
	})
}

// TestNothingIsLeftOpen: switched off, neither the socket nor the complaint stays until
// somebody asks for updates again.
func TestNothingIsLeftOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 8)
		d.Changed(nil, named(1, "a."), 1)
		synctest.Wait()
		d.enable(false, 8)
		synctest.Wait()
		if n := d.wire.closed.Load(); n != 1 {
			t.Errorf("closed %d times", n)
		}
		d.enable(true, 8)
		d.wire.fail(syscall.ECONNREFUSED)
		d.Changed(nil, named(2, "b."), 2)
		synctest.Wait()
		if !d.Stats().Held.Load() {
			t.Fatal("not held back")
		}
		d.enable(false, 8)
		synctest.Wait()
		if d.Stats().Held.Load() {
			t.Error("nothing waits, and it is held back")
		}
	})
}

// TestFlush: at the end what is left is sent, in so far as it can be at once.
func TestFlush(t *testing.T) {
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := &desk{params: Default}
			d.params.Send = true
			u := New(Options{
				Durable: func(s lease.Seq) bool { return uint64(s) <= d.durable.Load() },
				Commit:  func(s lease.Seq) error { d.durable.Store(uint64(s)); return nil },
				Dial:    func(_, _ netip.AddrPort) (net.Conn, error) { return &d.wire, nil },
			})
			u.Configure(Config{Enable: true, Queue: 10}, func(*lease.Lease) *Params { return &d.params })
			if away {
				d.wire.fail(errors.New("away"))
			}
			u.Changed(nil, named(1, "a."), 1)
			u.Changed(nil, named(2, "b."), 2)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			u.Run(ctx)
			if got := d.wire.said(); (got == "+AP a. 192.0.2.1, +AP b. 192.0.2.2") == away {
				t.Errorf("away %v: sent %q", away, got)
			}
		})
	}
}

// TestQueue: entries come out in order, whatever the ring does.
func TestQueue(t *testing.T) {
	q := queue{limit: 100}
	next, want := lease.Seq(0), lease.Seq(0)
	var e entry
	for round := range 50 {
		for range round%7 + 20 {
			if p := q.push(); p != nil {
				p.seq = next
				next++
				q.done(true)
			} else if q.len() != 100 {
				t.Fatalf("full at %d", q.len())
			}
		}
		for range round % 29 {
			number, ok := q.peek(&e)
			if !ok {
				break
			}
			if e.seq != want || uint64(want) != number {
				t.Fatalf("%d comes, as %d, want %d", e.seq, number, want)
			}
			want++
			q.pop(number)
			q.pop(number) // is not there any more
		}
	}
}

// TestChangedAllocatesNothing once the queue has its size; it is called with locks held.
func TestChangedAllocatesNothing(t *testing.T) {
	p := Default
	p.Send = true
	u := New(Options{})
	u.Configure(Config{Enable: true, Queue: 16}, func(*lease.Lease) *Params { return &p })
	was, is := named(1, "a.example.org."), named(1, "b.example.org.")
	u.Changed(was, is, 1)
	if n := testing.AllocsPerRun(100, func() { u.Changed(was, is, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestRefused: that nobody listens is known at once on this host, so no request is
// lost to it.
func TestRefused(t *testing.T) {
	l, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	at := l.LocalAddr().(*net.UDPAddr).AddrPort()
	p := Default
	p.Send = true
	held := make(chan error, 10)
	u := New(Options{Durable: func(lease.Seq) bool { return true }, Held: func(err error, _ int) { held <- err }})
	u.Configure(Config{Enable: true, Queue: 10, Server: at, Sender: netip.MustParseAddrPort("127.0.0.1:0")}, func(*lease.Lease) *Params { return &p })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); u.Run(ctx) }()
	defer func() { cancel(); <-done }()
	u.Changed(nil, named(1, "a."), 0)
	buf := make([]byte, 2000)
	n, _, err := l.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Parse(buf[:n]); err != nil || r.FQDN != "a." {
		t.Fatalf("%+v, %v", r, err)
	}
	l.Close()
	u.Changed(nil, named(2, "b."), 0)
	if err := <-held; !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("held for %v", err)
	}
	if l, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at)); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetReadDeadline(time.Now().Add(20 * time.Second))
	if n, _, err = l.ReadFrom(buf); err != nil {
		t.Fatal(err)
	}
	if r, err := Parse(buf[:n]); err != nil || r.FQDN != "b." {
		t.Errorf("%+v, %v", r, err)
	}
}
