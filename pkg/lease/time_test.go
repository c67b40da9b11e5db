package lease_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// sweeper calls Expire every second, as a daemon does.
func sweeper(t *testing.T, tab *lease.Table) (stop func()) {
	done := make(chan struct{})
	go func() {
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-tick.C:
				tab.Expire(time.Now(), 100)
			case <-done:
				tick.Stop()
				return
			}
		}
	}()
	return func() { close(done) }
}

// A pool of four, a hundred clients, three lifetimes: whoever lets go makes room, and in
// the end nobody has kept an address that was not extended.
func TestSmallPoolManyClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(t, "192.0.2.1", "192.0.2.4")
		s := new(leasetest.Memory)
		tab := table(t, s, lease.TableOptions{DeclineProbation: 5 * time.Minute}, p)
		defer sweeper(t, tab)()
		served := make(map[int]bool)
		for n := 0; n < 400; n++ {
			r := request(n%100, time.Now(), p)
			r.Lease.Valid = 10 * time.Minute
			l, _, err := tab.Offer(r)
			if err == nil {
				r = request(n%100, time.Now(), p)
				r.Lease.Valid, r.Hint, r.Must = 10*time.Minute, l.Resource, true
				l, _, err = tab.Grant(r)
			}
			switch {
			case errors.Is(err, lease.ErrNone):
			case err != nil:
				t.Fatal(err)
			default:
				served[n%100] = true
				switch n % 3 {
				case 0:
					_, err = tab.Release(l.Resource, time.Now(), r.Lookup...)
				case 1:
					if n < 20 {
						_, err = tab.Decline(l.Resource, time.Now(), r.Lookup...)
					}
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(5 * time.Second)
		}
		if len(served) < 3*4 { // each lifetime hands out the whole pool again
			t.Errorf("%d clients were served", len(served))
		}
		time.Sleep(3 * time.Hour) // past leases, probation and history
		if p.Free() != 4 {
			t.Errorf("%d of 4 are free in the end", p.Free())
		}
		for l := range tab.All() {
			t.Errorf("still there: %s", leasetest.Text(l))
		}
		replays(t, tab, s)
	})
}

// An offer holds its address for OfferHold, to the second, and not longer.
func TestOfferLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(t, "192.0.2.1", "192.0.2.1")
		tab := table(t, new(lease.Volatile), lease.TableOptions{}, p)
		l, _, err := tab.Offer(request(1, time.Now(), p))
		if err != nil {
			t.Fatal(err)
		}
		r := request(2, time.Now(), p)
		r.Hint, r.Must = l.Resource, true
		time.Sleep(9 * time.Second)
		r.Now = time.Now()
		if _, _, err := tab.Grant(r); !errors.Is(err, lease.ErrOwner) {
			t.Errorf("after 9 s: %v", err)
		}
		time.Sleep(time.Second)
		r.Now = time.Now()
		if _, _, err := tab.Grant(r); err != nil {
			t.Errorf("after 10 s: %v", err)
		}
	})
}

// A lease runs out, is reclaimed, keeps its history for HoldReclaimed, and is gone.
func TestLeaseRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(t, "192.0.2.1", "192.0.2.9")
		s := new(leasetest.Memory)
		tab := table(t, s, lease.TableOptions{HoldReclaimed: time.Hour}, p)
		defer sweeper(t, tab)()
		l, _, err := tab.Grant(request(1, time.Now(), p))
		if err != nil {
			t.Fatal(err)
		}
		steps := []struct {
			sleep time.Duration
			state lease.State
			there bool
			free  uint64
		}{
			{time.Hour - 2*time.Second, lease.Leased, true, 8},
			{4 * time.Second, lease.Reclaimed, true, 9},
			{time.Hour - 5*time.Second, lease.Reclaimed, true, 9},
			{6 * time.Second, 0, false, 9},
		}
		for i, step := range steps {
			time.Sleep(step.sleep)
			synctest.Wait()
			got, ok := tab.ByResource(l.Resource)
			if ok != step.there || got.State != step.state || p.Free() != step.free {
				t.Errorf("step %d: there %v, state %d, %d free", i, ok, got.State, p.Free())
			}
		}
		if st := p.Stats(); st != (lease.Stats{Cumulative: 1, Reclaimed: 1}) {
			t.Errorf("stats %+v", st)
		}
		replays(t, tab, s)
	})
}

