package lease_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

var start = time.Unix(1_700_000_000, 0)

func pool(t testing.TB, first, last string) *lease.Pool {
	t.Helper()
	p, err := lease.NewPool(lease.V4, 1, 1, netip.MustParseAddr(first), netip.MustParseAddr(last), 32)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func table(t testing.TB, s lease.Store, o lease.TableOptions, pools ...*lease.Pool) *lease.Table {
	t.Helper()
	tab := lease.NewTable(s, o)
	if _, err := tab.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	tab.Adopt(pools)
	return tab
}

func request(n int, now time.Time, pools ...*lease.Pool) *lease.Request {
	id := binary.BigEndian.AppendUint32([]byte{0xff}, uint32(n))
	hw := binary.BigEndian.AppendUint32([]byte{2, 0}, uint32(n))
	return &lease.Request{
		Lease:  lease.Lease{ClientID: id, HWAddr: hw, HWType: 1, Subnet: 1, Valid: time.Hour},
		Lookup: []lease.Identity{{Kind: lease.ByClientID, ID: id}, {Kind: lease.ByHWAddr, HWType: 1, ID: hw}},
		Pools:  pools, Now: now,
	}
}

// replays checks that the journal of a table, replayed, is the table.
func replays(t *testing.T, tab *lease.Table, s *leasetest.Memory) {
	t.Helper()
	var want []lease.Lease
	for l := range tab.All() {
		want = append(want, leasetest.Clone(l))
	}
	leasetest.Same(t, s.Replay(), want)
	lease.Check(t, tab)
}

// One worker releases an address while another grants it: whatever comes first,
// the order of the journal is that of the table.
func TestReleaseAgainstGrant(t *testing.T) {
	p := pool(t, "192.0.2.1", "192.0.2.1")
	s := new(leasetest.Memory)
	tab := table(t, s, lease.TableOptions{}, p)
	res := lease.Resource{Kind: lease.V4, Prefix: netip.MustParsePrefix("192.0.2.1/32")}
	const rounds = 10_000
	granted := 0
	for i := range rounds {
		was := request(i, start, p)
		if _, _, err := tab.Grant(was); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		next := request(i+1, start, p)
		next.Hint, next.Must = res, true
		var wg sync.WaitGroup
		var released, taken error
		wg.Go(func() { _, released = tab.Release(res, start, was.Lookup...) })
		wg.Go(func() { _, _, taken = tab.Grant(next) })
		wg.Wait()
		if released != nil {
			t.Fatalf("round %d: release: %v", i, released)
		}
		if taken == nil {
			granted++
		} else if !errors.Is(taken, lease.ErrOwner) {
			t.Fatalf("round %d: grant: %v", i, taken)
		}
		if i%1000 == 0 {
			replays(t, tab, s)
		}
	}
	replays(t, tab, s)
	t.Logf("the grant came second in %d of %d rounds", granted, rounds)
}

// Many workers, few addresses: nobody is granted what another holds, and when all
// is released all is free.
func TestManyWorkers(t *testing.T) {
	const workers, clients, rounds = 8, 24, 4000
	p, q := pool(t, "192.0.2.1", "192.0.2.9"), pool(t, "192.0.2.11", "192.0.2.17")
	s := new(leasetest.Memory)
	tab := table(t, s, lease.TableOptions{}, p, q)
	var owner [256]atomic.Int64
	var given atomic.Int64
	work := func(seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		for range rounds {
			n := 1 + rnd.IntN(clients/workers)*workers + int(seed) // a client has one worker
			if rnd.IntN(3) == 0 {
				_, _, _ = tab.Offer(request(n, start, p, q))
			}
			r := request(n, start, p, q)
			l, seq, err := tab.Grant(r)
			if err != nil {
				if !errors.Is(err, lease.ErrNone) {
					t.Errorf("grant: %v", err)
				}
				continue
			}
			given.Add(1)
			at := &owner[l.Resource.Prefix.Addr().As4()[3]]
			if was := at.Swap(int64(n)); was != 0 && was != int64(n) {
				t.Errorf("%v was granted to %d and to %d", l.Resource, was, n)
			}
			if rnd.IntN(4) == 0 {
				if err := tab.Commit(seq); err != nil {
					t.Errorf("commit: %v", err)
				}
			}
			if rnd.IntN(2) == 0 {
				at.Store(0)
				if _, err := tab.Release(l.Resource, start, r.Lookup...); err != nil {
					t.Errorf("release: %v", err)
				}
			}
		}
	}
	var wg, aside sync.WaitGroup
	stop := make(chan struct{})
	for i := range workers {
		wg.Go(func() { work(uint64(i)) })
	}
	aside.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			tab.Expire(start, 10)
			tab.Adopt([]*lease.Pool{p, q})
			for range tab.All() {
			}
			if err := tab.Clean(t.Context()); err != nil {
				t.Errorf("clean: %v", err)
			}
		}
	})
	wg.Wait()
	close(stop)
	aside.Wait()
	replays(t, tab, s)
	for l := range tab.All() {
		if l.State == lease.Leased {
			id := lease.Identity{Kind: lease.ByClientID, ID: append([]byte(nil), l.ClientID...)}
			if _, err := tab.Release(l.Resource, start, id); err != nil {
				t.Error(err)
			}
		}
	}
	tab.Expire(start.Add(time.Minute), 0)
	if p.Free() != p.Size() || q.Free() != q.Size() {
		t.Errorf("%d of %d and %d of %d are free", p.Free(), p.Size(), q.Free(), q.Size())
	}
	replays(t, tab, s)
	t.Logf("%d grants", given.Load())
}

// Two DISCOVERs of one client at once are one client's.
func TestOneClientAtOnce(t *testing.T) {
	p := pool(t, "192.0.2.1", "192.0.2.200")
	tab := table(t, new(lease.Volatile), lease.TableOptions{}, p)
	for n := range 500 {
		var got [4]lease.Resource
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				l, _, err := tab.Offer(request(n, start.Add(time.Duration(n)*time.Minute), p))
				if err != nil {
					t.Error(err)
				}
				got[i] = l.Resource
			})
		}
		wg.Wait()
		for _, res := range got {
			if res != got[0] {
				t.Fatalf("offers to one client: %v", got)
			}
		}
	}
}
