package client6

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// The four messages of a first lease (RFC 9915 §18.2.1, §18.2.2), and its renewal.
func TestLeaseAndRenewal(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.start()
	s := l.until(dhcp6.Solicit)
	if s.at.Before(begin) || s.at.After(begin.Add(time.Second)) {
		t.Errorf("first Solicit after %v", s.at.Sub(begin))
	}
	l.hear(answerTo(s, dhcp6.Advertise, lease1()))
	l.want(Soliciting) // others may offer too
	r := l.until(dhcp6.Request)
	if id, _ := r.Options.Option(dhcp6.OptServerID); string(id) != string(server1) {
		t.Errorf("Request to %x", id)
	}
	acts := l.hear(answerTo(r, dhcp6.Reply, lease1()))
	l.want(Bound)
	l.wantHas(addr1)
	if c := l.applied(); c.Reason != hostconf.Bound6 || c.Old != nil {
		t.Errorf("%+v", c)
	}
	if w := of[Watch](acts); len(w) != 1 || w[0].Addrs[0].String() != addr1 {
		t.Errorf("watched: %v", w)
	}
	got := l.now
	n := l.until(dhcp6.Renew)
	if d := n.at.Sub(got); d != 1000*time.Second {
		t.Errorf("Renew after %v", d)
	}
	acts = l.hear(answerTo(n, dhcp6.Reply, lease1()))
	l.want(Bound)
	if c := l.applied(); c.Reason != hostconf.Renew6 || len(of[Watch](acts)) != 0 {
		t.Errorf("%+v", c)
	}
}

// What is saved is on file before the host is changed: a crash between the two leaves
// no address that nobody knows of.
func TestSavedBeforeApplied(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1())
	save := slices.IndexFunc(l.acts, func(a Action) bool { _, ok := a.(Save); return ok })
	apply := slices.IndexFunc(l.acts, func(a Action) bool { a, ok := a.(Apply); return ok && a.(Apply).New != nil })
	if save < 0 || save > apply {
		t.Errorf("saved at %d, applied at %d", save, apply)
	}
}

