package server4

import (
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
	if x.nids == 0 { // an early look at the global reservations has them already
		x.identifiers()
	}
	if !x.identities() {
		return DropNoIdentity
	}
	x.reservation()
	x.spot.known = false
	x.name.read(x.Query)
	return s.reclassify(x)
}

// identities collects what leases are looked up by, the client identifier first
// (RFC 2131 §4.2), unless the operator wants it left out (match-client-id).
func (x *Exchange) identities() bool {
	id := x.cid
	x.clientID, x.nkeys = nil, 0
	if len(id) >= minClientID && len(id) <= maxClientID && (x.Policy.MatchClientID || x.Subnet != nil && x.Subnet.Mixed()) {
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
	x.cid, _ = x.Query.Option(dhcp4.OptClientID)
	if x.Net.FlexID != nil {
		add(topology.FlexID, x.flexID(x.Net.FlexID))
	}
	circuit, _ := x.relay.Option(dhcp4.SubCircuitID)
	add(topology.HWAddress, x.Query.CHAddr())
	add(topology.DUID, duidOf(x.cid))
	add(topology.CircuitID, circuit)
	add(topology.ClientID, x.cid)
	if h := x.hooks.HostIdentifier; h != nil && (!x.ends() || x.Net.EarlyGlobal) {
		if id, ok := h(x); ok {
			add(id.Kind, id.ID)
		}
	}
}

// duidOf returns the DUID in a node-specific client identifier: type 255, four
// octets of IAID, the DUID (RFC 4361 §6.1). Like Kea it takes a DUID of any length
// for one: who it is for is decided by the reservation.
func duidOf(clientID []byte) []byte {
	const nodeSpecific, before = 255, 1 + 4
	if len(clientID) <= before || clientID[0] != nodeSpecific {
		return nil
	}
	return clientID[before:]
}

// early looks the global reservations up before there is a subnet, so that what
// they say of the client's classes has a say in which subnet it is.
func (x *Exchange) early() {
	x.identifiers()
	x.global = x.Net.Global(x.ids[:x.nids])
}

// reservation looks for what is kept for the client on its link, in the order of
// Kea. In a shared network the first subnet that keeps an address for it, or has
// it reserved without one, goes before the one that the query led to; an address
// that is reserved globally comes after those, in the first subnet that it fits.
func (x *Exchange) reservation() {
	ids := x.ids[:x.nids]
	x.Host, x.known = nil, false
	if x.Subnet == nil {
		x.Host = x.Net.Global(ids)
		x.known = x.Host != nil
		return
	}
	if x.Subnet.ReserveGlobal && !x.Net.EarlyGlobal {
		x.global = x.Net.Global(ids)
	}
	x.known = x.global != nil
	if !x.ownReservation(ids) {
		x.globalReservation()
	}
	x.Host = x.hostIn(x.Subnet)
}

// ownReservation settles for the first subnet of the link that has the client
// reserved, and reports whether there is one.
func (x *Exchange) ownReservation(ids []topology.Identifier) bool {
	for sub := range x.Subnet.Reserving(ids, &x.classes) {
		r := x.Net.Own(sub, ids)
		if r == nil {
			continue
		}
		x.known = true
		if _, ok := sub.Keeps(r); ok || !given(r.Addr) {
			x.settle(sub)
			return true
		}
	}
	return false
}

// globalReservation settles for the first subnet of the link in which the address
// can be that is reserved for the client globally.
func (x *Exchange) globalReservation() {
	if x.global == nil || !given(x.global.Addr) {
		return
	}
	for sub := range x.Subnet.Siblings(&x.classes) {
		if _, ok := sub.Keeps(x.global); ok && sub.ReserveGlobal {
			x.settle(sub)
			return
		}
	}
}

// hostIn returns what is reserved for the client in one subnet: by the subnet
// itself, else globally.
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
