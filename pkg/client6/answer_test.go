package client6

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// What is no answer does nothing (RFC 9915 §16).
func TestWhatIsNoAnswer(t *testing.T) {
	tests := []struct {
		name   string
		change func(*reply) []byte
	}{
		{"another transaction", func(r *reply) []byte { r.xid[2]++; return r.bytes() }},
		{"another client", func(r *reply) []byte { r.client = server2; return r.bytes() }},
		{"no client", func(r *reply) []byte { r.client = nil; return r.bytes() }},
		{"the client twice", func(r *reply) []byte { r.opts = append(r.opts, opt(dhcp6.OptClientID, duid...)...); return r.bytes() }},
		{"another server", func(r *reply) []byte { return r.by(server2).bytes() }},
		{"no server", func(r *reply) []byte { return r.by(nil).bytes() }},
		{"an empty server", func(r *reply) []byte { return r.by([]byte{}).bytes() }},
		{"a server of 131 octets", func(r *reply) []byte { return r.by(make([]byte, 131)).bytes() }},
		{"the server twice", func(r *reply) []byte {
			r.opts = append(r.opts, opt(dhcp6.OptServerID, server1...)...)
			return r.bytes()
		}},
		{"two statuses", func(r *reply) []byte { r.opts = append(r.opts, append(status(0), status(0)...)...); return r.bytes() }},
		{"a status of one octet", func(r *reply) []byte { r.opts = append(r.opts, opt(dhcp6.OptStatusCode, 0)...); return r.bytes() }},
		{"an Advertise", func(r *reply) []byte { r.kind = dhcp6.Advertise; return r.bytes() }},
		{"a Request", func(r *reply) []byte { r.kind = dhcp6.Request; return r.bytes() }},
		{"of no type", func(r *reply) []byte { r.kind = 200; return r.bytes() }},
		{"a DHCPV4-RESPONSE", func(r *reply) []byte { r.kind = dhcp6.DHCPv4Response; return r.bytes() }},
		{"relayed", func(r *reply) []byte {
			e := dhcp6.Envelope{Relays: []dhcp6.Relay{{Link: addrOf("::"), Peer: addrOf("fe80::1")}}, Down: true}
			var in dhcp6.Envelope
			if err := in.Parse(r.bytes()); err != nil {
				panic(err)
			}
			e.Message = in.Message
			return e.Append(nil)
		}},
		{"cut in an option", func(r *reply) []byte { b := r.bytes(); return b[:len(b)-5] }},
		{"three octets", func(r *reply) []byte { return r.bytes()[:3] }},
		{"nothing", func(r *reply) []byte { return nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na}})
			l.start()
			l.hear(answerTo(l.until(dhcp6.Solicit), dhcp6.Advertise, lease1(), opt(dhcp6.OptPreference, 255)))
			r := answerTo(l.until(dhcp6.Request), dhcp6.Reply, lease1())
			before := l.at
			l.tell(Received{tt.change(r), from})
			l.want(Requesting)
			l.wantHas()
			if l.at != before {
				t.Error("the timer has moved")
			}
		})
	}
}

// Unknown options, at every level, are passed over (RFC 9915 §16).
func TestUnknownOptions(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	odd := opt(9999, 1, 2, 3)
	inner := dhcp6.IAAddr{Addr: addrOf(addr1), Preferred: 3000, Valid: 4000, Options: odd}.Append(nil)
	l.bound(odd, iaNA(1, 1000, 2000, odd, inner), opt(dhcp6.OptVendorOpts, 0, 0, 0, 9, 1), opt(dhcp6.OptUnicast, make([]byte, 16)...))
	l.wantHas(addr1)
	if m := l.until(dhcp6.Renew); m.to.IsValid() {
		t.Errorf("sent to %v: Server Unicast is obsolete (RFC 9915 §21.12)", m.to)
	}
}

// Where a server is named, everything goes there.
func TestServerIsNamed(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}, Server: from})
	l.start()
	if m := l.until(dhcp6.Solicit); m.to != from {
		t.Errorf("sent to %v", m.to)
	}
}

