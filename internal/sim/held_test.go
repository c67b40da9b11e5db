package sim

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/server6"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A way is one road to the engine, served by a worker of its own.
type way struct {
	name    string
	ask     func(q *question)
	answers chan []byte
	read    func([]byte) (reply, error)
}

// hear waits for an answer.
func (w *way) hear(wait time.Duration) (reply, bool) {
	select {
	case b := <-w.answers:
		r, err := w.read(b)
		return r, err == nil
	case <-time.After(wait):
		return reply{}, false
	}
}

// A rig is an engine on a faulty disk, with some ways to it, in real time.
type rig struct {
	t     *testing.T
	disk  *faultfs.FS
	table *lease.Table
	log   *observer.ObservedLogs
	ways  []way
	xid   uint32

	workers sync.WaitGroup
	stop    []func()
}

func newRig(t *testing.T, f family) *rig {
	t.Helper()
	r := &rig{t: t, disk: faultfs.New(1)}
	o := f.options()
	o.FS = r.disk
	file, err := leasefile.Open(name, o)
	if err != nil {
		t.Fatal(err)
	}
	r.table = lease.NewTable(file, lease.TableOptions{})
	if _, err := r.table.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	var core zapcore.Core
	core, r.log = observer.New(zap.InfoLevel)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		for _, stop := range r.stop {
			stop()
		}
		r.workers.Wait()
		if err := r.table.Close(); err != nil {
			t.Error(err)
		}
	})
	switch f.(type) {
	case over4o6:
		s := server4.New(server4.Options{Log: zap.New(core), Leases: r.table, Topology: f.topology(), Interfaces: host})
		for range 2 {
			r.pair(f, func(p server4.Pair) { s.Serve4o6(ctx, p) })
		}
		r.pipe("IPv4 relay", func(c transport.Conn) { s.Serve(ctx, c) }, native4, read4)
	case native6:
		s := server6.New(server6.Options{Log: zap.New(core), Leases: r.table, Topology: f.topology(), ServerID: serverID})
		for range 2 {
			r.pipe("socket", func(c transport.Conn) { s.Serve(ctx, s0{c}) }, native6Datagram, f.read)
		}
	}
	return r
}

// s0 is an end of a Pipe under the name of the interface that leads to the subnet.
type s0 struct{ transport.Conn }

func (s0) Socket() transport.Socket { return socketOf{}.Socket() }

// pipe adds a way through a socket in memory.
func (r *rig) pipe(name string, serve func(transport.Conn), write func(*question) transport.Datagram, read func([]byte) (reply, error)) {
	near, far := transport.Pipe()
	w := way{name: name, answers: make(chan []byte, 64), read: read}
	w.ask = func(q *question) { far.Write([]transport.Datagram{write(q)}) }
	r.stop = append(r.stop, far.Stop)
	r.workers.Go(func() { serve(near) })
	r.workers.Go(func() {
		in := make([]transport.Datagram, 8)
		for {
			n, err := far.Read(in)
			if err != nil {
				return
			}
			for _, d := range in[:n] {
				w.answers <- bytes.Clone(d.Data)
			}
		}
	})
	r.ways = append(r.ways, w)
}

// A memoryPair is the v4 side of a pair without sockets.
type memoryPair struct {
	in      chan ipc.Message
	out     chan []byte
	stopped chan struct{}
	once    sync.Once
}

// pair adds a way over a pair.
func (r *rig) pair(f family, serve func(server4.Pair)) {
	p := &memoryPair{in: make(chan ipc.Message, 64), out: make(chan []byte, 64), stopped: make(chan struct{})}
	r.workers.Go(func() { serve(p) })
	ask := func(q *question) { p.in <- ipc.Message{Data: f.query(q), Origin: origin(q.c)} }
	r.ways = append(r.ways, way{"pair", ask, p.out, f.read})
}

func (p *memoryPair) Read(in []ipc.Message) (int, error) {
	select {
	case in[0] = <-p.in:
		return 1, nil
	case <-p.stopped:
		return 0, os.ErrDeadlineExceeded
	}
}

func (p *memoryPair) Write(out []ipc.Message) (int, error) {
	for _, m := range out {
		p.out <- bytes.Clone(m.Data)
	}
	return len(out), nil
}

func (p *memoryPair) Stop() { p.once.Do(func() { close(p.stopped) }) }

func native6Datagram(q *question) transport.Datagram {
	o := origin(q.c)
	return transport.Datagram{Data: native6{}.query(q), Peer: netip.AddrPortFrom(o.Addr, o.Port), Local: multicast, IfIndex: 2}
}

// native4 is the same query through an IPv4 relay on the link.
func native4(q *question) transport.Datagram {
	relay := netip.MustParseAddr("192.0.2.253")
	b := over4o6{}.query(&question{c: &client{n: q.c.n}, kind: q.kind, xid: q.xid, addr: q.addr})[8:] // behind the headers of a query and of option 87
	copy(b[24:28], relay.AsSlice())
	return transport.Datagram{Data: b, Peer: netip.AddrPortFrom(relay, 67), Local: host[0].Addrs[0].Addr(), IfIndex: 2}
}

