package client4

import (
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

func over6(o *Options) { o.FourOverSix, o.Broadcast, o.Probe = true, true, true }

// TestOver6: over DHCPv6 the machine waits for START, asks for no broadcast, probes
// nothing, and says unicast exactly of what would be (RFC 7341 §6.3).
func TestOver6(t *testing.T) {
	b := newBench(t, over6)
	b.step(Start{})
	b.step(Ready{})
	b.pass(time.Hour)
	b.in(Init)
	if len(b.sent) != 0 {
		t.Fatalf("sent before START: %v", b.sent)
	}
	var log []bool
	look := func(kind dhcp4.MessageType) *dhcp4.Message {
		s, q := b.last(kind)
		if q.Flags != 0 || q.GIAddr != netip.IPv4Unspecified() {
			t.Errorf("%v: flags %x, giaddr %v", kind, q.Flags, q.GIAddr)
		}
		log = append(log, s.Unicast)
		return q
	}
	hear := func(kind dhcp4.MessageType, q *dhcp4.Message) {
		b.step(Received{Data: reply(q, kind), From: netip.MustParseAddr("2001:db8::1")})
	}
	b.step(Ready{Up: true})
	hear(dhcp4.Offer, look(dhcp4.Discover))
	hear(dhcp4.Ack, look(dhcp4.Request))
	b.in(Bound)
	if len(b.probes) != 0 || b.record.Over != netip.MustParseAddr("2001:db8::1") {
		t.Errorf("probes %v, server %v", b.probes, b.record.Over)
	}
	b.pass(b.armed.Sub(b.now))
	b.in(Renewing)
	look(dhcp4.Request)
	for b.m.State() != Rebinding {
		b.pass(b.armed.Sub(b.now))
	}
	hear(dhcp4.Ack, look(dhcp4.Request))
	b.step(Release{})
	look(dhcp4.Release)
	if want := []bool{false, false, true, false, true}; len(log) != len(want) || log[2] != true || log[4] != true || log[0] || log[1] || log[3] {
		t.Errorf("unicast flags %v, want %v", log, want)
	}
}

// TestStopOver6: STOP ends all sending; the lease lives on until its end, and is
// verified when START comes.
func TestStopOver6(t *testing.T) {
	b := bound(t, nil, over6)
	b.step(Ready{})
	b.pass(40 * time.Minute)
	if len(b.sent) != 0 || b.host == nil {
		t.Errorf("after STOP: sent %d, host %v", len(b.sent), b.host)
	}
	b.step(Ready{Up: true})
	b.answer(dhcp4.Request, dhcp4.Ack)
	b.in(Bound)

	b.step(Ready{})
	b.step(Release{}) // waits for START
	b.in(Bound)
	b.step(Ready{Up: true})
	b.last(dhcp4.Release)
	b.in(Stopped)
}

// TestServersWithoutIdentifier: there are some over 4o6. What they are sent has no
// option 54 either, and cannot say that it is for one server.
func TestServersWithoutIdentifier(t *testing.T) {
	b := bound(t, []edit{without(54)}, over6)
	b.step(Renew{})
	s, q := b.last(dhcp4.Request)
	if s.Unicast || s.To != anyone || q.Has(dhcp4.OptServerID) {
		t.Errorf("renewal: unicast %v to %v", s.Unicast, s.To)
	}
	b.step(Received{Data: reply(q, dhcp4.Ack)}) // one that tells is as good
	b.in(Bound)
	b.step(Renew{})
	b.answer(dhcp4.Request, dhcp4.Ack, without(54)) // but one that is known has to say who it is
	b.in(Renewing)
	b.step(Release{})
	if s, q := b.last(dhcp4.Release); !s.Unicast || !q.Has(dhcp4.OptServerID) {
		t.Errorf("release: unicast %v", s.Unicast)
	}
}

// TestPortSet: option 159 where it was asked for (RFC 7618 §4); a share that cannot
// be read is not taken for the whole.
func TestPortSet(t *testing.T) {
	shares := func(o *Options) { o.FourOverSix, o.Request = true, append([]byte{159}, DefaultRequest...) }
	b := bound(t, []edit{with(159, 2, 4, 0x30, 0)}, shares)
	if p := b.host.PortSet; p.Offset != 2 || p.Len != 4 || p.ID != 3 {
		t.Errorf("port set %+v", p)
	}
	b = bound(t, []edit{with(159, 0, 16, 0xff, 0xff)}, shares)
	if p := b.host.PortSet; p.Offset != 0 || p.Len != 16 || p.ID != 0xffff {
		t.Errorf("port set %+v", p)
	}
	b = bound(t, []edit{with(159, 6, 0, 0, 0)}, shares)
	if !b.host.PortSet.Whole() {
		t.Errorf("port set %+v", b.host.PortSet)
	}
	for _, bad := range [][]byte{{2, 15, 0, 0}, {17, 0, 0, 0}, {0, 4, 0}, {0, 4, 0, 0, 0}, {}, {200, 100, 0, 0}} {
		b := started(t, shares)
		b.answer(dhcp4.Discover, dhcp4.Offer, with(159, bad...))
		b.in(Selecting)
	}
}

// TestSharedAddressIsNotProbed: others have it as well (RFC 7618 §5).
func TestSharedAddressIsNotProbed(t *testing.T) {
	b := bound(t, []edit{with(159, 2, 4, 0x30, 0)}, func(o *Options) { o.Probe, o.Request = true, []byte{1, 159} })
	if len(b.probes) != 0 {
		t.Errorf("probed %v", b.probes)
	}
}