// Messages hold what RFC 9915 §18.2 demands, and no more.
func TestWhatMessagesHold(t *testing.T) {
	o := Options{IAs: []IA{na, pd}, RapidCommit: true, Reconfigure: true, FourOverSix: true, FQDN: "host.example.org",
		UserClass: []string{"a", "bc"}, VendorClass: []VendorClass{{Enterprise: 32473, Classes: []string{"box"}}},
		Request: []dhcp6.Code{dhcp6.OptDNSServers, dhcp6.OptDNSServers, dhcp6.OptIANA, dhcp6.OptInformationRefreshTime}}
	l := newLab(t, o)
	l.start()
	codes := func(m *message) (all []dhcp6.Code) {
		for c := range m.Options.All {
			all = append(all, c)
		}
		return all
	}
	oro := func(m *message) []dhcp6.Code {
		v, _ := m.Options.Option(dhcp6.OptORO)
		return slices.Collect(dhcp6.Codes(v).All)
	}
	check := func(m *message, want []dhcp6.Code, asked ...dhcp6.Code) {
		t.Helper()
		if got := codes(m); !slices.Equal(got, want) {
			t.Errorf("%s holds %v, want %v", m.Type, got, want)
		}
		if got := oro(m); !slices.Equal(got, asked) {
			t.Errorf("%s asks for %v, want %v", m.Type, got, asked)
		}
	}
	const (
		cid, sid, time, asks = dhcp6.OptClientID, dhcp6.OptServerID, dhcp6.OptElapsedTime, dhcp6.OptORO
		accept, user, vendor = dhcp6.OptReconfAccept, dhcp6.OptUserClass, dhcp6.OptVendorClass
		fqdn, ian, iap       = dhcp6.OptClientFQDN, dhcp6.OptIANA, dhcp6.OptIAPD
	)
	stateful := []dhcp6.Code{dhcp6.OptDNSServers, dhcp6.OptDHCP4oDHCP6Server, dhcp6.OptClientFQDN, dhcp6.OptSolMaxRT}
	give := slices.Concat(lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:ff00::/56", 3000, 4000)))

	s := l.until(dhcp6.Solicit)
	check(s, []dhcp6.Code{cid, time, asks, accept, user, vendor, fqdn, dhcp6.OptRapidCommit, ian, iap}, stateful...)
	l.hear(answerTo(s, dhcp6.Advertise, give, opt(dhcp6.OptPreference, 255)))
	r := l.until(dhcp6.Request)
	check(r, []dhcp6.Code{cid, sid, time, asks, accept, user, vendor, fqdn, ian, iap}, stateful...)
	l.hear(answerTo(r, dhcp6.Reply, give))
	n := l.until(dhcp6.Renew)
	check(n, []dhcp6.Code{cid, sid, time, asks, accept, user, vendor, fqdn, ian, iap}, stateful...)
	b := l.until(dhcp6.Rebind)
	check(b, []dhcp6.Code{cid, time, asks, accept, user, vendor, fqdn, ian, iap}, stateful...)
	l.hear(answerTo(b, dhcp6.Reply, give))
	l.tell(Inform{})
	i := l.until(dhcp6.InformationRequest)
	check(i, []dhcp6.Code{cid, time, asks, accept, user, vendor}, dhcp6.OptDNSServers, dhcp6.OptDHCP4oDHCP6Server, dhcp6.OptClientFQDN,
		dhcp6.OptInformationRefreshTime, dhcp6.OptInfMaxRT)
	l.hear(answerTo(i, dhcp6.Reply))
	l.tell(DAD{netip.MustParseAddr(addr1), true})
	d := l.until(dhcp6.Decline)
	check(d, []dhcp6.Code{cid, sid, time, ian})
	l.hear(answerTo(d, dhcp6.Reply))
	l.tell(Release{})
	check(l.until(dhcp6.Release), []dhcp6.Code{cid, sid, time, iap})

	c := newLab(t, Options{IAs: []IA{na}})
	c.bound(lease1())
	c.tell(Ready{false})
	c.tell(Ready{true})
	check(c.until(dhcp6.Confirm), []dhcp6.Code{cid, time, ian})
}

// Hints of the options stand in the Solicit; times in IAs are 0 (RFC 9915 §21.4, §21.6,
// §21.22).
func TestHints(t *testing.T) {
	long := IA{Kind: PD, IAID: 2, Hint: netip.MustParsePrefix("2001:db8:aa00::/48")}
	l := newLab(t, Options{IAs: []IA{{Kind: NA, IAID: 1, Hint: netip.MustParsePrefix(addr1 + "/128")}, pd, long, ta}})
	l.start()
	s := l.until(dhcp6.Solicit)
	var got []string
	for c, v := range s.Options.All {
		switch c {
		case dhcp6.OptIANA:
			ia, _ := dhcp6.ParseIANA(v)
			a, _ := ia.Options.Option(dhcp6.OptIAAddr)
			x, err := dhcp6.ParseIAAddr(a)
			if err != nil || ia.T1 != 0 || ia.T2 != 0 || x.Valid != 0 {
				t.Errorf("%+v %+v %v", ia, x, err)
			}
			got = append(got, x.Addr.String())
		case dhcp6.OptIAPD:
			ia, _ := dhcp6.ParseIAPD(v)
			a, _ := ia.Options.Option(dhcp6.OptIAPrefix)
			x, err := dhcp6.ParseIAPrefix(a)
			if err != nil {
				t.Error(err)
			}
			got = append(got, x.Prefix.String())
		case dhcp6.OptIATA:
			ia, _ := dhcp6.ParseIATA(v)
			if ia.IAID != 7 || len(ia.Options) != 0 {
				t.Errorf("%+v", ia)
			}
		}
	}
	if want := []string{addr1, "::/56", "2001:db8:aa00::/48"}; !slices.Equal(got, want) {
		t.Errorf("hints %v, want %v", got, want)
	}
}

// The server is chosen by preference, then by what it offers (RFC 9915 §18.2.9).
func TestChoiceOfServer(t *testing.T) {
	one := func(opts ...[]byte) []byte { return slices.Concat(append(opts, lease1())...) }
	both := func(opts ...[]byte) []byte {
		return slices.Concat(append(opts, lease1(), iaPD(1, 0, 0, prefix("2001:db8:f::/48", 10, 20)))...)
	}
	hinted := func(opts ...[]byte) []byte {
		return slices.Concat(append(opts, lease1(), iaPD(1, 0, 0, prefix("2001:db8:f::/56", 10, 20)))...)
	}
	dns := opt(dhcp6.OptDNSServers, netip.MustParseAddr("2001:db8::53").AsSlice()...)
	pref := func(n byte) []byte { return opt(dhcp6.OptPreference, n) }
	tests := []struct {
		name          string
		first, second []byte
		want          dhcp6.DUID
	}{
		{"the first of equals", one(), one(), server1},
		{"a higher preference", both(), one(pref(1)), server2},
		{"no preference is 0", one(pref(1)), both(), server1},
		{"more of the IAs", one(), both(), server2},
		{"the length that was hinted at", both(), hinted(), server2},
		{"more of the options", one(), one(dns), server2},
		{"preference 255 at once", one(), one(pref(255)), server2},
		{"preference 255 without anything", one(), slices.Concat(pref(255), iaNA(1, 0, 0)), server1},
		{"failed", one(), slices.Concat(pref(9), status(dhcp6.UnspecFail), lease1()), server1},
		{"no addresses", one(), slices.Concat(pref(9), iaNA(1, 0, 0, status(dhcp6.NoAddrsAvail))), server1},
		{"an address and a failure", one(), slices.Concat(pref(9), iaNA(1, 0, 0, addr(addr1, 1, 2), status(dhcp6.NoAddrsAvail))), server1},
		{"preference of two octets is none", one(pref(1)), slices.Concat(opt(dhcp6.OptPreference, 0, 255), both()), server1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na, pd}})
			l.start()
			s := l.until(dhcp6.Solicit)
			l.hear(answerTo(s, dhcp6.Advertise, tt.first))
			l.hear(answerTo(s, dhcp6.Advertise, tt.second).by(server2))
			at := l.now
			r := l.until(dhcp6.Request)
			if id, _ := r.Options.Option(dhcp6.OptServerID); string(id) != string(tt.want) {
				t.Errorf("asked %s", id[6:])
			}
			if wait := r.at.Sub(at); tt.name == "preference 255 at once" != (wait == 0) {
				t.Errorf("asked after %v", wait)
			}
		})
	}
}

