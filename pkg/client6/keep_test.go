package client6

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// A lease's life without any server: Renew at T1, Rebind at T2, DEPREF6 when it is not
// preferred any more, EXPIRE6 at its end, then a new Solicit that asks for the same.
func TestLifeWithoutServer(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1())
	got := l.now
	at := func(s int) time.Time { return got.Add(time.Duration(s) * time.Second) }
	if m := l.until(dhcp6.Renew); !m.at.Equal(at(1000)) {
		t.Errorf("Renew at %v", m.at)
	}
	if m := l.until(dhcp6.Rebind); !m.at.Equal(at(2000)) {
		t.Errorf("Rebind at %v", m.at)
	}
	l.pass(at(3000).Sub(l.now))
	if c := l.applied(); c.Reason != hostconf.Depref6 {
		t.Errorf("%s at the end of the preferred lifetime", c.Reason)
	}
	l.wantHas(addr1)
	l.pass(at(4000).Sub(l.now))
	if c := l.applied(); c.Reason != hostconf.Expire6 || c.New != nil || c.Old == nil {
		t.Errorf("%+v at the end", c)
	}
	l.want(Soliciting)
	s := l.until(dhcp6.Solicit)
	v, _ := s.Options.Option(dhcp6.OptIANA)
	ia, _ := dhcp6.ParseIANA(v)
	a, _ := ia.Options.Option(dhcp6.OptIAAddr)
	if x, err := dhcp6.ParseIAAddr(a); err != nil || x.Addr.String() != addr1 {
		t.Errorf("hint %v", x.Addr)
	}
}

// T1 and T2, and what the client makes of zero, of infinity, of disorder (RFC 9915
// §7.7, §14.2, §21.4).
func TestT1T2(t *testing.T) {
	inf := uint32(forever)
	tests := []struct {
		name           string
		t1, t2         uint32
		preferred      uint32
		valid          uint32
		renew, rebind  time.Duration // 0: never
		passedOver     bool
		kind           IAKind
		another, other uint32 // T1 and T2 of a second IA; 0: there is none
	}{
		{name: "as said", t1: 10, t2: 20, preferred: 30, valid: 40, renew: 10, rebind: 20},
		{name: "both left open", preferred: 1000, valid: 4000, renew: 500, rebind: 800},
		{name: "T1 left open", t2: 600, preferred: 1000, valid: 4000, renew: 500, rebind: 600},
		{name: "T1 left open, T2 soon", t2: 60, preferred: 1000, valid: 4000, renew: 60, rebind: 60},
		{name: "T2 left open", t1: 300, preferred: 1000, valid: 4000, renew: 300, rebind: 800},
		{name: "T2 left open, T1 late", t1: 900, preferred: 1000, valid: 4000, renew: 900, rebind: 900},
		{name: "nothing preferred", preferred: 0, valid: 4000, renew: 2000, rebind: 3200},
		{name: "not at once", preferred: 4, valid: 40, renew: 10, rebind: 10},
		{name: "never", t1: inf, t2: inf, preferred: inf, valid: inf},
		{name: "left open, for ever", preferred: inf, valid: inf},
		{name: "T1 after T2", t1: 20, t2: 10, preferred: 30, valid: 40, passedOver: true},
		{name: "the earliest of two", t1: 100, t2: 300, preferred: 900, valid: 900, another: 200, other: 250, renew: 100, rebind: 250},
		{name: "an IA_TA has none", preferred: 1000, valid: 2000, kind: TA, renew: 500, rebind: 800},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na, ta, pd}})
			give := iaNA(1, tt.t1, tt.t2, addr(addr1, tt.preferred, tt.valid))
			if tt.kind == TA {
				give = iaTA(7, addr(addr1, tt.preferred, tt.valid))
			}
			if tt.another > 0 {
				give = append(give, iaPD(1, tt.another, tt.other, prefix("2001:db8:f::/56", 900, 900))...)
			}
			l.start()
			l.hear(answerTo(l.until(dhcp6.Solicit), dhcp6.Advertise, give, opt(dhcp6.OptPreference, 255)))
			if tt.passedOver {
				l.want(Soliciting)
				return
			}
			l.hear(answerTo(l.until(dhcp6.Request), dhcp6.Reply, give))
			l.want(Bound)
			for _, x := range []struct {
				got  time.Time
				want time.Duration
			}{{l.m.t1(), tt.renew}, {l.m.t2(), tt.rebind}} {
				if x.want == 0 != x.got.IsZero() || x.want > 0 && x.got.Sub(l.now) != x.want*time.Second {
					t.Errorf("%v, want %v", x.got.Sub(l.now), x.want*time.Second)
				}
			}
			if tt.renew == 0 && !l.at.IsZero() {
				t.Errorf("armed for %v", l.at)
			}
		})
	}
}

