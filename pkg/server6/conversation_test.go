package server6

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A road is how a client's message reaches the server.
type road struct {
	name   string
	levels []dhcp6.Relay
	port   uint16 // where the answer goes
}

var roads = []road{
	{"direct", nil, 546},
	{"one relay", []dhcp6.Relay{{Link: relayLink, Peer: client.Addr(), Options: opt(dhcp6.OptInterfaceID, []byte("port1"))}}, 547},
	{"two relays", []dhcp6.Relay{
		{Hops: 1, Peer: relayLink, Options: opt(dhcp6.OptInterfaceID, []byte("uplink"))},
		{Link: relayLink, Peer: client.Addr(), Options: opt(dhcp6.OptInterfaceID, []byte("port1"))},
	}, 547},
}

// travel sends a message down a road and returns the answer, nil for none. What
// the way back must look like is checked here.
func (l *lab) travel(r road, m []byte) *answer {
	l.t.Helper()
	d := l.in(m)
	if r.levels != nil {
		d.Data, d.Peer, d.Local = relayed(m, r.levels...), relayAddr, ours
	}
	a := l.one(l.give(d))
	if a == nil {
		return nil
	}
	if want := netip.AddrPortFrom(d.Peer.Addr(), r.port); a.to.Peer != want {
		l.t.Errorf("answer goes to %v, want %v", a.to.Peer, want)
	}
	if a.to.IfIndex != 7 {
		l.t.Errorf("answer leaves through link %d", a.to.IfIndex)
	}
	if len(a.e.Relays) != len(r.levels) || len(r.levels) > 0 && !a.e.Down {
		l.t.Fatalf("answer has %d levels", len(a.e.Relays))
	}
	for i, want := range r.levels {
		got := a.e.Relays[i]
		id, _ := got.Options.Option(dhcp6.OptInterfaceID)
		wantID, _ := want.Options.Option(dhcp6.OptInterfaceID)
		zero := netip.IPv6Unspecified()
		if want.Link == (netip.Addr{}) {
			want.Link = zero
		}
		if got.Hops != want.Hops || got.Link != want.Link || got.Peer != want.Peer || !bytes.Equal(id, wantID) {
			l.t.Errorf("level %d: %+v, want %+v", i, got, want)
		}
	}
	if !bytes.Equal(a.e.Message.XID[:], m[1:4]) {
		l.t.Errorf("transaction id %x, want %x", a.e.Message.XID, m[1:4])
	}
	if !bytes.Equal(a.option(dhcp6.OptServerID), serverID) {
		l.t.Error("no Server Identifier of ours")
	}
	return a
}