// FuzzAnswer: whatever comes in each state, the host has nothing that a lease does not
// say, the timer is armed where something is awaited, and what is sent can be read.
func FuzzAnswer(f *testing.F) {
	full := slices.Concat(lease1(), iaPD(1, 10, 20, prefix("2001:db8:f::/56", 30, 40)), iaTA(7, addr(addr2, 5, 6)),
		dns("2001:db8::53"), opt(dhcp6.OptDomainList, []byte("\x07example\x03org\x00")...), opt(dhcp6.OptRapidCommit), opt32(82, 100), opt32(32, 700),
		opt(dhcp6.OptReconfAccept), auth(authKey, 5, rkey), opt(dhcp6.OptPreference, 255), opt(dhcp6.OptDHCP4oDHCP6Server))
	for state := range uint8(12) {
		f.Add(state, uint8(dhcp6.Reply), full)
		f.Add(state, uint8(dhcp6.Advertise), full)
		f.Add(state, uint8(dhcp6.Reply), status(dhcp6.NotOnLink))
		f.Add(state, uint8(dhcp6.Reply), iaNA(1, 0, 0, status(dhcp6.NoBinding)))
	}
	f.Add(uint8(5), uint8(dhcp6.Reconfigure), slices.Concat(opt(dhcp6.OptReconfMsg, 5), auth(authDigest, 9, rkey)))
	f.Fuzz(func(t *testing.T, state, kind uint8, opts []byte) {
		l := newLab(t, Options{IAs: []IA{na, pd, ta}, RapidCommit: true, Reconfigure: true, FourOverSix: true, Rand: rand.New(rand.NewPCG(1, uint64(state)))})
		into(l, State(state))
		var xid [3]byte
		if l.m.x.sent > 0 {
			xid = l.m.x.xid
		}
		server := server1
		for _, raw := range [][]byte{(&reply{dhcp6.MessageType(kind), xid, server, duid, opts}).bytes(), opts} {
			l.tell(Received{raw, from})
			checkSane(t, l)
		}
		for range 5 {
			if l.at.IsZero() {
				break
			}
			l.tick()
			checkSane(t, l)
		}
		if r := l.m.Record(l.now); r != nil {
			lastSaved(l)
			r.Settings()
		}
	})
}

// into brings a lab into a state, or close to it.
func into(l *lab, s State) {
	give := slices.Concat(lease1(), opt(dhcp6.OptReconfAccept), auth(authKey, 5, rkey))
	switch s {
	case Init:
	case Soliciting:
		l.start()
		l.until(dhcp6.Solicit)
	case Requesting:
		l.start()
		l.hear(answerTo(l.until(dhcp6.Solicit), dhcp6.Advertise, lease1(), opt(dhcp6.OptPreference, 255)))
	case Informing, Informed:
		l.m.ias = nil
		l.start()
		i := l.until(dhcp6.InformationRequest)
		if s == Informed {
			l.hear(answerTo(i, dhcp6.Reply, give))
		}
	default:
		l.bound(give)
		switch s {
		case Confirming:
			l.tell(Ready{false})
			l.tell(Ready{true})
			l.until(dhcp6.Confirm)
		case Renewing:
			l.until(dhcp6.Renew)
		case Rebinding:
			l.until(dhcp6.Rebind)
		case Releasing:
			l.tell(Release{})
		case Declining:
			l.tell(DAD{addrOf(addr1), true})
		case Verifying:
			l.hear(answerTo(l.until(dhcp6.Renew), dhcp6.Reply, lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", 3000, 4000))))
			l.tell(Ready{false})
			l.tell(Ready{true})
			l.until(dhcp6.Rebind)
		}
	}
}

// checkSane holds what is true after every step.
func checkSane(t *testing.T, l *lab) {
	t.Helper()
	m := l.m
	if s := m.applied; s != nil {
		for _, a := range s.Addresses {
			if !leased(m, a.Prefix.String()) {
				t.Fatalf("%s: the host has %v, which is not leased", m.state, a.Prefix)
			}
			if !a.Valid.IsZero() && (!a.Valid.After(l.now) || a.Preferred.After(a.Valid)) {
				t.Fatalf("%s: the host has %v, valid until %v at %v", m.state, a.Prefix, a.Valid, l.now)
			}
		}
		for _, p := range s.Prefixes {
			if !leased(m, p.Prefix.String()) {
				t.Fatalf("%s: the host has %v, which is not leased", m.state, p.Prefix)
			}
		}
	}
	switch m.state {
	case Bound:
		if !m.holds() {
			t.Fatal("BOUND without leases")
		}
	case Init, Informed, Stopped:
	default:
		if l.at.IsZero() {
			t.Fatalf("%s, and nothing is due", m.state)
		}
	}
	if !l.at.IsZero() && l.at.Before(l.now.Add(-time.Nanosecond)) && m.up {
		t.Fatalf("%s: armed for %v at %v", m.state, l.at, l.now)
	}
}

func leased(m *Machine, p string) bool {
	for i := range m.ias {
		for _, l := range m.ias[i].leases {
			if l.prefix.String() == p {
				return true
			}
		}
	}
	return false
}
