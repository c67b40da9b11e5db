package load

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// sends returns when one client of s sends its messages to nobody, and what
// they say of the time spent.
func sends(t *testing.T, s Scenario, name string) (at, spent []time.Duration, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		srv := &server{t: t, kind: s.Kind, drop: func(q query) bool { return q.name == name }}
		r := hold(t, s, newFakeNet(srv.serve))
		if r.Lost != 1 {
			t.Errorf("%+v", r)
		}
		for _, q := range srv.seen {
			if q.name == name {
				at, spent = append(at, q.at.Sub(start)), append(spent, q.spent)
			}
		}
		took = r.Took
	})
	return at, spent, took
}

// A DHCPv4 client waits 4, 8, 16, 32 and 64 seconds, each a second more or less
// (RFC 2131 §4.1), over IPv6 too; secs tells how long it has been at it.
func TestBackoffDHCPv4(t *testing.T) {
	for _, k := range []Kind{FourOverSix, V4} {
		for seed := range uint64(20) {
			at, spent, took := sends(t, Scenario{Kind: k, Clients: 1, Patience: Standard, Seed: seed + 1}, "DHCPDISCOVER")
			if len(at) != 5 {
				t.Fatalf("%v: sent at %v", k, at)
			}
			at = append(at, took)
			for i, base := range []time.Duration{4, 8, 16, 32, 64} {
				if off := at[i+1] - at[i] - base*time.Second; off < -time.Second || off > time.Second+100*time.Millisecond {
					t.Errorf("%v: wait %d is %v", k, i, at[i+1]-at[i])
				}
			}
			for i := range spent {
				if spent[i] != at[i].Truncate(time.Second) {
					t.Errorf("%v: secs %v after %v", k, spent[i], at[i])
				}
			}
		}
	}
}

// A DHCPREQUEST has the secs of the DHCPDISCOVER before it (RFC 2131 §3.1).
func TestSecsOfRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		dropped := 0
		srv.drop = func(q query) bool {
			dropped++
			return dropped <= 2 || dropped == 4
		}
		hold(t, Scenario{Clients: 1, Patience: Standard, Seed: 1}, newFakeNet(srv.serve))
		var secs []time.Duration
		for _, q := range srv.seen {
			secs = append(secs, q.spent)
		}
		if len(secs) != 5 || secs[2] < 11*time.Second || secs[3] != secs[2] || secs[4] != secs[2] {
			t.Errorf("%v", secs)
		}
	})
}

// DHCPv6 clients wait by IRT, MRT, MRC and MRD of RFC 9915 §7.6 with RAND of a
// tenth, the first Solicit never less than IRT; the Elapsed Time option tells
// how long the exchange has taken (§21.9).
func TestBackoffDHCPv6(t *testing.T) {
	const s = time.Second
	tests := []struct {
		act   Act
		name  string
		waits []time.Duration // without RAND; the last is what the limit leaves
		ends  time.Duration   // 0: with the count
	}{
		{ActLease, "SOLICIT", []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s}, 120 * s},
		{ActLease, "REQUEST", []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, 30 * s, 30 * s, 30 * s}, 0},
		{ActRenew, "RENEW", []time.Duration{10 * s, 20 * s, 40 * s}, 120 * s},
		{ActRebind, "REBIND", []time.Duration{10 * s, 20 * s, 40 * s}, 120 * s},
		{ActReturn, "CONFIRM", []time.Duration{s, 2 * s}, 10 * s},
		{ActRelease, "RELEASE", []time.Duration{s, 2 * s, 4 * s, 8 * s}, 0},
		{ActDecline, "DECLINE", []time.Duration{s, 2 * s, 4 * s, 8 * s}, 0},
		{ActInform, "INFORMATION-REQUEST", []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s}, 120 * s},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(20) {
				sc := Scenario{Kind: V6, Clients: 1, Patience: Standard, Seed: seed + 1, Mix: []Share{{V6, tt.act, 1}}}
				if tt.act != ActLease {
					sc.Prepare = 1
				}
				at, spent, took := sends(t, sc, tt.name)
				if tt.ends == 0 && len(at) != len(tt.waits) || len(at) < len(tt.waits) {
					t.Fatalf("sent at %v", at)
				}
				end := at[0] + took
				for i, base := range tt.waits {
					next := end
					if i+1 < len(at) {
						next = at[i+1]
					}
					// RAND adds up from wait to wait: at most a tenth of each
					slack := base/10*time.Duration(min(i+1, 4)) + time.Millisecond
					if wait := next - at[i]; wait < base-slack || wait > base+slack {
						t.Errorf("wait %d is %v, not about %v", i, wait, base)
					}
				}
				if tt.ends > 0 && (took < tt.ends || took > tt.ends+100*time.Millisecond) {
					t.Errorf("given up after %v", took)
				}
				if tt.name == "SOLICIT" && at[1]-at[0] < s {
					t.Errorf("the first Solicit is repeated after %v", at[1]-at[0])
				}
				for i := range spent {
					if want := (at[i] - at[0]).Truncate(10 * time.Millisecond); spent[i] != want {
						t.Errorf("elapsed time %v after %v", spent[i], want)
					}
				}
			}
		})
	}
}

