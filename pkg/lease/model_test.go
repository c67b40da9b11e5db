package lease_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// A person is one client of the model.
type person struct{ id, hw []byte }

// allocators are what each pool may choose by.
var allocators = []lease.Allocator{lease.Iterative, lease.Random, lease.FLQ}

// people share hardware addresses and lack client identifiers in every combination.
var people = func() (all []person) {
	for i := range byte(6) {
		hw := []byte{2, 0, 0, 0, 0, i / 2}
		all = append(all, person{id: []byte{0xff, i}, hw: hw})
		if i%2 == 0 {
			all = append(all, person{hw: hw})
		}
	}
	return all
}()

func (p person) lookup() (ids []lease.Identity) {
	if p.id != nil {
		ids = append(ids, lease.Identity{Kind: lease.ByClientID, ID: p.id})
	}
	return append(ids, lease.Identity{Kind: lease.ByHWAddr, HWType: 1, ID: p.hw})
}

// owns is the rule of RFC 2131 and Kea, written down a second time.
func (p person) owns(l *lease.Lease) bool {
	if len(l.ClientID) > 0 && len(p.id) > 0 {
		return bytes.Equal(l.ClientID, p.id)
	}
	return len(l.HWAddr) > 0 && bytes.Equal(l.HWAddr, p.hw)
}

// model is a plain map beside a table.
type model struct {
	store   *leasetest.Memory
	table   *lease.Table
	pools   []*lease.Pool
	now     time.Time
	leases  map[lease.Resource]lease.Lease
	durable map[lease.Resource]lease.Lease
	offers  map[lease.Resource]offer
}

type offer struct {
	who person
	at  time.Time
}

const (
	hold      = 10 * time.Second
	history   = 30 * time.Minute
	probation = 2 * time.Hour
)

func (m *model) open(t *rapid.T) {
	m.table = lease.NewTable(m.store, lease.TableOptions{OfferHold: hold, HoldReclaimed: history, DeclineProbation: probation})
	if _, err := m.table.Load(t.Context()); err != nil {
		t.Fatalf("load: %v", err)
	}
	m.table.Adopt(m.pools)
	m.offers = make(map[lease.Resource]offer)
}

func newPool(t *rapid.T, subnet uint32, first, last byte) *lease.Pool {
	p, err := lease.NewPool(lease.V4, subnet, uint32(first), netip.AddrFrom4([4]byte{192, 0, 2, first}), netip.AddrFrom4([4]byte{192, 0, 2, last}), 32)
	if err != nil {
		t.Fatalf("%v", err)
	}
	p.Use(rapid.SampledFrom(allocators).Draw(t, "allocator"))
	return p
}

// drawPools are two pools with room for all clients or for a few of them, or many pools of one
// address each.
func drawPools(t *rapid.T) (pools []*lease.Pool) {
	if rapid.IntRange(0, 2).Draw(t, "many") == 0 {
		for n := range byte(10) {
			pools = append(pools, newPool(t, 1+uint32(n)/5, n, n))
		}
		return pools
	}
	size := rapid.ByteRange(1, 4)
	return []*lease.Pool{newPool(t, 1, 1, size.Draw(t, "first pool")), newPool(t, 2, 5, 4+size.Draw(t, "second pool"))}
}

func addr(n int) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 32)}
}

func (m *model) request(t *rapid.T) (person, *lease.Request) {
	p := rapid.SampledFrom(people).Draw(t, "who")
	r := &lease.Request{
		Lease:  lease.Lease{ClientID: p.id, HWAddr: p.hw, HWType: 1, Subnet: 1, Valid: time.Duration(rapid.OneOf(rapid.Just(3600), rapid.IntRange(1, 7200)).Draw(t, "valid")) * time.Second},
		Lookup: p.lookup(), Pools: m.pools, Now: m.now, Source: uint64(len(p.id)),
	}
	switch rapid.IntRange(0, 5).Draw(t, "how") {
	case 1:
		r.Hint = addr(rapid.IntRange(0, 16).Draw(t, "hint"))
	case 2:
		r.Hint, r.Must = addr(rapid.IntRange(0, 16).Draw(t, "must")), true
	case 3:
		r.Hint, r.Fixed = addr(rapid.IntRange(0, 16).Draw(t, "fixed")), true
		r.Must = rapid.Bool().Draw(t, "only")
	case 4:
		kept := addr(rapid.IntRange(1, 8).Draw(t, "reserved"))
		r.Reserved = func(res lease.Resource) bool { return res == kept }
	}
	switch rapid.IntRange(0, 5).Draw(t, "shape") {
	case 1:
		r.Store = time.Duration(rapid.IntRange(1, 60).Draw(t, "store")) * time.Second
	case 2:
		r.MaxAge = time.Duration(rapid.IntRange(1, 3600).Draw(t, "age")) * time.Second
	}
	if n := rapid.IntRange(0, 3).Draw(t, "over6"); n > 0 {
		r.Over6 = netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(n)})
	}
	return p, r
}

