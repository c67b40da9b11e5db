package client4_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/client4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A wire4 is a socket of the engine's that holds one datagram, and the answer to it.
type wire4 struct {
	query  []byte
	answer []byte
}

func (w *wire4) Read(in []transport.Datagram) (int, error) {
	if w.query == nil {
		return 0, os.ErrDeadlineExceeded
	}
	in[0] = transport.Datagram{Data: w.query, Peer: netip.MustParseAddrPort("0.0.0.0:68"), Local: netip.MustParseAddr("255.255.255.255"), IfIndex: 2, At: time.Now()}
	w.query = nil
	return 1, nil
}

func (w *wire4) Write(out []transport.Datagram) (int, error) {
	for _, d := range out {
		w.answer = append([]byte(nil), d.Data...)
	}
	return len(out), nil
}

func (*wire4) More([]transport.Datagram) int { return 0 }
func (*wire4) Stop()                         {}
func (*wire4) Close() error                  { return nil }
func (*wire4) Socket() transport.Socket {
	return transport.Socket{Iface: "s0", IfIndex: 2, Addr: netip.MustParseAddr("192.0.2.254")}
}

// A wire6 is the same of the pair.
type wire6 struct{ wire4 }

func (w *wire6) Read(in []ipc.Message) (int, error) {
	if w.query == nil {
		return 0, os.ErrDeadlineExceeded
	}
	in[0] = ipc.Message{Data: w.query, Origin: ipc.Origin{Iface: "s0", Addr: netip.MustParseAddr("fe80::1"), Port: 546}}
	w.query = nil
	return 1, nil
}

func (w *wire6) Write(out []ipc.Message) (int, error) {
	for _, m := range out {
		var e dhcp6.Envelope
		if err := e.Parse(m.Data); err != nil {
			panic(err)
		}
		v, _ := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
		w.answer = append([]byte(nil), v...)
	}
	return len(out), nil
}

// ask gives the engine of dhcp4d one message, natively or over 4o6.
func ask(s *server4.Server, over6 bool, data []byte, unicast bool) []byte {
	if !over6 {
		w := &wire4{query: data}
		s.Serve(context.Background(), w)
		return w.answer
	}
	var p pkt4o6.Packet
	w := &wire6{wire4{query: p.Wrap(nil, data, unicast)}}
	s.Serve4o6(context.Background(), w)
	return w.answer
}

