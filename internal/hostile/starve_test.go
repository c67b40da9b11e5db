package hostile

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

var (
	prefix4 = netip.MustParsePrefix("192.0.2.0/24")
	relay   = netip.MustParseAddr("192.0.2.66")
	noAddr  netip.Addr
	start   = time.Unix(1_700_000_000, 0)
)

const poolSize = 100 // of conf4

func stranger(n int) (hw [6]byte) {
	binary.BigEndian.PutUint32(hw[2:], uint32(n))
	hw[0] = 6
	return hw
}

func v4(a netip.Addr) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(a, 32)}
}

// road4 says by which roads a DHCPv4 message may come, and from where.
var roads4 = []struct {
	road   string
	giaddr netip.Addr
}{
	{"v4 broadcast", noAddr}, {"v4 by relay", relay},
}

// TestDiscoverFlood: who asks under thousands of names gets offers for what is
// free, one address each at most, and no more; a client that has its lease keeps it
// and renews it; when the flood is over the next client is served at once, since
// an offer gives way or lapses.
func TestDiscoverFlood(t *testing.T) {
	for _, r := range roads4 {
		t.Run(r.road, func(t *testing.T) {
			h := newHost(t, zapcore.InfoLevel)
			h.now = start
			good := client4{hw: [6]byte{2, 0, 0, 0, 0, 1}, giaddr: r.giaddr}
			addr, ok := good.lease(h, r.road)
			if !ok {
				t.Fatal("no lease before the flood")
			}
			for round := range 25 {
				h.flood4(r.road, 1000, func(i int) []byte {
					h.now = h.now.Add(time.Millisecond)
					return client4{hw: stranger(round*1000 + i), giaddr: r.giaddr}.say(dhcp4.Discover, noAddr, noAddr)
				})
				if ack := reply4(h.ask(r.road, good.say(dhcp4.Request, addr, noAddr))); ack == nil || ack.Type() != dhcp4.Ack {
					t.Fatalf("round %d: no renewal", round)
				}
				if n := h.v4.table.SubnetStats(1, lease.V4); n.Offers > poolSize || n.Assigned != 1 {
					t.Fatalf("round %d: %+v", round, n)
				}
			}
			if _, ok := (client4{hw: [6]byte{2, 0, 0, 0, 0, 2}, giaddr: r.giaddr}).lease(h, r.road); !ok {
				t.Error("a client after the flood is not served")
			}
			if n := h.lines.lines; n > 5 {
				t.Errorf("%d lines in the log, the last %s", n, h.lines.last)
			}
		})
	}
}

// flood4 sends n packets by a road and counts the answers.
func (h *host) flood4(road string, n int, make func(i int) []byte) (answers int) {
	h.t.Helper()
	i := -1
	for _, r := range roads {
		if r.name == road {
			r.drive(h, limited(n, func() []byte { i++; return make(i) }), func([]byte) { answers++ })
		}
	}
	return answers
}

// TestOfferFloodOver6 is the same over the pair, and TestSolicitFlood for DHCPv6.
func TestOfferFloodOver6(t *testing.T) {
	const road = "v4 over the pair"
	h := newHost(t, zapcore.InfoLevel)
	good := client4{hw: [6]byte{2, 0, 0, 0, 0, 1}}
	if _, ok := good.lease(h, road); !ok {
		t.Fatal("no lease before the flood")
	}
	h.flood4(road, 10000, func(i int) []byte {
		m := client4{hw: stranger(i)}.say(dhcp4.Discover, noAddr, noAddr)
		return dhcp6.AppendOption([]byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}, dhcp6.OptDHCPv4Message, m)
	})
	if n := h.v4.table.SubnetStats(1, lease.V4); n.Offers > poolSize || n.Assigned != 1 {
		t.Errorf("%+v", n)
	}
	for _, c := range []client4{good, {hw: [6]byte{2, 0, 0, 0, 0, 2}}} {
		if _, ok := c.lease(h, road); !ok {
			t.Errorf("client %x is not served", c.hw)
		}
	}
}

func solicit(d dhcp6.DUID, t dhcp6.MessageType, ias ...dhcp6.IANA) []byte {
	m := dhcp6.AppendOption([]byte{byte(t), 1, 2, 3}, dhcp6.OptClientID, d)
	if t != dhcp6.Solicit {
		m = dhcp6.AppendOption(m, dhcp6.OptServerID, duid)
	}
	for _, ia := range ias {
		m = ia.Append(m)
	}
	return m
}

