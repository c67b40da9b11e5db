package client6

import (
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

func dns(all ...string) []byte {
	var v []byte
	for _, a := range all {
		v = append(v, addrOf(a).AsSlice()...)
	}
	return opt(dhcp6.OptDNSServers, v...)
}

// Configuration alone, and when it is asked for again (RFC 9915 §18.2.6, §21.23).
func TestInformationRequest(t *testing.T) {
	tests := []struct {
		name    string
		refresh []byte
		most    time.Duration
		want    time.Duration // 0: never
	}{
		{"as said", opt32(32, 1200), 0, 1200 * time.Second},
		{"not said", nil, 0, 86400 * time.Second},
		{"too soon", opt32(32, 599), 0, 600 * time.Second},
		{"never", opt32(32, forever), 0, 0},
		{"never, with a bound of ours", opt32(32, forever), time.Hour, time.Hour},
		{"with a bound of ours", opt32(32, 7200), time.Hour, time.Hour},
		{"sooner than our bound", opt32(32, 1200), time.Hour, 1200 * time.Second},
		{"a bound that is too short", opt32(32, 1200), time.Second, 600 * time.Second},
		{"a length that cannot be", opt(32, 1, 2), 0, 86400 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na}, InfoOnly: true, MaxRefresh: tt.most})
			l.start()
			i := l.until(dhcp6.InformationRequest)
			if d := i.at.Sub(begin); d > time.Second || i.Options.Has(dhcp6.OptIANA) {
				t.Errorf("after %v, with %v", d, i.Options)
			}
			l.hear(answerTo(i, dhcp6.Reply, dns("2001:db8::53"), tt.refresh))
			l.want(Informed)
			if c := l.applied(); c.Reason != hostconf.Renew6 || len(c.New.DNS) != 1 {
				t.Errorf("%+v", c)
			}
			if tt.want == 0 {
				if !l.at.IsZero() {
					t.Errorf("armed for %v", l.at)
				}
				return
			}
			got := l.now
			again := l.until(dhcp6.InformationRequest)
			if d := again.at.Sub(got); d < tt.want || d > tt.want+time.Second {
				t.Errorf("again after %v", d)
			}
			l.hear(answerTo(again, dhcp6.Reply))
			if c := l.applied(); len(c.Old.DNS) != 1 || len(c.New.DNS) != 0 {
				t.Errorf("an option that is not given any more is used: %+v", c.New)
			}
		})
	}
}

// An operator's question beside leases changes nothing but the configuration, and does
// not hold up their renewal.
func TestInformBesideLeases(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1(), dns("2001:db8::53"))
	l.tell(Inform{})
	i := l.until(dhcp6.InformationRequest)
	l.wantHas(addr1)
	l.hear(answerTo(i, dhcp6.Reply, dns("2001:db8::54"), lease1()).by(server2))
	l.want(Bound)
	l.wantHas(addr1)
	if s := l.m.applied; s.DNS[0].String() != "2001:db8::54" || string(l.m.server) != string(server1) {
		t.Errorf("%+v", s)
	}
	l.tell(Inform{})
	if m := l.until(dhcp6.Renew); m.at.Sub(begin) > 1010*time.Second {
		t.Errorf("Renew after %v", m.at.Sub(begin))
	}
}

// Options that a Reply to a Renew lacks are not used any more (RFC 9915 §18.2.10.5),
// those of an answer that failed stay.
func TestOptionsAreRevoked(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1(), dns("2001:db8::53"))
	n := l.until(dhcp6.Renew)
	l.hear(answerTo(n, dhcp6.Reply, status(dhcp6.UnspecFail)))
	if len(l.m.settings().DNS) != 1 {
		t.Error("a failure has taken the resolver")
	}
	l.hear(answerTo(n, dhcp6.Reply, lease1()))
	if len(l.m.applied.DNS) != 0 {
		t.Error("the resolver is still used")
	}
}

// Servers4o6 follows option 88: it comes, changes, goes, with the lease and the link too
// (RFC 7341 §7.2).
func TestServers4o6(t *testing.T) {
	list := func(all ...string) []byte {
		var v []byte
		for _, a := range all {
			v = append(v, addrOf(a).AsSlice()...)
		}
		return opt(dhcp6.OptDHCP4oDHCP6Server, v...)
	}
	steps := []struct {
		name  string
		renew []byte // option 88 in the next Reply
		event Event
		known bool
		addrs []string
		told  bool // anything at all
	}{
		{name: "one server", renew: list("2001:db8::46"), known: true, addrs: []string{"2001:db8::46"}, told: true},
		{name: "the same", renew: list("2001:db8::46"), known: true},
		{name: "two", renew: list("2001:db8::46", "2001:db8::47"), known: true, addrs: []string{"2001:db8::46", "2001:db8::47"}, told: true},
		{name: "by multicast", renew: list(), known: true, told: true},
		{name: "not a multiple of 16", renew: opt(dhcp6.OptDHCP4oDHCP6Server, 1, 2, 3), told: true},
		{name: "by multicast again", renew: list(), known: true, told: true},
		{name: "withdrawn", renew: []byte{}, told: true},
		{name: "nobody's address", renew: list("::")},
		{name: "a group's", renew: list("ff02::1:2"), known: true, addrs: []string{"ff02::1:2"}, told: true},
		{name: "the link goes", event: Ready{false}, told: true},
		{name: "the link is back, not yet confirmed", event: Ready{true}},
	}
	l := newLab(t, Options{IAs: []IA{na}, FourOverSix: true})
	l.bound(lease1())
	for _, tt := range steps {
		l.acts = nil
		if tt.event != nil {
			l.tell(tt.event)
		} else {
			l.tell(Renew{})
			l.hear(answerTo(l.until(dhcp6.Renew), dhcp6.Reply, lease1(), tt.renew))
			l.want(Bound)
		}
		all := of[Servers4o6](l.acts)
		if tt.told != (len(all) == 1) {
			t.Fatalf("%s: told %v", tt.name, all)
		}
		if !tt.told {
			continue
		}
		var addrs []string
		for _, a := range all[0].Addrs {
			addrs = append(addrs, a.String())
		}
		if all[0].Known != tt.known || !slices.Equal(addrs, tt.addrs) {
			t.Errorf("%s: %v", tt.name, all[0])
		}
	}
	acts := l.hear(answerTo(l.until(dhcp6.Confirm), dhcp6.Reply))
	if all := of[Servers4o6](acts); len(all) != 1 || !all[0].Known {
		t.Errorf("confirmed: %v", all)
	}
	if all := of[Servers4o6](l.tell(Release{})); len(all) != 1 || all[0].Known {
		t.Errorf("released: %v", all)
	}

	l = newLab(t, Options{FourOverSix: true})
	l.start()
	acts = l.hear(answerTo(l.until(dhcp6.InformationRequest), dhcp6.Reply, list()))
	if all := of[Servers4o6](acts); len(all) != 1 || !all[0].Known {
		t.Errorf("without leases: %v", all)
	}
	l = newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1(), list())
	if all := of[Servers4o6](l.acts); len(all) != 0 {
		t.Errorf("not asked for: %v", all)
	}
}
