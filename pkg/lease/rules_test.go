package lease

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func v4(id, hw string, p *Pool) *Request {
	r := &Request{Now: t0, Pools: []*Pool{p}}
	r.Lease = Lease{Subnet: 1, Valid: time.Hour, HWType: 1}
	if id != "" {
		r.Lease.ClientID = []byte(id)
		r.Lookup = append(r.Lookup, Identity{Kind: ByClientID, ID: []byte(id)})
	}
	if hw != "" {
		r.Lease.HWAddr = []byte(hw)
		r.Lookup = append(r.Lookup, Identity{Kind: ByHWAddr, HWType: 1, ID: []byte(hw)})
	}
	return r
}

// Who has a lease is found by client identifier, and by hardware address where one side has no
// identifier (RFC 2131 §2, RFC 6842 and Kea's rule).
func TestIdentity(t *testing.T) {
	tests := []struct {
		name          string
		holder, asker [2]string // client identifier, hardware address
		same          bool
	}{
		{"the same in both", [2]string{"A", "h1"}, [2]string{"A", "h1"}, true},
		{"another interface of the same client", [2]string{"A", "h1"}, [2]string{"A", "h2"}, true},
		{"another client behind the same address", [2]string{"A", "h1"}, [2]string{"B", "h1"}, false},
		{"the boot loader named no identifier", [2]string{"", "h1"}, [2]string{"A", "h1"}, true},
		{"the system named one, the boot loader does not", [2]string{"A", "h1"}, [2]string{"", "h1"}, true},
		{"identifier alone", [2]string{"A", ""}, [2]string{"A", ""}, true},
		{"nothing in common", [2]string{"A", "h1"}, [2]string{"", "h2"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := pool4(t, "192.0.2.1", "192.0.2.9")
			tab := newTable(t, new(Volatile), TableOptions{}, p)
			first := mustGrant(t, tab, v4(test.holder[0], test.holder[1], p))
			second := mustGrant(t, tab, v4(test.asker[0], test.asker[1], p))
			if (first == second) != test.same {
				t.Errorf("first %v, then %v", first, second)
			}
			by := v4(test.asker[0], test.asker[1], p).Lookup
			if _, err := tab.Release(first, t0, by...); (err == nil) != test.same {
				t.Errorf("release: %v", err)
			}
			check(t, tab)
		})
	}
}

