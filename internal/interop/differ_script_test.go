//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// person makes a client that no other of the case is like.
func (g *gen) person() *person {
	n := byte(len(g.people) + 1)
	p := &person{htype: 1, hlen: 6, chaddr: make([]byte, 16)}
	copy(p.chaddr, []byte{2, 0, 0x5e, byte(g.index >> 8), byte(g.index), n})
	switch g.IntN(8) {
	case 0, 1:
		p.id = []byte{1, 2, 0, 0x5e, 0xff, n}
	case 2:
		p.id = append([]byte{255, 0, 0, 0, n}, p.duid(n)...)
	case 3:
		p.id = append([]byte{0}, fmt.Sprintf("client-%d", n)...)
	}
	g.people = append(g.people, p)
	return p
}

func (p *person) duid(n byte) []byte { return []byte{0, 3, 0, 1, 2, 0, 0x5e, 0xdd, 0, n} }

// odd makes a client whose hardware is no Ethernet.
func (g *gen) odd() *person {
	p := g.person()
	p.hlen = cycle(g, "hlen", []byte{0, 1, 2, 5, 7, 8, 15, 16, 6})
	p.htype = cycle(g, "htype", []byte{6, 1, 32, 255, 0, 24})
	for i := range p.chaddr {
		p.chaddr[i] = byte(g.IntN(256))
	}
	clear(p.chaddr[min(16, p.hlen):])
	if p.hlen < 6 && p.id == nil && g.chance(.7) {
		p.id = []byte{0, 'o', 'd', 'd', byte(g.index >> 8), byte(g.index), byte(len(g.people))}
	}
	p.odd = true
	return p
}

// A seatOf is where a client sits: how its messages come, and into which subnet.
type seatOf struct {
	way               carry
	giaddr            string
	link6, id, src6   string
	net               string // its subnet, without the last octet
	relay             []byte
	subnetSelection   string // option 118
	name              string
	pool, out, beyond string // addresses within a pool, outside of all pools, of no subnet there
}

// sub is one sub-option of option 82.
func sub(code byte, v ...byte) []byte { return append([]byte{code, byte(len(v))}, v...) }

func (g *gen) seat() *seatOf {
	local := seatOf{way: onWire0, net: "192.0.2.", name: "on the link"}
	far := seatOf{way: viaRelay, giaddr: "10.30.0.1", net: "10.30.0.", name: "behind a relay"}
	all := []func() seatOf{
		func() seatOf { return local },
		func() seatOf { return local },
		func() seatOf { return seatOf{way: onWire1, net: "198.51.100.", name: "on the second link"} },
		func() seatOf { return far },
		func() seatOf { return far },
		func() seatOf {
			return seatOf{way: viaRelay, giaddr: "10.40.0.1", net: "10.40.0.", name: "in a shared network"}
		},
		func() seatOf {
			return seatOf{way: viaRelay, giaddr: "10.41.0.1", net: "10.41.0.", name: "in the second subnet of a shared network"}
		},
		func() seatOf {
			return seatOf{way: viaRelay, giaddr: "172.16.5.1", net: "10.50.0.", name: "relay ip-addresses"}
		},
		func() seatOf {
			return seatOf{way: viaRelay, giaddr: "172.16.9.1", net: "10.30.0.", relay: sub(5, 10, 30, 0, 9), name: "link selection (RFC 3527)"}
		},
		func() seatOf {
			s := far
			s.net, s.subnetSelection, s.name = "10.50.0.", "10.50.0.0", "subnet selection (RFC 3011)"
			return s
		},
		func() seatOf {
			return seatOf{way: viaRelay, giaddr: "172.16.9.1", net: "10.30.0.", name: "a relay that nobody knows"}
		},
		func() seatOf { return seatOf{way: in6, net: "192.0.2.", name: "4o6 by interface"} },
		func() seatOf {
			return seatOf{way: in6, src6: "2001:db8:30::7", net: "10.30.0.", name: "4o6 by prefix"}
		},
		func() seatOf {
			return seatOf{way: in6Relayed, link6: "2001:db8:40::1", id: "port-40", src6: "2001:db8:40::1", net: "10.40.0.", name: "4o6 by interface-id"}
		},
		func() seatOf {
			return seatOf{way: in6Relayed, link6: "2001:db8:30::1", src6: "2001:db8:30::1", net: "10.30.0.", name: "4o6 by prefix, relayed"}
		},
	}
	s := cycle(g, "seat", all)()
	last := map[bool]int{false: 105, true: 100}[s.net == "10.40.0."]
	s.pool, s.out, s.beyond = fmt.Sprint(s.net, last), s.net+"77", "172.31.1.1"
	return &s
}

