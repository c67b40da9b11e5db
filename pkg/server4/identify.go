package server4

import (
	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// The lengths of a client identifier under which a lease is kept. RFC 2132 §9.14
// has no fewer than two octets; Kea, which must be able to read our lease file,
// takes no more than 128. A client with any other is known by its hardware
// address.
const (
	minClientID = 2
	maxClientID = 128
)

// identify finds out who the client is and what is reserved for it.
func (s *Server) identify(x *Exchange) Verdict {
	if !x.identities() {
		return DropNoIdentity
	}
	x.identifiers()
	x.reservation()
	if x.Host != nil {
		x.classes.Add(classify.Known)
	} else {
		x.classes.Add(classify.Unknown)
	}
	x.spot.known = false
	x.name.read(x.Query)
	return Next
}

// identities collects what leases are looked up by, the client identifier first
// (RFC 2131 §4.2), unless the operator wants it left out (match-client-id).
func (x *Exchange) identities() bool {
	id, _ := x.Query.Option(dhcp4.OptClientID)
	x.clientID, x.nkeys = nil, 0
	if len(id) >= minClientID && len(id) <= maxClientID && x.Policy.MatchClientID {
		x.clientID = id
		x.keys[0] = lease.Identity{Kind: lease.ByClientID, ID: id}
		x.nkeys = 1
	}
	if hw := x.Query.CHAddr(); len(hw) > 0 {
		x.keys[x.nkeys] = lease.Identity{Kind: lease.ByHWAddr, HWType: uint16(x.Query.HType), ID: hw}
		x.nkeys++
	}
	return x.nkeys > 0
}

// identifiers collects what reservations are looked up by. Their order is the
// operator's business (host-reservation-identifiers).
func (x *Exchange) identifiers() {
	x.nids = 0
	add := func(k topology.IdentifierKind, id []byte) {
		if len(id) > 0 {
			x.ids[x.nids] = topology.Identifier{Kind: k, ID: id}
			x.nids++
		}
	}
	id, _ := x.Query.Option(dhcp4.OptClientID)
	_, duid, _ := dhcp4.NodeID(id)
	circuit, _ := x.relay.Option(dhcp4.SubCircuitID)
	add(topology.HWAddress, x.Query.CHAddr())
	add(topology.DUID, duid)
	add(topology.CircuitID, circuit)
	add(topology.ClientID, id)
}

// reservation looks for what is kept for the client on its link. In a shared
// network a subnet that keeps an address for it goes before the one that the
// query led to.
func (x *Exchange) reservation() {
	if x.Subnet == nil {
		x.Host = x.Net.Reservation(nil, x.ids[:x.nids])
		return
	}
	for sub := range x.Subnet.Siblings(&x.classes) {
		r := x.hostIn(sub)
		if r == nil {
			continue
		}
		if x.Host == nil {
			x.Host = r
		}
		if r.Addr.IsValid() && sub.Prefix.Contains(r.Addr) {
			x.Host = r
			x.settle(sub)
			return
		}
	}
}

// hostIn returns what is reserved for the client in one subnet.
func (x *Exchange) hostIn(sub *topology.Subnet) *topology.Reservation {
	return x.Net.Reservation(sub, x.ids[:x.nids])
}

// settle makes sub the subnet of the exchange.
func (x *Exchange) settle(sub *topology.Subnet) {
	if sub != x.Subnet {
		x.spot.known = false // the link is looked at from another side
	}
	x.Subnet, x.Policy = sub, &sub.Policy
}
