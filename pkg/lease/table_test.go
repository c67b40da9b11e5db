package lease

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var t0 = time.Unix(1_700_000_000, 0)

func pool4(t testing.TB, from, to string) *Pool {
	t.Helper()
	p, err := NewPool(V4, 1, 1, netip.MustParseAddr(from), netip.MustParseAddr(to), 32)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newTable(t testing.TB, s Store, o TableOptions, pools ...*Pool) *Table {
	t.Helper()
	tab := NewTable(s, o)
	if _, err := tab.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	tab.Adopt(pools)
	return tab
}

// ask is client n's request: client identifier and hardware address made of n.
func ask(n int, now time.Time, pools ...*Pool) *Request {
	r := &Request{Pools: pools, Now: now}
	id := binary.BigEndian.AppendUint32([]byte{0xff}, uint32(n))
	hw := binary.BigEndian.AppendUint32([]byte{2, 0}, uint32(n))
	r.Lease = Lease{ClientID: id, HWAddr: hw, HWType: 1, Subnet: 1, Valid: time.Hour}
	r.Lookup = []Identity{{Kind: ByClientID, ID: id}, {Kind: ByHWAddr, HWType: 1, ID: hw}}
	return r
}

func addr4(s string) Resource {
	return Resource{Kind: V4, Prefix: netip.PrefixFrom(netip.MustParseAddr(s), 32)}
}

func mustGrant(t testing.TB, tab *Table, r *Request) Resource {
	t.Helper()
	l, seq, err := tab.Grant(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Commit(seq); err != nil {
		t.Fatal(err)
	}
	return l.Resource
}

func mustOffer(t testing.TB, tab *Table, r *Request) Resource {
	t.Helper()
	l, _, err := tab.Offer(r)
	if err != nil {
		t.Fatal(err)
	}
	return l.Resource
}

func TestOfferThenGrant(t *testing.T) {
	p := pool4(t, "192.0.2.10", "192.0.2.20")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	first := mustOffer(t, tab, ask(1, t0, p))
	if again := mustOffer(t, tab, ask(1, t0.Add(3*time.Second), p)); again != first {
		t.Errorf("a retransmitted DISCOVER got %v, not %v", again, first)
	}
	if other := mustOffer(t, tab, ask(2, t0, p)); other == first {
		t.Error("two clients were offered one address")
	}
	r := ask(1, t0.Add(4*time.Second), p)
	r.Hint, r.Must = first, true
	if got := mustGrant(t, tab, r); got != first {
		t.Errorf("granted %v, offered %v", got, first)
	}
	if s := p.Stats(); s.Assigned != 1 || s.Offers != 1 || s.Cumulative != 1 {
		t.Errorf("stats: %+v", s)
	}
	if p.Free() != 9 {
		t.Errorf("%d are free, want 9", p.Free())
	}
}

func TestGrantRefusesAnothersAddress(t *testing.T) {
	p := pool4(t, "192.0.2.10", "192.0.2.20")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	mine := mustGrant(t, tab, ask(1, t0, p))
	r := ask(2, t0, p)
	r.Hint, r.Must = mine, true
	if _, _, err := tab.Grant(r); !errors.Is(err, ErrOwner) {
		t.Errorf("got %v, want ErrOwner", err)
	}
	r.Hint = addr4("192.0.2.1") // in the subnet, outside of every pool
	if _, _, err := tab.Grant(r); !errors.Is(err, ErrNone) {
		t.Errorf("got %v, want ErrNone", err)
	}
	r.Fixed = true // unless it is reserved for the client
	if got := mustGrant(t, tab, r); got != r.Hint {
		t.Errorf("reservation: got %v", got)
	}
}

func ExampleTable() {
	pool, _ := NewPool(V4, 1, 1, netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.99"), 32)
	tab := NewTable(new(Volatile), TableOptions{})
	if _, err := tab.Load(context.Background()); err != nil {
		fmt.Println(err)
	}
	tab.Adopt([]*Pool{pool})
	id := []byte{1, 2, 0, 0, 0, 0, 10}
	l, seq, err := tab.Grant(&Request{
		Lease:  Lease{ClientID: id, Subnet: 1, Valid: time.Hour},
		Lookup: []Identity{{Kind: ByClientID, ID: id}},
		Pools:  []*Pool{pool},
		Now:    time.Now(),
	})
	if err == nil {
		err = tab.Commit(seq) // the reply may leave after this
	}
	fmt.Println(l.Resource.Prefix, err)
	// Output: 192.0.2.10/32 <nil>
}
