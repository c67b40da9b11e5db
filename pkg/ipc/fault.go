package ipc

import "sync/atomic"

// A Fault is the reason why a message was refused. It is an error and makes no
// garbage, and it is the index under which [Stats] counts.
type Fault uint8

// The faults of a message. Those of an origin concern suboptions 60000 to 60002,
// or the fields of ISC's header.
const (
	ErrSource       Fault = iota // the datagram does not come from the peer's address and port
	ErrOwner                     // the peer's port is held by a user who may not (see Options.Owners)
	ErrNobody                    // nobody holds the peer's port who could have sent it (see Options.Owners)
	ErrNewcomer                  // the peer has taken its port anew: who had it before may have sent it
	ErrDialect                   // an answer in another dialect than the one that is set
	ErrOldHeader                 // in the dialect of ISC DHCP 4.3.5 and 4.3.6, with a header of 32 octets
	ErrNoMAC                     // without a MAC where one is required (see Auth)
	ErrMAC                       // the MAC is wrong, or of a key that is not ours
	ErrReplay                    // it has come before, or is far older than what has
	ErrShort                     // shorter than the header of its type
	ErrType                      // not the message type of this direction, innermost or outside
	ErrOptionLength              // an option or a vendor suboption reaches beyond its end
	ErrRelays                    // a relay layer without or with two messages, or more than 32 layers
	ErrMessage4                  // not exactly one DHCPv4 Message option (87)
	ErrNoOrigin                  // no vendor option carries an origin in the innermost message
	ErrTwoOrigins                // more than one vendor option carries suboptions of an origin
	ErrIface                     // 60000 missing, twice, or not of 1 to 15 octets
	ErrAddr                      // 60001 missing, twice, or not of 16 octets
	ErrPort                      // 60002 missing, twice, or not of 2 octets
	ErrTooLong                   // a level would grow over 65,535 octets
	ErrOrigin                    // the origin given to Write cannot be written
	ErrClosed                    // the pair is switched off: port 0
	ErrPanic                     // a fault of ours, met with this message

	faults = iota
)

var faultNames = [faults]string{
	"source", "owner", "nobody", "newcomer", "dialect", "isc-old-header", "no-mac", "mac", "replay", "short", "type", "option-length", "relays", "dhcpv4-message", "no-origin", "two-origins",
	"interface", "address", "port", "too-long", "origin", "closed", "panic",
}

// Reason returns a short constant name for counters and logs.
func (f Fault) Reason() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return "unknown"
}

// Error returns the reason with the name of the package.
func (f Fault) Error() string { return "ipc: message refused: " + f.Reason() }

// Faults yields every fault, for who exports the counters of [Stats].
func Faults(yield func(Fault) bool) {
	for f := Fault(0); f < faults; f++ {
		if !yield(f) {
			return
		}
	}
}

// Stats counts what passed a [Conn]. It may be read at any time.
type Stats struct {
	Received atomic.Uint64 // messages handed out by Read
	Sent     atomic.Uint64 // messages given to the kernel by Write
	Dropped  atomic.Uint64 // messages that the kernel would not take: a dead peer, a full buffer
	PeerDown atomic.Uint64 // times that sending or receiving met a refusal: nobody holds the peer's port
	Errors   atomic.Uint64 // other errors of the socket

	faults [faults]atomic.Uint64
	down   atomic.Bool
}

// Refused returns how many messages were refused for f, read and written ones
// together.
func (s *Stats) Refused(f Fault) uint64 { return s.faults[f].Load() }

// Down reports whether the last that was heard of the peer is a refusal.
func (s *Stats) Down() bool { return s.down.Load() }