// keepsContext checks that a user context is the client's own: the source of this query,
// else what the lease had while it was the client's.
func (m *model) keepsContext(t *rapid.T, p person, r *lease.Request, l *lease.Lease) {
	want := ""
	if was, ok := m.leases[l.Resource]; ok && p.owns(&was) {
		want = string(was.UserContext)
	}
	if r.Over6.IsValid() {
		want = `{"dhcp4o6":{"source":"` + r.Over6.String() + `"}}`
	}
	if string(l.UserContext) != want {
		t.Fatalf("%v has the context %s, not %s", l.Resource, l.UserContext, want)
	}
}

func (m *model) ended(l *lease.Lease) bool {
	at, ok := l.Expires()
	return ok && !m.now.Before(at)
}

// taken says why a resource cannot be p's; empty: it can.
func (m *model) taken(p person, res lease.Resource) string {
	if l, ok := m.leases[res]; ok && (l.State == lease.Declined || l.State == lease.Leased && !p.owns(&l)) && !m.ended(&l) {
		return fmt.Sprintf("in force for %x/%x, state %d", l.ClientID, l.HWAddr, l.State)
	}
	return ""
}

func (m *model) inPools(res lease.Resource) bool {
	for _, p := range m.pools {
		if p.Contains(res) {
			return true
		}
	}
	return false
}

// reconcile compares the table with the model. What differs must have expired.
func (m *model) reconcile(t *rapid.T) {
	t.Helper()
	seen := make(map[lease.Resource]lease.Lease)
	for l := range m.table.All() {
		seen[l.Resource] = leasetest.Clone(l)
	}
	for res, was := range m.leases {
		is, ok := seen[res]
		switch {
		case ok && leasetest.Text(&is) == leasetest.Text(&was):
		case !ok && !m.now.Before(was.Start.Add(was.Valid+history)): // forgotten
		case ok && is.State == lease.Reclaimed && m.ended(&was) && was.State != lease.Released:
			was.State = lease.Reclaimed
			if leasetest.Text(&is) != leasetest.Text(&was) {
				t.Fatalf("reclaiming changed\n%s to\n%s", leasetest.Text(&was), leasetest.Text(&is))
			}
		default:
			t.Fatalf("at %v changed\n%s to\n%s", m.now.Unix(), leasetest.Text(&was), leasetest.Text(&is))
		}
	}
	for res, is := range seen {
		if _, ok := m.leases[res]; !ok {
			t.Fatalf("from nowhere: %s", leasetest.Text(&is))
		}
	}
	m.leases = seen
	replay := m.store.Replay()
	var all []lease.Lease
	for _, l := range seen {
		all = append(all, l)
	}
	leasetest.Same(t, replay, all)
}

func (m *model) offer(t *rapid.T) {
	p, r := m.request(t)
	l, _, err := m.table.Offer(r)
	m.refusal(t, p, r, err)
	if err != nil {
		return
	}
	res := l.Resource
	if why := m.taken(p, res); why != "" {
		t.Fatalf("offered %v: %s", res, why)
	}
	m.belongs(t, r, res)
	if o, ok := m.offers[res]; ok && !p.owns(&lease.Lease{ClientID: o.who.id, HWAddr: o.who.hw}) && m.now.Sub(o.at).Abs() < hold && m.someFree(r) {
		t.Fatalf("offered %v, which is on offer to another, while others are free", res)
	}
	if r.Hint == (lease.Resource{}) && r.Reserved == nil {
		m.keepsPromise(t, p, res)
	}
	m.forget(p, res)
	was := m.leases[res]
	inForce := was.State == lease.Leased && p.owns(&was) && !m.ended(&was)
	switch {
	case l.State == lease.Offered && r.Store == 0:
		m.offers[res] = offer{p, m.now}
	case r.Store == 0 || inForce && was.Start.Add(was.Valid).After(m.now.Add(r.Store)):
		if !inForce {
			t.Fatalf("%v is offered as a lease in force", res)
		}
	default: // the offer is stored
		l.Valid = r.Store
		m.leases[res] = leasetest.Clone(&l)
	}
}