// A time scale shortens waits, and what clients say of them stays.
func TestTimeScale(t *testing.T) {
	_, spent, took := sends(t, Scenario{Clients: 1, Patience: Standard, TimeScale: 0.01, Seed: 1}, "DHCPDISCOVER")
	if took < 1190*time.Millisecond || took > 1290*time.Millisecond || spent[4] < 56*time.Second || spent[4] > 65*time.Second {
		t.Errorf("took %v, secs %v", took, spent)
	}
}

// --retries and --give-up end a message sooner than the RFCs do.
func TestGivenUpSooner(t *testing.T) {
	if at, _, _ := sends(t, Scenario{Kind: V6, Clients: 1, Patience: Standard, Retries: 2}, "SOLICIT"); len(at) != 3 {
		t.Errorf("sent at %v", at)
	}
	if at, _, _ := sends(t, Scenario{Kind: V6, Clients: 1, Patience: Standard, Retries: -1}, "SOLICIT"); len(at) != 1 {
		t.Errorf("sent at %v", at)
	}
	if _, _, took := sends(t, Scenario{Kind: V6, Clients: 1, Patience: Standard, GiveUp: 5 * time.Second}, "SOLICIT"); took < 5*time.Second || took > 5100*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// An answer that comes after its message was sent again is good; one that comes
// after the next message was sent, or after the end, is stray.
func TestLateAndDoubleAnswers(t *testing.T) {
	for _, k := range []Kind{FourOverSix, V4, V6} {
		synctest.Test(t, func(t *testing.T) {
			srv := &server{t: t, kind: k}
			n := newFakeNet(srv.serve)
			n.delay = 1500 * time.Millisecond // after the first retransmission
			r := hold(t, Scenario{Kind: k, Clients: 10}, n)
			// each message is answered twice; the second answers to the last one
			// come when the run is over
			if r.Completed != 10 || r.Lost != 0 || r.Strays < 10 || r.Steps[0].Retransmitted != 10 || r.Steps[1].Retransmitted != 10 {
				t.Errorf("%v: %+v", k, r)
			}
			if r.Steps[0].Latency.P50 < 1500*time.Millisecond {
				t.Errorf("%v: latency from the retransmission: %+v", k, r.Steps[0].Latency)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			n := newFakeNet((&server{t: t, kind: k}).serve)
			n.delay = time.Minute // after everybody has given up
			r := hold(t, Scenario{Kind: k, Count: 20, InFlight: 4, Retries: 1}, n)
			if r.Completed != 0 || r.Lost != 20 {
				t.Errorf("%v: %+v", k, r)
			}
		})
	}
}

// Clients of a delayed run begin at random times within the delay.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{t: t}
		start := time.Now()
		r := hold(t, Scenario{Clients: 1000, InFlight: 1000, Delay: 10 * time.Second}, newFakeNet(srv.serve))
		if r.Completed != 1000 || r.Conversation.Max > time.Second {
			t.Errorf("%+v", r)
		}
		var bySecond [10]int
		for _, q := range srv.seen {
			if q.name == "DHCPDISCOVER" {
				bySecond[min(q.at.Sub(start)/time.Second, 9)]++
			}
		}
		for i, n := range bySecond {
			if n < 50 || n > 150 {
				t.Errorf("%s", fmt.Sprintf("second %d: %d of 1000", i, n))
			}
		}
	})
}
