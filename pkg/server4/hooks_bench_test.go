package server4

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// idle are functions that do nothing, at every point of packets.
func idle() *Hooks {
	at := func(*Exchange) NextStep { return Continue }
	of := func(*Exchange, *lease.Lease) NextStep { return Continue }
	return &Hooks{
		BufferReceive: at, PacketReceive: at, SubnetSelect: at, LeaseOffer: at, PacketSend: at, BufferSend: at,
		HostIdentifier: func(*Exchange) (id topology.Identifier, ok bool) { return },
		NameUpdate:     func(*Exchange, *NameUpdate) {},
		LeaseSelect:    func(*Exchange, *lease.Lease, bool) NextStep { return Continue },
		LeaseRenew:     of, LeaseRelease: of, LeaseDecline: of,
	}
}

// BenchmarkHooks is a renewal through all steps: without hook functions, with some
// that do nothing, and with one that may park.
func BenchmarkHooks(b *testing.B) {
	for _, bb := range []struct {
		name  string
		hooks *Hooks
	}{
		{"none", nil},
		{"empty", new(Hooks)},
		{"one that may park", &Hooks{SubnetSelect: func(*Exchange) NextStep { return Continue }}},
		{"all but leases4_committed", idle()},
	} {
		b.Run(bb.name, func(b *testing.B) {
			h := newNowhere(b, net1())
			h.s.Hook(bb.hooks)
			q := query{kind: dhcp4.Request, hw: hwA, giaddr: "192.0.2.9", ciaddr: "192.0.2.100", opts: busy}
			in := []transport.Datagram{q.datagram(b)}
			b.ReportAllocs()
			for b.Loop() {
				if len(h.native(in...)) != 1 {
					b.Fatal("no reply")
				}
			}
		})
	}
}

// TestHooksAllocate: no packet costs memory because of hook functions that do
// nothing but look, but for one that looks at leases before they are granted: it
// is shown copies.
func TestHooksAllocate(t *testing.T) {
	at := func(*Exchange) NextStep { return Continue }
	hooks := &Hooks{BufferReceive: at, PacketReceive: at, SubnetSelect: at, LeaseOffer: at, PacketSend: at, BufferSend: at,
		HostIdentifier: func(*Exchange) (id topology.Identifier, ok bool) { return }}
	for _, h := range []*Hooks{nil, new(Hooks), hooks} {
		b := newNowhere(t, net1())
		b.s.Hook(h)
		q := query{kind: dhcp4.Discover, hw: hwA, opts: busy}
		in := q.message(t)
		if n := testing.AllocsPerRun(100, func() {
			if len(b.over6(in)) != 1 {
				t.Fatal("no reply")
			}
		}); n > 1 { // the variadic slice of this test
			t.Errorf("%v allocations with %v", n, h)
		}
	}
}