// dress puts onto a message what real clients and relays add.
func (g *gen) dress(a *ask) {
	add := func(code byte, v []byte, note string) {
		a.options = append(a.options, option4{code, v})
		g.note("option %d of a client", code)
		g.note("option %d of a client, %s", code, note)
	}
	// whether these were taken shows in no answer
	silent := a.kind == dhcp4.Release || a.kind == dhcp4.Decline
	if !silent && g.chance(.85) {
		want := []byte{1, 3, 6, 12, 15, 28, 42}
		for _, c := range g.codes {
			if g.chance(.8) {
				want = append(want, c)
			}
		}
		if g.chance(.2) {
			want = append(want, 51, 54, 58, 59, 53, 82, 61)
		}
		g.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
		add(55, want, "a list")
	}
	if g.chance(.2) {
		v := cycle(g, "57", []uint16{576, 1500, 300, 800, 65535})
		add(57, binary.BigEndian.AppendUint16(nil, v), fmt.Sprint(v))
	}
	if g.chance(.25) {
		v := cycle(g, "51", []uint32{60, 1800, 100000, 0xffffffff, 0})
		add(51, binary.BigEndian.AppendUint32(nil, v), fmt.Sprint(v))
	}
	if g.chance(.4) {
		v := cycle(g, "60", []string{"PXEClient:Arch:00007:UNDI:003016", "MSFT 5.0", "docsis3.0", "x"})
		add(60, []byte(v), v)
	}
	if g.chance(.3) {
		v := cycle(g, "12", []string{"host", "Host.Example.org", "bad name!", "trailing.", "a..b", "h\x00"})
		add(12, []byte(v), fmt.Sprintf("%q", v))
	}
	if g.chance(.3) && !silent {
		g.fqdn(add)
	}
	for _, o := range []struct {
		code byte
		v    string
	}{{77, "0575736572"}, {77, "075573657220413105"}, {93, "0007"}, {94, "010310"}, {97, "00112233445566778899aabbccddeeff00"},
		{124, "0000118b0568656c6c6f"}, {125, "0000118b0401020304"}, {125, "0000000906010474657374"}, {116, "01"}, {145, "01"},
		{125, "0000118b03010102"}, {125, "0000118b0601040205080a"}, {125, "00000009030101050000118b03010102"}, {124, "0000000903026162"}, {43, "01020101"}, {43, "0a04c0000201ff"}} {
		if _, twice := has(a, o.code); !twice && g.chance(.08) {
			v, _ := hex.DecodeString(o.v)
			add(o.code, v, o.v)
		}
	}
	if !silent && g.chance(.05) {
		a.overload = byte(1 + g.IntN(3))
		g.note("option 52 of a client, %d", a.overload)
	}
	if g.chance(.04) {
		add(78, bytes.Repeat([]byte{0x5a}, 300), "more than 255 octets")
	}
	if a.flags = 0; g.chance(.4) {
		a.flags = 0x8000
		g.note("broadcast flag")
	}
	if g.chance(.1) {
		a.flags |= uint16(g.IntN(0x8000))
		g.note("flags that must be zero")
	}
	if g.chance(.2) {
		a.secs = uint16(g.IntN(65536))
	}
	if a.way == viaRelay {
		a.hops = byte(1 + g.IntN(3))
	}
}

// information is option 82 for a message by a relay.
func (g *gen) information(s *seatOf) []byte {
	rai := append([]byte{}, s.relay...)
	if s.relay != nil {
		g.note("sub-option 82.%d", s.relay[0])
	}
	if s.relay == nil && g.chance(.4) {
		return nil
	}
	subs := [][]byte{sub(1, 'p', 'o', 'r', 't', byte('0'+g.IntN(4))), sub(2, 2, 0, 0, 0, 0, 1), sub(6, 's', 'u', 'b'), sub(9, 0, 0, 0x11, 0x8b, 3, 1, 1, 5),
		sub(12, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9), sub(10, 0x80), sub(19), sub(151, 0, 'v', 'p', 'n'), sub(152), sub(4, 1, 2, 3, 4), sub(8, 1), sub(7, 1), sub(11, 192, 0, 2, 1), sub(200, 9)}
	for range 1 + g.IntN(3) {
		v := cycle(g, "82", subs)
		rai = append(rai, v...)
		g.note("sub-option 82.%d", v[0])
	}
	switch {
	case g.chance(.03):
		rai = append(rai, 201, 9, 1)
		g.note("option 82, torn")
	case g.chance(.03):
		rai = append(rai, sub(200, bytes.Repeat([]byte{7}, 250)...)...)
		g.note("option 82 of more than 255 octets")
	}
	return rai
}

