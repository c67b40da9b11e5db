package lease_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// A reply waits for every lease it rests on, changed by this packet or not: the second
// REQUEST changes nothing and waits all the same.
func TestSecondRequestWaitsForTheFirst(t *testing.T) {
	p := pool(t, "192.0.2.1", "192.0.2.9")
	s := new(leasetest.Memory)
	tab := table(t, s, lease.TableOptions{}, p)
	waiting, release := s.Block()

	var acks atomic.Int32
	var wg sync.WaitGroup
	ask := func(call func(*lease.Request) (lease.Lease, lease.Seq, error)) {
		_, seq, err := call(request(1, start, p))
		if err != nil {
			t.Error(err)
		}
		if tab.Durable(seq) {
			t.Error("durable before any sync")
		}
		wg.Go(func() {
			if err := tab.Commit(seq); err != nil {
				t.Error(err)
			}
			acks.Add(1)
		})
	}
	ask(tab.Grant)
	<-waiting
	ask(tab.Grant)
	ask(tab.Offer)
	time.Sleep(50 * time.Millisecond)
	if n := acks.Load(); n != 0 {
		t.Errorf("%d replies left before the sync", n)
	}
	release()
	wg.Wait()
	if n := s.Syncs(); n != 1 {
		t.Errorf("%d syncs for one change", n)
	}
}

// Whoever comes during a sync shares the next one.
func TestCommitsShareSyncs(t *testing.T) {
	p := pool(t, "192.0.2.1", "192.0.2.100")
	s := new(leasetest.Memory)
	tab := table(t, s, lease.TableOptions{}, p)
	waiting, release := s.Block()
	var wg sync.WaitGroup
	for n := range 50 {
		_, seq, err := tab.Grant(request(n, start, p))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := tab.Commit(seq); err != nil {
				t.Error(err)
			}
		})
		if n == 0 {
			<-waiting
		}
	}
	release()
	wg.Wait()
	if n := s.Syncs(); n != 2 {
		t.Errorf("%d syncs for 50 grants, want 2", n)
	}
	if got := len(s.PowerCut().Replay()); got != 50 {
		t.Errorf("%d leases are durable", got)
	}
}

// A failed sync releases no reply, stops new promises, and is healed by a complete copy alone.
func TestFailedSync(t *testing.T) {
	p := pool(t, "192.0.2.1", "192.0.2.9")
	s := new(leasetest.Memory)
	tab := table(t, s, lease.TableOptions{}, p)
	_, before, err := tab.Grant(request(1, start, p))
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Commit(before); err != nil {
		t.Fatal(err)
	}
	r := request(2, start, p)
	l, seq, err := tab.Grant(r)
	if err != nil {
		t.Fatal(err)
	}
	s.Fail(true)
	if err := tab.Commit(seq); !errors.Is(err, lease.ErrDown) || !errors.Is(err, leasetest.ErrSync) {
		t.Fatalf("commit answers %v", err)
	}
	s.Fail(false)
	if err := tab.Commit(seq); !errors.Is(err, lease.ErrDown) {
		t.Fatalf("a second commit answers %v", err)
	}
	if err := tab.Commit(before); err != nil {
		t.Errorf("what was durable is not any more: %v", err)
	}
	calls := map[string]error{"down": tab.Down()}
	_, _, calls["offer"] = tab.Offer(request(3, start, p))
	_, _, calls["grant"] = tab.Grant(request(3, start, p))
	_, calls["release"] = tab.Release(l.Resource, start, r.Lookup...)
	_, calls["decline"] = tab.Decline(l.Resource, start, r.Lookup...)
	for name, err := range calls {
		if !errors.Is(err, lease.ErrDown) {
			t.Errorf("%s answers %v", name, err)
		}
	}
	if n := tab.Expire(start.Add(24*time.Hour), 0); n != 0 {
		t.Errorf("%d leases expired into a store that is down", n)
	}

	s.Fail(true)
	if err := tab.Clean(t.Context()); err == nil || tab.Down() == nil {
		t.Errorf("a failed rewrite healed: %v", err)
	}
	s.Fail(false)
	if err := tab.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tab.Commit(seq); err != nil || tab.Down() != nil {
		t.Errorf("after the rewrite: %v, %v", err, tab.Down())
	}
	if got := len(s.PowerCut().Replay()); got != 2 {
		t.Errorf("%d leases are durable, want 2", got)
	}
	if _, _, err := tab.Grant(request(3, start, p)); err != nil {
		t.Errorf("grant after healing: %v", err)
	}
	replays(t, tab, s)
}

func TestClosedTable(t *testing.T) {
	p := pool(t, "192.0.2.1", "192.0.2.9")
	s := new(leasetest.Memory)
	tab := table(t, s, lease.TableOptions{}, p)
	_, seq, err := tab.Grant(request(1, start, p))
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Close(); err != nil {
		t.Fatal(err)
	}
	if len(s.PowerCut().Replay()) != 1 {
		t.Error("Close does not sync")
	}
	if err := tab.Commit(seq); err != nil {
		t.Errorf("commit of what Close synced: %v", err)
	}
	if _, _, err := tab.Offer(request(2, start, p)); !errors.Is(err, lease.ErrClosed) {
		t.Errorf("offer: %v", err)
	}
	if err := tab.Clean(t.Context()); !errors.Is(err, lease.ErrClosed) {
		t.Errorf("clean: %v", err)
	}
	if err := tab.Close(); !errors.Is(err, lease.ErrClosed) {
		t.Errorf("close: %v", err)
	}
}