// What a Reply to a Renew makes of the leases (RFC 9915 §18.2.10.1).
func TestReplyToRenew(t *testing.T) {
	const more = "2001:db8:1::30"
	tests := []struct {
		name  string
		reply [][]byte
		has   []string
		state State
	}{
		{"extended", [][]byte{iaNA(1, 1000, 2000, addr(addr1, 3000, 4000), addr(addr2, 3000, 4000))}, []string{addr1, addr2}, Bound},
		{"added", [][]byte{iaNA(1, 1000, 2000, addr(addr1, 3000, 4000), addr(addr2, 1, 1), addr(more, 3000, 4000))}, []string{addr1, addr2, more}, Bound},
		{"discarded", [][]byte{iaNA(1, 1000, 2000, addr(addr1, 3000, 4000), addr(addr2, 0, 0))}, []string{addr1}, Bound},
		{"left out", [][]byte{iaNA(1, 1000, 2000, addr(addr1, 3000, 4000))}, []string{addr1, addr2}, Bound},
		{"all discarded", [][]byte{iaNA(1, 1000, 2000, addr(addr1, 0, 0), addr(addr2, 0, 0))}, nil, Soliciting},
		{"preferred for longer than valid", [][]byte{iaNA(1, 1000, 2000, addr(addr1, 5000, 4000), addr(addr2, 3000, 4000))}, []string{addr1, addr2}, Bound},
		{"an address that failed", [][]byte{iaNA(1, 1000, 2000, dhcp6.IAAddr{Addr: addrOf(more), Preferred: 1, Valid: 9, Options: status(dhcp6.UnspecFail)}.Append(nil), addr(addr1, 3, 4))}, []string{addr1, addr2}, Bound},
		{"NoBinding", [][]byte{iaNA(1, 0, 0, status(dhcp6.NoBinding))}, []string{addr1, addr2}, Requesting},
		{"NoAddrsAvail", [][]byte{iaNA(1, 0, 0, status(dhcp6.NoAddrsAvail))}, []string{addr1, addr2}, Renewing},
		{"UnspecFail", [][]byte{status(dhcp6.UnspecFail), iaNA(1, 1000, 2000, addr(more, 3000, 4000))}, []string{addr1, addr2}, Renewing},
		{"UseMulticast", [][]byte{status(dhcp6.UseMulticast)}, []string{addr1, addr2}, Renewing},
		{"no IA", nil, []string{addr1, addr2}, Renewing},
		{"an empty IA", [][]byte{iaNA(1, 1000, 2000)}, []string{addr1, addr2}, Renewing},
		{"T1 after T2", [][]byte{iaNA(1, 9, 8, addr(addr1, 3000, 4000))}, []string{addr1, addr2}, Renewing},
		{"another IA", [][]byte{iaNA(2, 1000, 2000, addr(more, 3000, 4000))}, []string{addr1, addr2}, Renewing},
		{"another kind", [][]byte{iaTA(1, addr(more, 3000, 4000))}, []string{addr1, addr2}, Renewing},
		{"an IA that cannot be read", [][]byte{opt(dhcp6.OptIANA, 0, 0, 0, 1)}, []string{addr1, addr2}, Renewing},
		{"two statuses", [][]byte{iaNA(1, 1, 2, addr(more, 3, 4), status(0), status(0))}, []string{addr1, addr2}, Renewing},
		{"a status that cannot be read", [][]byte{iaNA(1, 1, 2, addr(more, 3, 4), opt(dhcp6.OptStatusCode, 1))}, []string{addr1, addr2}, Renewing},
		{"the IA twice", [][]byte{iaNA(1, 1000, 2000, addr(addr1, 3000, 4000)), iaNA(1, 1, 2, addr(more, 3, 4))}, []string{addr1, addr2}, Bound},
		{"the address twice", [][]byte{iaNA(1, 1000, 2000, addr(addr1, 3000, 4000), addr(addr1, 0, 0))}, []string{addr1, addr2}, Bound},
		{"a group", [][]byte{iaNA(1, 1000, 2000, addr("ff02::1", 3000, 4000), addr(addr1, 9, 9))}, []string{addr1, addr2}, Bound},
		{"nobody's", [][]byte{iaNA(1, 1000, 2000, addr("::", 3, 4), addr("::1", 3, 4), addr("fe80::1", 3, 4), addr("::ffff:192.0.2.1", 3, 4))}, []string{addr1, addr2}, Renewing},
		{"a prefix in an IA_NA", [][]byte{iaNA(1, 1000, 2000, prefix("2001:db8:f::/56", 3, 4))}, []string{addr1, addr2}, Renewing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na, pd}})
			l.bound(iaNA(1, 1000, 2000, addr(addr1, 3000, 4000), addr(addr2, 3000, 4000)))
			l.hear(answerTo(l.until(dhcp6.Renew), dhcp6.Reply, tt.reply...))
			l.want(tt.state)
			l.wantHas(tt.has...)
		})
	}
}