// say makes a message and puts it into the case.
func (g *gen) say(p *person, s *seatOf, kind dhcp4.MessageType, name string, edit func(*ask)) *ask {
	config := g.cover
	g.cover = map[string]bool{}
	a := &ask{who: p, kind: kind, name: name, way: s.way, giaddr: s.giaddr, link6: s.link6, interfaceID: s.id, source6: s.src6}
	g.dress(a)
	if s.way == viaRelay {
		a.relay = g.information(s)
	} else if g.chance(.05) {
		a.relay = sub(1, 'x')
		g.note("option 82 without a relay")
	}
	if s.subnetSelection != "" {
		a.options = append(a.options, option4{118, []byte{10, 50, 0, 0}})
		g.note("option 118 of a client")
	}
	if edit != nil {
		edit(a)
	}
	g.note("%v, %s", kind, name)
	g.note("client %s", s.name)
	if p.odd {
		g.note("hlen %d", p.hlen)
		g.note("htype %d", p.htype)
	}
	if len(p.id) > 0 {
		g.note("client identifier of type %d", p.id[0])
	}
	a.cover, g.cover = g.cover, config
	g.asks = append(g.asks, a)
	return a
}

// direct has a message go by unicast from the client to the server, where it
// can have an address.
func direct(a *ask) {
	if a.way == onWire0 {
		a.way = asUnicast
	}
	if a.way == viaRelay { // past the relay
		a.way, a.giaddr, a.relay, a.hops = asUnicast, "", nil, 0
	}
	a.unicast6 = true
}

// lease has a client get a lease.
func (g *gen) lease(p *person, s *seatOf) {
	g.say(p, s, dhcp4.Discover, "without a wish", nil)
	g.say(p, s, dhcp4.Request, "SELECTING", func(a *ask) { a.want, a.server = offered, itself })
}

// overload adds an option 52 that means nothing.
func overload(a *ask) {
	a.options, a.overload = append(a.options, option4{52, []byte{0}}), 0
}

