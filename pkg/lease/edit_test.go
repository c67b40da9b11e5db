package lease_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// put writes a lease on the operator's word, into the table and into the model.
func (m *model) put(t *rapid.T) {
	p := rapid.SampledFrom(people).Draw(t, "who")
	res := addr(rapid.IntRange(0, 16).Draw(t, "what"))
	l := lease.Lease{
		Resource: res, ClientID: p.id, HWAddr: p.hw, HWType: 1,
		Subnet: uint32(rapid.IntRange(1, 2).Draw(t, "subnet")), State: lease.State(rapid.IntRange(0, 3).Draw(t, "state")),
		Start: m.now.Add(time.Duration(rapid.IntRange(-7200, 0).Draw(t, "start")) * time.Second),
		Valid: time.Duration(rapid.IntRange(1, 7200).Draw(t, "valid")) * time.Second, Hostname: rapid.SampledFrom([]string{"", "host"}).Draw(t, "name"),
	}
	when := lease.Condition(rapid.IntRange(0, 2).Draw(t, "when"))
	was, there := m.leases[res]
	want := leasetest.Clone(&l)
	want.Pool = 0
	for _, pool := range m.pools {
		if pool.Contains(res) && pool.Subnet == l.Subnet {
			want.Pool = pool.ID
		}
	}
	if there && p.owns(&was) {
		want.UserContext = was.UserContext
	}
	created, seq, err := m.table.Put(&l, when)
	switch {
	case there && when == lease.Absent:
		if !errors.Is(err, lease.ErrExists) {
			t.Fatalf("put on a lease: %v", err)
		}
		return
	case !there && when == lease.Present:
		if !errors.Is(err, lease.ErrUnknown) {
			t.Fatalf("put in place of nothing: %v", err)
		}
		return
	case err != nil || created == there || seq == 0:
		t.Fatalf("put: created %v, %d, %v", created, seq, err)
	}
	m.leases[res] = want
	delete(m.offers, res)
	if rapid.Bool().Draw(t, "commit") {
		m.commit(t, seq)
	}
}

func (m *model) remove(t *rapid.T) {
	res := addr(rapid.IntRange(0, 16).Draw(t, "what"))
	seq, err := m.table.Delete(res)
	if _, there := m.leases[res]; !there {
		if !errors.Is(err, lease.ErrUnknown) {
			t.Fatalf("deleted nothing: %v", err)
		}
		return
	}
	if err != nil || seq == 0 {
		t.Fatalf("delete: %d, %v", seq, err)
	}
	delete(m.leases, res)
}

func (m *model) reclaim(t *rapid.T) {
	remove := rapid.Bool().Draw(t, "remove")
	want := 0
	for res, l := range m.leases {
		if (l.State == lease.Leased || l.State == lease.Declined) && m.ended(&l) {
			want++
			if l.State = lease.Reclaimed; remove {
				delete(m.leases, res)
			} else {
				m.leases[res] = l
			}
		}
	}
	if n, _, err := m.table.Reclaim(t.Context(), m.now, remove); err != nil || n != want {
		t.Fatalf("reclaimed %d, not %d: %v", n, want, err)
	}
}

