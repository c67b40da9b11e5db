//go:build interop

package interop

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

func colons(b []byte) string {
	var s []string
	for _, c := range b {
		s = append(s, hex.EncodeToString([]byte{c}))
	}
	return strings.Join(s, ":")
}

// reservations keeps addresses, names and options for clients that then ask.
func (g *gen) reservations() {
	switch g.IntN(6) {
	case 1:
		g.top["reservations-global"], g.top["reservations-in-subnet"] = true, false
		g.note("reservations, global alone")
	case 2:
		g.top["reservations-global"], g.top["reservations-in-subnet"] = true, true
		g.note("reservations, global and in subnets")
	case 3:
		g.top["reservations-out-of-pool"] = true
		g.note("reservations, out of the pools")
	case 4:
		g.top["reservations-in-subnet"] = false
		g.note("reservations, none")
	}
	if g.chance(.3) {
		ids := list{"hw-address", "client-id", "circuit-id", "duid"}
		g.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		g.top["host-reservation-identifiers"] = ids[:1+g.IntN(4)]
		g.note("host-reservation-identifiers")
	}
	for range 2 + g.IntN(3) {
		g.reservation()
	}
}

// reservation makes one, and a client that it is for, who asks.
func (g *gen) reservation() {
	g.hosts++
	p := g.person()
	s := &seatOf{way: onWire0, net: "192.0.2.", pool: "192.0.2.105", out: "192.0.2.77", beyond: "172.31.1.1", name: "on the link"}
	where, o := "subnet", g.local
	if g.chance(.3) {
		s = &seatOf{way: viaRelay, giaddr: "10.40.0.1", net: "10.41.0.", pool: "10.41.0.105", out: "10.41.0.77", beyond: "172.31.1.1", name: "in a shared network"}
		where, o = "second subnet of a shared network", g.shared2
	}
	if g.chance(.25) {
		where, o = "global", g.top
	}
	r := obj{}
	var rai []byte
	switch kind := cycle(g, "identifier", []string{"hw-address", "client-id", "duid", "circuit-id"}); kind {
	case "hw-address":
		r[kind] = colons(p.chaddr[:6])
		g.note("reservation by %s", kind)
	case "client-id":
		p.id = []byte{0, 'r', 'e', 's', byte(g.hosts)}
		r[kind] = colons(p.id)
		g.note("reservation by %s", kind)
	case "duid":
		duid := p.duid(byte(100 + g.hosts))
		p.id = append([]byte{255, 0, 0, 0, 1}, duid...)
		r[kind] = colons(duid)
		g.note("reservation by %s", kind)
	case "circuit-id":
		id := fmt.Sprintf("circuit-%d", g.hosts)
		rai = sub(1, []byte(id)...)
		r[kind] = "'" + id + "'"
		g.note("reservation by %s", kind)
	}
	addr := fmt.Sprint(s.net, 20+g.hosts)
	if g.chance(.4) {
		addr = fmt.Sprint(s.net, 107+g.hosts)
		g.note("reservation within a pool")
	} else {
		g.note("reservation outside of the pools")
	}
	if g.chance(.8) {
		r["ip-address"] = addr
	} else {
		r["hostname"] = "nowhere"
		g.note("reservation without an address")
	}
	if g.chance(.5) {
		r["hostname"] = oneOf(g, "reserved", "reserved.example.com", "Reserved")
		g.note("reservation of a host name")
	}
	if g.chance(.4) {
		push(r, "option-data", g.standard())
		g.note("option-data of a reservation")
	}
	if g.chance(.2) {
		for _, o := range g.own() {
			push(r, "option-data", o)
		}
		g.note("option-data of a reservation, of the operator's own")
	}
	if have, _ := r["option-data"].(list); len(have) > 0 && g.chance(.3) {
		have[0].(obj)["always-send"] = true
		g.note("always-send, reservation")
	}
	if g.chance(.3) {
		r["next-server"], r["server-hostname"], r["boot-file-name"] = "192.0.2.210", "host-boot", "/host"
		g.note("boot fields of a reservation")
	}
	if len(g.classes) > 0 && g.chance(.5) {
		r["client-classes"] = list{g.classes[g.IntN(len(g.classes))].(obj)["name"]}
		g.note("classes of a reservation")
	}
	push(o, "reservations", r)
	g.note("reservation, %s", where)
	edit := func(f func(*ask)) func(*ask) {
		return func(a *ask) {
			if rai != nil {
				a.relay = rai
				if s.way != viaRelay {
					a.way, a.giaddr = viaRelay, "192.0.2.9"
				}
			}
			if f != nil {
				f(a)
			}
		}
	}
	talks := []func(){
		func() {
			g.say(p, s, dhcp4.Discover, "with a reservation", edit(nil))
			g.say(p, s, dhcp4.Request, "SELECTING, reserved", edit(func(a *ask) { a.want, a.server = offered, itself }))
			g.say(p, s, dhcp4.Request, "REBINDING, reserved", edit(func(a *ask) { a.ciaddr = offered }))
			g.say(p, s, dhcp4.Inform, "with a reservation", edit(func(a *ask) { a.ciaddr = s.out }))
		},
		func() {
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, reserved, unknown", edit(func(a *ask) { a.want = addr }))
			g.say(p, s, dhcp4.Request, "INIT-REBOOT, reserved, another", edit(func(a *ask) { a.want = s.pool }))
			g.say(p, s, dhcp4.Request, "SELECTING, reserved, another", edit(func(a *ask) { a.want, a.server = s.pool, itself }))
		},
		func() { // somebody else asks for it
			q := g.person()
			g.say(q, s, dhcp4.Discover, "wishing what is reserved for another", func(a *ask) { a.want = addr })
			g.say(q, s, dhcp4.Request, "INIT-REBOOT, reserved for another", func(a *ask) { a.want = addr })
			g.say(q, s, dhcp4.Request, "SELECTING, reserved for another", func(a *ask) { a.want, a.server = addr, itself })
			g.say(p, s, dhcp4.Discover, "with a reservation", edit(func(a *ask) { a.want = s.pool }))
		},
	}
	cycle(g, "reserved talk", talks)()
}
