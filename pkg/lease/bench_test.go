package lease

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asker is one worker's request, made once and filled anew for each client.
type asker struct {
	r      Request
	id, hw [8]byte
	ids    [2]Identity
}

func newAsker(pools ...*Pool) *asker {
	a := new(asker)
	a.r.Pools = pools
	a.ids = [2]Identity{{Kind: ByClientID, ID: a.id[:]}, {Kind: ByHWAddr, HWType: 1, ID: a.hw[:6]}}
	return a
}

func (a *asker) client(n int, now time.Time) *Request {
	a.id[0], a.hw[0] = 1, 2
	binary.BigEndian.PutUint32(a.id[4:], uint32(n))
	binary.BigEndian.PutUint32(a.hw[2:], uint32(n))
	pools := a.r.Pools
	a.r = Request{Pools: pools, Now: now, Lookup: a.ids[:]}
	a.r.Lease = Lease{ClientID: a.id[:], HWAddr: a.hw[:6], HWType: 1, Subnet: 1, Valid: time.Hour}
	return &a.r
}

// wide returns a pool of n addresses.
func wide(t testing.TB, n int) *Pool {
	last := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+uint32(n)-1)))
	return pool4(t, "10.0.0.0", last.String())
}

// filled returns a table whose pool of size resources is 90 % full.
func filled(t testing.TB, size int) (*Table, *Pool, *asker) {
	p := wide(t, size)
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	a := newAsker(p)
	for n := range size * 9 / 10 {
		if _, _, err := tab.Grant(a.client(n, t0)); err != nil {
			t.Fatal(err)
		}
	}
	return tab, p, a
}

