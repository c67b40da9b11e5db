package server6

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// What rests on leases that are not durable does not leave; the rest does.
func TestNothingLeavesUnsynced(t *testing.T) {
	l := newLab(t)
	l.store.fail = errors.New("no space left on device")
	out := l.give(
		l.in(l.message(dhcp6.Request, cid(), sid(), iaNA(1))),
		l.in(l.message(dhcp6.Solicit, opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte("x"))), iaNA(1))),
	)
	l.one(out).is(dhcp6.Advertise)
	if l.counted("pkt6-drop-unsynced") != 1 || l.counted("pkt6-commit-failed") != 1 {
		t.Errorf("unsynced %d", l.counted("pkt6-drop-unsynced"))
	}
	// While the store is down nothing is promised, and all the rest goes on.
	if a := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1))); a != nil {
		t.Error("a lease was promised")
	}
	l.ask(l.message(dhcp6.InformationRequest, oro(dhcp6.OptDNSServers))).is(dhcp6.Reply)
	l.store.fail = nil
	if err := l.table.Clean(context.Background()); err != nil {
		t.Fatal(err)
	}
	l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1))).is(dhcp6.Reply).addr()
}

// A Request sent again while the first one waits for its sync waits too, even
// though it changes nothing.
func TestSecondRequestWaitsForTheSyncOfTheFirst(t *testing.T) {
	l := newLab(t)
	l.store.hold = make(chan struct{})
	first, second := newWorker(&wire{socket: l.wire.socket, keep: true}), newWorker(&wire{socket: l.wire.socket, keep: true})
	d := l.in(l.message(dhcp6.Request, cid(), sid(), iaNA(1)))
	left := make(chan int, 2)
	var wg sync.WaitGroup
	for _, w := range []*worker{first, second} {
		wg.Go(func() {
			l.s.serve(w, []transport.Datagram{d})
			left <- len(w.out)
		})
		select {
		case <-left:
			t.Error("a Reply left before the sync")
		case <-time.After(50 * time.Millisecond):
		}
	}
	close(l.store.hold)
	wg.Wait()
	if n := <-left + <-left; n != 2 {
		t.Errorf("%d Replies after the sync", n)
	}
}

// One commit and one write serve a whole batch.
func TestOneCommitForABatch(t *testing.T) {
	l := newLab(t)
	var in []transport.Datagram
	for i := range byte(batch) {
		in = append(in, l.in(l.message(dhcp6.Request, opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte{i, 1})), sid(), iaNA(1))))
	}
	out := l.give(in...)
	seen := map[netip.Addr]bool{}
	for _, d := range out {
		seen[l.one([]transport.Datagram{d}).addr()] = true
	}
	if len(seen) != batch {
		t.Errorf("%d addresses for %d clients", len(seen), batch)
	}
}

// Who comes while others are answered shares their commit, if there is one.
func TestLateComersShareTheCommit(t *testing.T) {
	l := newLab(t)
	from := func(kind dhcp6.MessageType, id byte) transport.Datagram {
		m := [][]byte{opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte{id})), iaNA(1)}
		if kind == dhcp6.Request {
			m = append(m, sid())
		}
		return l.in(l.message(kind, m...))
	}
	for kind, want := range map[dhcp6.MessageType][3]int{dhcp6.Request: {3, 1, 0}, dhcp6.Solicit: {1, 0, 2}} {
		late := []transport.Datagram{from(dhcp6.Request, byte(kind)+10), from(dhcp6.Solicit, byte(kind)+20)}
		l.w.more = func(in []transport.Datagram) int {
			n := copy(in, late[:min(1, len(late))]) // one at a time
			late = late[n:]
			return n
		}
		synced := l.store.syncs
		out := l.give(append(make([]transport.Datagram, 0, batch), from(kind, byte(kind)))...)
		if got := [3]int{len(out), l.store.syncs - synced, len(late)}; got != want {
			t.Errorf("%v: answers, syncs, left: %v, want %v", kind, got, want)
		}
	}
}

func TestPanicCostsOneDatagram(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	l := newLab(t, func(_ *topology.Topology, o *Options) { o.Log = zap.New(core) })
	good, kept := l.in(l.message(dhcp6.Solicit, cid(), iaNA(1))), path[8]
	defer func() { path[8] = kept }()
	path[8].step = func(s *Server, x *Exchange) Verdict {
		if x.In.Peer.Port() == 666 {
			panic("injected")
		}
		return kept.step(s, x)
	}
	bad := good
	bad.Peer = netip.AddrPortFrom(client.Addr(), 666)
	l.one(l.give(bad, good)).is(dhcp6.Advertise)
	if l.counted("pkt6-drop-panic") != 1 || logs.Len() != 1 {
		t.Errorf("counter %d, %d lines", l.counted("pkt6-drop-panic"), logs.Len())
	}
	l.give(bad, bad, bad)
	if logs.Len() != 1 {
		t.Error("every panic has a line: the log can be flooded")
	}
}

// A query that began under the old configuration is answered by the new one.
func TestAnsweredAnewAfterAReplacement(t *testing.T) {
	l := newLab(t)
	next := &topology.Topology{Family: topology.V6, Subnets: []*topology.Subnet{subnet(9, netip.MustParsePrefix("2001:db8:9::/64"), 16)}}
	next.Subnets[0].Iface = "eth0"
	next.Freeze()
	identify := path[5]
	defer func() { path[5] = identify }()
	swapped := false
	path[5].step = func(s *Server, x *Exchange) Verdict {
		if !swapped {
			swapped = true
			s.Replace(next)
		}
		return identify.step(s, x)
	}
	a := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1))).is(dhcp6.Reply).addr()
	if !next.Subnets[0].Prefix.Contains(a) {
		t.Errorf("given %v, which is of the configuration before", a)
	}
}