// given6 is the first address of an answer.
func given6(b []byte) (addr netip.Addr, ok bool) {
	var e dhcp6.Envelope
	if e.Parse(b) != nil {
		return addr, false
	}
	v, _ := e.Message.Options.Option(dhcp6.OptIANA)
	ia, err := dhcp6.ParseIANA(v)
	if err != nil {
		return addr, false
	}
	v, _ = ia.Options.Option(dhcp6.OptIAAddr)
	a, err := dhcp6.ParseIAAddr(v)
	return a.Addr, err == nil && a.Valid > 0
}

// TestSolicitFlood: see TestDiscoverFlood. One message may ask for 64 addresses.
func TestSolicitFlood(t *testing.T) {
	const road = "v6 multicast"
	h := newHost(t, zapcore.InfoLevel)
	h.now = start
	ias := make([]dhcp6.IANA, 64)
	for i := range ias {
		ias[i].IAID = uint32(i)
	}
	good := dhcp6.NewDUIDLL(1, []byte{2, 0, 0, 0, 0, 1})
	addr, ok := given6(h.ask(road, solicit(good, dhcp6.Request, dhcp6.IANA{IAID: 1})))
	if !ok {
		t.Fatal("no lease before the flood")
	}
	h.flood4(road, 3000, func(i int) []byte {
		h.now = h.now.Add(time.Millisecond)
		hw := stranger(i)
		return solicit(dhcp6.NewDUIDLL(1, hw[:]), dhcp6.Solicit, ias...)
	})
	if n := h.v6.table.SubnetStats(1, lease.NA); n.Offers > 256 || n.Assigned != 1 {
		t.Errorf("%+v", n)
	}
	if again, ok := given6(h.ask(road, solicit(good, dhcp6.Renew, dhcp6.IANA{IAID: 1}))); !ok || again != addr {
		t.Errorf("the lease of before is %v now, was %v", again, addr)
	}
	other := dhcp6.NewDUIDLL(1, []byte{2, 0, 0, 0, 0, 2})
	if _, ok := given6(h.ask(road, solicit(other, dhcp6.Request, dhcp6.IANA{IAID: 1}))); !ok {
		t.Error("a client after the flood is not served")
	}
	if n := h.lines.lines; n > 5 {
		t.Errorf("%d lines in the log, the last %s", n, h.lines.last)
	}
}

// TestDeclineStorm: who declines whatever is given uses up what is free and not
// one lease of another client; the log names ten of them in ten seconds; after the
// probation all is free again.
func TestDeclineStorm(t *testing.T) {
	h := newHost(t, zapcore.InfoLevel)
	h.now = start
	good := client4{hw: [6]byte{2, 0, 0, 0, 0, 1}}
	addr, ok := good.lease(h, "v4 broadcast")
	if !ok {
		t.Fatal("no lease before the storm")
	}
	for i := range 3 * poolSize {
		c := client4{hw: stranger(i)}
		if a, ok := c.lease(h, "v4 broadcast"); ok {
			h.ask("v4 broadcast", c.say(dhcp4.Decline, noAddr, a))
		}
		h.ask("v4 broadcast", c.say(dhcp4.Decline, noAddr, addr)) // another's
	}
	if n := h.v4.table.SubnetStats(1, lease.V4); n.Declined != poolSize-1 || n.Assigned != poolSize {
		t.Errorf("%+v, want all but one declined", n)
	}
	if l, _ := h.v4.table.ByResource(v4(addr)); l.State != lease.Leased {
		t.Errorf("the lease of another client is %v now", l.State)
	}
	if n := h.lines.lines; n < 10 || n > 15 {
		t.Errorf("%d lines in the log, the last %s", n, h.lines.last)
	}
	h.now = start.Add(2 * time.Hour)
	h.v4.table.Expire(h.now, 0)
	if _, ok := (client4{hw: [6]byte{2, 0, 0, 0, 0, 2}}).lease(h, "v4 broadcast"); !ok {
		t.Error("nobody is served after the probation")
	}
}

