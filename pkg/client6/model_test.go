package client6

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// follows says which state may follow which (RFC 9915 §18.2). From all of them the link
// may go (INIT), and a machine may stop.
var follows = map[State][]State{
	Init:       {Soliciting, Informing, Confirming, Verifying, Releasing, Declining},
	Soliciting: {Requesting, Bound},
	Requesting: {Bound, Soliciting, Declining},
	Confirming: {Bound, Soliciting, Declining},
	Verifying:  {Bound, Requesting, Soliciting, Declining},
	Bound:      {Renewing, Rebinding, Informing, Declining, Confirming, Verifying, Soliciting},
	Renewing:   {Bound, Rebinding, Requesting, Soliciting, Declining, Confirming, Verifying},
	Rebinding:  {Bound, Requesting, Soliciting, Declining},
	Informing:  {Informed, Bound, Renewing, Rebinding, Soliciting, Declining},
	Informed:   {Informing},
	Declining:  {Bound, Soliciting},
	Releasing:  {},
}

// A world is a lab, and what its servers have given.
type world struct {
	*lab
	granted map[netip.Prefix]time.Time // to when; zero: for ever
	asked   []*message
	state   State
	slept   bool // since the last Save: its wall times are those of a clock that has moved on
}

// TestStates: whatever happens, a state is followed only by those that may follow, and
// the host has nothing that is not leased, or not any more.
func TestStates(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := Options{
			IAs: drawIAs(r), FourOverSix: true, Reconfigure: true, RapidCommit: rapid.Bool().Draw(r, "rapid"),
			Stay: rapid.Bool().Draw(r, "stay"), Rand: rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0)),
		}
		w := &world{lab: newLab(t, o), granted: make(map[netip.Prefix]time.Time)}
		w.step(r, Start{})
		w.step(r, Ready{true})
		lives := 0
		for range rapid.IntRange(1, 120).Draw(r, "steps") {
			w.step(r, w.draw(r))
			if w.m.State() == Stopped {
				if lives++; lives == 3 {
					break
				}
				w.reborn(r, o)
			}
		}
	})
}

func drawIAs(r *rapid.T) (all []IA) {
	for _, ia := range []IA{na, pd, ta, {Kind: NA, IAID: 2}} {
		if rapid.Bool().Draw(r, "ia") {
			all = append(all, ia)
		}
	}
	return all
}

// reborn begins another life with the record of the last one.
func (w *world) reborn(r *rapid.T, o Options) {
	o.Record = nil
	if saved := of[Save](w.acts); !w.slept && len(saved) > 0 && saved[len(saved)-1].Record != nil {
		o.Record = lastSaved(w.lab)
	}
	now := w.now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(r, "off")) * time.Second)
	w.lab = newLab(w.t, o)
	w.now, w.state, w.slept = now, Init, false
	w.step(r, Start{})
	w.step(r, Ready{true})
}

// step tells the machine, and checks what it does.
func (w *world) step(r *rapid.T, e Event) {
	sent := 0
	if c, ok := e.(Clock); ok && c.Slept > 0 {
		w.slept = true
	}
	for _, a := range w.tell(e) {
		switch a := a.(type) {
		case Note:
			if a.Text == "state changed" {
				w.follow(r, a.Fields[0].Interface.(State), e)
			}
		case Save:
			w.slept = false
		case Send:
			sent++
			w.asked = append(w.asked, w.last)
		}
	}
	if is := w.m.State(); is != w.state {
		r.Fatalf("in %v unseen, after %v", is, w.state)
	}
	if sent > 2 {
		r.Fatalf("%d messages on one event", sent)
	}
	w.stand(r)
}

func (w *world) follow(r *rapid.T, is State, e Event) {
	if is != Init && is != Stopped && !slices.Contains(follows[w.state], is) {
		r.Fatalf("%v follows %v on %#v", is, w.state, e)
	}
	w.state = is
}

// stand holds what must be so between any two events.
func (w *world) stand(r *rapid.T) {
	checkSane(w.t, w.lab)
	if s := w.m.applied; s != nil {
		var all []netip.Prefix
		for _, a := range s.Addresses {
			all = append(all, a.Prefix)
		}
		for _, p := range s.Prefixes {
			all = append(all, p.Prefix)
		}
		for _, p := range all {
			until, ok := w.granted[p]
			if !ok || over(until, w.now) {
				r.Fatalf("%v: the host has %v, granted %v until %v, at %v", w.m.State(), p, ok, until, w.now)
			}
		}
	}
	if w.m.told.Known && (w.m.applied == nil || !w.m.up) {
		r.Fatalf("%v: 4o6 without a network", w.m.State())
	}
}