// What a client had is kept for it while nobody else needs it (Kea's lease affinity).
func TestReturningClientGetsItsOldAddress(t *testing.T) {
	p := pool(t, "192.0.2.1", "192.0.2.9")
	for _, how := range []string{"released", "run out", "not yet reclaimed"} {
		t.Run(how, func(t *testing.T) {
			tab := table(t, new(lease.Volatile), lease.TableOptions{}, p)
			for n := range 3 {
				if _, _, err := tab.Grant(request(n, start, p)); err != nil {
					t.Fatal(err)
				}
			}
			r := request(1, start, p)
			had, _, _ := tab.Find(r)
			now := start.Add(61 * time.Minute)
			switch how {
			case "released":
				now = start.Add(time.Minute)
				if _, err := tab.Release(had.Resource, now, r.Lookup...); err != nil {
					t.Fatal(err)
				}
			case "run out":
				tab.Expire(now, 0)
			}
			l, _, err := tab.Offer(request(1, now, p))
			if err != nil || l.Resource != had.Resource {
				t.Errorf("offered %v (%v), had %v", l.Resource, err, had.Resource)
			}
			if l, _, err = tab.Grant(request(1, now, p)); err != nil || l.Resource != had.Resource {
				t.Errorf("granted %v (%v), had %v", l.Resource, err, had.Resource)
			}
			lease.Check(t, tab)
		})
	}
}

// A declined address rests for its probation and comes back; who declined it gets
// another one.
func TestDecline(t *testing.T) {
	p := pool(t, "192.0.2.1", "192.0.2.2")
	s := new(leasetest.Memory)
	tab := table(t, s, lease.TableOptions{DeclineProbation: 2 * time.Hour}, p)
	r := request(1, start, p)
	l, _, err := tab.Grant(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tab.Decline(l.Resource, start, request(2, start).Lookup...); !errors.Is(err, lease.ErrOwner) {
		t.Errorf("a stranger's DECLINE: %v", err)
	}
	if _, err := tab.Decline(l.Resource, start, r.Lookup...); err != nil {
		t.Fatal(err)
	}
	if got, _ := tab.ByResource(l.Resource); got.State != lease.Declined || got.ClientID != nil || got.HWAddr != nil {
		t.Errorf("declined: %s", leasetest.Text(&got))
	}
	if st := tab.SubnetStats(1, lease.V4); st.Assigned != 1 || st.Declined != 1 {
		t.Errorf("stats %+v", st)
	}
	other, _, err := tab.Grant(request(1, start, p))
	if err != nil || other.Resource == l.Resource {
		t.Errorf("after DECLINE: %v, %v", other.Resource, err)
	}
	if _, _, err := tab.Grant(request(3, start, p)); !errors.Is(err, lease.ErrNone) {
		t.Errorf("during probation: %v", err)
	}
	tab.Expire(start.Add(2*time.Hour), 0)
	back, _, err := tab.Grant(request(3, start.Add(2*time.Hour), p))
	if err != nil {
		t.Errorf("after probation: %v", err)
	}
	_ = back
	if st := p.Stats(); st.Declined != 0 || st.ReclaimedDeclined != 1 {
		t.Errorf("stats %+v", st)
	}
	replays(t, tab, s)
}

// Lifetimes at the edges, and a clock that jumps fifty days and back.
func TestClockJumps(t *testing.T) {
	p := pool(t, "192.0.2.1", "192.0.2.9")
	s := new(leasetest.Memory)
	tab := table(t, s, lease.TableOptions{}, p)
	for n, valid := range []time.Duration{0, time.Second, time.Hour, 1<<32*time.Second - 2*time.Second, lease.Infinite} {
		r := request(n, start, p)
		r.Lease.Valid = valid
		if _, _, err := tab.Grant(r); err != nil {
			t.Fatal(err)
		}
	}
	back := start.Add(-50 * 24 * time.Hour)
	if n := tab.Expire(back, 0); n != 0 {
		t.Errorf("%d expired when the clock jumped back", n)
	}
	if _, _, err := tab.Grant(request(2, back, p)); err != nil {
		t.Errorf("a renewal after the jump: %v", err)
	}
	if n := tab.Expire(start.Add(2*time.Second), 0); n != 4 {
		t.Errorf("%d steps, want 4", n) // 0 s and 1 s reclaimed; the one renewed fifty days ago reclaimed and forgotten
	}
	tab.Expire(start.Add(50*24*time.Hour), 0)
	tab.Expire(time.Unix(1<<33, 0), 0) // beyond what a record can say
	states := make(map[lease.State]int)
	for l := range tab.All() {
		states[l.State]++
	}
	if states[lease.Leased] < 1 {
		t.Errorf("the lease that never ends has ended: %v", states)
	}
	replays(t, tab, s)
}
