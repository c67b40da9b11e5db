package client4

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// TestIPv6OnlyPreferred: RFC 8925 §3.2.
func TestIPv6OnlyPreferred(t *testing.T) {
	wants := func(o *Options) { o.V6Only = true }
	option := with(108, 0, 0, 0x0e, 0x10)
	t.Run("offer", func(t *testing.T) {
		b := started(t, wants)
		_, q := b.last(dhcp4.Discover)
		if list, _ := q.Option(dhcp4.OptParameterRequestList); !bytes.Contains(list, []byte{108}) {
			t.Errorf("asks for %v", list)
		}
		b.step(Received{Data: reply(q, dhcp4.Offer, giving(netip.IPv4Unspecified()), without(dhcp4.OptLeaseTime), option)})
		b.in(V6Only)
		b.wantReasons(hostconf.Preinit, hostconf.V6Only)
		b.pass(time.Hour - 1)
		b.in(V6Only)
		b.pass(1)
		b.in(Selecting)
	})
	t.Run("MIN_V6ONLY_WAIT", func(t *testing.T) {
		b := started(t, wants)
		b.answer(dhcp4.Discover, dhcp4.Offer, with(108, 0, 0, 0, 1))
		b.pass(5*time.Minute - 1)
		b.in(V6Only)
		b.pass(1)
		b.in(Selecting)
	})
	t.Run("network attachment ends the wait", func(t *testing.T) {
		b := started(t, wants)
		b.answer(dhcp4.Discover, dhcp4.Offer, option)
		b.step(Ready{})
		b.in(V6Only)
		b.step(Ready{Up: true})
		b.in(Selecting)
	})
	t.Run("renewal", func(t *testing.T) {
		b := bound(t, nil, wants)
		b.step(Renew{})
		b.answer(dhcp4.Request, dhcp4.Ack, option)
		b.in(V6Only)
		b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.V6Only)
		b.last(dhcp4.Release)
		if b.host != nil || b.record != nil {
			t.Error("the address is kept")
		}
	})
	for name, e := range map[string]edit{"of two octets": with(108, 1, 2), "empty": with(108)} {
		b := started(t, wants)
		b.answer(dhcp4.Discover, dhcp4.Offer, e)
		if b.m.State() != Requesting {
			t.Errorf("%s: %v", name, b.m.State())
		}
	}
	b := started(t) // who has not asked does not listen
	b.answer(dhcp4.Discover, dhcp4.Offer, option)
	b.in(Requesting)
}
