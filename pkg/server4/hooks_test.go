package server4

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A register notes every call of a hook function, by Kea's name of the point.
type register struct{ calls []string }

func (r *register) note(point string) NextStep {
	r.calls = append(r.calls, point)
	return Continue
}

func (r *register) take() string {
	s := strings.Join(r.calls, " ")
	r.calls = nil
	return s
}

// hooks is a function at every point.
func (r *register) hooks() *Hooks {
	at := func(point string) func(*Exchange) NextStep {
		return func(*Exchange) NextStep { return r.note(point) }
	}
	of := func(point string) func(*Exchange, *lease.Lease) NextStep {
		return func(_ *Exchange, l *lease.Lease) NextStep {
			return r.note(point + "(" + l.Resource.Prefix.Addr().String() + ")")
		}
	}
	return &Hooks{
		BufferReceive: at("buffer4_receive"), PacketReceive: at("pkt4_receive"), SubnetSelect: at("subnet4_select"),
		HostIdentifier: func(*Exchange) (id topology.Identifier, ok bool) { r.note("host4_identifier"); return },
		NameUpdate:     func(*Exchange, *NameUpdate) { r.note("ddns4_update") },
		LeaseSelect: func(_ *Exchange, _ *lease.Lease, offer bool) NextStep {
			if offer {
				return r.note("lease4_select(offer)")
			}
			return r.note("lease4_select")
		},
		LeaseRenew: of("lease4_renew"), LeaseRelease: of("lease4_release"), LeaseDecline: of("lease4_decline"),
		LeaseOffer:         at("lease4_offer"),
		LeaseServerDecline: func(*Exchange, *lease.Lease) { r.note("lease4_server_decline") },
		LeasesCommitted: func(_ *Exchange, c *Committed) NextStep {
			point := "leases4_committed"
			for _, l := range c.Leases {
				point += "+" + l.Resource.Prefix.Addr().String()
			}
			for _, l := range c.Deleted {
				point += "-" + l.Resource.Prefix.Addr().String()
			}
			return r.note(point)
		},
		PacketSend: at("pkt4_send"), BufferSend: at("buffer4_send"),
		LeaseExpire: func(l *lease.Lease, _ bool) NextStep {
			return r.note("lease4_expire(" + l.Resource.Prefix.Addr().String() + ")")
		},
		LeaseRecover: func(l *lease.Lease) NextStep {
			return r.note("lease4_recover(" + l.Resource.Prefix.Addr().String() + ")")
		},
	}
}

const (
	read4    = "buffer4_receive pkt4_receive "
	received = read4 + "subnet4_select host4_identifier "
	sent     = " pkt4_send buffer4_send"
)

// TestHooksInKeasOrder: every point is passed in the order in which kea-dhcp4 has
// them, and all of them over IPv6 too.
func TestHooksInKeasOrder(t *testing.T) {
	a, server := "192.0.2.100", "54=c0000201"
	turns := []struct {
		name string
		q    query
		want string
	}{
		{"DISCOVER", query{kind: dhcp4.Discover, hw: hwA}, received + "ddns4_update lease4_select(offer) lease4_offer" + sent},
		{"REQUEST", query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 " + server}, received + "ddns4_update lease4_select leases4_committed+" + a + sent},
		{"RENEWING", query{kind: dhcp4.Request, hw: hwA, ciaddr: a}, received + "ddns4_update lease4_renew(" + a + ") leases4_committed+" + a + sent},
		{"another address", query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.111"}, received + "ddns4_update lease4_select leases4_committed+192.0.2.111-" + a + sent},
		{"INFORM", query{kind: dhcp4.Inform, hw: hwA, ciaddr: a}, received[:len(received)-1] + sent},
		{"refused", query{kind: dhcp4.Request, hw: hwA, opts: "50=0a000001 " + server}, received + "ddns4_update" + sent},
		{"RELEASE", query{kind: dhcp4.Release, hw: hwA, ciaddr: "192.0.2.111"}, read4 + "lease4_release(192.0.2.111) leases4_committed-192.0.2.111"},
		{"RELEASE again", query{kind: dhcp4.Release, hw: hwA, ciaddr: "192.0.2.111"}, read4[:len(read4)-1]},
		{"REQUEST again", query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 " + server}, received + "ddns4_update lease4_select leases4_committed+" + a + sent},
		{"DECLINE", query{kind: dhcp4.Decline, hw: hwA, opts: "50=c0000264"}, read4 + "lease4_decline(" + a + ") leases4_committed+" + a},
		{"not for us", query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=0a000001"}, "buffer4_receive"},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			r := new(register)
			b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: r.hooks()})
			for i, turn := range turns {
				turn.q.xid = uint32(i)
				b.now = b.now.Add(time.Second)
				way.ask(b, turn.q)
				if got := r.take(); got != turn.want {
					t.Errorf("%s:\n got %s\nwant %s", turn.name, got, turn.want)
				}
			}
			way.ask(b, query{kind: dhcp4.Request, hw: hwB, opts: "50=c0000270 " + server})
			r.take()
			b.table.Expire(b.now.Add(20*time.Minute), 0)
			if got := r.take(); got != "lease4_expire(192.0.2.112)" {
				t.Error("after a lease's time:", got)
			}
			b.table.Expire(b.now.Add(25*time.Hour), 0)
			if got := r.take(); got != "lease4_expire("+a+") lease4_recover("+a+")" {
				t.Error("after the probation:", got)
			}
		})
	}
}

