package server4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A memoryPair is the loopback pair in memory.
type memoryPair struct {
	queries chan []ipc.Message
	answers chan ipc.Message
	stopped chan struct{}
	stop    sync.Once
	refuse  bool
}

func newMemoryPair() *memoryPair {
	return &memoryPair{queries: make(chan []ipc.Message, 16), answers: make(chan ipc.Message, 64), stopped: make(chan struct{})}
}

func (p *memoryPair) Read(in []ipc.Message) (int, error) {
	select {
	case q := <-p.queries:
		if q == nil {
			return 0, errors.New("a passing fault")
		}
		return copy(in, q), nil
	case <-p.stopped:
		return 0, os.ErrDeadlineExceeded
	}
}

func (p *memoryPair) Write(out []ipc.Message) (int, error) {
	if p.refuse {
		return 0, errors.New("nobody there")
	}
	for _, m := range out {
		m.Data = bytes.Clone(m.Data)
		p.answers <- m
	}
	return len(out), nil
}

func (p *memoryPair) Stop() { p.stop.Do(func() { close(p.stopped) }) }

// serve4o6 runs a server on a pair and returns how to end it.
func serve4o6(s *Server, p Pair) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve4o6(ctx, p)
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestServe(t *testing.T) {
	b := newBench(t, net1())
	near, far := transport.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.s.Serve(ctx, near)
	}()
	if _, err := far.Write([]transport.Datagram{query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}.datagram(t)}); err != nil {
		t.Fatal(err)
	}
	in := make([]transport.Datagram, 1)
	if _, err := far.Read(in); err != nil {
		t.Fatal(err)
	}
	if m := read(t, in[0].Data); m.Type() != dhcp4.Offer || in[0].Peer != netip.MustParseAddrPort("192.0.2.9:67") {
		t.Errorf("%s to %v", say(m), in[0].Peer)
	}
	cancel()
	<-done
}

// A late socket has more as soon as what was read is answered.
type late struct {
	transport.Conn
	more [][]transport.Datagram
}

func (l *late) More(in []transport.Datagram) (n int) {
	if len(l.more) > 0 {
		n, l.more = copy(in, l.more[0]), l.more[1:]
	}
	return n
}

// Who comes while others are answered shares their commit, if there is one, up to
// the size of a batch.
func TestLateComersShareTheCommit(t *testing.T) {
	ask := func(kind dhcp4.MessageType, hw int) transport.Datagram {
		q := query{kind: kind, hw: fmt.Sprintf("02005e00%04x", hw), giaddr: "192.0.2.9"}
		if kind == dhcp4.Request {
			q.ciaddr = fmt.Sprintf("192.0.2.%d", 100+hw)
		}
		return q.datagram(t)
	}
	var crowd []transport.Datagram
	for i := range batch + 2 {
		crowd = append(crowd, ask(dhcp4.Discover, 90+i))
	}
	tests := map[string]struct {
		first             dhcp4.MessageType
		more              [][]transport.Datagram
		syncs, sent, left int
	}{
		"nobody":           {dhcp4.Request, nil, 1, 1, 0},
		"one, then two":    {dhcp4.Request, [][]transport.Datagram{{ask(dhcp4.Request, 1)}, {ask(dhcp4.Discover, 2), ask(dhcp4.Request, 3)}}, 1, 4, 0},
		"nothing to share": {dhcp4.Discover, [][]transport.Datagram{{ask(dhcp4.Request, 1)}}, 0, 1, 1},
		"too many":         {dhcp4.Request, [][]transport.Datagram{crowd, {ask(dhcp4.Request, 1)}}, 1, batch, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, net1(func(n *topology.Topology) { n.Subnets[0].Policy.Authoritative = false }))
			near, far := transport.Pipe()
			l := &late{near, test.more}
			if _, err := far.Write([]transport.Datagram{ask(test.first, 0)}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				b.s.Serve(ctx, l)
			}()
			in, sent := make([]transport.Datagram, 2*batch), 0
			for sent < test.sent {
				n, err := far.Read(in)
				if err != nil {
					t.Fatal(err)
				}
				sent += n
			}
			cancel()
			<-done
			if sent += far.More(in); sent != test.sent || b.store.Syncs() != test.syncs || len(l.more) != test.left {
				t.Errorf("%d answers, %d syncs, %d left; want %d, %d, %d", sent, b.store.Syncs(), len(l.more), test.sent, test.syncs, test.left)
			}
		})
	}
}

