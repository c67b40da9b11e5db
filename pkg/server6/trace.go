package server6

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// An Event tells Options.Trace what one step did with a query, or, under the
// name return, what became of an answer of the DHCPv4 daemon. It is told by the
// worker, between two steps: nothing in it may be changed or kept.
type Event struct {
	Exchange *Exchange // nil for return
	Step     string    // as path and after name it, or return
	Verdict  Verdict

	// of return
	Answer transport.Datagram // what leaves
	Held   string             // why it does not; "" when it does
}

// Given yields the address that allocate has found for each IA of the query,
// by the IA's number.
func (x *Exchange) Given(yield func(iaid uint32, addr netip.Addr) bool) {
	for i := range x.ias {
		if a := &x.ias[i]; a.addr.IsValid() && !yield(a.iaid, a.addr) {
			return
		}
	}
}