// What each message gets in each state of the client, on each road: RFC 9915
// §18.3.
func TestMessagesByState(t *testing.T) {
	free := netip.MustParseAddr("2001:db8:1::1ff")
	strange := netip.MustParseAddr("2001:db8:9::1") // not on the link
	const (
		unknown = iota // the client has nothing
		offered        // it has an offer
		bound          // it has a lease
		expired        // it had one
		released
	)
	names := [...]string{"unknown", "offered", "bound", "expired", "released"}
	type want struct {
		silent bool
		typ    dhcp6.MessageType
		addr   bool         // an address with lifetimes
		zero   int          // addresses with lifetimes of 0
		ia     dhcp6.Status // in the IA
		top    dhcp6.Status // in the message
		noIA   bool
	}
	given := want{typ: dhcp6.Reply, addr: true, ia: noStatus, top: noStatus}
	tests := []struct {
		name   string
		typ    dhcp6.MessageType
		states []int
		other  bool       // ask with an address that is not the client's
		addr   netip.Addr // which one
		none   bool       // ask with no address
		want   want
	}{
		{"Solicit", dhcp6.Solicit, []int{unknown, offered, bound, expired, released}, false, netip.Addr{}, true,
			want{typ: dhcp6.Advertise, addr: true, ia: noStatus, top: noStatus}},
		{"Request", dhcp6.Request, []int{unknown, offered, bound, expired, released}, false, netip.Addr{}, true, given},
		{"Request off link", dhcp6.Request, []int{unknown, offered, bound}, true, strange, false,
			want{typ: dhcp6.Reply, ia: dhcp6.NotOnLink, top: noStatus}},
		{"Renew", dhcp6.Renew, []int{offered, bound, expired, released}, false, netip.Addr{}, false, given},
		{"Renew of a free address", dhcp6.Renew, []int{unknown}, true, free, false, given},
		{"Renew off link", dhcp6.Renew, []int{unknown, bound}, true, strange, false,
			want{typ: dhcp6.Reply, addr: true, zero: 1, ia: noStatus, top: noStatus}},
		{"Renew of another address", dhcp6.Renew, []int{bound}, true, free, false,
			want{typ: dhcp6.Reply, addr: true, zero: 1, ia: noStatus, top: noStatus}},
		{"Rebind", dhcp6.Rebind, []int{bound}, false, netip.Addr{}, false, given},
		{"Rebind without binding", dhcp6.Rebind, []int{unknown, offered, expired, released}, false, netip.Addr{}, true,
			want{typ: dhcp6.Reply, ia: dhcp6.NoBinding, top: noStatus}},
		{"Rebind off link without binding", dhcp6.Rebind, []int{unknown}, true, strange, false,
			want{typ: dhcp6.Reply, zero: 1, ia: noStatus, top: noStatus}},
		{"Rebind off link", dhcp6.Rebind, []int{bound}, true, strange, false,
			want{typ: dhcp6.Reply, addr: true, zero: 1, ia: noStatus, top: noStatus}},
		{"Confirm", dhcp6.Confirm, []int{unknown, bound}, true, free, false,
			want{typ: dhcp6.Reply, noIA: true, top: dhcp6.Success}},
		{"Confirm off link", dhcp6.Confirm, []int{unknown, bound}, true, strange, false,
			want{typ: dhcp6.Reply, noIA: true, top: dhcp6.NotOnLink}},
		{"Confirm without addresses", dhcp6.Confirm, []int{unknown, bound}, false, netip.Addr{}, true, want{silent: true}},
		{"Release", dhcp6.Release, []int{bound}, false, netip.Addr{}, false,
			want{typ: dhcp6.Reply, noIA: true, top: dhcp6.Success}},
		{"Release of another's address", dhcp6.Release, []int{bound}, true, free, false,
			want{typ: dhcp6.Reply, noIA: true, top: dhcp6.Success}},
		{"Release without binding", dhcp6.Release, []int{unknown, released}, true, free, false,
			want{typ: dhcp6.Reply, ia: dhcp6.NoBinding, top: dhcp6.Success}},
		{"Decline", dhcp6.Decline, []int{bound}, false, netip.Addr{}, false,
			want{typ: dhcp6.Reply, noIA: true, top: dhcp6.Success}},
		{"Decline without binding", dhcp6.Decline, []int{unknown, released}, true, free, false,
			want{typ: dhcp6.Reply, ia: dhcp6.NoBinding, top: dhcp6.Success}},
	}
	for _, tt := range tests {
		for _, state := range tt.states {
			for _, r := range roads {
				t.Run(tt.name+"/"+names[state]+"/"+r.name, func(t *testing.T) {
					l := newLab(t)
					var own netip.Addr
					switch state {
					case offered:
						own = l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1))).is(dhcp6.Advertise).addr()
					case bound, expired, released:
						own = l.lease()
					}
					if state == expired {
						l.now = l.now.Add(5000 * time.Second)
						l.table.Expire(l.now, 0)
					}
					if state == released {
						l.ask(l.message(dhcp6.Release, cid(), sid(), iaNA(1, own)))
					}
					ask := iaNA(1)
					switch {
					case tt.other:
						ask = iaNA(1, tt.addr)
					case !tt.none:
						ask = iaNA(1, own)
					}
					options := [][]byte{cid(), ask}
					if rules[tt.typ].server == required {
						options = append(options, sid())
					}
					a := l.travel(r, l.message(tt.typ, options...))
					if tt.want.silent {
						if a != nil {
							t.Fatalf("answered %v", a.e.Message.Type)
						}
						return
					}
					a.is(tt.want.typ)
					if got := a.status(); got != tt.want.top {
						t.Errorf("status of the message %v, want %v", got, tt.want.top)
					}
					if !bytes.Equal(a.option(dhcp6.OptClientID), clientID) {
						t.Error("the client's identifier does not come back")
					}
					if tt.want.noIA {
						if a.has(dhcp6.OptIANA) {
							t.Error("there is an IA_NA")
						}
						return
					}
					ias := a.ias(dhcp6.OptIANA)
					if len(ias) != 1 || ias[0].IAID != 1 {
						t.Fatalf("IAs: %+v", ias)
					}
					if got := statusOf(ias[0].Options); got != tt.want.ia {
						t.Errorf("status of the IA %v, want %v", got, tt.want.ia)
					}
					live, zero := 0, 0
					for _, addr := range addrsOf(t, ias[0]) {
						if addr.Valid == 0 {
							zero++
							continue
						}
						live++
						if addr.Valid != 4000 || addr.Preferred != 2500 {
							t.Errorf("lifetimes %d, %d", addr.Preferred, addr.Valid)
						}
						if own.IsValid() && addr.Addr != own {
							t.Errorf("address %v, the client's is %v", addr.Addr, own)
						}
						if ias[0].T1 != 1250 || ias[0].T2 != 2000 {
							t.Errorf("T1 %d, T2 %d", ias[0].T1, ias[0].T2)
						}
					}
					if zero != tt.want.zero || live == 1 != tt.want.addr || live > 1 {
						t.Errorf("%d addresses, %d retired; want %+v", live, zero, tt.want)
					}
				})
			}
		}
	}
}

