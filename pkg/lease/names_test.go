package lease_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// A scribe writes down what a table tells of names.
type scribe struct {
	t     *testing.T
	table *lease.Table
	pool  *lease.Pool
	lines []string
	seqs  []lease.Seq
	now   time.Time
}

func newScribe(t *testing.T, store lease.Store) *scribe {
	s := &scribe{t: t, table: lease.NewTable(store, lease.TableOptions{}), now: time.Unix(1_800_000_000, 0)}
	if _, err := s.table.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool, err := lease.NewPool(lease.V4, 1, 0, netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.19"), 32)
	if err != nil {
		t.Fatal(err)
	}
	s.pool = pool
	s.table.Adopt([]*lease.Pool{pool})
	s.table.WatchNames(func(was, is *lease.Lease, seq lease.Seq) {
		s.lines = append(s.lines, say(was)+">"+say(is))
		s.seqs = append(s.seqs, seq)
	})
	return s
}

func say(l *lease.Lease) string {
	if l == nil {
		return ""
	}
	flags := ""
	if l.FwdDNS {
		flags += "f"
	}
	if l.RevDNS {
		flags += "r"
	}
	return fmt.Sprintf("%s%s@%d", l.Hostname, flags, l.Resource.Prefix.Addr().As4()[3])
}

// said returns what was written down since it was asked before.
func (s *scribe) said() string {
	all := strings.Join(s.lines, " ")
	s.lines = nil
	return all
}

func at(n byte) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), 32)}
}

func (s *scribe) request(hw byte, name string, dns bool, hint byte) *lease.Request {
	id := []byte{2, 0, 0, 0, 0, hw}
	r := &lease.Request{Pools: []*lease.Pool{s.pool}, Now: s.now, Lookup: []lease.Identity{{Kind: lease.ByHWAddr, HWType: 1, ID: id}}}
	r.Lease = lease.Lease{Resource: lease.Resource{Kind: lease.V4}, HWAddr: id, HWType: 1, Subnet: 1, Hostname: name, FwdDNS: dns, RevDNS: dns, Valid: 100 * time.Second}
	if hint > 0 {
		r.Hint, r.Must = at(hint), true
	}
	return r
}

func (s *scribe) grant(hw byte, name string, dns bool, hint byte) {
	s.t.Helper()
	if _, _, err := s.table.Grant(s.request(hw, name, dns, hint)); err != nil {
		s.t.Fatal(err)
	}
	s.now = s.now.Add(time.Second)
}

func (s *scribe) want(what, text string) {
	s.t.Helper()
	if got := s.said(); got != text {
		s.t.Errorf("%s: told %q, want %q", what, got, text)
	}
}