// A server that has forgotten a binding is sent a Request for all IAs; what it does not
// give again then is gone, the rest stays in use (RFC 9915 §18.2.10.1).
func TestNoBinding(t *testing.T) {
	forgotten := slices.Concat(iaNA(1, 0, 0, status(dhcp6.NoBinding)), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000)))
	tests := []struct {
		name  string
		reply []byte // nil: no answer
		has   []string
	}{
		{"given again", slices.Concat(lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000))), []string{addr1, "2001:db8:f::/56"}},
		{"another is given", iaNA(1, 1000, 2000, addr(addr2, 3000, 4000)), []string{addr2, "2001:db8:f::/56"}},
		{"not given again", iaNA(1, 0, 0, status(dhcp6.NoAddrsAvail)), []string{"2001:db8:f::/56"}},
		{"no word of it", iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000)), []string{"2001:db8:f::/56"}},
		{"NoBinding once more", iaNA(1, 0, 0, status(dhcp6.NoBinding)), []string{"2001:db8:f::/56"}},
		{"no answer", nil, []string{"2001:db8:f::/56"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na, pd}})
			l.bound(lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000)))
			l.until(dhcp6.Renew)
			l.hear(answerTo(l.until(dhcp6.Rebind), dhcp6.Reply, forgotten).by(server2))
			l.want(Requesting)
			l.wantHas(addr1, "2001:db8:f::/56")
			r := l.until(dhcp6.Request)
			if id, _ := r.Options.Option(dhcp6.OptServerID); string(id) != string(server2) {
				t.Errorf("asked %x", id)
			}
			if r.Options.Count(dhcp6.OptIANA) != 1 || r.Options.Count(dhcp6.OptIAPD) != 1 {
				t.Error("not all IAs are asked for")
			}
			if tt.reply != nil {
				l.hear(answerTo(r, dhcp6.Reply, tt.reply).by(server2))
			} else {
				for l.m.State() == Requesting {
					l.tick()
				}
			}
			l.want(Bound)
			l.wantHas(tt.has...)
		})
	}
}

