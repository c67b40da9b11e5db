package client4

import (
	"net/netip"
	"time"
)

// An Event is something that happened: one of the types of this file.
type Event interface{ event() }

// Start has the machine begin. Before it, nothing is done but noted.
type Start struct{}

// Ready says that the carrier can carry, or cannot any more: the link has come up or
// gone down; over 4o6 the DHCPv6 side has said START or STOP.
type Ready struct{ Up bool }

// Received is a message that came in. Data is not kept.
type Received struct {
	Data []byte
	From netip.Addr // over 4o6 the server's IPv6 address
}

// Timer says that the time of the last Arm has come.
type Timer struct{}

// Probed is how a Probe ended.
type Probed struct {
	Addr  netip.Addr
	Taken bool
}

// Rejected says that the host will not have an address that no server has confirmed:
// a script has looked for the gateway, and found none.
type Rejected struct{ Addr netip.Addr }

// Refused says that a Send could not be done. It is not done again before its
// retransmission is due.
type Refused struct{ Err error }

// Release has the client give its lease up, and end.
type Release struct{}

// Inform has the client ask for its configuration anew.
type Inform struct{}

// Renew has the client extend its lease now, or try at once to get one.
type Renew struct{}

// Stop has the client end and keep its lease in the record.
type Stop struct{}

// Clock says that the wall clock was set, or that the host slept for a time that
// the monotonic clock did not count.
type Clock struct{ Slept time.Duration }

func (Start) event()    {}
func (Ready) event()    {}
func (Received) event() {}
func (Timer) event()    {}
func (Probed) event()   {}
func (Rejected) event() {}
func (Refused) event()  {}
func (Release) event()  {}
func (Inform) event()   {}
func (Renew) event()    {}
func (Stop) event()     {}
func (Clock) event()    {}