func TestAnOfferIsNoLease(t *testing.T) {
	l := newLab(t)
	a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1))).is(dhcp6.Advertise).addr()
	if again := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1))).addr(); again != a {
		t.Errorf("a Solicit sent again is offered %v, not %v", again, a)
	}
	if l.store.seq != 0 {
		t.Error("an offer was written")
	}
	if _, ok := l.table.ByResource(na(a)); ok {
		if got, _ := l.table.ByResource(na(a)); got.State != lease.Offered {
			t.Errorf("state %v", got.State)
		}
	}
}

func TestLeaseHoldsTheClient(t *testing.T) {
	l := newLab(t)
	a := l.lease()
	got, ok := l.table.ByResource(na(a))
	if !ok {
		t.Fatal("no lease")
	}
	if !bytes.Equal(got.DUID, clientID) || got.IAID != 1 || got.Subnet != 1 || got.State != lease.Leased ||
		got.Valid != 4000*time.Second || got.Preferred != 2500*time.Second || !got.Start.Equal(begin) ||
		!bytes.Equal(got.HWAddr, []byte{2, 0, 0x5e, 0x10, 0, 1}) || got.HWType != 1 || got.HWSource != fromDUID {
		t.Errorf("%+v", got)
	}
}

func TestRapidCommit(t *testing.T) {
	rapid := opt(dhcp6.OptRapidCommit, nil)
	l := newLab(t, func(n *topology.Topology, _ *Options) { n.Subnets[0].Policy.RapidCommit = true })
	a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1), rapid)).is(dhcp6.Reply)
	if !a.has(dhcp6.OptRapidCommit) {
		t.Error("the Reply does not say that it is to a Solicit (RFC 9915 §18.3.1)")
	}
	if got, _ := l.table.ByResource(na(a.addr())); got.State != lease.Leased {
		t.Errorf("state %v", got.State)
	}
	l.ask(l.message(dhcp6.Solicit, cid(), iaNA(2))).is(dhcp6.Advertise)
	// A Rebind may make bindings here (RFC 9915 §18.3.5).
	b := l.ask(l.message(dhcp6.Rebind, cid(), iaNA(3, netip.MustParseAddr("2001:db8:1::1aa")))).is(dhcp6.Reply)
	if b.addr() != netip.MustParseAddr("2001:db8:1::1aa") {
		t.Errorf("rebound to %v", b.addr())
	}
	l = newLab(t)
	if a := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1), rapid)).is(dhcp6.Advertise); a.has(dhcp6.OptRapidCommit) {
		t.Error("an Advertise with Rapid Commit")
	}
}