// TestHooksMayChange: what each point may change, and what the next steps mean there.
func TestHooksMayChange(t *testing.T) {
	discover := query{kind: dhcp4.Discover, hw: hwA, opts: "12=686f7374"}
	request := query{kind: dhcp4.Request, hw: hwA, opts: "12=686f7374 50=c0000264 54=c0000201"}
	skip, drop := func(*Exchange) NextStep { return Skip }, func(*Exchange) NextStep { return Drop }
	other := func(t *testing.T, q query) []byte { return q.bytes(t) }
	common := " 1=ffffff00 3=c0000201 6=c0000235 12=686f7374"
	ack := "ACK 192.0.2.100 54=c0000201 51=00000258" + common
	tests := []struct {
		name  string
		q     query
		hooks func(*testing.T) Hooks
		want  string
		count string // a statistic that must be 1
	}{
		{"buffer4_receive: drop", request, func(*testing.T) Hooks { return Hooks{BufferReceive: drop} }, "silence", "pkt4-drop-hook"},
		{"buffer4_receive: other octets", discover, func(t *testing.T) Hooks {
			return Hooks{BufferReceive: func(x *Exchange) NextStep {
				if err := x.SetMessage(other(t, request)); err != nil {
					t.Error(err)
				}
				return Skip
			}}
		}, ack, ""},
		{"buffer4_receive: octets that are no message", request, func(t *testing.T) Hooks {
			return Hooks{BufferReceive: func(x *Exchange) NextStep {
				if err := x.SetMessage([]byte("no")); err == nil {
					t.Error("no error")
				}
				return Continue
			}}
		}, ack, ""},
		{"pkt4_receive: skip", request, func(*testing.T) Hooks { return Hooks{PacketReceive: skip} }, "silence", "pkt4-drop-hook"},
		{"subnet4_select: drop", request, func(*testing.T) Hooks { return Hooks{SubnetSelect: drop} }, "silence", "pkt4-drop-hook"},
		{"subnet4_select: no subnet", discover, func(*testing.T) Hooks { return Hooks{SubnetSelect: skip} }, "silence", "pkt4-drop-no-subnet"},
		{"subnet4_select: another subnet", query{kind: dhcp4.Discover, hw: hwA}, func(*testing.T) Hooks {
			return Hooks{SubnetSelect: func(x *Exchange) NextStep { x.Subnet = x.Net.Subnets[1]; return Continue }}
		}, "OFFER 198.51.100.100 54=c0000201 51=00000258 1=ffffff00 3=c0000201 6=c0000235", ""},
		{"host4_identifier", discover, func(*testing.T) Hooks {
			return Hooks{HostIdentifier: func(*Exchange) (topology.Identifier, bool) {
				return topology.Identifier{Kind: topology.ClientID, ID: []byte("gold")}, true
			}}
		}, "OFFER 192.0.2.77 54=c0000201 51=00000258" + common, ""},
		{"ddns4_update", request, func(*testing.T) Hooks {
			return Hooks{NameUpdate: func(_ *Exchange, n *NameUpdate) { n.Hostname += "-1"; n.Forward = true }}
		}, "ACK 192.0.2.100 54=c0000201 51=00000258 1=ffffff00 3=c0000201 6=c0000235 12=686f73742d31", ""},
		{"lease4_select: skip an offer", discover, func(*testing.T) Hooks {
			return Hooks{LeaseSelect: func(*Exchange, *lease.Lease, bool) NextStep { return Skip }}
		}, "silence", "pkt4-drop-hook"},
		{"lease4_select: skip a lease", request, func(*testing.T) Hooks {
			return Hooks{LeaseSelect: func(*Exchange, *lease.Lease, bool) NextStep { return Skip }}
		}, "NAK 54=c0000201 56=" + hex.EncodeToString([]byte("no lease for this client")), "pkt4-nak-sent"},
		{"lease4_select: another lifetime and name", request, func(*testing.T) Hooks {
			return Hooks{LeaseSelect: func(_ *Exchange, l *lease.Lease, _ bool) NextStep {
				l.Valid, l.Hostname, l.UserContext = 77*time.Second, "x", json.RawMessage(`{ "tier": 1 }`)
				return Continue
			}}
		}, "ACK 192.0.2.100 54=c0000201 51=0000004d 1=ffffff00 3=c0000201 6=c0000235 12=78", ""},
		{"leases4_committed: drop", request, func(*testing.T) Hooks {
			return Hooks{LeasesCommitted: func(*Exchange, *Committed) NextStep { return Drop }}
		}, "silence", "pkt4-drop-hook"},
		{"lease4_offer: in use", discover, func(*testing.T) Hooks {
			return Hooks{LeaseOffer: func(x *Exchange) NextStep { x.InUse = true; return Continue }}
		}, "silence", "pkt4-drop-in-use"},
		{"pkt4_send: one more option", request, func(*testing.T) Hooks {
			return Hooks{PacketSend: func(x *Exchange) NextStep { x.Response().Add(15, []byte("a")); return Continue }}
		}, ack + " 15=61", ""},
		{"pkt4_send: written by the function", request, func(t *testing.T) Hooks {
			return Hooks{PacketSend: func(x *Exchange) NextStep { x.SetReply(other(t, query{kind: dhcp4.Ack})); return Skip }}
		}, "ACK", ""},
		{"pkt4_send: drop", request, func(*testing.T) Hooks { return Hooks{PacketSend: drop} }, "silence", "pkt4-drop-hook"},
		{"buffer4_send: other octets", request, func(*testing.T) Hooks {
			return Hooks{BufferSend: func(x *Exchange) NextStep {
				b := bytes.Clone(x.Wire())
				b[1] = 7
				x.SetReply(b)
				return Continue
			}}
		}, ack, ""},
		{"buffer4_send: skip", request, func(*testing.T) Hooks { return Hooks{BufferSend: skip} }, "silence", "pkt4-drop-hook"},
		{"a fault", request, func(*testing.T) Hooks { return Hooks{PacketSend: func(*Exchange) NextStep { panic("hook") }} }, "silence", "pkt4-drop-panic"},
		{"parked by nobody", request, func(*testing.T) Hooks { return Hooks{SubnetSelect: func(*Exchange) NextStep { return Park }} }, "silence", "pkt4-drop-hook"},
	}
	for _, way := range ways {
		for _, tt := range tests {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				h := tt.hooks(t)
				b := newBenchWith(t, net1(func(n *topology.Topology) {
					n.Subnets = append(n.Subnets, subnet(2, "198.51.100.0/24", "198.51.100.100", "198.51.100.199"))
					reserve(n.Subnets[0], topology.ClientID, "gold", "192.0.2.77", "")
				}), Options{Interfaces: eth0(), Hooks: &h})
				if got := say(way.ask(b, tt.q)); got != tt.want {
					t.Errorf("\n got %s\nwant %s", got, tt.want)
				}
				if tt.count != "" && b.count(tt.count) != 1 {
					t.Errorf("%s is %d", tt.count, b.count(tt.count))
				}
			})
		}
	}
}