// walk compares what the walks show with what the model has, in order.
func (m *model) walk(t *rapid.T) {
	var want []lease.Lease
	for _, l := range m.leases {
		want = append(want, l)
	}
	slices.SortFunc(want, func(a, b lease.Lease) int { return a.Resource.Prefix.Addr().Compare(b.Resource.Prefix.Addr()) })
	same := func(got []lease.Lease) {
		if len(got) != len(want) {
			t.Fatalf("%d leases, not %d", len(got), len(want))
		}
		for i := range got {
			if leasetest.Text(&got[i]) != leasetest.Text(&want[i]) {
				t.Fatalf("lease %d is\n%s, not\n%s", i, leasetest.Text(&got[i]), leasetest.Text(&want[i]))
			}
		}
	}
	if n := m.table.Len(); n != len(want) {
		t.Fatalf("%d leases, not %d", n, len(want))
	}
	var got []lease.Lease
	all := func(*lease.Lease) bool { return true }
	if err := m.table.Walk(t.Context(), 0, all, func(l *lease.Lease) bool { got = append(got, *l); return true }); err != nil {
		t.Fatalf("walk: %v", err)
	}
	same(got)
	got = nil
	n := rapid.IntRange(1, 5).Draw(t, "page")
	for from := (netip.Addr{}); ; {
		page, err := m.table.Page(t.Context(), from, n)
		if err != nil {
			t.Fatalf("page: %v", err)
		}
		got = append(got, page...)
		if len(page) < n {
			break
		}
		from = page[len(page)-1].Resource.Prefix.Addr()
	}
	same(got)
}

// TestOperatorModel runs an operator's changes among those of clients, restarts
// and reloads beside a plain map: table, indexes, counts and journal agree after
// each.
func TestOperatorModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			store: new(leasetest.Memory), now: time.Unix(1_700_000_000, 0),
			pools:   []*lease.Pool{newPool(t, 1, 1, 4), newPool(t, 2, 5, 8)},
			leases:  make(map[lease.Resource]lease.Lease),
			durable: make(map[lease.Resource]lease.Lease),
		}
		m.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"offer":   m.offer,
			"grant":   m.grant,
			"release": func(t *rapid.T) { m.end(t, lease.Released) },
			"decline": func(t *rapid.T) { m.end(t, lease.Declined) },
			"put":     m.put,
			"replace": m.put,
			"delete":  m.remove,
			"reclaim": m.reclaim,
			"walk":    m.walk,
			"expire":  func(t *rapid.T) { m.table.Expire(m.now, rapid.IntRange(0, 3).Draw(t, "limit")) },
			"tick":    func(t *rapid.T) { m.step(rapid.IntRange(0, 20).Draw(t, "s")) },
			"hours":   func(t *rapid.T) { m.step(rapid.IntRange(0, 7200).Draw(t, "s")) },
			"restart": func(t *rapid.T) {
				if err := m.table.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				m.store = m.store.PowerCut()
				m.leases = m.store.Replay()
				m.durable = m.store.Replay()
				m.open(t)
			},
			"reload": func(t *rapid.T) {
				cut := byte(rapid.IntRange(1, 4).Draw(t, "cut"))
				m.pools = []*lease.Pool{newPool(t, 1, 1, cut), newPool(t, 2, 5, 8)}
				m.table.Adopt(m.pools)
			},
			"": func(t *rapid.T) {
				m.reconcile(t)
				lease.Check(t, m.table)
			},
		})
	})
}

// TestPutKeepsOurs: what we know of a client and no operator's command can say stays
// while the lease is that client's, and goes with it.
func TestPutKeepsOurs(t *testing.T) {
	tests := []struct {
		name, had, ctx, want string
		other                bool
	}{
		{name: "nothing there", ctx: `{"a":1}`, want: `{"a":1}`},
		{name: "source kept", had: `{"dhcp4o6":{"source":"fe80::1"}}`, want: `{"dhcp4o6":{"source":"fe80::1"}}`},
		{name: "source put in front", had: `{"x":1,"dhcp4o6":{"source":"fe80::1"}}`, ctx: `{ "a": 1 }`, want: `{"dhcp4o6":{"source":"fe80::1"},"a": 1 }`},
		{name: "source given", had: `{"dhcp4o6":{"source":"fe80::1"}}`, ctx: `{"dhcp4o6":{}}`, want: `{"dhcp4o6":{}}`},
		{name: "emptied", had: `{"dhcp4o6":{"source":"fe80::1"}}`, ctx: `{}`, want: `{"dhcp4o6":{"source":"fe80::1"}}`},
		{name: "another client", had: `{"dhcp4o6":{"source":"fe80::1"}}`, ctx: `{"a":1}`, want: `{"a":1}`, other: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := lease.NewTable(new(leasetest.Memory), lease.TableOptions{})
			l := lease.Lease{Resource: addr(1), Subnet: 1, HWAddr: []byte{2, 0, 0, 0, 0, 1}, HWType: 6, Start: time.Now(), Valid: time.Hour, UserContext: []byte(tt.had)}
			if _, _, err := table.Put(&l, lease.Absent); err != nil {
				t.Fatal(err)
			}
			l.UserContext, l.HWType = []byte(tt.ctx), 1
			wantType := uint16(6)
			if tt.other {
				l.HWAddr, wantType = []byte{2, 0, 0, 0, 0, 2}, 1
			}
			if _, _, err := table.Put(&l, lease.Present); err != nil {
				t.Fatal(err)
			}
			if got, _ := table.ByResource(addr(1)); string(got.UserContext) != tt.want || got.HWType != wantType {
				t.Fatalf("context %s, type %d; want %s, %d", got.UserContext, got.HWType, tt.want, wantType)
			}
		})
	}
}

