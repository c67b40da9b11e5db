package lease_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// lapsing is a table with three leases of 192.0.2.0/24 that end after 10, 20 and 30
// seconds, and what OnLapse has told.
func lapsing(t *testing.T, o lease.TableOptions, may func(*lease.Lease) bool) (*lease.Table, func() string) {
	t.Helper()
	table := lease.NewTable(new(leasetest.Memory), o)
	if _, err := table.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range byte(3) {
		_, _, err := table.Put(&lease.Lease{Resource: address(i), Subnet: 1, HWAddr: []byte{2, 0, 0, 0, 0, i}, HWType: 1, Hostname: fmt.Sprint("host", i),
			Start: lapseStart, Valid: time.Duration(10*(int(i)+1)) * time.Second}, lease.Always)
		if err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	table.OnLapse(&lease.Lapse{
		May: func(l *lease.Lease, remove bool) bool {
			ok := may == nil || may(l)
			told = append(told, fmt.Sprint("may ", last(l), " ", l.Hostname, " ", remove, " ", ok))
			table.ByResource(l.Resource) // no lock is held
			return ok
		},
		Done: func(l *lease.Lease, remove bool) {
			told = append(told, fmt.Sprint("done ", last(l)))
			table.ByResource(l.Resource)
		},
	})
	return table, func() string {
		defer func() { told = nil }()
		return fmt.Sprint(told)
	}
}

var lapseStart = time.Unix(1_800_000_000, 0)

func address(i byte) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, i}), 32)}
}

func last(l *lease.Lease) byte { return l.Resource.Prefix.Addr().As4()[3] }

// TestOnLapse: each lease in force whose time is over is told of once, before and
// after, and no lock is held meanwhile.
func TestOnLapse(t *testing.T) {
	table, told := lapsing(t, lease.TableOptions{}, nil)
	steps := []struct {
		after time.Duration
		want  string
		ended int
	}{
		{9 * time.Second, "[]", 0},
		{10 * time.Second, "[may 0 host0 false true done 0]", 1},
		{11 * time.Second, "[]", 0},
		{40 * time.Second, "[may 1 host1 false true done 1 may 2 host2 false true done 2]", 2},
		{3 * time.Hour, "[]", 3}, // what is remembered of them
	}
	for _, s := range steps {
		n := table.Expire(lapseStart.Add(s.after), 0)
		got := told()
		if s.after == 40*time.Second && got == "[may 2 host2 false true done 2 may 1 host1 false true done 1]" {
			got = s.want // of shards in any order
		}
		if got != s.want || n != s.ended {
			t.Errorf("after %v: %d ended, %s, want %d, %s", s.after, n, got, s.ended, s.want)
		}
	}
}

// TestOnLapseRemoves: told that nothing is remembered, by Expire and by Reclaim.
func TestOnLapseRemoves(t *testing.T) {
	table, told := lapsing(t, lease.TableOptions{HoldReclaimed: -1}, nil)
	table.Expire(lapseStart.Add(10*time.Second), 0)
	if got := told(); got != "[may 0 host0 true true done 0]" {
		t.Error(got)
	}
	if n, _, err := table.Reclaim(context.Background(), lapseStart.Add(20*time.Second), true); n != 1 || err != nil {
		t.Error(n, err)
	}
	if got := told(); got != "[may 1 host1 true true done 1]" {
		t.Error(got)
	}
}

// TestOnLapseRefused: a lease that may not end stays in force, holds up no other,
// and is asked about again after LapseRetry.
func TestOnLapseRefused(t *testing.T) {
	refuse := true
	table, told := lapsing(t, lease.TableOptions{}, func(l *lease.Lease) bool { return !refuse || last(l) != 0 })
	end := lapseStart.Add(30 * time.Second)
	if n := table.Expire(end, 0); n != 2 {
		t.Errorf("%d ended, want 2", n)
	}
	told()
	if l, ok := table.ByResource(address(0)); !ok || l.State != lease.Leased {
		t.Error("it is", l.State)
	}
	table.Expire(end.Add(lease.LapseRetry-time.Second), 0)
	if got := told(); got != "[]" {
		t.Error("too early:", got)
	}
	table.Expire(end.Add(lease.LapseRetry), 0)
	if got := told(); got != "[may 0 host0 false false]" {
		t.Error("then", got)
	}
	refuse = false
	table.Expire(end.Add(2*lease.LapseRetry), 0)
	if got := told(); got != "[may 0 host0 false true done 0]" {
		t.Error("at last", got)
	}
	if l, _ := table.ByResource(address(0)); l.State != lease.Reclaimed {
		t.Error("it is", l.State)
	}
}

