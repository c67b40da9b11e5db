package client6

import (
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// The host stops using leases before they are released, whatever the server says to it
// the client is done, and the leases are forgotten (RFC 9915 §18.2.7, §18.2.10.2).
func TestRelease(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer []byte
	}{{"Success", status(dhcp6.Success)}, {"NoBinding", status(dhcp6.NoBinding)}, {"UnspecFail", status(dhcp6.UnspecFail)}} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na, pd}})
			l.bound(lease1())
			acts := l.tell(Release{})
			apply := slices.IndexFunc(acts, func(a Action) bool { _, ok := a.(Apply); return ok })
			send := slices.IndexFunc(acts, func(a Action) bool { _, ok := a.(Send); return ok })
			if apply < 0 || send < apply {
				t.Errorf("applied at %d, sent at %d", apply, send)
			}
			if c := l.applied(); c.Reason != hostconf.Release6 || c.New != nil || c.Old == nil {
				t.Errorf("%+v", c)
			}
			r := l.until(dhcp6.Release)
			if r.Options.Has(dhcp6.OptIAPD) {
				t.Error("an IA without leases is released")
			}
			acts = l.hear(answerTo(r, dhcp6.Reply, tt.answer))
			l.want(Stopped)
			saved := of[Save](acts)
			if _, done := acts[len(acts)-1].(Done); len(saved) != 1 || saved[0].Record != nil || !done {
				t.Errorf("%v", acts)
			}
		})
	}
}

// Without an answer the client ends after the fourth Release, without a link at once,
// before one after a while.
func TestReleaseWithoutAnswer(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1())
	l.tell(Release{})
	for l.m.State() != Stopped {
		l.tick()
	}
	l = newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1())
	l.tell(Release{})
	l.tell(Ready{false})
	l.want(Stopped)

	before := newLab(t, Options{IAs: []IA{na}})
	before.bound(lease1())
	for _, up := range []bool{true, false} { // of the record alone
		l = newLab(t, Options{IAs: []IA{na}, Record: lastSaved(before)})
		l.now = before.now.Add(time.Minute)
		began := l.now
		l.tell(Release{})
		if c := l.applied(); c.Reason != hostconf.Release6 || c.Old == nil {
			t.Errorf("%+v", c)
		}
		if up {
			l.tell(Ready{true})
			l.hear(answerTo(l.until(dhcp6.Release), dhcp6.Reply))
		} else {
			l.tick()
		}
		if l.want(Stopped); !up && l.now.Sub(began) != patience {
			t.Errorf("gave up after %v", l.now.Sub(began))
		}
	}
	l = newLab(t, Options{IAs: []IA{na}})
	l.tell(Release{})
	l.want(Stopped)
}

// The client that is stopped leaves its leases in the record, and the host as it was
// before, unless it is to stay as it is.
func TestStop(t *testing.T) {
	for _, stay := range []bool{false, true} {
		l := newLab(t, Options{IAs: []IA{na}, Stay: stay})
		l.bound(lease1())
		n := len(of[Apply](l.acts))
		acts := l.tell(Stop{})
		l.want(Stopped)
		if len(of[Save](acts)) != 0 || len(of[Done](acts)) != 1 {
			t.Errorf("%v", acts)
		}
		if stay != (len(of[Apply](l.acts)) == n) || !stay && l.applied().Reason != hostconf.Stop6 {
			t.Errorf("stay %v: %v", stay, l.applied())
		}
		if l.tell(Timer{}) != nil || l.tell(Start{}) != nil {
			t.Error("a stopped machine does something")
		}
	}
}

// Who is stopped while it gives its leases back has none: the server may have given
// them to others by now (RFC 9915 §18.2.7).
func TestStopWhileReleasing(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1())
	l.tell(Release{})
	if l.sent(dhcp6.Release) == nil {
		t.Fatal("no Release")
	}
	l.tell(Stop{})
	l.want(Stopped)
	if all := of[Save](l.acts); all[len(all)-1].Record != nil {
		t.Errorf("kept %+v", all[len(all)-1].Record)
	}
}

// An address that another node has is taken from the host at once and declined; the
// rest stays (RFC 9915 §18.2.8).
func TestDecline(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na, pd}})
	l.bound(iaNA(1, 1000, 2000, addr(addr1, 3000, 4000), addr(addr2, 3000, 4000)), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000)))
	l.tell(DAD{addrOf(addr2), false})
	l.want(Bound)
	l.tell(DAD{addrOf("2001:db8::dead"), true}) // not ours
	l.want(Bound)
	l.tell(DAD{addrOf(addr1), true})
	l.want(Declining)
	l.wantHas(addr2, "2001:db8:f::/56")
	d := l.until(dhcp6.Decline)
	v, _ := d.Options.Option(dhcp6.OptIANA)
	ia, _ := dhcp6.ParseIANA(v)
	a, _ := ia.Options.Option(dhcp6.OptIAAddr)
	if x, err := dhcp6.ParseIAAddr(a); err != nil || x.Addr.String() != addr1 || ia.Options.Len() != 1 || d.Options.Has(dhcp6.OptIAPD) {
		t.Errorf("declined: %v", ia)
	}
	l.hear(answerTo(d, dhcp6.Reply, iaNA(1, 0, 0, status(dhcp6.NoBinding))))
	l.want(Bound)
	l.wantHas(addr2, "2001:db8:f::/56")
}

// With nothing left the client begins anew, not at once, and slower each time that the
// server gives the same.
func TestDeclineOfAll(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	var waits []time.Duration
	l.start()
	for range 6 {
		began := l.now
		l.hear(answerTo(l.until(dhcp6.Solicit), dhcp6.Advertise, lease1(), opt(dhcp6.OptPreference, 255)))
		waits = append(waits, l.now.Sub(began))
		l.hear(answerTo(l.until(dhcp6.Request), dhcp6.Reply, lease1()))
		l.tell(DAD{addrOf(addr1), true})
		l.wantHas()
		l.hear(answerTo(l.until(dhcp6.Decline), dhcp6.Reply))
		l.want(Soliciting)
	}
	for i := 1; i < len(waits); i++ {
		if least := time.Second << i; waits[i] < least || waits[i] > least+3*time.Second {
			t.Errorf("waits of %v", waits)
		}
	}
}

// Duplicate address detection that ends while something else goes on waits for that.
func TestDeclineWaits(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(iaNA(1, 1000, 2000, addr(addr1, 3000, 4000), addr(addr2, 3000, 4000)))
	n := l.until(dhcp6.Renew)
	l.tell(DAD{addrOf(addr1), true})
	l.want(Renewing)
	l.wantHas(addr2)
	l.hear(answerTo(n, dhcp6.Reply, iaNA(1, 1000, 2000, addr(addr2, 3000, 4000))))
	l.want(Declining)
	l.tell(DAD{addrOf(addr2), true}) // and the other one too
	d := l.until(dhcp6.Decline)
	v, _ := d.Options.Option(dhcp6.OptIANA)
	if ia, _ := dhcp6.ParseIANA(v); ia.Options.Count(dhcp6.OptIAAddr) != 2 {
		t.Error("not both are declined")
	}
	l.hear(answerTo(d, dhcp6.Reply))
	l.want(Soliciting)
}
