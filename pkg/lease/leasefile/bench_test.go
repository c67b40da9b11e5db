package leasefile_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
)

// openAt opens a store on the machine's own disk.
func openAt(tb testing.TB, file string, o leasefile.Options) *leasefile.File {
	tb.Helper()
	f, err := leasefile.Open(file, o)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func none(lease.Change) error { return nil }

// many yields n leases.
func many(n int) iter.Seq[*lease.Lease] {
	return func(yield func(*lease.Lease) bool) {
		for i := range n {
			l := testLease(i, 0)
			if !yield(&l) {
				return
			}
		}
	}
}

// One change, and the write and sync of a batch.
func BenchmarkAppend(b *testing.B) {
	f := openAt(b, filepath.Join(b.TempDir(), "leases.csv"), leasefile.Options{})
	defer f.Close()
	if err := f.Load(b.Context(), none); err != nil {
		b.Fatal(err)
	}
	l := testLease(1, 0)
	c := lease.Change{Lease: &l}
	b.ReportAllocs()
	for i := range b.N {
		f.Append(c)
		if i%4096 == 0 {
			b.StopTimer()
			f.Sync()
			b.StartTimer()
		}
	}
}

func BenchmarkAppendSync(b *testing.B) {
	for _, batch := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			f := openAt(b, filepath.Join(b.TempDir(), "leases.csv"), leasefile.Options{})
			defer f.Close()
			if err := f.Load(b.Context(), none); err != nil {
				b.Fatal(err)
			}
			l := testLease(1, 0)
			c := lease.Change{Lease: &l}
			b.ReportAllocs()
			for b.Loop() {
				for range batch {
					f.Append(c)
				}
				if _, err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const million = 1_000_000

// The start of a daemon with a million leases, the table not included.
func BenchmarkLoad(b *testing.B) {
	file := filepath.Join(b.TempDir(), "leases.csv")
	f := openAt(b, file, leasefile.Options{})
	if err := f.Load(b.Context(), none); err != nil {
		b.Fatal(err)
	}
	if err := f.Rewrite(b.Context(), many(million)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(f.Size())
	f.Close()
	b.ReportAllocs()
	for b.Loop() {
		f := openAt(b, file, leasefile.Options{})
		if err := f.Load(b.Context(), none); err != nil {
			b.Fatal(err)
		}
		if f.Report().Rows != million {
			b.Fatalf("%d rows", f.Report().Rows)
		}
		f.Close()
	}
}

// The start of a daemon with a million leases, the table included.
func BenchmarkLoadTable(b *testing.B) {
	file := filepath.Join(b.TempDir(), "leases.csv")
	f := openAt(b, file, leasefile.Options{})
	if err := f.Load(b.Context(), none); err != nil {
		b.Fatal(err)
	}
	if err := f.Rewrite(b.Context(), many(million)); err != nil {
		b.Fatal(err)
	}
	f.Close()
	for b.Loop() {
		table := lease.NewTable(openAt(b, file, leasefile.Options{}), lease.TableOptions{})
		if n, err := table.Load(b.Context()); err != nil || n != million {
			b.Fatalf("%d leases, %v", n, err)
		}
		if err := table.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// A take-over of Kea's file, which is written anew.
func BenchmarkTakeOver(b *testing.B) {
	file := filepath.Join(b.TempDir(), "leases.csv")
	text := []byte(header22)
	for i := range million {
		text = fmt.Appendf(text, "10.%d.%d.%d,02:00:00:00:00:%02x,,4000,1790004000,1,0,0,host-%d,0,\n", i>>16, i>>8&255, i&255, i&255, i)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		b.StopTimer()
		if err := os.WriteFile(file, text, 0o640); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		f := openAt(b, file, leasefile.Options{})
		if err := f.Load(b.Context(), none); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

// How long a batch waits for its sync, with and without a clean-up of a million
// leases beside it.
func BenchmarkSyncWhileCleaning(b *testing.B) {
	for _, cleaning := range []bool{false, true} {
		b.Run(fmt.Sprintf("cleaning=%v", cleaning), func(b *testing.B) {
			f := openAt(b, filepath.Join(b.TempDir(), "leases.csv"), leasefile.Options{})
			defer f.Close()
			if err := f.Load(b.Context(), none); err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			var runs atomic.Int64
			done := make(chan struct{})
			go func() {
				defer close(done)
				for cleaning && f.Rewrite(ctx, many(million)) == nil {
					runs.Add(1)
				}
			}()
			l := testLease(1, 0)
			var took []time.Duration
			for b.Loop() {
				for range 16 {
					f.Append(lease.Change{Lease: &l})
				}
				began := time.Now()
				if _, err := f.Sync(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
				runtime.Gosched()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
			cancel()
			<-done
			b.ReportMetric(float64(runs.Load()), "clean-ups")
		})
	}
}
