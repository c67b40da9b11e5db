package server4

import (
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
)

// forHooks is what an Exchange has for hook functions.
type forHooks struct {
	// InUse is set by LeaseOffer: somebody answers at the address.
	InUse bool

	hooks     *hooked  // in force when the query came
	next      NextStep // what the last of them said
	returning bool     // the packet was parked, and is back at the same place
	from      int      // the step of after at which it goes on
	mayPark   bool
	full      bool // it was to be parked, and there was no room
	ticket    *Parked

	kept    []byte // memory of data, where packets may be parked
	message []byte // memory of what SetMessage was given
	changed bool   // there is such a message
	reply   []byte // likewise, of SetReply
	written bool
	values  map[any]any
	joined  []string // classes that AddClass put the query into: their numbers change with the topology

	plan     plan
	names    NameUpdate // when renamed
	renamed  bool
	sameName bool // but for who updates the DNS
	unnamed  bool // the lease is to have no name
	asWas    bool // the lease was left as it is
	left     []lease.Lease
}

// reset readies f for a new query.
func (f *forHooks) reset() {
	f.InUse, f.next, f.returning, f.from, f.full = false, Continue, false, 0, false
	f.changed, f.written, f.mayPark = false, false, false
	f.joined = f.joined[:0]
	f.anew()
	if len(f.values) > 0 {
		clear(f.values)
	}
}

// anew forgets what was said about the lease.
func (f *forHooks) anew() {
	f.plan.set, f.renamed, f.unnamed, f.asWas = false, false, false, false
	f.left = f.left[:0]
}

// show readies what functions see of x before it is found out.
func (x *Exchange) show() {
	x.Lease = lease.Lease{}
	x.classes.Reset()
	if x.hooks.parking {
		x.keep()
	}
}

// keep moves the query into memory of its own: a parked packet outlives the batch.
func (x *Exchange) keep() {
	x.kept = append(x.kept[:0], x.data...)
	x.data = x.kept
}

// Time is when the query came.
func (x *Exchange) Time() time.Time { return x.at }

// Iface is the name of the interface that the query came in on.
func (x *Exchange) Iface() string { return x.iface }

// Peer is where a native query came from.
func (x *Exchange) Peer() netip.AddrPort { return x.peer }

// Over6 tells of a query over IPv6 where it came from; ok is false for a native
// one.
func (x *Exchange) Over6() (from ipc.Origin, ok bool) { return x.origin, x.over6 }

// Packet is the query with the envelope that it came in, over 4o6.
func (x *Exchange) Packet() *pkt4o6.Packet { return &x.packet }

// Message is the DHCPv4 message as it stands on the wire.
func (x *Exchange) Message() []byte {
	switch {
	case x.changed:
		return x.message
	case x.over6:
		v, _ := x.packet.Envelope.Message.Options.Option(87) // DHCPv4 Message (RFC 7341 §7.1)
		return v
	}
	return x.data
}

// SetMessage puts another message in the place of the query, for BufferReceive
// and PacketReceive. It copies b, and changes nothing when b is not a
// DHCPv4 message.
func (x *Exchange) SetMessage(b []byte) error {
	var trial dhcp4.Message
	if err := trial.Parse(b); err != nil {
		return err
	}
	x.message = append(x.message[:0], b...)
	x.changed = true
	if err := x.Query.Parse(x.message); err != nil {
		return err
	}
	x.look()
	return nil
}

// look takes out of the query what the steps ask for again and again.
func (x *Exchange) look() {
	x.Type, x.relay, x.bootp = x.Query.Type(), nil, false
	if x.Type == 0 && x.Net.BOOTP && x.Query.Op == dhcp4.BootRequest && !x.Query.Has(dhcp4.OptMessageType) {
		x.bootp, x.Type = true, dhcp4.Request
	}
	if v, ok := x.Query.Option(dhcp4.OptRelayAgentInfo); ok {
		x.relay, _ = dhcp4.ParseSubOptions(v) // malformed: echoed, but not looked into
	}
}

// Response is the reply as far as it is built, for PacketSend: Add adds options,
// Header has the fixed fields.
func (x *Exchange) Response() *dhcp4.Builder { return &x.out }

// Wire is the DHCPv4 reply as it leaves, for BufferSend.
func (x *Exchange) Wire() []byte { return x.wire }

// SetReply puts other octets in the place of the reply, for PacketSend, which then
// says Skip, and BufferSend. It copies b. Over 4o6 a reply that the
// relays leave no room for is dropped.
func (x *Exchange) SetReply(b []byte) { x.reply, x.written = append(x.reply[:0], b...), true }

// Set keeps a value for the functions of later points, under a key of a type of
// its own, as in a context.Context. It is gone with the packet.
func (x *Exchange) Set(key, value any) {
	if x.values == nil {
		x.values = make(map[any]any)
	}
	x.values[key] = value
}

// Value is what Set has kept.
func (x *Exchange) Value(key any) any { return x.values[key] }
