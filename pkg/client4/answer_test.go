package client4

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// TestAnswersThatAreIgnored: an answer is to the question that was asked last, by
// whom it was asked of, for what was asked for.
func TestAnswersThatAreIgnored(t *testing.T) {
	header := func(f func(h *dhcp4.Message)) edit { return func(w *dhcp4.Builder) { f(&w.Header) } }
	hwAddr := func(a ...byte) edit { return func(w *dhcp4.Builder) { w.SetCHAddr(a) } }
	everywhere := []State{Selecting, Requesting, Renewing, Rebinding, Rebooting, Informing}
	leases := everywhere[:5]
	tests := []struct {
		name string
		in   []State
		edit edit
	}{
		{"a query", everywhere, header(func(h *dhcp4.Message) { h.Op = dhcp4.BootRequest })},
		{"another transaction", everywhere, header(func(h *dhcp4.Message) { h.XID++ })},
		{"another hardware address", everywhere, hwAddr(2, 0, 0, 0, 0, 0x0b)},
		{"no hardware address", everywhere, hwAddr()},
		{"another client identifier", everywhere, with(61, 1, 2, 3)},
		{"no server identifier", everywhere, without(54)},
		{"a server identifier of three octets", everywhere, with(54, 192, 0, 2)},
		{"a server identifier of 0.0.0.0", everywhere, with(54, 0, 0, 0, 0)},
		{"a server identifier of multicast", everywhere, with(54, 224, 0, 0, 1)},
		{"a server identifier of loopback", everywhere, with(54, 127, 0, 0, 1)},
		{"another server", []State{Requesting, Renewing}, from(otherAddr)},
		{"no message type", everywhere, without(53)},
		{"DHCPFORCERENEW", everywhere, with(53, byte(dhcp4.ForceRenew))},
		{"DHCPRELEASE", everywhere, with(53, byte(dhcp4.Release))},
		{"DHCPACK to DHCPDISCOVER", []State{Selecting}, with(53, byte(dhcp4.Ack))},
		{"DHCPNAK to DHCPDISCOVER", []State{Selecting}, with(53, byte(dhcp4.Nak))},
		{"DHCPOFFER to DHCPREQUEST", everywhere[1:], with(53, byte(dhcp4.Offer))},
		{"DHCPNAK of another server", []State{Requesting, Renewing}, func(w *dhcp4.Builder) {
			with(53, byte(dhcp4.Nak))(w)
			from(otherAddr)(w)
		}},
		{"another address", []State{Requesting, Renewing, Rebinding, Rebooting}, giving(otherAddr)},
		{"no address", leases, giving(netip.IPv4Unspecified())},
		{"a broadcast address", leases, giving(netip.MustParseAddr("255.255.255.255"))},
		{"a multicast address", leases, giving(netip.MustParseAddr("224.0.0.1"))},
		{"a loopback address", leases, giving(netip.MustParseAddr("127.0.0.5"))},
		{"an address of network 0", leases, giving(netip.MustParseAddr("0.0.0.5"))},
		{"an address of class E", leases, giving(netip.MustParseAddr("250.0.0.5"))},
		{"the broadcast address of its network", leases[:1], func(w *dhcp4.Builder) {
			giving(netip.MustParseAddr("192.0.2.79"))(w)
			with(1, 255, 255, 255, 240)(w)
		}},
		{"the server's own address", leases, func(w *dhcp4.Builder) {
			giving(leaseAddr)(w)
			from(leaseAddr)(w)
		}},
		{"no lifetime", leases, without(51)},
		{"a lifetime of nothing", leases, lasting(0)},
		{"a lifetime of a second", leases, lasting(1)},
		{"a lifetime of two octets", leases, with(51, 1, 1)},
		{"a share of an address", leases, with(159, 2, 4, 0x30, 0)},
	}
	for _, test := range tests {
		for _, state := range test.in {
			b, q := asking(t, state)
			kind := dhcp4.Ack
			if state == Selecting {
				kind = dhcp4.Offer
			}
			applied := len(b.applied)
			b.step(Received{Data: reply(q, kind, test.edit)})
			if b.m.State() != state || len(b.applied) != applied || len(b.sent) != 0 || !slices.Contains(b.notes, "answer ignored") {
				t.Errorf("%v, %s: not ignored: %v", state, test.name, b.m.State())
			}
			b.step(Received{Data: reply(q, kind)}) // the good one comes after all
			if b.m.State() == state {
				t.Errorf("%v, %s: the good answer was ignored too: %v", state, test.name, b.notes[len(b.notes)-1])
			}
		}
	}
}

// asking returns a bench that waits for an answer in a state, and its query.
func asking(t *testing.T, s State) (*bench, *dhcp4.Message) {
	t.Helper()
	var b *bench
	switch s {
	case Selecting:
		b = started(t)
	case Requesting:
		b = started(t)
		b.answer(dhcp4.Discover, dhcp4.Offer)
	case Renewing, Rebinding:
		b = bound(t, nil)
		for b.m.State() != s {
			b.pass(b.armed.Sub(b.now))
		}
	case Rebooting:
		b = started(t, func(o *Options) { o.Record = bound(t, nil).record })
	case Informing:
		b = started(t, func(o *Options) { o.Inform = netip.MustParsePrefix("192.0.2.9/24") })
		_, q := b.last(dhcp4.Inform)
		return b, q
	}
	b.in(s)
	if s == Selecting {
		_, q := b.last(dhcp4.Discover)
		return b, q
	}
	_, q := b.last(dhcp4.Request)
	return b, q
}

// TestNobodyAsked: in states that wait for no answer nothing that comes does anything.
func TestNobodyAsked(t *testing.T) {
	b := bound(t, nil)
	var w dhcp4.Builder
	w.Header.HType, w.Header.XID = 1, b.m.xid
	w.SetCHAddr(testMAC)
	w.Query(dhcp4.Request, nil)
	var q dhcp4.Message
	if err := q.Parse(w.Bytes()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []dhcp4.MessageType{dhcp4.Offer, dhcp4.Ack, dhcp4.Nak, dhcp4.ForceRenew} {
		b.step(Received{Data: reply(&q, kind)}) // the answer comes twice, or somebody makes mischief
		b.in(Bound)
	}
	if len(b.applied) != 2 || len(b.sent) != 0 {
		t.Errorf("applied %v, sent %d", b.reasons(), len(b.sent))
	}
	b.step(Received{Data: []byte("nonsense")})
	b.step(Received{})
	b.in(Bound)
}

// TestLateAnswer: an answer that comes when the lease is over is not taken.
func TestLateAnswer(t *testing.T) {
	b, q := asking(t, Rebinding)
	b.now = b.m.lease.end
	b.step(Received{Data: reply(q, dhcp4.Ack)})
	b.in(Selecting)
	if b.host != nil {
		t.Error("the host has an address")
	}

	b, q = asking(t, Requesting)
	b.now = b.now.Add(3 * time.Second)
	b.step(Received{Data: reply(q, dhcp4.Ack, lasting(2))}) // counted from the DHCPREQUEST
	b.in(Selecting)
	if b.host != nil {
		t.Error("the host has an address")
	}
}

// TestClientIdentifierComesBack: a server that echoes it is checked, one that does
// not is believed (RFC 6842 §3).
func TestClientIdentifierComesBack(t *testing.T) {
	b := started(t)
	b.answer(dhcp4.Discover, dhcp4.Offer, without(61))
	b.in(Requesting)
	b = started(t, func(o *Options) { o.ClientID = nil })
	b.answer(dhcp4.Discover, dhcp4.Offer, with(61, 1, 2))
	b.in(Selecting)
}