// engine is dhcp4d's with 24 addresses for leases of ten minutes.
func engine(t *testing.T) *server4.Server {
	t.Helper()
	table := lease.NewTable(new(leasetest.Memory), lease.TableOptions{})
	if _, err := table.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := lease.NewPool(lease.V4, 1, 0, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.24"), 32)
	if err != nil {
		t.Fatal(err)
	}
	policy := topology.Policy{Valid: topology.Lifetime{Min: 600, Default: 600, Max: 600}, MatchClientID: true, EchoClientID: true}
	net := &topology.Topology{Family: topology.V4, Policy: policy, Identifiers: []topology.IdentifierKind{topology.HWAddress}}
	net.Subnets = []*topology.Subnet{{ID: 1, Prefix: netip.MustParsePrefix("192.0.2.0/24"), Policy: policy, FourOSix: topology.FourOSix{Iface: "s0"}, Pools: []*topology.Pool{{Lease: p}}}}
	net.Freeze()
	host := []netif.Interface{{Index: 2, Name: "s0", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.254/24")}}}
	return server4.New(server4.Options{Leases: table, Topology: net, Interfaces: host})
}

// A resident is a client of the engine's.
type resident struct {
	m     *client4.Machine
	o     client4.Options
	s     *server4.Server
	armed time.Time
	addr  netip.Prefix // on the host
	saved *client4.Record
	done  bool
	heard map[dhcp4.MessageType]int
}

func newResident(s *server4.Server, n int, random *rand.Rand) *resident {
	r := &resident{s: s, heard: make(map[dhcp4.MessageType]int)}
	mac := []byte{2, 0, 0, 0, 0, byte(n)}
	r.o = client4.Options{Iface: "c0", HWType: 1, HWAddr: mac, ClientID: append([]byte{255, 0, 0, 0, 1, 0, 3, 0, 1}, mac...), FourOverSix: n%2 == 1, Probe: n%3 == 0, Rand: random}
	r.live()
	return r
}

// live begins another life of the client, with the record of the last.
func (r *resident) live() {
	r.o.Record, r.armed, r.addr, r.done = r.saved, time.Time{}, netip.Prefix{}, false
	r.m = client4.New(r.o)
	r.step(client4.Start{})
	r.step(client4.Ready{Up: true})
}

// step carries out what the machine says, and tells it what came of it.
func (r *resident) step(e client4.Event) {
	events := []client4.Event{e}
	for ; len(events) > 0; events = events[1:] {
		for _, a := range append([]client4.Action(nil), r.m.Step(time.Now(), events[0])...) {
			switch a := a.(type) {
			case client4.Send:
				if b := ask(r.s, r.o.FourOverSix, a.Data, a.Unicast); b != nil {
					var in dhcp4.Message
					if err := in.Parse(b); err != nil {
						panic(err)
					}
					r.heard[in.Type()]++
					events = append(events, client4.Received{Data: b, From: netip.MustParseAddr("2001:db8::1")})
				}
			case client4.Probe:
				events = append(events, client4.Probed{Addr: a.Addr, Taken: r.o.Rand.IntN(100) == 0})
			case client4.Arm:
				r.armed = a.At
			case client4.Apply:
				r.addr = netip.Prefix{}
				if a.New != nil {
					r.addr = a.New.Addresses[0].Prefix
				}
			case client4.Save:
				r.saved = a.Record
			case client4.Done:
				r.done = true
			}
		}
	}
}

// TestAgainstOurEngine: twenty clients, half of them over 4o6, live for a day with
// dhcp4d's engine: they start anew, give leases back, decline, lose their link and
// their memory. No two ever have one address, and in the end all have one.
func TestAgainstOurEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, random := engine(t), rand.New(rand.NewPCG(4, 6))
		var all []*resident
		for n := range 20 {
			all = append(all, newResident(s, n, random))
		}
		end := time.Now().Add(24 * time.Hour)
		for time.Now().Before(end) {
			r := next(all)
			time.Sleep(time.Until(r.armed))
			r.armed = time.Time{}
			r.step(client4.Timer{})
			if time.Until(end) > 4*time.Hour {
				mischief(all[random.IntN(len(all))], random)
			}
			apart(t, all)
		}
		heard := make(map[dhcp4.MessageType]int)
		for n, r := range all {
			if !r.addr.IsValid() {
				t.Errorf("client %d has no address in the end: %v", n, r.m.State())
			}
			for kind, k := range r.heard {
				heard[kind] += k
			}
		}
		if heard[dhcp4.Offer] < 50 || heard[dhcp4.Ack] < 1000 {
			t.Errorf("heard %v", heard)
		}
		t.Log(heard)
	})
}

// mischief is what happens to a client now and then.
func mischief(r *resident, random *rand.Rand) {
	switch random.IntN(60) {
	case 0:
		r.step(client4.Stop{})
		r.live()
	case 1:
		r.step(client4.Release{})
		r.live()
	case 2:
		r.saved = nil // the power failed, and the disk with it
		r.live()
	case 3:
		r.step(client4.Ready{})
		r.step(client4.Ready{Up: true})
	case 4:
		r.step(client4.Renew{})
	case 5:
		r.step(client4.Clock{Slept: time.Duration(random.IntN(1200)) * time.Second})
	}
}

// next returns who is due first.
func next(all []*resident) *resident {
	first := all[0]
	for _, r := range all {
		if !r.armed.IsZero() && (first.armed.IsZero() || r.armed.Before(first.armed)) {
			first = r
		}
	}
	return first
}

func apart(t *testing.T, all []*resident) {
	t.Helper()
	has := make(map[netip.Addr]string)
	for n, r := range all {
		if !r.addr.IsValid() {
			continue
		}
		a := r.addr.Addr()
		if other, ok := has[a]; ok {
			t.Fatalf("%v is on client %d and on client %s", a, n, other)
		}
		has[a] = fmt.Sprint(n)
	}
}
