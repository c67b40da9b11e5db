package server4

import (
	"encoding/json"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A NextStep is what a hook function says about the packet or lease that it was
// shown. What Skip means is said at each point; a step that a point does not
// know counts as Continue, as in Kea.
type NextStep uint8

// The next steps.
const (
	Continue NextStep = iota
	Skip              // leave out what would come next
	Drop              // drop the packet, counted under the reason "hook"
	Park              // wait: the function has called Exchange.Park
)

// Hooks are the functions of an embedder, one for each hook point that Kea's
// DHCPv4 server has, in the order in which a packet passes them. A nil field costs
// one comparison. The functions of a packet run on the worker of its socket, for
// several sockets at the same time, and hold up what came with the packet: who has
// to wait parks it. The Exchange is theirs until they return; nothing of it may be
// kept. A panic costs the one packet.
//
// All points of packets are there for what comes over IPv6 as well.
// docs/hooks.md has the table.
type Hooks struct {
	// Configured is dhcp4_srv_configured: a configuration is about to be put in
	// force, at the start or by a reload, and an error refuses it. It is called
	// by who runs the Server, package daemon.
	Configured func(t *topology.Topology) error

	// BufferReceive is buffer4_receive: the octets of the DHCPv4 message
	// (Exchange.Message) have not been looked at. SetMessage puts others in their
	// place, after which Skip is as good as Continue. Over 4o6 the envelope
	// has been read.
	BufferReceive func(x *Exchange) NextStep

	// PacketReceive is pkt4_receive: the message is read, taken for ours, and
	// classified by what is in it. Skip is Drop.
	PacketReceive func(x *Exchange) NextStep

	// SubnetSelect is subnet4_select: x.Subnet, nil when there is none, may be
	// set to any other of x.Net. Skip is no subnet. The packet may be parked.
	SubnetSelect func(x *Exchange) NextStep

	// HostIdentifier is host4_identifier: it names the client by what it likes,
	// where host-reservation-identifiers has flex-id, or any other kind in it.
	HostIdentifier func(x *Exchange) (topology.Identifier, bool)

	// NameUpdate is ddns4_update: the name that the lease will have and who
	// updates the DNS may be changed.
	NameUpdate func(x *Exchange, n *NameUpdate)

	// LeaseSelect is lease4_select: a client is about to get a lease, or with
	// offer has been found an address. Lifetime (a second at least), host name and user
	// context may be changed. Skip is no lease: the client is refused, an offer not made.
	LeaseSelect func(x *Exchange, l *lease.Lease, offer bool) NextStep

	// LeaseRenew is lease4_renew: l is the client's lease as it is about to be
	// extended, with the same changes as LeaseSelect. Skip leaves the lease
	// as it was, and the client is told what is left of it, or refused.
	LeaseRenew func(x *Exchange, l *lease.Lease) NextStep

	// LeaseRelease and LeaseDecline are lease4_release and lease4_decline: the
	// client gives its lease back, or has found somebody else there. Skip and
	// Drop leave the lease as it is.
	LeaseRelease func(x *Exchange, l *lease.Lease) NextStep
	LeaseDecline func(x *Exchange, l *lease.Lease) NextStep

	// LeaseOffer is lease4_offer: x.Lease is about to be offered. Who finds that
	// the address is in use sets x.InUse, before or after waiting: it is then
	// taken out of service and nothing is offered. The packet may be parked.
	LeaseOffer func(x *Exchange) NextStep

	// LeaseServerDecline is lease4_server_decline: the address in l was taken
	// out of service since LeaseOffer found it in use.
	LeaseServerDecline func(x *Exchange, l *lease.Lease)

	// LeasesCommitted is leases4_committed: what the client got, gave back or
	// declined is durable. With Drop it is not answered. The packet may
	// be parked.
	LeasesCommitted func(x *Exchange, c *Committed) NextStep

	// PacketSend is pkt4_send: options may be added to the reply (Exchange.Response).
	// Skip says that the function has written it itself (SetReply).
	PacketSend func(x *Exchange) NextStep

	// BufferSend is buffer4_send: the octets of the DHCPv4 reply (Exchange.Wire)
	// leave next, over 4o6 in their envelope. SetReply puts others in their
	// place. Skip is Drop.
	BufferSend func(x *Exchange) NextStep

	// LeaseExpire is lease4_expire: the time of a lease is over. Skip leaves it
	// to the function, which is asked again a minute later as long as the lease
	// is there. It is called once for the end of a lease, whoever comes upon it; a client
	// that renews in that very moment keeps its lease all the same. A packet
	// waits for it only when it wants an address that has run out.
	LeaseExpire func(l *lease.Lease, remove bool) NextStep

	// LeaseRecover is lease4_recover: the time of a declined address is over.
	// Skip leaves it out of service; it is asked about again a minute later.
	LeaseRecover func(l *lease.Lease) NextStep

	// CommandProcessed is command_processed: the answer to a control command may
	// be changed before it is sent. It is called by who takes the commands,
	// package daemon.
	CommandProcessed func(command string, args json.RawMessage, r *control.Result)
}

// A NameUpdate is what NameUpdate may change.
type NameUpdate struct {
	Hostname         string
	Forward, Reverse bool // whether the server updates that part of the DNS
}

// Committed is what has become durable with a packet.
type Committed struct {
	Leases  []lease.Lease // granted, extended or declined
	Deleted []lease.Lease // given back, or left behind for another
}
