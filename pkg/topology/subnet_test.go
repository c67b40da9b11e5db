package topology

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

func pool(t testing.TB, k lease.Kind, first, last string, n uint8) *Pool {
	t.Helper()
	p, err := lease.NewPool(k, 1, 1, addr(first), addr(last), n)
	if err != nil {
		t.Fatal(err)
	}
	return &Pool{Lease: p}
}

func TestPoolOf(t *testing.T) {
	s := &Subnet{Prefix: pfx("2001:db8::/32"), Pools: []*Pool{
		pool(t, lease.NA, "2001:db8::20", "2001:db8::2f", 128),
		pool(t, lease.NA, "2001:db8::10", "2001:db8::1f", 128),
		pool(t, lease.PD, "2001:db8::10", "2001:db8:0:f::", 64),
		pool(t, lease.NA, "2001:db8::31", "2001:db8::31", 128),
	}}
	s.freeze()
	tests := []struct {
		kind lease.Kind
		addr string
		want int // index, -1: none
	}{
		{lease.NA, "2001:db8::f", -1},
		{lease.NA, "2001:db8::10", 1},
		{lease.NA, "2001:db8::1f", 1},
		{lease.NA, "2001:db8::20", 0},
		{lease.NA, "2001:db8::2f", 0},
		{lease.NA, "2001:db8::30", -1},
		{lease.NA, "2001:db8::31", 3},
		{lease.NA, "2001:db8::32", -1},
		{lease.PD, "2001:db8::10", 2},
		{lease.PD, "2001:db8::31", 2},
		{lease.PD, "2001:db8:1::", -1},
		{lease.V4, "2001:db8::10", -1},
	}
	for _, tt := range tests {
		var want *Pool
		if tt.want >= 0 {
			want = s.Pools[tt.want]
		}
		if got := s.PoolOf(tt.kind, addr(tt.addr)); got != want {
			t.Errorf("%v %s: got %v, want pool %d", tt.kind, tt.addr, got, tt.want)
		}
	}
}

func TestPoolOfIsAScan(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := &Subnet{}
		at := netip.MustParseAddr("10.0.0.0")
		for range rapid.IntRange(0, 8).Draw(r, "pools") {
			for range rapid.IntRange(0, 3).Draw(r, "gap") {
				at = at.Next()
			}
			first := at
			for range rapid.IntRange(0, 5).Draw(r, "size") {
				at = at.Next()
			}
			s.Pools = append(s.Pools, pool(t, lease.V4, first.String(), at.String(), 32))
			at = at.Next()
		}
		s.Pools = rapid.Permutation(s.Pools).Draw(r, "order")
		s.freeze()
		a := netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(r, "addr")})
		var want *Pool
		for _, p := range s.Pools {
			if !a.Less(p.Lease.First) && !p.Lease.Last.Less(a) {
				want = p
			}
		}
		if got := s.PoolOf(lease.V4, a); got != want {
			r.Fatalf("%s: got %v, want %v", a, got, want)
		}
	})
}

