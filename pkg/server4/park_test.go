package server4

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// An outbox is a socket, or the pair, that keeps what is written to it.
type outbox struct {
	transport.Conn
	mu      sync.Mutex
	sent    []transport.Datagram
	answers []ipc.Message
}

func (o *outbox) Socket() transport.Socket { return transport.Socket{Iface: "eth0"} }

func (o *outbox) Write(out []transport.Datagram) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range out {
		d.Data = bytes.Clone(d.Data)
		o.sent = append(o.sent, d)
	}
	return len(out), nil
}

// A pairbox is an outbox as a Pair.
type pairbox struct{ *outbox }

func (o pairbox) Read([]ipc.Message) (int, error) { select {} }

func (o pairbox) Write(out []ipc.Message) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range out {
		m.Data = bytes.Clone(m.Data)
		o.answers = append(o.answers, m)
	}
	return len(out), nil
}

// replies takes what has been sent, as DHCPv4 messages.
func (o *outbox) replies(t testing.TB) (all []*dhcp4.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range o.sent {
		all = append(all, read(t, d.Data))
	}
	for _, m := range o.answers {
		var p pkt4o6.Packet
		if err := p.Envelope.Parse(m.Data); err != nil {
			t.Fatal(err)
		}
		if err := p.OpenResponse(); err != nil {
			t.Fatal(err)
		}
		all = append(all, read(t, p.Query.Bytes()))
	}
	o.sent, o.answers = nil, nil
	return all
}

func newParkBench(t testing.TB, h *Hooks, limit int) (*bench, *outbox) {
	b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: h, ParkLimit: limit})
	o := new(outbox)
	b.w.conn, b.w.pair, b.w.name = o, pairbox{o}, "eth0"
	return b, o
}

// batchOf puts queries to the server in one batch, whose memory is used again for
// something else as soon as the batch is answered, and returns the answers.
func batchOf(b *bench, over6 bool, all ...query) (out []*dhcp4.Message) {
	o := b.w.conn.(*outbox)
	var memory [][]byte
	if over6 {
		in := make([]ipc.Message, len(all))
		for i, q := range all {
			in[i] = q.message(b.t)
			memory = append(memory, in[i].Data)
		}
		b.over6(in...)
	} else {
		in := make([]transport.Datagram, len(all))
		for i, q := range all {
			q.giaddr = "192.0.2.9"
			in[i] = q.datagram(b.t)
			memory = append(memory, in[i].Data)
		}
		b.native(in...)
	}
	b.w.write()
	for _, m := range memory {
		for i := range m {
			m[i] = 0xaa
		}
	}
	return o.replies(b.t)
}

// A keeper parks the packets of hwA at a point.
type keeper struct{ parked []*Parked }

func (k *keeper) park(x *Exchange) NextStep {
	if !bytes.Equal(x.Query.CHAddr(), []byte{2, 0, 0x5e, 0, 0, 0x0a}) {
		return Continue
	}
	if p := x.Park(); p != nil {
		k.parked = append(k.parked, p)
	}
	return Park
}

// points are where packets may be parked, and a query that passes there.
func (k *keeper) points() []struct {
	name  string
	hooks *Hooks
	kind  dhcp4.MessageType
} {
	return []struct {
		name  string
		hooks *Hooks
		kind  dhcp4.MessageType
	}{
		{"subnet4_select", &Hooks{SubnetSelect: k.park}, dhcp4.Request},
		{"lease4_offer", &Hooks{LeaseOffer: k.park}, dhcp4.Discover},
		{"leases4_committed", &Hooks{LeasesCommitted: func(x *Exchange, _ *Committed) NextStep { return k.park(x) }}, dhcp4.Request},
	}
}

// askFor is a query of a client, all of whose memory matters to the answer.
func askFor(kind dhcp4.MessageType, hw string, last byte) query {
	opts := "12=686f7374 61=0101" + hw + " 82=0104706f7274 55=0103060c"
	if kind == dhcp4.Request {
		opts += fmt.Sprintf(" 50=c00002%02x 54=c0000201", last)
	}
	return query{kind: kind, hw: hw, xid: uint32(last), opts: opts}
}

