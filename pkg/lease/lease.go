// Package lease knows who holds what until when.
//
// A Table decides; a Store remembers. The table is in memory and answers without
// I/O; every change it makes is rendered into the store's journal while the lock
// of the resource is held, and carries a sequence number (Seq). A reply that
// rests on a lease may leave only after Commit has returned for that lease's
// sequence: no address is ever promised that a crash could take back.
package lease

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// Kind is the kind of a resource.
type Kind uint8

// The kinds of resources.
const (
	V4 Kind = iota // an IPv4 address, or a port set of one
	NA             // an IPv6 address of an IA_NA
	TA             // an IPv6 address of an IA_TA
	PD             // a delegated prefix
)

// A Resource is what a lease gives away. It is comparable.
type Resource struct {
	Kind   Kind
	Prefix netip.Prefix     // single addresses are /32 and /128
	Ports  softwire.PortSet // zero: the whole address
}

// State is the state of a lease, numbered as in Kea's lease files.
type State uint8

// The states of a lease. Offers are never written to a store.
const (
	Leased    State = 0
	Declined  State = 1
	Reclaimed State = 2 // expired-reclaimed: kept for its history, free to give
	Released  State = 3
	Offered   State = 255
)

// A Lease is one resource in one client's hands. Byte slices handed in are
// copied by the table; byte slices handed out share memory with the request or
// are copies, never with the table, so a Lease may be kept.
type Lease struct {
	Resource Resource

	// who holds it: v4 by client identifier and hardware address, each an
	// identity of its own; v6 by DUID and IAID
	ClientID, HWAddr, DUID []byte
	HWType, HWSource       uint16
	IAID                   uint32

	Subnet, Pool     uint32
	State            State
	Start            time.Time     // of the lease's last extension (Kea's cltt), whole seconds
	Valid, Preferred time.Duration // whole seconds; Infinite for ever
	Hostname         string
	FwdDNS, RevDNS   bool
	UserContext      json.RawMessage // verbatim, as in the store
}

// Infinite is the lifetime that never ends (0xffffffff on the wire).
const Infinite = time.Duration(1<<32-1) * time.Second

// Expires returns the moment the lease ends; ok is false for one that never does.
func (l *Lease) Expires() (at time.Time, ok bool) {
	if l.Valid == Infinite {
		return time.Time{}, false
	}
	return l.Start.Add(l.Valid), true
}

// IdentityKind says what an Identity names.
type IdentityKind uint8

// The kinds of identity, in the order in which they are locked.
const (
	ByClientID IdentityKind = iota // v4: the client identifier option
	ByHWAddr                       // v4: hardware type and address
	ByDUID                         // v6: DUID, IAID and the resource's kind
)

// An Identity is one way in which a client is known. ID shares memory with the
// packet; the table copies what it keeps.
type Identity struct {
	Kind   IdentityKind
	HWType uint16 // with ByHWAddr; 0 matches any type
	IAID   uint32 // with ByDUID
	For    Kind   // with ByDUID: NA, TA or PD
	ID     []byte
}

// A Seq numbers the changes of a table in the order of its journal. Zero stands
// for "nothing to wait for".
type Seq uint64

