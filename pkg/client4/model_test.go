package client4

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// follows says which state may follow which in one step (RFC 2131 §4.4, figure 5;
// RFC 8925 §3.2). From all of them a machine may stop. Where no DHCPACK has to be
// waited for, INIT is left in the same step, so SELECTING follows at once.
var follows = map[State][]State{
	Init:       {Selecting},
	Selecting:  {Requesting, Init, V6Only},
	Requesting: {Bound, Init, Selecting, V6Only},
	Bound:      {Renewing, Rebinding, Rebooting, Init, Selecting, Informing},
	Renewing:   {Bound, Rebinding, Rebooting, Init, Selecting, V6Only},
	Rebinding:  {Bound, Rebooting, Init, Selecting, V6Only},
	InitReboot: {Rebooting, Init, Selecting},
	Rebooting:  {Bound, Init, Selecting, V6Only},
	V6Only:     {Init, Selecting},
	Informing:  {Bound},
}

// TestStates: whatever happens, a state is followed only by those that may follow,
// and an address is on the host only while its lease lasts.
func TestStates(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := &bench{t: t, now: epoch}
		o := testOptions()
		o.Rand = rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))
		o.Probe, o.V6Only, o.KeepLast = rapid.Bool().Draw(r, "probe"), rapid.Bool().Draw(r, "v6only"), rapid.Bool().Draw(r, "keep")
		o.FourOverSix = rapid.Bool().Draw(r, "over6")
		if rapid.Bool().Draw(r, "collect") {
			o.Timing.Collect = time.Second
		}
		switch rapid.IntRange(0, 5).Draw(r, "begin") {
		case 0:
			o.Inform = netip.MustParsePrefix("192.0.2.9/24")
		case 1, 2:
			o.Record = bound(t, []edit{lasting(5000)}, func(of *Options) { of.FourOverSix = o.FourOverSix }).record
		}
		b.m, b.record = New(o), o.Record
		b.step(Start{})
		for range rapid.IntRange(1, 80).Draw(r, "steps") {
			was := b.m.State()
			e := draw(r, b)
			b.sent = b.sent[max(0, len(b.sent)-1):]
			sent := len(b.sent)
			b.step(e)
			is := b.m.State()
			if is != was && is != Stopped && !slices.Contains(follows[was], is) {
				r.Fatalf("%v follows %v on %#v", is, was, e)
			}
			if n := len(b.sent) - sent; n > 2 {
				r.Fatalf("%d messages on one event", n)
			}
			checkStanding(r, b)
		}
	})
}

// checkStanding holds what must be so between any two events.
func checkStanding(r *rapid.T, b *bench) {
	s := b.m.State()
	has := b.host != nil && len(b.host.Addresses) > 0
	switch {
	case has && !b.host.Addresses[0].Valid.IsZero() && !b.host.Addresses[0].Valid.After(b.now):
		r.Fatalf("%v: the lease is over, and the host has the address", s)
	case has && !slices.Contains([]State{Bound, Renewing, Rebinding, InitReboot, Rebooting}, s):
		r.Fatalf("%v: the host has an address", s)
	case slices.Contains([]State{Renewing, Rebinding}, s) && !has:
		r.Fatalf("%v: the host has no address", s)
	case has && b.record == nil:
		r.Fatalf("%v: the lease is not on file", s)
	case s == Stopped:
		if !b.done || !b.armed.IsZero() {
			r.Fatalf("stopped: done %v, armed %v", b.done, b.armed)
		}
	case !b.m.up:
	case b.armed.IsZero() && s != Bound:
		r.Fatalf("%v: nothing will ever happen", s)
	case b.armed.IsZero() && has && !b.host.Addresses[0].Valid.IsZero():
		r.Fatalf("%v: the lease will end unseen", s)
	}
}

// draw makes up an event, and lets time go by before it: what the machine is armed
// for may come late, as on a busy host.
func draw(r *rapid.T, b *bench) Event {
	switch rapid.IntRange(0, 19).Draw(r, "event") {
	case 0:
		return Ready{Up: rapid.Bool().Draw(r, "up")}
	case 1:
		return Renew{}
	case 2:
		return Clock{Slept: time.Duration(rapid.IntRange(0, 7200).Draw(r, "slept")) * time.Second}
	case 3:
		if rapid.IntRange(0, 10).Draw(r, "reject") == 0 {
			return Rejected{Addr: leaseAddr}
		}
		return Refused{}
	case 4:
		if rapid.IntRange(0, 20).Draw(r, "stop") == 0 {
			return Stop{}
		}
		return Inform{}
	case 5:
		if rapid.IntRange(0, 20).Draw(r, "release") == 0 {
			return Release{}
		}
		return Ready{Up: true}
	case 6, 7:
		return Probed{Addr: leaseAddr, Taken: rapid.IntRange(0, 3).Draw(r, "taken") == 0}
	case 8, 9, 10, 11, 12:
		if b.armed.After(b.now) {
			b.now = b.armed
		}
		b.now = b.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(r, "late")) * time.Second)
		b.armed = time.Time{}
		return Timer{}
	}
	b.now = b.now.Add(time.Duration(rapid.IntRange(0, 3).Draw(r, "rtt")) * time.Second)
	return drawAnswer(r, b)
}

// drawAnswer answers the last message, well or not.
func drawAnswer(r *rapid.T, b *bench) Event {
	if len(b.sent) == 0 {
		return Ready{Up: true}
	}
	var q dhcp4.Message
	if err := q.Parse(b.sent[len(b.sent)-1].Data); err != nil {
		r.Fatal(err)
	}
	kind := map[dhcp4.MessageType]dhcp4.MessageType{dhcp4.Discover: dhcp4.Offer, dhcp4.Request: dhcp4.Ack, dhcp4.Inform: dhcp4.Ack}[q.Type()]
	var edits []edit
	switch rapid.IntRange(0, 11).Draw(r, "answer") {
	case 0:
		kind = dhcp4.Nak
	case 1:
		edits = []edit{giving(otherAddr)}
	case 2:
		edits = []edit{from(otherAddr)}
	case 3:
		edits = []edit{with(108, 0, 0, 0, 1)}
	case 4:
		edits = []edit{func(w *dhcp4.Builder) { w.Header.XID++ }}
	case 5:
		edits = []edit{lasting(0xffffffff)}
	case 6:
		edits = []edit{lasting(uint32(rapid.IntRange(0, 60).Draw(r, "life")))}
	}
	return Received{Data: reply(&q, kind, edits...)}
}