// TestParked: a parked packet holds up nobody, outlives the memory that it came
// in, and its answer leaves the way that the query came.
func TestParked(t *testing.T) {
	for _, over6 := range []bool{false, true} {
		for at := range new(keeper).points() {
			k := new(keeper)
			point := k.points()[at]
			t.Run(fmt.Sprintf("%s, 4o6=%v", point.name, over6), func(t *testing.T) {
				want, _ := newParkBench(t, nil, 0)
				wanted := batchOf(want, over6, askFor(point.kind, hwA, 100), askFor(point.kind, hwB, 101))

				b, o := newParkBench(t, point.hooks, 0)
				others := batchOf(b, over6, askFor(point.kind, hwA, 100), askFor(point.kind, hwB, 101))
				if len(others) != 1 || len(k.parked) != 1 {
					t.Fatalf("%d answers, %d parked", len(others), len(k.parked))
				}
				if n := b.count("pkt4-parked"); n != 1 {
					t.Errorf("pkt4-parked is %d", n)
				}
				if m := batchOf(b, over6, askFor(point.kind, "02005e00000c", 102)); len(m) != 1 { // the slot serves others meanwhile
					t.Fatal("no answer beside a parked packet")
				}
				resumed := make(chan bool)
				go func() { resumed <- k.parked[0].Resume(nil) }()
				if !<-resumed {
					t.Fatal("not resumed")
				}
				got := o.replies(t)
				if len(got) != 1 || !bytes.Equal(got[0].Bytes()[12:], wanted[0].Bytes()[12:]) {
					t.Errorf("\n got %v\nwant %s", got, say(wanted[0]))
				}
				if _, ok := b.store.PowerCut().Replay()[resource(wanted[0].YIAddr)]; !ok && point.kind == dhcp4.Request {
					t.Error("answered before the lease was durable")
				}
				if k.parked[0].Resume(nil) || k.parked[0].Drop() {
					t.Error("resumed twice")
				}
				if n := b.count("pkt4-parked"); n != 0 {
					t.Errorf("pkt4-parked is %d", n)
				}
			})
		}
	}
}

// TestResume: what may become of a parked packet.
func TestResume(t *testing.T) {
	tests := []struct {
		name   string
		park   func(x *Exchange) NextStep
		resume func(*Parked)
		want   int // answers
		count  string
	}{
		{"before the function returns", func(x *Exchange) NextStep { x.Park().Resume(nil); return Park }, nil, 1, ""},
		{"although the function says Continue", func(x *Exchange) NextStep { x.Park(); return Continue }, func(p *Parked) { p.Resume(nil) }, 1, ""},
		{"as dropped", nil, func(p *Parked) { p.Resume(func(*Exchange) NextStep { return Drop }) }, 0, "pkt4-drop-hook"},
		{"without a subnet", nil, func(p *Parked) { p.Resume(func(*Exchange) NextStep { return Skip }) }, 1, "pkt4-nak-sent"},
		{"with another subnet", nil, func(p *Parked) {
			p.Resume(func(x *Exchange) NextStep { x.Subnet = nil; return Continue })
		}, 1, "pkt4-nak-sent"},
		{"with a fault", nil, func(p *Parked) { p.Resume(func(*Exchange) NextStep { panic("hook") }) }, 0, "pkt4-drop-panic"},
		{"dropped", nil, func(p *Parked) { p.Drop() }, 0, "pkt4-drop-hook"},
		{"dropped before the function returns", func(x *Exchange) NextStep { x.Park().Drop(); return Park }, nil, 0, "pkt4-drop-hook"},
		{"parked and then a fault", func(x *Exchange) NextStep { x.Park(); panic("hook") }, nil, 0, "pkt4-drop-panic"},
		{"parked and then skipped", func(x *Exchange) NextStep { x.Park(); return Skip }, nil, 1, "pkt4-nak-sent"},
		{"by several", func(x *Exchange) NextStep { x.Park(); x.Park(); return Park }, func(p *Parked) { p.Resume(nil); p.Resume(nil) }, 1, ""},
		{"by one of two", func(x *Exchange) NextStep { x.Park(); x.Park(); return Park }, func(p *Parked) { p.Resume(nil) }, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p *Parked
			h := &Hooks{SubnetSelect: func(x *Exchange) NextStep {
				if tt.park != nil {
					n := tt.park(x)
					p = x.ticket
					return n
				}
				p = x.Park()
				return Park
			}}
			b, o := newParkBench(t, h, 0)
			n := len(batchOf(b, true, askFor(dhcp4.Request, hwA, 100)))
			if tt.resume != nil {
				tt.resume(p)
			}
			if n += len(o.replies(t)); n != tt.want {
				t.Errorf("%d answers, want %d", n, tt.want)
			}
			if tt.count != "" && b.count(tt.count) != 1 {
				t.Errorf("%s is %d", tt.count, b.count(tt.count))
			}
			if n := b.count("pkt4-parked"); n != 0 && tt.name != "by one of two" {
				t.Errorf("pkt4-parked is %d", n)
			}
		})
	}
}