// TestDeclineStorm6 is the same for DHCPv6.
func TestDeclineStorm6(t *testing.T) {
	const road = "v6 multicast"
	h := newHost(t, zapcore.InfoLevel)
	h.now = start
	good := dhcp6.NewDUIDLL(1, []byte{2, 0, 0, 0, 0, 1})
	addr, ok := given6(h.ask(road, solicit(good, dhcp6.Request, dhcp6.IANA{IAID: 1})))
	if !ok {
		t.Fatal("no lease before the storm")
	}
	for i := range 300 {
		hw := stranger(i)
		d := dhcp6.NewDUIDLL(1, hw[:])
		for _, a := range []netip.Addr{addr, first6(given6(h.ask(road, solicit(d, dhcp6.Request, dhcp6.IANA{IAID: 1}))))} {
			if !a.IsValid() {
				continue
			}
			o := dhcp6.IAAddr{Addr: a}.Append(nil)
			h.ask(road, solicit(d, dhcp6.Decline, dhcp6.IANA{IAID: 1, Options: o}))
		}
	}
	if n := h.v6.table.SubnetStats(1, lease.NA); n.Declined != 255 {
		t.Errorf("%+v, want all but one declined", n)
	}
	if again, ok := given6(h.ask(road, solicit(good, dhcp6.Renew, dhcp6.IANA{IAID: 1}))); !ok || again != addr {
		t.Errorf("the lease of another client is %v now, was %v", again, addr)
	}
	if n := h.lines.lines; n < 10 || n > 15 {
		t.Errorf("%d lines in the log, the last %s", n, h.lines.last)
	}
	h.now = start.Add(2 * time.Hour)
	h.v6.table.Expire(h.now, 0)
	if _, ok := given6(h.ask(road, solicit(dhcp6.NewDUIDLL(1, []byte{2, 0, 0, 0, 0, 2}), dhcp6.Request, dhcp6.IANA{IAID: 1}))); !ok {
		t.Error("nobody is served after the probation")
	}
}

func first6(a netip.Addr, _ bool) netip.Addr { return a }

// TestReleaseOfOthers: only who holds a lease gives it back. Who has a client
// identifier is known by it alone, so the same hardware address with another one
// is a stranger.
func TestReleaseOfOthers(t *testing.T) {
	victim := client4{hw: [6]byte{2, 0, 0, 0, 0, 1}, id: []byte{0, 'v', 'i', 'c', 't', 'i', 'm'}}
	for _, r := range roads4 {
		victim.giaddr = r.giaddr
		h := newHost(t, zapcore.InfoLevel)
		addr, ok := victim.lease(h, r.road)
		if !ok {
			t.Fatal("no lease")
		}
		thieves := map[string]client4{
			"another hardware address":                           {hw: stranger(1)},
			"another identifier":                                 {hw: stranger(1), id: []byte{0, 'x'}},
			"the hardware address, another identifier":           {hw: victim.hw, id: []byte{0, 'x'}},
			"the identifier, one octet more":                     {hw: victim.hw, id: append(victim.id[:7:7], 0)},
			"the hardware address of another type, unidentified": {hw: victim.hw, more: func(w *dhcp4.Builder) { w.Header.HType = 6 }},
		}
		for name, c := range thieves {
			c.giaddr = r.giaddr
			h.ask(r.road, c.say(dhcp4.Release, addr, noAddr))
			h.ask(r.road, c.say(dhcp4.Decline, noAddr, addr))
			if l, _ := h.v4.table.ByResource(v4(addr)); l.State != lease.Leased {
				t.Fatalf("%s: by %s it is %v", r.road, name, l.State)
			}
		}
		if n := h.v4.count("pkt4-drop-not-holder"); n != int64(2*len(thieves)) {
			t.Errorf("%s: %d counted", r.road, n)
		}
		h.ask(r.road, victim.say(dhcp4.Release, addr, noAddr))
		if l, _ := h.v4.table.ByResource(v4(addr)); l.State == lease.Leased {
			t.Errorf("%s: the holder cannot release it", r.road)
		}
	}
}