// TestHookClasses: a class that a function puts the packet into opens what is guarded
// by it; DROP drops the packet.
func TestHookClasses(t *testing.T) {
	guarded := func(n *topology.Topology) {
		n.Classes = classify.NewDictionary(optdef.V4, optdef.New(optdef.V4))
		addPool(n.Subnets[0], 7, "192.0.2.10", "192.0.2.19").Guard = topology.Guard{n.Classes.Names().Intern("gold")}
		n.Subnets[0].Pools = n.Subnets[0].Pools[1:]
	}
	for _, tt := range []struct{ class, want string }{{"", "silence"}, {"gold", "OFFER"}, {"lead", "silence"}, {"DROP", "silence"}} {
		for _, way := range ways {
			in := false
			b := newBenchWith(t, net1(guarded), Options{Interfaces: eth0(), Hooks: &Hooks{
				PacketReceive: func(x *Exchange) NextStep {
					if tt.class != "" {
						x.AddClass(tt.class)
					}
					return Continue
				},
				SubnetSelect: func(x *Exchange) NextStep { in = slices.Contains(slices.Collect(x.Classes), "gold"); return Continue },
			}})
			if got, _, _ := strings.Cut(say(way.ask(b, query{kind: dhcp4.Discover, hw: hwA})), " "); got != tt.want || in != (tt.class == "gold") {
				t.Errorf("%s, class %q: %s, in it %v", way.name, tt.class, got, in)
			}
			if n := b.count("pkt4-drop-no-address"); tt.class == "DROP" && n != 0 {
				t.Errorf("%s: DROP is not obeyed", way.name)
			}
		}
	}
}