// TestOnLapseRenewed: a lease that is extended while it is asked about does not end,
// and is not told of as ended.
func TestOnLapseRenewed(t *testing.T) {
	var table *lease.Table
	extended := false
	table, told := lapsing(t, lease.TableOptions{}, func(l *lease.Lease) bool {
		if last(l) == 0 && !extended {
			extended = true
			m := *l
			m.Start = lapseStart.Add(10 * time.Second)
			if _, _, err := table.Put(&m, lease.Always); err != nil {
				t.Error(err)
			}
		}
		return true
	})
	table.Expire(lapseStart.Add(10*time.Second), 0)
	if got := told(); got != "[may 0 host0 false true]" {
		t.Error(got)
	}
	if l, _ := table.ByResource(address(0)); l.State != lease.Leased {
		t.Error("it ended")
	}
}

// TestOnLapseOnce: while a lease is asked about, whoever else looks for what has run out
// does not ask about it a second time, and whoever wants what it holds does not get it.
func TestOnLapseOnce(t *testing.T) {
	end := lapseStart.Add(30 * time.Second)
	for name, begin := range map[string]func(*lease.Table){
		"expire":  func(table *lease.Table) { table.Expire(end, 0) },
		"reclaim": func(table *lease.Table) { table.Reclaim(context.Background(), end, false) },
	} {
		var table *lease.Table
		asked, depth := make(map[byte]int), 0
		table, told := lapsing(t, lease.TableOptions{}, func(l *lease.Lease) bool {
			asked[last(l)]++
			if depth++; depth > 1 {
				return true
			}
			table.Expire(end, 0)
			table.Reclaim(context.Background(), end, false)
			stranger := []byte{2, 1}
			r := &lease.Request{Lease: lease.Lease{HWAddr: stranger, HWType: 1, Subnet: 1, Valid: time.Hour}, Hint: l.Resource, Must: true, Fixed: true, Now: end,
				Lookup: []lease.Identity{{Kind: lease.ByHWAddr, HWType: 1, ID: stranger}}}
			if _, _, err := table.Grant(r); err == nil {
				t.Errorf("%s: %v was given away", name, l.Resource)
			}
			return true
		})
		begin(table)
		if asked[0] != 1 || asked[1] != 1 || asked[2] != 1 {
			t.Errorf("%s: asked %v: %s", name, asked, told())
		}
		for i := range byte(3) {
			if l, _ := table.ByResource(address(i)); l.State != lease.Reclaimed {
				t.Errorf("%s: %v is in state %d", name, l.Resource, l.State)
			}
		}
		lease.Check(t, table)
	}
}

// TestCondemn: an address that is condemned is out of service for the probation,
// whoever held it.
func TestCondemn(t *testing.T) {
	table, told := lapsing(t, lease.TableOptions{DeclineProbation: time.Minute}, nil)
	for _, i := range []byte{0, 7} {
		l := lease.Lease{Resource: address(i), Subnet: 1}
		seq, err := table.Condemn(&l, lapseStart)
		if err != nil || table.Commit(seq) != nil {
			t.Fatal(err)
		}
		got, _ := table.ByResource(address(i))
		if got.State != lease.Declined || got.Valid != time.Minute || len(got.HWAddr) != 0 || l.State != lease.Declined {
			t.Errorf("%+v", got)
		}
	}
	if left := table.ByIdentity(lease.Identity{Kind: lease.ByHWAddr, HWType: 1, ID: []byte{2, 0, 0, 0, 0, 0}}); slices.ContainsFunc(left, func(l lease.Lease) bool { return last(&l) == 0 }) {
		t.Error("its client has it still")
	}
	if n := table.Expire(lapseStart.Add(time.Minute), 0); n != 4 {
		t.Errorf("%d ended: %s", n, told())
	}
}