func TestAnswerTooLargeForADatagram(t *testing.T) {
	l := newLab(t, configured(topology.Option{Code: 9999, Value: make([]byte, 65000), Always: true}))
	if a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1))).is(dhcp6.Advertise); len(a.to.Data) < 65000 {
		t.Error("a large answer")
	}
	big := opt(dhcp6.OptRemoteID, make([]byte, 1000))
	echo := opt(dhcp6.OptERO, []byte{0, byte(dhcp6.OptRemoteID)})
	d := l.in(relayed(l.message(dhcp6.Solicit, cid(), iaNA(1)), dhcp6.Relay{Link: relayLink, Options: append(big, echo...)}))
	if out := l.give(d); out != nil || l.counted("pkt6-drop-no-room") != 1 {
		t.Errorf("%d answers", len(out))
	}
}

func TestUnsentAnswersAreCounted(t *testing.T) {
	l := newLab(t)
	l.wire.refuse = 1
	l.give(l.in(l.message(dhcp6.Solicit, cid(), iaNA(1))))
	if l.counted("pkt6-drop-send") != 1 || l.counted("pkt6-sent") != 0 {
		t.Errorf("drop-send %d, sent %d", l.counted("pkt6-drop-send"), l.counted("pkt6-sent"))
	}
}

func TestWhereAnAnswerGoes(t *testing.T) {
	odd := netip.AddrPortFrom(client.Addr(), 40000)
	port := opt(dhcp6.OptRelayPort, []byte{0, 0})
	tests := []struct {
		name   string
		edit   func(*Options)
		levels []dhcp6.Relay
		want   uint16
	}{
		{"client", func(*Options) {}, nil, 546},
		{"relay", func(*Options) {}, []dhcp6.Relay{{Link: relayLink}}, 547},
		{"relay with option 135", func(*Options) {}, []dhcp6.Relay{{Link: relayLink, Options: port}}, 40000},
		{"test port, client", func(o *Options) { o.ClientPort = 1546 }, nil, 1546},
		{"test port, relay", func(o *Options) { o.ClientPort = 1546 }, []dhcp6.Relay{{Link: relayLink}}, 1546},
		{"to the source, client", func(o *Options) { o.ToSource = true }, nil, 40000},
		{"to the source, relay", func(o *Options) { o.ToSource = true }, []dhcp6.Relay{{Link: relayLink}}, 40000},
	}
	for _, tt := range tests {
		l := newLab(t, func(_ *topology.Topology, o *Options) { tt.edit(o) })
		d := l.in(l.message(dhcp6.Solicit, cid(), iaNA(1)))
		d.Peer = odd
		if tt.levels != nil {
			d.Data, d.Local = relayed(d.Data, tt.levels...), ours
		}
		out := l.give(d)
		if len(out) != 1 || out[0].Peer != netip.AddrPortFrom(odd.Addr(), tt.want) {
			t.Errorf("%s: %v", tt.name, out)
		}
		if tt.levels != nil && out[0].Local != ours || tt.levels == nil && out[0].Local.IsValid() {
			t.Errorf("%s: from %v", tt.name, out[0].Local)
		}
	}
}

func TestOfferLimit(t *testing.T) {
	l := newLab(t)
	l.table.Configure(lease.TableOptions{MaxOffersPerSource: 2})
	for i := range byte(4) {
		l.ask(l.message(dhcp6.Solicit, opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte{i, 1})), iaNA(1)))
	}
	if got := l.counted("pkt6-drop-offer-limit"); got != 2 {
		t.Errorf("%d refused", got)
	}
}

// Workers, the way back and reloads at once: for the race detector, and for what
// a client may count on meanwhile: an answer with an address of one of the
// configurations.
func TestReplaceUnderLoad(t *testing.T) {
	l := newLab(t)
	second := netip.MustParsePrefix("2001:db8:2::/64")
	build := func(p netip.Prefix, id uint32) *topology.Topology {
		n := subnet(id, p, 64)
		n.Iface = "eth0"
		next := &topology.Topology{Family: topology.V6, Subnets: []*topology.Subnet{n}}
		next.Freeze()
		return next
	}
	var wg sync.WaitGroup
	done := make(chan struct{})
	for i := range byte(3) {
		w := newWorker(&wire{socket: l.wire.socket, keep: true})
		conn := w.conn.(*wire)
		wg.Go(func() {
			id := opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte{i, 1}))
			for n := range byte(200) {
				conn.out = nil
				m := append([]byte{byte(dhcp6.Request), 1, i, n}, append(append(id[:len(id):len(id)], sid()...), iaNA(1)...)...)
				l.s.serve(w, []transport.Datagram{{Data: m, Peer: client, Local: multicast, IfIndex: 7, At: begin.Add(time.Duration(n) * time.Second)}})
				if len(conn.out) != 1 {
					t.Errorf("client %d, message %d: %d answers", i, n, len(conn.out))
					continue
				}
				a := l.one(conn.out).addr()
				if !prefix.Contains(a) && !second.Contains(a) {
					t.Errorf("given %v", a)
				}
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		if i%2 == 0 {
			l.s.Replace(build(second, 2))
		} else {
			l.s.Replace(build(prefix, 1))
		}
		time.Sleep(200 * time.Microsecond)
	}
}