// A server that says nothing of an IA leaves it to expire; it is asked at the pace of
// the exchange, and what it has extended is good (RFC 9915 §18.2.10.1).
func TestIALeftOut(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na, pd}})
	l.bound(lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000)))
	got, messages := l.now, 0
	for messages < 100 && (l.now.Before(got.Add(4500*time.Second)) || l.m.State() != Bound) {
		m := l.sent(dhcp6.Renew)
		if m == nil {
			m = l.sent(dhcp6.Rebind)
		}
		if m == nil {
			l.tick()
			continue
		}
		messages++
		l.hear(answerTo(m, dhcp6.Reply, iaNA(1, 1000, 2000, addr(addr1, 3000, 4000))))
	}
	l.wantHas(addr1)
	l.want(Bound)
	if messages > 30 {
		t.Errorf("%d messages", messages)
	}
}

// Another server that answers a Rebind is the one that is asked from then on.
func TestRebindChangesTheServer(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1())
	n := l.until(dhcp6.Renew)
	l.hear(answerTo(n, dhcp6.Reply, lease1()).by(server2))
	l.want(Renewing) // was not asked
	b := l.until(dhcp6.Rebind)
	l.hear(answerTo(n, dhcp6.Reply, lease1()))
	l.want(Rebinding) // too late
	l.hear(answerTo(b, dhcp6.Reply, lease1()).by(server2))
	l.want(Bound)
	if c := l.applied(); c.Reason != hostconf.Rebind6 {
		t.Errorf("%s", c.Reason)
	}
	if id, _ := l.until(dhcp6.Renew).Options.Option(dhcp6.OptServerID); string(id) != string(server2) {
		t.Errorf("asked %x", id)
	}
}

// IAs for which there was nothing are asked for again in Renew, with the wanted length
// and nothing else (RFC 9915 §18.2, §18.2.4).
func TestMissingIAIsAskedForAgain(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na, pd}})
	l.bound(lease1(), iaPD(1, 0, 0, status(dhcp6.NoPrefixAvail)))
	l.wantHas(addr1)
	n := l.until(dhcp6.Renew)
	v, _ := n.Options.Option(dhcp6.OptIAPD)
	ia, _ := dhcp6.ParseIAPD(v)
	p, _ := ia.Options.Option(dhcp6.OptIAPrefix)
	if x, err := dhcp6.ParseIAPrefix(p); err != nil || x.Prefix != pd.Hint {
		t.Errorf("%v %v", x.Prefix, err)
	}
	l.hear(answerTo(n, dhcp6.Reply, lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000))))
	l.wantHas(addr1, "2001:db8:f::/56")
}

