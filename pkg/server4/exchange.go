package server4

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/link"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// An Exchange is one query on its way to a reply. A worker owns it and reuses
// it; whatever a step leaves in it is the business of the steps behind.
type Exchange struct {
	s *Server
	w *worker

	// set by the worker: how the query came
	data     []byte
	at       time.Time
	iface    string
	ifIndex  int
	peer     netip.AddrPort // native: the datagram's source
	local    netip.Addr     // native: the address of ours that the reply comes from; 0.0.0.0 over 4o6
	unicast  bool           // native: it came to an address of ours
	over6    bool
	origin   ipc.Origin  // over 4o6
	dialect  ipc.Dialect // over 4o6
	iscEcho  ipc.Echo    // over 4o6
	verdict  Verdict
	step     string // the last step, for logs
	place    place  // likewise
	slot     int    // in w
	restarts int

	// set by parse
	packet   pkt4o6.Packet  // over 4o6 the envelope too
	Query    *dhcp4.Message // in packet
	Type     dhcp4.MessageType
	relay    dhcp4.SubOptions // option 82, nil when it is missing or malformed
	bootp    bool             // it came without a message type; Type is Request
	recalled bool             // relay is what the client's lease keeps, and does not stand in the query

	// set by select-subnet
	Net     *topology.Topology
	Where   topology.Where
	Subnet  *topology.Subnet // nil: none, which RELEASE, DECLINE and INFORM may do without
	Policy  *topology.Policy // the subnet's, else the global one
	classes classify.Set
	eval    eval

	// set by identify
	ids      [6]topology.Identifier
	cid      []byte // what the client is known by: option 61, or what stands in for it
	flex     flex
	nids     int
	keys     [2]lease.Identity
	nkeys    int
	clientID []byte // what the lease is kept under; nil: by hardware address alone
	Host     *topology.Reservation
	global   *topology.Reservation // found among the global reservations
	known    bool                  // something is reserved for the client on its link
	name     name                  // what the client calls itself

	// set by allocate
	req       lease.Request
	callbacks struct { // of req, made once
		reserved func(lease.Resource) bool
		within   func(lease.Resource, uint32) bool
		byHWAddr func(uint32) bool
	}
	info      []byte        // memory of req.RelayInfo
	valid     uint32        // how long leases are to last, in seconds
	pools     []*lease.Pool // of the link that admit the client; read only
	admitting []*lease.Pool // memory of pools
	spot      spot
	fixed     netip.Addr // the address reserved for the client, unless somebody else has it meanwhile
	Lease     lease.Lease
	Pool      *topology.Pool
	Seq       lease.Seq         // what the reply rests on
	Reply     dhcp4.MessageType // 0: none
	why       string            // for a NAK: option 56

	// set by build, address and pack
	scopes scopes
	tried  dhcp4.CodeSet // codes that have been looked for in option-data
	vendor vendor
	out    dhcp4.Builder
	max    int    // largest size of the reply
	buf    []byte // memory of the reply
	wire   []byte // the reply
	seal   []byte // over 4o6: memory of the envelope around it
	to     netip.AddrPort
	mac    link.Addr

	forHooks
}

// newExchange makes the memory and the callbacks of an exchange once.
func newExchange(s *Server, w *worker) *Exchange {
	x := &Exchange{s: s, w: w, buf: make([]byte, 0, 1500), seal: make([]byte, 0, 1500)}
	x.Query = &x.packet.Query
	x.callbacks.reserved, x.callbacks.within, x.callbacks.byHWAddr = x.reserved, x.within, x.byHWAddr
	x.req.Reserved, x.req.Within, x.req.Shape = x.callbacks.reserved, x.callbacks.within, x.shape
	return x
}

// begin readies x for a new query.
func (x *Exchange) begin() {
	x.restarts, x.step = 0, ""
	x.Reply, x.Seq, x.why = 0, 0, ""
	x.recalled = false
	x.Type, x.relay, x.Subnet, x.Host, x.Pool = 0, nil, nil, nil, nil
	x.nids, x.nkeys, x.clientID = 0, 0, nil
	x.global, x.known, x.cid, x.bootp = nil, false, nil, false
	x.spot.known = false
	x.wire, x.to, x.mac = nil, netip.AddrPort{}, link.Addr{}
	x.forHooks.reset()
}

// source is the table's key for counting open offers: the relay or the link
// that they were made through, as far as the client cannot choose it.
func (x *Exchange) source() uint64 {
	a := x.Where.GIAddr
	if x.over6 {
		a = netip.Addr{}
		if x.Where.Link.IsValid() { // relayed: by the relay that talked to the DHCPv6 server
			a = x.origin.Addr
		}
	}
	h := maphash.String(sourceSeed, x.iface)
	if a.IsValid() {
		b := a.As16()
		h ^= bits.RotateLeft64(maphash.Bytes(sourceSeed, b[:]), 1)
	}
	return max(h, 1) // zero would not be counted
}

var sourceSeed = maphash.MakeSeed()

// given reports whether a is an address that a message really names.
func given(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() }