func TestSeveralIAs(t *testing.T) {
	l := newLab(t)
	ta, pd := opt(dhcp6.OptIATA, []byte{0, 0, 0, 8}), opt(dhcp6.OptIAPD, make([]byte, 12))
	for _, mt := range []dhcp6.MessageType{dhcp6.Solicit, dhcp6.Request, dhcp6.Renew} {
		options := [][]byte{cid(), iaNA(1), pd, iaNA(2), ta}
		if mt != dhcp6.Solicit {
			options = append(options, sid())
		}
		a := l.ask(l.message(mt, options...))
		nas := a.ias(dhcp6.OptIANA)
		if len(nas) != 2 || nas[0].IAID != 1 || nas[1].IAID != 2 {
			t.Fatalf("%v: %+v", mt, nas)
		}
		one, two := addrsOf(t, nas[0]), addrsOf(t, nas[1])
		if len(one) != 1 || len(two) != 1 || one[0].Addr == two[0].Addr {
			t.Errorf("%v: %v %v", mt, one, two)
		}
		if nas[0].T1 != nas[1].T1 || nas[0].T2 != nas[1].T2 {
			t.Errorf("%v: times differ (RFC 9915 §18.3.2)", mt)
		}
		wantTA := dhcp6.NoAddrsAvail
		if mt == dhcp6.Renew {
			wantTA = dhcp6.NoBinding
		}
		if tas := a.ias(dhcp6.OptIATA); len(tas) != 1 || tas[0].IAID != 8 || statusOf(tas[0].Options) != wantTA {
			t.Errorf("%v: IA_TA %+v", mt, tas)
		}
		if pds := a.ias(dhcp6.OptIAPD); len(pds) != 1 || statusOf(pds[0].Options) != dhcp6.NoPrefixAvail {
			t.Errorf("%v: IA_PD %+v", mt, pds)
		}
	}
	a := l.ask(l.message(dhcp6.Release, cid(), sid(), pd, ta)).is(dhcp6.Reply)
	if a.status() != dhcp6.Success || statusOf(a.ias(dhcp6.OptIAPD)[0].Options) != dhcp6.NoBinding ||
		statusOf(a.ias(dhcp6.OptIATA)[0].Options) != dhcp6.NoBinding {
		t.Errorf("Release of a prefix: %x", a.to.Data)
	}
}

func TestPoolUsedUp(t *testing.T) {
	l := newLab(t, func(n *topology.Topology, _ *Options) {
		s := subnet(1, prefix, 2)
		s.Iface = "eth0"
		n.Subnets[0] = s
	})
	a := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1), iaNA(2), iaNA(3))).is(dhcp6.Reply)
	var got []dhcp6.Status
	for _, ia := range a.ias(dhcp6.OptIANA) {
		got = append(got, statusOf(ia.Options))
	}
	if len(got) != 3 || got[0] != noStatus || got[1] != noStatus || got[2] != dhcp6.NoAddrsAvail {
		t.Errorf("statuses %v", got)
	}
	if l.counted("v6-allocation-fail") != 1 {
		t.Errorf("v6-allocation-fail %d", l.counted("v6-allocation-fail"))
	}
	// What is renewed stays; the retired address does not come back.
	a = l.ask(l.message(dhcp6.Renew, cid(), sid(), iaNA(3, netip.MustParseAddr("2001:db8:1::1ff")))).is(dhcp6.Reply)
	ia := a.ias(dhcp6.OptIANA)[0]
	if addrs := addrsOf(t, ia); statusOf(ia.Options) != dhcp6.NoAddrsAvail || len(addrs) != 1 || addrs[0].Valid != 0 {
		t.Errorf("%+v", ia)
	}
}

func TestDeclinedAddressIsNotGivenAgain(t *testing.T) {
	l := newLab(t)
	a := l.lease()
	l.ask(l.message(dhcp6.Decline, cid(), sid(), iaNA(1, a))).is(dhcp6.Reply)
	if b := l.lease(); b == a {
		t.Error("given again at once (RFC 9915 §18.3.8)")
	}
	if got, _ := l.table.ByResource(na(a)); got.State != lease.Declined {
		t.Errorf("state %v", got.State)
	}
}