// TestNamesAreTold: whoever watches hears of each change of what the DNS is to
// hold, and of nothing else.
func TestNamesAreTold(t *testing.T) {
	s := newScribe(t, new(leasetest.Memory))
	by := func(hw byte) lease.Identity {
		return lease.Identity{Kind: lease.ByHWAddr, HWType: 1, ID: []byte{2, 0, 0, 0, 0, hw}}
	}
	s.grant(1, "x", false, 10)
	s.grant(1, "x", false, 10)
	s.want("without the DNS", "")
	s.grant(1, "a", true, 10)
	s.want("a name is added", ">afr@10")
	s.grant(1, "a", true, 10)
	s.want("extended", "afr@10>afr@10")
	s.grant(1, "b", true, 10)
	s.want("another name", "afr@10>bfr@10")
	if _, _, err := s.table.Offer(s.request(1, "c", true, 10)); err != nil {
		t.Fatal(err)
	}
	s.want("an offer", "")
	stored := s.request(9, "i", true, 19)
	stored.Store = 30 * time.Second
	if _, _, err := s.table.Offer(stored); err != nil {
		t.Fatal(err)
	}
	s.want("an offer that is stored", "")
	s.grant(9, "i", true, 19)
	s.want("and taken", ">ifr@19")
	if _, err := s.table.Delete(at(19)); err != nil {
		t.Fatal(err)
	}
	s.said()
	s.grant(1, "b", true, 12)
	s.want("another address: the old lease ends first", "bfr@10> >bfr@12")
	s.grant(1, "", false, 12)
	s.want("no name any more", "bfr@12>@12")
	s.grant(1, "b", true, 12)
	s.said()
	if _, err := s.table.Release(at(12), s.now, by(1)); err != nil {
		t.Fatal(err)
	}
	s.want("released", "bfr@12>")
	s.grant(1, "b", true, 12)
	s.want("and given again: nothing is left of before", ">bfr@12")
	if _, err := s.table.Decline(at(12), s.now, by(1)); err != nil {
		t.Fatal(err)
	}
	s.want("declined", "bfr@12>")
	s.grant(2, "d", true, 13)
	s.said()
	s.now = s.now.Add(time.Hour)
	s.table.Expire(s.now, 0)
	s.want("run out", "dfr@13>")
	s.table.Expire(s.now.Add(2*time.Hour), 0)
	s.want("its history over", "")
	s.grant(3, "e", true, 14)
	s.said()
	s.now = s.now.Add(time.Hour)
	if _, _, err := s.table.Reclaim(t.Context(), s.now, true); err != nil {
		t.Fatal(err)
	}
	s.want("reclaimed on command", "efr@14>")
	s.grant(4, "f", true, 15)
	s.said()
	if _, err := s.table.Delete(at(15)); err != nil {
		t.Fatal(err)
	}
	s.want("deleted on command", "")
	for i, seq := range s.seqs {
		if seq == 0 || i > 0 && seq < s.seqs[i-1] && i != 5 { // that of the new lease is told late
			t.Errorf("change %d has number %d, after %d", i, seq, s.seqs[max(i-1, 0)])
		}
	}
}

// TestNamesLeftByKea: a lease that Kea has released and not reclaimed yet still
// stands in the DNS; that it is over is told when its history ends, or when its
// address is given away.
func TestNamesLeftByKea(t *testing.T) {
	for name, want := range map[string]string{"forgotten": "afr@10>", "given away": "afr@10>bfr@10"} {
		store := new(leasetest.Memory)
		l := lease.Lease{Resource: at(10), HWAddr: []byte{2, 0, 0, 0, 0, 1}, HWType: 1, Subnet: 1, State: lease.Released, Start: time.Unix(1_800_000_000, 0),
			Valid: 1, Hostname: "a", FwdDNS: true, RevDNS: true}
		store.Append(lease.Change{Lease: &l})
		if _, err := store.Sync(); err != nil {
			t.Fatal(err)
		}
		s := newScribe(t, new(leasetest.Memory))
		s.table = lease.NewTable(store.PowerCut(), lease.TableOptions{})
		if _, err := s.table.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.table.Adopt([]*lease.Pool{s.pool})
		s.table.WatchNames(func(was, is *lease.Lease, _ lease.Seq) { s.lines = append(s.lines, say(was)+">"+say(is)) })
		if name == "forgotten" {
			s.table.Expire(s.now.Add(24*time.Hour), 0)
		} else {
			s.grant(2, "b", true, 10)
		}
		s.want(name, want)
	}
}

// TestWatchingAllocatesNothing: a renewal of a lease that the DNS knows costs no
// memory while somebody watches.
func TestWatchingAllocatesNothing(t *testing.T) {
	s := newScribe(t, new(lease.Volatile))
	n := 0
	s.table.WatchNames(func(was, is *lease.Lease, _ lease.Seq) { n++ })
	r := s.request(1, "a-name.that-is.rather-long.example.org", true, 10)
	renew := func() {
		r.Now = r.Now.Add(time.Second)
		if _, _, err := s.table.Grant(r); err != nil {
			t.Fatal(err)
		}
	}
	renew()
	if got := testing.AllocsPerRun(100, renew); got > 0 {
		t.Errorf("%v allocations", got)
	}
	if n != 102 {
		t.Errorf("told %d times", n)
	}
}
