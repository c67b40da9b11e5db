package server6

import (
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// An Exchange is one query on its way. A worker has one for each slot of its
// batch and reuses it, so nothing of it outlives the batch.
type Exchange struct {
	// set by the worker
	In   transport.Datagram
	Link transport.Socket // what it came in on
	Net  *topology.Topology
	w    *worker
	step string // the last one, for logs

	// set by parse and accept
	Query    dhcp6.Envelope
	ClientID dhcp6.DUID // nil: the client names none
	ias      []ia       // of the query, in its order

	// set by classify, select-subnet and identify
	Classes classify.Set
	eval    eval
	Where   topology.Where
	Subnet  *topology.Subnet
	Host    *topology.Reservation
	hwType  uint16
	hwFrom  uint16 // how the hardware address was found, numbered as in Kea's leases
	hwAddr  []byte
	hwBuf   [6]byte // a hardware address made from a link-local one
	ids     [3]topology.Identifier
	flex    []byte // memory of the client's flex-id

	name name // of the client, read by allocate

	// set by allocate
	kept    bool          // the answer promises leases: they are granted, not offered
	status  dhcp6.Status  // of the whole message
	text    string        // said with it; "" stands for no Status Code option
	Seq     lease.Seq     // what has to be durable before the answer leaves
	current *ia           // the IA that the table is asked about
	request lease.Request // asked of the table, and its parts, made once
	lookup  [1]lease.Identity
	pools   []*lease.Pool

	// set by build, address and pack
	Reply   dhcp6.Message
	options []byte // memory of Reply.Options
	Out     transport.Datagram
	packed  []byte // memory of Out.Data
	asked   asked
	scopes  scopes

	restarts int
}

// An ia is one identity association of the query and what becomes of it.
type ia struct {
	code    dhcp6.Code // IA_NA, IA_TA or IA_PD
	iaid    uint32
	options dhcp6.Options

	// set by allocate
	answered         bool       // goes into the answer
	addr             netip.Addr // given or extended; invalid: none
	preferred, valid uint32     // seconds
	subnet           *topology.Subnet
	pool             *topology.Pool // nil: reserved outside of the pools
	retire           bool           // the client's other addresses are returned with lifetimes of 0
	offLinkOnly      bool           // with retire: only those that are not of this link
	status           dhcp6.Status
	text             string // "" stands for no Status Code option
}

// newExchange returns an exchange of w. What the table calls back is bound once,
// here, since a method value allocates.
func newExchange(w *worker) *Exchange {
	x := &Exchange{w: w}
	x.request.Reserved = x.reserved
	x.request.Within = x.within
	x.request.Shape = x.shape
	x.request.Lookup = x.lookup[:]
	return x
}

// begin readies x for a new query.
func (x *Exchange) begin() {
	x.step, x.restarts = "", 0
	x.ClientID, x.ias, x.Subnet, x.Host = nil, x.ias[:0], nil, nil
	x.kept, x.Seq = false, 0
}

// now is the time of arrival.
func (x *Exchange) now() time.Time { return x.In.At }

// relayed reports whether the query came through a relay.
func (x *Exchange) relayed() bool { return len(x.Query.Relays) > 0 }