// TestPageNeverPartsAnAddress: the port sets of one address come together, or a
// reader that asks on behind the address would lose some.
func TestPageNeverPartsAnAddress(t *testing.T) {
	table := lease.NewTable(new(leasetest.Memory), lease.TableOptions{})
	for a := range 3 {
		for id := range uint16(4) {
			res := addr(a + 1)
			res.Ports.Len, res.Ports.ID = 2, id
			l := lease.Lease{Resource: res, Subnet: 1, HWAddr: []byte{2, 0, 0, 0, byte(a), byte(id)}, Start: time.Now(), Valid: time.Hour}
			if _, _, err := table.Put(&l, lease.Absent); err != nil {
				t.Fatal(err)
			}
		}
	}
	for limit, want := range map[int]int{1: 4, 4: 4, 5: 8, 11: 12, 12: 12, 50: 12} {
		if page, err := table.Page(context.Background(), netip.Addr{}, limit); err != nil || len(page) != want {
			t.Errorf("limit %d: %d leases, want %d (%v)", limit, len(page), want, err)
		}
	}
}

// TestPagesAmongChanges: what is there all the time stands in the pages once, in order,
// whatever comes and goes meanwhile, and what came last is in the next page.
func TestPagesAmongChanges(t *testing.T) {
	table := lease.NewTable(new(lease.Volatile), lease.TableOptions{})
	res := func(i int) lease.Resource {
		return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)}
	}
	put := func(i int) {
		l := lease.Lease{Resource: res(i), Subnet: 1, HWAddr: []byte{2, 0, byte(i >> 8), byte(i)}, Start: time.Now(), Valid: time.Hour}
		if _, _, err := table.Put(&l, lease.Always); err != nil {
			t.Fatal(err)
		}
	}
	const n = 20_000
	for i := range n {
		put(2 * i) // the even ones stay
	}
	for _, busy := range []int{0, 1, 500} {
		seen, last, from := 0, -1, netip.Addr{}
		for turn := 0; ; turn++ {
			for i := range busy {
				odd := (turn*7919+i*104729)%n | 1
				put(odd)
				if turn%2 == 1 {
					table.Delete(res(odd))
				}
			}
			fresh := last + 2 - last%2 // just behind the page before
			if busy > 0 && last >= 0 {
				put(fresh | 1)
			}
			page, err := table.Page(t.Context(), from, 1000)
			if err != nil {
				t.Fatal(err)
			}
			there := false
			for i := range page {
				a := page[i].Resource.Prefix.Addr().As4()
				at := int(a[2])<<8 | int(a[3])
				if at <= last {
					t.Fatalf("%d behind %d", at, last)
				}
				last = at
				there = there || at == fresh|1
				if at%2 == 0 {
					seen++
				}
			}
			if busy > 0 && turn > 0 && len(page) == 1000 && !there {
				t.Fatalf("turn %d: %d is missing, which came just before", turn, fresh|1)
			}
			if len(page) < 1000 {
				break
			}
			from = page[len(page)-1].Resource.Prefix.Addr()
		}
		if seen != n {
			t.Errorf("%d changes before each page: %d of %d seen", busy, seen, n)
		}
	}
}

