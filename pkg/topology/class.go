package topology

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
)

// A Class is what goes with a client class besides its test. Where several
// classes of a client state the same, the first of them has its way.
type Class struct {
	Options Options

	Valid, Preferred *Lifetime // nil: unset; Preferred in v6 only

	// DHCPv4
	NextServer                   netip.Addr // invalid: unset
	ServerHostname, BootFileName string     // "": unset
	OfferLifetime                *uint32    // seconds; nil: unset
}

// Class returns what goes with a class, nil where that is nothing.
func (t *Topology) Class(id classify.ID) *Class {
	if int(id) < len(t.ByClass) {
		return t.ByClass[id]
	}
	return nil
}

// IsGlobal reports whether a reservation is one of those that hold in every subnet.
func (t *Topology) IsGlobal(r *Reservation) bool { return t.Reservations[r.Key] == r }

// Put states what goes with a class. It is called before Freeze.
func (t *Topology) Put(id classify.ID, c *Class) {
	for int(id) >= len(t.ByClass) {
		t.ByClass = append(t.ByClass, nil)
	}
	t.ByClass[id] = c
}