func TestSiblings(t *testing.T) {
	n := &Network{}
	top := &Topology{}
	for i, s := range []*Subnet{
		{ID: 40}, {ID: 10}, {ID: 20, Guard: Guard{red}}, {ID: 30, Guard: Guard{blue}}, {ID: 50},
	} {
		s.Network, s.Prefix = n, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)
		n.Subnets = append(n.Subnets, s)
		top.Subnets = append(top.Subnets, s)
	}
	alone := &Subnet{ID: 60, Prefix: pfx("192.0.2.0/24")}
	top.Subnets = append(top.Subnets, alone)
	top.Freeze()
	tests := []struct {
		of      uint32
		classes *classify.Set
		want    []uint32
	}{
		{10, nil, []uint32{10, 40, 50}},
		{40, nil, []uint32{40, 50, 10}},
		{50, in(red), []uint32{50, 10, 20, 40}},
		{60, nil, []uint32{60}},
	}
	for _, tt := range tests {
		i := slices.IndexFunc(top.Subnets, func(s *Subnet) bool { return s.ID == tt.of })
		var got []uint32
		for s := range top.Subnets[i].Siblings(tt.classes) {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("of %d: got %v, want %v", tt.of, got, tt.want)
		}
	}
	if !n.Subnets[0].Shares(n.Subnets[3]) || n.Subnets[0].Shares(alone) || !alone.Shares(alone) {
		t.Error("Shares")
	}
	for s := range n.Subnets[0].Siblings(nil) { // ends when told
		if s.ID != 10 {
			t.Error("went on")
		}
		break
	}
	sum, classes := uint32(0), in(classify.Known)
	if a := testing.AllocsPerRun(100, func() {
		for s := range n.Subnets[0].Siblings(classes) {
			sum += s.ID
		}
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func TestReservation(t *testing.T) {
	reserve := func(kind IdentifierKind, id, ip string) *Reservation {
		return &Reservation{Key: Key{kind, id}, Addr: addr(ip)}
	}
	keyed := func(rs ...*Reservation) map[Key]*Reservation {
		m := map[Key]*Reservation{}
		for _, r := range rs {
			m[r.Key] = r
		}
		return m
	}
	byMAC, byDUID := reserve(HWAddress, "\x02\x00\x00\x00\x00\x01", "192.0.2.10"), reserve(DUID, "duid", "192.0.2.11")
	inPool := reserve(ClientID, "pooled", "192.0.2.100")
	global := reserve(ClientID, "roamer", "192.0.2.12")
	both := reserve(HWAddress, "both", "192.0.2.13")
	top := &Topology{
		Identifiers:  []IdentifierKind{DUID, HWAddress, ClientID},
		Reservations: keyed(global, reserve(HWAddress, "both", "192.0.2.14")),
	}
	add := func(s *Subnet) *Subnet {
		s.ID, s.Prefix = uint32(len(top.Subnets)+1), pfx("192.0.2.0/24")
		s.Reservations = keyed(byMAC, byDUID, inPool, both)
		s.Pools = []*Pool{pool(t, lease.V4, "192.0.2.100", "192.0.2.199", 32)}
		top.Subnets = append(top.Subnets, s)
		return s
	}
	in, everywhere := add(&Subnet{ReserveIn: true}), add(&Subnet{ReserveIn: true, ReserveGlobal: true})
	only, nowhere := add(&Subnet{ReserveGlobal: true}), add(&Subnet{})
	outside := add(&Subnet{ReserveIn: true, ReserveOut: true})
	top.Freeze()

	mac, duid := Identifier{HWAddress, []byte("\x02\x00\x00\x00\x00\x01")}, Identifier{DUID, []byte("duid")}
	roamer, two, flex := Identifier{ClientID, []byte("roamer")}, Identifier{HWAddress, []byte("both")}, Identifier{FlexID, []byte("duid")}
	tests := []struct {
		name string
		s    *Subnet
		ids  []Identifier
		want *Reservation
	}{
		{"by hardware address", in, []Identifier{mac}, byMAC},
		{"in the order of host-reservation-identifiers", in, []Identifier{mac, duid}, byDUID},
		{"a kind that is not asked for", in, []Identifier{flex}, nil},
		{"nobody", in, nil, nil},
		{"global ones do not hold here", in, []Identifier{roamer}, nil},
		{"global ones hold here", everywhere, []Identifier{roamer}, global},
		{"the subnet's before the global one", everywhere, []Identifier{two}, both},
		{"global ones only", only, []Identifier{mac, two}, top.Reservations[Key{HWAddress, "both"}]},
		{"none hold here", nowhere, []Identifier{mac, roamer}, nil},
		{"without a subnet the global ones", nil, []Identifier{mac, roamer}, global},
	}
	for _, tt := range tests {
		if got := top.Reservation(tt.s, tt.ids); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		if n := testing.AllocsPerRun(100, func() { top.Reservation(tt.s, tt.ids) }); n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
	holders := []struct {
		s    *Subnet
		addr string
		want *Reservation
	}{
		{in, "192.0.2.10", byMAC}, {in, "192.0.2.100", inPool}, {in, "192.0.2.12", nil}, {in, "192.0.2.200", nil},
		{everywhere, "192.0.2.12", global}, {nowhere, "192.0.2.10", nil},
		{outside, "192.0.2.10", byMAC}, {outside, "192.0.2.100", nil},
	}
	for _, tt := range holders {
		if got := top.Holder(tt.s, addr(tt.addr)); got != tt.want {
			t.Errorf("subnet %d, %s: got %v, want %v", tt.s.ID, tt.addr, got, tt.want)
		}
		a := addr(tt.addr)
		if n := testing.AllocsPerRun(100, func() { top.Holder(tt.s, a) }); n != 0 {
			t.Errorf("Holder: %v allocations", n)
		}
	}
}

func TestHolderPD(t *testing.T) {
	r := &Reservation{Key: Key{DUID, "x"}, Addrs: addrs("2001:db8::1"), Prefixes: []netip.Prefix{pfx("2001:db8:1::/48")}}
	s := &Subnet{ID: 1, Prefix: pfx("2001:db8::/32"), ReserveIn: true, Reservations: map[Key]*Reservation{r.Key: r}}
	top := &Topology{Subnets: []*Subnet{s}}
	top.Freeze()
	if top.HolderPD(s, pfx("2001:db8:1::/48")) != r || top.HolderPD(s, pfx("2001:db8:1::/56")) != nil || top.Holder(s, addr("2001:db8::1")) != r {
		t.Error("prefixes and addresses of DHCPv6")
	}
}

// Reserved addresses are out of the way of every search, those alone that are
// really kept for somebody.
func TestKeptAddresses(t *testing.T) {
	for _, tt := range []struct {
		name            string
		in, global, out bool
		free            uint64
	}{
		{"none hold", false, false, false, 1 << 16},
		{"the subnet's", true, false, false, 1<<16 - 50_000},
		{"the global ones", false, true, false, 1<<16 - 1},
		{"both", true, true, false, 1<<16 - 50_001},
		{"out of the pool only", true, true, true, 1 << 16},
	} {
		p, err := lease.NewPool(lease.V4, 1, 0, netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("10.0.255.255"), 32)
		if err != nil {
			t.Fatal(err)
		}
		s := &Subnet{ID: 1, Prefix: netip.MustParsePrefix("10.0.0.0/8"), Pools: []*Pool{{Lease: p}},
			ReserveIn: tt.in, ReserveGlobal: tt.global, ReserveOut: tt.out, Reservations: map[Key]*Reservation{}}
		for i, a := 0, p.First.Next(); i < 50_000; i, a = i+1, a.Next() {
			k := Key{ClientID, a.String()}
			s.Reservations[k] = &Reservation{Key: k, Addr: a}
		}
		other := Key{ClientID, "global"}
		top := &Topology{Subnets: []*Subnet{s}, Reservations: map[Key]*Reservation{other: {Key: other, Addr: p.Last}}}
		top.Freeze()
		if p.Free() != tt.free {
			t.Errorf("%s: %d are free, want %d", tt.name, p.Free(), tt.free)
		}
	}
}

// The addresses of a DHCPv6 host are kept likewise, in a pool of any size.
func TestKeptAddresses6(t *testing.T) {
	p := pool(t, lease.NA, "2001:db8::", "2001:db8::ffff:ffff", 128)
	k := Key{DUID, "host"}
	s := &Subnet{ID: 1, Prefix: pfx("2001:db8::/64"), Pools: []*Pool{p}, ReserveIn: true, Reservations: map[Key]*Reservation{
		k: {Key: k, Addrs: []netip.Addr{addr("2001:db8::5"), addr("2001:db8::1:0"), addr("2001:db8:0:0:1::")}},
	}}
	(&Topology{Family: V6, Subnets: []*Subnet{s}}).Freeze()
	if got, want := p.Lease.Free(), uint64(1<<32-2); got != want {
		t.Errorf("%d are free, want %d", got, want)
	}
}
