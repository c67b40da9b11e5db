package server4

import (
	"net/netip"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// An eval is what the expressions of an exchange are evaluated with, from classify on.
type eval struct {
	packet  classify.Packet
	scratch classify.Scratch
}

// classify puts the query into the classes that it shows by itself: the built-in
// ones, and those whose tests it passes without the question whether the client
// has a reservation. Over 4o6 the tests see the DHCPv6 envelope too.
func (s *Server) classify(x *Exchange) Verdict {
	x.classes.Reset()
	x.eval.packet = classify.Packet{V4: x.Query, Iface: x.iface, Src: x.peer.Addr(), Dst: broadcast, Classes: &x.classes}
	switch p := &x.eval.packet; {
	case x.over6:
		p.V6, p.Src, p.Dst = &x.packet.Envelope, x.origin.Addr, netip.Addr{}
	case x.unicast:
		p.Dst = x.local
	}
	if x.bootp {
		x.classes.Add(classify.BOOTP)
	}
	if x.recalled {
		x.eval.packet.Agent = x.relay
		x.classes.Add(classify.StashAgentOptions)
	}
	for _, name := range x.joined {
		x.classes.AddName(x.Net.Classes.Names(), []byte(name))
	}
	x.Net.Classes.Classify(&x.eval.packet, &x.eval.scratch)
	if x.hooks.PacketReceive != nil && x.restarts == 0 {
		if v := s.packetReceive(x); v != Next {
			return v
		}
	}
	return s.classified(x)
}

// reclassify goes on when it is known what is reserved for the client: with the
// classes of its reservation, KNOWN or UNKNOWN, and the tests that depend on these.
// In a shared network the subnet may change yet, so the classes of a reservation
// in it follow when the lease is chosen, as in Kea.
func (s *Server) reclassify(x *Exchange) Verdict {
	d, p := x.Net.Classes, &x.eval.packet
	if h := x.Host; h != nil && len(h.Classes) > 0 && !x.late() {
		d.Assign(p, &x.eval.scratch, h.Classes)
	}
	d.Reserved(p, &x.eval.scratch, x.known)
	return s.classified(x)
}

// preclassify does the same before the subnet is chosen, for who has a global
// reservation (early-global-reservations-lookup).
func (s *Server) preclassify(x *Exchange) Verdict {
	if x.global == nil {
		return Next
	}
	d, p := x.Net.Classes, &x.eval.packet
	if len(x.global.Classes) > 0 {
		d.Assign(p, &x.eval.scratch, x.global.Classes)
	}
	d.Reserved(p, &x.eval.scratch, true)
	return s.classified(x)
}

// late reports whether the classes of the client's reservation wait for the choice
// of the lease.
func (x *Exchange) late() bool {
	return x.Subnet != nil && x.Subnet.Network != nil && !x.Net.IsGlobal(x.Host)
}

// classified tells of tests that could not be evaluated, and drops who is in DROP.
func (s *Server) classified(x *Exchange) Verdict {
	for _, f := range x.eval.scratch.Failed {
		s.count.testFailed.Inc()
		if n, ok := s.told.test.Allow(); ok {
			s.log.Warn("class test cannot be evaluated", append(x.fields(), zap.String("class", f.Class.Name), zap.Error(f.Err), zap.Uint64("missed", n))...)
		}
	}
	x.eval.scratch.Failed = x.eval.scratch.Failed[:0]
	if x.classes.Has(classify.Drop) {
		return DropClass
	}
	return Next
}

// additional evaluates, once the lease is chosen, the classes that the pool, the
// subnet and the network ask for. They come too late for the choice and its
// lifetime: what they have is options and boot fields.
func (s *Server) additional(x *Exchange) {
	sub := x.Subnet
	if sub == nil || x.Reply == dhcp4.Nak {
		return
	}
	if h := x.Host; h != nil && len(h.Classes) > 0 && x.late() {
		for _, id := range h.Classes {
			x.classes.Add(id)
		}
	}
	if x.Pool != nil {
		x.evaluate(x.Pool.Additional)
	}
	x.evaluate(sub.Additional)
	if sub.Network != nil {
		x.evaluate(sub.Network.Additional)
	}
	if len(x.eval.scratch.Failed) > 0 {
		s.classified(x)
	}
}

func (x *Exchange) evaluate(list []classify.ID) {
	for _, id := range list {
		x.Net.Classes.Evaluate(id, &x.eval.packet, &x.eval.scratch)
	}
}

// lifetime is how long leases of a subnet last for the client: what the first of
// its classes says that says anything, else what the subnet says.
func (x *Exchange) lifetime(sub *topology.Subnet) topology.Lifetime {
	if len(x.Net.ByClass) > 0 {
		for id := range x.classes.All {
			if c := x.Net.Class(id); c != nil && c.Valid != nil {
				return *c.Valid
			}
		}
	}
	return sub.Policy.Valid
}

// offerLifetime is how long an offer is stored for the client, likewise.
func (x *Exchange) offerLifetime(p *topology.Policy) uint32 {
	if len(x.Net.ByClass) > 0 {
		for id := range x.classes.All {
			if c := x.Net.Class(id); c != nil && c.OfferLifetime != nil {
				return *c.OfferLifetime
			}
		}
	}
	return p.OfferLifetime
}

// AddClass puts the query into a class, for hook functions: one that is called
// before the subnet is chosen has a say in that.
func (x *Exchange) AddClass(name string) {
	x.joined = append(x.joined, name)
	x.classes.AddName(x.Net.Classes.Names(), []byte(name))
}

// Classes yields the names of the classes that the query is in, in their order.
func (x *Exchange) Classes(yield func(string) bool) {
	for id := range x.classes.All {
		if !yield(x.Net.Classes.Names().Name(id)) {
			return
		}
	}
	for name := range x.classes.Loose {
		if !yield(string(name)) {
			return
		}
	}
}