// A Request asks the table for a lease. Lease holds what the client shall have
// (identities, subnet, lifetimes, host name, and the kind in Resource.Kind); the
// rest of Resource, Subnet, Pool, State and Start are written by Offer and Grant.
//
// Without Lease.UserContext the lease keeps the one that the same client's had; Offer
// looks at none.
//
// The client's subnet set is Lease.Subnet and the subnets of Pools: leases that it
// has elsewhere are left alone.
type Request struct {
	Lease    Lease
	Lookup   []Identity                  // in order of preference: the first that finds a lease of this subnet set wins
	Pools    []*Pool                     // where a new resource may come from, in order
	Hint     Resource                    // what the client asks for, or its reservation; zero: nothing
	Must     bool                        // Hint or nothing: a reservation, or a REQUEST that names an address
	Fixed    bool                        // Hint is the client's reservation: it may lie outside Pools and outweighs a lease that the client has
	Reserved func(Resource) bool         // reports whether a resource is kept for somebody else; nil: none is
	Within   func(Resource, uint32) bool // reports whether a lease found by Lookup, in a subnet, may be kept (subnet, pool and class still fit); nil: always
	Shape    func(*Lease)                // is called with &Lease when resource, subnet and pool are known and before anything is journalled, to set what depends on them (lifetimes, the fields below); nil: nothing does
	ByHWAddr func(uint32) bool           // reports whether clients of a subnet are known by hardware address alone, whatever identifier they name; nil: of none
	Over6    netip.Addr                  // over 4o6: the source of the query, noted in the lease's user context under "dhcp4o6"; invalid: nothing is
	Source   uint64                      // whose offers are counted together: a key made of relay or link; 0: not counted
	Now      time.Time

	// set by Shape, where they differ from subnet to subnet
	MaxAge    time.Duration // a lease that is no older, and to which nothing but its time would be new, is given as it is, and nothing is stored; 0: all are stored
	Store     time.Duration // an Offer is stored as a lease that lasts so long; 0: it is held in memory
	RelayInfo []byte        // JSON, kept in the lease's user context as ISC.relay-agent-info; nil: what stands there stays

	// read by Shape, set by the table
	Held   bool          // the resource is leased to this client, for the time being or until a moment ago
	Remain time.Duration // how much longer; Infinite for ever

	Reused bool // set by Offer and Grant: the lease is given as it was, by MaxAge; its time goes on from Lease.Start

	context [2][]byte // memory of Lease.UserContext after Grant
}

// What Offer, Grant, Release and Decline may answer.
var (
	ErrNone    = errors.New("lease: no free resource")               // pools are full, or the hint is taken with Must
	ErrOwner   = errors.New("lease: held by another client")         // Must and the resource is somebody else's; Release or Decline by a stranger
	ErrUnknown = errors.New("lease: no such lease")                  // Release or Decline of what nobody holds
	ErrStale   = errors.New("lease: pool is no longer in use")       // the configuration was replaced; answer anew
	ErrLimit   = errors.New("lease: too many offers are open")       // bound on offers for each source
	ErrDown    = errors.New("lease: store is down")                  // nothing can be made durable now
	ErrClosed  = errors.New("lease: table or store was closed")      // after Close
	ErrTooLong = errors.New("lease: identifier or name is too long") // over 65535 octets, a hardware address over 255
)

// A Change is one line of the journal: the lease as it now is, or its removal.
type Change struct {
	Lease  *Lease
	Remove bool
}

// A Store makes changes durable. Every store passes the conformance test of
// package leasetest.
type Store interface {
	// Load calls each for what the store holds, one call at a time, so that the
	// last change of a resource comes last; changes before it may be left out.
	// The lease and its slices are valid during the call only. It is called
	// once, before anything else.
	Load(ctx context.Context, each func(Change) error) error

	// Append renders a change into the journal's buffer and returns its number.
	// The caller holds the lock of the resource, so calls for one resource come
	// in the order of its changes. It does no I/O, keeps nothing of c, and is
	// safe for concurrent use.
	Append(c Change) Seq

	// Sync makes everything appended so far durable and returns the number of
	// the last durable change. After a failure the store is down: Sync fails
	// until Rewrite has succeeded. One caller at a time.
	Sync() (Seq, error)

	// Rewrite replaces the medium by a complete copy: the leases that all yields
	// (each read at or after the moment of the call) and every change appended
	// meanwhile. It clears away what is out of date, and it heals a store that is
	// down. Appends and Syncs go on while it runs: it holds nothing that Append
	// waits for while it draws from all.
	Rewrite(ctx context.Context, all iter.Seq[*Lease]) error

	Close() error
}
