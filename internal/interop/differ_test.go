//go:build interop

package interop

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

var (
	differSeed  = flag.Uint64("differ-seed", 1, "seed of the cases of TestSameAsKea4")
	differCases = flag.Int("differ-cases", 250, "number of cases of TestSameAsKea4")
	differParts = flag.String("differ-parts", "options,lifetimes,boot,flags,ddns,classes,extras,vendors,reservations", "what the configurations of TestSameAsKea4 have in them")
	differCase  = flag.Int("differ-case", -1, "the one case of TestSameAsKea4 to run, with all that is said")
)

// newCase makes the case of a seed and an index.
func newCase(seed uint64, index int) *gen {
	g := newGen(seed, index)
	all := map[string]func(){"options": g.options, "lifetimes": g.lifetimes, "boot": g.boot, "flags": g.flags,
		"ddns": g.ddns, "classes": g.classify, "reservations": g.reservations, "extras": g.extras, "vendors": g.vendors}
	parts := strings.Split(*differParts, ",")
	chosen := map[string]bool{}
	for _, i := range []int{index, index*3 + 1, index*5 + 2, g.IntN(len(parts))} {
		chosen[parts[i%len(parts)]] = true
	}
	for _, name := range parts { // reservations last: they name classes
		if chosen[name] {
			all[name]()
		}
	}
	for range 4 {
		if g.chance(.15) {
			g.talk(g.odd())
		} else {
			g.talk(g.person())
		}
	}
	g.late()
	for i, a := range g.asks {
		a.xid = uint32(g.index+1)<<16 | uint32(i+1)<<4 | 1
	}
	return g
}

// A duel is the comparison of two servers.
type duel struct {
	t        *testing.T
	beds     [2]*bed // ours, Kea's
	fence    uint32
	cover    map[string]int
	excused  map[string]int
	differ   map[string]int
	refused  int
	serving  time.Duration
	compared int
}

// TestSameAsKea4 gives kea-dhcp4 and dhcp4d the same configurations and sends
// both the same messages: all that is said in answer is the same, or known.
func TestSameAsKea4(t *testing.T) {
	need.Programs(t, "kea-dhcp4", "kea-dhcp6", "ss")
	lab := dhcptest.NewLab(t)
	d := &duel{t: t, cover: map[string]int{}, excused: map[string]int{}, differ: map[string]int{}}
	d.beds = [2]*bed{newBed(t, lab, ours), newBed(t, lab, kea)}
	begin := time.Now()
	if *differCase >= 0 {
		d.run(newCase(*differSeed, *differCase))
	} else {
		for i := range *differCases {
			d.run(newCase(*differSeed, i))
		}
	}
	t.Logf("%d messages compared in %v, of which the servers took %v to change over; %d configurations refused by Kea",
		d.compared, time.Since(begin).Round(time.Second), d.serving.Round(time.Second), d.refused)
	report := func(title string, m map[string]int) {
		var s strings.Builder
		for _, k := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(&s, "%7d  %s\n", m[k], k)
		}
		t.Logf("%s:\n%s", title, s.String())
	}
	if *differCase < 0 {
		report("What occurred", d.cover)
		if *differCases >= 250 {
			for _, what := range required() {
				if d.cover[what] == 0 {
					t.Errorf("does not occur: %s", what)
				}
			}
		}
	}
	report("Known differences", d.excused)
	for _, e := range excuses {
		if d.excused[e.why] == 0 && *differCase < 0 {
			t.Logf("not seen: %s", e.why)
		}
	}
	if len(d.differ) > 0 {
		report("Differences", d.differ)
	}
}

// run compares one case.
func (d *duel) run(g *gen) {
	begin := time.Now()
	config := g.config()
	verbose := *differCase >= 0
	if verbose {
		d.t.Logf("case %d:\n%s", g.index, config)
	}
	kerr := d.beds[1].serve(config)
	if kerr != nil {
		d.refused++
		d.differ["Kea refuses: "+kerr.Error()]++
		if !errors.As(kerr, new(errRefused)) {
			d.t.Errorf("case %d: %v", g.index, kerr)
			d.beds[1].stop()
		}
		return
	}
	if err := d.beds[0].serve(config); err != nil {
		d.t.Errorf("case %d: Kea takes a configuration that we do not: %v", g.index, err)
		return
	}
	for _, b := range d.beds {
		if err := d.ready(b); err != nil {
			d.t.Errorf("case %d: %v", g.index, err)
			return
		}
	}
	d.serving += time.Since(begin)
	pairs := newPairing()
	for i, a := range g.asks {
		if a.who.apart || pairs.crossed(a) {
			a.who.apart = true
			continue
		}
		time.Sleep(a.pause)
		var gists [2]gist
		var addrs [2]netip.Addr
		for bed, b := range d.beds {
			h, err := d.ask(b, bed, a)
			if err != nil {
				d.t.Errorf("case %d, message %d, %v: %s: %v\n%s", g.index, i, a, b.who, err, b.said())
				b.stop()
				return
			}
			var m *dhcp4.Message
			gists[bed], m = digest(a, h)
			if m != nil {
				addrs[bed] = m.YIAddr
				remember(a.who, bed, m)
			}
		}
		d.compared++
		d.judge(g, i, a, gists, addrs, pairs, verbose)
		a.who.note(gists[0]["type"], addrs[0])
		for k := range a.cover {
			d.cover[k]++
		}
	}
	for k := range g.cover {
		d.cover[k]++
	}
}

