package server6

import (
	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// An eval is what the expressions of an exchange are evaluated with, from classify on.
type eval struct {
	packet  classify.Packet
	scratch classify.Scratch
}

// classify puts the query into the classes that it shows by itself: the built-in
// ones, and those whose tests it passes without the question whether the client
// has a reservation.
func (s *Server) classify(x *Exchange) Verdict {
	x.Classes.Reset()
	x.eval.packet = classify.Packet{V6: &x.Query, Iface: x.Link.Iface, Src: x.In.Peer.Addr(), Dst: x.In.Local, Classes: &x.Classes}
	x.Net.Classes.Classify(&x.eval.packet, &x.eval.scratch)
	return s.classified(x)
}

// reclassify goes on when it is known what is reserved for the client: with the
// classes of its reservation, KNOWN or UNKNOWN, and the tests that depend on these.
// In a shared network the subnet may change yet, so the classes of a reservation
// in it follow when the leases are chosen, as in Kea.
func (s *Server) reclassify(x *Exchange) Verdict {
	d, p := x.Net.Classes, &x.eval.packet
	if h := x.Host; h != nil && len(h.Classes) > 0 && !x.late() {
		d.Assign(p, &x.eval.scratch, h.Classes)
	}
	d.Reserved(p, &x.eval.scratch, x.Host != nil)
	return s.classified(x)
}

// late reports whether the classes of the client's reservation wait for the choice
// of the leases.
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
	if x.Classes.Has(classify.Drop) {
		return DropClass
	}
	return Next
}

// additional evaluates, once the leases are chosen, the classes that their pools,
// the subnet and the network ask for. They come too late for the choice and its
// lifetimes: what they have is options.
func (s *Server) additional(x *Exchange) {
	if x.Subnet == nil {
		return
	}
	if h := x.Host; h != nil && len(h.Classes) > 0 && x.late() {
		for _, id := range h.Classes {
			x.Classes.Add(id)
		}
	}
	for i := range x.ias {
		if p := x.ias[i].pool; p != nil {
			x.evaluate(p.Additional)
		}
	}
	x.evaluate(x.Subnet.Additional)
	if x.Subnet.Network != nil {
		x.evaluate(x.Subnet.Network.Additional)
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

// lifetimes are how long leases of a subnet last for the client: each is what the
// first of its classes says that says anything of it, else what the subnet says.
func (x *Exchange) lifetimes(n *topology.Subnet) (preferred, valid topology.Lifetime) {
	preferred, valid = n.Policy.Preferred, n.Policy.Valid
	if len(x.Net.ByClass) == 0 {
		return preferred, valid
	}
	var said [2]bool
	for id := range x.Classes.All {
		c := x.Net.Class(id)
		if c == nil {
			continue
		}
		if !said[0] && c.Preferred != nil {
			preferred, said[0] = *c.Preferred, true
		}
		if !said[1] && c.Valid != nil {
			valid, said[1] = *c.Valid, true
		}
	}
	return preferred, valid
}