// Confirm and its answers (RFC 9915 §18.2.3, §18.2.10.3): after a restart nothing is on
// the host before a server, or the silence of all, has said that it is good.
func TestConfirm(t *testing.T) {
	tests := []struct {
		name    string
		answers []dhcp6.Status
		state   State
		has     []string
	}{
		{"good", []dhcp6.Status{dhcp6.Success}, Bound, []string{addr1}},
		{"not on this link", []dhcp6.Status{dhcp6.NotOnLink}, Soliciting, nil},
		{"one no, one yes", []dhcp6.Status{dhcp6.NotOnLink, dhcp6.Success}, Bound, []string{addr1}},
		{"one yes, one no", []dhcp6.Status{dhcp6.Success, dhcp6.NotOnLink}, Bound, []string{addr1}},
		{"no answer", nil, Bound, []string{addr1}},
		{"a failure is no answer", []dhcp6.Status{dhcp6.UnspecFail}, Bound, []string{addr1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := newLab(t, Options{IAs: []IA{na}})
			before.bound(lease1())
			l := newLab(t, Options{IAs: []IA{na}, Record: lastSaved(before)})
			l.now = before.now.Add(100 * time.Second)
			l.start()
			c := l.until(dhcp6.Confirm)
			if l.has() != nil {
				t.Errorf("the host has %v", l.has())
			}
			for _, s := range tt.answers {
				l.hear(answerTo(c, dhcp6.Reply, status(s)))
			}
			for l.m.State() == Confirming {
				l.tick()
			}
			l.want(tt.state)
			l.wantHas(tt.has...)
			if tt.has == nil {
				v, _ := l.until(dhcp6.Solicit).Options.Option(dhcp6.OptIANA)
				if ia, _ := dhcp6.ParseIANA(v); len(ia.Options) > 0 {
					t.Error("an address of another link is hinted at")
				}
				return
			}
			if c := l.applied(); c.Reason != hostconf.Bound6 {
				t.Errorf("%s", c.Reason)
			}
			if m := l.until(dhcp6.Renew); m.at.Sub(before.now).Round(time.Millisecond) != 1000*time.Second {
				t.Errorf("Renew after %v", m.at.Sub(before.now))
			}
		})
	}
}

// With prefixes a Rebind asks the same (RFC 9915 §18.2.12).
func TestVerifyWithPrefixes(t *testing.T) {
	give := slices.Concat(lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000)))
	tests := []struct {
		name  string
		reply []byte // nil: no answer
		state State
		has   []string
	}{
		{"good", give, Bound, []string{addr1, "2001:db8:f::/56"}},
		{"no answer", nil, Bound, []string{addr1, "2001:db8:f::/56"}},
		{"another prefix", slices.Concat(lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 0, 0), prefix("2001:db8:e::/56", 3000, 4000))), Bound, []string{addr1, "2001:db8:e::/56"}},
		{"not here", slices.Concat(iaNA(1, 0, 0, addr(addr1, 0, 0)), iaPD(1, 0, 0, prefix("2001:db8:f::/56", 0, 0))), Soliciting, nil},
		{"forgotten", slices.Concat(iaNA(1, 0, 0, status(dhcp6.NoBinding)), iaPD(1, 0, 0, status(dhcp6.NoBinding))), Requesting, nil},
		{"no word of it", status(dhcp6.Success), Bound, []string{addr1, "2001:db8:f::/56"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := newLab(t, Options{IAs: []IA{na, pd}})
			before.bound(give)
			l := newLab(t, Options{IAs: []IA{na, pd}, Record: lastSaved(before)})
			l.now = before.now.Add(100 * time.Second)
			l.start()
			r := l.until(dhcp6.Rebind)
			l.want(Verifying)
			if tt.reply != nil {
				l.hear(answerTo(r, dhcp6.Reply, tt.reply))
			}
			for l.m.State() == Verifying {
				l.tick()
			}
			l.want(tt.state)
			l.wantHas(tt.has...)
		})
	}
}

// A link that goes and comes back has the leases verified; while it is away they expire.
func TestLinkGoesAndComes(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1())
	l.tell(Ready{false})
	l.want(Init)
	l.wantHas(addr1)
	l.pass(1500 * time.Second)
	if l.last = nil; l.m.State() != Init {
		t.Errorf("%s without a link", l.m.State())
	}
	l.tell(Ready{true})
	acts := l.hear(answerTo(l.until(dhcp6.Confirm), dhcp6.Reply))
	l.want(Renewing) // T1 is over
	if len(of[Watch](acts)) != 1 {
		t.Error("a kernel looks for duplicates anew when the link comes back")
	}
	l.tell(Ready{false})
	l.pass(3000 * time.Second)
	l.wantHas()
	l.tell(Ready{true})
	l.want(Soliciting)
}