// TestParkedTwice: a packet that was resumed may be parked again at a later point.
func TestParkedTwice(t *testing.T) {
	k := new(keeper)
	h := &Hooks{SubnetSelect: k.park, LeasesCommitted: func(x *Exchange, _ *Committed) NextStep { return k.park(x) }}
	b, o := newParkBench(t, h, 0)
	batchOf(b, true, askFor(dhcp4.Request, hwA, 100))
	k.parked[0].Resume(nil)
	if len(k.parked) != 2 || len(o.replies(t)) != 0 {
		t.Fatal("not parked again")
	}
	k.parked[1].Resume(nil)
	if got := o.replies(t); len(got) != 1 || got[0].Type() != dhcp4.Ack {
		t.Error(got)
	}
}

// TestParkedWithoutAnswer: RELEASE and DECLINE may be parked when they are durable.
func TestParkedWithoutAnswer(t *testing.T) {
	k := new(keeper)
	b, o := newParkBench(t, &Hooks{LeasesCommitted: func(x *Exchange, c *Committed) NextStep {
		if x.Type != dhcp4.Release {
			return Continue
		}
		return k.park(x)
	}}, 0)
	batchOf(b, true, askFor(dhcp4.Request, hwA, 100))
	q := query{kind: dhcp4.Release, hw: hwA, ciaddr: "192.0.2.100", opts: "61=0101" + hwA}
	batchOf(b, true, q)
	before := b.count("pkt4-done")
	if len(k.parked) != 1 || !k.parked[0].Resume(nil) || b.count("pkt4-done") != before+1 || len(o.replies(t)) != 0 {
		t.Error("RELEASE is not done")
	}
}

// TestParkLimit: no more packets are parked than may be, and the others counted.
func TestParkLimit(t *testing.T) {
	for _, over6 := range []bool{false, true} {
		k := new(keeper)
		b, o := newParkBench(t, &Hooks{SubnetSelect: k.park}, 2)
		for range 5 {
			batchOf(b, over6, askFor(dhcp4.Discover, hwA, 100))
		}
		if len(k.parked) != 2 || b.count("pkt4-queue-full") != 3 || b.count("pkt4-drop-queue-full") != 3 || b.count("pkt4-receive-drop") != 3 {
			t.Errorf("4o6=%v: %d parked, queue full %d", over6, len(k.parked), b.count("pkt4-queue-full"))
		}
		k.parked[0].Resume(nil)
		b.s.ParkLimit(3)
		batchOf(b, over6, askFor(dhcp4.Discover, hwA, 100), askFor(dhcp4.Discover, hwA, 100), askFor(dhcp4.Discover, hwA, 100))
		if len(k.parked) != 4 || len(o.replies(t)) != 0 {
			t.Errorf("4o6=%v: %d parked", over6, len(k.parked))
		}
	}
}

