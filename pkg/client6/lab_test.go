package client6

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

var (
	begin   = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	duid    = dhcp6.NewDUIDLL(1, []byte{2, 0, 0x5e, 0x10, 0, 1})
	server1 = dhcp6.NewDUIDEN(32473, []byte("one"))
	server2 = dhcp6.NewDUIDEN(32473, []byte("two"))
	from    = netip.MustParseAddrPort("[fe80::5]:547")
	na      = IA{Kind: NA, IAID: 1}
	pd      = IA{Kind: PD, IAID: 1, Hint: netip.MustParsePrefix("::/56")}
	ta      = IA{Kind: TA, IAID: 7}
)

// A lab is a machine with its time, and all that it has wanted done.
type lab struct {
	t    *testing.T
	m    *Machine
	now  time.Time
	acts []Action
	at   time.Time // of the timer
	last *message  // that was sent
}

// A message is one of the client's, read.
type message struct {
	dhcp6.Message
	at time.Time
	to netip.AddrPort
}

func newLab(t *testing.T, o Options) *lab {
	t.Helper()
	if o.Iface == "" {
		o.Iface = "eth0"
	}
	if o.DUID == nil {
		o.DUID = duid
	}
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(1, 2))
	}
	return &lab{t: t, m: New(o), now: begin}
}

// tell hands an event to the machine and keeps what it wants done.
func (l *lab) tell(e Event) []Action {
	l.t.Helper()
	acts := slices.Clone(l.m.Step(l.now, e))
	for _, a := range acts {
		switch a := a.(type) {
		case Arm:
			l.at = a.At
		case Send:
			var e dhcp6.Envelope
			if err := e.Parse(a.Data); err != nil {
				l.t.Fatalf("%x: %v", a.Data, err)
			}
			l.last = &message{e.Message, l.now, a.To}
		}
	}
	l.acts = append(l.acts, acts...)
	return acts
}

func (l *lab) start() {
	l.t.Helper()
	l.tell(Start{})
	l.tell(Ready{true})
}

// tick lets time pass to the machine's timer.
func (l *lab) tick() []Action {
	l.t.Helper()
	if l.at.IsZero() {
		l.t.Fatalf("%s: nothing is due", l.m.State())
	}
	if l.at.After(l.now) {
		l.now = l.at
	}
	return l.tell(Timer{})
}

// pass lets an amount of time pass, with all that is due in it.
func (l *lab) pass(d time.Duration) {
	l.t.Helper()
	end := l.now.Add(d)
	for !l.at.IsZero() && !l.at.After(end) {
		l.tick()
	}
	l.now = end
}

// until ticks until a message of a type is sent.
func (l *lab) until(kind dhcp6.MessageType) *message {
	l.t.Helper()
	for range 100 {
		if m := l.sent(kind); m != nil {
			return m
		}
		l.tick()
	}
	l.t.Fatalf("%s: no %s", l.m.State(), kind)
	return nil
}

// sent returns the last message, if it is of a type and was not asked for before.
func (l *lab) sent(kind dhcp6.MessageType) *message {
	if m := l.last; m != nil && m.Type == kind {
		l.last = nil
		return m
	}
	return nil
}

// A reply is what a server says, in parts.
type reply struct {
	kind   dhcp6.MessageType
	xid    [3]byte
	server []byte
	client []byte
	opts   []byte
}

// answer begins the answer to a message.
func answerTo(q *message, kind dhcp6.MessageType, opts ...[]byte) *reply {
	return &reply{kind, q.XID, server1, duid, slices.Concat(opts...)}
}

func (r *reply) by(server []byte) *reply { r.server = server; return r }

func (r *reply) bytes() []byte {
	b := append([]byte{byte(r.kind)}, r.xid[:]...)
	if r.client != nil {
		b = dhcp6.AppendOption(b, dhcp6.OptClientID, r.client)
	}
	if r.server != nil {
		b = dhcp6.AppendOption(b, dhcp6.OptServerID, r.server)
	}
	return append(b, r.opts...)
}

func (l *lab) hear(r *reply) []Action {
	l.t.Helper()
	return l.tell(Received{r.bytes(), from})
}

// The parts of an answer.

func iaNA(iaid, t1, t2 uint32, inner ...[]byte) []byte {
	return dhcp6.IANA{IAID: iaid, T1: t1, T2: t2, Options: slices.Concat(inner...)}.Append(nil)
}

func iaTA(iaid uint32, inner ...[]byte) []byte {
	return dhcp6.IATA{IAID: iaid, Options: slices.Concat(inner...)}.Append(nil)
}

func iaPD(iaid, t1, t2 uint32, inner ...[]byte) []byte {
	return dhcp6.IAPD{IAID: iaid, T1: t1, T2: t2, Options: slices.Concat(inner...)}.Append(nil)
}

func addr(a string, preferred, valid uint32) []byte {
	return dhcp6.IAAddr{Addr: netip.MustParseAddr(a), Preferred: preferred, Valid: valid}.Append(nil)
}

func prefix(p string, preferred, valid uint32) []byte {
	return dhcp6.IAPrefix{Prefix: netip.MustParsePrefix(p), Preferred: preferred, Valid: valid}.Append(nil)
}

func status(s dhcp6.Status) []byte { return dhcp6.AppendStatus(nil, s, "") }

func opt(c dhcp6.Code, v ...byte) []byte { return dhcp6.AppendOption(nil, c, v) }

func opt32(c dhcp6.Code, n uint32) []byte {
	return dhcp6.AppendOption(nil, c, be.AppendUint32(nil, n))
}

const addr1, addr2 = "2001:db8:1::10", "2001:db8:1::20"

// lease1 is what most tests get: an address for 4000 s, T1 1000 s, T2 2000 s.
func lease1() []byte { return iaNA(1, 1000, 2000, addr(addr1, 3000, 4000)) }

// bound brings a lab to BOUND with what a server gives.
func (l *lab) bound(give ...[]byte) {
	l.t.Helper()
	l.start()
	l.hear(answerTo(l.until(dhcp6.Solicit), dhcp6.Advertise, append(give, opt(dhcp6.OptPreference, 255))...))
	l.hear(answerTo(l.until(dhcp6.Request), dhcp6.Reply, give...))
	l.want(Bound)
}

func (l *lab) want(s State) {
	l.t.Helper()
	if l.m.State() != s {
		l.t.Fatalf("%s, want %s", l.m.State(), s)
	}
}

// of returns the actions of one type.
func of[A Action](acts []Action) (all []A) {
	for _, a := range acts {
		if a, ok := a.(A); ok {
			all = append(all, a)
		}
	}
	return all
}

// applied returns the last change of the host.
func (l *lab) applied() *hostconf.Change {
	l.t.Helper()
	all := of[Apply](l.acts)
	if len(all) == 0 {
		l.t.Fatal("nothing was applied")
	}
	return &all[len(all)-1].Change
}

// has returns what the host has, as text.
func (l *lab) has() (all []string) {
	s := l.m.applied
	if s == nil {
		return nil
	}
	for _, a := range s.Addresses {
		all = append(all, a.Prefix.Addr().String())
	}
	for _, p := range s.Prefixes {
		all = append(all, p.Prefix.String())
	}
	return all
}

func (l *lab) wantHas(all ...string) {
	l.t.Helper()
	if got := l.has(); !slices.Equal(got, all) {
		l.t.Fatalf("%s: the host has %v, want %v", l.m.State(), got, all)
	}
}

func addrOf(a string) netip.Addr { return netip.MustParseAddr(a) }
