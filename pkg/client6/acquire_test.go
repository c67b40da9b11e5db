package client6

import (
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
