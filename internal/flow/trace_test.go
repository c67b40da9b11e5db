package flow

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/server6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// trace4 writes down what a step of dhcp4d did, if that is worth a line.
func (l *lab) trace4(e server4.Event) {
	x, say := e.Exchange, func(format string, a ...any) { l.say("dhcp4d", e.Step, format, a...) }
	if e.Verdict > server4.Done {
		say("dropped: %v", e.Verdict)
		return
	}
	switch e.Step {
	case "parse":
		if !x.Where.In6 && l.client.native() {
			say("%s%s", relay4(x.Query), short(x.Type))
		}
	case "select-subnet":
		if x.Subnet == nil {
			say("none")
			return
		}
		say("%v (%s)", x.Subnet.Prefix, rule4(x.Net, &x.Where, x.Subnet))
	case "identify":
		switch {
		case x.Host != nil && x.Host.Addr.IsValid():
			say("reserved %v", x.Host.Addr)
		case x.Host != nil:
			say("reserved, no address")
		}
	case "allocate":
		switch {
		case x.Type == dhcp4.Release:
			say("release %v", x.Query.CIAddr)
		case x.Type == dhcp4.Decline:
			a, _ := x.Query.Addr(dhcp4.OptRequestedAddress)
			say("decline %v", a)
		case x.Reply == dhcp4.Nak:
			say("refuse")
		case x.Type != dhcp4.Inform:
			say("%v", x.Lease.Resource.Prefix.Addr())
		}
	case "build":
		if len(x.Net.Classes.Classes()) > 0 {
			l.say("dhcp4d", "classes", "%s", strings.Join(slices.Collect(x.Classes), " "))
		}
	case "committed":
		if x.Seq > 0 {
			l.say("dhcp4d", "commit", "%d", x.Seq)
		}
	}
}

func relay4(q *dhcp4.Message) string {
	if q.GIAddr.IsUnspecified() {
		return ""
	}
	return fmt.Sprintf("relayed by %v, ", q.GIAddr)
}

func short(t dhcp4.MessageType) string { return strings.TrimPrefix(t.String(), "DHCP") }

// trace6 does the same for dhcp6d.
func (l *lab) trace6(e server6.Event) {
	x, say := e.Exchange, func(format string, a ...any) { l.say("dhcp6d", e.Step, format, a...) }
	switch {
	case e.Step == "return" && e.Held != "":
		say("held back: %s", e.Held)
		return
	case e.Step == "return":
		say("%s", l.outward(e.Answer))
		return
	case e.Verdict > server6.Diverted:
		say("dropped: %v", e.Verdict)
		return
	}
	switch e.Step {
	case "parse":
		say("%s", l.inward(x))
	case "divert":
		if e.Verdict == server6.Diverted {
			say("-> ipc")
		}
	case "select-subnet":
		if x.Subnet == nil {
			say("none")
			return
		}
		say("%v (%s)", x.Subnet.Prefix, rule6(x.Net, &x.Where, x.Subnet))
	case "identify":
		if x.Host != nil {
			say("reserved %v", x.Host.Addrs)
		}
	case "allocate":
		for iaid, addr := range x.Given {
			say("%v for IA %d", addr, iaid)
		}
	case "committed":
		if x.Seq > 0 {
			l.say("dhcp6d", "commit", "%d", x.Seq)
		}
	case "send":
		say("%s", l.outward(x.Out))
	}
}

// inward is what came, the outermost relay first.
func (l *lab) inward(x *server6.Exchange) string {
	m := &x.Query.Message
	s := l.chain(&x.Query) + m.Type.String()
	if m.Type == dhcp6.DHCPv4Query && m.XID != [3]byte{} {
		s += fmt.Sprintf(" flags %x", m.XID)
	}
	if len(x.Query.Relays) == 0 && !x.In.Local.IsMulticast() {
		s += " by unicast"
	}
	return s
}

// outward is what leaves, and where to.
func (l *lab) outward(d transport.Datagram) string {
	var e dhcp6.Envelope
	if err := e.Parse(d.Data); err != nil {
		return err.Error()
	}
	s := strings.TrimSpace(l.chain(&e))
	if len(e.Relays) == 0 {
		s = fmt.Sprintf("%v(%s)", e.Message.Type, l.client.name)
	}
	if want := l.expected(); d.Peer.Addr() != want {
		s += fmt.Sprintf(" to %v", d.Peer.Addr())
	}
	return fmt.Sprintf("%s port %d", s, d.Peer.Port())
}

// expected is where an answer over IPv6 has to go.
func (l *lab) expected() netip.Addr {
	if n := len(l.client.via); n > 0 {
		r := l.client.via[n-1]
		return netip.MustParseAddr(r.args.or("addr", r.args.value("link")))
	}
	return l.client.linkLocal()
}

// chain names the relays of an envelope, the outermost first.
func (l *lab) chain(e *dhcp6.Envelope) string {
	var b strings.Builder
	t := "Relay-forw"
	if e.Down {
		t = "Relay-repl"
	}
	for i := range e.Relays {
		fmt.Fprintf(&b, "%s(%s) ", t, l.client.via[len(e.Relays)-1-i].name)
	}
	return b.String()
}

// A clue is one thing that a query says about where it came from.
type clue struct {
	text  string
	where topology.Where
}

// rule4 says which clue led to a subnet: the first in the order of the ladder
// that leads there alone.
func rule4(t *topology.Topology, w *topology.Where, sub *topology.Subnet) string {
	var clues []clue
	add := func(what string, value any, alone topology.Where) {
		alone.In6 = w.In6
		clues = append(clues, clue{fmt.Sprintf("%s %v", what, value), alone})
	}
	link := func() { add("relay link", w.Link, topology.Where{Link: w.Link}) }
	if w.In6 {
		if sub.FourOSix.LinkFirst {
			link()
		}
		add("source", w.Source, topology.Where{Source: w.Source})
		add("interface-id", string(w.InterfaceID), topology.Where{InterfaceID: w.InterfaceID})
		add("interface", w.Iface, topology.Where{Iface: w.Iface})
		link()
	}
	add("selected", w.Selected, topology.Where{Selected: w.Selected})
	add("giaddr", w.GIAddr, topology.Where{GIAddr: w.GIAddr})
	if !w.In6 {
		if w.Unicast {
			add("ciaddr", w.CIAddr, topology.Where{CIAddr: w.CIAddr, Unicast: true})
			add("source", w.Source, topology.Where{Source: w.Source, Unicast: true})
		}
		add("interface", w.Iface, topology.Where{Iface: w.Iface})
		add("our address", w.Local, topology.Where{Local: w.Local})
	}
	for i := range clues {
		if t.Subnet4(&clues[i].where, nil) == sub {
			return clues[i].text
		}
	}
	return "no clue alone"
}

// rule6 is rule4 for DHCPv6.
func rule6(t *topology.Topology, w *topology.Where, sub *topology.Subnet) string {
	byID := clue{fmt.Sprintf("interface-id %s", w.InterfaceID), topology.Where{InterfaceID: w.InterfaceID}}
	clues := []clue{
		{fmt.Sprintf("interface %s", w.Iface), topology.Where{Iface: w.Iface}},
		{fmt.Sprintf("source %v", w.Source), topology.Where{Source: w.Source}},
		byID,
	}
	if w.Link.IsValid() {
		clues = []clue{byID, {fmt.Sprintf("relay link %v", w.Link), topology.Where{Link: w.Link}}}
	}
	for i := range clues {
		if t.Subnet6(&clues[i].where, nil) == sub {
			return clues[i].text
		}
	}
	return "no clue alone"
}