// TestHookKeepsLease: with Skip of lease4_renew, lease4_release and lease4_decline the
// lease stays as it is.
func TestHookKeepsLease(t *testing.T) {
	no := func(*Exchange, *lease.Lease) NextStep { return Skip }
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: &Hooks{LeaseRenew: no, LeaseRelease: no, LeaseDecline: no}})
			way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
			before, _ := b.table.ByResource(resource(ip("192.0.2.100")))
			b.now = b.now.Add(100 * time.Second)
			m := way.ask(b, query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"})
			if v, _ := m.Uint32(dhcp4.OptLeaseTime); v != 500 {
				t.Errorf("told %d s of the old lease, not 500", v)
			}
			way.ask(b, query{kind: dhcp4.Release, hw: hwA, ciaddr: "192.0.2.100"})
			way.ask(b, query{kind: dhcp4.Decline, hw: hwA, opts: "50=c0000264"})
			now, _ := b.table.ByResource(resource(ip("192.0.2.100")))
			if now.State != lease.Leased || !now.Start.Equal(before.Start) {
				t.Errorf("%+v was %+v", now, before)
			}
		})
	}
}

// TestHookRecordsLease: what the functions change stands in the lease too.
func TestHookRecordsLease(t *testing.T) {
	h := &Hooks{
		NameUpdate: func(_ *Exchange, n *NameUpdate) { n.Hostname, n.Reverse = "named", true },
		LeaseSelect: func(_ *Exchange, l *lease.Lease, _ bool) NextStep {
			l.Valid, l.UserContext = 77*time.Second, json.RawMessage(`{"tier":1}`)
			return Continue
		},
	}
	b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: h})
	ways[0].ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
	l, _ := b.table.ByResource(resource(ip("192.0.2.100")))
	if l.Hostname != "named" || !l.RevDNS || l.FwdDNS || l.Valid != 77*time.Second || string(l.UserContext) != `{"tier":1}` {
		t.Errorf("%+v", l)
	}
}

// TestHookFault: a panic of a function that is asked about a lease ends neither the
// server nor the others' leases.
func TestHookFault(t *testing.T) {
	core, logs := observer.New(zapcore.ErrorLevel)
	b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Log: zap.New(core), Hooks: &Hooks{LeaseExpire: func(*lease.Lease, bool) NextStep { panic("hook") }}})
	for i, hw := range []string{hwA, hwB} {
		ways[0].ask(b, query{kind: dhcp4.Request, hw: hw, opts: fmt.Sprintf("50=c00002%02x 54=c0000201", 100+i)})
	}
	if n := b.table.Expire(b.now.Add(20*time.Minute), 0); n != 2 || logs.FilterMessage("fault in a hook function").Len() != 1 {
		t.Errorf("%d leases ended, said %v", n, logs.All())
	}
}

// TestServerDecline: an address that LeaseOffer finds in use is out of service, and
// the client's next DISCOVER gets another.
func TestServerDecline(t *testing.T) {
	taken := netip.Addr{}
	h := &Hooks{
		LeaseOffer: func(x *Exchange) NextStep {
			x.InUse = x.Lease.Resource.Prefix.Addr() == ip("192.0.2.100")
			return Continue
		},
		LeaseServerDecline: func(_ *Exchange, l *lease.Lease) { taken = l.Resource.Prefix.Addr() },
	}
	b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: h})
	if m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hwA}); m != nil {
		t.Error("offered:", say(m))
	}
	if m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hwA}); m == nil || m.YIAddr != ip("192.0.2.101") {
		t.Error("then", say(m))
	}
	if l, _ := b.table.ByResource(resource(ip("192.0.2.100"))); l.State != lease.Declined || taken != l.Resource.Prefix.Addr() {
		t.Errorf("%+v, told of %v", l, taken)
	}
}