// TestWalkIsBounded: more than the limit is an error before anything is shown, and an
// end of the context ends the walk.
func TestWalkIsBounded(t *testing.T) {
	table := lease.NewTable(new(leasetest.Memory), lease.TableOptions{})
	for i := range 10 {
		l := lease.Lease{Resource: addr(i), Subnet: 1, HWAddr: []byte{2, 0, 0, 0, 0, byte(i)}, Start: time.Now(), Valid: time.Hour}
		if _, _, err := table.Put(&l, lease.Absent); err != nil {
			t.Fatal(err)
		}
	}
	all := func(*lease.Lease) bool { return true }
	n := 0
	count := func(*lease.Lease) bool { n++; return n < 3 }
	if err := table.Walk(context.Background(), 9, all, count); !errors.Is(err, lease.ErrMany) || n != 0 {
		t.Errorf("10 leases, limit 9: %v after %d", err, n)
	}
	if err := table.Walk(context.Background(), 10, all, count); err != nil || n != 3 {
		t.Errorf("10 leases, stopped at the third: %v after %d", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := table.Walk(ctx, 0, all, count); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	if _, err := table.Page(ctx, netip.Addr{}, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}

// TestOperatorAmongPackets has operators and clients at one table at the same time; it
// is whole after it, and the journal says what it says.
func TestOperatorAmongPackets(t *testing.T) {
	store := new(leasetest.Memory)
	table := lease.NewTable(store, lease.TableOptions{})
	pool, err := lease.NewPool(lease.V4, 1, 1, netip.MustParseAddr("192.0.2.0"), netip.MustParseAddr("192.0.2.63"), 32)
	if err != nil {
		t.Fatal(err)
	}
	pools := []*lease.Pool{pool}
	table.Adopt(pools)
	var w sync.WaitGroup
	begin := time.Now()
	for n := range 4 {
		w.Go(func() {
			for i := 0; i < 3000; i++ {
				hw := []byte{2, 0, 0, 0, 0, byte(rand.IntN(20))}
				res := addr(rand.IntN(64))
				now := begin.Add(time.Duration(i) * 10 * time.Millisecond)
				who := lease.Identity{Kind: lease.ByHWAddr, HWType: 1, ID: hw}
				r := &lease.Request{
					Lease: lease.Lease{HWAddr: hw, HWType: 1, Subnet: 1, Valid: 5 * time.Second}, Lookup: []lease.Identity{who}, Pools: pools, Now: now,
				}
				switch (n + i) % 10 {
				case 0, 1:
					table.Offer(r)
				case 2, 3, 4:
					if _, seq, err := table.Grant(r); err == nil {
						table.Commit(seq)
					}
				case 5:
					table.Release(res, now, who)
				case 6:
					table.Put(&lease.Lease{Resource: res, HWAddr: hw, HWType: 1, Subnet: 1, Start: now, Valid: 5 * time.Second, State: lease.State(i % 4)}, lease.Always)
				case 7:
					table.Delete(res)
				case 8:
					table.Reclaim(t.Context(), now, i%3 == 0)
					table.Expire(now, 0)
				case 9:
					table.Page(t.Context(), res.Prefix.Addr(), 5)
					table.Walk(t.Context(), 0, func(l *lease.Lease) bool { return l.State == lease.Leased }, func(*lease.Lease) bool { return true })
				}
			}
		})
	}
	w.Wait()
	lease.Check(t, table)
	var all []lease.Lease
	for l := range table.All() {
		all = append(all, leasetest.Clone(l))
	}
	leasetest.Same(t, store.Replay(), all)
}
