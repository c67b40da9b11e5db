package leasefile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// nth is the nth lease of a process that will be killed.
func nth(n int64) lease.Lease {
	return lease.Lease{Resource: v4(fmt.Sprintf("10.0.%d.%d", n>>8&255, n&255)), ClientID: octets("0102"), Valid: lease.Infinite}
}

// giveUntilKilled gives leases from the given number on, prints each when it is
// durable, and cleans up every now and then.
func giveUntilKilled(t *testing.T, file string, first int64) {
	f := start(t, file, Options{})
	var given atomic.Int64
	all := func(yield func(*lease.Lease) bool) {
		for i := range given.Load() {
			if l := nth(i); !yield(&l) {
				return
			}
		}
	}
	for n := first; ; n++ {
		l := nth(n)
		f.Append(lease.Change{Lease: &l})
		given.Store(n + 1)
		if _, err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		fmt.Println(n)
		if n%50 == 49 {
			go f.Rewrite(context.Background(), all)
		}
	}
}

// A process that is killed at any moment has lost nothing that it had synced.
func TestKill(t *testing.T) {
	if file := os.Getenv("LEASEFILE_KILL"); file != "" {
		first, _ := strconv.ParseInt(os.Getenv("LEASEFILE_FIRST"), 10, 64)
		giveUntilKilled(t, file, first)
	}
	file := filepath.Join(t.TempDir(), "leases.csv")
	next := int64(0)
	for range 20 {
		next = kill(t, file, next)
		f, err := Open(file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[lease.Resource]bool{}
		err = f.Load(t.Context(), func(c lease.Change) error {
			got[c.Lease.Resource] = !c.Remove
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		for n := range next {
			if !got[nth(n).Resource] {
				t.Fatalf("lease %d of %d is gone", n, next)
			}
		}
	}
}

// kill lets a process give some leases, kills it, and returns the number of the
// first one that it had not called durable.
func kill(t *testing.T, file string, next int64) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), "LEASEFILE_KILL="+file, "LEASEFILE_FIRST="+strconv.FormatInt(next, 10))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := next - 1
	for count := 1; ; count++ {
		if _, err := fmt.Fscanln(out, &last); err != nil {
			break
		}
		if count == 60 {
			cmd.Process.Kill() // what it printed before that is still read
		}
	}
	cmd.Wait()
	return last + 1
}
