package leasetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// A Medium opens the store that stands on one medium; the test closes it
// before it opens the same medium again.
type Medium func(t *testing.T) lease.Store

// Conformance holds a store to the contract of lease.Store. samples are the leases it is tried
// with, one per resource: Samples4 or Samples6, and what else the store
// claims to keep. fresh makes an empty medium.
func Conformance(t *testing.T, samples []lease.Lease, fresh func(t *testing.T) Medium) {
	tests := []struct {
		name string
		test func(*testing.T, []lease.Lease, Medium)
	}{
		{"an empty store loads nothing", emptyLoads},
		{"what was synced is there after reopening", syncedStays},
		{"the last change of a resource wins", lastWins},
		{"a removed lease stays removed until it is given again", removedStays},
		{"a store keeps nothing of a change", keepsNothing},
		{"numbers ascend and sync covers what was appended", numbers},
		{"changes of many workers are all kept", manyWorkers},
		{"a rewrite leaves exactly what it was given", rewriteReplaces},
		{"changes during a rewrite are kept", rewriteKeeps},
		{"a cancelled rewrite loses nothing", rewriteCancelled},
		{"a closed store syncs nothing", closed},
		{"a table is the same after reopening", tableReopens},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.test(t, samples, fresh(t)) })
	}
}

// open opens a medium and loads what is there.
func open(t *testing.T, m Medium) (lease.Store, map[lease.Resource]lease.Lease) {
	t.Helper()
	s := m(t)
	got := make(map[lease.Resource]lease.Lease)
	err := s.Load(t.Context(), func(c lease.Change) error {
		if c.Remove {
			delete(got, c.Lease.Resource)
		} else {
			got[c.Lease.Resource] = Clone(c.Lease)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return s, got
}

func closeStore(t *testing.T, s lease.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func appendAll(s lease.Store, all []lease.Lease) (last lease.Seq) {
	for i := range all {
		last = s.Append(lease.Change{Lease: &all[i]})
	}
	return last
}

func sync1(t *testing.T, s lease.Store, upto lease.Seq) {
	t.Helper()
	got, err := s.Sync()
	if err != nil {
		t.Fatalf("sync: %v", err)
	}
	if got < upto {
		t.Fatalf("sync covers %d, appended was %d", got, upto)
	}
}

// reopen checks that a medium holds exactly want.
func reopen(t *testing.T, m Medium, want []lease.Lease) {
	t.Helper()
	s, got := open(t, m)
	defer closeStore(t, s)
	Same(t, got, want)
}

// T is the part of testing.TB that Same needs; rapid's has it too.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// Same fails the test unless got holds exactly the leases of want.
func Same(t T, got map[lease.Resource]lease.Lease, want []lease.Lease) {
	t.Helper()
	for i := range want {
		g, ok := got[want[i].Resource]
		if !ok {
			t.Errorf("%v is gone", want[i].Resource)
		} else if a, b := Text(&g), Text(&want[i]); a != b {
			t.Errorf("changed\n got %s\nwant %s", a, b)
		}
	}
	if len(got) > len(want) {
		t.Errorf("%d leases, want %d", len(got), len(want))
	}
}

// Text returns everything that a lease says in one comparable line.
func Text(l *lease.Lease) string {
	ctx := string(l.UserContext)
	if len(ctx) > 200 {
		ctx = fmt.Sprintf("%s... (%d octets, sha256 %x)", ctx[:100], len(ctx), sha256.Sum256(l.UserContext))
	}
	return fmt.Sprintf("%v id=%x hw=%d/%d/%x duid=%x iaid=%d subnet=%d pool=%d state=%d start=%d valid=%v pref=%v host=%q dns=%v,%v ctx=%s",
		l.Resource, l.ClientID, l.HWType, l.HWSource, l.HWAddr, l.DUID, l.IAID, l.Subnet, l.Pool, l.State,
		l.Start.Unix(), l.Valid, l.Preferred, l.Hostname, l.FwdDNS, l.RevDNS, ctx)
}

func emptyLoads(t *testing.T, _ []lease.Lease, m Medium) {
	reopen(t, m, nil)
	reopen(t, m, nil)
}

func syncedStays(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	sync1(t, s, appendAll(s, all))
	closeStore(t, s)
	reopen(t, m, all)
	reopen(t, m, all)
}

func lastWins(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	appendAll(s, all)
	renewed := slices.Clone(all)
	for i := range renewed {
		renewed[i].Start = renewed[i].Start.Add(time.Minute)
		renewed[i].Hostname = fmt.Sprintf("renewed-%d", i)
	}
	sync1(t, s, appendAll(s, renewed[:len(all)/2]))
	closeStore(t, s)
	s, _ = open(t, m)
	sync1(t, s, appendAll(s, renewed))
	closeStore(t, s)
	reopen(t, m, renewed)
}

func removedStays(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	appendAll(s, all)
	last := s.Append(lease.Change{Lease: &all[0], Remove: true})
	sync1(t, s, last)
	closeStore(t, s)
	reopen(t, m, all[1:])
	s, _ = open(t, m)
	sync1(t, s, appendAll(s, all[:1]))
	closeStore(t, s)
	reopen(t, m, all)
}

func keepsNothing(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	var last lease.Seq
	for i := range all {
		l := Clone(&all[i])
		last = s.Append(lease.Change{Lease: &l})
		for _, b := range [][]byte{l.ClientID, l.HWAddr, l.DUID, l.UserContext} {
			for j := range b {
				b[j] = '#'
			}
		}
		l = lease.Lease{}
	}
	sync1(t, s, last)
	closeStore(t, s)
	reopen(t, m, all)
}

func numbers(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	if _, err := s.Sync(); err != nil {
		t.Fatalf("sync with nothing to do: %v", err)
	}
	var last lease.Seq
	for i := range all {
		seq := s.Append(lease.Change{Lease: &all[i]})
		if seq <= last {
			t.Fatalf("%d came after %d", seq, last)
		}
		last = seq
	}
	sync1(t, s, last)
	sync1(t, s, last)
	closeStore(t, s)
}

func manyWorkers(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	const rounds = 200
	var wg sync.WaitGroup
	final := slices.Clone(all)
	for w := range final {
		wg.Go(func() {
			for range rounds {
				final[w].Start = final[w].Start.Add(time.Second)
				s.Append(lease.Change{Lease: &final[w]})
			}
		})
	}
	for range 10 {
		sync1(t, s, 0)
	}
	wg.Wait()
	sync1(t, s, 0)
	closeStore(t, s)
	reopen(t, m, final)
}

func each(all []lease.Lease) iter.Seq[*lease.Lease] {
	return func(yield func(*lease.Lease) bool) {
		for i := range all {
			if !yield(&all[i]) {
				return
			}
		}
	}
}

func rewriteReplaces(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	sync1(t, s, appendAll(s, all))
	kept := all[:len(all)/2]
	if err := s.Rewrite(t.Context(), each(kept)); err != nil {
		t.Fatal(err)
	}
	sync1(t, s, 0)
	closeStore(t, s)
	reopen(t, m, kept)
	s, _ = open(t, m)
	sync1(t, s, appendAll(s, all))
	closeStore(t, s)
	reopen(t, m, all)
}

// rewriteKeeps appends from within the walk: before and after a lease was
// yielded, and a removal.
func rewriteKeeps(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	sync1(t, s, appendAll(s, all))
	want := slices.Clone(all[:len(all)-1])
	for i := range want {
		want[i].Start = want[i].Start.Add(time.Hour)
	}
	err := s.Rewrite(t.Context(), func(yield func(*lease.Lease) bool) {
		for i := range all {
			if i%2 == 0 && i < len(want) {
				s.Append(lease.Change{Lease: &want[i]})
			}
			if !yield(&all[i]) {
				return
			}
			if i%2 == 1 && i < len(want) {
				s.Append(lease.Change{Lease: &want[i]})
			}
			if i == len(all)/2 {
				if _, err := s.Sync(); err != nil {
					t.Errorf("sync during a rewrite: %v", err)
				}
			}
		}
		s.Append(lease.Change{Lease: &all[len(all)-1], Remove: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	sync1(t, s, 0)
	closeStore(t, s)
	reopen(t, m, want)
}

func rewriteCancelled(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	half := len(all) / 2
	sync1(t, s, appendAll(s, all[:half]))
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Rewrite(ctx, func(yield func(*lease.Lease) bool) {
		cancel()
		each(all[:half])(yield)
	})
	if err == nil {
		t.Error("a cancelled rewrite reports success")
	}
	sync1(t, s, appendAll(s, all[half:]))
	closeStore(t, s)
	reopen(t, m, all)
}

func closed(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	closeStore(t, s)
	if _, err := s.Sync(); err == nil {
		t.Error("Sync succeeds on a closed store")
	}
	if err := s.Rewrite(t.Context(), each(all)); err == nil {
		t.Error("Rewrite succeeds on a closed store")
	} else if !errors.Is(err, lease.ErrClosed) {
		t.Logf("Rewrite on a closed store answers %v", err)
	}
	reopen(t, m, nil)
}

// tableReopens runs leases through a table and compares it with the one that
// is loaded from the same medium.
func tableReopens(t *testing.T, all []lease.Lease, m Medium) {
	s, _ := open(t, m)
	sync1(t, s, appendAll(s, all))
	closeStore(t, s)

	tab := lease.NewTable(m(t), lease.TableOptions{})
	if _, err := tab.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, at := 0, Now.Add(time.Hour); i < 4; i, at = i+1, at.Add(20*time.Minute) {
		tab.Expire(at, 0)
		if i == 2 {
			if err := tab.Clean(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	var want []lease.Lease
	for l := range tab.All() {
		want = append(want, Clone(l))
	}
	if err := tab.Close(); err != nil {
		t.Fatal(err)
	}
	reopen(t, m, want)
}