func TestServe4o6(t *testing.T) {
	b := newBench(t, net1())
	p := newMemoryPair()
	end := serve4o6(b.s, p)
	p.queries <- nil // an error that passes
	p.queries <- []ipc.Message{{Data: []byte{20}}, query{kind: dhcp4.Discover, xid: 7}.message(t)}
	if a := <-p.answers; a.Origin.Addr != ip("fe80::2") || a.Data[0] != 21 {
		t.Errorf("%v % x", a.Origin, a.Data)
	}
	p.refuse = true // a peer that is gone ends nothing
	p.queries <- []ipc.Message{query{kind: dhcp4.Discover}.message(t)}
	end()
	for name, want := range map[string]int64{"pkt4-received": 3, "pkt4-discover-received": 2, "pkt4-sent": 1, "pkt4-offer-sent": 2,
		"pkt4-drop-envelope": 1, "4o6-bad-packet": 1, "pkt4-read-failed": 1, "pkt4-drop-send": 1, "pkt4-receive-drop": 2} {
		if got := b.count(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

// TestNoReplyBeforeSync holds the first sync and asks twice: no ACK leaves, on
// either socket, before the lease is durable.
func TestNoReplyBeforeSync(t *testing.T) {
	b := newBench(t, net1())
	waiting, release := b.store.Block()
	var pairs [2]*memoryPair
	q := query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"}
	for i := range pairs {
		pairs[i] = newMemoryPair()
		defer serve4o6(b.s, pairs[i])()
	}
	pairs[0].queries <- []ipc.Message{q.message(t)}
	<-waiting
	pairs[1].queries <- []ipc.Message{q.message(t)}
	select {
	case <-pairs[0].answers:
		t.Fatal("an answer before the sync")
	case <-pairs[1].answers:
		t.Fatal("the second answer before the sync that it rests on")
	case <-time.After(50 * time.Millisecond):
	}
	release()
	for i := range pairs {
		<-pairs[i].answers
	}
	if l, ok := b.store.PowerCut().Replay()[resource(ip("192.0.2.100"))]; !ok || l.State != 0 {
		t.Errorf("not durable: %v %v", ok, l)
	}
}

// TestFailedCommit: what rests on a lease that could not be stored does not
// leave; what rests on nothing new does. A fresh complete file heals.
func TestFailedCommit(t *testing.T) {
	b := newBench(t, net1())
	held := query{kind: dhcp4.Request, hw: hwB, ciaddr: "192.0.2.150"}
	if len(b.over6(held.message(t))) != 1 {
		t.Fatal("no lease to begin with")
	}
	b.store.Fail(true)
	b.now = b.now.Add(time.Second)
	out := b.over6(
		query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"}.message(t),                      // a new lease
		query{kind: dhcp4.Discover, hw: hwB}.message(t),                                            // offers a durable lease
		query{kind: dhcp4.Discover, hw: "02005e00000c"}.message(t),                                 // offers what is free
		query{kind: dhcp4.Inform, hw: hwA, ciaddr: "192.0.2.50"}.message(t),                        // no lease at all
		query{kind: dhcp4.Request, hw: hwA, opts: "50=0a000001 54=c0000201"}.message(t),            // refused
		query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264"}.message(t),                        // the new lease again
		query{kind: dhcp4.Release, hw: hwB, ciaddr: "192.0.2.150", opts: "54=c0000201"}.message(t), // ends without a word
	)
	var got []dhcp4.MessageType
	for _, x := range b.w.exchanges[:7] {
		if x.verdict == Next {
			got = append(got, x.Reply)
		}
	}
	if len(out) != 4 || len(got) != 4 || got[0] != dhcp4.Offer || got[1] != dhcp4.Offer || got[2] != dhcp4.Ack || got[3] != dhcp4.Nak {
		t.Errorf("%d replies: %v", len(out), got)
	}
	if b.count("pkt4-drop-unsynced") != 2 || b.count("pkt4-commit-failed") != 1 {
		t.Errorf("unsynced %d, commits failed %d", b.count("pkt4-drop-unsynced"), b.count("pkt4-commit-failed"))
	}
	if len(b.over6(query{kind: dhcp4.Discover, hw: hwA}.message(t))) != 0 || b.count("pkt4-drop-store-down") != 1 {
		t.Error("an offer while the store is down")
	}
	b.store.Fail(false)
	if err := b.table.Clean(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(b.over6(held.message(t))) != 1 {
		t.Error("not healed")
	}
}

// replaceStep puts f before a step for the length of a test.
func replaceStep(t *testing.T, name string, f func(*Server, *Exchange) Verdict) {
	for i := range path {
		if path[i].name == name {
			old := path[i]
			path[i].step = f
			t.Cleanup(func() { path[i] = old })
			return
		}
	}
	t.Fatalf("no step %q", name)
}

// TestPanic: a fault of ours costs one query and is told.
func TestPanic(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Log: zap.New(core)})
	replaceStep(t, "identify", func(s *Server, x *Exchange) Verdict {
		if x.Query.XID == 666 {
			panic("as told")
		}
		return s.identify(x)
	})
	out := b.over6(query{kind: dhcp4.Discover, hw: hwA}.message(t), query{kind: dhcp4.Discover, xid: 666}.message(t),
		query{kind: dhcp4.Discover, xid: 666}.message(t), query{kind: dhcp4.Discover, hw: hwB}.message(t))
	if len(out) != 2 || b.count("pkt4-drop-panic") != 2 || b.count("pkt4-processing-failed") != 2 {
		t.Errorf("%d answers, %d faults", len(out), b.count("pkt4-drop-panic"))
	}
	if logs.FilterMessage("fault in a step, query dropped").Len() != 1 {
		t.Error("not told, or more than once in a while")
	}
}

// TestReplace: a query whose pool is gone when the lease is to be given is
// answered by the topology that came.
func TestReplace(t *testing.T) {
	b := newBench(t, net1())
	moved := net1(func(n *topology.Topology) {
		n.Subnets = []*topology.Subnet{subnet(1, "192.0.2.0/24", "192.0.2.10", "192.0.2.20")}
	})
	replaced := false
	replaceStep(t, "allocate", func(s *Server, x *Exchange) Verdict {
		if !replaced {
			replaced = true
			s.Replace(moved)
		}
		return s.allocate(x)
	})
	if m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hwA}); m == nil || m.YIAddr != ip("192.0.2.10") {
		t.Errorf("%s", say(m))
	}
	if m := ways[1].ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"}); m == nil || m.Type() != dhcp4.Nak {
		t.Errorf("an address of before: %s", say(m))
	}
}

// TestReplaceForEver: configurations that change faster than a query can be
// answered do not hold up the worker.
func TestReplaceForEver(t *testing.T) {
	b := newBench(t, net1())
	last := 10
	replaceStep(t, "allocate", func(s *Server, x *Exchange) Verdict {
		last++
		s.Replace(net1(func(n *topology.Topology) {
			a := netip.AddrFrom4([4]byte{192, 0, 2, byte(last)}).String()
			n.Subnets = []*topology.Subnet{subnet(1, "192.0.2.0/24", a, a)}
		}))
		return s.allocate(x)
	})
	if m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hwA}); m != nil || b.count("pkt4-drop-stale") != 1 {
		t.Errorf("%s", say(m))
	}
}

// TestRealPair: the pair of package ipc is a Pair.
func TestRealPair(t *testing.T) {
	var _ Pair = (*ipc.Conn)(nil)
	if errors.Is(net.ErrClosed, os.ErrDeadlineExceeded) {
		t.Error("Stop and Close are told apart by their errors")
	}
}