func TestReleaseOfAnothersLease(t *testing.T) {
	l := newLab(t)
	a := l.lease()
	thief := opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte("thief")))
	for _, mt := range []dhcp6.MessageType{dhcp6.Release, dhcp6.Decline} {
		r := l.ask(l.message(mt, thief, sid(), iaNA(1, a))).is(dhcp6.Reply)
		if r.status() != dhcp6.Success || statusOf(r.ias(dhcp6.OptIANA)[0].Options) != dhcp6.NoBinding {
			t.Errorf("%v: %x", mt, r.to.Data)
		}
		// The right client with the wrong IAID is a stranger too.
		l.ask(l.message(mt, cid(), sid(), iaNA(2, a))).is(dhcp6.Reply)
		if got, _ := l.table.ByResource(na(a)); got.State != lease.Leased {
			t.Fatalf("%v by another client: state %v", mt, got.State)
		}
	}
}

func TestHintIsGivenWhereItIsFree(t *testing.T) {
	l := newLab(t)
	hint := netip.MustParseAddr("2001:db8:1::1c8")
	if got := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1, hint))).addr(); got != hint {
		t.Errorf("offered %v", got)
	}
	other := opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte("other")))
	if got := l.ask(l.message(dhcp6.Request, other, sid(), iaNA(1, hint))).addr(); got == hint {
		t.Error("an address on offer was given to another client")
	}
	outside := netip.MustParseAddr("2001:db8:1::9")
	if got := l.ask(l.message(dhcp6.Solicit, opt(dhcp6.OptClientID, dhcp6.NewDUIDEN(32473, []byte("third"))), iaNA(1, outside))).addr(); got == outside {
		t.Error("an address outside of the pools was offered")
	}
}

func TestLifetimesWithinTheOperatorsRange(t *testing.T) {
	l := newLab(t, func(n *topology.Topology, _ *Options) {
		n.Subnets[0].Policy.Valid = topology.Lifetime{Min: 1000, Default: 4000, Max: 8000}
		n.Subnets[0].Policy.Preferred = topology.Lifetime{Min: 500, Default: 2000, Max: 9000}
	})
	tests := []struct{ askPref, askValid, pref, valid uint32 }{
		{0, 0, 2000, 4000},
		{600, 3000, 600, 3000},
		{1, 1, 500, 1000},
		{1 << 31, 1<<32 - 1, 8000, 8000}, // preferred never exceeds valid
	}
	for i, tt := range tests {
		b, mark := dhcp6.OpenIANA(nil, uint32(i), 0, 0)
		b = dhcp6.IAAddr{Addr: netip.IPv6Unspecified(), Preferred: tt.askPref, Valid: tt.askValid}.Append(b)
		a := l.ask(l.message(dhcp6.Request, cid(), sid(), dhcp6.Shut(b, mark))).addrs()[0]
		if a.Preferred != tt.pref || a.Valid != tt.valid {
			t.Errorf("asked %d, %d: got %d, %d", tt.askPref, tt.askValid, a.Preferred, a.Valid)
		}
	}
}

func TestInfiniteLease(t *testing.T) {
	forever := topology.Lifetime{Min: 1<<32 - 1, Default: 1<<32 - 1, Max: 1<<32 - 1}
	l := newLab(t, func(n *topology.Topology, _ *Options) {
		n.Subnets[0].Policy.Valid, n.Subnets[0].Policy.Preferred = forever, forever
	})
	a := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1))).is(dhcp6.Reply)
	ia := a.ias(dhcp6.OptIANA)[0]
	if addr := addrsOf(t, ia)[0]; addr.Valid != 1<<32-1 || addr.Preferred != 1<<32-1 || ia.T1 != 1<<32-1 || ia.T2 != 1<<32-1 {
		t.Errorf("%+v T1 %d T2 %d", addr, ia.T1, ia.T2)
	}
	if got, _ := l.table.ByResource(na(a.addr())); got.Valid != lease.Infinite {
		t.Errorf("stored as %v", got.Valid)
	}
}