// TestForgedRelayInformation: what a client writes into option 82 wins it nothing
// that its link does not have. A link of no subnet is no reason to fall back on
// another; circuits do not multiply what one source may be offered; and answers go
// where they would have gone without.
func TestForgedRelayInformation(t *testing.T) {
	h := newHost(t, zapcore.InfoLevel)
	forge := func(v ...byte) func(*dhcp4.Builder) {
		return func(w *dhcp4.Builder) { w.Add(dhcp4.OptRelayAgentInfo, v) }
	}
	ask := func(v ...byte) *dhcp4.Message {
		return reply4(h.ask("v4 broadcast", client4{hw: stranger(1), more: forge(v...)}.say(dhcp4.Discover, noAddr, noAddr)))
	}
	if m := ask(5, 4, 203, 0, 113, 1); m != nil {
		t.Errorf("a link of ours stands in for a foreign one: %v", m.YIAddr)
	}
	if n := h.v4.count("pkt4-drop-no-subnet"); n != 1 {
		t.Errorf("no-subnet counted %d times", n)
	}
	for _, v := range [][]byte{{5, 4, 192, 0, 2, 9}, {5, 3, 1, 2, 3}, {5, 200}, {1, 0}, {11, 4, 6, 6, 6, 6}, {19, 0}, {151, 1, 0}} {
		m := ask(v...)
		if m == nil || m.Type() != dhcp4.Offer || !prefix4.Contains(m.YIAddr) {
			t.Errorf("%v: %+v", v, m)
			continue
		}
		if id, _ := m.Addr(dhcp4.OptServerID); v[0] != 11 && id != server {
			t.Errorf("%v: server identifier %v", v, id)
		}
	}
	h.flood4("v4 broadcast", 3000, func(i int) []byte {
		return client4{hw: stranger(i), more: forge(append([]byte{1, 4}, fmt.Sprintf("%04d", i)...)...)}.say(dhcp4.Discover, noAddr, noAddr)
	})
	if n := h.v4.table.SubnetStats(1, lease.V4).Offers; n > poolSize {
		t.Errorf("%d offers", n)
	}
}

// TestQueryInQuery: what stands where the DHCPv4 message belongs, and is none, is
// not looked into: a DHCPV4-QUERY in another, a relay message in one.
func TestQueryInQuery(t *testing.T) {
	good := client4{hw: stranger(1)}.say(dhcp4.Discover, noAddr, noAddr)
	query := func(m []byte) []byte {
		return dhcp6.AppendOption([]byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}, dhcp6.OptDHCPv4Message, m)
	}
	level := func(m []byte) []byte {
		return dhcp6.AppendOption(append([]byte{byte(dhcp6.RelayForw), 0}, make([]byte, 32)...), dhcp6.OptRelayMessage, m)
	}
	tests := map[string][]byte{
		"a query in a query":             query(query(good)),
		"a query in a query in a query":  query(query(query(good))),
		"a relayed query in a query":     query(level(query(good))),
		"a query in a query, relayed":    level(query(query(good))),
		"a Solicit in a query":           query(solicit(duid, dhcp6.Solicit)),
		"an answer in a query":           query(append([]byte{2}, good[1:]...)),
		"two queries in one level":       append(level(query(good)), level(query(good))[relayHead:]...),
		"a query in a DHCPV4-RESPONSE":   append([]byte{byte(dhcp6.DHCPv4Response)}, query(good)[1:]...),
		"a query with two messages":      append(query(good), query(good)[4:]...),
		"a query in a Relay-reply level": append([]byte{byte(dhcp6.RelayRepl)}, level(query(good))[1:]...),
	}
	for name, m := range tests {
		h := newHost(t, zapcore.InfoLevel)
		// that levels go up is what the pair sees to, before dhcp4d is asked
		if a := h.ask("v4 over the pair", m); a != nil && name != "a query in a Relay-reply level" {
			t.Errorf("%s: dhcp4d answers %x", name, a)
		}
		if name == "an answer in a query" {
			continue // dhcp6d does not look at what the DHCPv4 message says
		}
		if a := h.ask("v6 multicast", m); a != nil {
			t.Errorf("%s: dhcp6d answers %x", name, a)
		}
		if n := h.v6.count("4o6-forwarded"); n != 0 {
			t.Errorf("%s: handed over", name)
		}
	}
	h := newHost(t, zapcore.InfoLevel)
	for _, m := range [][]byte{query(good), level(query(good))} {
		if reply4(h.ask("v4 over the pair", m)) == nil && h.ask("v4 over the pair", m) == nil {
			t.Errorf("a proper one is not answered: %x", m)
		}
	}
}