// TestJoinHooks: the functions of several are called in order, up to the first that
// says Skip or Drop.
func TestJoinHooks(t *testing.T) {
	a, b := new(register), new(register)
	ha, hb := a.hooks(), b.hooks()
	ha.CommandProcessed = func(string, json.RawMessage, *control.Result) { a.note("command_processed") }
	ha.Configured = func(*topology.Topology) error { a.note("configured"); return nil }
	hb.Configured = ha.Configured
	hb.CommandProcessed = ha.CommandProcessed
	stop := &Hooks{PacketSend: func(*Exchange) NextStep { return Drop }}
	j := JoinHooks(nil, ha, stop, hb)
	h := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: j})
	if m := ways[0].ask(h, query{kind: dhcp4.Discover, hw: hwA}); m != nil {
		t.Error("sent", say(m))
	}
	want := strings.Fields(received + "ddns4_update lease4_select(offer) lease4_offer pkt4_send")
	if !slices.Equal(a.calls, want) || !slices.Equal(b.calls, want[:len(want)-1]) {
		t.Errorf("first  %v\nsecond %v", a.calls, b.calls)
	}
	a.calls = nil
	_ = j.Configured(nil)
	j.CommandProcessed("", nil, nil)
	if got := a.take(); got != "configured configured command_processed command_processed" {
		t.Error(got)
	}
}

// TestHookValues: what a function keeps with the packet is there at later points, and
// gone with the packet.
func TestHookValues(t *testing.T) {
	type key struct{}
	var seen []any
	h := &Hooks{
		PacketReceive: func(x *Exchange) NextStep {
			seen = append(seen, x.Value(key{}))
			x.Set(key{}, x.Query.XID)
			return Continue
		},
		PacketSend: func(x *Exchange) NextStep { seen = append(seen, x.Value(key{})); return Continue },
	}
	b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: h})
	for xid := range uint32(2) {
		ways[0].ask(b, query{kind: dhcp4.Discover, hw: hwA, xid: xid + 7})
	}
	if !slices.Equal(seen, []any{nil, uint32(7), nil, uint32(8)}) {
		t.Error(seen)
	}
}

// TestHookNameIsUpdated: a lease that a hook function gives another name has its
// DNS updated as it would have under its own.
func TestHookNameIsUpdated(t *testing.T) {
	net := compiled(t, `{"Dhcp4": {"dhcp4o6-port": 6767, "lease-database": {"type": "memfile", "persist": false},
		"dhcp-ddns": {"enable-updates": true}, "ddns-send-updates": true, "ddns-qualifying-suffix": "example.org",
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "interface": "eth0", "4o6-interface": "eth0", "valid-lifetime": 600,
			"pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]}}`)
	for _, way := range ways {
		h := &Hooks{LeaseSelect: func(_ *Exchange, l *lease.Lease, _ bool) NextStep {
			l.Hostname = "other.example.org"
			return Continue
		}}
		b := newBenchWith(t, net, Options{Interfaces: eth0(), Hooks: h})
		way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201 12=6f776e"})
		l, ok := b.table.ByResource(resource(ip("192.0.2.100")))
		if !ok || !strings.HasPrefix(l.Hostname, "other.example.org") || !l.FwdDNS || !l.RevDNS {
			t.Errorf("%s: %v %q, forward %v, reverse %v", way.name, ok, l.Hostname, l.FwdDNS, l.RevDNS)
		}
	}
}

// TestHooksSeeNoOtherLease: a packet that gets no lease shows its hook functions
// none, were it that of the client before it.
func TestHooksSeeNoOtherLease(t *testing.T) {
	for _, way := range ways {
		var got lease.Lease
		h := &Hooks{BufferSend: func(x *Exchange) NextStep {
			got = x.Lease
			return Continue
		}}
		b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: h})
		way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"})
		if got.Resource != resource(ip("192.0.2.100")) {
			t.Fatalf("%s: %v", way.name, got)
		}
		way.ask(b, query{kind: dhcp4.Inform, hw: hwB, ciaddr: "192.0.2.9"})
		if got.Resource.Prefix.IsValid() {
			t.Errorf("%s: an INFORM shows %v", way.name, got)
		}
	}
}