func TestT1T2(t *testing.T) {
	tests := []struct {
		name           string
		t1, t2         topology.Timer
		wantT1, wantT2 uint32
	}{
		{"shares of the preferred lifetime", topology.Timer{Percent: 0.5}, topology.Timer{Percent: 0.8}, 1250, 2000},
		{"seconds win", topology.Timer{Seconds: 100, Percent: 0.5}, topology.Timer{Seconds: 200}, 100, 200},
		{"left to the client", topology.Timer{}, topology.Timer{}, 0, 0},
	}
	for _, tt := range tests {
		l := newLab(t, func(n *topology.Topology, _ *Options) {
			n.Subnets[0].Policy.T1, n.Subnets[0].Policy.T2 = tt.t1, tt.t2
		})
		ia := l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1))).ias(dhcp6.OptIANA)[0]
		if ia.T1 != tt.wantT1 || ia.T2 != tt.wantT2 {
			t.Errorf("%s: %d, %d", tt.name, ia.T1, ia.T2)
		}
	}
}

func TestSubnetOfTheLink(t *testing.T) {
	second := netip.MustParsePrefix("2001:db8:2::/64")
	l := newLab(t, func(n *topology.Topology, _ *Options) { n.Subnets = append(n.Subnets, subnet(2, second, 16)) })
	tests := []struct {
		name   string
		levels []dhcp6.Relay
		want   netip.Prefix // invalid: silence
	}{
		{"direct: by interface", nil, prefix},
		{"relay: by link-address", []dhcp6.Relay{{Link: otherLink}}, second},
		{"the relay nearest the client counts", []dhcp6.Relay{{Hops: 1, Link: relayLink}, {Link: otherLink}}, second},
		{"a layer 2 relay names no link: the next outward does", []dhcp6.Relay{{Hops: 1, Link: otherLink}, {}}, second},
		{"a link that is not ours", []dhcp6.Relay{{Link: netip.MustParseAddr("2001:db8:77::1")}}, netip.Prefix{}},
	}
	for _, tt := range tests {
		for _, mt := range []dhcp6.MessageType{dhcp6.Solicit, dhcp6.Request, dhcp6.Renew, dhcp6.Rebind, dhcp6.Release, dhcp6.Decline, dhcp6.Confirm} {
			options := [][]byte{cid(), iaNA(1)}
			if rules[mt].server == required {
				options = append(options, sid())
			}
			m := l.message(mt, options...)
			d := l.in(m)
			if tt.levels != nil {
				d = transport.Datagram{Data: relayed(m, tt.levels...), Peer: relayAddr, Local: ours, IfIndex: 7, At: l.now}
			}
			a := l.one(l.give(d))
			switch {
			case !tt.want.IsValid() && a != nil:
				t.Errorf("%s: %v answered", tt.name, mt)
			case tt.want.IsValid() && mt <= dhcp6.Request:
				if a == nil {
					t.Errorf("%s: %v not answered", tt.name, mt)
				} else if got := a.addr(); !tt.want.Contains(got) {
					t.Errorf("%s: %v", tt.name, got)
				}
			}
		}
	}
}

func TestSharedNetwork(t *testing.T) {
	second := netip.MustParsePrefix("2001:db8:2::/64")
	l := newLab(t, func(n *topology.Topology, _ *Options) {
		one, two := subnet(1, prefix, 1), subnet(2, second, 1)
		net := &topology.Network{Name: "both", Subnets: []*topology.Subnet{one, two}}
		one.Network, two.Network, one.Iface, two.Iface = net, net, "eth0", "eth0"
		two.Policy.Valid.Default, two.Policy.T1 = 6000, topology.Timer{Seconds: 7}
		n.Subnets = []*topology.Subnet{one, two}
	})
	one := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1))).addr()
	b := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(2)))
	two := b.addr()
	if !prefix.Contains(one) || !second.Contains(two) {
		t.Fatalf("given %v and %v", one, two)
	}
	if ia := b.ias(dhcp6.OptIANA)[0]; addrsOf(t, ia)[0].Valid != 6000 || ia.T1 != 7 {
		t.Errorf("lifetimes and times are those of the subnet that gives: %+v", ia)
	}
	// Both are on the link.
	if s := l.ask(l.message(dhcp6.Confirm, cid(), iaNA(1, one), iaNA(2, two))).status(); s != dhcp6.Success {
		t.Errorf("Confirm: %v", s)
	}
	if got := l.ask(l.message(dhcp6.Renew, cid(), sid(), iaNA(2, two))).addr(); got != two {
		t.Errorf("renewed as %v", got)
	}
}
