package client6

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

// A Front is the DHCPv6 side of IPv4 inside DHCPv6 (RFC 7341 §9): the DHCPv4 client
// at the other end of a clients' pair asks through it, whoever that is. It knows
// nothing of DHCPv4 and keeps nothing of a query: what comes back goes to the
// DHCPv4 client, which knows its own.
//
// A host has one Front, and a [Way] through each interface that has a DHCPv6 client.
// START and STOP follow what those have learned from option 88.
type Front struct {
	conn    *ipc.ClientConn
	options FrontOptions
	stats   FrontStats

	mu   sync.Mutex
	ways []*Way
	up   bool // START was said last, else STOP
	over bool // no more of either: Run has ended
}

// FrontOptions are what a [Front] can be told.
type FrontOptions struct {
	Server netip.AddrPort  // every query goes there, whatever option 88 lists; zero: as the RFC has it
	OnDrop func(FrontDrop) // nil: nobody is told. Must neither block nor call back
}

// A Sender takes a message to one destination, ff02::1:2 where it is zero, without
// waiting; every [Carrier] is one.
type Sender interface {
	Send(msg []byte, to netip.AddrPort) error
}

// maxServers bounds how many datagrams one query becomes. A Reply has room for 4,000
// addresses, and who sends one might want somebody flooded.
const maxServers = 32

// serverPort is where DHCPv6 servers and relay agents listen (RFC 9915 §7.2).
const serverPort = 547

// NewFront returns the DHCPv6 side of the pair c, which Run closes.
func NewFront(c *ipc.ClientConn, o FrontOptions) *Front {
	return &Front{conn: c, options: o}
}

// Stats returns the counters of f.
func (f *Front) Stats() *FrontStats { return &f.stats }

// Up reports whether the DHCPv4 client may ask.
func (f *Front) Up() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.up
}

// Run serves the DHCPv4 client until ctx ends, and closes the pair then. It begins
// by saying START or STOP, so that a DHCPv4 client that has been told by the process
// before this one does not go on by that.
func (f *Front) Run(ctx context.Context) {
	defer f.end() // by then its port is free
	ended := make(chan struct{})
	stay := context.AfterFunc(ctx, func() {
		defer close(ended)
		f.end()
	})
	defer func() {
		if !stay() {
			<-ended // Recv ends before the ports are free
		}
	}()
	f.mu.Lock()
	f.say()
	f.mu.Unlock()
	for {
		m, err := f.conn.Recv()
		if err != nil {
			return
		}
		f.mu.Lock()
		switch m.Word {
		case ipc.Poll:
			f.stats.Polls.Add(1)
			f.say()
		case ipc.Query:
			f.stats.Queries.Add(1)
			f.forward(m.Data)
		}
		f.mu.Unlock()
	}
}

// end tells the DHCPv4 client that nobody will carry its messages.
func (f *Front) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.up && !f.over {
		f.up = false
		f.say()
	}
	f.over = true
	f.conn.Close()
}

// say tells the DHCPv4 client how things stand. It is lost on one that is not there;
// that one will POLL.
func (f *Front) say() {
	switch {
	case f.over:
	case f.up:
		f.conn.Started()
	default:
		f.conn.Stopped()
	}
}

// settle says START or STOP when what the ways know has made the other true.
func (f *Front) settle() {
	up := slices.ContainsFunc(f.ways, func(w *Way) bool { return w.known })
	if up != f.up {
		f.up = up
		f.say()
	}
}

// forward sends a query to every server that is known (RFC 7341 §9). Nothing is
// sent again from here: DHCPv4 retransmits.
func (f *Front) forward(query []byte) {
	tried := 0
	for _, w := range f.ways {
		for _, to := range w.destinations() {
			tried++
			if err := w.net.Send(query, to); err != nil {
				f.stats.Refused.Add(1)
				continue
			}
			f.stats.Sent.Add(1)
		}
	}
	if tried == 0 {
		f.drop(DropStopped)
		f.say() // it has not heard the STOP before
	}
}

func (f *Front) drop(d FrontDrop) {
	f.stats.drops[d].Add(1)
	if f.options.OnDrop != nil {
		f.options.OnDrop(d)
	}
}

// A Way is one interface of a [Front]. It is safe for concurrent use, and never waits.
type Way struct {
	front *Front
	net   Sender

	// under front.mu
	known bool
	to    []netip.AddrPort
}

// Way adds an interface, of which nothing is known yet. Its queries leave by net.
func (f *Front) Way(net Sender) *Way {
	w := &Way{front: f, net: net}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ways = append(f.ways, w)
	return w
}

// Set says what option 88 tells on this interface from now on: known with addresses,
// queries go to every one of them; known and none, to ff02::1:2; not known, there is
// no such option, and none goes. The DHCPv4 client hears of it at once.
func (w *Way) Set(servers []netip.Addr, known bool) {
	var to []netip.AddrPort
	for _, a := range servers {
		p := netip.AddrPortFrom(a, serverPort)
		if a.Is6() && !a.IsUnspecified() && !a.IsMulticast() && !slices.Contains(to, p) && len(to) < maxServers {
			to = append(to, p)
		}
	}
	known = known && (len(servers) == 0 || len(to) > 0)
	if s := w.front.options.Server; s.IsValid() {
		to = append(to[:0], s)
	}
	w.front.mu.Lock()
	defer w.front.mu.Unlock()
	if !slices.Contains(w.front.ways, w) {
		return
	}
	w.known, w.to = known, to
	w.front.settle()
}

// destinations are where a query goes; the zero one is the group.
func (w *Way) destinations() []netip.AddrPort {
	switch {
	case !w.known:
		return nil
	case len(w.to) == 0:
		return []netip.AddrPort{{}}
	}
	return w.to
}

// Answer hands the DHCPv4 message of a DHCPV4-RESPONSE that came in on this interface
// to the DHCPv4 client. What is none, and what comes while no question can have been
// asked, is dropped and counted.
func (w *Way) Answer(msg []byte, from netip.AddrPort) {
	f := w.front
	inner, drop := response(msg)
	f.mu.Lock()
	defer f.mu.Unlock()
	if drop == 0 && !w.known {
		drop = DropStopped
	}
	if drop != 0 {
		f.drop(drop)
		return
	}
	err := f.conn.Answer(inner, from.Addr().WithZone(""))
	var fault ipc.Fault
	switch {
	case err == nil:
		f.stats.Answers.Add(1)
	case errors.As(err, &fault) && fault != ipc.ErrOwner:
		f.drop(DropMessage4)
	default:
		f.drop(DropNoPeer)
	}
}

// response returns what stands in a DHCPV4-RESPONSE. More than one DHCPv4 message is
// as bad as none: nobody could say which is meant. The flags are not looked at
// (RFC 7341 §6.4).
func response(msg []byte) ([]byte, FrontDrop) {
	const header = 4
	if len(msg) < header || dhcp6.MessageType(msg[0]) != dhcp6.DHCPv4Response {
		return nil, DropType
	}
	o, err := dhcp6.ParseOptions(msg[header:])
	if err != nil {
		return nil, DropOptions
	}
	inner, _ := o.Option(dhcp6.OptDHCPv4Message)
	if o.Count(dhcp6.OptDHCPv4Message) != 1 {
		return nil, DropMessage4
	}
	return inner, 0
}

// Close ends this way: no query leaves by it any more, and no answer is taken.
func (w *Way) Close() {
	w.front.mu.Lock()
	defer w.front.mu.Unlock()
	w.known = false
	w.front.ways = slices.DeleteFunc(w.front.ways, func(other *Way) bool { return other == w })
	w.front.settle()
}