// TestHookClassesOutliveAReload: a query that is answered anew, since its pool was
// replaced under it, is still in the classes that functions put it into, by whatever
// numbers they have by then; from BufferReceive too, before there is anything else.
func TestHookClassesOutliveAReload(t *testing.T) {
	guarded := func(first, last string, others ...string) *topology.Topology {
		return net1(func(n *topology.Topology) {
			n.Classes = classify.NewDictionary(optdef.V4, optdef.New(optdef.V4))
			for _, name := range others {
				n.Classes.Names().Intern(name)
			}
			addPool(n.Subnets[0], 7, first, last).Guard = topology.Guard{n.Classes.Names().Intern("gold")}
			n.Subnets[0].Pools = n.Subnets[0].Pools[1:]
		})
	}
	for _, point := range []string{"buffer4_receive", "pkt4_receive"} {
		for _, way := range ways {
			var b *bench
			asked := 0
			at := func(p string) func(*Exchange) NextStep {
				return func(x *Exchange) NextStep {
					if p == point {
						asked++
						x.AddClass("gold")
						b.s.Replace(guarded("192.0.2.20", "192.0.2.29", "silver", "lead"))
					}
					return Continue
				}
			}
			b = newBenchWith(t, guarded("192.0.2.10", "192.0.2.19"), Options{Interfaces: eth0(),
				Hooks: &Hooks{BufferReceive: at("buffer4_receive"), PacketReceive: at("pkt4_receive")}})
			if got := say(way.ask(b, query{kind: dhcp4.Discover, hw: hwA})); !strings.HasPrefix(got, "OFFER 192.0.2.20 ") || asked != 1 {
				t.Errorf("%s, %s: %s, asked %d times", way.name, point, got, asked)
			}
			b.s.Hook(nil)
			if got := say(way.ask(b, query{kind: dhcp4.Discover, hw: hwB})); got != "silence" {
				t.Errorf("%s, %s: the next client is in the class too: %s", way.name, point, got)
			}
		}
	}
}

// TestRelayStaysLast: what PacketSend adds goes before option 82 (RFC 3046 §2.2),
// however long that is.
func TestRelayStaysLast(t *testing.T) {
	h := &Hooks{PacketSend: func(x *Exchange) NextStep {
		x.Response().Add(66, []byte("a"))
		return Continue
	}}
	for _, size := range []int{3, 200, 300} {
		relay := "0102" + "6162" + strings.Repeat("0901ff", size)
		for _, way := range ways {
			b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: h})
			var last dhcp4.Code
			m := way.ask(b, query{kind: dhcp4.Discover, hw: hwA, opts: "82=" + relay + " 57=2000"})
			for c := range m.All {
				last = c
			}
			if v, _ := m.Option(82); hex.EncodeToString(v) != relay || last != 82 || !m.Has(66) {
				t.Errorf("%s, %d: last is %d: %s", way.name, size, last, say(m))
			}
		}
	}
	b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: &Hooks{PacketSend: func(x *Exchange) NextStep {
		x.Response().Remove(82)
		x.Response().Add(82, []byte{1, 1, 'z'})
		x.Response().Add(66, []byte("a"))
		return Continue
	}}})
	if got := say(ways[0].ask(b, query{kind: dhcp4.Discover, hw: hwA, opts: "82=010161"})); !strings.HasSuffix(got, " 66=61 82=01017a") {
		t.Errorf("a function's own: %s", got)
	}
}

// TestSetMessageOfAnotherType: a message that PacketReceive puts in the place of the
// query is served by its own type, and not at all when that is none of a client's.
func TestSetMessageOfAnotherType(t *testing.T) {
	for kind, want := range map[dhcp4.MessageType]string{dhcp4.Discover: "OFFER", dhcp4.Inform: "ACK", dhcp4.Offer: "silence", dhcp4.LeaseQuery: "silence", 0: "silence"} {
		other := query{kind: kind, hw: hwB, ciaddr: "192.0.2.9"}
		if kind == dhcp4.Discover {
			other.ciaddr = ""
		}
		for _, way := range ways {
			b := newBenchWith(t, net1(), Options{Interfaces: eth0(), Hooks: &Hooks{PacketReceive: func(x *Exchange) NextStep {
				if err := x.SetMessage(other.bytes(t)); err != nil {
					t.Error(err)
				}
				return Continue
			}}})
			if got, _, _ := strings.Cut(say(way.ask(b, query{kind: dhcp4.Discover, hw: hwA})), " "); got != want {
				t.Errorf("%s, %v: %s, want %s", way.name, kind, got, want)
			}
		}
	}
}
