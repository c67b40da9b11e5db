package server6

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// allocs reports how many allocations f makes.
func allocs(t *testing.T, name string, f func()) {
	t.Helper()
	for range 10 {
		f() // buffers grow
	}
	if n := testing.AllocsPerRun(200, f); n != 0 {
		t.Errorf("%s: %v allocations", name, n)
	}
}

func TestNoAllocationPerPacket(t *testing.T) {
	l := newLab(t, reserve(topology.DUID, "somebody else", relayLink))
	ask := oro(dhcp6.OptDNSServers, dhcp6.OptDHCP4oDHCP6Server)
	level := dhcp6.Relay{Link: relayLink, Peer: client.Addr(), Options: opt(dhcp6.OptInterfaceID, []byte("port1"))}
	addr := l.lease()
	l.wire.keep, l.pair.keep = false, false
	tests := []struct {
		name string
		m    []byte
	}{
		{"Solicit", l.message(dhcp6.Solicit, cid(), iaNA(1), iaNA(2), ask)},
		{"Request", l.message(dhcp6.Request, cid(), sid(), iaNA(1), ask)},
		{"Renew", l.message(dhcp6.Renew, cid(), sid(), iaNA(1, addr), ask)},
		{"Rebind", l.message(dhcp6.Rebind, cid(), iaNA(1, addr), ask)},
		{"Confirm", l.message(dhcp6.Confirm, cid(), iaNA(1, addr))},
		{"Information-request", l.message(dhcp6.InformationRequest, cid(), ask)},
		{"Release", l.message(dhcp6.Release, cid(), sid(), iaNA(9, addr))},
		{"DHCPV4-QUERY", query4(1)},
		{"nonsense", []byte{1, 2, 3}},
		{"another server's", l.message(dhcp6.Request, cid(), opt(dhcp6.OptServerID, []byte{0, 9, 9}))},
	}
	for _, tt := range tests {
		direct := []transport.Datagram{l.in(tt.m)}
		allocs(t, tt.name+", direct", func() { l.s.serve(l.w, direct) })
		if len(tt.m) < 4 {
			continue
		}
		d := l.in(relayed(tt.m, dhcp6.Relay{Hops: 1}, level))
		d.Peer, d.Local = relayAddr, ours
		behind := []transport.Datagram{d}
		allocs(t, tt.name+", two relays", func() { l.s.serve(l.w, behind) })
	}
}

func TestNoAllocationPerAnswer(t *testing.T) {
	l := newLab(t)
	q := l.ask4(l.in(query4(1)))
	l.pair.keep, l.wire.keep = false, false
	var e dhcp6.Envelope
	if err := e.Parse(q.Data); err != nil {
		t.Fatal(err)
	}
	in, r := []ipc.Message{answer4(t, q)}, new(returner)
	allocs(t, "return", func() {
		l.s.receipts.Note(q.Origin, &e)
		l.s.carry(r, in, l.wire)
	})
	if l.counted("4o6-returned") < 200 {
		t.Errorf("%d returned", l.counted("4o6-returned"))
	}
}

// BenchmarkSARR is Solicit, Advertise, Request, Reply of one client, without
// sockets and without a disk.
func BenchmarkSARR(b *testing.B) {
	l := newLab(b)
	l.wire.keep = false
	ask := oro(dhcp6.OptDNSServers, dhcp6.OptDHCP4oDHCP6Server)
	solicit := []transport.Datagram{l.in(l.message(dhcp6.Solicit, cid(), iaNA(1), ask))}
	request := []transport.Datagram{l.in(l.message(dhcp6.Request, cid(), sid(), iaNA(1), ask))}
	b.ReportAllocs()
	for b.Loop() {
		l.s.serve(l.w, solicit)
		l.s.serve(l.w, request)
	}
}

// BenchmarkDivert is one DHCPV4-QUERY on its way up and its answer on its way
// down.
func BenchmarkDivert(b *testing.B) {
	l := newLab(b)
	q := l.ask4(l.in(query4(1)))
	l.pair.keep, l.wire.keep = false, false
	up := []transport.Datagram{l.in(query4(1))}
	down, r := []ipc.Message{answer4(b, q)}, new(returner)
	b.ReportAllocs()
	for b.Loop() {
		l.s.serve(l.w, up)
		l.s.carry(r, down, l.wire)
	}
}
