package client4

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

var (
	testMAC    = []byte{2, 0, 0, 0, 0, 0x0a}
	testID     = []byte{255, 0, 0, 0, 1, 0, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	serverAddr = netip.MustParseAddr("192.0.2.1")
	otherAddr  = netip.MustParseAddr("192.0.2.2")
	leaseAddr  = netip.MustParseAddr("192.0.2.77")
)

// A bench holds a machine, a clock, and what the machine has done.
type bench struct {
	t     testing.TB
	m     *Machine
	now   time.Time
	armed time.Time

	sent    []Send // since the last look
	probes  []netip.Addr
	applied []hostconf.Change
	notes   []string
	record  *Record
	done    bool

	host *hostconf.Settings // what the host has
}

// epoch is when tests begin. It has a monotonic reading, as what Run is told has.
var epoch = time.Now()

func testOptions() Options {
	return Options{Iface: "eth0", HWType: 1, HWAddr: testMAC, ClientID: testID, Rand: rand.New(rand.NewPCG(4, 2))}
}

func newBench(t testing.TB, change ...func(*Options)) *bench {
	o := testOptions()
	for _, c := range change {
		c(&o)
	}
	return &bench{t: t, m: New(o), now: epoch, record: o.Record}
}

// started returns a bench whose machine has begun on a link that is up.
func started(t testing.TB, change ...func(*Options)) *bench {
	b := newBench(t, change...)
	b.step(Start{})
	b.step(Ready{Up: true})
	return b
}

func (b *bench) step(e Event) {
	b.t.Helper()
	for _, a := range b.m.Step(b.now, e) {
		switch a := a.(type) {
		case Send:
			b.sent = append(b.sent, a)
		case Arm:
			b.armed = a.At
		case Probe:
			b.probes = append(b.probes, a.Addr)
		case Apply:
			b.apply(a.Change)
		case Save:
			b.record = a.Record
		case Note:
			b.notes = append(b.notes, a.Text)
		case Done:
			b.done = true
		}
	}
}

// apply does what a System would, and sees to it that the machine knows what the
// host has.
func (b *bench) apply(c hostconf.Change) {
	b.t.Helper()
	if b.host != nil && c.Old != b.host {
		b.t.Errorf("%s: the host has %v, the change is from %v", c.Reason, b.host, c.Old)
	}
	b.applied = append(b.applied, c)
	b.host = c.New
}

// pass lets time go by and the timer run out whenever it does.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	for end := b.now.Add(d); ; {
		if b.armed.IsZero() || b.armed.After(end) {
			b.now = end
			return
		}
		if b.armed.After(b.now) {
			b.now = b.armed
		}
		b.armed = time.Time{}
		b.step(Timer{})
	}
}

// last returns the last message, which must be of a type, and forgets all.
func (b *bench) last(t dhcp4.MessageType) (Send, *dhcp4.Message) {
	b.t.Helper()
	if len(b.sent) == 0 {
		b.t.Fatalf("nothing was sent in %v, want %v", b.m.State(), t)
	}
	s := b.sent[len(b.sent)-1]
	b.sent = nil
	var in dhcp4.Message
	if err := in.Parse(s.Data); err != nil {
		b.t.Fatal(err)
	}
	if in.Type() != t {
		b.t.Fatalf("%v was sent in %v, want %v", in.Type(), b.m.State(), t)
	}
	return s, &in
}

func (b *bench) in(s State) {
	b.t.Helper()
	if b.m.State() != s {
		b.t.Fatalf("state %v, want %v", b.m.State(), s)
	}
}

func (b *bench) reasons() (all []hostconf.Reason) {
	for _, c := range b.applied {
		all = append(all, c.Reason)
	}
	return all
}

func (b *bench) wantReasons(want ...hostconf.Reason) {
	b.t.Helper()
	if got := b.reasons(); !slices.Equal(got, want) {
		b.t.Errorf("applied %v, want %v", got, want)
	}
}

// An edit changes an answer before it is sent.
type edit func(w *dhcp4.Builder)

// reply builds a server's answer to a query: with an address, an hour of lifetime,
// a mask and a router.
func reply(q *dhcp4.Message, t dhcp4.MessageType, edits ...edit) []byte {
	var w dhcp4.Builder
	w.Reply(q, t, nil)
	w.Add(dhcp4.OptServerID, serverAddr.AsSlice())
	if t != dhcp4.Nak {
		w.Header.YIAddr = leaseAddr
		w.Add(dhcp4.OptLeaseTime, be.AppendUint32(nil, 3600))
		w.Add(dhcp4.OptSubnetMask, []byte{255, 255, 255, 0})
		w.Add(dhcp4.OptRouter, serverAddr.AsSlice())
	}
	if id, ok := q.Option(dhcp4.OptClientID); ok {
		w.Add(dhcp4.OptClientID, id)
	}
	for _, e := range edits {
		e(&w)
	}
	return slices.Clone(w.Bytes())
}

func with(c dhcp4.Code, v ...byte) edit {
	return func(w *dhcp4.Builder) {
		w.Remove(c)
		w.Add(c, v)
	}
}

func without(c dhcp4.Code) edit { return func(w *dhcp4.Builder) { w.Remove(c) } }

func lasting(seconds uint32) edit { return with(dhcp4.OptLeaseTime, be.AppendUint32(nil, seconds)...) }

func from(server netip.Addr) edit { return with(dhcp4.OptServerID, server.AsSlice()...) }

func giving(a netip.Addr) edit { return func(w *dhcp4.Builder) { w.Header.YIAddr = a } }

// answer answers the last message, which must be of a type.
func (b *bench) answer(to, with dhcp4.MessageType, edits ...edit) {
	b.t.Helper()
	_, q := b.last(to)
	b.step(Received{Data: reply(q, with, edits...), From: netip.MustParseAddr("2001:db8::1")})
}

// bound returns a bench whose machine has a lease.
func bound(t testing.TB, ack []edit, change ...func(*Options)) *bench {
	t.Helper()
	b := started(t, change...)
	b.answer(dhcp4.Discover, dhcp4.Offer, ack...)
	b.answer(dhcp4.Request, dhcp4.Ack, ack...)
	b.in(Bound)
	return b
}

// within fails unless d is within the bounds, both included.
func within(t testing.TB, what string, d, least, most time.Duration) {
	t.Helper()
	if d < least || d > most {
		t.Errorf("%s: %v, want %v to %v", what, d, least, most)
	}
}