// TestParkedTooLong: who is not resumed in time is dropped, to the second, and
// counted.
func TestParkedTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(keeper)
		b, o := newParkBench(t, &Hooks{SubnetSelect: k.park}, 0)
		batchOf(b, true, askFor(dhcp4.Discover, hwA, 100))
		time.Sleep(10 * time.Second)
		batchOf(b, true, askFor(dhcp4.Discover, hwA, 100))
		time.Sleep(ParkHold - 10*time.Second - time.Millisecond)
		synctest.Wait()
		if b.count("pkt4-drop-parked-long") != 0 {
			t.Error("dropped too early")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if b.count("pkt4-drop-parked-long") != 1 || k.parked[0].Resume(nil) {
			t.Error("the first is not dropped")
		}
		if !k.parked[1].Resume(nil) || len(o.replies(t)) != 1 {
			t.Error("the second is not resumed")
		}
		time.Sleep(2 * ParkHold)
		batchOf(b, true, askFor(dhcp4.Discover, hwA, 100))
		time.Sleep(ParkHold + time.Millisecond)
		synctest.Wait()
		if b.count("pkt4-drop-parked-long") != 2 {
			t.Error("the third is not dropped")
		}
	})
}

// TestParkedUnsynced: a lease that cannot be made durable when its packet is
// resumed is not answered.
func TestParkedUnsynced(t *testing.T) {
	k := new(keeper)
	b, o := newParkBench(t, &Hooks{SubnetSelect: k.park}, 0)
	batchOf(b, true, askFor(dhcp4.Request, hwA, 100))
	b.store.Fail(true)
	k.parked[0].Resume(nil)
	if len(o.replies(t)) != 0 || b.count("pkt4-drop-unsynced") != 1 {
		t.Error("answered without a durable lease")
	}
}

// TestParkedOverReload: a packet that was parked under another configuration gets an
// address of the one in force.
func TestParkedOverReload(t *testing.T) {
	k := new(keeper)
	b, o := newParkBench(t, &Hooks{SubnetSelect: func(x *Exchange) NextStep {
		if len(k.parked) > 0 {
			return Continue
		}
		return k.park(x)
	}}, 0)
	batchOf(b, true, askFor(dhcp4.Discover, hwA, 0))
	b.s.Replace(net1(func(n *topology.Topology) {
		n.Subnets = []*topology.Subnet{subnet(1, "192.0.2.0/24", "192.0.2.10", "192.0.2.19")}
	}))
	k.parked[0].Resume(nil)
	if got := o.replies(t); len(got) != 1 || got[0].YIAddr != ip("192.0.2.10") {
		t.Error(got)
	}
}

// TestParkedAtStop: what is parked when its socket closes is dropped, and what is on
// its way out leaves first.
func TestParkedAtStop(t *testing.T) {
	near, far := transport.Pipe()
	k := make(chan *Parked, 2)
	b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: &Hooks{SubnetSelect: func(x *Exchange) NextStep {
		k <- x.Park()
		return Park
	}}})
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		b.s.Serve(ctx, near)
	}()
	q := askFor(dhcp4.Discover, hwA, 0)
	q.giaddr = "192.0.2.9"
	if _, err := far.Write([]transport.Datagram{q.datagram(t), q.datagram(t)}); err != nil {
		t.Fatal(err)
	}
	first, second := <-k, <-k
	onTheWay, goOn := make(chan struct{}), make(chan struct{})
	go second.Resume(func(*Exchange) NextStep {
		close(onTheWay)
		<-goOn
		return Continue
	})
	<-onTheWay
	stop()
	select {
	case <-served:
		t.Fatal("Serve does not wait for a resumed packet")
	case <-time.After(20 * time.Millisecond):
	}
	close(goOn)
	<-served
	if first.Resume(nil) || b.count("pkt4-drop-stopping") != 1 {
		t.Error("a parked packet outlives its socket")
	}
	in := make([]transport.Datagram, 2)
	if n, err := far.Read(in); n != 1 || err != nil {
		t.Error("the resumed packet's answer:", n, err)
	}
}