// lastSaved returns the last record, as it comes out of a file.
func lastSaved(l *lab) *Record {
	l.t.Helper()
	all := of[Save](l.acts)
	if len(all) == 0 {
		l.t.Fatal("nothing was saved")
	}
	text, err := all[len(all)-1].Record.AppendText(nil)
	if err != nil {
		l.t.Fatal(err)
	}
	r, err := ParseRecord(text)
	if err != nil {
		l.t.Fatalf("%v in\n%s", err, text)
	}
	return r
}

// What stands in the record is taken up as far as it is ours, wanted, and not over.
func TestRecordIsTakenUp(t *testing.T) {
	before := newLab(t, Options{IAs: []IA{na, pd}})
	before.bound(lease1(), iaPD(1, 5000, 6000, prefix("2001:db8:f::/56", 9000, 9000)), opt32(82, 100),
		opt(dhcp6.OptDNSServers, addrOf("2001:db8::53").AsSlice()...))
	tests := []struct {
		name  string
		o     Options
		after time.Duration
		first dhcp6.MessageType
		notes int
	}{
		{"soon", Options{IAs: []IA{na, pd}}, time.Minute, dhcp6.Rebind, 0},
		{"the address is over", Options{IAs: []IA{na, pd}}, 5000 * time.Second, dhcp6.Rebind, 0},
		{"all is over", Options{IAs: []IA{na, pd}}, 10000 * time.Second, dhcp6.Solicit, 0},
		{"the prefix is not wanted any more", Options{IAs: []IA{na}}, time.Minute, dhcp6.Confirm, 0},
		{"other IAs", Options{IAs: []IA{{Kind: NA, IAID: 9}}}, time.Minute, dhcp6.Solicit, 0},
		{"another client", Options{IAs: []IA{na}, DUID: []byte("\x00\x03\x00\x01another")}, time.Minute, dhcp6.Solicit, 1},
		{"the clock went back", Options{IAs: []IA{na, pd}}, -time.Hour, dhcp6.Solicit, 1},
		{"configuration alone", Options{IAs: []IA{na, pd}, InfoOnly: true}, time.Minute, dhcp6.InformationRequest, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Record = lastSaved(before)
			l := newLab(t, tt.o)
			l.now = before.now.Add(tt.after)
			l.start()
			l.until(tt.first)
			warned := 0
			for _, n := range of[Note](l.acts) {
				if n.Level > 0 {
					warned++
				}
			}
			if warned != tt.notes {
				t.Errorf("%d warnings", warned)
			}
			if mine := tt.name != "another client"; mine != (l.m.solMaxRT == 100) {
				t.Errorf("SOL_MAX_RT %d", l.m.solMaxRT)
			}
		})
	}
}

// An address is a prefix of 128 bits on the host, whatever the network's is (RFC 9915
// §18.2.10.1); terms go with it.
func TestSettingsOfLeases(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na, pd, ta}})
	l.bound(lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", forever, forever)), iaTA(7, addr(addr2, 100, 200)))
	if d := l.m.t1().Sub(l.now); d != 1000*time.Second {
		t.Errorf("a temporary address has everything renewed after %v", d)
	}
	s := l.m.applied
	if len(s.Addresses) != 2 || len(s.Prefixes) != 1 {
		t.Fatalf("%+v", s)
	}
	a, b, p := s.Addresses[0], s.Addresses[1], s.Prefixes[0]
	if a.Prefix != netip.MustParsePrefix(addr1+"/128") || a.IAID != 1 || a.Temporary || !b.Temporary || b.IAID != 7 {
		t.Errorf("%+v %+v", a, b)
	}
	if !a.Starts.Equal(l.now) || a.Renew != 1000*time.Second || a.Rebind != 2000*time.Second || a.Valid.Sub(l.now) != 4000*time.Second {
		t.Errorf("%+v", a)
	}
	if !p.Valid.IsZero() || !p.Preferred.IsZero() {
		t.Errorf("%+v", p)
	}
}
