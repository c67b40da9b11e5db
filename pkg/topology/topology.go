// Package topology is the operator's intent, compiled: which subnets there are,
// which link leads to which of them, what each hands out, to whom and for how
// long. A Topology is immutable once Freeze has returned and is shared by every
// worker; a reload makes a new one and swaps the pointer, so a packet sees one
// configuration from start to end.
//
// Everything that could be worked out before a packet comes has been: options
// stand in wire form, inheritance (global, network, subnet, pool, host) is
// resolved, and each rung of the ladder of subnet selection is an index.
package topology

import (
	"math"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Family is 4 or 6.
type Family uint8

// The two families of servers.
const (
	V4 Family = 4
	V6 Family = 6
)

// A Topology is one server's compiled configuration.
type Topology struct {
	Family  Family
	Subnets []*Subnet // ascending by ID
	Options Options   // global option-data, for clients without a subnet (INFORM, Information-request)
	Policy  Policy    // global policy, likewise

	// Reservations that hold in every subnet ("reservations" at top level), by
	// Key; consulted where a subnet says ReserveGlobal.
	Reservations map[Key]*Reservation

	// Identifiers is host-reservation-identifiers: what a client is looked up
	// by, in order.
	Identifiers []IdentifierKind

	// Classes is the client classes, whose numbers hold in this topology alone;
	// Freeze makes one without definitions where it is nil. ByClass is what goes
	// with them, by their numbers: see Class.
	Classes *classify.Dictionary
	ByClass []*Class

	// EarlyGlobal looks the global reservations up before the subnet is chosen:
	// early-global-reservations-lookup.
	EarlyGlobal bool

	Compatibility Compatibility

	// BOOTP serves queries without a message type: the library bootp (DHCPv4).
	BOOTP bool

	Tuning *Tuning   // the library ddns_tuning (DHCPv4); nil: it is not asked for
	FlexID *FlexRule // the library flex_id (DHCPv4); nil: no client has a flex-id

	FlexOptions []FlexOption // the library flex_option (DHCPv4), in the order in which they are carried out

	// StashAgentOptions has a lease's relay agent information stand in for that of a
	// client that renews without its relay: stash-agent-options (DHCPv4).
	StashAgentOptions bool

	ix     indexes      // made by Freeze
	differ []netip.Addr // for Settle
}

// A FlexRule makes of a query, by an expression, what its client is known by.
type FlexRule struct {
	Expr            *classify.Expr // identifier-expression
	ReplaceClientID bool           // replace-client-id: leases are kept under it too
	AsDUID          bool           // cid-as-rfc4361-duid: in the form of RFC 4361
}

// Compatibility is what departs from the RFCs for the sake of clients and relays
// that do ("compatibility"; DHCPv4).
type Compatibility struct {
	IgnoreServerID      bool // ignore-dhcp-server-identifier: every message is for this server
	IgnoreLinkSelection bool // ignore-rai-link-selection: a relay's word about the link (82.5) is passed over
	ExcludeFirstLast24  bool // exclude-first-last-24: addresses ending in .0 and .255 are not searched for
}

// A Network groups subnets that share a link (Kea's shared-networks).
type Network struct {
	Name       string
	Subnets    []*Subnet     // ascending by ID
	Guard      Guard         // "client-class(es)" of the network, asked before that of a subnet
	Additional []classify.ID // as in Pool

	// Links are the IPv6 prefixes on the same link, by which the link-address of
	// a 4o6 query leads here. Ours.
	Links []netip.Prefix

	// made by Freeze
	mixed bool          // clients are known in some subnets by their identifier, in others not
	hosts hostPlaces    // who has a reservation of its own in which subnets
	pools []*lease.Pool // those of all subnets in order, twice; nil: some are not for every client
	first []int         // where those of each subnet begin
}

// A Subnet is one prefix and all that is handed out in it.
type Subnet struct {
	ID      uint32
	Prefix  netip.Prefix
	Network *Network // nil: alone

	// how a client's link leads here
	// (where the subnet itself is silent, what its network says)
	Iface       string        // "interface"
	InterfaceID []byte        // "interface-id" (v6)
	Relays      []netip.Addr  // "relay": {"ip-addresses"}
	FourOSix    FourOSix      // "4o6-..." (v4)
	Guard       Guard         // "client-class(es)"
	Additional  []classify.ID // as in Pool

	Options Options // global, network and subnet merged; pools merge their own over these
	Policy  Policy
	Naming  *ddns.Params // the names of clients; nil: ddns.Default
	Pools   []*Pool

	// HostnameExpr says what clients are called, in place of what they say; nil:
	// nothing does. Only with Topology.Tuning.
	HostnameExpr *classify.Expr

	ReserveGlobal, ReserveIn, ReserveOut bool // reservations-global, -in-subnet, -out-of-pool
	Reservations                         map[Key]*Reservation
	Reserved                             map[netip.Addr]*Reservation // the same by address; Freeze makes it where it is nil

	// ServerID is option 54 where option-data names one at this scope or above;
	// invalid: the server's own choice.
	ServerID netip.Addr

	// made by Freeze
	spans      []poolSpan
	sharing    sharers
	namedPools bool // one at least has Naming
	reservedPD map[netip.Prefix]*Reservation
}

// FourOSix is how 4o6 queries lead to a subnet. Kea's three keys, and ours.
type FourOSix struct {
	Iface       string       // "4o6-interface"
	InterfaceID []byte       // "4o6-interface-id"
	Prefix      netip.Prefix // "4o6-subnet"; invalid or ::/0 matches nothing
	LinkFirst   bool         // ours: the relay's link-address is asked before Kea's rule
}

// Any reports whether one of Kea's three keys is set.
func (f *FourOSix) Any() bool { return f.Iface != "" || len(f.InterfaceID) > 0 || f.Prefix.IsValid() }

// A Guard is the classes of which a client must be in one, as numbered by
// Topology.Classes. Empty: no guard.
type Guard []classify.ID

// A Pool is a range that leases come from, with what is special to it.
type Pool struct {
	Lease   *lease.Pool
	Options Options // everything merged, down to this pool
	Guard   Guard

	// Additional is the classes that are evaluated when an address of the pool
	// is given ("evaluate-additional-classes"), those of the pool first, then
	// those of the subnet, then those of the network.
	Additional []classify.ID

	Naming *ddns.Params // nil: as in the subnet
}

// Policy is the scalars that are inherited from global to network to subnet.
type Policy struct {
	Valid, Preferred Lifetime // seconds; Preferred in v6 only
	T1, T2           Timer    // seconds, and whether they are sent

	// DHCPv4
	Authoritative, MatchClientID, EchoClientID bool
	NextServer                                 netip.Addr
	ServerHostname, BootFileName               string
	OfferLifetime                              uint32 // seconds that an offer is stored for; 0: it is held in memory
	StoreExtendedInfo                          bool   // leases keep the relay agent information of their query
	Cache                                      Cache
	AdaptiveThreshold                          float64 // how full the pools are when lifetimes shrink; 0: they never do

	// DHCPv6
	RapidCommit bool
}

// A Lifetime is what "valid-lifetime" and its min- and max- say, in seconds.
type Lifetime struct{ Min, Default, Max uint32 }

// Choose returns the lifetime for a client that asks for hint seconds; 0 stands
// for one that does not ask.
func (l Lifetime) Choose(hint uint32) uint32 {
	if hint == 0 {
		return l.Default
	}
	return max(l.Min, min(hint, l.Max))
}

// A Cache is how long a lease that is asked for again is given as it is
// (cache-threshold, cache-max-age). The zero Cache extends every lease.
type Cache struct {
	Threshold float64 // of the lifetime; 0: that does not count
	MaxAge    uint32  // seconds; 0: every lease is extended
}

// Age returns how old a lease of valid seconds may be to be given as it is. One
// that never ends has nothing to be extended to.
func (c Cache) Age(valid uint32) uint32 {
	switch {
	case valid == math.MaxUint32:
		return valid
	case c.Threshold > 0:
		return min(c.MaxAge, uint32(c.Threshold*float64(valid)))
	}
	return c.MaxAge
}

// A Timer is T1 or T2. Seconds wins over Percent; neither means it is not sent.
type Timer struct {
	Seconds uint32
	Percent float64 // of the valid (v4) or preferred (v6) lifetime; 0: unset
}

// An Option is one option in wire form.
type Option struct {
	Code   uint16
	Value  []byte
	Guard  Guard // "client-classes": for whom the option is there
	Always bool  // sent whether asked for or not, from whatever scope says so
	Never  bool  // never sent, whatever another scope says of the code
	Global bool  // of the global scope, which the classes of a client go before

	// Of DHCPv4, where one option holds what is of several enterprises (RFC 3925):
	// an instance of 124 or 125 is of one, and Value is what stands behind its
	// number and length. With Sub it stands within the enterprise's part of 125.
	Vendor uint32
	Sub    bool
}

// Options is sorted: by code, behind these those within option 125, by enterprise
// and code. A code stands once, but for 124 and 125 of DHCPv4, which stand once
// for each enterprise, and 17 of DHCPv6, likewise, and for options with a guard:
// those of inner scopes stand first, and the first that admits a client is its own.
type Options []Option

// IdentifierKind is a kind of host identifier, in the order in which Kea numbers them.
type IdentifierKind uint8

// The kinds of host identifiers.
const (
	HWAddress IdentifierKind = iota // hardware type and address
	DUID
	CircuitID
	ClientID
	FlexID
)

// A Key is a host identifier as a map key: its kind, then its octets. A
// hardware address is written without its type, as in Kea's reservations.
type Key struct {
	Kind IdentifierKind
	ID   string
}

// A Reservation is what is kept for one host.
type Reservation struct {
	Key            Key
	Addr           netip.Addr     // v4: ip-address; invalid: none
	Addrs          []netip.Addr   // v6: ip-addresses
	Prefixes       []netip.Prefix // v6
	Hostname       string
	NextServer     netip.Addr
	ServerHostname string
	BootFileName   string
	Options        Options       // the host's own, not merged
	Classes        []classify.ID // client-classes
}