// draw makes up an event, and lets time go by before it: what the machine is armed for
// may come late, as on a busy host.
func (w *world) draw(r *rapid.T) Event {
	switch rapid.IntRange(0, 24).Draw(r, "event") {
	case 0:
		return Ready{rapid.Bool().Draw(r, "up")}
	case 1:
		return Renew{}
	case 2:
		slept := time.Duration(rapid.IntRange(0, 3000).Draw(r, "slept")) * time.Second
		for p, until := range w.granted {
			if !until.IsZero() {
				w.granted[p] = until.Add(-slept)
			}
		}
		return Clock{slept}
	case 3:
		return Refused{}
	case 4:
		return [...]Event{Inform{}, Stop{}, Release{}, Inform{}, Inform{}}[rapid.IntRange(0, 4).Draw(r, "ask")]
	case 5, 6:
		return DAD{netip.MustParseAddr(rapid.SampledFrom([]string{addr1, addr2, "2001:db8:1::30"}).Draw(r, "taken")), rapid.Bool().Draw(r, "failed")}
	case 7:
		return Received{reconfigure{rapid.SampledFrom([]dhcp6.MessageType{5, 6, 11}).Draw(r, "for"), uint64(w.now.Unix()), rkey, server1, duid, nil}.bytes(), from}
	case 8, 9, 10, 11, 12, 13:
		if w.at.After(w.now) {
			w.now = w.at
		}
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(r, "late")) * time.Second)
		return Timer{}
	case 14:
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(r, "idle")) * time.Second)
		return Timer{}
	}
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(r, "rtt")) * time.Millisecond)
	return w.drawAnswer(r)
}

// drawAnswer answers one of the last messages, well or not.
func (w *world) drawAnswer(r *rapid.T) Event {
	if len(w.asked) == 0 {
		return Ready{true}
	}
	back := 0
	if rapid.IntRange(0, 5).Draw(r, "which") == 0 {
		back = min(rapid.IntRange(0, 3).Draw(r, "back"), len(w.asked)-1) // late, or a duplicate
	}
	q := w.asked[len(w.asked)-1-back]
	kind := dhcp6.Reply
	var opts []byte
	if q.Type == dhcp6.Solicit {
		if kind = dhcp6.Advertise; rapid.Bool().Draw(r, "at once") {
			kind, opts = dhcp6.Reply, opt(dhcp6.OptRapidCommit)
		}
		opts = append(opts, opt(dhcp6.OptPreference, rapid.SampledFrom([]byte{0, 9, 255}).Draw(r, "preference"))...)
	}
	if rapid.IntRange(0, 9).Draw(r, "fails") == 0 {
		opts = append(opts, status(dhcp6.Status(rapid.IntRange(0, 6).Draw(r, "status")))...)
	}
	switch q.Type {
	case dhcp6.Solicit, dhcp6.Request, dhcp6.Renew, dhcp6.Rebind:
		for _, ia := range w.m.o.IAs {
			opts = append(opts, w.drawIA(r, ia, kind)...)
		}
		if rapid.Bool().Draw(r, "key") {
			opts = append(opts, slices.Concat(opt(dhcp6.OptReconfAccept), auth(authKey, uint64(w.now.Unix()), rkey))...)
		}
	}
	if rapid.Bool().Draw(r, "4o6") {
		opts = append(opts, opt(dhcp6.OptDHCP4oDHCP6Server)...)
	}
	server := server1
	if rapid.IntRange(0, 3).Draw(r, "who") == 0 {
		server = server2
	}
	return Received{answerTo(q, kind, opts).by(server).bytes(), from}
}

// drawIA is what a server says of one IA.
func (w *world) drawIA(r *rapid.T, ia IA, kind dhcp6.MessageType) []byte {
	from := map[IAKind][]string{
		NA: {addr1, addr2, "2001:db8:1::30"}, TA: {"2001:db8:1::a", "2001:db8:1::b"}, PD: {"2001:db8:e::/56", "2001:db8:f::/60"},
	}[ia.Kind]
	var in []byte
	t1, t2 := uint32(rapid.IntRange(0, 300).Draw(r, "t1")), uint32(rapid.IntRange(0, 600).Draw(r, "t2"))
	switch rapid.IntRange(0, 9).Draw(r, "says") {
	case 0:
		return nil
	case 1:
		in = status(dhcp6.Status(rapid.IntRange(1, 6).Draw(r, "of the ia")))
	default:
		for range rapid.IntRange(0, 2).Draw(r, "leases") {
			valid := rapid.SampledFrom([]uint32{0, 1, 60, 1000, 4000, forever}).Draw(r, "valid")
			preferred := rapid.SampledFrom([]uint32{0, 30, 500, valid}).Draw(r, "preferred")
			text := rapid.SampledFrom(from).Draw(r, "lease")
			var p netip.Prefix
			if ia.Kind == PD {
				p = netip.MustParsePrefix(text)
				in = append(in, prefix(text, preferred, valid)...)
			} else {
				p = netip.PrefixFrom(netip.MustParseAddr(text), 128)
				in = append(in, addr(text, preferred, valid)...)
			}
			if kind == dhcp6.Reply && valid > 0 {
				w.grant(p, valid)
			}
		}
	}
	switch ia.Kind {
	case TA:
		return iaTA(ia.IAID, in)
	case PD:
		return iaPD(ia.IAID, t1, t2, in)
	}
	return iaNA(ia.IAID, t1, t2, in)
}

// grant notes the longest that a server has granted.
func (w *world) grant(p netip.Prefix, valid uint32) {
	until, had := w.granted[p]
	end := after(w.now, seconds(valid))
	if !had || end.IsZero() || !until.IsZero() && end.After(until) {
		w.granted[p] = end
	}
}