// reused checks that a lease is given as it was exactly when it may be: it is young
// enough, and only its time would be new.
func (m *model) reused(t *rapid.T, p person, r *lease.Request, l *lease.Lease) {
	was, ok := m.leases[l.Resource]
	now := leasetest.Clone(l)
	now.Start = was.Start
	may := ok && was.State == lease.Leased && !m.ended(&was) && !m.now.Before(was.Start) && m.now.Sub(was.Start) <= r.MaxAge
	if want := r.MaxAge > 0 && may && leasetest.Text(&now) == leasetest.Text(&was); want != r.Reused {
		t.Fatalf("reused: %v, want %v of\n%s\n%s", r.Reused, want, leasetest.Text(&was), leasetest.Text(l))
	}
}

// step moves the clock; an offer that has lapsed once may be gone.
func (m *model) step(seconds int) {
	m.now = m.now.Add(time.Duration(seconds) * time.Second)
	for res, o := range m.offers {
		if m.now.Sub(o.at).Abs() >= hold {
			delete(m.offers, res)
		}
	}
}

// forget drops the offers that end when p is given res; some of them may live on.
func (m *model) forget(p person, res lease.Resource) {
	for other, o := range m.offers {
		if other == res || p.owns(&lease.Lease{ClientID: o.who.id, HWAddr: o.who.hw}) {
			delete(m.offers, other)
		}
	}
}

// keepsPromise checks that a client with a lease in force is offered one of its own.
func (m *model) keepsPromise(t *rapid.T, p person, res lease.Resource) {
	mine := false
	for _, l := range m.leases {
		if l.State == lease.Leased && p.owns(&l) && !m.ended(&l) {
			mine = true
		}
	}
	if l := m.leases[res]; mine && !p.owns(&l) && p.id == nil {
		t.Fatalf("%v was offered to one who has a lease", res)
	}
}

// someFree reports whether a pool has a resource that nobody holds or is offered; a lease whose time
// is over holds nothing, whether or not it was reclaimed.
func (m *model) someFree(r *lease.Request) bool {
	for n := range 17 {
		res := addr(n)
		l, ok := m.leases[res]
		if _, on := m.offers[res]; !on && m.inPools(res) && (!ok || l.State == lease.Released || l.State == lease.Reclaimed || m.ended(&l)) && (r.Reserved == nil || !r.Reserved(res)) {
			return true
		}
	}
	return false
}

// refusal checks that a refusal was right.
func (m *model) refusal(t *rapid.T, p person, r *lease.Request, err error) {
	switch {
	case err == nil:
	case errors.Is(err, lease.ErrNone) && !r.Must:
		if m.someFree(r) {
			t.Fatalf("refused while something is free")
		}
	case r.Must && (errors.Is(err, lease.ErrOwner) || errors.Is(err, lease.ErrNone)):
	default:
		t.Fatalf("unexpected: %v", err)
	}
}

// belongs checks that the client may be given res at all.
func (m *model) belongs(t *rapid.T, r *lease.Request, res lease.Resource) {
	if r.Reserved != nil && r.Reserved(res) {
		t.Fatalf("%v is reserved for another", res)
	}
	if r.Must && res != r.Hint {
		t.Fatalf("%v was given, %v asked", res, r.Hint)
	}
	if l := m.leases[res]; !m.inPools(res) && !(r.Fixed && res == r.Hint) && l.State != lease.Leased {
		t.Fatalf("%v is in no pool", res)
	}
}

