package server4

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// nowhere is a store that keeps nothing, so that what is measured is the engine.
type nowhere struct{ lease.Store }

func (nowhere) Append(lease.Change) lease.Seq { return 1 }
func (nowhere) Sync() (lease.Seq, error)      { return 1 << 40, nil }

func newNowhere(t testing.TB, net *topology.Topology) *bench {
	b := &bench{t: t, now: start}
	b.table = lease.NewTable(nowhere{}, lease.TableOptions{})
	b.s = New(Options{Leases: b.table, Topology: net, Interfaces: eth0()})
	b.w = &worker{s: b.s}
	b.sock = transport.Socket{Iface: "eth0", IfIndex: 2, Addr: ip("192.0.2.1")}
	return b
}

// busy is a query with all that makes work: identifier, host name, option 82, and
// a list of wishes.
var busy = "61=ff000000010003000102005e460001 12=686f7374 55=0103060f1c33 82=0104706f7274 57=05dc"

// TestAllocs: no query that gets an ordinary answer allocates anything.
func TestAllocs(t *testing.T) {
	reserve := func(n *topology.Topology) {
		r := &topology.Reservation{Key: topology.Key{Kind: topology.HWAddress, ID: "\x02\x00\x5e\x00\x00\x0a"}, Addr: ip("192.0.2.77"), Hostname: "reserved"}
		n.Subnets[0].Reservations = map[topology.Key]*topology.Reservation{r.Key: r}
	}
	all := func(n *topology.Topology) { // what becomes of leases in the course of time
		sharing(n)
		n.StashAgentOptions = true
		p := &n.Subnets[0].Policy
		p.StoreExtendedInfo, p.AdaptiveThreshold, p.OfferLifetime = true, 0.5, 60
		p.Cache = topology.Cache{Threshold: 0.25, MaxAge: 50}
		n.Subnets[0].Pools[0].Lease.Use(lease.FLQ)
	}
	tests := []struct {
		name string
		q    query
		net  []func(*topology.Topology)
		want dhcp4.MessageType
	}{
		{"DISCOVER", query{kind: dhcp4.Discover, hw: hwA, opts: busy}, nil, dhcp4.Offer},
		{"DISCOVER, reserved", query{kind: dhcp4.Discover, hw: hwA, opts: busy}, []func(*topology.Topology){reserve}, dhcp4.Offer},
		{"DISCOVER, vendors", query{kind: dhcp4.Discover, hw: hwA, opts: busy + " 124=0000000900 125=0000118b03010102"},
			[]func(*topology.Topology){with(sub(4491, 2, "tftp"), always(sub(9, 1, "a")), always(topology.Option{Code: 125, Vendor: 10}))}, dhcp4.Offer},
		{"DISCOVER, flex_option", query{kind: dhcp4.Discover, hw: hwA, opts: busy + " 60=6162"}, []func(*topology.Topology){with(always(topology.Option{Code: 125, Vendor: 8})),
			func(n *topology.Topology) {
				n.FlexOptions = compiled(t, flexConfig(`{"code": 66, "add": "concat('tftp-', option[12].text)"}, {"code": 3, "remove": "option[60].exists"},
					{"code": 125, "sub-options": [{"space": "vendor-8", "code": 1, "add": "option[60].hex"}]}`)).FlexOptions
			}}, dhcp4.Offer},
		{"REQUEST, selecting", query{kind: dhcp4.Request, hw: hwA, opts: busy + " 50=c0000264 54=c0000201"}, nil, dhcp4.Ack},
		{"REQUEST, renewing", query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: busy}, nil, dhcp4.Ack},
		{"REQUEST, renewing, reserved", query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.77", opts: busy}, []func(*topology.Topology){reserve}, dhcp4.Ack},
		{"REQUEST, init-reboot", query{kind: dhcp4.Request, hw: hwA, opts: busy + " 50=c0000264"}, nil, dhcp4.Ack},
		{"REQUEST, refused", query{kind: dhcp4.Request, hw: hwA, opts: busy + " 50=0a000001 54=c0000201"}, nil, dhcp4.Nak},
		{"DISCOVER, all of it", query{kind: dhcp4.Discover, hw: hwA, opts: busy}, []func(*topology.Topology){all}, dhcp4.Offer},
		{"REQUEST, selecting, all of it", query{kind: dhcp4.Request, hw: hwA, opts: busy + " 50=c0000264 54=c0000201"}, []func(*topology.Topology){all}, dhcp4.Ack},
		{"REQUEST, renewing, all of it", query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "61=ff000000010003000102005e460001"}, []func(*topology.Topology){all}, dhcp4.Ack},
		{"INFORM", query{kind: dhcp4.Inform, hw: hwA, ciaddr: "192.0.2.100", opts: busy}, nil, dhcp4.Ack},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newNowhere(t, net1(tt.net...))
			b.native(query{kind: dhcp4.Request, hw: hwA, giaddr: "192.0.2.9", opts: busy + " 50=c0000264 54=c0000201"}.datagram(t))
			tt.q.giaddr = "192.0.2.9"
			in := []transport.Datagram{tt.q.datagram(t)}
			if n := testing.AllocsPerRun(100, func() {
				b.now = b.now.Add(time.Second)
				if len(b.native(in...)) != 1 {
					t.Fatal("no reply")
				}
			}); n != 0 {
				t.Errorf("native: %v allocations", n)
			}
			if got := b.w.exchanges[0].Reply; got != tt.want {
				t.Errorf("reply %v, want %v", got, tt.want)
			}
			msg := []ipc.Message{tt.q.message(t)}
			if n := testing.AllocsPerRun(100, func() {
				b.now = b.now.Add(time.Second)
				if len(b.over6(msg...)) != 1 {
					t.Fatal("no reply")
				}
			}); n != 0 {
				t.Errorf("4o6: %v allocations", n)
			}
		})
	}
}

// BenchmarkLease is DISCOVER and REQUEST over 4o6 through all steps, for new
// clients on a large pool, in batches of 16.
func BenchmarkLease(b *testing.B) {
	n := net1(func(n *topology.Topology) {
		n.Subnets = []*topology.Subnet{subnet(1, "10.0.0.0/8", "10.0.0.1", "10.255.255.254")}
	})
	const size = 16
	h := newNowhere(b, n)
	var discovers, requests []ipc.Message
	for range size {
		discovers = append(discovers, query{kind: dhcp4.Discover, opts: "55=0103060f"}.message(b))
		requests = append(requests, query{kind: dhcp4.Request, opts: "50=00000000 54=c0000201 55=0103060f"}.message(b))
	}
	client := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range size {
			client++
			binary.BigEndian.PutUint32(discovers[i].Data[8+28+2:], client)
			binary.BigEndian.PutUint32(requests[i].Data[8+28+2:], client)
		}
		h.over6(discovers...)
		for i, x := range h.w.exchanges[:size] {
			if x.Reply != dhcp4.Offer {
				b.Fatal("no offer")
			}
			a := x.Lease.Resource.Prefix.Addr().As4()
			copy(requests[i].Data[8+240+3+2:], a[:])
		}
		h.over6(requests...)
		if h.w.exchanges[size-1].Reply != dhcp4.Ack {
			b.Fatal("no ACK")
		}
		h.now = h.now.Add(time.Millisecond)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/lease")
}