// TestParkRace: packets of many clients are parked and resumed by many goroutines,
// natively and over the pair; everyone gets the answer to its own query.
func TestParkRace(t *testing.T) {
	const clients, takers = 200, 8
	queue := make(chan *Parked, 3*clients)
	hold := func(x *Exchange) NextStep {
		queue <- x.Park()
		return Park
	}
	h := &Hooks{SubnetSelect: hold, LeaseOffer: hold, LeasesCommitted: func(x *Exchange, _ *Committed) NextStep { return hold(x) }}
	for _, over6 := range []bool{false, true} {
		b, o := newParkBench(t, h, 0)
		b.s.Replace(net1(func(n *topology.Topology) {
			n.Subnets = []*topology.Subnet{subnet(1, "192.0.2.0/24", "192.0.2.2", "192.0.2.254")}
		}))
		var left atomic.Int64
		left.Store(2 * clients) // each is parked twice
		var wg sync.WaitGroup
		for range takers {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					if !(<-queue).Resume(nil) {
						t.Error("not resumed")
					}
				}
			})
		}
		got := make(map[uint32]bool)
		for i := 0; i < clients; i += 8 {
			var all []query
			for j := range 8 {
				q := askFor(dhcp4.Discover, fmt.Sprintf("02005e00%04x", i+j), 0)
				q.xid = uint32(i + j)
				all = append(all, q)
			}
			for _, m := range batchOf(b, over6, all...) {
				got[m.XID] = true
			}
		}
		wg.Wait()
		for _, m := range o.replies(t) {
			if n := binary.BigEndian.Uint16(m.CHAddr()[4:]); uint32(n) != m.XID {
				t.Errorf("client %d is told what was for %d", n, m.XID)
			}
			got[m.XID] = true
		}
		if len(got) != clients {
			t.Errorf("4o6=%v: %d of %d clients answered", over6, len(got), clients)
		}
	}
}

// FuzzSetMessage: whatever octets a hook function puts in the place of a query, and
// into the reply, one message costs nothing but itself; a parked one too.
func FuzzSetMessage(f *testing.F) {
	seed := askFor(dhcp4.Discover, hwA, 1)
	f.Add(seed.bytes(f), []byte{1, 2, 3}, true)
	f.Add(seed.bytes(f)[:240], []byte{}, false)
	f.Fuzz(func(t *testing.T, message, reply []byte, over6 bool) {
		var p *Parked
		taken := false
		b, o := newParkBench(t, &Hooks{
			BufferReceive: func(x *Exchange) NextStep {
				taken = x.SetMessage(message) == nil
				return Skip
			},
			SubnetSelect: func(x *Exchange) NextStep {
				p = x.Park()
				return Park
			},
			BufferSend: func(x *Exchange) NextStep {
				x.SetReply(reply)
				return Continue
			},
		}, 0)
		batchOf(b, over6, seed)
		clear(message)
		if p != nil {
			p.Resume(nil)
		}
		for _, d := range o.sent {
			if !bytes.Equal(d.Data, reply) {
				t.Errorf("sent %x", d.Data)
			}
		}
		if n := len(o.sent) + len(o.answers); !taken && n != 1 || n > 1 {
			t.Errorf("%d answers", n)
		}
		if b.count("pkt4-drop-panic") != 0 {
			t.Error("a panic")
		}
	})
}

// TestParkAfterFault: a fault in a function that may park does not let the
// functions of the next packet park where they may not.
func TestParkAfterFault(t *testing.T) {
	for _, way := range ways {
		faulty := true
		var got *Parked
		h := &Hooks{
			SubnetSelect: func(*Exchange) NextStep {
				if faulty {
					panic("hook")
				}
				return Continue
			},
			BufferReceive: func(x *Exchange) NextStep {
				if !faulty {
					got = x.Park()
				}
				return Continue
			},
		}
		b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: h})
		if m := way.ask(b, query{kind: dhcp4.Discover, hw: hwA}); m != nil {
			t.Fatalf("%s: %s", way.name, say(m))
		}
		faulty = false
		if m := way.ask(b, query{kind: dhcp4.Discover, hw: hwA}); m == nil || got != nil {
			t.Errorf("%s: %s, parked %v", way.name, say(m), got != nil)
		}
	}
}