// remember keeps what a client was told.
func remember(p *person, bed int, m *dhcp4.Message) {
	if !m.YIAddr.IsUnspecified() {
		p.told[bed].addr = m.YIAddr
	}
	if s, ok := m.Addr(dhcp4.OptServerID); ok {
		p.told[bed].server = s
	}
}

// ready waits until a server answers: it opens its control socket before the others.
func (d *duel) ready(b *bed) (err error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if err = d.fenced(b, 0, &ask{who: new(person)}, 50*time.Millisecond, nil); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: %w\n%s", b.who, err, b.said())
}

// note keeps what we offered, and did not grant yet.
func (p *person) note(answer string, addr netip.Addr) {
	switch answer {
	case "DHCPOFFER":
		p.open = addr
	case "DHCPACK", "DHCPNAK":
		p.open = netip.Addr{}
	}
}

// judge compares what was said to one message.
func (d *duel) judge(g *gen, i int, a *ask, gists [2]gist, addrs [2]netip.Addr, pairs *pairing, verbose bool) {
	ours, kea := gists[0], gists[1]
	if verbose {
		d.t.Logf("message %d: %v\n ours %v\n Kea  %v", i, a, ours, kea)
	}
	leases := given(addrs[0]) && given(addrs[1])
	if leases && elsewhere(addrs[0], addrs[1]) {
		d.excused["which subnet of a shared network, or pool of a subnet, an address is taken from"]++
		part(a.who, addrs, pairs)
		return
	}
	if leases {
		pairs.match(addrs[0], addrs[1])
	}
	pairs.translate(ours)
	for _, field := range compare(ours, kea) {
		if field == "type" || field == "yiaddr" {
			part(a.who, addrs, pairs)
		}
		if why := known(g, a, field, ours, kea); why != "" {
			d.excused[why]++
			continue
		}
		key := fmt.Sprintf("%s: ours %s, Kea %s; %v, %s", field, brief(field, ours), brief(field, kea), a.kind, a.name)
		d.differ[key]++
		d.t.Errorf("case %d, message %d, %v\n %s differs:\n ours %v\n Kea  %v", g.index, i, a, field, ours, kea)
	}
}

func given(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() }

// part notes that the two servers know different things about a client from now
// on: what comes next would rest on that.
func part(p *person, addrs [2]netip.Addr, pairs *pairing) {
	p.apart = true
	for bed, a := range addrs {
		pairs.apart[a] = true
		pairs.apart[p.told[bed].addr] = true
	}
}

func brief(field string, g gist) string {
	switch {
	case g.silent():
		return "silence"
	}
	if v, ok := g[field]; ok {
		return v
	}
	return "nothing"
}

// ask sends a message to a bed, then one that is surely answered: what has not
// come ahead of that answer will not come.
func (d *duel) ask(b *bed, bed int, a *ask) (answer *heard, err error) {
	wire, frame := a.frame(bed)
	if err := b.write(wire, frame); err != nil {
		return nil, err
	}
	err = d.fenced(b, wire, a, 3*time.Second, func(h *heard) error {
		if h.xid() == a.xid && answer != nil {
			return errors.New("two answers")
		} else if h.xid() == a.xid {
			answer = h
		}
		return nil
	})
	return answer, err
}

// fenced sends what is surely answered on the way of a, hands over what is heard
// before that answer, and returns when it has come.
func (d *duel) fenced(b *bed, wire int, a *ask, patience time.Duration, each func(*heard) error) error {
	d.fence++
	f := &ask{who: &person{htype: 1, hlen: 6, chaddr: []byte{2, 0, 0x5e, 0xfe, 0, 1, 15: 0}}, kind: dhcp4.Discover,
		way: viaRelay, link: wire, giaddr: []string{"203.0.113.1", "203.0.113.129"}[wire], xid: 0xfe000000 | d.fence}
	f.toAll = a.way == onWire0 || a.way == onWire1 // one socket, so that the order holds
	if a.way >= in6 {
		f.way, f.giaddr, f.source6 = in6, "", "2001:db8:fe::1"
	}
	_, frame := f.frame(0)
	if err := b.write(wire, frame); err != nil {
		return err
	}
	for until := time.Now().Add(patience); ; {
		h, err := b.read(until)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errors.New("does not answer any more")
		case err != nil:
			return err
		case h.xid() == f.xid:
			return nil
		case each != nil:
			if err := each(h); err != nil {
				return err
			}
		}
	}
}
