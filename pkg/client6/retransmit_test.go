package client6

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// times returns when the messages of a type are sent while nobody answers, as long as
// the client stays in a state.
func (l *lab) times(kind dhcp6.MessageType, s State, most int) (at []time.Time) {
	l.t.Helper()
	for len(at) < most && l.m.State() == s {
		if m := l.sent(kind); m != nil {
			at = append(at, m.at)
		} else {
			l.tick()
		}
	}
	return at
}

// Each RT is twice the one before, a tenth of that more or less, up to MRT (RFC 9915
// §15); the numbers are those of §7.6 and §18.2.
func TestRetransmission(t *testing.T) {
	tests := []struct {
		name     string
		kind     dhcp6.MessageType
		state    State
		irt, mrt time.Duration // mrt 0: no bound
		delay    time.Duration
		count    int           // messages; 0: without end
		mrd      time.Duration // 0: without end
		into     func(*lab)
	}{
		{name: "Solicit", kind: dhcp6.Solicit, state: Soliciting, irt: time.Second, mrt: time.Hour, delay: time.Second,
			into: func(l *lab) { l.start() }},
		{name: "Request", kind: dhcp6.Request, state: Requesting, irt: time.Second, mrt: 30 * time.Second, count: 10,
			into: func(l *lab) {
				l.start()
				l.hear(answerTo(l.until(dhcp6.Solicit), dhcp6.Advertise, lease1(), opt(dhcp6.OptPreference, 255)))
			}},
		{name: "Confirm", kind: dhcp6.Confirm, state: Confirming, irt: time.Second, mrt: 4 * time.Second, delay: time.Second, mrd: 10 * time.Second,
			into: func(l *lab) { l.bound(lease1()); l.tell(Ready{false}); l.tell(Ready{true}) }},
		{name: "Rebind that verifies", kind: dhcp6.Rebind, state: Verifying, irt: time.Second, mrt: 4 * time.Second, delay: time.Second, mrd: 10 * time.Second,
			into: func(l *lab) {
				l.bound(iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000)))
				l.tell(Ready{false})
				l.tell(Ready{true})
			}},
		{name: "Renew", kind: dhcp6.Renew, state: Renewing, irt: 10 * time.Second, mrt: 600 * time.Second, mrd: 30000 * time.Second,
			into: func(l *lab) { l.bound(iaNA(1, 10000, 40000, addr(addr1, 50000, 60000))); l.tick() }},
		{name: "Rebind", kind: dhcp6.Rebind, state: Rebinding, irt: 10 * time.Second, mrt: 600 * time.Second, mrd: 20000 * time.Second,
			into: func(l *lab) { l.bound(iaNA(1, 10000, 40000, addr(addr1, 60000, 60000))); l.until(dhcp6.Rebind) }},
		{name: "Information-request", kind: dhcp6.InformationRequest, state: Informing, irt: time.Second, mrt: time.Hour, delay: time.Second,
			into: func(l *lab) { l.m.ias = nil; l.start() }},
		{name: "Release", kind: dhcp6.Release, state: Releasing, irt: time.Second, count: 4,
			into: func(l *lab) { l.bound(lease1()); l.tell(Release{}) }},
		{name: "Decline", kind: dhcp6.Decline, state: Declining, irt: time.Second, count: 4,
			into: func(l *lab) { l.bound(lease1()); l.tell(DAD{addrOf(addr1), true}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(20) {
				l := newLab(t, Options{IAs: []IA{na, pd}, Rand: rand.New(rand.NewPCG(seed, 7))})
				tt.into(l)
				entered := l.now
				at := l.times(tt.kind, tt.state, 200)
				ended := l.now
				if tt.name == "Rebind" { // into has taken the first
					at = append([]time.Time{entered}, at...)
				}
				if tt.name == "Renew" || tt.delay == 0 {
					entered = at[0]
				}
				if d := at[0].Sub(entered); d > tt.delay {
					t.Errorf("delay of %v", d)
				}
				if tt.count > 0 && len(at) != tt.count {
					t.Errorf("%d messages, want %d", len(at), tt.count)
				}
				if tt.mrd > 0 && ended.Sub(at[0]) != tt.mrd {
					t.Errorf("ended after %v, want %v", ended.Sub(at[0]), tt.mrd)
				}
				if tt.count > 0 {
					at = append(at, ended) // the last RT is waited for too
				}
				checkRTs(t, at, tt.irt, tt.mrt, tt.kind == dhcp6.Solicit)
			}
		})
	}
}

func checkRTs(t *testing.T, at []time.Time, irt, mrt time.Duration, above bool) {
	t.Helper()
	between := func(rt, of time.Duration, n float64) bool {
		return float64(rt) >= (n-0.1001)*float64(of) && float64(rt) <= (n+0.1001)*float64(of)
	}
	prev := time.Duration(0)
	for i := 1; i < len(at); i++ {
		rt := at[i].Sub(at[i-1])
		switch {
		case i == 1 && above && rt <= irt:
			t.Errorf("first RT %v is not above IRT", rt)
		case i == 1 && !between(rt, irt, 1):
			t.Errorf("first RT %v", rt)
		case i > 1 && !between(rt, prev, 2) && (mrt == 0 || !between(rt, mrt, 1)):
			t.Errorf("RT %d is %v after %v", i, rt, prev)
		}
		prev = rt
	}
}