func read4(b []byte) (reply, error) {
	var m dhcp4.Message
	if err := m.Parse(b); err != nil {
		return reply{}, err
	}
	r := reply{xid: m.XID, addr: m.YIAddr}
	if m.Type() == dhcp4.Ack {
		r.is = ack
	}
	return r, nil
}

// ask sends a question on a way.
func (r *rig) ask(on int, c *client, k kind, addr netip.Addr) {
	r.xid++
	r.ways[on].ask(&question{c: c, kind: k, xid: r.xid, addr: addr})
}

// says wants an answer of a kind on a way.
func (r *rig) says(on int, v verdict) reply {
	r.t.Helper()
	a, ok := r.ways[on].hear(10 * time.Second)
	if !ok || a.is != v {
		r.t.Fatalf("%s %d: %v, want %v", r.ways[on].name, on, a.is, v)
	}
	return a
}

// silent wants no answer on any way for a while.
func (r *rig) silent(when string) {
	r.t.Helper()
	time.Sleep(50 * time.Millisecond)
	for i, w := range r.ways {
		for len(w.answers) > 0 {
			a, _ := w.hear(0)
			r.t.Errorf("%s: %v leaves on %s %d", when, a.is, w.name, i)
		}
	}
}

func eachFamily(t *testing.T, test func(*testing.T, family)) {
	for name, f := range families {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they mostly wait
			test(t, f)
		})
	}
}

// TestHeldSync holds the sync of a lease, and has its client ask for it again in every
// way there is: whoever answers, no answer leaves before the lease is on the disk.
func TestHeldSync(t *testing.T) {
	eachFamily(t, func(t *testing.T, f family) {
		r := newRig(t, f)
		c := &client{n: 5}
		r.ask(0, c, discover, netip.Addr{})
		addr := r.says(0, offer).addr
		begun, hold := make(chan struct{}), make(chan struct{})
		var once sync.Once
		r.disk.Inject(func(call faultfs.Call) faultfs.Fault {
			if call.Op == faultfs.Sync {
				once.Do(func() { close(begun) })
				<-hold
			}
			return faultfs.Fault{}
		})
		r.ask(0, c, request, addr)
		<-begun
		r.silent("while the sync is held")
		for i := range r.ways {
			r.ask(i, c, request, addr)
		}
		r.silent("asked again while the sync is held")
		close(hold)
		for i := range r.ways {
			if a := r.says(i, ack); a.addr != addr {
				t.Errorf("%s %d: %v was asked for, %v is given", r.ways[i].name, i, addr, a.addr)
			}
		}
		r.says(0, ack) // to the second
	})
}

// TestFailedSync has a sync fail: its answer does not leave, neither then nor later, and
// it is said. All goes on once the lease file was written anew.
func TestFailedSync(t *testing.T) {
	for _, fault := range []faultfs.Fault{
		{Err: syscall.EIO}, {Err: syscall.ENOSPC}, {Err: syscall.ENOSPC, Done: 20},
	} {
		for _, op := range []faultfs.Op{faultfs.Sync, faultfs.Write} {
			t.Run(fmt.Sprintf("%s %v %d", op, fault.Err, fault.Done), func(t *testing.T) {
				t.Parallel()
				eachFamily(t, func(t *testing.T, f family) { failedSync(t, f, op, fault) })
			})
		}
	}
}

func failedSync(t *testing.T, f family, op faultfs.Op, fault faultfs.Fault) {
	r := newRig(t, f)
	c, other := &client{n: 5}, &client{n: 6}
	r.ask(0, other, discover, netip.Addr{})
	theirs := r.says(0, offer).addr
	r.ask(0, other, request, theirs)
	r.says(0, ack)
	r.ask(0, c, discover, netip.Addr{})
	addr := r.says(0, offer).addr

	r.disk.Inject(func(call faultfs.Call) faultfs.Fault {
		if call.Op == op {
			return fault
		}
		return faultfs.Fault{}
	})
	for i := range r.ways {
		r.ask(i, c, request, addr)
	}
	r.silent("the disk fails")
	said := func() bool { return r.table.Down() != nil && r.log.FilterLevelExact(zap.ErrorLevel).Len() > 0 }
	for end := time.Now().Add(10 * time.Second); !said(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("down: %v; logged: %v", r.table.Down(), r.log.All())
		}
	}
	r.silent("the disk fails, and the server has noticed")
	r.disk.Inject(nil)
	r.ask(0, c, request, addr)
	r.ask(0, other, renew, theirs)
	r.silent("the disk is well, the lease file is not")

	if err := r.table.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.silent("after healing, without a new question")
	for i := range r.ways {
		r.ask(i, c, request, addr)
		if a := r.says(i, ack); a.addr != addr {
			t.Errorf("%v instead of %v after healing", a.addr, addr)
		}
	}
	r.ask(0, other, renew, theirs)
	r.says(0, ack)
	w := &world{t: t, family: f}
	for _, text := range r.disk.Durable(name) {
		if m := w.parse(text); len(m) != 2 {
			t.Errorf("%d leases are on the disk", len(m))
		}
	}
}