// A client has leases in subnets that have nothing to do with each other.
func TestSubnetSets(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.9")
	q, err := NewPool(V4, 2, 1, netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.9"), 32)
	if err != nil {
		t.Fatal(err)
	}
	tab := newTable(t, new(Volatile), TableOptions{}, p, q)
	here := mustGrant(t, tab, v4("A", "h", p))
	away := v4("A", "h", q)
	away.Lease.Subnet = 2
	there := mustGrant(t, tab, away)
	if here == there {
		t.Errorf("%v in both subnets", here)
	}
	if again := mustGrant(t, tab, v4("A", "h", p)); again != here {
		t.Errorf("renewed %v, had %v", again, here)
	}
	if n := len(tab.ByIdentity(Identity{Kind: ByClientID, ID: []byte("A")})); n != 2 {
		t.Errorf("%d leases, want 2", n)
	}
	if n := len(tab.ByIdentity(Identity{Kind: ByHWAddr, ID: []byte("h")})); n != 2 {
		t.Errorf("%d leases by hardware address, want 2", n)
	}
	check(t, tab)
}

// TestSubnetNumber: who has an address keeps it when the subnet has another number in the
// next configuration, by renewal and by a new offer, and is counted where the address is now.
func TestSubnetNumber(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.9")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	first, second := mustGrant(t, tab, v4("A", "a", p)), mustGrant(t, tab, v4("B", "b", p))
	q, err := NewPool(V4, 7, 1, p.First, p.Last, 32)
	if err != nil {
		t.Fatal(err)
	}
	tab.Adopt([]*Pool{q})
	for client, want := range map[string]Resource{"A": first, "B": second} {
		r := v4(client, strings.ToLower(client), q)
		r.Lease.Subnet = 7
		if client == "A" {
			r.Hint, r.Must = first, true
		} else if l, _, err := tab.Offer(r); err != nil || l.Resource != second {
			t.Errorf("offered %v: %v", l.Resource, err)
		}
		if got := mustGrant(t, tab, r); got != want {
			t.Errorf("granted %v, had %v", got, want)
		}
		if l, _ := tab.ByResource(want); l.Subnet != 7 {
			t.Errorf("%v is of subnet %d", want, l.Subnet)
		}
	}
	if was, is := tab.SubnetStats(1, V4).Assigned, tab.SubnetStats(7, V4).Assigned; was != 0 || is != 2 {
		t.Errorf("%d and %d leases", was, is)
	}
	check(t, tab)
}

// TestNothingRemembered: without a time for history a lease that is given back, or ends as its client
// gets another one, is gone at once.
func TestNothingRemembered(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.9")
	tab := newTable(t, new(Volatile), TableOptions{HoldReclaimed: -1}, p)
	first := mustGrant(t, tab, v4("A", "a", p))
	r := v4("A", "a", p)
	r.Hint, r.Must = addr4("192.0.2.5"), true
	second := mustGrant(t, tab, r)
	if _, err := tab.Release(second, t0, r.Lookup...); err != nil {
		t.Fatal(err)
	}
	for _, res := range []Resource{first, second} {
		if l, ok := tab.ByResource(res); ok {
			t.Errorf("%v is in state %d", res, l.State)
		}
	}
	if st := tab.SubnetStats(1, V4); st.Assigned != 0 || p.Free() != p.Size() {
		t.Errorf("%+v, %d free", st, p.Free())
	}
	check(t, tab)
}

// A lease that may not be kept ends when the client is given another one.
func TestWithin(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.9")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	old := mustGrant(t, tab, v4("A", "h", p))
	r := v4("A", "h", p)
	r.Within = func(res Resource, _ uint32) bool { return res != old }
	l, _, err := tab.Offer(r)
	if err != nil || l.Resource == old {
		t.Fatalf("offered %v, %v", l.Resource, err)
	}
	if had, _ := tab.ByResource(old); had.State != Leased {
		t.Error("an offer ended a lease")
	}
	r.Hint, r.Must = l.Resource, true
	if got := mustGrant(t, tab, r); got != l.Resource {
		t.Errorf("granted %v", got)
	}
	if had, _ := tab.ByResource(old); had.State != Released {
		t.Errorf("the old lease is in state %d", had.State)
	}
	check(t, tab)
}

// What is reserved for one is given to nobody else: not by search, not by hint, not to the one who has it.
func TestReserved(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.2")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	kept := addr4("192.0.2.1")
	reserved := func(r Resource) bool { return r == kept }
	squatter := mustGrant(t, tab, v4("S", "s", p))
	if squatter != kept {
		t.Fatal(squatter)
	}
	host := v4("H", "h", p)
	host.Hint, host.Fixed, host.Must = kept, true, true
	if _, _, err := tab.Grant(host); !errors.Is(err, ErrOwner) {
		t.Errorf("a reservation that somebody holds: %v", err)
	}
	r := v4("S", "s", p)
	r.Reserved = reserved
	if got := mustGrant(t, tab, r); got == kept {
		t.Error("the squatter renewed what is reserved")
	}
	r = v4("X", "x", p)
	r.Reserved, r.Hint = reserved, kept
	if l, _, err := tab.Grant(r); !errors.Is(err, ErrNone) {
		t.Errorf("given to a stranger: %v, %v", l.Resource, err)
	}
	if got := mustGrant(t, tab, host); got != kept {
		t.Errorf("the host got %v", got)
	}
	check(t, tab)
}

func TestOldestOfferGivesWay(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.3")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	var first Resource
	for n := range 3 {
		res := mustOffer(t, tab, ask(n, t0.Add(time.Duration(n)*time.Second), p))
		if n == 1 {
			first = res
		}
	}
	mustOffer(t, tab, ask(0, t0.Add(4*time.Second), p)) // renewed: now client 1 has the oldest
	if got := mustOffer(t, tab, ask(9, t0.Add(5*time.Second), p)); got != first {
		t.Errorf("client 9 was offered %v, the oldest is %v", got, first)
	}
	r := ask(1, t0.Add(5*time.Second), p)
	r.Hint, r.Must = first, true
	if _, _, err := tab.Grant(r); !errors.Is(err, ErrOwner) {
		t.Errorf("the one who gave way: %v", err)
	}
	check(t, tab)
	if got := p.Stats().Offers; got != 3 {
		t.Errorf("%d offers", got)
	}
}

func TestOffersPerSource(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.99")
	tab := newTable(t, new(Volatile), TableOptions{MaxOffersPerSource: 5}, p)
	from := func(source uint64, n int, at time.Duration) error {
		r := ask(n, t0.Add(at), p)
		r.Source = source
		_, _, err := tab.Offer(r)
		return err
	}
	for n := range 5 {
		if err := from(1, n, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := from(1, 3, time.Second); err != nil {
		t.Errorf("a retransmission: %v", err)
	}
	if err := from(1, 5, time.Second); !errors.Is(err, ErrLimit) {
		t.Errorf("the sixth: %v", err)
	}
	if err := from(2, 6, time.Second); err != nil {
		t.Errorf("another source: %v", err)
	}
	if err := from(1, 5, 12*time.Second); err != nil {
		t.Errorf("after the others lapsed: %v", err)
	}
	check(t, tab)
}

func TestAdopt(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.9")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	for n := range 9 {
		mustGrant(t, tab, ask(n, t0, p))
	}
	small, same := pool4(t, "192.0.2.1", "192.0.2.4"), pool4(t, "192.0.2.1", "192.0.2.9")
	if n := tab.Adopt([]*Pool{small}); n != 5 {
		t.Errorf("%d leases lie outside, want 5", n)
	}
	if small.Free() != 0 || small.Stats().Assigned != 4 {
		t.Errorf("free %d, stats %+v", small.Free(), small.Stats())
	}
	if _, _, err := tab.Grant(ask(10, t0, p)); !errors.Is(err, ErrStale) {
		t.Errorf("a pool of before: %v", err)
	}
	if _, _, err := tab.Grant(ask(8, t0, p)); !errors.Is(err, ErrStale) {
		t.Errorf("a lease outside, by the old configuration: %v", err)
	}
	if n := tab.Adopt([]*Pool{same}); n != 0 {
		t.Errorf("%d leases lie outside", n)
	}
	r := ask(3, t0.Add(time.Minute), p) // the old pool's object, the same range
	before, _ := tab.ByResource(addr4("192.0.2.4"))
	if got := mustGrant(t, tab, r); got != before.Resource {
		t.Errorf("renewed %v, had %v", got, before.Resource)
	}
	if st := same.Stats(); st.Assigned != 9 {
		t.Errorf("stats %+v", st)
	}
	check(t, tab)
}

func TestShape(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.9")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	r := ask(1, t0, p)
	r.Lease.Subnet = 7 // of a network that has subnet 1 too
	r.Shape = func(l *Lease) {
		if l.Subnet == 1 && l.Pool == 1 {
			l.Valid, l.Hostname = 2*time.Hour, "h-"+l.Resource.Prefix.Addr().String()
		}
	}
	mustGrant(t, tab, r)
	got, _ := tab.ByResource(addr4("192.0.2.1"))
	if got.Valid != 2*time.Hour || got.Hostname != "h-192.0.2.1" || got.Subnet != 1 {
		t.Errorf("%+v", got)
	}
}

func v6(duid string, iaid uint32, k Kind, p *Pool) *Request {
	r := &Request{Now: t0, Pools: []*Pool{p}}
	r.Lease = Lease{Resource: Resource{Kind: k}, DUID: []byte(duid), IAID: iaid, Subnet: 1, Valid: time.Hour, Preferred: time.Hour / 2}
	r.Lookup = []Identity{{Kind: ByDUID, For: k, IAID: iaid, ID: []byte(duid)}}
	return r
}

// An IA is DUID, IAID and kind; pools may be larger than anything one could list.
func TestIdentityAssociations(t *testing.T) {
	na, err := NewPool(NA, 1, 1, netip.MustParseAddr("2001:db8::"), netip.MustParseAddr("2001:db8::ffff:ffff:ffff:ffff"), 128)
	if err != nil {
		t.Fatal(err)
	}
	pd, err := NewPool(PD, 1, 2, netip.MustParseAddr("2001:db8:8000::"), netip.MustParseAddr("2001:db8:ffff::"), 56)
	if err != nil {
		t.Fatal(err)
	}
	tab := newTable(t, new(Volatile), TableOptions{}, na, pd)
	got := map[Resource]bool{}
	for _, r := range []*Request{v6("d", 1, NA, na), v6("d", 2, NA, na), v6("e", 1, NA, na), v6("d", 1, PD, pd), v6("d", 2, PD, pd)} {
		first := mustGrant(t, tab, r)
		if got[first] {
			t.Errorf("%v twice", first)
		}
		got[first] = true
		r.Now = t0.Add(time.Minute)
		if again := mustGrant(t, tab, r); again != first {
			t.Errorf("renewed %v, had %v", again, first)
		}
	}
	if pd.Size() != 0x7fff<<8+1 || na.Size() != 1<<62 {
		t.Errorf("sizes %d, %d", pd.Size(), na.Size())
	}
	far := v6("f", 1, NA, na)
	far.Hint = Resource{Kind: NA, Prefix: netip.MustParsePrefix("2001:db8::1234:5678:9abc:def0/128")}
	if res := mustGrant(t, tab, far); res != far.Hint {
		t.Errorf("hint %v, got %v", far.Hint, res)
	}
	wrong := v6("g", 1, NA, na)
	wrong.Hint, wrong.Must = Resource{Kind: PD, Prefix: netip.MustParsePrefix("2001:db8:9000::/56")}, true
	if _, _, err := tab.Grant(wrong); !errors.Is(err, ErrNone) {
		t.Errorf("a prefix for an address: %v", err)
	}
	check(t, tab)
}

func TestNewPoolRefuses(t *testing.T) {
	tests := []struct {
		name        string
		kind        Kind
		first, last string
		len         uint8
	}{
		{"IPv6 in a v4 pool", V4, "2001:db8::1", "2001:db8::2", 32},
		{"IPv4 in a v6 pool", NA, "192.0.2.1", "192.0.2.2", 128},
		{"ends before it begins", V4, "192.0.2.2", "192.0.2.1", 32},
		{"mixed families", V4, "192.0.2.2", "2001:db8::1", 32},
		{"a v4 prefix", V4, "192.0.2.0", "192.0.2.9", 24},
		{"length 0", PD, "2001:db8::", "2001:db9::", 0},
		{"length 129", PD, "2001:db8::", "2001:db9::", 129},
		{"unknown kind", 9, "2001:db8::", "2001:db9::", 64},
	}
	for _, test := range tests {
		_, err := NewPool(test.kind, 1, 1, netip.MustParseAddr(test.first), netip.MustParseAddr(test.last), test.len)
		if !errors.Is(err, ErrPool) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, err := NewPool(V4, 1, 1, netip.Addr{}, netip.Addr{}, 32); !errors.Is(err, ErrPool) {
		t.Errorf("no addresses: %v", err)
	}
}

// The allocator goes on after the last one given, as Kea's does, and comes around.
func TestIterative(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.3")
	tab := newTable(t, new(Volatile), TableOptions{HoldReclaimed: -1}, p)
	for n, want := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"} {
		r := ask(n, t0, p)
		got := mustGrant(t, tab, r)
		if got != addr4(want) {
			t.Errorf("client %d got %v, want %s", n, got, want)
		}
		if _, err := tab.Release(got, t0, r.Lookup...); err != nil {
			t.Fatal(err)
		}
	}
}

// The lease on an offer is the offer's record grown up: what has counted and
// found the offer lets go of it, and nothing of the lease is left out.
func TestOfferBecomesLease(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.2")
	tab := newTable(t, new(Volatile), TableOptions{MaxOffersPerSource: 1}, p)
	for n, hw := range []string{"\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x02"} {
		r := v4("", hw, p)
		r.Source = 7
		res := mustOffer(t, tab, r)
		r = v4("id"+hw, hw, p) // it names itself only now
		r.Source, r.Hint, r.Must = 7, res, true
		r.Lease.Hostname = "host"
		mustGrant(t, tab, r)
		l, ok := tab.ByResource(res)
		if !ok || l.State != Leased || string(l.ClientID) != "id"+hw || l.Hostname != "host" || l.Subnet != 1 {
			t.Errorf("client %d: %+v", n, l)
		}
		if all := tab.ByIdentity(Identity{Kind: ByClientID, ID: []byte("id" + hw)}); len(all) != 1 {
			t.Errorf("client %d: %d leases under its identifier", n, len(all))
		}
	}
	if st := p.Stats(); st.Offers != 0 || st.Assigned != 2 || st.Cumulative != 2 {
		t.Errorf("pool: %+v", st)
	}
	if n := p.offers.len(); n != 0 {
		t.Errorf("%d of them are still in the queue of offers", n)
	}
	if n := tab.Expire(t0.Add(time.Minute), 0); n != 0 {
		t.Errorf("%d offers or leases ended with their offers' time", n)
	}
	check(t, tab)
}

// An offer ends in time though a reload has taken its pool away.
func TestOfferOutlivesItsPool(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.9")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	mustOffer(t, tab, ask(1, t0, p))
	tab.Adopt(nil)
	if n := tab.Expire(t0.Add(time.Minute), 0); n != 1 {
		t.Errorf("%d offers ended", n)
	}
	check(t, tab)
}

// A kept address is given to who asks for it and found by no search, however it was held
// in between, and over a reload.
func TestKeep(t *testing.T) {
	pool := func() *Pool {
		p := pool4(t, "192.0.2.1", "192.0.2.2")
		p.Keep(addr4("192.0.2.1"))
		p.Keep(addr4("192.0.2.9")) // not of the pool
		return p
	}
	p := pool()
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	const own, other, third = "\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x02", "\x02\x00\x00\x00\x00\x03"
	for range 2 {
		if p.Free() != 1 {
			t.Errorf("%d free", p.Free())
		}
		r := v4("", own, p)
		r.Hint, r.Must, r.Fixed = addr4("192.0.2.1"), true, true
		mustOffer(t, tab, r)
		mustGrant(t, tab, r)
		if _, err := tab.Release(addr4("192.0.2.1"), t0, Identity{Kind: ByHWAddr, ID: []byte(own)}); err != nil {
			t.Fatal(err)
		}
		if got := mustGrant(t, tab, v4("", other, p)); got != addr4("192.0.2.2") {
			t.Errorf("another client was given %v", got)
		}
		if _, _, err := tab.Offer(v4("", third, p)); !errors.Is(err, ErrNone) {
			t.Errorf("a third client: %v", err)
		}
		check(t, tab)
		if _, err := tab.Release(addr4("192.0.2.2"), t0, Identity{Kind: ByHWAddr, ID: []byte(other)}); err != nil {
			t.Fatal(err)
		}
		p = pool()
		tab.Adopt([]*Pool{p})
	}
}