func (m *model) grant(t *rapid.T) {
	p, r := m.request(t)
	l, seq, err := m.table.Grant(r)
	m.refusal(t, p, r, err)
	if err != nil {
		return
	}
	if why := m.taken(p, l.Resource); why != "" {
		t.Fatalf("granted %v: %s", l.Resource, why)
	}
	m.belongs(t, r, l.Resource)
	m.keepsContext(t, p, r, &l)
	m.reused(t, p, r, &l)
	if seq == 0 && len(m.durable) == 0 {
		t.Fatalf("a grant rests on nothing")
	}
	for res, was := range m.leases {
		if res == l.Resource || was.State != lease.Leased || !p.owns(&was) {
			continue
		}
		// what else it had ends with this
		now := was
		for is := range m.table.All() {
			if is.Resource == res {
				now = leasetest.Clone(is)
			}
		}
		if now.State == lease.Released {
			m.leases[res] = now
		}
	}
	m.leases[l.Resource] = leasetest.Clone(&l)
	m.forget(p, l.Resource)
	if rapid.Bool().Draw(t, "commit") {
		m.commit(t, seq)
	}
}

func (m *model) commit(t *rapid.T, seq lease.Seq) {
	m.reconcile(t)
	if err := m.table.Commit(seq); err != nil {
		t.Fatalf("commit: %v", err)
	}
	m.durable = m.store.PowerCut().Replay()
}

// end releases or declines.
func (m *model) end(t *rapid.T, state lease.State) {
	p := rapid.SampledFrom(people).Draw(t, "who")
	res := addr(rapid.IntRange(0, 16).Draw(t, "what"))
	call := m.table.Release
	if state == lease.Declined {
		call = m.table.Decline
	}
	seq, err := call(res, m.now, p.lookup()...)
	l, ok := m.leases[res]
	switch {
	case !ok || l.State == lease.Released || l.State == lease.Reclaimed:
		if !errors.Is(err, lease.ErrUnknown) {
			t.Fatalf("ended what nobody holds: %v", err)
		}
	case l.State != lease.Leased || !p.owns(&l):
		if !errors.Is(err, lease.ErrOwner) {
			t.Fatalf("%x ended the lease of %x/%x: %v", p.id, l.ClientID, l.HWAddr, err)
		}
	case err != nil || seq == 0:
		t.Fatalf("%v %v", seq, err)
	case state == lease.Declined:
		m.leases[res] = lease.Lease{Resource: res, Subnet: l.Subnet, Pool: l.Pool, State: state, Start: m.now, Valid: probation}
	default:
		l.Start = minTime(l.Start, m.now)
		l.State, l.Valid, l.Preferred = state, max(m.now.Sub(l.Start), time.Second), 0
		m.leases[res] = l
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// TestTableModel runs whatever may happen to a table of two small pools
// beside a plain map, restarts and jumping clocks included.
func TestTableModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			store: new(leasetest.Memory), now: time.Unix(1_700_000_000, 0),
			pools:   drawPools(t),
			leases:  make(map[lease.Resource]lease.Lease),
			durable: make(map[lease.Resource]lease.Lease),
		}
		m.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"offer":   m.offer,
			"grant":   m.grant,
			"renew":   m.grant,
			"release": func(t *rapid.T) { m.end(t, lease.Released) },
			"decline": func(t *rapid.T) { m.end(t, lease.Declined) },
			"expire":  func(t *rapid.T) { m.table.Expire(m.now, rapid.IntRange(0, 3).Draw(t, "limit")) },
			"tick":    func(t *rapid.T) { m.step(rapid.IntRange(0, 20).Draw(t, "s")) },
			"jump":    func(t *rapid.T) { m.step(rapid.IntRange(-7200, 7200).Draw(t, "s")) },
			"restart": func(t *rapid.T) {
				if err := m.table.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				m.store = m.store.PowerCut()
				m.leases = m.store.Replay()
				m.durable = m.store.Replay()
				m.open(t)
			},
			"power cut": func(t *rapid.T) {
				m.store = m.store.PowerCut()
				m.leases = make(map[lease.Resource]lease.Lease)
				for res, l := range m.durable {
					m.leases[res] = l
				}
				m.open(t)
			},
			"clean": func(t *rapid.T) {
				if err := m.table.Clean(t.Context()); err != nil {
					t.Fatalf("clean: %v", err)
				}
				m.durable = m.store.PowerCut().Replay()
			},
			"reload": func(t *rapid.T) {
				m.pools = drawPools(t)
				m.table.Adopt(m.pools)
			},
			"": func(t *rapid.T) {
				m.reconcile(t)
				lease.Check(t, m.table)
			},
		})
	})
}
