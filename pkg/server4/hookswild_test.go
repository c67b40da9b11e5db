package server4

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A wild embedder does at every point whatever may be done there, at random.
type wild struct {
	*rand.Rand
	messages [][]byte
	parked   []*Parked
}

func (w *wild) next() NextStep {
	return []NextStep{Continue, Continue, Continue, Skip, Drop, Park, 77}[w.IntN(7)]
}

// may parks now and then.
func (w *wild) may(x *Exchange) NextStep {
	if w.IntN(3) == 0 {
		if p := x.Park(); p != nil {
			w.parked = append(w.parked, p)
			return Park
		}
	}
	return w.next()
}

// resume lets everything go on, or drops it.
func (w *wild) resume() {
	for len(w.parked) > 0 { // what goes on may be parked again
		p := w.parked[0]
		w.parked = w.parked[1:]
		if w.IntN(4) == 0 {
			p.Drop()
			continue
		}
		n := w.next()
		p.Resume(func(*Exchange) NextStep { return n })
	}
}

func (w *wild) change(l *lease.Lease) {
	switch w.IntN(6) {
	case 0:
		l.Valid = []time.Duration{0, time.Second, lease.Infinite, time.Hour}[w.IntN(4)]
	case 1:
		l.Hostname = []string{"", "x", "a..b", "x.example.org.", string(make([]byte, 300))}[w.IntN(5)]
	case 2:
		l.UserContext = json.RawMessage([]string{`{"a":1}`, `{}`, ``, `[1]`}[w.IntN(4)])
	}
}

func (w *wild) hooks() *Hooks {
	of := func(x *Exchange, l *lease.Lease) NextStep { w.change(l); return w.next() }
	receive := func(x *Exchange) NextStep {
		switch w.IntN(8) {
		case 0:
			_ = x.SetMessage(w.messages[w.IntN(len(w.messages))])
		case 1:
			x.AddClass([]string{"gold", "DROP", "KNOWN"}[w.IntN(3)])
		}
		return w.next()
	}
	return &Hooks{
		BufferReceive: receive, PacketReceive: receive,
		SubnetSelect: func(x *Exchange) NextStep {
			if w.IntN(6) == 0 {
				x.Subnet = append(x.Net.Subnets, nil)[w.IntN(len(x.Net.Subnets)+1)]
			}
			return w.may(x)
		},
		HostIdentifier: func(*Exchange) (topology.Identifier, bool) {
			return topology.Identifier{Kind: topology.HWAddress, ID: []byte{2, 0, 0x5e, 0, 0, 1}}, w.IntN(6) == 0
		},
		NameUpdate: func(_ *Exchange, n *NameUpdate) {
			switch w.IntN(5) {
			case 0:
				n.Forward, n.Reverse = !n.Forward, !n.Reverse
			case 1:
				n.Hostname = []string{"", "y", "..", "y.example.org"}[w.IntN(4)]
			}
		},
		LeaseSelect: func(x *Exchange, l *lease.Lease, _ bool) NextStep { return of(x, l) },
		LeaseRenew:  of, LeaseRelease: of, LeaseDecline: of,
		LeaseOffer:      func(x *Exchange) NextStep { x.InUse = w.IntN(9) == 0; return w.may(x) },
		LeasesCommitted: func(x *Exchange, _ *Committed) NextStep { return w.may(x) },
		PacketSend: func(x *Exchange) NextStep {
			switch w.IntN(6) {
			case 0:
				x.Response().Add(dhcp4.OptDomainName, make([]byte, w.IntN(600)))
			case 1:
				x.Response().Remove(dhcp4.OptServerID)
			case 2:
				x.SetReply(w.messages[0])
			}
			return w.next()
		},
		BufferSend: func(x *Exchange) NextStep {
			if w.IntN(6) == 0 {
				x.SetReply(append(bytes.Clone(w.messages[0]), make([]byte, w.IntN(60000))...))
			}
			return w.next()
		},
		LeaseExpire:  func(l *lease.Lease, _ bool) NextStep { w.change(l); return w.next() },
		LeaseRecover: func(l *lease.Lease) NextStep { w.change(l); return w.next() },
	}
}

// TestWildHooks: whatever functions do, no step of ours fails, nothing stays parked, and
// what is leased or not is what the pools say.
func TestWildHooks(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(idleConfigs)) {
		t.Run(name, func(t *testing.T) {
			net := compiled(t, `{"Dhcp4": {"dhcp4o6-port": 6767, "lease-database": {"type": "memfile", "persist": false}, "valid-lifetime": 600, "max-valid-lifetime": 900, "dhcp-ddns": {"enable-updates": true}, `+idleConfigs[name]+`}}`)
			for seed := range uint64(20) {
				w := &wild{Rand: rand.New(rand.NewPCG(seed, 1))}
				b, o := newParkBench(t, nil, 0)
				b.s.Replace(net)
				b.s.Hook(w.hooks())
				for range 150 {
					q := w.query()
					w.messages = append(w.messages, q.bytes(t))
					batchOf(b, w.IntN(2) == 0, q, w.query())
					o.sent, o.answers = nil, nil
					if w.IntN(3) == 0 {
						w.resume()
					}
					b.now = b.now.Add(time.Duration(w.IntN(100)) * time.Second)
					b.table.Expire(b.now, 0)
				}
				w.resume()
				if n := b.count("pkt4-drop-panic"); n != 0 {
					t.Fatalf("seed %d: %d faults", seed, n)
				}
				if acks, hooked := b.count("pkt4-ack-sent"), b.count("pkt4-drop-hook"); acks == 0 || hooked == 0 {
					t.Errorf("seed %d: %d DHCPACKs, %d dropped by functions: nothing has been tried", seed, acks, hooked)
				}
				if n := b.count("pkt4-parked"); n != 0 {
					t.Errorf("seed %d: %d are parked", seed, n)
				}
				leased := int64(0)
				for l := range b.table.All() {
					if l.State == lease.Leased || l.State == lease.Declined {
						leased++
					}
				}
				if n := b.table.Stats(lease.V4).Assigned; n != leased {
					t.Errorf("seed %d: %d assigned, and %d leases", seed, n, leased)
				}
			}
		})
	}
}

// query is anything that a client may say.
func (w *wild) query() query {
	addr := ip([]string{"192.0.2.100", "192.0.2.101", "198.51.100.100", "10.0.0.1"}[w.IntN(4)])
	v := addr.As4()
	q := query{hw: "02005e00000" + string('1'+rune(w.IntN(4))), opts: "50=" + hexOf(v[:]) + " 12=686f7374"}
	if w.IntN(2) == 0 {
		q.ciaddr = addr.String()
	}
	if w.IntN(2) == 0 {
		q.opts += " 54=c0000201"
	}
	q.kind = []dhcp4.MessageType{0, dhcp4.Discover, dhcp4.Discover, dhcp4.Request, dhcp4.Request, dhcp4.Request, dhcp4.Release, dhcp4.Decline, dhcp4.Inform}[w.IntN(9)]
	return q
}
