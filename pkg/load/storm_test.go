package load

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// After a power cut everybody is back at once, with the lease that each had: the
// leases are taken first, then each client comes back once, whatever is lost on
// the way.
func TestStorm(t *testing.T) {
	const clients = 500
	for _, k := range []Kind{FourOverSix, V4, V6} {
		synctest.Test(t, func(t *testing.T) {
			srv := &server{t: t, kind: k}
			returned := map[[6]byte]int{}
			dropped := 0
			srv.drop = func(q query) bool {
				if k == V6 && q.name != "CONFIRM" || k != V6 && q.state != "r" {
					return false
				}
				if returned[q.hw]++; returned[q.hw] > 1 || q.hw[5]%5 != 0 {
					return false
				}
				dropped++ // a fifth, the first time
				return true
			}
			n := newFakeNet(srv.serve)
			n.delay = time.Millisecond
			r := hold(t, Scenario{Kind: k, Storm: clients, Patience: Standard, Pause: time.Minute}, n)
			s := r.Storm
			if s == nil || s.Clients != clients || s.Held != clients || s.Back != clients || r.LossRate() != 0 {
				t.Fatalf("%v: %+v %+v", k, r, s)
			}
			if r.Scenario != k.String() || r.Prepared.Completed != clients || r.Begun != clients || len(r.Acts) != 1 || r.Acts[0].Act != "return" {
				t.Errorf("%v: %+v", k, r)
			}
			if len(returned) != clients {
				t.Errorf("%v: %d have come back", k, len(returned))
			}
			if s.After.P50 > 10*time.Millisecond || s.After.Max < 900*time.Millisecond || s.After.Max > 6*time.Second {
				t.Errorf("%v: %+v", k, s.After)
			}
			if r.Steps[0].Retransmitted != dropped || dropped < clients/6 {
				t.Errorf("%v: %+v", k, r.Steps[0])
			}
		})
	}
}

// Who was refused when he came back has lost his lease, and who had none did not
// come back.
func TestStormLosses(t *testing.T) {
	for _, k := range []Kind{FourOverSix, V6} {
		synctest.Test(t, func(t *testing.T) {
			srv := &server{t: t, kind: k}
			srv.drop = func(q query) bool { return q.hw[5] == 7 }
			srv.nak = func(q query) bool { return q.hw[5] == 9 && (q.name == "CONFIRM" || q.state == "r") }
			r := hold(t, Scenario{Kind: k, Storm: 20}, newFakeNet(srv.serve))
			if r.Storm.Held != 19 || r.Storm.Back != 18 || r.Refused != 1 || r.Lost != 0 || r.Prepared.Lost != 1 {
				t.Errorf("%v: %+v %+v", k, r, r.Storm)
			}
			if got := r.LossRate(); got != 0.1 {
				t.Errorf("%v: loss rate %v", k, got)
			}
		})
	}
}

// A storm in which nobody got a lease is over at once.
func TestStormWithoutLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t, drop: func(query) bool { return true }}
		r := hold(t, Scenario{Storm: 3}, newFakeNet(srv.serve))
		if r.Scenario != "4o6" || r.Storm.Held != 0 || r.LossRate() != 1 || r.Begun != 0 || !(&Report{Steps: []StepReport{{Sent: 3}}}).Silent() {
			t.Errorf("%+v", r)
		}
	})
}

// A rate spreads a storm, and renewals after it show whether the lease of who
// only confirmed is there.
func TestStormByRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t, kind: V6}
		n := newFakeNet(srv.serve)
		n.delay = time.Millisecond
		r := hold(t, Scenario{Kind: V6, Storm: 100, Rate: 50, Renewals: 1}, n)
		if r.Completed != 100 || r.Took < 1900*time.Millisecond || r.Took > 2100*time.Millisecond || srv.count("RENEW") != 100 {
			t.Errorf("%+v", r)
		}
	})
}

// Ctrl-C while leases are prepared: the report tells of them, and of nothing else.
func TestStoppedWhilePreparing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		n := newFakeNet((&server{t: t}).serve)
		n.delay = 100 * time.Millisecond
		var phases []string
		s := Scenario{Server: serverOf(FourOverSix), Storm: 1000, InFlight: 10, Progress: func(p Progress) { phases = append(phases, p.Phase) }}
		r, err := holdOn(ctx, s, n)
		if err == nil || !r.Interrupted || r.Begun != 0 || r.Prepared.Completed < 50 || r.Prepared.Completed > 80 {
			t.Errorf("%v %+v %+v", err, r, r.Prepared)
		}
		if phases[0] != "prepare" || phases[len(phases)-1] != "storm" {
			t.Errorf("%q", phases)
		}
	})
}

// A million leases take 18 octets each, and a number.
func TestBookIsSmall(t *testing.T) {
	c := clients{fixed: 1_000_000, keep: true}
	addr := serverAddr
	for range c.fixed {
		client, _, _ := c.take(FourOverSix)
		c.book.put(client, addr, 1)
		c.give(client, FourOverSix, true)
		addr = addr.Next()
	}
	size := 18*bookPart*len(c.book.parts) + 4*len(c.holders[FourOverSix].ring)
	if size > 25<<20 {
		t.Errorf("%d octets", size)
	}
	if got, id := c.book.get(999_999); got != addr.Prev() || id != 1 {
		t.Errorf("%v %d", got, id)
	}
	if _, holds, ok := c.take(FourOverSix); !holds || !ok {
		t.Error("who holds a lease is not found")
	}
}