// talk is a conversation of one client in one of the ways that there are.
func (g *gen) talk(p *person) {
	s := g.seat()
	talks := []func(){
		func() { // the whole life of a lease
			g.lease(p, s)
			g.say(p, s, dhcp4.Request, "RENEWING", func(a *ask) { a.ciaddr = offered; direct(a) })
			g.say(p, s, dhcp4.Request, "REBINDING", func(a *ask) { a.ciaddr = offered })
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, bound", func(a *ask) { a.want = offered })
			g.say(p, s, dhcp4.Discover, "bound", nil)
			g.say(p, s, dhcp4.Release, "bound", func(a *ask) { a.ciaddr, a.server = offered, itself; direct(a) })
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, released", func(a *ask) { a.want = offered })
			g.say(p, s, dhcp4.Discover, "released", nil)
		},
		func() { // declines
			g.lease(p, s)
			g.say(p, s, dhcp4.Decline, "bound", func(a *ask) { a.want, a.server = offered, itself })
			g.say(p, s, dhcp4.Request, "RENEWING, declined", func(a *ask) { a.ciaddr = offered; direct(a) })
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, declined", func(a *ask) { a.want = offered })
			g.say(p, s, dhcp4.Discover, "declined", nil)
		},
		func() { // of no binding
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, unknown", func(a *ask) { a.want = s.pool })
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, unknown, wrong net", func(a *ask) { a.want = s.beyond })
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, unknown, out of the pools", func(a *ask) { a.want = s.out })
			g.say(p, s, dhcp4.Release, "unknown", func(a *ask) { a.ciaddr = s.pool })
			g.say(p, s, dhcp4.Decline, "unknown", func(a *ask) { a.want = s.pool })
			g.say(p, s, dhcp4.Request, "RENEWING, unknown", func(a *ask) { a.ciaddr = s.pool; direct(a) })
		},
		func() {
			g.say(p, s, dhcp4.Request, "REBINDING, unknown", func(a *ask) { a.ciaddr = s.pool })
			g.say(p, s, dhcp4.Release, "bound", func(a *ask) { a.ciaddr = offered })
			g.say(p, s, dhcp4.Request, "REBINDING, unknown, wrong net", func(a *ask) { a.ciaddr = s.beyond })
			g.say(p, s, dhcp4.Request, "REBINDING, unknown, out of the pools", func(a *ask) { a.ciaddr = s.out })
		},
		func() { // wishes
			g.say(p, s, dhcp4.Discover, "wishing an address of the pool", func(a *ask) { a.want = s.pool })
			g.say(p, s, dhcp4.Request, "SELECTING", func(a *ask) { a.want, a.server = offered, itself })
			g.say(p, s, dhcp4.Discover, "bound, wishing another", func(a *ask) { a.want = s.out })
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, bound, another", func(a *ask) { a.want = s.net + "110" })
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, bound, wrong net", func(a *ask) { a.want = s.beyond })
			g.say(p, s, dhcp4.Request, "RENEWING, another", func(a *ask) { a.ciaddr = s.net + "111"; direct(a) })
		},
		func() {
			g.say(p, s, dhcp4.Discover, "wishing an address out of the pools", func(a *ask) { a.want = s.out })
			g.say(p, s, dhcp4.Request, "SELECTING, another server", func(a *ask) { a.want, a.server = offered, "192.0.2.66" })
			g.say(p, s, dhcp4.Discover, "wishing an address of no subnet", func(a *ask) { a.want = s.beyond })
			g.say(p, s, dhcp4.Request, "SELECTING, an address never offered", func(a *ask) { a.want, a.server = s.net+"112", itself })
		},
		func() { // options only
			g.say(p, s, dhcp4.Inform, "with ciaddr", func(a *ask) { a.ciaddr = s.out })
			g.say(p, s, dhcp4.Inform, "without ciaddr", nil)
			g.say(p, s, dhcp4.Inform, "by unicast", func(a *ask) { a.ciaddr = s.out; direct(a) })
			g.lease(p, s)
			g.say(p, s, dhcp4.Inform, "bound", func(a *ask) { a.ciaddr = offered })
		},
		func() { // two clients and one address
			g.lease(p, s)
			q := g.person()
			q.told = p.told
			g.say(q, s, dhcp4.Discover, "wishing what another has", func(a *ask) { a.want = s.pool })
			g.say(q, s, dhcp4.Request, "SELECTING", func(a *ask) { a.want, a.server = offered, itself })
			g.say(p, s, dhcp4.Release, "what it has not", func(a *ask) { a.ciaddr = s.out })
			g.say(p, s, dhcp4.Decline, "what it has not", func(a *ask) { a.want = s.out })
			g.say(q, s, dhcp4.Request, "INIT-REBOOT, bound", func(a *ask) { a.want = offered })
		},
		func() { // moved to another link
			g.lease(p, s)
			there := g.seat()
			g.say(p, there, dhcp4.Request, "INIT-REBOOT, moved", func(a *ask) { a.want = offered })
			g.say(p, there, dhcp4.Request, "REBINDING, moved", func(a *ask) { a.ciaddr = offered })
			g.say(p, there, dhcp4.Discover, "moved", nil)
			g.say(p, there, dhcp4.Request, "SELECTING", func(a *ask) { a.want, a.server = offered, itself })
		},
		func() { // what no client should send
			g.say(p, s, dhcp4.Discover, "with ciaddr", func(a *ask) { a.ciaddr = s.pool })
			g.say(p, s, dhcp4.Request, "SELECTING with ciaddr", func(a *ask) { a.want, a.server, a.ciaddr = offered, itself, offered })
			g.say(p, s, dhcp4.Request, "naming nothing", nil)
			g.say(p, s, dhcp4.MessageType(oneOf(g, 2, 5, 6, 9, 10, 13, 18, 99)), "not for servers", nil)
			g.say(p, s, 0, "BOOTP", nil)
			for _, edit := range []func(*ask){func(a *ask) { a.server = itself }, func(a *ask) { a.server = "192.0.2.66" }, overload} {
				g.say(g.person(), s, dhcp4.Discover, "that must not be", edit)
			}
		},
	}
	cycle(g, "talk", talks)()
}