// Without an answer in the first RT, the next Advertise is taken at once (RFC 9915
// §18.2.1); one that is of no use does not start the RT anew.
func TestFirstAdvertiseAfterTheFirstRT(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.start()
	l.until(dhcp6.Solicit)
	s := l.until(dhcp6.Solicit)
	due := l.at
	l.now = l.now.Add(100 * time.Millisecond)
	l.hear(answerTo(s, dhcp6.Advertise, iaNA(1, 0, 0, status(dhcp6.NoAddrsAvail))))
	if l.at != due {
		t.Error("a useless Advertise has moved the timer")
	}
	l.hear(answerTo(s, dhcp6.Advertise, lease1()))
	l.want(Requesting)
	if r := l.sent(dhcp6.Request); r == nil || !r.at.Equal(l.now) {
		t.Error("no Request at once")
	}
}

// A Reply commits at once where both sides want it so (RFC 9915 §18.2.1).
func TestRapidCommit(t *testing.T) {
	rapid := opt(dhcp6.OptRapidCommit)
	tests := []struct {
		name  string
		asked bool
		reply [][]byte
		want  State
	}{
		{"wanted and done", true, [][]byte{lease1(), rapid}, Bound},
		{"not asked for", false, [][]byte{lease1(), rapid}, Soliciting},
		{"not done", true, [][]byte{lease1()}, Soliciting},
		{"with nothing in it", true, [][]byte{iaNA(1, 0, 0, status(dhcp6.NoAddrsAvail)), rapid}, Soliciting},
		{"not on this link", true, [][]byte{status(dhcp6.NotOnLink), rapid}, Soliciting},
		{"failed", true, [][]byte{status(dhcp6.UnspecFail), lease1(), rapid}, Soliciting},
		{"an option of some length", true, [][]byte{lease1(), opt(dhcp6.OptRapidCommit, 1)}, Soliciting},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na}, RapidCommit: tt.asked})
			l.start()
			l.hear(answerTo(l.until(dhcp6.Solicit), dhcp6.Reply, tt.reply...))
			l.want(tt.want)
		})
	}
}

// A Reply to the Solicit that comes while the Request waits is not of its transaction
// (RFC 9915 §18.2.1 leaves the choice).
func TestLateRapidReply(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}, RapidCommit: true})
	l.start()
	s := l.until(dhcp6.Solicit)
	l.hear(answerTo(s, dhcp6.Advertise, lease1(), opt(dhcp6.OptPreference, 255)))
	l.hear(answerTo(s, dhcp6.Reply, lease1(), opt(dhcp6.OptRapidCommit)).by(server2))
	l.want(Requesting)
	l.wantHas()
}

// A server that does not grant what it has offered gives way to the next one, and the
// last of them to a new Solicit (RFC 9915 §18.2.2).
func TestNextServer(t *testing.T) {
	tests := []struct {
		name  string
		reply []byte // nil: no answer
		times int    // each server is asked
	}{
		{"no answer", nil, 10},
		{"no addresses", iaNA(1, 0, 0, status(dhcp6.NoAddrsAvail)), 1},
		{"not on this link, of the IA", iaNA(1, 0, 0, status(dhcp6.NotOnLink)), 1},
		{"not on this link, at the top", status(dhcp6.NotOnLink), 1},
		{"an empty IA", iaNA(1, 0, 0), 1},
		{"no IA", status(dhcp6.Success), 1},
		{"no address at the top", status(dhcp6.NoAddrsAvail), 1},
		{"UnspecFail", status(dhcp6.UnspecFail), 10},
		{"UseMulticast", status(dhcp6.UseMulticast), 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na}})
			l.start()
			s := l.until(dhcp6.Solicit)
			l.hear(answerTo(s, dhcp6.Advertise, lease1()))
			l.hear(answerTo(s, dhcp6.Advertise, lease1()).by(server2))
			l.tick()
			asked := make(map[string]int)
			for l.m.State() == Requesting {
				r := l.sent(dhcp6.Request)
				if r == nil {
					l.tick()
					continue
				}
				server, _ := r.Options.Option(dhcp6.OptServerID)
				if asked[string(server)]++; tt.reply != nil {
					l.hear(answerTo(r, dhcp6.Reply, tt.reply).by(server))
				}
			}
			if asked[string(server1)] != tt.times || asked[string(server2)] != tt.times {
				t.Errorf("asked %v, want %d times each", asked, tt.times)
			}
			l.want(Soliciting)
			l.until(dhcp6.Solicit)
			l.wantHas()
		})
	}
}