// The transaction id stays, the elapsed time grows, up to what its field holds (RFC 9915
// §15, §16.1, §21.9).
func TestTransactionAndElapsedTime(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.start()
	first := l.until(dhcp6.Solicit)
	for range 14 {
		m := l.until(dhcp6.Solicit)
		v, _ := m.Options.Option(dhcp6.OptElapsedTime)
		want := min(m.at.Sub(first.at)/(10*time.Millisecond), 0xffff)
		if m.XID != first.XID || be.Uint16(v) != uint16(want) {
			t.Errorf("transaction %x, elapsed %d, want %d", m.XID, be.Uint16(v), want)
		}
	}
	if v, _ := first.Options.Option(dhcp6.OptElapsedTime); be.Uint16(v) != 0 {
		t.Errorf("elapsed time %x in the first", v)
	}
	l.tell(Renew{})
	if again := l.until(dhcp6.Solicit); again.XID == first.XID {
		t.Error("another exchange has the same transaction")
	}
}

// SOL_MAX_RT and INF_MAX_RT: from 60 to 86400, from messages that are of no other use
// too; of Advertises when they agree (RFC 9915 §18.2.9, §21.24, §21.25).
func TestMaxRT(t *testing.T) {
	tests := []struct {
		name string
		says [][]byte // one Advertise each
		want uint32
	}{
		{"nothing", [][]byte{nil}, 3600},
		{"59", [][]byte{opt32(82, 59)}, 3600},
		{"60", [][]byte{opt32(82, 60)}, 60},
		{"86400", [][]byte{opt32(82, 86400)}, 86400},
		{"86401", [][]byte{opt32(82, 86401)}, 3600},
		{"three octets", [][]byte{opt(82, 0, 1, 0)}, 3600},
		{"one voice", [][]byte{opt32(82, 100), opt32(82, 100)}, 100},
		{"one of two speaks", [][]byte{opt32(82, 100), nil}, 100},
		{"two voices", [][]byte{opt32(82, 100), opt32(82, 200)}, 3600},
		{"two voices and the first again", [][]byte{opt32(82, 100), opt32(82, 200), opt32(82, 100)}, 3600},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na}})
			l.start()
			s := l.until(dhcp6.Solicit)
			for i, says := range tt.says {
				l.hear(answerTo(s, dhcp6.Advertise, status(dhcp6.NoAddrsAvail), says).by([]byte{0, 9, byte(i)}))
			}
			if l.m.solMaxRT != tt.want {
				t.Errorf("%d, want %d", l.m.solMaxRT, tt.want)
			}
			at := l.times(dhcp6.Solicit, Soliciting, 30)
			if rt := at[29].Sub(at[28]).Seconds() / float64(tt.want); rt < 0.89 || rt > 1.11 {
				t.Errorf("the longest RT is %v", at[29].Sub(at[28]))
			}
		})
	}
	l := newLab(t, Options{})
	l.start()
	l.hear(answerTo(l.until(dhcp6.InformationRequest), dhcp6.Reply, status(dhcp6.UnspecFail), opt32(83, 77)))
	l.want(Informing)
	if l.m.infMaxRT != 77 || l.m.x.mrt != 77*time.Second {
		t.Errorf("INF_MAX_RT %d", l.m.infMaxRT)
	}
}

// However servers and operators press, no more than 20 messages leave in any 20
// seconds, but for the filled bucket at the start (RFC 9915 §14.1).
func TestRateLimit(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1())
	var at []time.Time
	for l.now.Before(begin.Add(5 * time.Minute)) {
		l.tell(Renew{})
		if m := l.sent(dhcp6.Renew); m != nil {
			at = append(at, m.at)
			l.hear(answerTo(m, dhcp6.Reply, lease1()))
		}
		l.now = l.now.Add(50 * time.Millisecond)
		if !l.at.After(l.now) {
			l.tell(Timer{})
		}
	}
	if n := len(at); n < 250 || n > 320 {
		t.Errorf("%d messages in 5 minutes", n)
	}
	for i := 40; i < len(at); i++ {
		if d := at[i].Sub(at[i-20]); d < 20*time.Second-100*time.Millisecond {
			t.Fatalf("21 messages in %v", d)
		}
	}
}

// A server that offers what it then does not grant is not asked again and again.
func TestSetbacksSlowDown(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.start()
	n := 0
	for l.now.Before(begin.Add(time.Hour)) {
		if m := l.sent(dhcp6.Solicit); m != nil {
			l.hear(answerTo(m, dhcp6.Advertise, lease1(), opt(dhcp6.OptPreference, 255)))
		} else if m := l.sent(dhcp6.Request); m != nil {
			n++
			l.hear(answerTo(m, dhcp6.Reply, iaNA(1, 0, 0, status(dhcp6.NoAddrsAvail))))
		} else {
			l.tick()
		}
	}
	if n < 8 || n > 14 {
		t.Errorf("%d rounds in an hour", n)
	}
}