// cpu returns a function that reports the CPU time of an operation, which a busy machine
// disturbs less than the time on the wall.
func cpu(b *testing.B) func() {
	start := cpuTime(b)
	return func() { b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op") }
}

func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkOfferGrantRelease(b *testing.B) {
	for _, size := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("pool=%d", size), func(b *testing.B) {
			tab, _, a := filled(b, size)
			now := t0
			b.ReportAllocs()
			defer cpu(b)()
			for i := 0; b.Loop(); i++ {
				if i%64 == 0 {
					now = now.Add(time.Second)
				}
				n := size + i%(size/20)
				l, _, err := tab.Offer(a.client(n, now))
				if err != nil {
					b.Fatal(err)
				}
				r := a.client(n, now)
				r.Hint, r.Must = l.Resource, true
				if _, _, err := tab.Grant(r); err != nil {
					b.Fatal(err)
				}
				if _, err := tab.Release(l.Resource, now, a.ids[0], a.ids[1]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNew gives a new client a lease of an address that nobody had before, as
// a server meets it most: DISCOVER, then REQUEST.
func BenchmarkNew(b *testing.B) {
	for _, size := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("leases=%d", size), func(b *testing.B) {
			p := wide(b, 1<<23)
			tab := newTable(b, new(Volatile), TableOptions{}, p)
			a := newAsker(p)
			n := 0
			for ; n < size; n++ {
				if _, _, err := tab.Grant(a.client(n, t0)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				l, _, err := tab.Offer(a.client(n, t0))
				if err != nil {
					b.Fatal(err)
				}
				r := a.client(n, t0)
				r.Hint, r.Must = l.Resource, true
				if _, _, err := tab.Grant(r); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}

// BenchmarkChurn gives every address to a client it has never seen: search, a
// record of somebody else's history taken over, indexes moved.
func BenchmarkChurn(b *testing.B) {
	for _, size := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("pool=%d", size), func(b *testing.B) {
			tab, _, a := filled(b, size)
			n := size
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				l, _, err := tab.Offer(a.client(n, t0))
				if err != nil {
					b.Fatal(err)
				}
				r := a.client(n, t0)
				r.Hint, r.Must = l.Resource, true
				if _, _, err := tab.Grant(r); err != nil {
					b.Fatal(err)
				}
				if _, err := tab.Release(l.Resource, t0, a.ids[0], a.ids[1]); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}

func BenchmarkRenew(b *testing.B) {
	for _, size := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("pool=%d", size), func(b *testing.B) {
			tab, _, a := filled(b, size)
			now, held := t0, size*9/10
			b.ReportAllocs()
			defer cpu(b)()
			for i := 0; b.Loop(); i++ {
				if i%held == 0 {
					now = now.Add(time.Second)
				}
				if _, _, err := tab.Grant(a.client(i*7919%held, now)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// listing is a store that has n leases to load.
type listing struct {
	Volatile
	n int
}

func (s *listing) Load(_ context.Context, each func(Change) error) error {
	a := newAsker()
	for n := range s.n {
		l := a.client(n, t0).Lease
		at := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+uint32(n))))
		l.Resource = Resource{Kind: V4, Prefix: netip.PrefixFrom(at, 32)}
		l.Start = t0.Add(time.Duration(n%3600) * time.Second)
		if err := each(Change{Lease: &l}); err != nil {
			return err
		}
	}
	return nil
}

func (s *listing) Rewrite(context.Context, iter.Seq[*Lease]) error { return nil }

func BenchmarkLoad(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		tab := NewTable(&listing{n: n}, TableOptions{})
		if got, err := tab.Load(context.Background()); err != nil || got != n {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "leases/s")
}

// BenchmarkMemory reports what a lease costs at a million, by the heap's word and by the
// kernel's.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		runtime.GC()
		before, rssBefore := heap(), rss(b)
		p := wide(b, n*10/9)
		tab := newTable(b, &listing{n: n}, TableOptions{}, p)
		runtime.GC()
		b.ReportMetric(float64(int64(heap()-before))/n, "heap-B/lease")
		b.ReportMetric(float64(int64(rss(b)-rssBefore))/n, "rss-B/lease")
		start := time.Now()
		runtime.GC()
		b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "gc-ms")
		debug.FreeOSMemory() // what growing left behind
		b.ReportMetric(float64(int64(rss(b)-rssBefore))/n, "rss-settled-B/lease")
		runtime.KeepAlive(tab)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func rss(t testing.TB) uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * uint64(os.Getpagesize())
}

// BenchmarkAll walks a million leases as a clean-up does.
func BenchmarkAll(b *testing.B) {
	tab := NewTable(&listing{n: 1_000_000}, TableOptions{})
	if _, err := tab.Load(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range tab.All() {
			n++
		}
		if n != 1_000_000 {
			b.Fatal(n)
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	tab, _, a := filled(t, 1_000)
	now := t0
	one := func(n int) {
		l, _, err := tab.Offer(a.client(n, now))
		if err != nil {
			t.Fatal(err)
		}
		r := a.client(n, now)
		r.Hint, r.Must = l.Resource, true
		r.Reserved = func(Resource) bool { return false }
		r.Within = func(Resource, uint32) bool { return true }
		r.Shape = func(l *Lease) { l.Valid = 2 * time.Hour }
		_, seq, err := tab.Grant(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := tab.Commit(seq); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := tab.Find(a.client(n, now)); !ok {
			t.Fatal("not found")
		}
	}
	tests := []struct {
		name string
		run  func()
	}{
		{"renew", func() { now = now.Add(time.Second); one(5) }},
		{"a new client, then its release", func() {
			one(5000)
			if l, _, _ := tab.Find(a.client(5000, now)); l.State == Leased {
				if _, err := tab.Release(l.Resource, now, a.ids[0], a.ids[1]); err != nil {
					t.Fatal(err)
				}
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.run()
			if n := testing.AllocsPerRun(1000, test.run); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
	n := 10_000
	if got := testing.AllocsPerRun(2000, func() { // growth is amortised
		one(n)
		r, _, _ := tab.Find(a.client(n, now))
		if _, err := tab.Release(r.Resource, now, a.ids[0], a.ids[1]); err != nil {
			t.Fatal(err)
		}
		n++
	}); got != 0 {
		t.Errorf("clients never seen before: %v allocations", got)
	}
}

// BenchmarkFill gives a million leases one by one and reports the longest that one
// of them took: growing must hold nobody up.
func BenchmarkFill(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		p := wide(b, n)
		tab := newTable(b, new(Volatile), TableOptions{}, p)
		a := newAsker(p)
		var longest time.Duration
		over := 0
		for i := range n {
			start := time.Now()
			if _, _, err := tab.Grant(a.client(i, t0)); err != nil {
				b.Fatal(err)
			}
			took := time.Since(start)
			longest = max(longest, took)
			if took > time.Millisecond {
				over++
			}
		}
		b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
		b.ReportMetric(float64(over), "over-1ms")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/lease")
}
